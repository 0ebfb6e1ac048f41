"""WebAdMIT as its pages have it: the key, identities, exports, one running file per export, links, limits."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from reportdash.simulator import Simulator

from .conftest import Clock

FILES = "/api/v1/user_identities/4242/exports/86446/export_files"


class Client:
    """A holder of an API key."""

    def __init__(self, sim: Simulator, http: httpx.AsyncClient, account: str = "admissions") -> None:
        self.sim, self.http = sim, http
        self.key = sim.accounts()[account]["secrets"]["api_key"]

    async def call(self, method: str, path: str) -> httpx.Response:
        return await self.http.request(
            method, self.sim.url("webadmit") + path, headers={"x-api-key": self.key}
        )

    async def file(self, *steps: Any, export: int = 86446) -> str:
        """Submit an export that goes by `steps`; the path of its status."""
        self.sim.script("webadmit", None, steps)
        body = (await self.call("POST", FILES.replace("86446", str(export)))).json()["export_files"]
        return f"/api/v1/exports/{body['export_id']}/export_files/{body['id']}"

    async def status(self, path: str) -> dict[str, Any]:
        body: dict[str, Any] = (await self.call("GET", path)).json()["export_files"]
        return body


@pytest.fixture
def client(sim: Simulator, http: httpx.AsyncClient) -> Client:
    return Client(sim, http)


async def test_a_wrong_key_is_401_with_an_empty_body(client: Client) -> None:
    client.key = "wrong"
    reply = await client.call("GET", "/api/v1/exports")
    assert (reply.status_code, reply.content) == (401, b"")


async def test_identities_and_templates_are_listed(client: Client) -> None:
    identities = (await client.call("GET", "/api/v1/user_identities")).json()["user_identities"]
    assert identities[0]["id"] == client.sim.accounts()["admissions"]["settings"]["user_identity"] == 4242
    for path in ("/api/v1/exports", "/api/v1/user_identities/4242/exports"):
        exports = (await client.call("GET", path)).json()["exports"]
        assert exports[0]["id"] == 86446
        assert set(exports[0]) == {"id", "name", "list_type", "format", "mime_type"}


async def test_a_second_submit_while_one_runs_gives_the_same_file(client: Client) -> None:
    first, second = await client.call("POST", FILES), await client.call("POST", FILES)
    assert (first.status_code, second.status_code) == (201, 201)
    one = first.json()["export_files"]
    assert second.json()["export_files"]["id"] == one["id"]
    assert set(one) == {"id", "href", "export_id", "status"}
    other = await client.call("POST", FILES.replace("86446", "86447"))
    assert other.json()["export_files"]["id"] != one["id"]


async def test_a_submit_after_the_end_makes_a_new_file(client: Client) -> None:
    path = await client.file("Available")
    await client.status(path)
    again = (await client.call("POST", FILES)).json()["export_files"]
    assert not path.endswith(f"/{again['id']}")


async def test_words_are_capitalised_or_snake_case(client: Client) -> None:
    path = await client.file("Initializing", "Queued", "In Progress", "Success With Errors")
    words = [(await client.status(path))["status"] for _ in range(3)]
    assert words == ["Initializing", "Queued", "In Progress"]
    client.sim.webadmit.snake_case = True
    assert (await client.status(path))["status"] == "success_with_errors"


async def test_the_href_does_not_match_the_export(client: Client) -> None:
    body = await client.status(await client.file("Queued"))
    assert f"/exports/{body['export_id']}/" not in body["href"]
    client.sim.webadmit.odd_href = False
    body = (await client.call("POST", FILES)).json()["export_files"]
    assert f"/exports/{body['export_id']}/" in body["href"]


async def test_each_status_of_an_available_file_mints_a_new_link_of_under_30_seconds(
    client: Client, clock: Clock
) -> None:
    path = await client.file("In Progress", "Available")
    assert "download_url" not in await client.status(path)
    first, second = (await client.status(path))["download_url"], (await client.status(path))["download_url"]
    assert first != second
    query = urlsplit(first).query
    assert "AWSAccessKeyId=" in query
    assert "response-content-disposition=attachment%3B%20filename%3DApplicants-Fall-2027.csv" in query
    assert "response-content-type=text%2Fcsv%3Bcharset%3Diso-8859-1" in query
    assert 0 < int(query.partition("Expires=")[2].partition("&")[0]) - clock.at < 30
    reply = await client.http.get(first)
    assert reply.status_code == 200
    assert reply.headers["content-disposition"] == "attachment; filename=Applicants-Fall-2027.csv"
    with pytest.raises(UnicodeDecodeError):
        reply.content.decode("utf-8")
    assert "Montréal" in reply.content.decode("latin-1")
    clock.advance(25)
    assert (await client.http.get(second)).status_code == 403


async def test_the_list_has_no_links(client: Client) -> None:
    path = await client.file("Queued", "Available")
    listed = [
        (await client.call("GET", "/api/v1/user_identities/4242/export_files")).json()["export_files"]
        for _ in range(2)
    ]
    assert [files[0]["status"] for files in listed] == ["Queued", "Available"]
    assert set(listed[1][0]) == {"id", "href", "export_id", "status"}
    assert "download_url" in await client.status(path)


async def test_what_does_not_exist_is_404_also_on_post(client: Client) -> None:
    for method, path in (
        ("GET", "/api/v1/exports/86446/export_files/1"),
        ("POST", FILES.replace("86446", "1")),
        ("PUT", FILES),
        ("GET", "/api/v2/exports"),
    ):
        reply = await client.call(method, path)
        assert (reply.status_code, reply.json()) == (404, {"message": "Not Found"})
    reply = await client.call("POST", FILES.replace("4242", "999"))
    assert (reply.status_code, reply.json()) == (404, {"message": "User identity '999' not found."})


async def test_every_reply_counts_down_the_hourly_limit(client: Client, clock: Clock) -> None:
    client.sim.webadmit.limit = 3
    left = [
        (await client.call("GET", path)).headers["x-ratelimit-remaining"]
        for path in ("/api/v1/exports", "/nowhere", "/api/v1/exports")
    ]
    assert left == ["2", "1", "0"]
    clock.advance(600)
    over = await client.call("GET", "/api/v1/exports")
    assert (over.status_code, over.headers["retry-after"]) == (429, "3000")
    assert over.headers["x-ratelimit-limit"] == "3"
    other = Client(client.sim, client.http, "graduate")
    assert (await other.call("GET", "/api/v1/exports")).status_code == 200
    clock.advance(3000)
    assert (await client.call("GET", "/api/v1/exports")).status_code == 200
