"""A damaged ledger is set aside, never deleted, and its jobs come back."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reportdash import durable
from reportdash.clock import ManualClock
from reportdash.errors import Problem
from reportdash.ledger import Ledger, Store, opening, rescue
from reportdash.ledger.problems import DamagedLedger, ReplacedLedger
from reportdash.model import (
    Artifact,
    ArtifactState,
    Intent,
    IntentKind,
    Job,
    JobState,
    Spec,
    Stage,
    Verified,
    replace,
)
from tests.ledger.conftest import a_job, put

DAMAGES = int(os.environ.get("REPORTDASH_TEST_DAMAGES", "12"))
"""How many files are damaged at random; large by hand."""


def garble(path: Path) -> None:
    path.write_bytes(b"garbage" * 4000)


def bring_back(path: Path, clock: ManualClock) -> rescue.Rescue:
    found = rescue.rescue(path, clock)
    assert found is not None
    return found


def by_name(path: Path) -> dict[str, Job]:
    with Store.open(path, readonly=True) as store:
        return {job.name: job for job in store.jobs()}


def test_jobs_come_back_from_the_log_with_their_ids(store: Store, path: Path, clock: ManualClock) -> None:
    tracked = put(store, name="tracked", reference="r1", state=JobState.RUNNING)
    group = put(store, name="group", reference="group:1", children_total=3)
    intent = Intent(IntentKind.SUBMIT, Stage.SENDING, clock.now(), "key-1")
    spec = Spec("report", {"A": "1"}, "csv", None, "now")
    sent = put(store, name="sent", state=JobState.SUBMITTING, intent=intent, spec=spec)
    unsure = put(store, name="unsure", state=JobState.SUBMITTING, intent=intent, spec=spec)
    gone = put(store, name="gone", reference="r9")
    store.change(sent.id, lambda job: replace(job, state=JobState.QUEUED, reference="r2", intent=None))
    store.write(lambda: store.verbs.forget(gone.id))
    store.close()
    garble(path)
    found = bring_back(path, clock)
    assert found.jobs == 4
    assert found.backup_at is None
    assert found.aside is not None
    assert found.aside.read_bytes().startswith(b"garbage")
    assert str(found.aside) in found.text
    back = by_name(path)
    assert {job.id for job in back.values()} == {tracked.id, group.id, sent.id, unsure.id}
    assert back["tracked"].reference == "r1"
    assert back["tracked"].next_poll_at == clock.now()
    assert back["group"].is_group
    assert back["sent"].reference == "r2"
    assert back["sent"].intent is None
    # Nobody knows whether it was sent: it is never sent again unasked, and under the same key if asked.
    assert back["unsure"].state is JobState.SUBMITTING
    assert back["unsure"].intent is not None
    assert (back["unsure"].intent.stage, back["unsure"].intent.key) == (Stage.UNSURE, "key-1")
    assert back["unsure"].spec == spec
    with Store.open(path) as again:
        assert "r9" in again.known("main")


def test_what_was_known_at_the_backup_comes_back_whole(store: Store, path: Path, clock: ManualClock) -> None:
    artifact = Artifact(ArtifactState.SAVED, "/r/a.csv", 5, 5)
    saved = put(store, name="saved", reference="r1", state=JobState.READY, artifact=artifact)
    dropped = put(store, name="dropped", reference="r2")
    assert rescue.back_up(path, 0.0)
    put(store, name="later", reference="r3")
    store.write(lambda: store.verbs.forget(dropped.id))
    store.close()
    garble(path)
    found = bring_back(path, clock)
    assert found.backup_at is not None
    back = by_name(path)
    assert set(back) == {"saved", "later"}
    assert replace(back["saved"], rev=0) == replace(saved, rev=0)


def test_a_backup_drops_the_log_it_holds_and_keeps_what_came_since(store: Store, path: Path) -> None:
    log = path.with_name(opening.LOG)
    put(store, name="before")
    assert rescue.back_up(path, 0.0)
    assert not log.exists()
    put(store, name="after")
    assert "after" in log.read_text()
    assert "before" not in log.read_text()
    assert {one.stat().st_mode & 0o777 for one in (log, path.with_name(opening.BACKUP))} == {0o600}


def test_a_young_backup_is_not_made_again(store: Store, path: Path) -> None:
    assert rescue.back_up(path, 0.0)
    assert not rescue.back_up(path, 0.0)
    assert rescue.back_up(path, 1e12)


def test_a_backup_that_fails_keeps_the_old_one_and_every_line_of_the_log(
    store: Store, path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, name="first")
    assert rescue.back_up(path, 0.0)
    old = path.with_name(opening.BACKUP).read_bytes()

    def fails(path: Path) -> None:
        raise DamagedLedger("not this time")

    for name in ("second", "third"):
        put(store, name=name)
        with monkeypatch.context() as patch:
            patch.setattr(rescue, "check", fails)
            with pytest.raises(Problem):
                rescue.back_up(path, 1e12)
    assert path.with_name(opening.BACKUP).read_bytes() == old
    put(store, name="fourth")
    store.close()
    garble(path)
    bring_back(path, clock)
    assert set(by_name(path)) == {"first", "second", "third", "fourth"}
    assert not list(path.parent.glob("*.part"))


def test_a_damaged_backup_is_not_used(store: Store, path: Path, clock: ManualClock) -> None:
    put(store, name="before")
    rescue.back_up(path, 0.0)
    put(store, name="after")
    store.close()
    garble(path)
    garble(path.with_name(opening.BACKUP))
    assert bring_back(path, clock).backup_at is None
    assert set(by_name(path)) == {"after"}


def test_a_sound_ledger_is_left_alone(store: Store, path: Path, clock: ManualClock) -> None:
    put(store)
    assert rescue.rescue(path, clock) is None
    assert len(by_name(path)) == 1
    assert not list(path.parent.glob("*.damaged-*"))


def test_a_ledger_of_a_newer_reportdash_is_not_taken_for_damaged(
    store: Store, path: Path, clock: ManualClock
) -> None:
    put(store)
    store.db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(Problem, match="newer"):
        rescue.rescue(path, clock)
    assert not list(path.parent.glob("*.damaged-*"))


def test_an_emptied_file_is_damage_and_not_a_new_ledger(store: Store, path: Path, clock: ManualClock) -> None:
    put(store, name="job", reference="r1")
    store.close()
    path.write_bytes(b"")
    with pytest.raises(DamagedLedger, match="empty"):
        Store.open(path)
    bring_back(path, clock)
    assert set(by_name(path)) == {"job"}


def test_a_log_cut_off_by_a_crash_gives_what_is_whole(store: Store, path: Path, clock: ManualClock) -> None:
    put(store, name="whole", reference="r1")
    put(store, name="cut", reference="r2")
    store.close()
    log = path.with_name(opening.LOG)
    log.write_bytes(b"\xff\xfe[]\n7\n" + log.read_bytes()[:-20])
    garble(path)
    bring_back(path, clock)
    assert set(by_name(path)) == {"whole"}


def test_a_change_that_was_undone_leaves_no_line(store: Store, path: Path) -> None:
    job = put(store, name="job")
    before = path.with_name(opening.LOG).read_bytes()

    def broken() -> None:
        store.verbs.change(job.id, lambda job: replace(job, reference="r1"))
        raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        store.write(broken)
    store.change(job.id, lambda job: replace(job, checks=1, state=JobState.RUNNING))
    assert path.with_name(opening.LOG).read_bytes() == before


def zeros(path: Path, dice: random.Random) -> None:
    data = bytearray(path.read_bytes())
    start = dice.randrange(0, len(data) - 600, 512)
    data[start : start + 512] = bytes(512)
    path.write_bytes(data)


def noise(path: Path, dice: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(40):
        data[dice.randrange(100, len(data))] = dice.randrange(256)
    path.write_bytes(data)


def cut(path: Path, dice: random.Random) -> None:
    os.truncate(path, dice.randrange(0, path.stat().st_size))


def head(path: Path, dice: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(dice.randbytes(100) + data[100:])


def emptied(path: Path, dice: random.Random) -> None:
    path.write_bytes(b"")


def gone(path: Path, dice: random.Random) -> None:
    path.unlink()


def words(path: Path, dice: random.Random) -> None:
    """Sound for SQLite, and no row of ours."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE jobs SET state = 'nonsense' WHERE seq = ?", (dice.randrange(1, 30),))
        db.commit()


@pytest.mark.parametrize("harm", [zeros, noise, cut, head, emptied, gone, words])
async def test_whatever_happened_to_the_file_the_dashboard_starts_and_has_every_job(
    path: Path, clock: ManualClock, harm: Callable[[Path, random.Random], None]
) -> None:
    dice = random.Random(harm.__name__)
    folder = path.parent
    for n in range(max(2, DAMAGES // 7)):
        path = folder / str(n) / "ledger.db"
        with Store.open(path, clock=clock) as store:
            jobs = [put(store, name=f"job {m}", reference=f"r{m}") for m in range(30)]
            if n % 2:
                rescue.back_up(path, 0.0)
                jobs += [put(store, name=f"job {m}", reference=f"r{m}") for m in range(30, 40)]
        harm(path, dice)
        before = path.stat().st_size if path.exists() else None
        ledger = await Ledger.open(path, clock=clock, rescue=True)
        try:
            try:
                await ledger.changed_since(0)
            except DamagedLedger:
                # A word that is none shows when it is read; whoever follows the ledger opens it anew.
                await ledger.close()
                ledger = await Ledger.open(path, clock=clock, rescue=True)
            found = {job.id: job.reference for job in await ledger.jobs()}
            if ledger.rescued is None:
                assert len(found) == len(jobs)  # the noise fell into a text, where nobody can tell
            else:
                assert found == {job.id: job.reference for job in jobs}
                assert len(ledger.rescued.text) > 60
                aside = ledger.rescued.aside
                assert (aside.stat().st_size if aside is not None else None) == before
                assert await ledger.rescued_at() == clock.now()
        finally:
            await ledger.close()


async def test_without_rescue_a_damaged_ledger_is_only_named(path: Path, clock: ManualClock) -> None:
    path.parent.mkdir()
    garble(path)
    with pytest.raises(DamagedLedger):
        await Ledger.open(path, clock=clock)
    ledger = await Ledger.open(path, clock=clock, rescue=True)
    try:
        assert ledger.rescued is not None
        assert await ledger.back_up()
        assert not await ledger.back_up(older_than=1e9)
    finally:
        await ledger.close()


def test_a_saved_file_is_known_again(store: Store, path: Path, clock: ManualClock) -> None:
    saved = put(store, name="saved", reference="r1", state=JobState.READY)
    late = put(store, name="late", reference="r2", state=JobState.READY)
    assert rescue.back_up(path, 0.0)
    copy = Artifact(ArtifactState.SAVED, "/r/a.csv", 5, 5, "ab" * 32, Verified.LENGTH)
    store.change(saved.id, lambda job: replace(job, artifact=copy))
    store.change(late.id, lambda job: replace(job, artifact=Artifact(ArtifactState.FETCHING, owner="gone")))
    fresh = put(store, name="fresh", reference="r3", state=JobState.READY)
    store.change(fresh.id, lambda job: replace(job, artifact=copy))
    store.close()
    garble(path)
    bring_back(path, clock)
    back = by_name(path)
    assert (back["saved"].artifact, back["fresh"].artifact) == (copy, copy)
    assert not back["late"].saved


def test_lines_of_the_log_that_say_nonsense_cost_only_themselves(
    store: Store, path: Path, clock: ManualClock
) -> None:
    put(store, name="good", reference="r1")
    store.close()
    log = path.with_name(opening.LOG)
    line = '{"at": 1, "id": "aaaaaa", "account": "main", "vendor": "7g", "name": "x", %s}\n'
    log.write_text(line % '"saved": 7' + line % '"spec": "?"' + line % '"reference": []' + log.read_text())
    garble(path)
    bring_back(path, clock)
    assert "good" in by_name(path)


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", range(12))
def test_a_crash_at_any_step_of_the_rescue_leaves_everything_for_the_next_start(
    store: Store, path: Path, clock: ManualClock, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, name="before", reference="r1")
    rescue.back_up(path, 0.0)
    put(store, name="after", reference="r2")
    store.close()
    garble(path)
    steps = iter(range(100))

    def crashing(real: Callable[..., Any], late: bool) -> Callable[..., Any]:
        def call(*args: Any, **how: Any) -> Any:
            here = next(steps) == step
            if here and not late:
                raise Crash
            value = real(*args, **how)
            if here:
                raise Crash
            return value

        return call

    with monkeypatch.context() as patch:
        for owner, name in ((Path, "rename"), (Path, "replace"), (Path, "unlink"), (Path, "touch")):
            patch.setattr(owner, name, crashing(getattr(owner, name), step % 2 == 1))
        patch.setattr(durable, "sync_folder", crashing(durable.sync_folder, False))
        try:
            rescue.rescue(path, clock)
        except Crash:
            pass
        else:
            assert step > 6, "every step was met"
    if not rescue.sound(path) or not path.exists():
        rescue.rescue(path, clock)
    assert set(by_name(path)) == {"before", "after"}
    assert list(path.parent.glob("*.damaged-*"))


async def test_a_ledger_replaced_by_another_process_is_written_no_more(
    path: Path, clock: ManualClock
) -> None:
    ledger = await Ledger.open(path, clock=clock)
    try:
        job, _ = await ledger.add(a_job(name="job", reference="r1"))
        waiting = asyncio.ensure_future(ledger.wait(await ledger.rev(), 1e9))
        old = path.read_bytes()
        path.rename(path.with_name("moved"))
        bring_back(path, clock)
        with pytest.raises(ReplacedLedger):
            await ledger.change(job.id, lambda job: replace(job, checks=7), durable=True)
        assert path.with_name("moved").read_bytes() == old
        assert await asyncio.wait_for(waiting, 120)
        with pytest.raises(ReplacedLedger):
            await ledger.changed_since(0)
        assert not rescue.suspected(path), "the new one is sound"
    finally:
        await ledger.close()
    assert [job.checks for job in by_name(path).values()] == [0]


async def test_a_viewer_that_writes_nothing_notices_too(path: Path, clock: ManualClock) -> None:
    ledger = await Ledger.open(path, clock=clock)
    try:
        await ledger.add(a_job(name="job", reference="r1"))
        path.rename(path.with_name("moved"))
        bring_back(path, clock)
        assert await asyncio.wait_for(ledger.wait(1000, 1e9), 120)
        with pytest.raises(ReplacedLedger):
            await ledger.changed_since(0)
    finally:
        await ledger.close()


def test_what_stands_in_the_log_is_on_the_disk_when_a_commit_is(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fdatasync

    def counted(handle: int) -> None:
        real(handle)
        synced.append(path.with_name(opening.LOG).read_text())

    monkeypatch.setattr(os, "fdatasync", counted)
    job = put(store, name="job", reference="r1")
    assert len(synced) == 1
    assert job.id in synced[0]
    store.commit([lambda: store.verbs.forget(job.id)], durable=False)
    assert len(synced) == 1


async def test_damage_that_no_read_meets_is_found_at_the_start(path: Path, clock: ManualClock) -> None:
    with Store.open(path, clock=clock) as store:
        ids = {put(store, name=f"job {n}", reference=f"r{n}").id for n in range(30)}
        (page,) = store.db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'jobs_tombstones'"
        ).fetchone()
        (size,) = store.db.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)
    ledger = await Ledger.open(path, clock=clock, rescue=True)
    try:
        assert ledger.rescued is not None
        assert {job.id for job in await ledger.jobs()} == ids
    finally:
        await ledger.close()
