"""The simulator as the demo's child process: one JSON line when ready, JSON lines in, gone with its parent.

Standard input carries `{"add": [{vendor, account, reference, name, report, stage, age_s, …}]}`, each line
answered by `{"added": n}` or `{"error": sentence}`. The process ends when standard input closes, when its
parent is gone, or on SIGTERM; its temporary folder goes with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from reportdash.simulator.server import Simulator

RATE = 2_000_000.0
"""Bytes a second of a larger download: enough to see its bar grow."""

NO_LIMIT = 10_000_000
"""WebAdMIT calls an hour where changes come faster than any real account may poll."""


def run_child(*, seed: int = 1, changes: float | None = None, chaos: bool = False, pace: float = 1.0) -> None:
    """Run until standard input closes. Writes only to standard output."""
    asyncio.run(_run(Simulator(seed, pace, changes=changes, chaos=chaos, log=200)))


async def _run(sim: Simulator) -> None:
    parent = os.getppid()  # before we say that we are ready: from then on it may be killed
    stop = asyncio.Event()
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl+c is the parent's; the closing pipe tells us
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    sim.storage.rate = RATE
    if sim.world.changes is not None:
        sim.webadmit.limit = NO_LIMIT
    async with sim:
        _say({"urls": sim.urls, "accounts": sim.accounts(), "published": str(sim.published)})
        reader = threading.Thread(target=_read, args=(loop, lines, stop), daemon=True)
        reader.start()
        tasks = [asyncio.create_task(_serve(sim, lines)), asyncio.create_task(_orphaned(parent, stop))]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _read(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[bytes], stop: asyncio.Event) -> None:
    """Standard input line by line, in a thread: works for pipes, files and terminals alike."""

    def tell(do: Callable[..., Any], *args: Any) -> None:
        try:
            loop.call_soon_threadsafe(do, *args)
        except RuntimeError:
            return  # the loop has ended already

    rest = b""
    while chunk := _chunk():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            tell(lines.put_nowait, line)
    tell(stop.set)


def _chunk() -> bytes:
    try:
        return os.read(0, 1 << 16)
    except OSError:
        return b""


async def _orphaned(parent: int, stop: asyncio.Event) -> None:
    """Stop when the parent is gone, even if somebody else still holds the other end of the pipe."""
    while not stop.is_set() and os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)
    stop.set()


async def _serve(sim: Simulator, lines: asyncio.Queue[bytes]) -> None:
    while True:
        line = await lines.get()
        if line.strip():
            _say(_obey(sim, line))


def _obey(sim: Simulator, line: bytes) -> dict[str, Any]:
    try:
        jobs = json.loads(line)["add"]
        for job in jobs:
            sim.add(**job)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"added": len(jobs)}


def _say(value: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.close(1)  # nobody listens; the closing input ends us
