"""What every command needs first: the config, the folders, and for those that act, the engine."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from reportdash.cli.crash import report
from reportdash.cli.endings import LastResort, disregard, heeded
from reportdash.cli.output import note, say
from reportdash.clock import Clock, SystemClock
from reportdash.errors import Exit, PlugInBroken, UsageProblem
from reportdash.ledger import FILE_NAME
from reportdash.logins import KEYRING, VAULT
from reportdash.settings import LeftOut, Settings, config_path, data_dir, load
from reportdash.settings.bindings import KeyRules
from reportdash.tui.actions import ACTIONS, normal_key
from reportdash.tui.columns import NAMES
from reportdash.tui.keynames import fault as key_fault
from reportdash.unhandled import unhandled
from reportdash.vendors import registry

if TYPE_CHECKING:
    from reportdash.credentials import Chain
    from reportdash.credentials.unlocking import Unlocking
    from reportdash.engine.runtime import Engine
    from reportdash.model import Job
    from reportdash.vendors.contract import AccountSettings


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
    commands = {
        name: account.credential_command
        for name, account in here.settings.accounts.items()
        if account.credential_command
    }
    return Chain(environ=os.environ, folder=here.data, commands=commands)


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


def asynchronous(
    command: Callable[[argparse.Namespace], Coroutine[Any, Any, int]],
) -> Callable[[argparse.Namespace], int]:
    """Run an async command; SIGINT, SIGTERM and SIGHUP end it in order, with exit code 130.

    A fault in a task or callback that nobody waits for ends it as well, and is raised.
    """

    def run(args: argparse.Namespace) -> int:
        faults: list[BaseException] = []

        async def supervised() -> int:
            loop = asyncio.get_running_loop()
            task = asyncio.ensure_future(command(args))

            def unforeseen(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
                error = unhandled(context)
                if error is not None and not task.done():
                    faults.append(error)
                    task.cancel()

            loop.set_exception_handler(unforeseen)
            _heed(task)
            try:
                return await task
            except asyncio.CancelledError:
                return int(Exit.INTERRUPTED)
            finally:
                if task.cancelling():
                    last.arm()

        def last_words() -> int:
            return report(faults[0], args.data_dir) if faults else int(Exit.INTERRUPTED)

        last = LastResort(last_words)
        try:
            code = asyncio.run(supervised())
        finally:
            last.disarm()
        if faults:
            raise faults[0]
        return code

    run.__doc__ = command.__doc__
    return run


def _heed(task: asyncio.Task[Any]) -> None:
    """Let a signal cancel the task, once: the end it brings about is not to be cut short by the next one."""
    loop, numbers = asyncio.get_running_loop(), heeded()

    def told() -> None:
        for number in numbers:
            loop.add_signal_handler(number, lambda: None)
        task.cancel()

    for number in numbers:
        loop.add_signal_handler(number, told)


async def unlock(running: Engine, accounts: Iterable[str] | None = None) -> None:
    """Before a command signs in: where a credential of `accounts` (default: all) is in a locked vault or
    keyring, ask whoever sits at the terminal for its passphrase or password.

    Three tries; without a terminal, or an answer, it stays locked, and each account says so.
    """
    names = running.accounts if accounts is None else [n for n in accounts if n in running.accounts]
    if await unlocked(running.chain, {name: running.accounts[name].settings for name in names}):
        running.unlocked()


async def unlocked(chain: Chain, accounts: Mapping[str, AccountSettings]) -> bool:
    """The same before there is an engine; whether something was unlocked by what was typed."""
    from reportdash.errors import CredentialProblem

    if not on_terminal():
        return False
    fields = {name: settings.secret_fields() for name, settings in accounts.items()}
    unlocked = False
    try:
        if await chain.locked_keyring({name: (accounts[name].vendor, fields[name]) for name in accounts}):
            unlocked = await unlocked_store(chain, KEYRING)
        if await chain.locked_out(fields):
            unlocked |= await unlocked_store(chain, VAULT)
    except CredentialProblem as problem:
        note(_sentence(problem.text))
    return unlocked


async def unlocked_store(chain: Chain, store: str) -> bool:
    """Offer to unlock the keyring or the vault; whether it was done. Raises KeyringTrouble, VaultTrouble."""
    if store == KEYRING:
        prompt = "Password of the keyring (enter: leave it locked): "
        return await _opened(chain.unlock_keyring, prompt) is not None
    assert chain.vault is not None
    return await opened(chain.vault, "Passphrase of the vault (enter: leave it locked): ") is not None


async def opened(vault: Unlocking, prompt: str, undone: str = "nothing was done") -> str | None:
    """Say what keeps the vault locked, ask for its passphrase and open it; the passphrase that did.

    None: nothing was typed, or never the right one, which is said. Raises VaultTrouble for anything else.
    """
    why = (await vault.why_locked()).why
    if why:
        note(_sentence(why))
    return await _opened(vault.open, prompt, undone)


async def _opened(
    unlock: Callable[[str], Awaitable[None]], prompt: str, undone: str = "nothing was done"
) -> str | None:
    """Ask three times at most, until `unlock` takes what is typed, or nothing is."""
    from reportdash.credentials import KeyringTrouble, VaultTrouble

    for left in (2, 1, 0):
        with prompting(undone):
            typed = ask_secret(prompt)
        if not typed:
            return None
        try:
            await unlock(typed)
        except (KeyringTrouble, VaultTrouble) as trouble:
            if trouble.code != "wrong":
                raise
            words = trouble.text if left else trouble.text.replace("try again", "it stays locked")
            note(_sentence(words))
        else:
            return typed
    return None


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def on_terminal() -> bool:
    """Whether somebody can be asked, and sees the question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask_secret(prompt: str) -> str:
    """What is typed on the terminal without being shown. Inside `prompting`, which says a UnicodeError."""
    import getpass

    typed = getpass.getpass(prompt, stream=sys.stderr)
    typed.encode()
    return typed


@contextmanager
def prompting(undone: str = "nothing was done") -> Iterator[None]:
    """While a person is asked, on the main thread: a signal ends the question at once (KeyboardInterrupt).

    What that leaves `undone` is said. The loop rests meanwhile: its own handlers would wait for the
    answer first.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    numbers = heeded()

    def told(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, disregard)
        raise KeyboardInterrupt

    for number in numbers:
        loop.remove_signal_handler(number)
        signal.signal(number, told)
    interrupted = False
    try:
        yield
    except KeyboardInterrupt:
        interrupted = True
        note("")  # the prompt's line is over
        say(f"interrupted: {undone}")
        raise
    except UnicodeError:
        raise UsageProblem(
            f"what was typed is not UTF-8 text, so {undone}: set the terminal to UTF-8 and try again"
        ) from None
    except (EOFError, OSError, termios.error):
        raise UsageProblem(
            f"the input ended before the answer, so {undone}: run it again on a terminal"
        ) from None
    finally:
        if not interrupted:
            _heed(task)
