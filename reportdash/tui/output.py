"""What is painted, written from the screen's own loop, and never waited for.

Textual writes in a thread. There an answer waits for the interpreter's lock, and on a line that takes nothing
thirty frames stand in a queue, and behind them the loop with all that polls. Here a write goes out at once;
what the line does not take stays behind, and until it is gone nothing more is painted.
"""

from __future__ import annotations

import asyncio
import os
import select
import time
from collections.abc import Callable

PATIENCE = 0.5
"""Seconds the last bytes before the terminal is handed back may take; then it is taken for a dead one."""
AT_LEAST = 0.1
"""Seconds of it that are left to a line that has taken nothing for all that time before."""


class Output:
    """A terminal's line from `open` to `close`: `caught_up` after bytes left behind, `gone` at its end."""

    def __init__(self, handle: int, caught_up: Callable[[], None], gone: Callable[[], None]) -> None:
        self._handle = handle
        self._caught_up = caught_up
        self._gone = gone
        self._rest = b""
        self.lost = False
        """Whether it is gone."""
        self._since = 0.0
        """When it last took something, or was first offered what it did not take."""
        self._loop = asyncio.get_running_loop()

    @classmethod
    def open(cls, terminal: int, caught_up: Callable[[], None], gone: Callable[[], None]) -> Output | None:
        """By a handle of its own: whoever shares the terminal's would no longer wait for it either.

        None: it can not be opened once more, or it is no terminal at all.
        """
        for name in (os.ttyname, _own):
            try:
                handle = os.open(name(terminal), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            except OSError:
                continue
            return cls(handle, caught_up, gone)
        return None

    @property
    def behind(self) -> bool:
        """Whether the line has not yet taken all that was written."""
        return bool(self._rest)

    def write(self, data: bytes) -> None:
        """Send, in order, now or as soon as the line takes it."""
        if self.lost:
            return
        if self._rest:
            self._rest += data
            return
        self._rest = data
        self._since = time.monotonic()
        self._send()
        if self._rest:
            self._loop.add_writer(self._handle, self._ready)

    def drain(self, seconds: float) -> None:
        """Wait until the line has taken everything, but no longer than this."""
        until, poll = time.monotonic() + seconds, select.poll()
        poll.register(self._handle, select.POLLOUT)
        while self._rest and (left := until - time.monotonic()) > 0:
            poll.poll(left * 1000)
            self._send()

    def close(self) -> None:
        """The last of it, then hand the terminal back."""
        self.drain(max(AT_LEAST, self._since + PATIENCE - time.monotonic()))
        self._loop.remove_writer(self._handle)
        os.close(self._handle)

    def _ready(self) -> None:
        self._send()
        if not self._rest:
            self._loop.remove_writer(self._handle)
            if not self.lost:
                self._caught_up()

    def _send(self) -> None:
        try:
            self._rest = self._rest[os.write(self._handle, self._rest) :]
            self._since = time.monotonic()
        except BlockingIOError:
            return
        except OSError:
            self._rest, self.lost = b"", True
            self._gone()


def _own(terminal: int) -> str:
    """The name everybody may open their own terminal by: after `su` it belongs to somebody else.

    Raises OSError where it is not the terminal of this session.
    """
    os.tcgetpgrp(terminal)
    return "/dev/tty"
