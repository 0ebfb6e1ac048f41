"""Shows a saved file in the operator's pager: which command that is, and how it gets the terminal."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

FALLBACK = "less"
"""Of the pagers that are everywhere the one that shows a report's escapes and does not send them."""
SHOW_CONTROLS = "$ -+r -+R"
"""Behind what stands in $LESS: whoever wants colours from other programs gets no escapes from a report. The
`$` ends an option that takes a text."""
_WITHHELD = "REPORTDASH_SECRET__"
LOOKS, BETWEEN = 10, 0.05
"""How often, and after how many seconds each time, a pager that was told to end is looked for before it is
killed."""

Find = Callable[[str], str | None]


class NoPager(Exception):
    """There is nothing to show a file with; the text is a sentence on it."""


def command(path: Path, environ: Mapping[str, str], find: Find = shutil.which) -> list[str]:
    """$PAGER, else less, with the file as its only further word. Raises NoPager."""
    given = environ.get("PAGER", "").strip()
    try:
        words = shlex.split(given)
    except ValueError:
        raise NoPager(f"$PAGER cannot be read, a quote is not closed: {given}") from None
    if words and find(words[0]) is None:
        raise NoPager(f"$PAGER names {words[0]}, which is not on this server")
    if not words and find(FALLBACK) is None:
        raise NoPager(f"there is no {FALLBACK} on this server; set $PAGER")
    # An absolute path never looks like an option.
    return [*(words or [FALLBACK]), str(path.absolute())]


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """What any program that we start may have of our environment."""
    return {name: value for name, value in environ.items() if not name.startswith(_WITHHELD)}


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a pager: no secret, no way to a shell, and what a report holds is only shown."""
    kept = without_secrets(environ)
    return {**kept, "LESSSECURE": "1", "LESS": kept.get("LESS", "") + SHOW_CONTROLS}


async def show(words: list[str]) -> str:
    """Run the pager on the terminal, which is its own meanwhile; what went wrong, else empty.

    The loop goes on, so that polls and downloads do. Cancelling ends the pager.
    """
    with _modes_kept(), _keys_for_the_pager():
        try:
            process = await asyncio.create_subprocess_exec(*words, env=environment(os.environ))
        except OSError as error:
            return f"{words[0]}: {error.strerror or 'does not start'}"
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                await _end(process.pid)
    return _how(words[0], process.returncode or 0)


def _how(name: str, code: int) -> str:
    """A pager's end in words, where it was not as anybody wanted it."""
    if code in (0, -signal.SIGINT, 128 + signal.SIGINT):
        return ""  # ctrl+c ends some of them, and is pressed for that
    if code < 0:
        return f"{name} was ended by signal {-code}"
    return f"{name} ended with code {code}"


async def _end(pid: int) -> None:
    """End a pager and all that it has started; it shares our group, so that the group can not be told."""
    family = list(_family(pid))
    _tell(family, signal.SIGTERM)
    for _ in range(LOOKS):
        await asyncio.sleep(BETWEEN)
        if not (family := list(filter(_lives, family))):
            return
    _tell(family, signal.SIGKILL)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _tell(family: list[int], number: signal.Signals) -> None:
    for one in family:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(one, number)


def _family(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from _family(int(child))


@contextmanager
def _modes_kept() -> Iterator[None]:
    """The terminal's modes as they were, however the pager ended."""
    modes = None
    with suppress(AttributeError, ValueError, OSError, termios.error):
        handle = sys.__stdin__.fileno()  # type: ignore[union-attr]
        modes = termios.tcgetattr(handle)
    try:
        yield
    finally:
        if modes is not None:
            with suppress(termios.error):
                termios.tcsetattr(handle, termios.TCSANOW, modes)


@contextmanager
def _keys_for_the_pager() -> Iterator[None]:
    """ctrl+c and ctrl+\\ in a pager reach every process of the terminal: here they mean nothing meanwhile.

    Handled, not ignored: what is ignored would stay so in the pager.
    """
    held = {}
    for number in (signal.SIGINT, signal.SIGQUIT):
        with suppress(ValueError):  # not in the main thread, as in some tests
            held[number] = signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
