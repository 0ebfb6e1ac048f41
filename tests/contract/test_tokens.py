"""What each vendor's sign-in tells of its token: how long it lives, what it allows; nothing secret."""

from __future__ import annotations

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import AuthFailed
from reportdash.net.sessions import Token
from tests.contract.conftest import DeskAt

LIVES = {"main": 1200.0, "billing": 900.0, "admissions": None, "calls": 599.0}


@pytest.mark.parametrize("account", LIVES)
async def test_a_token_has_an_end_where_the_vendor_gives_it_one(
    desk_at: DeskAt, clock: ManualClock, account: str
) -> None:
    desk = await desk_at(account)
    assert desk.client.token is None
    await desk.client.sign_in()
    life = LIVES[account]
    scope = "data-reports:read data-reports:write" if account == "calls" else None
    assert desk.client.token == Token(None if life is None else clock.now() + life, scope)


async def test_a_lifetime_is_counted_by_the_clock_that_does_not_jump(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("calls")
    await desk.client.sign_in()
    await clock.advance(100)
    clock.jump(3600)
    token = desk.client.token
    assert token is not None and token.expires_at == clock.now() + 499


async def test_after_a_refusal_there_is_no_token(desk_at: DeskAt) -> None:
    desk = await desk_at("calls", secrets={"client_secret": "not-the-secret"})
    with pytest.raises(AuthFailed):
        await desk.client.sign_in()
    assert desk.client.token is None
