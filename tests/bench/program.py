"""The real dashboard, with changes fed into its ledger at a stated rate and its loop watched.

Run as `python -m tests.bench.program [--feed KIND] [--rate R] [--lags FILE] [--unpaced]`. Nothing is touched
before the first paint; both begin when the dashboard opens its engine. KIND:

- `any`: a job chosen by chance is given another word by its vendor;
- `hidden`: the same, among jobs that are not on the screen;
- `cell`: one job on the screen, one character of it; `rows`: every job on the screen.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from reportdash.cli import dash
from reportdash.cli.main import main as reportdash
from reportdash.model import Job, replace

WORTH = 0.002
"""Seconds the loop may be late without a line in the file of lags."""


def _said(word: str) -> Callable[[Job], Job]:
    return lambda job: replace(job, vendor_status=word)


class Feed:
    """Changes for one dashboard's ledger."""

    def __init__(self, app: Any, ledger: Any, kind: str, rate: float) -> None:
        self.app = app
        self.ledger = ledger
        self.kind = kind
        self.rate = rate
        self.draw = random.Random(3)
        self.writes: set[asyncio.Future[Any]] = set()

    async def run(self) -> None:
        """Until it is cancelled. Late wake-ups are made up for, so that the rate holds."""
        begun, made = time.monotonic(), 0
        while True:
            await asyncio.sleep(max(0.01, 1 / self.rate))
            due = int((time.monotonic() - begun) * self.rate) - made
            for _ in range(min(due, 200)):
                made += 1
                for job in self._jobs():
                    self._write(job, made)

    def _jobs(self) -> list[Job]:
        view, table = self.app.board.view, self.app.board.table
        shown = range(table.top, min(table.top + table.page, len(view.rows)))
        if not len(view.rows):
            return []
        if self.kind == "rows":
            return [view.job_at(row) for row in shown]
        if self.kind == "cell":
            return [view.job_at(shown[5])]
        row = self.draw.randrange(len(view.rows))
        if self.kind == "hidden":
            while row in shown:
                row = self.draw.randrange(len(view.rows))
        return [view.job_at(row)]

    def _write(self, job: Job, number: int) -> None:
        word = f"step {number % 10}" if self.kind == "cell" else f"step {number % 97} of 97"
        write = asyncio.ensure_future(self.ledger.change(job.id, _said(word)))
        self.writes.add(write)
        write.add_done_callback(self.writes.discard)


async def _watch(lags: list[tuple[float, float]]) -> None:
    """Note when the loop was late, and by how much: (when it ended, seconds)."""
    pause = 0.001
    while True:
        before = time.perf_counter()
        await asyncio.sleep(pause)
        now = time.perf_counter()
        if now - before - pause > WORTH:
            lags.append((now, now - before - pause))


def main() -> None:
    gc.disable()  # as the installed command starts
    parser = argparse.ArgumentParser()
    parser.add_argument("--feed", choices=("any", "hidden", "cell", "rows"))
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--lags")
    parser.add_argument("--unpaced", action="store_true")
    args = parser.parse_args()
    real_app, real_load = dash._app, dash.load_engine
    lags: list[tuple[float, float]] = []

    def app_with(look: Any, ledger: Any, open_engine: Any, **how: Any) -> Any:
        made: list[Any] = []

        @asynccontextmanager
        async def opened() -> AsyncIterator[Any]:
            tasks = [asyncio.create_task(_watch(lags))] if args.lags else []
            async with AsyncExitStack() as stack:
                engine = await stack.enter_async_context(open_engine())
                if args.feed and args.rate:
                    feed = Feed(made[0], engine.ledger, args.feed, args.rate)
                    tasks.append(asyncio.create_task(feed.run()))
                try:
                    yield engine
                finally:
                    for task in tasks:
                        task.cancel()
                    if args.lags:
                        Path(args.lags).write_text(json.dumps(lags))

        made.append(real_app(look, ledger, opened, **how))
        return made[0]

    def load() -> None:
        real_load()
        if args.unpaced:
            from reportdash.engine.runtime import Engine

            Engine.__init__.__kwdefaults__["paced"] = False  # type: ignore[index]

    dash._app, dash.load_engine = app_with, load
    reportdash([])


if __name__ == "__main__":
    main()
