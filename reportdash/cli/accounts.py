"""`accounts`: who we are at each vendor, and where the secret lives."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence

from reportdash.board.health import KeyTrouble, health_words, key_trouble, last_refusal, trouble_said
from reportdash.board.units import clock_text
from reportdash.cli.after import with_key_step
from reportdash.cli.context import engine
from reportdash.cli.endings import asynchronous
from reportdash.cli.output import line_json, say, table, told_once
from reportdash.clock import rfc3339
from reportdash.engine.runtime import Engine
from reportdash.errors import Exit, Problem
from reportdash.logins import COMMAND, INCOMPLETE, NOWHERE, UNKNOWN, in_a_shell
from reportdash.model import NO_KEY, Account, Health

_PLAIN = "PLAIN TEXT"
LONG = 40
"""What is longer is said once, of the first account it is true of."""
_UNKNOWN = (
    "base_url",
    "credential",
    "health",
    "since",
    "until",
    "message",
    "failures",
    "accepted_at",
    "refused_at",
    "refusal",
    "token_expires_at",
    "scope",
    "slots_used",
    "slots",
    "requests_per_minute",
    "listed_at",
    "at_vendor_only",
    "read_only",
)
"""What only the vendor's plug-in could tell of an account, in the order of every record."""


@asynchronous
async def accounts(args: argparse.Namespace) -> int:
    """Accounts, where each credential lives, health; nothing is sent."""
    async with engine(args) as running:
        known = {account.name: account for account in await running.ledger.accounts()}
        homes = await asyncio.gather(
            *(
                running.chain.where(name, seat.vendor.name, seat.settings.secret_fields())
                for name, seat in running.accounts.items()
            )
        )
        rows: list[dict[str, object]] = []
        for (name, seat), home in zip(running.accounts.items(), homes, strict=True):
            row = known[name]
            rows.append(
                {
                    "account": name,
                    "vendor": seat.vendor.name,
                    "base_url": seat.settings.base_url,
                    "credential": home,
                    "health": str(row.shown),
                    "since": rfc3339(row.since),
                    "until": rfc3339(row.until),
                    "message": row.message,
                    "failures": row.failures,
                    "accepted_at": rfc3339(row.accepted_at),
                    "refused_at": rfc3339(row.refused_at),
                    "refusal": row.refusal,
                    "token_expires_at": rfc3339(token.expires_at) if (token := seat.client.token) else None,
                    "scope": token.scope if token else None,
                    "slots_used": await running.ledger.slots_used(name) if seat.vendor.policy.slots else None,
                    "slots": seat.slots,
                    "requests_per_minute": seat.settings.requests_per_minute,
                    "listed_at": rfc3339(row.listed_at),
                    "at_vendor_only": row.only_there_count if row.listed_at is not None else None,
                    "read_only": running.read_only or seat.settings.read_only,
                }
            )
        for name, left in running.settings.left_out.items():
            unknown = dict.fromkeys(_UNKNOWN)
            rows.append(
                {
                    "account": name,
                    "vendor": left.vendor,
                    **unknown,
                    "health": "unusable",
                    "message": left.text,
                }
            )
        if args.json:
            for record in rows:
                line_json(record)
        elif rows:
            await _show(running, rows, known)
        else:
            path = running.settings.path
            say(
                f"no account in {path}: write one there, or take the # away before the lines of one"
                if path.exists()
                else f"no account: there is no {path} yet; `reportdash config init` writes one to start from"
            )
        return int(Exit.OK)


def _accepted(account: Account | None, now: float) -> str:
    """When a credential was last accepted; `since` while it is good."""
    if account is None or account.accepted_at is None:
        return ""
    since = "" if account.health is Health.AUTH_FAILED else "since "
    return since + clock_text(account.accepted_at, now)


async def _show(running: Engine, rows: Sequence[dict[str, object]], known: Mapping[str, Account]) -> None:
    """A table for people, with what there is to say of an account, and to do."""
    now = running.clock.now()
    lines: list[tuple[str, ...]] = []
    for record in rows:
        name, home = str(record["account"]), str(record["credential"] or "")
        row = known.get(name) if record["base_url"] is not None else None
        if row is None:  # its record's words alone, whatever the ledger knows
            health, words = str(record["health"]), [str(record["message"] or "")]
        else:
            health, words = await _told(running, row, home, now)
        path = home.removeprefix(f"{_PLAIN}, ") if home.startswith(_PLAIN) else ""
        if path:
            moves = f"`reportdash login {name} --store vault` moves it"
            words.append(f"anybody who can read {path} has the key: {moves}")
        said = "; ".join(word.rstrip(".") for word in words if word)
        accepted = _accepted(known.get(name), now)
        lines.append((name, str(record["vendor"]), _PLAIN if path else home, accepted, health, said))
    once = told_once(((line[0], line[-1]) for line in lines), LONG)
    rows_shown = [(*line[:-1], said) for line, said in zip(lines, once, strict=True)]
    table(("Account", "Vendor", "Credential", "Accepted", "Health", "What it says"), rows_shown, below=True)


async def _told(running: Engine, row: Account, home: str, now: float) -> tuple[str, list[str]]:
    """An account's health in the screen's words, and its sentences: what it says, what to do about its key.

    What is wrong with the key at this moment goes before what was wrong when somebody last looked.
    """
    name, message = row.name, row.message or ""
    refused = row.health is Health.AUTH_FAILED
    before = key_trouble(row) if refused else None
    here = before not in (None, KeyTrouble.REFUSED)  # it never came to the vendor
    lack = await _lack(running, name) if home != COMMAND and (here or _is_lost(home)) else None
    health = health_words(row, now)
    if row.shown in (Health.OK, Health.AUTH_FAILED) and lack is not None:
        health = trouble_said(name, lack)
    elif row.shown is Health.AUTH_FAILED and here and home != COMMAND:
        health, message = "not asked yet", ""
    words = [] if refused else [message]
    said = lack or (message if refused else "")
    if said:
        trouble = trouble_said(name, lack) if lack else before
        words.append(in_a_shell(await with_key_step(running, name, said, trouble)))
    return health, [*words, last_refusal(row, now)]


async def _lack(running: Engine, name: str) -> str | None:
    """Why there is no key that can be used now, in the credentials' own words; None: there is one."""
    try:
        return NO_KEY if await running.seat(name).find_credential() is None else None
    except Problem as problem:
        return problem.text


def _is_lost(home: str) -> bool:
    """Whether where a key lives (`Chain.where`) tells that it cannot be used."""
    return (
        home in (NOWHERE, INCOMPLETE)
        or home.startswith((UNKNOWN, "vault, "))
        or home.endswith((", gone", ", unreadable entry"))
    )
