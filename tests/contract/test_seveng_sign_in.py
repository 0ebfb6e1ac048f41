"""How 7G lets us in, fact by fact, over real HTTP: login, the pair that is renewed, the form of the token.

Sources: A4-A6 and A10, as named in `vendors.seveng`."""

from __future__ import annotations

import json

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import AuthFailed, BadPayload, CallFailed
from reportdash.model import JobState, Spec
from reportdash.simulator import Reply
from reportdash.simulator.wire import json_reply
from tests.contract.conftest import DeskAt

GUID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
PAGE = Reply(200, b"<html>Back soon</html>", {"Content-Type": "text/html"})


async def test_a_login_is_name_and_password_as_json_without_authorization(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="running")
    await desk.vendor.status(desk.job(GUID))
    (login,) = desk.calls("POST")
    assert (login.raw, login.json()) == ("/User/Login", desk.secrets)
    assert login.header("content-type") == "application/json"
    assert "authorization" not in login.headers
    assert login.header("version") == "2.0"


async def test_the_login_answer_stands_bare_and_is_read_inside_an_envelope_too(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="running")
    pair = desk.sim.seveng._open("main")
    desk.sim.inject("7g", json_reply({"result": True, "data": _json(pair)}), path="/User/Login")
    assert (await desk.vendor.status(desk.job(GUID))).state is JobState.RUNNING


async def test_version_and_bare_token_go_on_every_call_of_a_report(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("main")
    desk.sim.script("7g", None, ["complete"])
    submitted = await desk.vendor.submit(Spec("TransactionSummary"), "key-1")
    job = desk.job(submitted.reference, JobState.READY)
    await desk.vendor.status(job)
    await desk.vendor.artifact(job)
    await clock.advance(19 * 60 + 45)
    await desk.vendor.delete(job, "key-2")
    made = [(call.method, call.path) for call in desk.calls()]
    assert made == [
        ("POST", "/User/Login"),
        ("POST", "/Report"),
        ("GET", "/Report/Status"),
        ("GET", "/Report"),
        ("POST", "/User/RefreshToken"),
        ("DELETE", "/Report"),
    ]
    assert all(call.header("version") == "2.0" for call in desk.calls())
    assert all(call.header("authorization").startswith("eyJ") for call in desk.calls()[1:])


async def test_the_pair_is_renewed_when_less_than_thirty_seconds_are_left(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="running")
    await desk.vendor.status(desk.job(GUID))
    await clock.advance(20 * 60 - 31)
    await desk.vendor.status(desk.job(GUID))
    assert not desk.calls("POST", "/User/RefreshToken")
    await clock.advance(2)
    await desk.vendor.status(desk.job(GUID))
    assert len(desk.calls("POST", "/User/RefreshToken")) == 1


async def test_a_token_that_does_not_say_when_it_ends_lives_twenty_minutes(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("main")
    desk.sim.inject("7g", json_reply({"accessToken": "opaque", "refreshToken": "r-1"}), path="/User/Login")
    running = json_reply({"result": False, "message": "", "data": "incomplete"})
    desk.sim.inject("7g", running, path="/Report/Status", times=None)
    await desk.vendor.status(desk.job(GUID))
    await clock.advance(20 * 60 - 31)
    await desk.vendor.status(desk.job(GUID))
    assert not desk.calls("POST", "/User/RefreshToken")
    await clock.advance(2)
    await desk.vendor.status(desk.job(GUID))
    (renewal,) = desk.calls("POST", "/User/RefreshToken")
    assert renewal.json() == {"refreshToken": "r-1"}
    assert renewal.header("authorization") == "opaque"


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


async def test_a_renewal_carries_the_configured_prefix_too(desk_at: DeskAt, clock: ManualClock) -> None:
    desk = await desk_at("main", {"auth_prefix": "Bearer"})
    desk.sim.seveng.auth_prefix = "Bearer "
    desk.sim.add("7g", GUID, "main", stage="running")
    await desk.vendor.status(desk.job(GUID))
    await clock.advance(19 * 60 + 45)
    await desk.vendor.status(desk.job(GUID))
    (renewal,) = desk.calls("POST", "/User/RefreshToken")
    assert (renewal.status, renewal.header("authorization")[:10]) == (200, "Bearer eyJ")


@pytest.mark.parametrize(
    "first", [Reply(502, b"Bad Gateway"), PAGE, Reply(404, b"")], ids=["502", "page", "404"]
)
async def test_a_gateways_answer_does_not_prove_the_bare_token(desk_at: DeskAt, first: Reply) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.auth_prefix = "Bearer "
    desk.sim.add("7g", GUID, "main", stage="running")
    desk.sim.inject("7g", first, path="/Report/Status")
    with pytest.raises(CallFailed, match="HTTP"):
        await desk.vendor.status(desk.job(GUID))
    assert (await desk.vendor.status(desk.job(GUID))).state is JobState.RUNNING
    assert desk.calls("GET")[-1].header("authorization").startswith("Bearer ")


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (json_reply({"result": False, "message": "Unknown.", "data": {}}), True),
        (json_reply({"result": False, "message": "Unknown.", "data": {}}, 404), True),
        (PAGE, False),
        (Reply(401), False),
        (Reply(500, b"{}"), False),
    ],
    ids=["200", "404", "page", "401", "500"],
)
async def test_bearer_is_taken_only_when_7g_itself_lets_it_in(
    desk_at: DeskAt, answer: Reply, taken: bool
) -> None:
    desk = await desk_at("main")
    desk.sim.inject("7g", Reply(401), path="/Report/Status")
    desk.sim.inject("7g", answer, path="/Report/Status", nth=2)
    desk.sim.add("7g", GUID, "main", stage="running")
    desk.sim.seveng.auth_prefix = "Bearer " if taken else ""
    assert (await desk.vendor.status(desk.job(GUID))).state is JobState.RUNNING
    bare, question, last = (call.header("authorization") for call in desk.calls("GET"))
    assert bare.startswith("eyJ") and question.startswith("Bearer eyJ")
    assert last.startswith("Bearer ") is taken


async def test_a_token_once_let_in_is_never_asked_about_again(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="running")
    await desk.vendor.status(desk.job(GUID))
    desk.sim.seveng.expire_tokens()
    await desk.vendor.status(desk.job(GUID))
    assert [call.status for call in desk.calls("GET")] == [200, 401, 200]
    assert not any("Bearer" in call.header("authorization") for call in desk.calls())


async def test_a_403_is_no_reason_to_try_the_word_bearer(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.inject("7g", json_reply({"message": "No access."}, 403), path="/Report*", times=None)
    with pytest.raises(AuthFailed, match="No access"):
        await desk.vendor.status(desk.job(GUID))
    assert len(desk.calls("POST", "/User/Login")) == 2
    assert not any("Bearer" in call.header("authorization") for call in desk.calls())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (json_reply({"result": False, "message": "Locked.", "data": {}}), AuthFailed),
        (json_reply({"message": "Locked."}, 401), AuthFailed),
        (json_reply({"message": "Locked."}, 500), BadPayload),
        (PAGE, BadPayload),
    ],
    ids=["false", "401", "500", "page"],
)
async def test_only_7gs_own_no_refuses_a_login(desk_at: DeskAt, answer: Reply, kind: type[Exception]) -> None:
    desk = await desk_at("main")
    desk.sim.inject("7g", answer, path="/User/Login", times=None)
    with pytest.raises(kind):
        await desk.vendor.status(desk.job(GUID))
    assert not desk.calls("GET")


def _json(reply: object) -> object:
    assert isinstance(reply, Reply)
    return json.loads(reply.body)
