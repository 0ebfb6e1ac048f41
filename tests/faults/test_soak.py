"""A long run is steady: memory, descriptors, threads and children stay, and no job and no file is lost.

REPORTDASH_SOAK_JOBS and REPORTDASH_SOAK_SECONDS set the size: a few seconds by default; 500 and 600 is ten
minutes. REPORTDASH_SOAK_SAYS prints what was measured.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

from tests.faults.soak import LONG, PHASES, Figures, Soak, soak
from tests.terminal.pty import Terminal

JOBS = int(os.environ.get("REPORTDASH_SOAK_JOBS", "20"))
SECONDS = float(os.environ.get("REPORTDASH_SOAK_SECONDS", "2"))
DRIFT, SHORT_DRIFT = 0.05, 0.15
THREADS = 4 + min(32, (os.cpu_count() or 1) + 4)
"""Those that stay: the main one, the ledger's, the screen's two, and the pool, filled as needed."""
BESIDE = 4 + 4 + 2
"""Those that come and go: one a download, of four; one an account's name lookup; a preview, a disk asked."""
POOL = 40
"""Sockets of four accounts and four downloads, at most."""


def steady(figures: Figures, made: Soak, count: int) -> None:
    """The promise, on what was measured."""
    told = (
        f"{count} files; {figures}; {made.swapped} swapped, {made.restarts} restarts; {dict(made.befallen)}"
    )
    if os.environ.get("REPORTDASH_SOAK_SAYS"):
        print(f"\n{told}")
    assert (
        made.restarts >= (PHASES if SECONDS >= LONG else 1)
        and sum(made.befallen.values()) > made.befallen[""]
    )
    assert figures.drift <= (DRIFT if SECONDS >= LONG else SHORT_DRIFT), told
    for what in ("files", "children"):
        first, *_, last = figures.resting(what)[1:]
        assert last <= first, f"{what}: {told}"
    assert max(figures.resting("threads")) <= THREADS, told
    assert max(figures.most("threads")) <= THREADS + BESIDE, told
    assert max(figures.most("sockets")) <= POOL, told
    assert max(figures.resting("sockets")) <= POOL // 2, told


async def test_a_watch_with_downloads_stays_as_it_is_under_500_jobs_and_bad_weather(tmp_path: Path) -> None:
    async with soak(tmp_path, JOBS, SECONDS) as made:
        process = await made.shell.start("watch", "--until", "never", "--download", "--json")
        assert process.stdout is not None and process.stderr is not None
        drains = [asyncio.ensure_future(stream.read()) for stream in (process.stdout, process.stderr)]
        try:
            figures = await made.run(process.pid)
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 120)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        said = [(await drain).decode() for drain in drains]
        assert process.returncode == 130, said[1]
        assert said[1] == ""
        steady(figures, made, await made.check())


KEYS = (
    "j",
    "j",
    "\r",
    "\t",
    "\t",
    "\x1b",
    "k",
    "?",
    "\x1b",
    "a",
    "\x1b",
    "\x10",
    "\x1b",
    "t",
    "\x1b",
    "n",
    "\x1b",
)
"""Moving, details, their tabs, help, accounts, palette, track, submit, each left again."""


class Hands:
    """Somebody at the keys, who also takes what comes over the line, in a thread."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play)
        self._failed: BaseException | None = None

    def __enter__(self) -> Hands:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _play(self) -> None:
        turn = 0
        try:
            # It ends with the board alone on the screen.
            while turn % len(KEYS) or not self._stop.is_set():
                for _ in range(5):
                    self._terminal._read(0.05, once=True)
                self._terminal.bytes.clear()
                key = KEYS[turn % len(KEYS)]
                self._terminal.send(key)
                if key == "\x1b":
                    # An escape and the key after it, read at once, are another key; a form left open would
                    # take what is meant for the board.
                    self._terminal.until(lambda text: "esc" not in text, patience=120)
                turn += 1
        except BaseException as error:
            self._failed = error


async def test_a_dashboard_stays_as_it_is_under_500_jobs_and_bad_weather(tmp_path: Path) -> None:
    async with soak(tmp_path, JOBS, SECONDS, auto_download=True) as made:
        with Terminal([], env=made.shell.environment(), cwd=tmp_path) as terminal:
            await asyncio.to_thread(terminal.until, "live")
            with Hands(terminal):
                figures = await made.run(terminal.process.pid)
            await asyncio.to_thread(terminal.until, lambda text: "esc" not in text)
            terminal.send("q")
            assert await asyncio.to_thread(terminal.finish) == 0
        steady(figures, made, await made.check())
