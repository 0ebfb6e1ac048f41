"""7G as its pages have it: sign-in, envelope, states, limits, deletion, idempotency."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from reportdash.simulator import Simulator, Stage

from .conftest import Clock

DAY = 86_400


class User:
    """A signed-in 7G user."""

    def __init__(self, sim: Simulator, http: httpx.AsyncClient, account: str = "main") -> None:
        self.sim, self.http = sim, http
        self.secrets = sim.accounts()[account]["secrets"]
        self.pair: dict[str, str] = {}

    async def login(self) -> User:
        reply = await self.http.post(self._url("/User/Login"), json=self.secrets, headers={"Version": "2.0"})
        self.pair = reply.json()
        return self

    def _url(self, path: str) -> str:
        return self.sim.url("7g") + path

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": self.pair["accessToken"], "Version": "2.0", **more.pop("headers", {})}
        return await self.http.request(method, self._url(path), headers=headers, **more)

    async def submit(self, name: str = "EntityBalanceReport", **more: Any) -> httpx.Response:
        return await self.call("POST", "/Report", json={"reportName": name, "parameters": {}}, **more)

    async def status(self, reference: str) -> dict[str, Any]:
        reply = await self.call("GET", "/Report/Status", params={"reference": reference})
        assert reply.status_code == 200
        body: dict[str, Any] = reply.json()
        return body


@pytest.fixture
async def user(sim: Simulator, http: httpx.AsyncClient) -> User:
    return await User(sim, http).login()


async def test_the_login_reply_is_bare_and_its_jwt_lives_twenty_minutes(user: User, clock: Clock) -> None:
    assert set(user.pair) == {"accessToken", "refreshToken"}
    claims = user.pair["accessToken"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["exp"] == clock.at + 1200
    clock.advance(1199)
    assert (await user.submit()).status_code == 200
    clock.advance(1)
    assert (await user.submit()).status_code == 401


async def test_every_call_demands_the_version_header(user: User) -> None:
    assert (await user.submit(headers={"Version": "1.0"})).status_code == 400
    reply = await user.http.post(user._url("/User/Login"), json=user.secrets)
    assert reply.status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/user/login"),
        ("POST", "/User/refreshToken"),
        ("GET", "/report/status"),
        ("GET", "/Report/"),
        ("PUT", "/Report"),
    ],
)
async def test_a_path_in_another_writing_is_not_there(user: User, method: str, path: str) -> None:
    assert (await user.call(method, path, params={"reference": "x"})).status_code == 404


async def test_a_login_is_a_name_and_a_password_without_authorization(user: User) -> None:
    url, version = user._url("/User/Login"), {"Version": "2.0"}
    bodies: tuple[Any, ...] = (
        {**user.secrets, "grant": "x"},
        {"username": "u"},
        {"Username": "u", "Password": "p"},
        [],
    )
    for body in bodies:
        assert (await user.http.post(url, json=body, headers=version)).status_code == 400
    assert (await user.http.post(url, data=user.secrets, headers=version)).status_code == 400
    signed = {**version, "Authorization": user.pair["accessToken"]}
    assert (await user.http.post(url, json=user.secrets, headers=signed)).status_code == 400


async def test_a_refresh_is_one_field(user: User) -> None:
    bodies: tuple[dict[str, str], ...] = (
        {"refreshToken": user.pair["refreshToken"], "more": "x"},
        {"RefreshToken": "x"},
        {},
    )
    for body in bodies:
        assert (await user.call("POST", "/User/RefreshToken", json=body)).status_code == 400


async def test_a_reference_is_the_only_thing_asked_about(user: User) -> None:
    reference = (await user.submit()).json()["data"]
    for query in ({"Reference": reference}, {"guid": reference}, {"reference": reference, "x": "1"}, {}):
        reply = await user.call("GET", "/Report/Status", params=query)
        assert (reply.json()["result"], reply.json()["data"]) == (False, {})


@pytest.mark.parametrize(
    "body",
    [
        {"reportName": "R", "format": "csv"},
        {"ReportName": "R"},
        {"reportName": "R", "parameters": []},
        {"reportName": "R", "parameters": None},
        {"reportName": "R", "parameters": {"IncludeClosingBalances": True}},
        {"reportName": "R", "parameters": {"FromDate": "01/11/2026"}},
        {"reportName": "R", "parameters": {"FromDate": "2026-11-31"}},
    ],
)
async def test_a_submit_of_another_shape_is_refused(user: User, body: dict[str, Any]) -> None:
    reply = await user.call("POST", "/Report", json=body)
    assert (reply.status_code, reply.json()["result"]) == (200, False)
    assert not list(user.sim.world.of("7g", "main"))


async def test_the_token_is_sent_bare(user: User) -> None:
    token = user.pair["accessToken"]
    assert (await user.submit(headers={"Authorization": f"Bearer {token}"})).status_code == 401
    user.sim.seveng.auth_prefix = "Bearer "
    assert (await user.submit(headers={"Authorization": f"Bearer {token}"})).status_code == 200
    assert (await user.submit()).status_code == 401


async def test_a_wrong_password_is_refused(user: User) -> None:
    wrong = {**user.secrets, "password": "no"}
    reply = await user.http.post(user._url("/User/Login"), json=wrong, headers={"Version": "2.0"})
    assert reply.status_code == 401


async def test_refresh_rotates_both_tokens_and_needs_the_current_access_token(user: User) -> None:
    old = dict(user.pair)
    body = {"refreshToken": old["refreshToken"]}
    assert (
        await user.call("POST", "/User/RefreshToken", json=body, headers={"Authorization": ""})
    ).status_code == 401
    fresh = (await user.call("POST", "/User/RefreshToken", json=body)).json()
    assert fresh["accessToken"] != old["accessToken"]
    assert fresh["refreshToken"] != old["refreshToken"]
    assert (await user.call("POST", "/User/RefreshToken", json=body)).status_code == 401, "used twice"
    user.pair = fresh
    assert (await user.submit()).status_code == 200


async def test_an_expired_pair_is_renewed_only_where_the_vendor_allows_it(user: User, clock: Clock) -> None:
    clock.advance(1300)
    body = {"refreshToken": user.pair["refreshToken"]}
    assert (await user.call("POST", "/User/RefreshToken", json=body)).status_code == 401
    user.sim.seveng.refresh_expired = True
    assert (await user.call("POST", "/User/RefreshToken", json=body)).status_code == 200


async def test_result_is_true_only_when_complete(user: User, sim: Simulator) -> None:
    sim.script("7g", None, ["pending", "incomplete", Stage("error", "No price."), "complete"])
    reference = (await user.submit()).json()["data"]
    seen = [await user.status(reference) for _ in range(5)]
    assert [(body["result"], body["data"]) for body in seen] == [
        (False, "pending"),
        (False, "incomplete"),
        (False, "error"),
        (True, "complete"),
        (True, "complete"),
    ]
    assert seen[2]["message"] == "No price."
    assert seen[3]["message"] == "Report has been successfully completed!"


async def test_parameter_values_must_be_strings(user: User) -> None:
    reply = await user.call(
        "POST", "/Report", json={"reportName": "TransactionSummary", "parameters": {"ProductID": 7}}
    )
    assert reply.status_code == 200
    assert reply.json()["result"] is False
    assert reply.json()["data"] == {}


@pytest.mark.parametrize("key", ["reference", "Reference", "guid"])
async def test_the_reference_comes_in_several_shapes(user: User, sim: Simulator, key: str) -> None:
    sim.seveng.submit_data = key
    reference = (await user.submit()).json()["data"][key]
    assert (await user.status(reference))["data"] == "pending"


async def test_the_eleventh_live_report_is_refused_per_user(user: User, sim: Simulator) -> None:
    references = [(await user.submit()).json()["data"] for _ in range(10)]
    eleventh = await user.submit()
    assert eleventh.status_code == 200
    assert eleventh.json()["result"] is False
    assert "Maximum of 10 concurrent reports" in eleventh.json()["message"]
    other = await User(sim, user.http, "funds").login()
    assert (await other.submit()).json()["result"] is True
    for status in (409, 429):
        sim.seveng.full = status
        assert (await user.submit()).status_code == status
    await user.call("DELETE", "/Report", params={"reference": references[0]})
    assert (await user.submit()).json()["result"] is True


async def test_retrieval_is_inline_json_of_a_complete_report(user: User, sim: Simulator) -> None:
    sim.script("7g", None, ["incomplete", "complete"])
    reference = (await user.submit()).json()["data"]
    await user.status(reference)
    early = (await user.call("GET", "/Report", params={"reference": reference})).json()
    assert early["result"] is False
    assert early["data"] == {}
    await user.status(reference)
    body = (await user.call("GET", "/Report", params={"reference": reference})).json()
    assert set(body["data"]) == {"reportName", "generatedDate", "parameters", "results", "summary"}
    assert body["recordCount"] == len(body["data"]["results"]) > 0


async def test_an_empty_report_is_complete_without_rows(user: User, sim: Simulator) -> None:
    sim.add("7g", "aaaa", "main", report="TransactionSummary", stage="empty")
    assert (await user.status("aaaa"))["data"] == "complete"
    body = (await user.call("GET", "/Report", params={"reference": "aaaa"})).json()
    assert body["data"]["results"] == []
    assert body["recordCount"] == 0


async def test_a_deleted_guid_is_unknown_at_once(user: User) -> None:
    reference = (await user.submit()).json()["data"]
    gone = (await user.call("DELETE", "/Report", params={"reference": reference})).json()
    assert gone == {"result": True, "message": "Report request has been deleted.", "data": {}}
    for method, path in (("GET", "/Report/Status"), ("GET", "/Report"), ("DELETE", "/Report")):
        reply = await user.call(method, path, params={"reference": reference})
        assert reply.status_code == 200
        assert (reply.json()["result"], reply.json()["data"]) == (False, {})


async def test_another_user_cannot_see_the_report(user: User, sim: Simulator) -> None:
    reference = (await user.submit()).json()["data"]
    other = await User(sim, user.http, "trusts").login()
    assert (await other.status(reference))["data"] == {}


async def test_results_are_purged_after_a_day(user: User, sim: Simulator, clock: Clock) -> None:
    sim.script("7g", None, ["complete"])
    reference = (await user.submit()).json()["data"]
    clock.advance(DAY - 1)
    await user.login()
    assert (await user.status(reference))["data"] == "complete"
    clock.advance(1)
    assert (await user.status(reference))["data"] == {}


async def test_an_enrolled_instance_replays_by_idempotency_key(
    user: User, sim: Simulator, clock: Clock
) -> None:
    sim.seveng.idempotent = True
    assert (await user.submit()).status_code == 400
    first = await user.submit(headers={"Idempotency-Key": "k1"})
    again = await user.submit(headers={"Idempotency-Key": "k1"})
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    clock.advance(DAY)
    await user.login()
    assert (await user.submit(headers={"Idempotency-Key": "k1"})).json() != first.json()


async def test_other_instances_ignore_the_key(user: User) -> None:
    first = await user.submit(headers={"Idempotency-Key": "k1"})
    assert (await user.submit(headers={"Idempotency-Key": "k1"})).json() != first.json()
