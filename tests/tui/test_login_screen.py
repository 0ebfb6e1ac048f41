"""Logging in from the screen: what is asked, tried and kept; a secret is on no screen and in no record."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reportdash.credentials import Chain
from reportdash.errors import AuthFailed
from reportdash.logins import refusal
from reportdash.model import Account, Health, Job, JobState, replace
from reportdash.simulator import Hang
from reportdash.simulator.wire import Reply
from reportdash.tui.screens.login import Login, Which, masked, meant
from tests.tui.desk import Desk, desk, job_in
from tests.tui.test_submit_screen import paste

CANARY = "Zq7canary9hunter2"


async def shut(
    at: Desk, *names: str, message: str = "invalid_client", keyless: bool = False
) -> dict[str, dict[str, str]]:
    """Take the accounts' keys away and let their vendor have refused the last one; the right keys."""
    keys = {name: at.rig.forget_key(name) for name in names}
    for name in names:
        await at.rig.ledger.change_account(
            name,
            lambda row: replace(
                row, health=Health.AUTH_FAILED, since=at.rig.clock.now(), message=message, keyless=keyless
            ),
        )
        await at.until(lambda name=name: health(at, name) is Health.AUTH_FAILED)
    return keys


async def place(at: Desk) -> str:
    """Where the key of `calls` lives."""
    return await at.rig.engine.chain.where("calls", "talkdesk", [("client_id", "client_secret")])


def health(at: Desk, name: str) -> Health | None:
    row = at.app.board.view.records.accounts.get(name)
    return row.health if row is not None else None


async def form_of(at: Desk) -> Login:
    """Press l, and wait until the form asks."""
    form = await at.ask("l")
    assert isinstance(form, Login)
    await at.shows("Try and keep")
    return form


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_a_key_that_works_is_kept_and_the_account_is_well_again(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with desk(tmp_path, size=size, accounts=("main", "calls")) as at:
        keys = (await shut(at, "calls"))["calls"]
        await form_of(at)
        assert "Log in to calls · Talkdesk" in at.text
        assert "Talkdesk refused the last key at" in at.text
        assert "invalid_client" in at.text
        assert "data-reports:read" in at.text
        assert "(•) Until I quit" in at.text
        assert "REPORTDASH_SECRET__CALLS__CLIENT_SECRET" in at.text
        assert "tried at Talkdesk before it is kept" in at.text
        await paste(at, keys["client_id"])
        await at.press("tab")
        await paste(at, keys["client_secret"])
        assert keys["client_id"] in at.text
        assert keys["client_secret"] not in at.text
        assert "•" * len(keys["client_secret"]) in at.text
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice == "calls: accepted by Talkdesk, the key is kept in memory until you quit"
        await at.until(lambda: health(at, "calls") is Health.OK)
        credential = await at.rig.engine.seat("calls").find_credential()
        assert credential is not None
        assert credential.source == "memory"
        assert dict(credential.fields) == keys


async def test_a_refused_key_is_told_in_the_vendors_words_and_nothing_typed_is_lost(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        await shut(at, "calls")
        form = await form_of(at)
        await paste(at, "nobody")
        await at.press("tab")
        await paste(at, CANARY)
        await at.press("enter")
        await at.shows("Talkdesk refused the key:")
        assert form.fields["client_id"].edit.text == "nobody"
        assert form.fields["client_secret"].edit.text == CANARY
        assert await place(at) == "none"
        assert health(at, "calls") is Health.AUTH_FAILED


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_a_refused_key_stays_in_its_field_and_what_the_next_key_does_is_said_and_seen(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    long = CANARY * 4
    async with desk(tmp_path, size=size, accounts=("calls",)) as at:
        await shut(at, "calls")
        form = await form_of(at)
        await paste(at, "nobody")
        await at.press("tab")
        await paste(at, long)
        await at.press("tab", "tab", "tab", "enter")
        await at.shows("Talkdesk refused the key:")
        secret = form.fields["client_secret"]
        assert form.focused_item is secret and secret.edit.text == long
        assert f"{len(long)} characters, refused: typing adds, ctrl+u empties" in at.text
        # More dots than the field has room for: the count shows what a key did.
        await at.press("x")
        assert f"{len(long) + 1} characters now" in at.text
        await at.press("ctrl+u")
        assert "0 characters now" in at.text and secret.edit.text == ""


async def test_a_vendor_that_repeats_the_secret_does_not_bring_it_to_the_screen(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        await shut(at, "calls")
        form = await form_of(at)
        answer = f'{{"error": "invalid_client", "error_description": "no client with {CANARY}"}}'
        at.rig.sim.inject("talkdesk", Reply(401, answer.encode()), path="*token*", times=None)
        await paste(at, "nobody")
        await at.press("tab")
        await paste(at, CANARY)
        await at.press("enter")
        await at.shows("Talkdesk refused the key:")
        assert CANARY not in at.text
        assert CANARY not in at.app.export_screenshot()
        assert CANARY not in repr(form.fields)
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        assert CANARY not in at.notice
        assert form.fields["client_secret"].edit.text == ""
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or CANARY.encode() not in path.read_bytes()


async def test_words_that_carry_the_secret_are_masked_whoever_says_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        await shut(at, "calls")
        await form_of(at)

        async def refused(*args: object) -> None:
            raise AuthFailed(f"no client with {CANARY}")

        monkeypatch.setattr(at.rig.engine, "try_credential", refused)
        await paste(at, "nobody")
        await at.press("tab")
        await paste(at, CANARY)
        await at.press("enter")
        await at.shows("refused the key: no client with •••.")
        assert CANARY not in at.app.export_screenshot()


async def test_escape_while_trying_stops_the_try_and_leaves_what_was_typed(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        keys = (await shut(at, "calls"))["calls"]
        form = await form_of(at)
        hang = Hang()
        at.rig.sim.inject("talkdesk", hang, path="*token*")
        await paste(at, keys["client_id"])
        await at.press("tab")
        await paste(at, keys["client_secret"])
        await at.press("enter")
        await at.until(hang.arrived.is_set)
        assert "trying…" in at.text
        await at.press("x", "escape")
        assert form.is_current
        assert not form.busy
        assert "nothing was kept" in at.text
        assert form.fields["client_secret"].edit.text == keys["client_secret"]
        hang.release()
        assert await place(at) == "none"
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        assert "accepted by Talkdesk" in at.notice


async def test_a_vendor_out_of_reach_keeps_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        keys = (await shut(at, "calls"))["calls"]
        await form_of(at)
        await at.rig.sim.stop()
        await paste(at, keys["client_id"])
        await at.press("tab")
        await paste(at, keys["client_secret"])
        await at.press("enter")
        await at.shows("can not be reached")
        assert "Nothing was kept" in at.text
        assert await place(at) == "none"


async def test_an_empty_field_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        await shut(at, "calls")
        before = len(at.rig.sim.calls("talkdesk"))
        form = await form_of(at)
        await paste(at, "somebody")
        await at.press("enter")
        assert "Client secret is empty." in at.text
        assert form.focused_item is form.fields["client_secret"]
        assert len(at.rig.sim.calls("talkdesk")) == before


async def test_a_key_that_was_cut_is_not_sent(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        await shut(at, "calls")
        form = await form_of(at)
        before = len(at.rig.sim.calls("talkdesk"))
        await paste(at, "somebody")
        await at.press("tab")
        await paste(at, CANARY * 1000)
        await at.press("enter")
        assert "Client secret is too long: a field here holds 1,999 characters" in at.text
        assert form.is_current and len(at.rig.sim.calls("talkdesk")) == before


async def test_a_webadmit_key_is_really_tried(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("admissions",)) as at:
        await shut(at, "admissions", message="no key yet", keyless=True)
        await form_of(at)
        assert "There is no key for admissions yet." in at.text
        assert "API key" in at.text
        await paste(at, CANARY)
        await at.press("enter")
        await at.shows("WebAdMIT refused the key:")


async def test_where_a_secret_can_live_is_looked_at_before_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        await shut(at, "calls")
        go = asyncio.Event()
        stores = at.rig.engine.chain.stores

        async def slow() -> object:
            await go.wait()
            return await stores()

        monkeypatch.setattr(at.rig.engine.chain, "stores", slow)
        await at.ask("l")
        await at.shows("Looking where a secret can live on this server.")
        assert "Client secret" not in at.text
        go.set()
        await at.shows("Client secret")


async def test_a_server_without_a_keyring_is_told_why_and_offers_what_works(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        await shut(at, "calls")
        # No bus in this environment, as over a plain SSH session.
        chain = Chain(environ=at.rig.environ)
        at.rig.engine.chain = chain
        try:
            await form_of(at)
            assert "No keyring can be reached" in at.text
            assert "no D-Bus" in at.text
            assert "( ) Keyring" not in at.text
            assert "(•) Until I quit" in at.text
            assert "credential_command" in at.text
        finally:
            await chain.aclose()


async def test_a_key_in_the_environment_is_said_to_go_first(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        await form_of(at)
        assert "The environment has a key, which goes first" in at.text


async def test_basic_sign_in_asks_for_user_and_password(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("billing",), auth="basic") as at:
        at.rig.forget_key("billing")
        form = await form_of(at)
        assert list(form.fields) == ["username", "password"]
        assert [field.secret for field in form.fields.values()] == [False, True]


async def test_which_account_is_asked_where_it_is_not_plain(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("main", "calls", "billing")) as at:
        assert isinstance(await at.ask("l"), Which)
        assert "Log in to which account" in at.text
        await at.press("down", "enter")
        await at.shows("Log in to calls · Talkdesk")


async def test_the_account_of_the_cursors_job_is_meant_where_none_is_in_trouble(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls", "main")) as at:
        await job_in(at, 1, JobState.FAILED, "failed")
        assert isinstance(await at.ask("l"), Login)
        assert "Log in to main · 7G" in at.text


def test_the_account_in_trouble_is_meant_before_the_one_of_the_cursor() -> None:
    well, bad = Account("a", "7g"), Account("b", "7g", health=Health.AUTH_FAILED)
    assert meant(["a", "b"], {"a": well, "b": bad}, [], {}) == "b"
    assert meant(["a", "b"], {"a": well, "b": well}, [], {}) is None
    assert meant(["a", "b"], {"a": bad, "b": bad}, [], {}) is None
    assert meant(["a"], {"a": well}, [], {}) == "a"


def test_a_key_locked_away_in_this_session_is_in_trouble_though_another_session_polls_it() -> None:
    well, bad = Account("a", "7g"), Account("b", "7g", health=Health.AUTH_FAILED)
    rows = {"a": well, "b": bad, "c": Account("c", "7g")}
    of_a = Job(id="aaaaaa", account="a", vendor="7g", name="a", reference="r", state=JobState.READY)
    assert meant(["a", "b", "c"], rows, [of_a], {"a": "vault", "c": "vault"}) == "a"
    assert meant(["a", "b", "c"], rows, [], {"a": "vault", "c": "vault"}) is None
    assert meant(["a", "b", "c"], rows, [], dict.fromkeys(rows, "vault")) == "a"  # one opens all


def test_a_secret_is_masked_before_words_are_cut() -> None:
    error = AuthFailed("x" * 290 + CANARY)
    error.text = masked(error.text, {"client_secret": CANARY, "client_id": "xx"})
    said = refusal(error, "Talkdesk")
    assert CANARY[:6] not in said
    assert "x" * 290 in said
