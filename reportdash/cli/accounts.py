"""`accounts`, `login` and `logout`: who we are at each vendor, and where the secret lives."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from collections.abc import Sequence

from reportdash.board.health import health_words
from reportdash.cli.context import asynchronous, engine, prompting
from reportdash.cli.output import line_json, note, say, table
from reportdash.clock import rfc3339
from reportdash.credentials.values import variable
from reportdash.engine.runtime import Engine, Seat
from reportdash.errors import CallFailed, CredentialProblem, Exit, Unreachable, UsageProblem
from reportdash.model import Account, Health
from reportdash.plain import clean

_UNKNOWN = (
    "base_url",
    "credential",
    "health",
    "since",
    "until",
    "message",
    "failures",
    "accepted_at",
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
            table(
                ("Account", "Vendor", "Credential", "Health", "What it says"),
                [
                    (
                        str(r["account"]),
                        str(r["vendor"]),
                        str(r["credential"] or ""),
                        _health(known.get(str(r["account"])), r, running.clock.now()),
                        str(r["message"] or (_no_key(r) if r["credential"] == "none" else "")),
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


def _health(account: Account | None, row: dict[str, object], now: float) -> str:
    """The screen's words; of an account that is left out its record's alone, whatever the ledger knows."""
    if account is None or row["base_url"] is None:
        return str(row["health"])
    words = health_words(account, now)
    return f"{words}, log in" if account.shown is Health.AUTH_FAILED else words


def _no_key(row: dict[str, object]) -> str:
    return f"no key yet; `reportdash login {row['account']}` stores one"


@asynchronous
async def login(args: argparse.Namespace) -> int:
    """Ask for an account's secret, try it at the vendor, store it, read it back."""
    async with engine(args) as running:
        seat = running.seat(args.account)
        store = await _store(running, seat, args.store)
        sets = seat.settings.secret_fields()
        with prompting():
            values = _from_stdin(sets, seat) if args.stdin else _from_terminal(sets[0], seat)
        untried: str | None = None
        try:
            await running.try_credential(seat.name, values)
        except Unreachable as error:
            untried = clean(error.text, 200)
        except CallFailed as error:
            raise CredentialProblem(
                f"{seat.vendor.title} refused the credential of {seat.name}: "
                f"{clean(error.text, 200).rstrip('.')}; "
                "nothing was stored, check the fields and log in again"
            ) from error
        where = await running.chain.keep(seat.name, seat.vendor.name, values, seat.settings.origins(), store)
        await running.logged_in(seat.name)
        if untried is not None:
            say(f"{seat.name}: stored in {where}, but not tried: {untried}; `reportdash watch` will tell")
            return int(Exit.UNREACHABLE)
        say(f"{seat.name}: accepted by {seat.vendor.title}, stored in {where}")
        return int(Exit.OK)


async def _store(running: Engine, seat: Seat, wanted: str | None) -> str:
    """The store to use, known to work before anything secret is asked. Raises CredentialProblem."""
    choices = [choice for choice in await running.chain.stores() if choice.name != "memory"]
    names = [choice.name for choice in choices]
    if wanted is not None and wanted not in names:
        raise UsageProblem(
            f"--store takes {' or '.join(names)}; `{wanted}` is not a store that outlives this command"
        )
    for choice in choices:
        if choice.usable and wanted in (None, choice.name):
            return choice.name
    why = "; ".join(choice.sentence for choice in choices) or "no store is built in"
    # The store's sentence speaks of any account; here the variables of this one can be named.
    own = " and ".join(variable(seat.name, field) for field in seat.settings.secret_fields()[0])
    raise CredentialProblem(
        f"no place to keep a secret on this server: {why.replace(variable('<account>', '<field>'), own)}, "
        "or name a credential_command in the account"
    )


def _from_stdin(sets: Sequence[Sequence[str]], seat: Seat) -> dict[str, str]:
    known = {field for fields in sets for field in fields}
    values: dict[str, str] = {}
    try:
        text = sys.stdin.buffer.read(65_536).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageProblem("stdin is not UTF-8 text; save it as UTF-8, nothing was stored") from None
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        field, found, value = line.partition("=")
        field = field.strip()
        if not found or field not in known:
            # The line itself may hold the secret: only its number is repeated.
            raise UsageProblem(
                f"line {number} of stdin is not field=value with one of {', '.join(sorted(known))} "
                f"({seat.vendor.title}); nothing was stored"
            )
        values[field] = value
    for fields in sets:
        if all(values.get(field) for field in fields):
            return {field: values[field] for field in fields}
    wanted = " or ".join(" and ".join(fields) for fields in sets)
    raise UsageProblem(f"{seat.name} needs {wanted} as field=value lines on stdin; nothing was stored")


def _from_terminal(fields: Sequence[str], seat: Seat) -> dict[str, str]:
    if not sys.stdin.isatty():
        raise UsageProblem("login asks on a terminal, and there is none; give --stdin and field=value lines")
    note(f"Log in to {seat.name} ({seat.vendor.title}, {seat.settings.base_url})")
    values: dict[str, str] = {}
    for field in fields:
        prompt = f"{field.replace('_', ' ').capitalize()}: "
        if field in ("username", "client_id"):
            sys.stderr.write(prompt)
            sys.stderr.flush()
            values[field] = sys.stdin.readline().strip()
        else:
            values[field] = getpass.getpass(prompt, stream=sys.stderr)
        if not values[field]:
            raise UsageProblem(f"{field} is empty and nothing was stored; log in again and give it")
    return values


@asynchronous
async def logout(args: argparse.Namespace) -> int:
    """Remove the stored credential; the vendor hears nothing."""
    async with engine(args) as running:
        seat = running.seat(args.account)
        removed = await running.chain.remove(seat.name, seat.vendor.name)
        where = await running.chain.where(seat.name, seat.vendor.name, seat.settings.secret_fields())
        if where != "environment":
            await running.logged_out(seat.name)
            say(f"{seat.name}: {'removed' if removed else 'nothing was stored'}")
        else:
            say(
                f"{seat.name}: the environment still carries a credential; "
                "unset REPORTDASH_SECRET__… to end it"
            )
        return int(Exit.OK)
