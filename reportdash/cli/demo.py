"""`demo` and `simulator`: the program with nothing but itself, over real HTTP on loopback.

It reads no config and no environment; its ledger and files live in a temporary folder that goes with it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from reportdash.cli.demo_rows import VENDOR, rows
from reportdash.cli.endings import orderly
from reportdash.cli.output import note
from reportdash.clock import SystemClock
from reportdash.errors import Exit, Problem, UsageProblem
from reportdash.ledger import FILE_NAME

if TYPE_CHECKING:
    from reportdash.engine.runtime import Engine
    from reportdash.model import Job

BATCH = 5_000
"""Rows of one transaction while the table is filled."""
MANY = 20_000
"""From so many rows on the wait before the first paint is long enough to be explained."""


def simulator(args: argparse.Namespace) -> int:
    """Serve the four vendors until ctrl+c; stdout is a config that works with them."""
    from reportdash.simulator.standalone import run_forever

    try:
        run_forever(args.port, args.seed, args.chaos)
    except OSError as error:
        raise UsageProblem(
            f"{error.strerror or error}; name another with --port, or leave it out to take free ones"
        ) from error
    return int(Exit.OK)


def demo(args: argparse.Namespace) -> int:
    """The dashboard on a simulator of its own."""
    with orderly():
        return opened(args)[0]


def opened(args: Any, *, visited: bool = False) -> tuple[int, bool]:
    """The demo's exit code, and whether a signal ended it. `visited`: a board comes back after it."""
    from reportdash.cli.dash import show

    with (
        tempfile.TemporaryDirectory(prefix="reportdash-demo-", ignore_cleanup_errors=True) as text,
        Child(Path(text), args.seed, args.changes, args.chaos) as child,
    ):
        folder = Path(text)
        if args.jobs > MANY:
            note(f"writing {args.jobs:,} rows …")
        known = _fill(folder, args.jobs, args.seed, only_working=bool(args.changes))

        @asynccontextmanager
        async def engine() -> AsyncIterator[Engine]:
            async with _engine(folder, child, known, args) as running:
                yield running

        def tidy() -> None:
            child.end()
            rmtree(folder, ignore_errors=True)

        changes = args.changes is not None
        return show(folder / FILE_NAME, engine, changes=changes, debug=args.debug, visited=visited, tidy=tidy)


def _fill(folder: Path, count: int, seed: int, *, only_working: bool) -> list[dict[str, Any]]:
    """Write the rows into the demo's ledger; return what the simulator has to know of them."""
    from reportdash.ledger.store import Store

    clock = SystemClock()
    known: list[dict[str, Any]] = []
    batch: list[Job] = []
    with Store.open(folder / FILE_NAME, clock=clock) as store:
        store.write(lambda: store.verbs.ensure_accounts(VENDOR), durable=False)
        for row in rows(count, seed, clock.now(), folder / "reports", only_working=only_working):
            batch += [row.job, *row.children]
            if row.known is not None:
                known.append(row.known)
            if len(batch) >= BATCH:
                store.add_many(batch)
                batch = []
        store.add_many(batch)
    return known


@asynccontextmanager
async def _engine(
    folder: Path, child: Child, known: list[dict[str, Any]], args: argparse.Namespace
) -> AsyncIterator[Engine]:
    """An engine whose accounts are the simulator's, with credentials that live in this process only."""
    from reportdash.cli.dash import load_engine

    await asyncio.to_thread(load_engine)
    from reportdash.credentials import Chain
    from reportdash.engine.runtime import Engine
    from reportdash.ledger import Ledger
    from reportdash.settings import Settings
    from reportdash.vendors import registry

    try:
        hello = await asyncio.to_thread(child.hello)
        await asyncio.to_thread(child.add, known)
    except asyncio.CancelledError:
        child.end()  # the thread waits for its answer, and the loop's end for the thread
        raise
    accounts: dict[str, Any] = {}
    for name, account in hello["accounts"].items():
        if name not in VENDOR:
            continue
        keys = {**account["settings"], "vendor": account["vendor"]}
        if args.changes is not None:
            # Each live job is looked at more often than it changes, so that every change is seen.
            every = max(0.4, min(2.0, 0.5 * len(known) / max(args.changes, 0.1)))
            keys |= {"poll_min": every, "poll_max": every, "max_inflight": 16}
        accounts[name] = registry.account_class(account["vendor"]).model_validate(keys)
    settings = Settings.model_validate(
        {"download_dir": folder / "reports", "accounts": accounts, "bell": False, "title": False}
    )
    clock = SystemClock()
    ledger = await Ledger.open(folder / FILE_NAME, clock=clock)
    chain = Chain(environ={}, use_keyring=False)
    for name, account in accounts.items():
        await chain.keep(
            name, account.vendor, hello["accounts"][name]["secrets"], account.origins(), "memory"
        )
    running = Engine(
        settings, ledger, chain, clock=clock, paced=args.changes is None, read_only=args.read_only
    )
    try:
        await running.start()
        running.poll()
        yield running
    finally:
        await running.stop()
        await chain.aclose()
        await ledger.close()


_SIMULATOR = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import reportdash; del sys.path[0]; "
    "from reportdash.simulator.__main__ import main; sys.exit(main(sys.argv[1:]))"
)
ENDING = 1.0
"""Seconds the simulator may take to end by itself."""


class Child:
    """The simulator's process: told over its standard input, gone when that closes.

    What it puts aside lies in the demo's own folder, and goes with it even if it is killed.
    """

    def __init__(self, folder: Path, seed: int, changes: float | None, chaos: bool) -> None:
        # Not by -m, which looks into the working folder first: others may have put a module of theirs there.
        words = [sys.executable, "-P", "-c", _SIMULATOR, str(Path(__file__).parents[2])]
        words += ["--child", "--seed", str(seed)]
        if changes is not None:
            words += ["--changes", str(changes)]
        if chaos:
            words.append("--chaos")
        kept = {key: value for key, value in os.environ.items() if not key.startswith("REPORTDASH_SECRET__")}
        # A group of its own: ctrl+c and hang-ups are the dashboard's, which then closes the pipe.
        self._process = subprocess.Popen(  # noqa: S603 - our own module, words from checked numbers
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**kept, "TMPDIR": str(folder)},
            start_new_session=True,
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exc: object) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def end(self) -> None:
        """At once: who waits for an answer of it gets none."""
        self._process.kill()

    def hello(self) -> dict[str, Any]:
        """Its addresses and accounts; waits until it serves. Raises Problem when it did not start."""
        return self._answer()

    def add(self, jobs: list[dict[str, Any]]) -> None:
        """Make jobs known that stand in the ledger already."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"add": jobs}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise _gone() from None
        answer = self._answer()
        if "error" in answer:
            raise Problem(
                f"the demo's simulator did not take its jobs: {answer['error']}; "
                "`reportdash demo --jobs 100` is smaller",
                exit_code=Exit.INTERNAL,
            )

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise _gone()
        answer: dict[str, Any] = json.loads(line)
        return answer


def _gone() -> Problem:
    return Problem(
        "the demo's simulator did not start; `reportdash simulator` says why", exit_code=Exit.INTERNAL
    )
