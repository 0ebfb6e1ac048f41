"""A real terminal around a real process: a PTY whose bytes go into pyte, so a test sees what people see."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from tests.cli.warm import Run

PATIENCE = 120.0
"""Seconds until a screen that never comes fails the test; a passing test never waits for it."""

NOT_OURS = ("COLUMNS", "LINES", "PYTHONUNBUFFERED")
"""Variables of whoever runs the tests that people do not have: without a buffer nothing is left in one."""


class Terminal:
    """`with Terminal(["demo"]) as terminal: terminal.until("reportdash"); terminal.send("q")`.

    `warm`: forked from a process that has the imports behind it, where the start is not what is under test.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        columns: int = 140,
        lines: int = 40,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        program: Sequence[str] = (sys.executable, "-m", "reportdash"),
        warm: bool = False,
    ) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.bytes = bytearray()
        self._text, self._text_at = "", (-1, 0, 0)
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        environ = {
            **{name: value for name, value in os.environ.items() if name not in NOT_OURS},
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            **(env or {}),
        }
        self.process: subprocess.Popen[bytes] | Run
        if warm:
            self.process = Run(words, environ, Path(cwd or Path.cwd()), [slave] * 3, slave)
            return
        self.process = subprocess.Popen(
            # It makes the terminal its own by itself: a fork of this process, where threads run, had better
            # do nothing but start it.
            ["setsid", "--ctty", *program, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=environ,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self._master, self._slave):
            if descriptor >= 0:
                os.close(descriptor)

    @property
    def text(self) -> str:
        """What stands on the screen now."""
        at = (len(self.bytes), self.screen.columns, self.screen.lines)
        if at != self._text_at:  # taking a screen apart costs more than most bytes that came since
            self._text_at = at
            # Not pyte's `display`, which fails in the middle of a frame, over half a wide character.
            rows, columns = self.screen.buffer, range(self.screen.columns)
            lines = ("".join(rows[y][x].data for x in columns) for y in range(self.screen.lines))
            self._text = "\n".join(line.rstrip() for line in lines)
        return self._text

    def overwrite(self, data: bytes) -> None:
        """What somebody else writes on the screen."""
        self._stream.feed(data)
        self._text_at = (-1, 0, 0)

    def send(self, keys: str) -> None:
        # A lone surrogate stands for a byte that is no UTF-8.
        os.write(self._master, keys.encode(errors="surrogateescape"))

    def hang_up(self) -> None:
        """The line drops: the master side is closed, and the kernel sends SIGHUP."""
        os.close(self._slave)
        self._slave = -1
        os.close(self._master)
        self._master = -1

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, wanted: str | Callable[[str], bool], patience: float = PATIENCE) -> str:
        """Read until the screen shows `wanted`; the text on it. Fails with the screen when it never does."""
        seen = (lambda text: wanted in text) if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + patience
        while not seen(self.text):
            if time.monotonic() > deadline or not self._read(0.2):
                raise AssertionError(f"never on the screen: {wanted!r}\n{self.text}")
        return self.text

    def finish(self, patience: float = PATIENCE) -> int:
        """Read until the process ends; its exit code."""
        deadline = time.monotonic() + patience
        while (code := self.process.poll()) is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"still running\n{self.text}")
            self._read(0.05)
        while self._read(0.05, once=True):
            pass
        return code

    def _read(self, wait: float, *, once: bool = False) -> bool:
        """Take what has come; False when nothing can come any more (or, with `once`, nothing came)."""
        ready, _, _ = select.select([self._master], [], [], wait)
        if not ready:
            return not once and self.process.poll() is None
        try:
            data = os.read(self._master, 65_536)
        except OSError:
            return False
        self.bytes += data
        self._answer(data)
        self._stream.feed(data)
        return True

    def _answer(self, data: bytes) -> None:
        """What a terminal says when asked: where the cursor is, and that it knows synchronized output."""
        if b"\x1b[?2026$p" in data:
            os.write(self._master, b"\x1b[?2026;2$y")
        if b"\x1b[6n" in data:
            os.write(self._master, b"\x1b[1;1R")

    def modes_left_on(self) -> list[str]:
        """Names of terminal modes the program switched on and did not switch off again."""
        left = []
        for code in ("1049", "1000", "1002", "1003", "1006", "1015", "2004", "1004"):
            on, off = self.bytes.rfind(f"\x1b[?{code}h".encode()), self.bytes.rfind(f"\x1b[?{code}l".encode())
            if on > off:
                left.append(code)
        if self.bytes.rfind(b"\x1b[?25l") > self.bytes.rfind(b"\x1b[?25h"):
            left.append("cursor hidden")
        return left

    def tty_is_as_before(self) -> bool:
        return termios.tcgetattr(self._slave) == self.before


def wait_for(true: Callable[[], bool], what: str) -> None:
    """Until it is so; `what` went wrong when it never is."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def stopped(pid: int) -> bool:
    """Whether a process was put to a stop, as by ctrl+z."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
