"""Talkdesk Explore as its pages and clients have it: sign-in, both job shapes, 300 and 303, deletion."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import httpx
import pytest

from reportdash.simulator import Simulator, Stage

from .conftest import Clock

SPAN = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-16T00:00:00Z"}
BOTH = "data-reports:read data-reports:write"


class Client:
    """A signed-in client of Talkdesk."""

    def __init__(self, sim: Simulator, http: httpx.AsyncClient, account: str = "calls") -> None:
        self.sim, self.http, self.url = sim, http, sim.url("talkdesk")
        secrets = sim.accounts()[account]["secrets"]
        self.basic = (secrets["client_id"], secrets["client_secret"])
        self.token = ""

    async def sign_in(self, scope: str = BOTH, grant: str = "client_credentials") -> httpx.Response:
        form = {"grant_type": grant, "scope": scope}
        reply = await self.http.post(self.url + "/oauth/token", data=form, auth=self.basic)
        self.token = reply.json().get("access_token", "")
        return reply

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return await self.http.request(method, self.url + "/data/reports/" + path, headers=headers, **more)

    async def submit(self, kind: str = "calls", **more: Any) -> httpx.Response:
        body = {"name": "calls_inbound", "timezone": "UTC", "format": "json", "timespan": SPAN, **more}
        return await self.call("POST", f"{kind}/jobs", json=body)

    async def job(self, *steps: Any, **more: Any) -> str:
        """Submit a job that goes by `steps`; its id."""
        self.sim.script("talkdesk", None, steps)
        body = (await self.submit(**more)).json()
        identity: str = body.get("job", body)["id"]
        return identity


@pytest.fixture
async def client(sim: Simulator, http: httpx.AsyncClient) -> Client:
    client = Client(sim, http)
    await client.sign_in()
    return client


async def test_sign_in_gives_a_bearer_token_for_599_seconds(client: Client, clock: Clock) -> None:
    body = (await client.sign_in()).json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 599)
    assert set(body["scope"].split()) == set(BOTH.split())
    clock.advance(598)
    assert (await client.call("GET", "calls/jobs")).status_code == 200
    clock.advance(1)
    assert (await client.call("GET", "calls/jobs")).status_code == 403
    client.sim.talkdesk.expired_status = 401
    assert (await client.call("GET", "calls/jobs")).status_code == 401


async def test_sign_in_errors_are_oauth_errors(client: Client) -> None:
    assert (await client.sign_in(grant="password")).json()["error"] == "unsupported_grant_type"
    assert (await client.sign_in(scope="admin")).json()["error"] == "invalid_scope"
    client.basic = (client.basic[0], "wrong")
    reply = await client.sign_in()
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")


async def test_sign_in_is_basic_and_a_form_and_nothing_else(client: Client) -> None:
    url, form = client.url + "/oauth/token", {"grant_type": "client_credentials", "scope": BOTH}
    reply = await client.http.post(url, json=form, auth=client.basic)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")
    pair = base64.b64encode(":".join(client.basic).encode()).decode()
    for header in (pair, f"Bearer {pair}", "Basic ?"):
        reply = await client.http.post(url, data=form, headers={"Authorization": header})
        assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")
    in_form = {**form, "client_id": client.basic[0], "client_secret": client.basic[1]}
    assert (await client.http.post(url, data=in_form)).status_code == 401
    assert (await client.sign_in(scope="")).json()["error"] == "invalid_scope"
    assert (await client.http.get(url, auth=client.basic)).status_code == 405


async def test_an_sts_token_stands_alone(client: Client) -> None:
    client.sim.talkdesk.sts, client.sim.talkdesk.tells_expiry = True, False
    body = (await client.sign_in()).json()
    assert body["token_type"] == "STS"
    assert "expires_in" not in body
    assert (await client.call("GET", "calls/jobs")).status_code == 401  # with the word Bearer
    bare = {"Authorization": client.token}
    assert (await client.http.get(client.url + "/data/reports/calls/jobs", headers=bare)).status_code == 200


async def test_a_read_token_cannot_write(client: Client) -> None:
    await client.sign_in("data-reports:read")
    reply = await client.submit()
    assert reply.status_code == 403
    assert {"code", "message"} <= set(reply.json())
    assert (await client.call("GET", "calls/jobs")).status_code == 200


async def test_a_foreign_token_is_401(client: Client) -> None:
    client.token = "nonsense"
    assert (await client.call("GET", "calls/jobs")).status_code == 401


async def test_submits_answer_202_flat_and_nested_in_turn(client: Client) -> None:
    first, second = await client.submit(), await client.submit()
    assert (first.status_code, second.status_code) == (202, 202)
    assert "id" in first.json()
    assert "job" not in first.json()
    assert second.json()["job"]["status"] == "created"
    for shape, key in (("flat", "id"), ("nested", "job")):
        client.sim.talkdesk.submit_shape = shape
        assert key in (await client.submit()).json()


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "xml"},
        {"name": " "},
        {"name": None},
        {"timezone": "not a zone!"},
        {"timezone": "Europe/Lissabon"},
        {"timezone": None},
        {"timespan": {"from": SPAN["to"], "to": SPAN["from"]}},
        {"timespan": {"from": "2026-10-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"}},
        {"timespan": {"from": "yesterday", "to": "now"}},
    ],
)
async def test_a_wrong_submit_is_400_and_names_the_field(client: Client, wrong: dict[str, Any]) -> None:
    reply = await client.submit(**wrong)
    assert reply.status_code == 400
    assert reply.json()["fields"][0]["name"] == next(iter(wrong))


async def test_a_submit_is_json(client: Client) -> None:
    body = {"name": "x", "timezone": "UTC", "format": "csv", "timespan": SPAN}
    reply = await client.call("POST", "calls/jobs", content=json.dumps(body))
    assert reply.status_code == 400


async def test_a_month_is_measured_on_the_dials_of_the_zone(client: Client) -> None:
    span = {"from": "2026-09-30T23:00:00Z", "to": "2026-11-01T00:00:00Z"}  # October in Lisbon
    assert (await client.submit(timespan=span, timezone="Europe/Lisbon")).status_code == 202
    assert (await client.submit(timespan=span, timezone="UTC")).status_code == 400
    bare = {"from": "2026-10-01T00:00:00", "to": "2026-11-01T00:00:00"}
    assert (await client.submit(timespan=bare, timezone="Europe/Lisbon")).status_code == 202


async def test_dates_may_come_in_the_older_apis_way(client: Client) -> None:
    client.sim.talkdesk.odd_dates = True
    job = await client.job("processing")
    span = (await client.call("GET", f"calls/jobs/{job}")).json()["job"]["timespan"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", span["from"])


async def test_an_unknown_report_type_is_400(client: Client) -> None:
    assert (await client.submit("horoscopes")).status_code == 400


async def test_status_is_a_nested_job_then_300_with_a_relative_location(client: Client) -> None:
    job = await client.job("created", "processing", "done")
    for word in ("created", "processing"):
        reply = await client.call("GET", f"calls/jobs/{job}")
        assert (reply.status_code, reply.json()["job"]["status"]) == (200, word)
    done = await client.call("GET", f"calls/jobs/{job}")
    assert done.status_code == 300
    assert done.headers["location"] == f"/data/reports/calls/files/{job}"
    assert done.json()["job"]["id"] == job


@pytest.mark.parametrize("status", [302, 303])
async def test_done_may_be_another_redirect(client: Client, status: int) -> None:
    client.sim.talkdesk.done_status = status
    job = await client.job("done")
    assert (await client.call("GET", f"calls/jobs/{job}")).status_code == status


async def test_the_report_itself_may_come_from_the_status_address(client: Client) -> None:
    client.sim.talkdesk.entries_in_status = True
    job = await client.job("done")
    body = (await client.call("GET", f"calls/jobs/{job}")).json()
    assert set(body) == {"type", "version", "entries", "total"}
    assert body["total"] == len(body["entries"]) > 0


async def test_polling_may_answer_204_and_words_may_be_upper_case(client: Client) -> None:
    client.sim.talkdesk.polling_204, client.sim.talkdesk.upper = True, True
    job = await client.job("processing", "uploading")
    assert (await client.call("GET", f"calls/jobs/{job}")).status_code == 204
    assert (await client.call("GET", f"calls/jobs/{job}")).json()["job"]["status"] == "UPLOADING"


async def test_a_file_is_the_job_until_it_is_ready_then_a_signed_link(client: Client, clock: Clock) -> None:
    job = await client.job("processing", "done", format="csv")
    await client.call("GET", f"calls/jobs/{job}")
    early = await client.call("GET", f"calls/files/{job}")
    assert (early.status_code, early.json()["job"]["status"]) == (200, "processing")
    await client.call("GET", f"calls/jobs/{job}")
    ready = await client.call("GET", f"calls/files/{job}")
    assert ready.status_code == 303
    link = ready.headers["location"]
    assert link.startswith(client.sim.url("storage"))
    body = await client.http.get(link)
    assert body.status_code == 200
    assert body.text.startswith("call_id,type,")
    clock.advance(60)
    assert (await client.http.get(link)).status_code == 403


async def test_an_empty_report_is_done_with_total_0(client: Client) -> None:
    job = await client.job(Stage("done", rows=False))
    link = (await client.call("GET", f"calls/files/{job}")).headers["location"]
    body = (await client.http.get(link)).json()
    assert (body["entries"], body["total"]) == ([], 0)


async def test_deleting_twice_is_204_then_403(client: Client) -> None:
    job = await client.job("done")
    assert (await client.call("DELETE", f"calls/files/{job}")).status_code == 204
    assert (await client.call("DELETE", f"calls/files/{job}")).status_code == 403
    status = await client.call("GET", f"calls/jobs/{job}")
    assert (status.status_code, status.json()["job"]["status"]) == (200, "deleted")


async def test_a_job_can_be_cancelled_only_where_the_legacy_call_is_on(client: Client) -> None:
    job = await client.job("processing")
    assert (await client.call("DELETE", f"calls/jobs/{job}")).status_code == 405
    client.sim.talkdesk.cancels = True
    assert (await client.call("DELETE", f"calls/jobs/{job}")).status_code == 204
    assert (await client.call("GET", f"calls/jobs/{job}")).json()["job"]["status"] == "canceled"
    assert (await client.call("DELETE", f"calls/jobs/{job}")).status_code == 403


async def test_lists_are_paged_newest_first_and_move_scripts_on(client: Client, clock: Clock) -> None:
    jobs = []
    for _ in range(3):
        jobs.append(await client.job("created", "processing"))
        clock.advance(1)
    await client.submit("audit_logs")
    page = (await client.call("GET", "calls/jobs?page=1&per_page=2")).json()
    assert [job["id"] for job in page["_embedded"]["jobs"]] == [jobs[2], jobs[1]]
    assert "next" in page["_links"]
    rest = (await client.call("GET", "calls/jobs?page=2&per_page=2")).json()
    assert [job["id"] for job in rest["_embedded"]["jobs"]] == [jobs[0]]
    assert "next" not in rest["_links"]
    again = (await client.call("GET", "calls/jobs")).json()
    assert {job["status"] for job in again["_embedded"]["jobs"]} == {"processing"}
    assert (await client.call("GET", "calls/jobs?per_page=201")).status_code == 400
    client.sim.talkdesk.list_key = "executions"
    assert len((await client.call("GET", "calls/jobs")).json()["executions"]) == 3


async def test_another_accounts_job_is_404(client: Client) -> None:
    job = await client.job("done")
    other = Client(client.sim, client.http, "support")
    await other.sign_in()
    reply = await other.call("GET", f"calls/jobs/{job}")
    assert reply.status_code == 404
    assert set(reply.json()) == {"code", "message", "description", "fields"}
