"""What the engine makes of what WebAdMIT and Talkdesk say: the rules for lost, deleted, ready and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reportdash.engine import content
from reportdash.engine.runtime import Engine
from reportdash.errors import Exit, SafetyProblem
from reportdash.model import (
    NO_ROWS,
    NOT_RECENT,
    ArtifactState,
    Health,
    Intent,
    IntentKind,
    Job,
    JobState,
    Spec,
    Stage,
)
from reportdash.simulator import Lost, Reply
from reportdash.simulator import Stage as Told
from reportdash.simulator.wire import json_reply
from tests.engine.rig import Rig

FILE = "86446/74780"
CALL = "calls/77"
CALLS = Spec("calls", {}, "csv", "2026-08-01", "2026-09-01")
FORBIDDEN = json_reply({"code": "1", "message": "Forbidden"}, 403)


async def webadmit(rig: Rig, *words: Any, **more: Any) -> tuple[Engine, Job]:
    """A tracked file that goes by these words."""
    rig.account("admissions")
    engine = await rig.start()
    if words:
        rig.sim.add("webadmit", FILE, "admissions", **more)
        rig.sim.script("webadmit", FILE, list(words))
    return engine, await engine.track("admissions", FILE)


async def talkdesk(rig: Rig, *words: Any, **more: Any) -> tuple[Engine, Job]:
    """A tracked job that goes by these words."""
    rig.account("calls")
    engine = await rig.start()
    if words:
        rig.sim.add("talkdesk", CALL, "calls", **more)
        rig.sim.script("talkdesk", CALL, list(words))
    return engine, await engine.track("calls", CALL)


def asked(rig: Rig) -> list[Any]:
    """Talkdesk's status calls, of single jobs and of the calls' list."""
    return rig.sim.calls("talkdesk", "GET", "/data/reports/calls/jobs*")


# WebAdMIT


def singles(rig: Rig) -> list[Any]:
    """Status calls of single files."""
    return rig.sim.calls("webadmit", "GET", "/api/v1/exports/*/export_files/*")


async def test_a_webadmit_404_is_lost_after_three_polls_over_ten_minutes_and_looked_at_slowly(
    rig: Rig,
) -> None:
    engine, job = await webadmit(rig)
    began = rig.clock.now()
    engine.poll()
    lost = await rig.state(job, JobState.LOST)
    looks = singles(rig)
    assert len(looks) >= 3 and looks[-1].at - looks[0].at >= 600
    assert rig.clock.now() - began < 900
    assert lost.message == "Not Found"
    assert lost.next_poll_at is not None and lost.next_poll_at - rig.clock.now() >= 590
    rig.sim.add("webadmit", FILE, "admissions", stage="ready")
    restored = await rig.state(job, JobState.READY)
    assert (restored.gone_count, restored.gone_since) == (0, None)


async def test_a_webadmit_404_now_and_then_leaves_the_state(rig: Rig) -> None:
    gone = json_reply({"message": "Not Found"}, 404)
    engine, job = await webadmit(rig, "In Progress", *[gone, gone, "In Progress"] * 3)
    engine.poll()
    await rig.until(lambda: len(singles(rig)) >= 10)
    row = await rig.job(job)
    assert (row.state, (await rig.row("admissions")).health) == (JobState.RUNNING, Health.OK)
    assert not any("lost" in event.what for event in await rig.ledger.history(job.id))


async def test_a_ready_webadmit_file_is_rechecked_by_the_list_and_no_link_is_made(rig: Rig) -> None:
    engine, job = await webadmit(rig, "In Progress", "Available")
    engine.poll()
    await rig.state(job, JobState.READY)
    made = len(rig.sim.storage.links)
    await rig.passes(1300)
    assert len(singles(rig)) == 2  # while it ran, and when it became ready
    lists = rig.sim.calls("webadmit", "GET", "*/user_identities/4242/export_files")
    assert 2 <= len(lists) <= 5  # slowly
    assert len(rig.sim.storage.links) == made


async def test_a_webadmit_submit_folds_into_the_row_that_follows_its_running_file(rig: Rig) -> None:
    engine, job = await webadmit(rig, "In Progress")
    outcome = await rig.finish(engine.submit("admissions", Spec("86446")))
    assert (outcome.exit_code, outcome.job.id) == (Exit.OK, job.id)
    assert [row.id for row in await rig.ledger.jobs()] == [job.id]


async def test_a_webadmit_submit_after_the_end_is_a_new_row(rig: Rig) -> None:
    engine, job = await webadmit(rig, "Available")
    outcome = await rig.finish(engine.submit("admissions", Spec("86446")))
    assert outcome.job.id != job.id
    assert len(await rig.ledger.jobs()) == 2


async def test_a_webadmit_file_is_saved_byte_for_byte_through_a_link_that_is_kept_nowhere(rig: Rig) -> None:
    engine, job = await webadmit(rig, "Available", name="Applicants, Fall", size=9_000)
    engine.poll()
    await rig.state(job, JobState.READY)
    outcome = await rig.finish(engine.downloads.fetch(job.id))
    assert outcome.exit_code is Exit.OK
    artifact = outcome.job.artifact
    assert artifact is not None and artifact.path is not None and artifact.path.endswith(".csv")
    body = Path(artifact.path).read_bytes()
    assert body == rig.sim.webadmit.content(rig.sim.job("webadmit", FILE)).all()
    assert "Montréal".encode("latin-1") in body
    kept = "".join(one.response + one.url for one in await rig.ledger.exchanges(job.id))
    assert "download_url" in kept and "Signature" not in kept and "AKIA" not in kept
    assert all(not call.header("x-api-key") for call in rig.sim.calls("storage"))


@pytest.mark.parametrize("link", [True, False])
async def test_a_webadmit_file_with_errors_is_saved_where_there_is_a_link(rig: Rig, link: bool) -> None:
    engine, job = await webadmit(rig, "Success With Errors")
    rig.sim.webadmit.link_with_errors = link
    engine.poll()
    await rig.state(job, JobState.READY_WITH_WARNINGS)
    outcome = await rig.finish(engine.downloads.fetch(job.id))
    assert outcome.exit_code is (Exit.OK if link else Exit.FAILED)
    assert outcome.job.state is JobState.READY_WITH_WARNINGS
    assert link or "Success With Errors" in outcome.text


@pytest.mark.parametrize(("word", "state"), [("Empty List", JobState.EMPTY), ("Failed", JobState.FAILED)])
async def test_a_webadmit_end_without_a_file_is_looked_at_no_more(
    rig: Rig, word: str, state: JobState
) -> None:
    engine, job = await webadmit(rig, word)
    engine.poll()
    ended = await rig.state(job, state)
    assert (ended.next_poll_at, ended.vendor_status) == (None, word)
    await rig.passes(660)
    assert (await rig.finish(engine.downloads.fetch(job.id))).exit_code is Exit.FAILED
    assert len(singles(rig)) == 1
    assert not rig.sim.storage.links


async def test_a_webadmit_file_too_old_for_the_list_of_recent_files_is_not_said_to_be_gone(rig: Rig) -> None:
    engine, job = await webadmit(rig, "Available")
    await rig.seen(job, JobState.READY, vendor_status="Available")
    rig.sim.webadmit.recent = 0
    await rig.finish(engine.adopt("admissions"))
    assert (await rig.row("admissions")).listed_at is not None
    row = await rig.job(job)
    assert (row.state, row.drift) == (JobState.READY, NOT_RECENT)


async def test_webadmit_has_no_delete_and_hears_of_none(rig: Rig) -> None:
    engine, job = await webadmit(rig, "Failed")
    with pytest.raises(SafetyProblem, match="WebAdMIT has no delete"):
        await engine.delete(job.id)
    assert not rig.sim.calls("webadmit")


# Talkdesk


async def test_a_talkdesk_404_is_lost_at_once_and_looked_at_slowly(rig: Rig) -> None:
    engine, job = await talkdesk(rig)
    engine.poll()
    lost = await rig.state(job, JobState.LOST, within=60)
    assert len(rig.sim.calls("talkdesk", "GET", "*/jobs/*")) == 1
    assert lost.next_poll_at is not None and lost.next_poll_at - rig.clock.now() >= 590
    assert (await rig.row("calls")).health is Health.OK


async def test_a_talkdesk_404_after_our_delete_is_deleted(rig: Rig) -> None:
    engine, job = await talkdesk(rig, "done")
    intent = Intent(IntentKind.DELETE, Stage.SENDING, rig.clock.now(), "k", owner="else:1:0:gone", tries=1)
    await rig.seen(job, JobState.DELETING, intent=intent, prior=JobState.READY)
    rig.sim.world.drop(rig.sim.job("talkdesk", CALL))
    engine.poll()
    row = await rig.state(job, JobState.DELETED)
    assert (row.deleted_by_us, row.note) == (True, None)
    assert not rig.sim.calls("talkdesk", "DELETE")


async def test_a_talkdesk_job_that_somebody_else_deleted_says_so(rig: Rig) -> None:
    engine, job = await talkdesk(rig, "processing", "deleted")
    engine.poll()
    row = await rig.state(job, JobState.DELETED)
    assert (row.note, row.deleted_by_us, row.next_poll_at) == ("remote", False, None)


async def test_a_talkdesk_job_that_was_cancelled_is_looked_at_no_more(rig: Rig) -> None:
    engine, job = await talkdesk(rig, "processing", "canceled")
    engine.poll()
    row = await rig.state(job, JobState.CANCELLED)
    assert row.next_poll_at is None


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING])
async def test_a_running_talkdesk_job_is_not_cancelled(rig: Rig, state: JobState) -> None:
    engine, job = await talkdesk(rig, "processing")
    rig.sim.talkdesk.cancels = True
    await rig.seen(job, state)
    with pytest.raises(SafetyProblem, match="still runs"):
        await engine.delete(job.id, unsaved=True)
    assert not rig.sim.calls("talkdesk", "DELETE")


async def test_a_talkdesk_delete_answered_403_pauses_nothing_and_its_status_decides(rig: Rig) -> None:
    engine, job = await talkdesk(rig, "done")
    rig.sim.add("talkdesk", "calls/78", "calls", stage="running")
    rig.sim.script("talkdesk", "calls/78", ["processing"])
    other = await engine.track("calls", "calls/78")
    engine.poll()
    await rig.state(job, JobState.READY)
    await rig.state(other, JobState.RUNNING)
    rig.sim.inject("talkdesk", FORBIDDEN, method="DELETE", times=2)
    outcome = await rig.finish(engine.delete(job.id, unsaved=True))
    assert (outcome.exit_code, outcome.job.state) == (Exit.FAILED, JobState.READY)
    assert outcome.job.message == "delete refused: Forbidden"
    # Once more with a fresh token, and no third time.
    assert len(rig.sim.calls("talkdesk", "DELETE")) == 2
    assert len(rig.sim.calls("talkdesk", "POST", "/oauth/token")) == 2
    row = await rig.row("calls")
    assert (row.health, row.paused) == (Health.OK, False)
    looks = len(asked(rig))
    await rig.passes(60)
    assert len(asked(rig)) > looks + 2
    assert "calls" in engine.polled_here()


async def test_a_second_talkdesk_delete_ends_deleted(rig: Rig) -> None:
    engine, job = await talkdesk(rig, "done")
    await rig.seen(job, JobState.READY)
    rig.sim.inject("talkdesk", Lost(), method="DELETE")  # it worked, but nobody heard
    outcome = await rig.finish(engine.delete(job.id, unsaved=True))
    assert (outcome.exit_code, outcome.job.state) == (Exit.OK, JobState.DELETED)
    assert outcome.job.deleted_by_us
    assert outcome.job.note is None
    assert len(rig.sim.calls("talkdesk", "DELETE")) == 1


async def test_an_expired_talkdesk_token_costs_one_sign_in_and_no_failed_look(rig: Rig) -> None:
    engine, job = await talkdesk(rig, "processing")
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    rig.sim.talkdesk.expire_tokens()
    looks = len(asked(rig))
    await rig.until(lambda: len(asked(rig)) >= looks + 4)
    assert len(rig.sim.calls("talkdesk", "POST", "/oauth/token")) == 2
    assert (await rig.job(job)).attempts == 0
    assert (await rig.row("calls")).health is Health.OK


async def test_a_refused_talkdesk_look_is_the_accounts_trouble(rig: Rig) -> None:
    engine, job = await talkdesk(rig, "processing")
    rig.sim.inject("talkdesk", FORBIDDEN, path="*/jobs/*", times=None)
    engine.poll()

    async def refused() -> bool:
        return (await rig.row("calls")).health is Health.AUTH_FAILED

    await rig.until(refused)
    looks = len(asked(rig))
    assert looks == 2  # with the token it had, and with a fresh one
    await rig.passes(50)
    assert len(asked(rig)) == looks
    assert (await rig.job(job)).state is JobState.QUEUED


@pytest.mark.parametrize("status", [429, 503])
async def test_a_throttled_talkdesk_submit_waits_and_is_sent_once(rig: Rig, status: int) -> None:
    rig.account("calls")
    engine = await rig.start()
    busy = Reply(status, b"{}", {"Retry-After": "40"})
    rig.sim.inject("talkdesk", busy, method="POST", path="*/jobs")
    outcome = await rig.finish(engine.submit("calls", CALLS))
    assert (outcome.exit_code, outcome.job.state) == (Exit.OK, JobState.SUBMITTING)
    engine.poll()

    async def accepted() -> bool:
        return (await rig.job(outcome.job)).reference is not None

    await rig.until(accepted)
    first, second = rig.sim.calls("talkdesk", "POST", "*/jobs")
    assert second.at - first.at >= 40
    assert len(list(rig.sim.world.of("talkdesk", "calls"))) == 1


async def test_an_unanswered_talkdesk_submit_is_never_repeated(rig: Rig) -> None:
    rig.account("calls")
    engine = await rig.start()
    rig.sim.inject("talkdesk", Lost(), method="POST", path="*/jobs")
    outcome = await rig.finish(engine.submit("calls", CALLS))
    assert (outcome.exit_code, outcome.job.state) == (Exit.UNREACHABLE, JobState.SUBMITTING)
    engine.poll()
    await rig.passes(660)
    assert len(rig.sim.calls("talkdesk", "POST", "*/jobs")) == 1


@pytest.mark.parametrize("format", ["csv", "json"])
async def test_a_talkdesk_report_without_rows_is_ready_and_its_file_says_so(rig: Rig, format: str) -> None:
    engine, job = await talkdesk(rig, Told("done", rows=False), format=format, report="calls")
    engine.poll()
    await rig.state(job, JobState.READY)
    outcome = await rig.finish(engine.downloads.fetch(job.id))
    row = outcome.job
    assert (outcome.exit_code, row.state, row.message) == (Exit.OK, JobState.READY, NO_ROWS)
    assert row.artifact is not None and row.artifact.state is ArtifactState.SAVED


@pytest.mark.parametrize(
    ("body", "extension", "none"),
    [
        (b'{"type": "calls", "entries": [], "total": 0}', "json", True),
        (b'{"entries": [{"call_id": 1}], "total": 1}', "json", False),
        (b'{"total": 0}', "json", False),
        (b"[]", "json", False),
        (b'{"entries": [', "json", False),
        (b'{"entries": []}', "csv", True),  # one line: a header, whatever it says
        (b'{"entries": []}', "txt", False),
    ],
)
def test_entries_that_are_none_are_no_rows(body: bytes, extension: str, none: bool) -> None:
    assert content.no_rows(body, extension) is none


async def test_a_talkdesk_file_deleted_meanwhile_is_no_report_any_more(rig: Rig) -> None:
    engine, job = await talkdesk(rig, "done")
    engine.poll()
    await rig.state(job, JobState.READY)
    rig.sim.script("talkdesk", CALL, ["deleted"])
    rig.sim.job("talkdesk", CALL).deleted_at = rig.clock.now()
    outcome = await rig.finish(engine.downloads.fetch(job.id))
    assert outcome.exit_code is Exit.FAILED
    assert "deleted" in outcome.text
    engine_row = await rig.finish(engine.look(job.id))
    assert (engine_row.state, engine_row.note) == (JobState.DELETED, "remote")
