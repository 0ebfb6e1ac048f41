"""Signing in: once for everyone, again when it must be, and never into a wall twice."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import AuthFailed, BadPayload, CredentialProblem, NoCredential, Throttled, Unreachable
from reportdash.model import Credential
from reportdash.net.client import Sender
from reportdash.net.http import Request, Session
from tests.net.conftest import Kit, MakeKit, Vendor
from tests.net.lying import Asked, Liar, Peer, Script

CALL = Request("GET", "/status", job="abc234")


class Door:
    """A vendor's API whose tokens can be made invalid."""

    def __init__(self) -> None:
        self.issued = 0
        self.good: set[str] = set()
        self.password = "s3cret-word"
        self.login_waits: asyncio.Event | None = None
        self.refresh: Script | None = None
        self.forbid: tuple[int, bytes] | None = None

    async def __call__(self, asked: Asked, peer: Peer) -> None:
        if asked.path == "/login":
            if self.login_waits is not None:
                await self.login_waits.wait()
            if json.loads(asked.body)["password"] == self.password:
                await self._issue(peer)
            else:
                await peer.answer(401, {"message": f"no: {asked.body.decode()}"})
        elif asked.path == "/refresh":
            await (self.refresh(asked, peer) if self.refresh is not None else self._issue(peer))
        elif asked.headers.get("authorization") not in self.good:
            await peer.answer(401)
        elif self.forbid is not None:
            await peer.answer(self.forbid[0], self.forbid[1])
        else:
            await peer.answer(200, {"data": "incomplete"})

    async def _issue(self, peer: Peer) -> None:
        self.issued += 1
        token = f"token-{self.issued}-abcdef"
        self.good = {token}
        await peer.answer(200, {"accessToken": token, "refreshToken": f"refresh-{self.issued}-abcdef"})


async def test_many_callers_share_one_sign_in(kit: MakeKit) -> None:
    async with Liar(door := Door()) as liar:
        made = kit(liar.base)
        replies = await asyncio.gather(*(made.client.send(CALL) for _ in range(50)))
    assert {r.status for r in replies} == {200}
    assert made.vendor.sign_ins == door.issued == 1


async def test_a_cancelled_first_caller_strands_nobody(kit: MakeKit) -> None:
    door = Door()
    door.login_waits = asyncio.Event()
    async with Liar(door) as liar:
        made = kit(liar.base)
        first = asyncio.ensure_future(made.client.send(CALL))
        while not liar.asked:
            await asyncio.sleep(0)
        others = [asyncio.ensure_future(made.client.send(CALL)) for _ in range(5)]
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait({first})
        door.login_waits.set()
        assert [r.status for r in await asyncio.gather(*others)] == [200] * 5
    assert made.vendor.sign_ins == 1


async def test_a_refused_session_is_renewed_once_for_all_and_the_calls_repeated(kit: MakeKit) -> None:
    async with Liar(door := Door()) as liar:
        made = kit(liar.base)
        await made.client.send(CALL)
        door.good = set()
        replies = await asyncio.gather(*(made.client.send(CALL) for _ in range(10)))
    assert {r.status for r in replies} == {200}
    assert made.vendor.sign_ins == 2
    assert made.vendor.refreshes == 0  # after a refusal the old session is of no use


async def test_a_late_refusal_does_not_throw_away_the_new_session(kit: MakeKit) -> None:
    door = Door()
    arrived, late = asyncio.Event(), asyncio.Event()

    async def script(asked: Asked, peer: Peer) -> None:
        if asked.path == "/slow" and not late.is_set():
            arrived.set()
            await late.wait()
            await peer.answer(401)
        else:
            await door(asked, peer)

    async with Liar(script) as liar:
        made = kit(liar.base)
        await made.client.send(CALL)
        slow = asyncio.ensure_future(made.client.send(Request("GET", "/slow")))
        await arrived.wait()
        door.good = set()
        await made.client.send(CALL)
        late.set()
        assert (await slow).status == 200
    assert made.vendor.sign_ins == 2


async def test_refused_twice_is_said_in_the_vendors_words_and_not_tried_again(kit: MakeKit) -> None:
    async with Liar(door := Door()) as liar:
        made = kit(liar.base)
        door.forbid = (403, json.dumps({"message": "no \x1b[31mreport\nrights " + "x" * 500}).encode())
        with pytest.raises(AuthFailed) as caught:
            await made.client.send(CALL)
        assert caught.value.text.startswith("HTTP 403: no \ufffd[31mreport rights xxx")
        assert len(caught.value.text) == 200
        assert caught.value.status == 403
        asked = len(liar.asked)
        ends = await asyncio.gather(*(made.client.send(CALL) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(e, AuthFailed) and e.text == caught.value.text for e in ends)
        assert len(liar.asked) == asked
        door.forbid = None
        made.client.drop_session()
        assert (await made.client.send(CALL)).status == 200


async def test_a_refused_credential_is_tried_once_until_there_is_another(kit: MakeKit) -> None:
    async with Liar(door := Door()) as liar:
        door.password = "another-word"
        made = kit(liar.base)
        ends = await asyncio.gather(*(made.client.send(CALL) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(e, AuthFailed) for e in ends)
        with pytest.raises(AuthFailed) as caught:
            await made.client.send(CALL)
        assert "s3cret-word" not in caught.value.text  # the vendor repeated it, we do not
        assert "(hidden)" in caught.value.text
        assert len(liar.asked) == 1
        made.fields["password"] = "another-word"
        await made.client.sign_in()
        assert (await made.client.send(CALL)).status == 200


async def test_a_refusal_about_the_job_is_handed_back_when_asked_for(kit: MakeKit) -> None:
    async with Liar(door := Door()) as liar:
        made = kit(liar.base)
        door.forbid = (403, b'{"message": "already deleted"}')
        reply = await made.client.send(Request("DELETE", "/files/1", refusal_is_answer=True))
        assert reply.status == 403
        assert made.vendor.sign_ins == 2  # on a fresh session only
        door.forbid = None
        assert (await made.client.send(CALL)).status == 200
        door.forbid = (401, b"")
        with pytest.raises(AuthFailed, match="HTTP 401, no reason given"):
            await made.client.send(Request("DELETE", "/files/1", refusal_is_answer=True))


@pytest.mark.parametrize(("lifetime", "renewed_after"), [(1200.0, 1170.0), (20.0, 10.0)])
async def test_a_session_is_renewed_before_it_ends(
    kit: MakeKit, lifetime: float, renewed_after: float
) -> None:
    clock = ManualClock()
    async with Liar(Door()) as liar:
        made = kit(liar.base, clock=clock, vendor=Vendor(lifetime=lifetime))
        await made.client.send(CALL)
        await clock.advance(renewed_after - 1)
        await made.client.send(CALL)
        assert (made.vendor.sign_ins, made.vendor.refreshes) == (1, 0)
        await clock.advance(2)
        await asyncio.gather(*(made.client.send(CALL) for _ in range(5)))
        assert (made.vendor.sign_ins, made.vendor.refreshes) == (1, 1)


async def test_a_failed_refresh_costs_one_sign_in(kit: MakeKit) -> None:
    clock = ManualClock()
    door = Door()
    for refusal in (
        lambda asked, peer: peer.answer(401, {"message": "refresh token is gone"}),
        lambda asked, peer: peer.answer(200, b"<html>"),
        lambda asked, peer: peer.answer(200, {"unexpected": 1}),
    ):
        door.refresh = refusal
        async with Liar(door) as liar:
            made = kit(liar.base, clock=clock, vendor=Vendor(lifetime=60))
            await made.client.send(CALL)
            await clock.advance(55)
            assert (await made.client.send(CALL)).status == 200
            assert (made.vendor.sign_ins, made.vendor.refreshes) == (2, 1)


async def test_a_refresh_without_answer_is_not_repeated_with_the_same_token(kit: MakeKit) -> None:
    clock = ManualClock()
    door = Door()

    async def cut(_: Asked, peer: Peer) -> None:
        peer.reset()

    door.refresh = cut
    async with Liar(door) as liar:
        made = kit(liar.base, clock=clock, vendor=Vendor(lifetime=60))
        await made.client.send(CALL)
        await clock.advance(55)
        with pytest.raises(Unreachable):
            await made.client.send(CALL)
        assert (await made.client.send(CALL)).status == 200
    assert (made.vendor.sign_ins, made.vendor.refreshes) == (2, 1)


async def test_a_throttled_refresh_keeps_its_session(kit: MakeKit) -> None:
    clock = ManualClock()
    door = Door()
    door.refresh = lambda asked, peer: peer.answer(429, b"", {"Retry-After": "10"})
    async with Liar(door) as liar:
        made = kit(liar.base, clock=clock, vendor=Vendor(lifetime=60))
        await made.client.send(CALL)
        await clock.advance(55)
        with pytest.raises(Throttled):
            await made.client.send(CALL)
        door.refresh = None
        await clock.advance(11)
        await made.client.send(CALL)
    assert (made.vendor.sign_ins, made.vendor.refreshes) == (1, 2)


async def test_a_vendor_clock_behind_ours_does_not_mean_a_sign_in_a_call(kit: MakeKit) -> None:
    class Behind(Vendor):
        async def sign_in(self, credential: Credential, old: Session | None, bare: Sender) -> Session:
            session = await super().sign_in(credential, old, bare)
            return Session(session.token, session.refresh, expires_at=clock.now() - 3600)

    clock = ManualClock()
    async with Liar(Door()) as liar:
        made = kit(liar.base, clock=clock, vendor=Behind())
        for _ in range(5):
            await made.client.send(CALL)
    assert made.vendor.sign_ins + made.vendor.refreshes == 1


async def test_a_jump_of_the_wall_clock_renews_nothing(kit: MakeKit) -> None:
    class Dated(Vendor):
        async def sign_in(self, credential: Credential, old: Session | None, bare: Sender) -> Session:
            session = await super().sign_in(credential, old, bare)
            return Session(session.token, session.refresh, expires_at=clock.now() + 1200)

    clock = ManualClock()
    async with Liar(Door()) as liar:
        made = kit(liar.base, clock=clock, vendor=Dated())
        await made.client.send(CALL)
        clock.jump(7200)
        await made.client.send(CALL)
    assert made.vendor.sign_ins + made.vendor.refreshes == 1


async def test_without_a_credential_nothing_is_sent(kit: MakeKit) -> None:
    async with Liar(Door()) as liar:
        made = kit(liar.base)
        made.has_credential = False
        with pytest.raises(NoCredential, match="reportdash login main"):
            await made.client.send(CALL)
        assert not liar.asked
        made.has_credential = True
        assert (await made.client.send(CALL)).status == 200


async def test_a_locked_keyring_is_told_in_its_own_sentence(kit: MakeKit) -> None:
    async def locked() -> Credential | None:
        raise CredentialProblem("the keyring is locked; unlock it")

    async with Liar(Door()) as liar:
        made = kit(liar.base, credential=locked)
        with pytest.raises(NoCredential, match="the keyring is locked; unlock it"):
            await made.client.send(CALL)


async def test_sign_ins_never_overlap_however_slowly_one_is_given_up(kit: MakeKit) -> None:
    class Slow(Vendor):
        async def sign_in(self, credential: Credential, old: Session | None, bare: Sender) -> Session:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                reply = await bare.send(Request("POST", "/login", json=dict(credential.fields)))
                return Session(reply.object()["accessToken"])
            finally:
                for _ in range(50):
                    await asyncio.sleep(0)
                self.at_once -= 1

    door = Door()
    door.login_waits = asyncio.Event()
    async with Liar(door) as liar:
        made = kit(liar.base, vendor=Slow())
        waiting = asyncio.ensure_future(made.client.send(CALL))
        while not liar.asked:
            await asyncio.sleep(0)
        made.client.drop_session()
        door.login_waits.set()
        other = asyncio.ensure_future(made.client.send(CALL))
        assert [r.status for r in await asyncio.gather(waiting, other)] == [200, 200]
    assert made.vendor.most_at_once == 1


async def test_a_new_credential_wins_over_a_sign_in_under_way(kit: MakeKit) -> None:
    door = Door()
    door.password = "another-word"
    door.login_waits = asyncio.Event()
    async with Liar(door) as liar:
        made = kit(liar.base)
        waiting = [asyncio.ensure_future(made.client.send(CALL)) for _ in range(3)]
        while not liar.asked:
            await asyncio.sleep(0)
        made.fields["password"] = "another-word"
        made.client.drop_session()
        door.login_waits.set()
        assert [r.status for r in await asyncio.gather(*waiting)] == [200] * 3
    assert made.vendor.most_at_once == 1


async def test_a_sign_in_answer_out_of_order_is_unreadable_not_a_crash(kit: MakeKit) -> None:
    async def script(_: Asked, peer: Peer) -> None:
        await peer.answer(200, {"token": "elsewhere"})

    async with Liar(script) as liar:
        with pytest.raises(BadPayload, match=r"not as documented \(KeyError\)") as caught:
            await kit(liar.base).client.send(CALL)
    assert caught.value.__context__ is None


async def test_closing_ends_a_sign_in_under_way(kit: MakeKit) -> None:
    door = Door()
    door.login_waits = asyncio.Event()
    async with Liar(door) as liar:
        made: Kit = kit(liar.base)
        waiting = asyncio.ensure_future(made.client.send(CALL))
        while not liar.asked:
            await asyncio.sleep(0)
        await made.client.aclose()
        with pytest.raises(Unreachable, match="closed"):
            await waiting
        with pytest.raises(Unreachable, match="closed"):
            await made.client.send(CALL)
        with pytest.raises(Unreachable, match="closed"):
            await made.client.send(Request("GET", "/", public=True))


async def test_the_scope_is_said_clean_and_without_the_token_itself(kit: MakeKit) -> None:
    class Telling(Vendor):
        async def sign_in(self, credential: Credential, old: Session | None, bare: Sender) -> Session:
            made = await super().sign_in(credential, old, bare)
            return Session(made.token, scope=f"read\x1b[2J {made.token}")

    async with Liar(Door()) as liar:
        client = kit(liar.base, vendor=Telling()).client
        await client.sign_in()
    assert client.token is not None and client.token.scope is not None
    assert client.token.scope.startswith("read") and client.token.scope.isprintable()
    assert "token-1-abcdef" not in repr(client.token)


@pytest.mark.parametrize("how", ["lifetime", "expires_at"])
@pytest.mark.parametrize("told", [1e300, 1.8e12, -1e300])
async def test_an_end_that_is_on_no_calendar_is_not_said(kit: MakeKit, how: str, told: float) -> None:
    """As of a vendor that writes milliseconds where seconds belong: the token is used all the same."""

    class Odd(Vendor):
        async def sign_in(self, credential: Credential, old: Session | None, bare: Sender) -> Session:
            made = await super().sign_in(credential, old, bare)
            return replace(made, **{how: told})  # type: ignore[arg-type]

    async with Liar(Door()) as liar:
        client = kit(liar.base, vendor=Odd()).client
        for _ in range(3):
            await client.send(CALL)
    assert len(liar.asked) == 4
    assert client.token is not None and client.token.expires_at is None
