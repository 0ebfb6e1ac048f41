"""Shows a saved file in the operator's pager: which command that is, and how it gets the terminal."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

FALLBACKS = ("less", "more")

Find = Callable[[str], str | None]


class NoPager(Exception):
    """There is nothing to show a file with; the text is a sentence on it."""


def command(path: Path, environ: Mapping[str, str], find: Find = shutil.which) -> list[str]:
    """$PAGER, else less, else more, with the file as its only further word. Raises NoPager."""
    given = environ.get("PAGER", "").strip()
    try:
        words = shlex.split(given)
    except ValueError:
        raise NoPager(f"$PAGER cannot be read, a quote is not closed: {given}") from None
    if words and find(words[0]) is None:
        raise NoPager(f"$PAGER names {words[0]}, which is not on this server")
    if not words:
        words = [name for name in FALLBACKS if find(name) is not None][:1]
    if not words:
        raise NoPager(f"there is no {' and no '.join(FALLBACKS)} on this server; set $PAGER")
    # An absolute path never looks like an option.
    return [*words, str(path.absolute())]


async def show(words: list[str]) -> str:
    """Run the pager on the terminal, which is its own meanwhile; what went wrong, else empty.

    The loop goes on, so that polls and downloads do. Cancelling ends the pager.
    """
    with _keys_for_the_pager():
        try:
            process = await asyncio.create_subprocess_exec(*words, env={**os.environ, "LESSSECURE": "1"})
        except OSError as error:
            return f"{words[0]}: {error.strerror or 'does not start'}"
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
    return ""


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
