"""`doctor`: what this server needs for reportdash, looked at one after the other, each with what to do.

Signs in at each account that has a credential; changes nothing, neither here nor at a vendor.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reportdash import __version__
from reportdash.cli.context import asynchronous, engine, unlock
from reportdash.cli.output import data, line_json
from reportdash.engine.runtime import Engine, Seat
from reportdash.errors import AuthFailed, CallFailed, Exit, NoCredential, Problem, worst
from reportdash.ledger.problems import remote
from reportdash.plain import clean
from reportdash.vendors import registry

FLOOR = 64 * 1024 * 1024
"""Free bytes below which downloads wait."""


@dataclass(slots=True, frozen=True)
class Finding:
    """One thing looked at. `code`: what the command ends with because of it; OK: it is well."""

    check: str
    code: Exit
    text: str

    @property
    def ok(self) -> bool:
        return self.code is Exit.OK


@asynchronous
async def doctor(args: argparse.Namespace) -> int:
    """Look at config, folders, ledger, keyring and accounts. The exit code is the worst finding's."""
    async with engine(args) as running:
        await unlock(running)
        findings = await _findings(running)
    if args.json:
        for found in findings:
            line_json({"check": found.check, "ok": found.ok, "text": found.text})
    else:
        width = max(len(found.check) for found in findings)
        for found in findings:
            data(f"{'ok' if found.ok else 'PROBLEM':7}  {found.check:{width}}  {clean(found.text, 1000)}")
    return int(worst([found.code for found in findings]))


async def _findings(running: Engine) -> list[Finding]:
    settings = running.settings
    count = len(settings.accounts)
    there = "" if settings.path.exists() else " (there is none: the defaults hold)"
    first = [
        Finding("version", Exit.OK, f"reportdash {__version__}"),
        Finding(
            "config", Exit.OK, f"{settings.path}{there}, {count} {'account' if count == 1 else 'accounts'}"
        ),
    ]
    jobs = len(await running.ledger.jobs())
    kind = running.ledger.networked
    words = f"{jobs} jobs; {remote(kind)}" if kind else f"{jobs} jobs"
    ledger = await asyncio.to_thread(_folder, "ledger", running.ledger.path.parent, lambda: words)
    reports = await asyncio.to_thread(_folder, "reports", settings.download_dir, lambda: "")
    store, *accounts = await asyncio.gather(
        _store(running), *(_account(seat) for seat in running.accounts.values())
    )
    return [*first, *_plug_ins(running), ledger, reports, store, *accounts]


def _plug_ins(running: Engine) -> list[Finding]:
    """What is installed beside our own vendors, and what of it can not be used."""
    found = [
        Finding("plug-in", Exit.OK, ", ".join(word for word in (f"{name}: {package}", remark) if word))
        for name, package, remark in registry.inventory()
    ]
    return [*found, *(Finding("plug-in", Exit.USAGE, text) for text in running.settings.warnings())]


def _folder(check: str, folder: Path, more: Callable[[], str]) -> Finding:
    """Whether a folder, or the nearest one above it that exists, can be written and has room."""
    near = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    if not near.is_dir() or not os.access(near, os.W_OK | os.X_OK):
        why = "cannot be written" if near.is_dir() else "is not a folder"
        return Finding(
            check, Exit.FAILED, f"{folder}: {near} {why}; give yourself the right, or name another"
        )
    free = shutil.disk_usage(near).free
    if free < FLOOR:
        return Finding(check, Exit.FAILED, f"{folder}: {free // 10**6} MB are free; make room on its disk")
    if near == folder and stat.S_IMODE(folder.stat().st_mode) & 0o002:
        return Finding(check, Exit.FAILED, f"{folder}: anyone may write there; `chmod o-w {folder}`")
    words = [str(folder), f"{free / 10**9:.1f} GB free", more()]
    return Finding(check, Exit.OK, ", ".join(word for word in words if word))


async def _store(running: Engine) -> Finding:
    """A missing keyring is no trouble by itself: credentials may come from elsewhere."""
    choices = [choice for choice in await running.chain.stores() if choice.name != "memory"]
    return Finding("keyring", Exit.OK, "; ".join(clean(choice.sentence, 300) for choice in choices) or "none")


async def _account(seat: Seat) -> Finding:
    check, login = f"account {seat.name}", f"`reportdash login {seat.name}`"
    try:
        if await seat.find_credential() is None:
            return Finding(check, Exit.CREDENTIALS, f"no credential; {login} stores one")
        await seat.client.sign_in()
        await seat.vendor.prove()
    except Problem as problem:
        return Finding(check, problem.exit_code, clean(problem.text, 300))
    except (AuthFailed, NoCredential) as error:
        words = clean(error.text, 200)
        return Finding(
            check, Exit.CREDENTIALS, f"{seat.vendor.title} refused the credential: {words}; {login}"
        )
    except CallFailed as error:
        words = clean(error.text, 200)
        return Finding(
            check, Exit.UNREACHABLE, f"{seat.settings.base_url}: {words}; look at base_url and network"
        )
    return Finding(check, Exit.OK, f"{seat.vendor.title} takes the credential, {seat.settings.base_url}")
