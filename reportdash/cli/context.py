"""What every command needs first: the config, the folders, and for those that act, the engine."""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reportdash.cli.output import say
from reportdash.clock import Clock, SystemClock
from reportdash.errors import PlugInBroken, UsageProblem
from reportdash.ledger import FILE_NAME
from reportdash.settings import LeftOut, Settings, config_path, data_dir, load
from reportdash.settings.bindings import KeyRules
from reportdash.tui.actions import ACTIONS, normal_key
from reportdash.tui.columns import NAMES
from reportdash.tui.keynames import fault as key_fault
from reportdash.vendors import registry

if TYPE_CHECKING:
    from reportdash.credentials import Chain
    from reportdash.engine.runtime import Engine
    from reportdash.model import Job


_PR_SET_DUMPABLE = 4


@dataclass(frozen=True)
class Place:
    """Where this run reads and writes. `settings` is validated as a whole before anything is sent."""

    settings: Settings
    data: Path
    read_only: bool

    @property
    def ledger(self) -> Path:
        return self.data / FILE_NAME


def place(args: argparse.Namespace, *, screen: bool = False) -> Place:
    """The run's config and folders. Raises UsageProblem for every config error, with file, line and key.

    A plug-in that can not be used is one sentence on stderr; its accounts are left out. `screen`: what only
    the dashboard needs is checked as well, the theme's name, and nothing is said.
    """
    path = config_path(args.config, os.environ)
    themes = None
    if screen:
        from reportdash.tui.theme import names

        themes = names(path.parent / "themes")
    explicit = args.config or os.environ.get("REPORTDASH_CONFIG")
    settings = load(
        path,
        account_class=registry.account_class,
        environ=os.environ,
        required=bool(explicit),
        known_actions=[action.id for action in ACTIONS],
        known_themes=themes,
        key_rules=KeyRules({action.id: action.keys for action in ACTIONS}, normal_key, key_fault),
        known_columns=NAMES,
        filter_fault=_filter_fault,
    )
    if themes is not None:
        _check_theme(settings.theme, path)
    settings = _tried(settings)
    for warning in () if screen else settings.warnings():
        say(warning)
    folder = data_dir(args.data_dir, os.environ)
    if args.debug:
        from reportdash import log
        from reportdash.net.trace import redact_body

        try:
            log.start(folder, redact_body)
        except OSError as error:
            raise UsageProblem(
                f"the log can not be written in {folder} ({error.strerror}); leave --debug away, or name "
                "another folder with --data-dir"
            ) from error
    return Place(settings, folder, bool(args.read_only or settings.read_only))


def _filter_fault(text: str) -> tuple[int, str] | None:
    """Where and why the filter of a view can not be read; None when it can."""
    from reportdash.board.query import QueryError, parse

    try:
        parse(text)
    except QueryError as error:
        return error.position, error.text
    return None


def _check_theme(name: str, config: Path) -> None:
    """A theme file is config too: what is wrong in it is said with its own place."""
    from reportdash.tui.theme import ThemeError
    from reportdash.tui.theme import load as load_theme

    try:
        load_theme(name, config.parent / "themes")
    except ThemeError as error:
        raise UsageProblem(str(error)) from None


def _tried(settings: Settings) -> Settings:
    """The settings without accounts whose plug-in loads, but does not stand up to being bound."""
    broken: dict[str, LeftOut] = {}
    for name, account in settings.accounts.items():
        try:
            registry.try_out(account)
        except PlugInBroken as found:
            broken[name] = LeftOut(account.vendor, found.what, found.remedy)
    return settings.without(broken) if broken else settings


@asynccontextmanager
async def engine(
    args: argparse.Namespace,
    *,
    download_ready: bool | Callable[[Job], bool] = False,
    clock: Clock | None = None,
) -> AsyncIterator[Engine]:
    """The engine on this run's ledger, stopped and flushed whatever happens."""
    from reportdash.cli.private import warn

    here = place(args)
    warn(here)
    async with engine_at(here, download_ready=download_ready, clock=clock) as running:
        say_rescued(running)
        yield running


def say_rescued(running: Engine) -> None:
    """A ledger that was damaged is told on stderr."""
    if running.ledger.rescued is not None:
        say(running.ledger.rescued.text)


def chain_of(here: Place) -> Chain:
    """Where this run's credentials come from, and where they are kept."""
    from reportdash.credentials import Chain

    undumpable()
    return Chain(environ=os.environ, folder=here.data, commands=_commands(here.settings))


def chain_again(chain: Chain, here: Place) -> Chain:
    """The one that is open already, with the commands that the config names by now."""
    chain.take_commands(_commands(here.settings))
    return chain


def _commands(settings: Settings) -> dict[str, Sequence[str]]:
    return {
        name: account.credential_command
        for name, account in settings.accounts.items()
        if account.credential_command
    }


def undumpable(pattern: Path = Path("/proc/sys/kernel/core_pattern")) -> None:
    """From here on there are secrets in memory: no core dump of it, not into a pipe either, which heeds no
    limit. Only where the kernel sends them into one: nobody can look into such a process, not even its user.
    """
    with suppress(OSError, AttributeError):  # not Linux
        if pattern.read_bytes().startswith(b"|"):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


@asynccontextmanager
async def engine_at(
    here: Place,
    *,
    download_ready: bool | Callable[[Job], bool] = False,
    clock: Clock | None = None,
    chain: Chain | None = None,
) -> AsyncIterator[Engine]:
    """The engine at a place that is known already. A damaged ledger is set aside and its jobs brought back:
    `ledger.rescued` tells. A `chain` that is handed in stays open, and its vault unlocked.
    """
    from reportdash.engine.runtime import Engine
    from reportdash.ledger import Ledger

    clock = clock or SystemClock()
    ledger = await Ledger.open(here.ledger, clock=clock, rescue=True)
    credentials = chain or chain_of(here)
    try:
        running = Engine(
            here.settings,
            ledger,
            credentials,
            clock=clock,
            read_only=here.read_only,
            download_ready=download_ready,
        )
        await running.start()
        try:
            yield running
        finally:
            await running.stop()
    finally:
        if chain is None:
            await credentials.aclose()
        await ledger.close()
