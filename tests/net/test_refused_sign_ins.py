"""A sign-in that fails is among the exchanges of the job it was for; one that goes well is not kept."""

from __future__ import annotations

import asyncio

import pytest

from reportdash.errors import AuthFailed, CallFailed
from reportdash.net.http import Request
from tests.net.conftest import CREDENTIAL, Kit, MakeKit
from tests.net.lying import Liar, always
from tests.net.test_sessions import CALL, Door


def told(made: Kit) -> list[tuple[str, str, int | None]]:
    return [(job, exchange.method, exchange.status) for job, exchange in made.kept]


@pytest.mark.parametrize("status", [401, 403, 500, 502, 302])
async def test_a_sign_in_that_fails_is_kept_with_the_job_it_was_for(kit: MakeKit, status: int) -> None:
    said = {"message": f"no: {CREDENTIAL['password']}"}
    async with Liar(always(status, said)) as liar:
        made = kit(liar.base)
        with pytest.raises(CallFailed):
            await made.client.send(CALL)
    ((job, exchange),) = made.kept
    assert (job, exchange.status) == (CALL.job, status)
    assert exchange.url.endswith("/login") and "no: " in exchange.response
    assert CREDENTIAL["password"] not in exchange.response + exchange.request


async def test_one_that_is_cut_is_kept_with_what_went_wrong(kit: MakeKit) -> None:
    made = kit("http://127.0.0.1:9")
    with pytest.raises(CallFailed):
        await made.client.send(CALL)
    ((job, exchange),) = made.kept
    assert (job, exchange.status) == (CALL.job, None) and exchange.error


async def test_of_an_answer_that_may_hold_a_token_nothing_is_kept(kit: MakeKit) -> None:
    async with Liar(always(200, {"ticket": "token-1-abcdef", "message": "welcome"})) as liar:
        made = kit(liar.base)
        with pytest.raises(CallFailed):
            await made.client.send(CALL)
    ((_, exchange),) = made.kept
    assert (exchange.status, exchange.response) == (200, "")


async def test_one_sign_in_that_many_waited_for_is_kept_once(kit: MakeKit) -> None:
    async with Liar(always(401, {"message": "no"})) as liar:
        made = kit(liar.base)
        calls = [made.client.send(Request("GET", "/status", job=f"job{n}")) for n in range(5)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, AuthFailed) for one in ended)
    assert told(made) == [("job0", "POST", 401)]


async def test_a_sign_in_that_goes_well_is_not_kept(kit: MakeKit) -> None:
    async with Liar(Door()) as liar:
        made = kit(liar.base)
        await made.client.send(CALL)
    assert [exchange.url.rpartition("/")[2] for _, exchange in made.kept] == ["status"]


async def test_a_sign_in_for_no_job_is_not_kept(kit: MakeKit) -> None:
    async with Liar(always(401, {"message": "no"})) as liar:
        made = kit(liar.base)
        with pytest.raises(AuthFailed):
            await made.client.sign_in()
    assert made.kept == []
