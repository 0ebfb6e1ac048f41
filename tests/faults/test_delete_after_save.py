"""Nothing is deleted at a vendor of which our copy would not outlive a power cut.

Downloads, deletes, damage to the file, crashes at any step and power cuts, in an order drawn by a seed. What
the disk would still have after a power cut is kept by watching fsync, link and unlink, and looked at when a
delete reaches the vendor. REPORTDASH_FAULTS multiplies the seeds.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.engine import download, saving, watching
from reportdash.engine.saving import Saver
from reportdash.errors import Exit, SafetyProblem
from reportdash.model import Artifact, ArtifactState, Job, JobState, replace
from reportdash.simulator import Simulator
from reportdash.simulator.faults import Fault
from reportdash.simulator.wire import Request
from tests.engine.rig import START, Rig, guid

SEEDS = 12 * int(os.environ.get("REPORTDASH_FAULTS", "1"))
STEPS = 14
CALLS = ("fsync", "link", "unlink", "replace", "write")


class Crash(BaseException):
    """The process is gone: nothing it would do after this happens."""


class Disk:
    """What the folder's disk is sure to have: the bytes of synced files, the names of the synced folder.

    The call number `crash_at` never happens, nor does any after it, until `restart`.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.bytes: dict[int, bytes] = {}
        self.names: dict[str, int] = {}
        self.crash_at: int | None = None
        self.calls = 0
        self.dead = False
        for call in CALLS:
            patch.setattr(os, call, self._watched(call, getattr(os, call)))

    def _watched(self, call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **more: Any) -> Any:
            fd = more.get("dir_fd", more.get("src_dir_fd", args[0]))
            if not isinstance(fd, int) or not self._ours(fd):
                return real(*args, **more)
            self.step()
            done = real(*args, **more)
            if call == "fsync":
                self._synced(fd)
            return done

        return watched

    def step(self) -> None:
        """One thing that a crash may come before."""
        self.calls += 1
        if self.dead or self.calls == self.crash_at:
            self.dead = True
            raise Crash

    def _ours(self, fd: int) -> bool:
        try:
            return str(Path(f"/proc/self/fd/{fd}").readlink()).startswith(str(self.folder))
        except OSError:
            return False

    def _synced(self, fd: int) -> None:
        place = Path(f"/proc/self/fd/{fd}").readlink()
        if place == self.folder:
            self.names = {path.name: path.stat().st_ino for path in self.folder.iterdir()}
        else:
            self.bytes[place.stat().st_ino] = place.read_bytes()

    def holds(self, content: bytes) -> bool:
        """Whether a power cut now would leave a file with this content under a final name."""
        return any(
            self.bytes.get(inode) == content for name, inode in self.names.items() if not name.startswith(".")
        )

    def restart(self, *, power_cut: bool) -> None:
        """Another process; after a power cut it finds what was synced, and no more."""
        self.dead, self.crash_at = False, None
        if not power_cut or not self.folder.exists():
            return
        for path in list(self.folder.iterdir()):
            inode = path.stat().st_ino
            if self.names.get(path.name) != inode:
                path.unlink()
            else:
                path.write_bytes(self.bytes.get(inode, b""))


class Story:
    """One seed's run: three reports at 7G, and what befalls them."""

    def __init__(self, rig: Rig, disk: Disk, seed: int) -> None:
        self.rig, self.disk, self.die = rig, disk, random.Random(seed)
        self.jobs: list[Job] = []
        self.deleted = self.refused = self.crashed = 0
        self.violations: list[str] = []
        rig.sim.weather = self._befall

    def _befall(self, request: Request) -> Fault | None:
        if request.method == "DELETE":
            reference = request.raw.rpartition("reference=")[2]
            made = self.rig.sim.world.jobs["7g", reference]
            whole = json.loads(self.rig.sim.seveng.content(made).all())["data"]
            if not made.deleted:
                self.deleted += 1
                if not self.disk.holds(json.dumps(whole, ensure_ascii=False).encode()):
                    self.violations.append(reference)
        return None

    async def begin(self) -> None:
        await self.rig.start()
        for number in (1, 2, 3):
            self.rig.sim.add("7g", guid(number), "main", report="X", stage="ready", size=2_000 * number)
            job = await self.rig.engine.track("main", guid(number))
            self.jobs.append(await self.rig.seen(job, JobState.READY))

    async def step(self) -> None:
        """One thing happens."""
        job = await self.rig.job(self.die.choice(self.jobs))
        match self.die.choice(("download", "download", "download", "delete", "delete", "damage", "power")):
            case "download":
                if self.die.random() < 0.6:
                    self.disk.crash_at = self.disk.calls + self.die.randrange(1, 14)
                await self._survive(self.rig.engine.downloads.fetch(job.id, patience=0.0))
            case "delete":
                await self._survive(self.rig.engine.delete(job.id))
            case "damage":
                self._damage(job)
            case _:
                await self._again(power_cut=True)

    async def _survive(self, work: Any) -> None:
        try:
            await self.rig.finish(work)
        except SafetyProblem:
            self.refused += 1
        except Crash:
            self.crashed += 1
        self.disk.crash_at = None
        if self.disk.dead:
            await self._again(power_cut=self.die.random() < 0.5)

    def _damage(self, job: Job) -> None:
        path = Path(job.artifact.path) if job.artifact is not None and job.artifact.path else None
        if path is None or not path.exists():
            return
        if self.die.random() < 0.5:
            path.unlink()
        else:
            os.truncate(path, path.stat().st_size // 2)

    async def _again(self, *, power_cut: bool) -> None:
        """Another process takes over; the ledger's word is durable by itself."""
        self.disk.restart(power_cut=power_cut)
        for job in self.jobs:
            row = await self.rig.job(job)
            if row.artifact is not None and row.artifact.state is ArtifactState.FETCHING:
                theirs = Artifact(ArtifactState.FETCHING, owner="elsewhere:1:1:dead")
                await self.rig.ledger.change(job.id, lambda row: replace(row, artifact=theirs))  # noqa: B023
        await self.rig.start()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    clock = ManualClock(START)
    (tmp_path / "published").mkdir()
    async with Simulator(now=clock.now, published_dir=tmp_path / "published") as sim:
        made = Rig(sim, clock, tmp_path)
        made.account("main")
        yield made
        await made.close()


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_no_delete_reaches_the_vendor_before_our_copy_would_outlive_a_power_cut(
    rig: Rig, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(rig.folder / "reports", monkeypatch)
    said = Saver._saved

    async def saved(self: Saver, *args: Any) -> Job:
        disk.step()  # a crash may come before the ledger's word as well
        return await said(self, *args)

    monkeypatch.setattr(Saver, "_saved", saved)
    for room in (watching, saving, download):
        monkeypatch.setattr(room, "aside", room.aside)
        rig._count(room, "aside")  # no time passes over a thread's work
    story = Story(rig, disk, seed)
    await story.begin()
    for _ in range(STEPS):
        await story.step()
    # In the end all are saved and deleted, in good order.
    for job in story.jobs:
        if (await rig.job(job)).state is not JobState.DELETED:
            fetched = await rig.finish(rig.engine.downloads.fetch(job.id))
            assert fetched.ok, fetched.text
            outcome = await rig.finish(rig.engine.delete(job.id))
            assert outcome.exit_code is Exit.OK, outcome.text
    assert story.violations == []
    assert story.deleted == 3
