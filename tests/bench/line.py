"""The line to a measured program: a PTY that answers, keeps every chunk with its time, and replays it later.

While a program is timed the terminal does nothing but read, so that it takes no time from what it measures;
pyte sees the same bytes afterwards. All times are `time.perf_counter`, the same clock in every process here.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyte

from tests.bench.python import environment
from tests.terminal.pty import PATIENCE, Terminal

COLUMNS, LINES = 140, 40
PAGE = os.sysconf("SC_PAGE_SIZE")


class Chunk(NamedTuple):
    """What one read gave, when, and the program's resident bytes then."""

    at: float
    data: bytes
    resident: int


class Line(Terminal):
    """A program on a PTY of 140×40 with true colour. `watching`: pyte follows at once instead of later."""

    def __init__(
        self, program: Sequence[str], *, env: Mapping[str, str] | None = None, watching: bool = False
    ) -> None:
        self.watching = watching
        self.chunks: list[Chunk] = []
        self.started = time.perf_counter()
        super().__init__(
            [],
            columns=COLUMNS,
            lines=LINES,
            env={**environment(), **(env or {})},
            program=[sys.executable, *program],
        )

    def _read(self, wait: float, *, once: bool = False) -> bool:
        ready, _, _ = select.select([self._master], [], [], wait)
        if not ready:
            return not once and self.process.poll() is None
        try:
            data = os.read(self._master, 1 << 20)
        except OSError:
            return False
        self.chunks.append(Chunk(time.perf_counter(), data, resident(self.process.pid)))
        self._answer(data)
        if self.watching:
            self._stream.feed(data)
        return True

    def catch_up(self) -> None:
        """Let pyte see all that came, and follow from now on."""
        if not self.watching:
            for chunk in self.chunks:
                self._stream.feed(chunk.data)
            self.watching = True

    def listen(self, seconds: float) -> None:
        """Read for so long."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0 and self.process.poll() is None:
            self._read(left)

    def quiet(self, seconds: float, patience: float = PATIENCE) -> None:
        """Read until nothing came for so long. Raises AssertionError when that never happens."""
        until = time.perf_counter() + patience
        while self._some(seconds):
            if time.perf_counter() > until:
                raise AssertionError("the program never comes to rest")

    def _some(self, seconds: float) -> bool:
        before = len(self.chunks)
        self._read(seconds)
        return len(self.chunks) > before

    def wait_for(self, wanted: bytes, patience: float = PATIENCE) -> None:
        """Read until these bytes came. Raises AssertionError when they never do."""
        until = time.perf_counter() + patience
        tail, seen = b"", 0
        while wanted not in tail:
            if time.perf_counter() > until or self.process.poll() is not None:
                raise AssertionError(f"never sent: {wanted!r}")
            self._read(0.05)
            tail = tail[-len(wanted) :] + b"".join(chunk.data for chunk in self.chunks[seen:])
            seen = len(self.chunks)


def screens(chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, pyte.Screen]]:
    """What the terminal shows after each chunk; it is one screen, which goes on changing."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    for chunk in chunks:
        stream.feed(chunk.data)
        yield chunk, screen


def first_time(chunks: Sequence[Chunk], shown: Callable[[str], bool]) -> Chunk:
    """The chunk after which the screen's text is as wanted. Raises AssertionError when it never is."""
    for chunk, screen in screens(chunks):
        text = "\n".join(screen.display)
        if shown(text):
            return chunk
    raise AssertionError("never on the screen")


def resident(pid: int) -> int:
    """Bytes of memory of a process that are in RAM; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


class Cpu:
    """CPU seconds of a process by the scheduler's own count, ended threads included as last seen."""

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._seen: dict[str, int] = {}

    def seconds(self) -> float:
        """Since the process began; call it now and then, for a thread that has ended is seen no more."""
        for task in self._tasks.iterdir():
            try:
                self._seen[task.name] = int((task / "schedstat").read_text().split()[0])
            except (OSError, IndexError):
                continue
        return sum(self._seen.values()) / 1e9
