"""`accounts`: an account's health in the screen's words, and as a script reads it."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from reportdash.clock import SystemClock, rfc3339
from reportdash.ledger import Ledger
from reportdash.model import VAULT_LOCKED, Account, Health, replace
from reportdash.simulator import Simulator
from tests.cli.asked import kept, keyless
from tests.cli.conftest import Shell, toml
from tests.terminal.pty import Terminal


async def put(shell: Shell, **health: Account) -> None:
    """Let the ledger tell this of the accounts."""
    assert (await shell("accounts")).code == 0  # makes the rows
    ledger = await Ledger.open(shell.data / "ledger.db", clock=SystemClock())
    try:
        for name, told in health.items():
            await ledger.change_account(
                name,
                lambda row, told=told: replace(  # type: ignore[misc]
                    row,
                    health=told.health,
                    since=told.since,
                    until=told.until,
                    message=told.message,
                    keyless=told.keyless,
                    failures=told.failures,
                    accepted_at=told.accepted_at,
                    refused_at=told.refused_at,
                    refusal=told.refusal,
                ),
                durable=True,
            )
    finally:
        await ledger.close()


async def test_trouble_is_told_in_the_screens_words_and_in_the_json(shell: Shell, sim: Simulator) -> None:
    shell.write(toml(sim.accounts(), main={"requests_per_minute": 90}))
    since, until = time.time() - 120, time.time() + 1800
    await put(
        shell,
        admissions=Account("", "", Health.THROTTLED, since, until, "HTTP 429: slow down"),
        billing=Account("", "", Health.UNREACHABLE, since, until, "no connection", failures=7),
        calls=Account("", "", Health.AUTH_FAILED, since, message="invalid_client"),
    )

    table = (await shell("accounts")).out
    lines = {line.split()[0]: line for line in table.splitlines()}
    assert "throttled until " in lines["admissions"]
    assert time.strftime("%H:%M", time.gmtime(until)) in lines["admissions"]
    assert "unreachable since " in lines["billing"]
    assert ", next try " in lines["billing"]
    assert "key refused" in lines["calls"]
    assert "not asked yet" in lines["main"]

    rows = {row["account"]: row for row in map(json.loads, (await shell("accounts", "--json")).lines)}
    billing = rows["billing"]
    assert (billing["health"], billing["failures"]) == ("unreachable", 7)
    assert (billing["since"], billing["until"]) == (rfc3339(since), rfc3339(until))
    assert billing["message"] == "no connection"
    assert rows["admissions"]["health"] == "throttled"
    assert rows["admissions"]["until"] == rfc3339(until)
    assert rows["main"]["requests_per_minute"] == 90
    assert rows["billing"]["requests_per_minute"] is None
    assert (rows["main"]["health"], rows["main"]["failures"], rows["main"]["until"]) == ("ok", 0, None)


async def test_a_refusal_that_is_over_is_told_with_its_age_and_words(shell: Shell) -> None:
    at, since = time.time() - 3 * 3600 - 60, time.time() - 120
    await put(
        shell,
        calls=Account("", "", accepted_at=since, refused_at=at, refusal="invalid_client"),
        main=Account(
            "",
            "",
            Health.AUTH_FAILED,
            since,
            message=VAULT_LOCKED,
            keyless=True,
            refused_at=at,
            refusal="wrong password",
        ),
        billing=Account(
            "", "", Health.AUTH_FAILED, since, message="no access", refused_at=at, refusal="no access"
        ),
    )
    lines = {line.split()[0]: line for line in (await shell("accounts")).lines}
    assert "last refused 3h ago: invalid_client" in lines["calls"]
    assert time.strftime("since %H:%M", time.gmtime(since)) in lines["calls"]
    assert "not asked yet  last refused 3h ago: wrong password" in lines["main"]  # nothing is locked now
    assert "last refused" not in lines["billing"]  # it is refused now
    assert "last refused" not in lines["admissions"]
    rows = {row["account"]: row for row in (await shell("accounts", "--json")).rows}
    assert (rows["calls"]["refused_at"], rows["calls"]["refusal"]) == (rfc3339(at), "invalid_client")
    assert (rows["calls"]["health"], rows["calls"]["accepted_at"]) == ("ok", rfc3339(since))
    assert (rows["admissions"]["refused_at"], rows["admissions"]["refusal"]) == (None, None)


async def test_a_refusal_that_stands_is_told_with_its_time_and_words(shell: Shell) -> None:
    since = time.time() - 120
    await put(
        shell,
        calls=Account(
            "",
            "",
            Health.AUTH_FAILED,
            since,
            message="invalid_client",
            refused_at=since,
            refusal="invalid_client",
        ),
        main=Account(
            "", "", Health.AUTH_FAILED, since, message="no key yet", keyless=True
        ),  # refused by nobody
        billing=Account(
            "", "", Health.AUTH_FAILED, since, message=VAULT_LOCKED, keyless=True
        ),  # nor this one
    )
    rows = {row["account"]: row for row in (await shell("accounts", "--json")).rows}
    assert (rows["calls"]["refused_at"], rows["calls"]["refusal"]) == (rfc3339(since), "invalid_client")
    for name in ("main", "billing"):
        assert (rows[name]["refused_at"], rows[name]["refusal"]) == (None, None)
    # A command that asks nobody has no token.
    assert {(row["token_expires_at"], row["scope"]) for row in rows.values()} == {(None, None)}


def shown(shell: Shell, columns: int) -> list[str]:
    """What `accounts` puts on a terminal of so many columns."""
    with Terminal(
        ["accounts"], columns=columns, lines=60, env=shell.environment(), cwd=shell.folder
    ) as terminal:
        assert terminal.finish() == 0, terminal.text
        return [line for line in terminal.text.splitlines() if line]


@pytest.mark.parametrize("columns", [80, 140])
async def test_on_a_terminal_what_an_account_says_and_the_next_step_stand_below_its_line(
    shell: Shell, sim: Simulator, columns: int
) -> None:
    await kept(shell, sim, "main", "admissions")
    plain = shell.data / "credentials-PLAIN-TEXT.json"
    pins = json.loads((shell.data / "credential-stores.json").read_text())
    pins["entries"]["admissions"] = "plaintext"
    (shell.data / "credential-stores.json").write_text(json.dumps(pins))
    key = json.dumps({"v": 1, "origin": "http://x:1", "fields": {"api_key": "x"}})
    plain.write_text(json.dumps({"v": 1, "entries": {"admissions": key}}))
    now = time.time()
    await put(shell, billing=Account("", "", Health.UNREACHABLE, now, now + 600, "no connection " * 12))

    lines = await asyncio.to_thread(shown, shell, columns)
    names = ("main", "billing", "admissions", "calls")
    heads = [line.split() for line in lines if line.startswith(names)]
    assert [head[0] for head in heads] == list(names)
    found = [" ".join(head[2:4]) for head in heads]
    assert found == ["vault, locked", "none unreachable", "PLAIN TEXT", "none no"]
    told = " ".join(" ".join(lines).split())
    assert "name a file that holds it in REPORTDASH_VAULT_PASSPHRASE_FILE" in told
    for whole in ("`reportdash login admissions --store vault`", "`reportdash login calls`"):
        assert any(whole in line for line in lines), lines
    assert str(plain) in "".join(lines)  # a longer one than a line is left to the terminal


async def test_what_is_true_of_several_accounts_is_told_once(shell: Shell, sim: Simulator) -> None:
    await kept(shell, sim, "main", "billing")
    ran = await shell("accounts")
    assert ran.out.count("name a file that holds it in REPORTDASH_VAULT_PASSPHRASE_FILE") == 1
    billing = next(line for line in ran.out.splitlines() if line.startswith("billing"))
    assert billing.endswith("  as main")


async def test_an_account_that_has_no_key_or_whose_key_cannot_be_used_is_not_said_to_be_ok(
    shell: Shell, sim: Simulator
) -> None:
    keyless(shell, sim)
    shell.env = {"REPORTDASH_SECRET__BILLING__CLIENT_ID": "half"}
    shell.write(toml(sim.accounts(), calls={"credential_command": ["true"]}))
    lines = {line.split()[0]: line for line in (await shell("accounts")).lines}
    assert "no key yet; `reportdash login main` stores one" in lines["main"]
    assert "no usable key" in lines["billing"]
    assert "but not REPORTDASH_SECRET__BILLING__CLIENT_TOKEN" in lines["billing"]
    assert "not asked yet" in lines["calls"] and "`reportdash" not in lines["calls"]  # nobody looked


async def test_a_key_that_came_since_the_last_look_is_not_missed_any_more(shell: Shell) -> None:
    since = time.time() - 120
    await put(shell, main=Account("", "", Health.AUTH_FAILED, since, message="no key yet", keyless=True))
    (line,) = [line for line in (await shell("accounts")).lines if line.startswith("main")]
    assert "not asked yet" in line and "login" not in line
