"""How a run ends in order: by a signal, of which one is enough; what `nohup` ignored stays ignored."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from reportdash.errors import Exit
from reportdash.unhandled import unhandled

if TYPE_CHECKING:
    import argparse

T = TypeVar("T")

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command in order."""
LEFT_OVER = 0.3
"""Seconds for what is left to do when nothing that matters is: a thread that still imports, for one."""


def heeded() -> list[signal.Signals]:
    """Those of them that nobody told us to ignore."""
    return [number for number in ENDINGS if signal.getsignal(number) is not signal.SIG_IGN]


def disregard(number: int, frame: object) -> None:
    """A handler, once we are leaving: a terminal that closes may send three signals at once."""


@contextmanager
def orderly() -> Iterator[None]:
    """Around the screen, which has handlers of its own: before it and after it a signal is a SystemExit."""

    def told(number: int, _: object) -> None:
        for each in held:
            signal.signal(each, disregard)
        raise SystemExit(int(Exit.INTERRUPTED if number == signal.SIGINT else Exit.OK))

    held = {number: signal.getsignal(number) for number in heeded()}
    for number in held:
        signal.signal(number, told)
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)


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
            heed(task)
            try:
                return await task
            except asyncio.CancelledError:
                return int(Exit.INTERRUPTED)
            finally:
                if task.cancelling():
                    last.arm()

        def last_words() -> int:
            if not faults:
                return int(Exit.INTERRUPTED)
            from reportdash.cli.crash import report

            return report(faults[0], args.data_dir)

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


def heed(task: asyncio.Task[Any]) -> None:
    """Let a signal cancel the task, once: the end it brings about is not to be cut short by the next one."""
    loop, numbers = asyncio.get_running_loop(), heeded()

    def told() -> None:
        for number in numbers:
            loop.add_signal_handler(number, lambda: None)
        task.cancel()

    for number in numbers:
        loop.add_signal_handler(number, told)


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Do what a thread carries out in any case: a signal that comes meanwhile is heeded when it is over."""
    doing = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait({doing})
        if not doing.cancelled():
            doing.exception()  # looked at: the signal is what is told
        raise


class LastResort:
    """Ends the process when what is left to do hangs: a thread in a dead file system, a task without end.

    Armed when all that matters is done: the ledger is closed, the leases are free, the terminal is back.
    """

    def __init__(self, last_words: Callable[[], int]) -> None:
        self._last_words = last_words
        self._timer: threading.Timer | None = None

    def arm(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(LEFT_OVER, self._end)
            self._timer.daemon = True
            self._timer.start()

    def disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        code = 70
        try:
            code = self._last_words()
        finally:
            os._exit(code)
