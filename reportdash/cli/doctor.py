"""`doctor`: what this server needs for reportdash, looked at all at once, each finding with what to do.

Signs in at each account that has a credential; changes nothing, neither here nor at a vendor. Whatever hangs
is given up and said: keyring, vendor, ledger, disk.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from reportdash import __version__
from reportdash.cli.checks import files, network, secrets
from reportdash.cli.checks.finding import Finding, problem, said, show
from reportdash.cli.checks.terminal import terminal
from reportdash.cli.context import Place, chain_of, place
from reportdash.cli.endings import asynchronous
from reportdash.cli.output import say
from reportdash.cli.prompts import unlocked
from reportdash.clock import Clock, SystemClock
from reportdash.credentials import Chain, command
from reportdash.engine.seat import Find, Seat, finder, make_client, make_seat
from reportdash.errors import Exit, UsageProblem, worst
from reportdash.model import Credential
from reportdash.net.offloop import aside
from reportdash.settings import Settings, config_path, first_look
from reportdash.vendors import registry

PATIENCE = 6.0
"""Seconds for every check, all at once; a credential_command has its own on top of them, as everywhere."""
LEAVING = 0.5
"""Seconds for connections to close."""


@dataclass(slots=True, frozen=True)
class Patient:
    """What is looked at: the run's place, its credentials, and each account's seat."""

    place: Place
    chain: Chain
    seats: Mapping[str, Seat]
    environ: Mapping[str, str]
    clock: Clock

    @property
    def settings(self) -> Settings:
        return self.place.settings


@asynchronous
async def doctor(args: argparse.Namespace) -> int:
    """Look at everything there is to look at. The exit code is the worst problem's."""
    try:
        here = place(args)
    except UsageProblem as trouble:
        show(_without_config(args, trouble), json=args.json)
        _aloud([trouble.text])
        return int(Exit.USAGE)
    findings = await _examined(here)
    show(findings, json=args.json)
    _aloud(found.text for found in findings if found.check == "ledger" and found.code is Exit.USAGE)
    return int(worst([found.code for found in findings]))


def _aloud(sentences: Iterable[str]) -> None:
    """What keeps every other command from running stands on stderr too, unless that is the same screen."""
    if not sys.stdout.isatty():
        for sentence in sentences:
            say(sentence)


def _without_config(args: argparse.Namespace, trouble: UsageProblem) -> list[Finding]:
    """What can be looked at while the config can not be read: nothing that would write or send."""
    first = first_look(config_path(args.config, os.environ), os.environ)
    return [
        _version(),
        said("config", Exit.USAGE, trouble.text),
        *terminal(first.glyphs, os.environ, _size()),
    ]


async def _examined(here: Place) -> list[Finding]:
    clock, chain = SystemClock(), chain_of(here)
    seats: dict[str, Seat] = {}
    for name, settings in here.settings.accounts.items():
        find = _once(finder(chain, name, settings))
        client = make_client(name, settings, find, trace=lambda job, exchange: None, clock=clock)
        seats[name] = make_seat(client, settings, find)
    try:
        await unlocked(chain, here.settings.accounts)
        return await findings_of(Patient(here, chain, seats, os.environ, clock))
    finally:
        closing = [asyncio.ensure_future(seat.client.aclose()) for seat in seats.values()]
        await asyncio.wait([*closing, asyncio.ensure_future(chain.aclose())], timeout=LEAVING)


def _once(find: Find) -> Find:
    """A credential that is looked for once: a credential_command is slow, and may ask somebody."""
    looked: list[Credential | None] = []

    async def found() -> Credential | None:
        if not looked:
            looked.append(await find())
        return looked[0]

    return found


async def findings_of(patient: Patient, patience: float = PATIENCE) -> list[Finding]:
    """Every finding, in the order they are printed; what takes longer than `patience` is a problem."""
    settings, environ, seats = patient.settings, patient.environ, patient.seats
    data, size = patient.place.data, _size()

    def blocking(check: str, work: Callable[[], Iterable[Finding]]) -> Awaitable[list[Finding]]:
        step = "look whether its disk answers, as one that lies on a dead network file system does not"
        return _bounded(check, aside(lambda: list(work())), patience, Exit.FAILED, step)

    async def signed_in(seat: Seat) -> list[Finding]:
        return [await network.account(seat, patience, command.PATIENCE)]

    stores = _bounded(
        "keyring",
        secrets.stores(patient.chain, data, settings.accounts, environ),
        patience,
        Exit.FAILED,
        "try again; where it stays so, restart the keyring",
    )
    # The stores come first: what they learn of a mute keyring, the accounts need not wait for.
    found = await asyncio.gather(
        stores,
        blocking("config", lambda: files.config(settings)),
        blocking("environment", lambda: secrets.environment(settings, environ)),
        blocking("ledger", lambda: files.ledger(patient.place.ledger)),
        blocking("reports", lambda: files.reports(settings.download_dir)),
        blocking("certificates", lambda: network.certificates(seats.values(), environ, patient.clock.now())),
        *(
            _bounded(
                f"account {name}",
                signed_in(seat),
                patience + (command.PATIENCE if seat.settings.credential_command else 0.0) + LEAVING,
                Exit.UNREACHABLE,
                "look at base_url and network, and at what its credential comes from",
            )
            for name, seat in seats.items()
        ),
    )
    kept, config, environment, ledger, reports, certificates, *accounts = found
    return [
        _version(),
        *config,
        *_plug_ins(settings),
        *environment,
        *ledger,
        *reports,
        *kept,
        *(finding for each in accounts for finding in each),
        network.clock(seats.values()),
        *network.proxy(seats.values(), environ),
        *certificates,
        *terminal(settings.glyphs, environ, size),
    ]


async def _bounded(
    check: str, work: Awaitable[list[Finding]], patience: float, code: Exit, step: str
) -> list[Finding]:
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=patience)
    if done:
        try:
            return task.result()
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            what = f"{where}it cannot be looked at ({error.strerror or type(error).__name__})"
            return [problem(check, code, what, "give yourself the right to read it")]
    # Not waited for: what hangs may not hear of it.
    task.cancel()
    return [problem(check, code, f"no answer within {patience:g} s", step)]


def _version() -> Finding:
    return Finding("version", f"reportdash {__version__}")


def _plug_ins(settings: Settings) -> list[Finding]:
    """What is installed beside our own vendors, and what of it can not be used."""
    found = [
        Finding("plug-in", ", ".join(word for word in (f"{name}: {package}", remark) if word))
        for name, package, remark in registry.inventory()
    ]
    return [*found, *(said("plug-in", Exit.USAGE, text) for text in settings.warnings())]


def _size() -> os.terminal_size | None:
    """The size of the terminal we write to; None: it is none."""
    with contextlib.suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stdout.fileno()) if sys.stdout.isatty() else None
    return None
