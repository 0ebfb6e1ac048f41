"""What Talkdesk documents and we rely on, fact by fact, as it shows over real HTTP.

Sources: the pages named in `vendors.talkdesk`."""

from __future__ import annotations

import pytest

from reportdash.errors import BadPayload, VendorRefused
from reportdash.model import JobState, Spec
from reportdash.simulator import Reply
from reportdash.simulator.wire import json_reply
from reportdash.vendors.contract import Action, No
from tests.contract.conftest import DeskAt, content_of

CALLS = Spec("calls", {}, "csv", "2026-08-01", "2026-09-01")
JOB = "calls/6f1b2a90c3d4"


@pytest.mark.parametrize("status", [300, 302, 303])
@pytest.mark.parametrize("absolute", [False, True])
async def test_each_kind_of_redirect_means_done(desk_at: DeskAt, status: int, absolute: bool) -> None:
    desk = await desk_at("calls")
    talkdesk = desk.sim.vendors["talkdesk"]
    talkdesk.done_status, talkdesk.absolute_location = status, absolute  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", name="October calls", report="calls", stage="ready")
    seen = await desk.vendor.status(desk.job(JOB))
    assert (seen.state, seen.vendor_status, seen.name) == (JobState.READY, "done", "October calls")
    assert await content_of(await desk.vendor.artifact(desk.job(JOB, JobState.READY)))


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_a_gateways_redirect_means_nothing(desk_at: DeskAt, status: int) -> None:
    desk = await desk_at("calls")
    desk.sim.inject(
        "talkdesk", Reply(status, b"", {"Location": "/data/reports/calls/files/1"}), path="*/jobs/*"
    )
    with pytest.raises(BadPayload):
        await desk.vendor.status(desk.job(JOB))


async def test_a_relative_location_is_resolved_against_the_asked_address(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready", size=2_000)
    number = JOB.partition("/")[2]
    # As RFC 3986 has it: next to the asked file, not below base_url.
    desk.sim.inject("talkdesk", Reply(303, b"", {"Location": f"./{number}?again=1"}), path="*/files/*")
    assert await content_of(await desk.vendor.artifact(desk.job(JOB, JobState.READY)))
    assert [call.raw for call in desk.calls("GET", "*/files/*")] == [
        f"/data/reports/calls/files/{number}",
        f"/data/reports/calls/files/{number}?again=1",
    ]


@pytest.mark.parametrize("shape", ["flat", "nested"])
async def test_the_job_id_is_found_flat_and_nested(desk_at: DeskAt, shape: str) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].submit_shape = shape  # type: ignore[attr-defined]
    submitted = await desk.vendor.submit(CALLS, "key")
    assert submitted.reference.startswith("calls/")
    assert submitted.seen.vendor_status == "created"
    assert (await desk.vendor.status(desk.job(submitted.reference))).state is JobState.QUEUED


async def test_upper_case_words_and_204_are_understood(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    talkdesk = desk.sim.vendors["talkdesk"]
    talkdesk.upper = True  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="running")
    assert (await desk.vendor.status(desk.job(JOB))).vendor_status == "PROCESSING"
    talkdesk.polling_204 = True  # type: ignore[attr-defined]
    assert (await desk.vendor.status(desk.job(JOB))).state is JobState.RUNNING


@pytest.mark.parametrize("code", [401, 403])
async def test_an_expired_token_is_renewed_on_401_and_403(desk_at: DeskAt, code: int) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].expired_status = code  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="running")
    await desk.vendor.status(desk.job(JOB))
    desk.sim.vendors["talkdesk"].expire_tokens()
    await desk.vendor.status(desk.job(JOB))
    assert len(desk.calls("POST", "/oauth/token")) == 2


async def test_the_report_itself_on_the_status_address_means_ready(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].entries_in_status = True  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready", size=5_000)
    assert (await desk.vendor.status(desk.job(JOB))).state is JobState.READY


async def test_a_report_too_large_for_an_answer_is_ready_by_its_file(
    desk_at: DeskAt,
) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].entries_in_status = True  # type: ignore[attr-defined]
    for size in (2_000_000, 9_000_000):
        desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready", size=size)
        assert (await desk.vendor.status(desk.job(JOB))).state is JobState.READY
    big = Reply(200, b"x" * 9_000_000)
    desk.sim.inject("talkdesk", big, path="*/jobs/*")
    desk.sim.inject("talkdesk", json_reply({"job": {"status": "processing"}}), path="*/files/*")
    with pytest.raises(BadPayload):
        await desk.vendor.status(desk.job(JOB))


async def test_only_a_total_of_zero_in_that_reply_means_empty(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    for body, state in (
        ({"type": "calls", "entries": [], "total": 0}, JobState.EMPTY),
        ({"type": "calls", "entries": []}, JobState.READY),
        ({"type": "calls", "entries": [{"call_id": 1}], "total": 1}, JobState.READY),
    ):
        desk.sim.inject("talkdesk", json_reply(body), path="*/jobs/*")
        assert (await desk.vendor.status(desk.job(JOB))).state is state


async def test_a_file_call_that_answers_with_the_report_is_saved_as_it_came(
    desk_at: DeskAt,
) -> None:
    desk = await desk_at("calls")
    raw = b'{"type": "calls",  "entries": [{"n": 1.50}], "total": 1}\n'
    desk.sim.inject("talkdesk", Reply(200, raw, {"Content-Type": "application/json"}), path="*/files/*")
    assert await content_of(await desk.vendor.artifact(desk.job(JOB, JobState.READY))) == raw


async def test_a_second_delete_is_refused_about_the_job_not_the_account(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready")
    job = desk.job(JOB, JobState.READY)
    await desk.vendor.delete(job, "key")
    with pytest.raises(VendorRefused, match="already deleted or finished") as refused:
        await desk.vendor.delete(job, "key")
    assert refused.value.status == 403
    assert (await desk.vendor.status(job)).state is JobState.DELETED  # the account still works


async def test_a_running_job_cannot_be_deleted(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    able = desk.vendor.can(Action.DELETE, desk.job(JOB, JobState.RUNNING))
    assert isinstance(able, No) and "still runs" in able.reason


async def test_lists_page_by_page_and_skips_types_it_does_not_know(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    for number in range(250):
        desk.sim.add("talkdesk", f"calls/id{number}", "calls", report="calls", name=f"n{number}")
    desk.sim.add("talkdesk", "contacts/one", "calls", report="contacts", stage="failed")
    no = json_reply({"code": "4000001", "message": "Invalid report type"}, 400)
    desk.sim.inject("talkdesk", no, path="/data/reports/csat/*")
    found = [seen async for seen in desk.vendor.list()]
    assert len(found) == len({seen.reference for seen in found}) == 251
    assert {seen.reference: seen.state for seen in found}["contacts/one"] is JobState.FAILED
    assert {call.query["per_page"] for call in desk.calls("GET")} == {"200"}


async def test_the_older_list_shape_is_read_too(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].list_key = "executions"  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready")
    assert [seen.reference async for seen in desk.vendor.list()] == [JOB]
