"""A whole `watch` of 200 jobs at four vendors in bad weather: every job in its right state, every file whole.

The command's own code, a real ledger and real HTTP; time is the test's (see `swift`). What must come out is
read from the simulator's world: where each job's course ends, and what its file holds.
REPORTDASH_CHAOS_SEEDS names the seeds ("3" or "1-20"), REPORTDASH_CHAOS_JOBS how many jobs.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reportdash.cli.context import engine
from reportdash.cli.watch import run
from reportdash.cli.words import build_parser
from reportdash.engine.runtime import Engine
from reportdash.errors import Exit
from reportdash.ledger import Ledger
from reportdash.lifecycle import unsure_submit
from reportdash.model import Job, JobState, Spec, replace
from reportdash.simulator import Simulator, Stage
from reportdash.simulator.faults import Fault
from reportdash.simulator.wire import Request
from reportdash.simulator.world import Job as Made
from tests.cli.conftest import ACCOUNTS, secrets, toml
from tests.faults.swift import SwiftClock, swift
from tests.simulator.test_chaos import CALLS, kind

START = 1_767_225_600.0
DAY = 86_400.0
JOBS = int(os.environ.get("REPORTDASH_CHAOS_JOBS", "200"))
VENDORS = {vendor: account for account, vendor in ACCOUNTS.items()}
SUBMITTED = {"7g": 20, "sigma": 20, "webadmit": 6, "talkdesk": 20}
"""How many of each vendor's 50 jobs are submitted from here; WebAdMIT has six templates, each runs once."""
TEMPLATES = (86446, 86447, 86448, 86449, 86450, 86451)
GROUPS = ("MonthEndPack", "TreasuryDaily")
FOR_EVER = 10 * DAY
REAL_PATIENCE = 300.0
"""Seconds of real time after which a watch that does not end has failed."""
KINDS = CALLS | {"expired", "storage"}
GROUP_WORDS = (
    (("PUBLISHED", "NOTIFIED", "PUBLISHED"), JobState.READY),
    (("PUBLISHED", "FAILED"), JobState.READY_WITH_WARNINGS),
    (("FAILED", "FAILED"), JobState.FAILED),
    (("PUBLISHED", "NOTIFICATION_FAILED"), JobState.NOTIFY_FAILED),
    (("NO_DATA_AVAILABLE", "NO_DATA_AVAILABLE"), JobState.EMPTY),
    (("PUBLISHED", "NO_DATA_AVAILABLE"), JobState.READY),
    (("FAILED", "NO_DATA_AVAILABLE"), JobState.FAILED),
)
ENDS = {
    "7g": {"complete": JobState.READY, "error": JobState.FAILED},
    "sigma": {
        "PUBLISHED": JobState.READY,
        "NOTIFIED": JobState.READY,
        "NOTIFICATION_FAILED": JobState.NOTIFY_FAILED,
        "NO_DATA_AVAILABLE": JobState.EMPTY,
        "FAILED": JobState.FAILED,
    },
    "webadmit": {
        "Available": JobState.READY,
        "Success With Errors": JobState.READY_WITH_WARNINGS,
        "Empty List": JobState.EMPTY,
        "Failed": JobState.FAILED,
    },
    "talkdesk": {
        "done": JobState.READY,
        "failed": JobState.FAILED,
        "canceled": JobState.CANCELLED,
        "deleted": JobState.DELETED,
    },
}
ODD = {"7g": "suspended", "sigma": "ARCHIVED", "webadmit": "On Hold", "talkdesk": "archiving"}
ACTIVE = {
    "7g": ("pending", "incomplete"),
    "sigma": ("", "GENERATED"),
    "webadmit": ("Queued", "In Progress"),
    "talkdesk": ("created", "processing", "uploading"),
}
TAKEN = (JobState.READY, JobState.READY_WITH_WARNINGS)


def seeds() -> list[int]:
    first, _, last = os.environ.get("REPORTDASH_CHAOS_SEEDS", "2").partition("-")
    return list(range(int(first), int(last or first) + 1))


@dataclass
class Scene:
    """The simulator, the ledger's place, and who is who."""

    sim: Simulator
    clock: SwiftClock
    folder: Path
    rng: random.Random
    expected: dict[str, JobState] = field(default_factory=dict)
    """Row id → the state it must end in, of jobs started elsewhere."""
    marks: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Row id → vendor and mark, of jobs submitted here."""
    odd_for_ever: list[Made] = field(default_factory=list)
    """Jobs whose vendor says an unknown word until it comes to its senses."""
    befallen: Counter[str] = field(default_factory=Counter)
    """How many requests met each kind of trouble; "storage": any kind there, "": none."""

    def args(self, *words: str) -> Any:
        place = ["--config", str(self.folder / "config.toml"), "--data-dir", str(self.folder / "data")]
        return build_parser().parse_args([*place, *words])

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    def fresh(self, vendor: str) -> list[Made]:
        """The jobs that were submitted here."""
        return [job for job in self.sim.world.jobs.values() if job.vendor == vendor and job.fresh]

    # jobs started elsewhere

    def course(self, vendor: str, last: Stage, odd: float = 0.0) -> tuple[Stage, ...]:
        """Through the active words to `last`; for `odd` seconds before it an unknown word."""
        stages, at = [], 0.0
        for word in ACTIVE[vendor]:
            stages.append(Stage(word, after=at))
            at += self.rng.uniform(2.0, 60.0)
        if odd:
            stages.append(Stage(ODD[vendor], after=at))
            at += odd
        return (*stages, dataclasses.replace(last, after=at))

    def elsewhere(self, vendor: str, number: int) -> tuple[str, JobState, float]:
        """A job that somebody else submitted: its reference, the state it must end in, its age."""
        sim, rng = self.sim, self.rng
        account = VENDORS[vendor]
        reference = {
            "7g": f"00000000-0000-4000-8000-{number:012d}",
            "sigma": f"ref-{number:05d}",
            "webadmit": f"{90_000 + number % 6}/{50_000 + number}",
            "talkdesk": f"calls/{number:032x}",
        }[vendor]
        more: dict[str, Any] = {"size": self.size(), "report": "calls" if vendor == "talkdesk" else "Yearly"}
        if vendor == "talkdesk":
            more["format"] = rng.choice(("csv", "json"))
        if vendor == "sigma" and number % 5 == 0:
            words, state = GROUP_WORDS[number // 5 % len(GROUP_WORDS)]
            reference = f"group:{reference}"
            children = [{"name": f"Part{place}", "stage": "running"} for place, _ in enumerate(words, 1)]
            job = sim.add(vendor, reference, account, **more, stage="running", children=children)
            for member, word in zip(job.members, words, strict=True):
                member.size = self.size()
                member.plan = self.course(vendor, Stage(word, "x" if word == "FAILED" else ""))
            return reference, state, 0.0
        job = sim.add(vendor, reference, account, **more, stage="running", name=f"Report {number:05d}")
        if number % 10 == 1:  # lost, or over its life
            old = vendor == "7g" and number % 20 == 1
            job.plan = self.course(vendor, Stage(gone=True))
            return reference, JobState.EXPIRED if old else JobState.LOST, DAY if old else 0.0
        word, state = rng.choice(sorted(ENDS[vendor].items()))
        if rng.random() < 0.5:
            word, state = next(item for item in ENDS[vendor].items() if item[1] is JobState.READY)
        message = "It went wrong." if state is JobState.FAILED else ""
        last = Stage(word, message, rows=rng.random() < 0.9)
        odd = rng.choice((0.0, 0.0, 0.0, 40.0, 200.0))
        if number % 25 == 2:
            odd = FOR_EVER
            self.odd_for_ever.append(job)
        job.plan = self.course(vendor, last, odd)
        return reference, state, 0.0

    def size(self) -> int:
        return self.rng.choice((0, 300, 4_000, 70_000, 300_000, 900_000))

    # jobs of our own

    def spec(self, vendor: str, number: int) -> tuple[Spec, str]:
        """What to submit, and what the simulator will know it by."""
        mark = f"mark-{number}"
        match vendor:
            case "7g":
                return Spec("TransactionSummary", {"Mark": mark}), mark
            case "sigma" if number < len(GROUPS):
                return Spec(f"group:{GROUPS[number]}"), GROUPS[number]
            case "sigma":
                return Spec("CashPosition", {"bindParams.mark": mark}), mark
            case "webadmit":
                return Spec(str(TEMPLATES[number % 6])), str(TEMPLATES[number % 6])
        return Spec("calls", {"name": mark}, "csv", "2026-08-01", "2026-08-15"), mark

    def made(self, vendor: str, mark: str) -> list[Made]:
        """The jobs at the vendor that came from the submit with this mark."""
        match vendor:
            case "7g":
                return [job for job in self.fresh(vendor) if job.params.get("Mark") == mark]
            case "sigma":
                given = {"bindParams": {"mark": mark}}
                return [job for job in self.fresh(vendor) if job.params == given or job.name == mark]
            case "webadmit":
                return [job for job in self.fresh(vendor) if job.report == mark]
        return [job for job in self.fresh(vendor) if job.name == mark]

    # before the watch

    async def track(self, running: Engine, vendor: str, count: int) -> None:
        for number in range(count):
            reference, state, age = self.elsewhere(vendor, number)
            row = await running.track(VENDORS[vendor], reference)
            if age:
                await running.ledger.change(row.id, partial(aged, at=self.clock.now() - age))
            self.expected[row.id] = state

    async def submit(self, running: Engine, vendor: str, count: int) -> None:
        for number in range(count):
            spec, mark = self.spec(vendor, number)
            outcome = await running.submit(VENDORS[vendor], spec)
            self.marks[outcome.job.id] = vendor, mark

    # during the watch

    async def operate(self, running: Engine) -> None:
        """What an operator does about a submit without an answer: looks for it at the vendor, gives its
        reference, or sends it again where there is none.
        """
        while True:
            for job in await running.ledger.jobs():
                intent = job.intent
                if not unsure_submit(job) or intent is None or intent.owner or intent.not_before:
                    continue
                vendor, mark = self.marks[job.id]
                known = {row.reference for row in await running.ledger.jobs()}
                there = [made for made in self.made(vendor, mark) if made.reference not in known]
                if there:
                    await running.track(job.account, there[0].reference, for_=job.id)
                else:
                    await running.resend(job.id)
            await self.clock.sleep(20.0)

    async def come_to_senses(self, running: Engine) -> None:
        """Once all other jobs are settled, the vendors find their words again."""
        odd = {job.reference for job in self.odd_for_ever}
        while {row.reference for row in await rows(running) if not row.settled} != odd:
            await self.clock.sleep(20.0)
        await self.clock.sleep(300.0)
        for row in await rows(running):
            if row.reference in odd:
                assert (row.state, row.vendor_status) == (JobState.UNKNOWN, ODD[row.vendor])
                assert row.artifact is None
        for job in self.odd_for_ever:
            job.plan = (dataclasses.replace(job.plan[-1], after=0.0),)
        self.odd_for_ever.clear()

    # after the watch

    def end(self, job: Made) -> JobState:
        """Where the course of a job submitted here ends."""
        if job.members:
            return group_state([self.end(member) for member in job.members])
        last = job.plan[-1]
        return JobState.LOST if last.gone else ENDS[job.vendor][last.word]

    def file(self, job: Made) -> bytes:
        """What must lie on our disk for it."""
        whole = self.sim.vendors[job.vendor].content(job).all()
        if job.vendor == "7g":
            return json.dumps(json.loads(whole)["data"], ensure_ascii=False).encode()
        return whole


async def beside(watching: Coroutine[Any, Any, int], others: list[asyncio.Task[None]]) -> int:
    """The watch's exit code; what goes wrong beside it ends it."""
    task = asyncio.ensure_future(watching)

    def look(other: asyncio.Task[None]) -> None:
        if not other.cancelled() and other.exception() is not None:
            task.cancel()

    for other in others:
        other.add_done_callback(look)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
    for other in others:
        if not other.cancel():
            other.result()
    return task.result()


async def rows(running: Engine) -> list[Job]:
    """The rows that count: a group stands for its reports."""
    return [row for row in await running.ledger.jobs() if row.parent is None]


def aged(row: Job, *, at: float) -> Job:
    return replace(row, submitted_at=at)


def group_state(members: list[JobState]) -> JobState:
    if all(member is JobState.FAILED for member in members):
        return JobState.FAILED
    if JobState.FAILED in members:
        happy = {JobState.READY, JobState.NOTIFY_FAILED} & set(members)
        return JobState.READY_WITH_WARNINGS if happy else JobState.FAILED
    if JobState.NOTIFY_FAILED in members:
        return JobState.NOTIFY_FAILED
    return JobState.EMPTY if set(members) == {JobState.EMPTY} else JobState.READY


@asynccontextmanager
async def scene(folder: Path, seed: int, patch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    random.seed(seed)  # what spreads looks and retries
    clock = SwiftClock(START)
    published = folder / "published"
    published.mkdir()
    chaotic = Simulator(
        seed, now=clock.now, sleep=clock.sleep, published_dir=published, chaos=True, log=1_000_000
    )
    async with chaotic as sim:
        config = f'download_dir = "{folder / "reports"}"\n{toml(sim.accounts(), **PACE)}'
        (folder / "config.toml").write_text(config)
        for name, value in secrets(sim.accounts()).items():
            patch.setenv(name, value)
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        made = Scene(sim, clock, folder, random.Random(seed))
        chaos = sim.weather
        assert chaos is not None

        def weather(request: Request) -> Fault | None:
            fault = chaos(request)
            made.befallen["storage" if fault and request.vendor == "storage" else kind(fault)] += 1
            return fault

        sim.weather = weather
        async with swift(clock, patch):
            yield made


PACE = {
    "main": {"poll_min": 5.0, "poll_max": 30.0},
    "billing": {"poll_min": 10.0, "poll_max": 60.0},
    "admissions": {"poll_min": 5.0, "poll_max": 60.0},
    "calls": {"poll_min": 5.0, "poll_max": 30.0},
}
"""The vendors' own figures."""


async def check(scene: Scene, ledger: Ledger) -> None:
    """Ledger, disk and vendor agree."""
    rows = {row.id: row for row in await ledger.jobs()}
    assert len([row for row in rows.values() if row.parent is None]) == JOBS // 4 * 4
    world, wrong = scene.sim.world, []
    files: dict[Path, Job] = {}
    for row in rows.values():
        made = world.jobs.get((row.vendor, (row.reference or "").partition("#")[0]))
        if made is None:
            wrong.append(f"{row.account} {row.state} {row.reference}: not at the vendor; {row.message}")
            continue
        if row.parent is not None:
            place = row.ordinal or 0
            made = made.members[place - 1]
        tracked = row.parent is None and row.id in scene.expected
        state = scene.expected[row.id] if tracked else scene.end(made)
        if row.state is not state:
            wrong.append(f"{row.account} {row.reference}: {row.state} ({row.vendor_status}), not {state}")
            continue
        of = rows[row.parent] if row.parent is not None else row
        taken = of.state in TAKEN and row.state in (*TAKEN, JobState.NOTIFY_FAILED)
        if row.artifact is None or not row.saved:
            if taken:
                wrong.append(f"{row.account} {row.reference}: {row.state}, not saved: {row.artifact}")
            continue
        if not taken:
            wrong.append(f"{row.account} {row.reference}: {row.state}, but there is a file")
        if row.is_group:
            continue
        path = Path(str(row.artifact.path))
        files[path] = row
        content = path.read_bytes()
        if content != scene.file(made) or len(content) != row.artifact.bytes:
            wrong.append(f"{row.account} {row.reference}: {path.name} is not what the vendor has")
    assert not wrong, "\n".join(wrong)
    on_disk = set(scene.reports.iterdir())
    assert on_disk == set(files), [path.name for path in on_disk ^ set(files)]
    # each submit is one job at the vendor, and none is without its row
    known = {row.reference for row in rows.values()}
    for vendor, mark in scene.marks.values():
        assert len(scene.made(vendor, mark)) == 1, (vendor, mark, scene.made(vendor, mark))
    for vendor in VENDORS:
        assert {job.reference for job in scene.fresh(vendor)} <= known
        assert not scene.sim.calls(vendor, "DELETE")


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as made:
        yield made


@pytest.mark.parametrize("seed", seeds())
async def test_a_watch_of_200_jobs_ends_with_every_job_in_its_right_state_and_every_file_whole(
    tmp_path: Path, patch: pytest.MonkeyPatch, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async with scene(tmp_path, seed, patch) as made:
        watching = ("watch", "--until", "settled", "--download", "--json")
        async with engine(made.args("jobs"), clock=made.clock) as running:
            each = JOBS // 4
            for vendor in VENDORS:
                await made.track(running, vendor, each - min(SUBMITTED[vendor], each))
            await asyncio.gather(
                *(made.submit(running, vendor, min(SUBMITTED[vendor], each)) for vendor in VENDORS)
            )
            others = [
                asyncio.ensure_future(made.operate(running)),
                asyncio.ensure_future(made.come_to_senses(running)),
            ]
            async with asyncio.timeout(REAL_PATIENCE):
                code = await beside(run(made.args(*watching), made.clock), others)
            said = capsys.readouterr()
            assert not made.odd_for_ever, "the watch took an unknown word for an end"
            await check(made, running.ledger)
            assert code == Exit.FAILED, said.err
        lines = [json.loads(line) for line in said.out.splitlines()]
        assert {line["id"] for line in lines} > set(made.expected)
        assert not [line for line in lines if line["state"] == "unknown" and line["artifact"]]
    assert set(made.befallen) == {"", *KINDS}, made.befallen
