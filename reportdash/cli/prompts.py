"""What a command asks on the terminal: a word, a secret that is not shown, what unlocks a store."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from reportdash.cli.endings import disregard, heed, heeded
from reportdash.cli.output import note, say
from reportdash.errors import UsageProblem
from reportdash.logins import KEYRING, VAULT

if TYPE_CHECKING:
    from reportdash.credentials import Chain
    from reportdash.credentials.unlocking import Unlocking
    from reportdash.engine.runtime import Engine
    from reportdash.vendors.contract import AccountSettings


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
    """What is typed on the terminal without being shown. Inside `prompting`, which says a UnicodeError.

    ctrl+z gives the terminal back as it was and stops. Afterwards the question is asked again: the shell
    meanwhile has made the terminal show what is typed.
    """
    import getpass

    while True:
        try:
            with _stoppable():
                typed = getpass.getpass(prompt, stream=sys.stderr)
        except _Stopped:
            note("")  # the prompt's line is over
            os.kill(os.getpid(), signal.SIGTSTP)
        else:
            typed.encode()
            return typed


class _Stopped(Exception):
    """ctrl+z at a question."""


@contextmanager
def _stoppable() -> Iterator[None]:
    """Meanwhile ctrl+z raises `_Stopped`, unless a shell that knows no jobs has it ignored."""

    def told(number: int, frame: FrameType | None) -> None:
        signal.signal(number, disregard)
        raise _Stopped

    before = signal.getsignal(signal.SIGTSTP)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGTSTP, told)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)


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
            heed(task)
