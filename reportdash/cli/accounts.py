"""`accounts`: who we are at each vendor, and where the secret lives."""

from __future__ import annotations

import argparse
import asyncio

from reportdash.board.health import health_words, last_refusal
from reportdash.board.units import clock_text
from reportdash.cli.context import asynchronous, engine
from reportdash.cli.output import line_json, say, table
from reportdash.clock import rfc3339
from reportdash.errors import Exit
from reportdash.logins import NOWHERE
from reportdash.model import Account, Health

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
            now = running.clock.now()
            table(
                ("Account", "Vendor", "Credential", "Accepted", "Health", "What it says"),
                [
                    (
                        str(r["account"]),
                        str(r["vendor"]),
                        str(r["credential"] or ""),
                        _accepted(known.get(str(r["account"])), now),
                        _health(known.get(str(r["account"])), r, now),
                        _told(known.get(str(r["account"])), r, now),
                    )
                    for r in rows
                ],
            )
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


def _told(account: Account | None, row: dict[str, object], now: float) -> str:
    """The vendor's words, or what is missing; and the last refusal, where that is not how things are."""
    told = str(row["message"] or _no_key(row))
    if account is None or row["base_url"] is None:
        return told
    return "; ".join(filter(None, (told, last_refusal(account, now))))


def _health(account: Account | None, row: dict[str, object], now: float) -> str:
    """The screen's words; of an account that is left out its record's alone, whatever the ledger knows."""
    if account is None or row["base_url"] is None:
        return str(row["health"])
    words = health_words(account, now)
    return f"{words}, log in" if account.shown is Health.AUTH_FAILED else words


def _no_key(row: dict[str, object]) -> str:
    """What is to be done where there is no key at all; else empty."""
    home = str(row["credential"])
    what = "no key yet" if home == NOWHERE else "its key is gone" if home.endswith(", gone") else ""
    return what and f"{what}; `reportdash login {row['account']}` stores one"
