"""What 7G documents and we rely on, fact by fact, as it shows over real HTTP.

Sources: the pages named in `vendors.seveng`."""

from __future__ import annotations

import json

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import AuthFailed, NotFound, SlotsFull, Throttled, VendorRefused
from reportdash.model import JobState, Signed, Spec
from reportdash.simulator import Reply, Stage
from reportdash.simulator.wire import json_reply
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


async def test_sends_the_bare_token_and_rotates_both_before_twenty_minutes(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="running")
    await desk.vendor.status(desk.job(GUID))
    first = desk.calls("GET")[-1].header("authorization")
    assert first.count(".") == 2 and " " not in first

    await clock.advance(19 * 60 + 31)
    await desk.vendor.status(desk.job(GUID))
    renewal = desk.calls("POST", "/User/RefreshToken")[-1]
    assert renewal.header("authorization") == first
    second = desk.calls("GET")[-1].header("authorization")
    assert second != first

    await clock.advance(19 * 60 + 31)
    await desk.vendor.status(desk.job(GUID))
    assert renewal.json() != desk.calls("POST", "/User/RefreshToken")[-1].json()
    assert len(desk.calls("POST", "/User/Login")) == 1
    assert all(call.header("version") == "2.0" for call in desk.calls())


async def test_a_refresh_that_fails_costs_one_login(desk_at: DeskAt, clock: ManualClock) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="running")
    await desk.vendor.status(desk.job(GUID))
    desk.sim.inject("7g", Reply(401), path="/User/RefreshToken")
    await clock.advance(19 * 60 + 31)
    await desk.vendor.status(desk.job(GUID))
    assert len(desk.calls("POST", "/User/Login")) == 2


async def test_an_instance_that_wants_bearer_is_found_out_once(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.auth_prefix = "Bearer "
    desk.sim.add("7g", GUID, "main", stage="running")
    for _ in range(2):
        await desk.vendor.status(desk.job(GUID))
    refused = [call for call in desk.calls("GET") if call.status == 401]
    assert len(refused) == 1
    assert desk.calls("GET")[-1].header("authorization").startswith("Bearer ")


async def test_a_user_without_report_access_is_refused_not_tried_forever(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.inject("7g", Reply(401), path="/Report*", times=None)
    with pytest.raises(AuthFailed):
        await desk.vendor.status(desk.job(GUID))
    assert len(desk.calls("GET")) == 3  # bare, Bearer as a question, bare again
    with pytest.raises(AuthFailed):
        await desk.vendor.status(desk.job(GUID))
    assert len(desk.calls("GET")) == 3


async def test_a_configured_prefix_is_used_as_it_is(desk_at: DeskAt) -> None:
    desk = await desk_at("main", {"auth_prefix": "Bearer"})
    desk.sim.seveng.auth_prefix = "Bearer "
    desk.sim.add("7g", GUID, "main", stage="running")
    await desk.vendor.status(desk.job(GUID))
    assert [call.status for call in desk.calls("GET")] == [200]


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


async def test_a_refused_delete_of_a_report_still_there_is_not_taken_for_deleted(
    desk_at: DeskAt,
) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="ready")
    no = json_reply({"result": False, "message": "Deletion is disabled for audit.", "data": {}})
    desk.sim.inject("7g", no, method="DELETE")
    with pytest.raises(VendorRefused, match="disabled for audit"):
        await desk.vendor.delete(desk.job(GUID, JobState.READY), "key")


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


async def test_a_purged_report_is_not_found_after_a_day(desk_at: DeskAt, clock: ManualClock) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="ready")
    await clock.advance(86_401)
    with pytest.raises(NotFound):
        await desk.vendor.status(desk.job(GUID, JobState.READY))
    assert desk.vendor.policy.ttl == 86_400
