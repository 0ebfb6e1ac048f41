"""What 7G documents and we rely on, fact by fact, as it shows over real HTTP.

Sources: the pages named in `vendors.seveng`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import BadPayload, NotFound, SlotsFull, Throttled, VendorRefused
from reportdash.model import JobState, Signed, Spec
from reportdash.net.http import Reply as Reply_
from reportdash.net.http import Request
from reportdash.simulator import Reply, Stage
from reportdash.simulator.wire import json_reply
from reportdash.vendors.contract import Action, Yes
from reportdash.vendors.seveng import SevenG
from tests.contract.conftest import DeskAt, content_of

GUID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
RUN = Spec("TransactionSummary", {"ProductID": "A01"})


async def test_result_false_with_incomplete_stays_running(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main")
    desk.sim.script("7g", GUID, [Stage("incomplete", "Still generating.")])
    seen = await desk.vendor.status(desk.job(GUID))
    assert (seen.state, seen.vendor_status, seen.message) == (
        JobState.RUNNING,
        "incomplete",
        "Still generating.",
    )
    assert '"result": false' in desk.exchanges[-1].response


async def test_a_status_is_asked_by_the_guid_alone_in_its_written_form(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    given = json_reply({"result": True, "message": "", "data": f" {GUID.upper()} "})
    desk.sim.inject("7g", given, method="POST", path="/Report")
    submitted = await desk.vendor.submit(RUN, "key")
    desk.sim.add("7g", GUID, "main", stage="running")
    await desk.vendor.status(desk.job(submitted.reference))
    assert desk.calls("GET")[-1].raw == f"/Report/Status?reference={GUID}"
    assert desk.calls("GET")[-1].body == b""


async def test_true_comes_with_complete_and_with_nothing_else(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main")
    words = ["pending", "incomplete", Stage("error", "The unit price is missing."), "complete"]
    desk.sim.script("7g", GUID, words)
    seen = [await desk.vendor.status(desk.job(GUID)) for _ in words]
    assert [one.state for one in seen] == [
        JobState.QUEUED,
        JobState.RUNNING,
        JobState.FAILED,
        JobState.READY,
    ]
    assert ['"result": true' in exchange.response for exchange in desk.exchanges] == [False] * 3 + [True]
    assert seen[2].message == "The unit price is missing."
    assert seen[3].message == "Report has been successfully completed!"


async def test_an_unrecognised_word_is_unknown_even_where_result_is_true(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    for result in (True, False):
        odd = json_reply({"result": result, "message": "", "data": "completed"})
        desk.sim.inject("7g", odd, path="/Report/Status")
        seen = await desk.vendor.status(desk.job(GUID))
        assert (seen.state, seen.vendor_status) == (JobState.UNKNOWN, "completed")


async def test_a_404_is_not_found_as_well(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.inject("7g", json_reply({"message": "No such report."}, 404), path="/Report/Status")
    with pytest.raises(NotFound, match="No such report") as missing:
        await desk.vendor.status(desk.job(GUID))
    assert missing.value.certain


async def test_unknown_guid_is_not_found_although_http_says_200(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    with pytest.raises(NotFound, match="could not be found") as missing:
        await desk.vendor.status(desk.job(GUID))
    assert missing.value.certain
    assert desk.exchanges[-1].status == 200


@pytest.mark.parametrize("data", [{}, None, [], 7, "", "  "], ids=repr)
async def test_false_without_a_word_is_not_found_whatever_stands_there(desk_at: DeskAt, data: object) -> None:
    desk = await desk_at("main")
    desk.sim.inject(
        "7g", json_reply({"result": False, "message": "gone", "data": data}), path="/Report/Status"
    )
    with pytest.raises(NotFound, match="gone"):
        await desk.vendor.status(desk.job(GUID))


# Submitting


async def test_every_parameter_is_sent_as_text(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    params = {"ProductID": "17", "FromDate": "2026-11-01", "IncludeClosingBalances": "true"}
    submitted = await desk.vendor.submit(Spec("EntityBalanceReport", params), "key")
    assert desk.calls("POST", "/Report")[-1].json() == {
        "reportName": "EntityBalanceReport",
        "parameters": {"ProductID": "17", "FromDate": "2026-11-01", "IncludeClosingBalances": "true"},
    }
    assert submitted.seen.state is JobState.QUEUED

    numbers: Any = {"ProductID": 17}
    await desk.vendor.submit(Spec("EntityBalanceReport", numbers), "key")
    assert desk.calls("POST", "/Report")[-1].json()["parameters"] == {"ProductID": "17"}


async def test_a_report_without_parameters_is_its_name_alone(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    await desk.vendor.submit(Spec(" TransactionSummary "), "key")
    assert desk.calls("POST", "/Report")[-1].json() == {"reportName": "TransactionSummary"}


async def test_a_date_in_another_form_is_refused_in_7gs_words(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    with pytest.raises(VendorRefused, match="'ToDate' is not a date") as refused:
        await desk.vendor.submit(Spec("EntityBalanceReport", {"ToDate": "30.11.2026"}), "key")
    assert not isinstance(refused.value, SlotsFull)


async def test_a_key_goes_with_a_submit_and_a_delete_and_with_nothing_else(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    submitted = await desk.vendor.submit(RUN, "key-1")
    job = desk.job(submitted.reference)
    await desk.vendor.status(job)
    await desk.vendor.delete(job, "key-2")
    keys = {call.method + call.path: call.header("idempotency-key") for call in desk.calls()}
    assert keys == {
        "POST/User/Login": "",
        "POST/Report": "key-1",
        "GET/Report/Status": "",
        "DELETE/Report": "key-2",
    }


async def test_an_enrolled_instance_gets_the_key_it_demands(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.idempotent = True
    submitted = await desk.vendor.submit(RUN, "key-1")
    job = desk.job(submitted.reference)
    await desk.vendor.delete(job, "key-2")
    assert not desk.vendor.replays_safely
    await desk.vendor.delete(job, "key-2")  # replayed: the report itself is gone
    assert desk.vendor.replays_safely
    assert desk.vendor.replay_window == 86_400


@pytest.mark.parametrize("result", [True, False])
async def test_a_status_word_is_no_reference(desk_at: DeskAt, result: bool) -> None:
    desk = await desk_at("main")
    odd = json_reply({"result": result, "message": "Queued.", "data": "pending"})
    desk.sim.inject("7g", odd, method="POST", path="/Report")
    with pytest.raises(BadPayload):  # a report was begun, perhaps: unsure, not refused
        await desk.vendor.submit(RUN, "key")


async def test_a_guid_counts_although_result_is_false(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    pending = json_reply({"result": False, "message": "pending", "data": {"reference": None, "guid": GUID}})
    desk.sim.inject("7g", pending, method="POST", path="/Report")
    assert (await desk.vendor.submit(RUN, "key")).reference == GUID


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    "words", ["The MAXIMUM is reached.", "Report limit exceeded", "Too many concurrent reports"]
)
async def test_a_refusal_that_names_the_limit_waits(desk_at: DeskAt, words: str, status: int) -> None:
    desk = await desk_at("main")
    no = json_reply({"result": False, "message": words, "data": {}}, status)
    desk.sim.inject("7g", no, method="POST", path="/Report")
    with pytest.raises(SlotsFull):
        await desk.vendor.submit(RUN, "key")


@pytest.mark.parametrize("full", ["result", 409])
async def test_the_eleventh_submit_waits_for_a_slot(desk_at: DeskAt, full: str | int) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.full = full
    for number in range(10):
        await desk.vendor.submit(RUN, f"key-{number}")
    with pytest.raises(SlotsFull, match="Maximum of 10"):
        await desk.vendor.submit(RUN, "key-11")


async def test_the_eleventh_submit_answered_by_429_is_throttled(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.full = 429
    for number in range(10):
        await desk.vendor.submit(RUN, f"key-{number}")
    with pytest.raises(Throttled):
        await desk.vendor.submit(RUN, "key-11")


async def test_a_409_waits_whatever_it_says(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.inject("7g", Reply(409, b""), method="POST", path="/Report")
    with pytest.raises(SlotsFull):
        await desk.vendor.submit(RUN, "key")


async def test_another_refusal_does_not_wait(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    no = json_reply({"result": False, "message": "ProductID is required.", "data": {}})
    desk.sim.inject("7g", no, method="POST", path="/Report")
    with pytest.raises(VendorRefused, match="ProductID is required") as refused:
        await desk.vendor.submit(RUN, "key")
    assert not isinstance(refused.value, SlotsFull)


@pytest.mark.parametrize("shape", ["text", "reference", "Reference", "guid"])
async def test_the_reference_is_found_in_each_shape(desk_at: DeskAt, shape: str) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.submit_data = shape
    submitted = await desk.vendor.submit(RUN, "key")
    assert SevenG.reference(submitted.reference) == submitted.reference
    assert desk.sim.job("7g", submitted.reference).params == {"ProductID": "A01"}


async def test_a_replayed_answer_makes_resending_safe(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.idempotent = True
    first = await desk.vendor.submit(RUN, "one-key")
    assert not desk.vendor.replays_safely
    second = await desk.vendor.submit(RUN, "one-key")
    assert second.reference == first.reference
    assert desk.vendor.replays_safely
    assert (await desk_at("main", {"idempotent": True})).vendor.replays_safely


# Deleting


@pytest.mark.parametrize("word", ["pending", "incomplete", "complete", "error"])
async def test_a_report_is_deleted_at_any_stage_and_its_guid_is_unknown_at_once(
    desk_at: DeskAt, word: str
) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage=word)
    desk.sim.script("7g", GUID, [word])
    job = desk.job(GUID, (await desk.vendor.status(desk.job(GUID))).state)
    able = desk.vendor.can(Action.DELETE, job)
    assert isinstance(able, Yes) and able.note.startswith(("7G", "The report is gone for good"))
    await desk.vendor.delete(job, "key")
    assert desk.calls("DELETE")[-1].raw == f"/Report?reference={GUID}"
    for gone in (desk.vendor.status, desk.vendor.artifact):
        with pytest.raises(NotFound):
            await gone(job)
    with pytest.raises(NotFound):
        await desk.vendor.delete(job, "key-2")


async def test_a_deletion_says_what_it_does_at_each_stage(desk_at: DeskAt) -> None:
    desk = await desk_at("main")

    def note(state: JobState) -> str:
        able = desk.vendor.can(Action.DELETE, desk.job(GUID, state))
        assert isinstance(able, Yes)
        return able.note

    assert "slot is free at once" in note(JobState.QUEUED)
    assert "may finish first" in note(JobState.RUNNING) and "purged" in note(JobState.RUNNING)
    assert "gone for good" in note(JobState.READY)
    assert "partial results" in note(JobState.FAILED)
    assert "cannot be undone" in note(JobState.UNKNOWN)


async def test_a_deletion_that_is_neither_confirmed_nor_refused_is_unsure(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="running")
    desk.sim.inject("7g", json_reply({"message": "Accepted."}), method="DELETE")
    with pytest.raises(BadPayload):
        await desk.vendor.delete(desk.job(GUID), "key")


async def test_a_refused_delete_of_a_report_still_there_is_not_taken_for_deleted(
    desk_at: DeskAt,
) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="ready")
    no = json_reply({"result": False, "message": "Deletion is disabled for audit.", "data": {}})
    desk.sim.inject("7g", no, method="DELETE")
    with pytest.raises(VendorRefused, match="disabled for audit"):
        await desk.vendor.delete(desk.job(GUID, JobState.READY), "key")


# Retrieving


async def test_the_file_is_what_stands_in_data_whatever_its_shape(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    for data in ({"reportName": "R", "results": [1], "summary": {}}, [{"a": "é"}], {"rows": 3}):
        answer = json_reply({"result": True, "message": "", "recordCount": 1, "data": data})
        desk.sim.inject("7g", answer, method="GET", path="/Report")
        file = await desk.vendor.artifact(desk.job(GUID, JobState.READY))
        assert await content_of(file) == json.dumps(data, ensure_ascii=False).encode()
    assert desk.calls("GET")[-1].raw == f"/Report?reference={GUID}"


async def test_false_is_an_error_and_no_report_whatever_stands_in_data(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="ready")
    beside: tuple[object, ...] = ({"code": 12}, ["x"], "Busy", "https://files.example.org/r.json", {}, 0)
    for data in beside:
        no = json_reply({"result": False, "message": "The report store is offline.", "data": data})
        desk.sim.inject("7g", no, method="GET", path="/Report")
        with pytest.raises(VendorRefused, match="store is offline"):
            await desk.vendor.artifact(desk.job(GUID, JobState.READY))


async def test_a_retrieval_may_take_longer_than_a_minute(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="ready", size=2_000)
    asked: list[Request] = []

    class Watched:
        async def send(self, request: Request) -> Reply_:
            asked.append(request)
            return await desk.client.send(request)

    vendor = SevenG(desk.vendor.account, Watched())
    await vendor.status(desk.job(GUID))
    await vendor.artifact(desk.job(GUID, JobState.READY))
    status, retrieval = asked
    assert status.timeout <= 60 <= retrieval.timeout
    assert retrieval.cap > status.cap


async def test_keeps_letters_and_long_numbers_of_a_report_as_they_are(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    raw = (
        b'{"result": true, "message": "", "data": {"reportName": "Z\\u00fcrich \\u2014 fees", '
        b'"results": [{"price": 1.2345678901234567890123, "id": 12345678901234567890, "x": 0.10}]}}'
    )
    desk.sim.inject("7g", Reply(200, raw, {"Content-Type": "application/json"}), path="/Report")
    got = await content_of(await desk.vendor.artifact(desk.job(GUID, JobState.READY)))
    assert "Zürich — fees".encode() in got
    assert b"1.2345678901234567890123" in got and b"12345678901234567890" in got


async def test_a_large_report_is_read_and_written_like_a_small_one(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="ready", size=3_000_000)
    got = await content_of(await desk.vendor.artifact(desk.job(GUID, JobState.READY)))
    made = desk.sim.vendors["7g"].content(desk.sim.job("7g", GUID)).all()
    assert got == json.dumps(json.loads(made)["data"], ensure_ascii=False).encode()


async def test_says_when_a_report_has_no_rows(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="empty")
    assert (await desk.vendor.status(desk.job(GUID))).state is JobState.READY
    file = await desk.vendor.artifact(desk.job(GUID, JobState.READY))
    assert getattr(file, "note", None) == "no rows in the file"


async def test_a_link_in_place_of_the_report_is_followed_as_a_link(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    link = "https://files.example.org/r.json?sig=abc"
    for data in (link, {"downloadUrl": link}):
        desk.sim.inject("7g", json_reply({"result": True, "message": "", "data": data}), path="/Report")
        file = await desk.vendor.artifact(desk.job(GUID, JobState.READY))
        assert isinstance(file, Signed) and file.url == link


async def test_a_status_word_in_place_of_the_report_is_no_report(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="running")
    instead: tuple[object, ...] = ("incomplete", {}, None)
    for data in instead:
        desk.sim.inject("7g", json_reply({"result": False, "message": "Wait.", "data": data}), path="/Report")
        with pytest.raises(VendorRefused, match="not ready"):
            await desk.vendor.artifact(desk.job(GUID, JobState.READY))
    with pytest.raises(NotFound):
        await desk.vendor.artifact(desk.job("00000000-0000-4000-8000-000000000001", JobState.READY))


# Limits


def test_the_figures_of_the_pages_stand_in_the_policy() -> None:
    policy = SevenG.policy
    assert (policy.poll_min, policy.poll_max) == (5, 30)
    assert (policy.slots, policy.max_inflight, policy.ttl) == (10, 10, 86_400)


async def test_a_purged_report_is_not_found_after_a_day(desk_at: DeskAt, clock: ManualClock) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="ready")
    await clock.advance(86_401)
    with pytest.raises(NotFound):
        await desk.vendor.status(desk.job(GUID, JobState.READY))
    assert desk.vendor.policy.ttl == 86_400
