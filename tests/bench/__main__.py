"""`python -m tests.bench [--quick] [--write] [GROUP ...]`: measure, and print one Markdown table.

Each figure is a ratio within this run, or a count; what the numbers mean stands beside them. `--write` puts
the whole table into RESULTS.md beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.bench import (
    folder,
    headless,
    idle,
    keys,
    lag,
    lists,
    load,
    machine,
    paint,
    polls,
    schedule,
    traffic,
    writes,
)
from tests.bench.table import Figure, markdown

BASE = "clamp(0.2 age, 5, 30) s polling"
REACH = {0.15: (1 / 4, 1 / 6), 0.3: (1 / 3, 1 / 4), 0.6: (0.65, 0.5), 1.0: (0.9, 0.8)}
RESULTS = Path(__file__).with_name("RESULTS.md")
_HEAD = """# Measured

Written by `python -m tests.bench --write`. Every ratio is against a baseline of the same run; `reach` is what
the project owes, `dream` what it would like. Bytes and requests are counts.
"""


def http(quick: bool) -> Iterator[Figure]:
    """CPU of a poll."""
    for in_flight in polls.IN_FLIGHT:
        ratio, ours, bare = polls.cpu_per_poll(
            in_flight, polls=300 if quick else 3000, rounds=5 if quick else 15
        )
        yield Figure(
            "11",
            f"CPU of a poll, {in_flight} in flight",
            "bare httpx on httpx-aiohttp",
            ratio,
            1.8,
            1.3,
            f"{ours:.0f} µs against {bare:.0f} µs",
        )


def learning(quick: bool) -> Iterator[Figure]:
    """Looks a job, and the wait they cost."""
    for spread, share, base in schedule.ratios(types=60 if quick else 200, jobs=10 if quick else 25):
        reach, dream = REACH[spread]
        looks = f"{share.looks * base.looks:.1f} against {base.looks:.1f} looks a job"
        yield Figure("15", f"requests a job, spread {spread}", BASE, share.looks, reach, dream, looks)
        p90 = f"p90 {share.wait_p90 * base.wait_p90:.1f} against {base.wait_p90:.1f} s"
        wait = f"{p90}, mean {share.wait_mean:.2f}×"
        yield Figure("16", f"added wait p90, spread {spread}", BASE, share.wait_p90, 1.0, 0.8, wait)


def listing(quick: bool) -> Iterator[Figure]:
    """Requests of one refresh."""
    for vendor, jobs in (("webadmit", 200), ("talkdesk", 150), ("talkdesk", 600)):
        found = asyncio.run(lists.requests_for_one_refresh(vendor, jobs))
        pages = lists.pages(vendor, jobs)
        said = f"{found} requests for {jobs} jobs on {pages} page{'' if pages == 1 else 's'}"
        yield Figure(
            "17", f"requests to refresh {jobs} jobs, {vendor}", "1 a page", found / pages, 1.0, 1.0, said
        )


def _view(quick: bool) -> Iterator[Figure]:
    yield from load.view(quick)
    yield from load.weight(quick)


def _keys(quick: bool) -> Iterator[Figure]:
    yield from keys.keys(quick)
    yield from lag.lag(quick)


GROUPS: dict[str, Callable[[bool], Iterator[Figure]]] = {
    "paint": paint.paint,
    "bytes": traffic.traffic,
    "memory": paint.memory,
    "schedule": learning,
    "lists": listing,
    "cpu": idle.cpu,
    "keys": _keys,
    "view": _view,
    "http": http,
    "ledger": writes.writes,
    "cli": headless.headless,
}


QUICK = 30_000
"""Rows of the large folder in a quick run."""
COUNTS = ("memory", "schedule", "lists")
"""Counts like the bytes, which no load moves: measured beside those, in other processes."""


def _figures(name: str, quick: bool) -> list[Figure]:
    return list(GROUPS[name](quick))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{' '.join(GROUPS)}; default all")
    parser.add_argument("--quick", action="store_true", help="fewer repeats and rows, in two minutes")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}; for all groups")
    args = parser.parse_args()
    unknown = set(args.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no group {sorted(unknown)[0]}; there are {' '.join(GROUPS)}")
    if args.write and args.groups:
        parser.error("--write is for a run of every group")
    if args.quick:
        folder.MANY = QUICK
    figures: list[Figure] = []
    loads: list[float] = []
    names = args.groups or list(GROUPS)
    aside = [name for name in names if name in COUNTS] if "bytes" in names else []
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        beside: list[Future[list[Figure]]] = []
        for name in names:
            if name in aside:
                continue
            loads.append(os.getloadavg()[0])
            begun = time.perf_counter()
            if name == "bytes":
                beside = [pool.submit(_figures, one, args.quick) for one in aside]
                if {"keys", "view"} & set(names):
                    folder.begin()
            figures += _figures(name, args.quick)
            if name in ("bytes", "cpu") and not (name == "bytes" and args.quick):
                # A quick run waits for the one beside the other: both mostly sleep.
                figures += [figure for one in beside for figure in one.result()]
                beside = []
            print(f"{name}: {time.perf_counter() - begun:.0f} s, load {loads[-1]:.1f}", file=sys.stderr)
        figures += [figure for one in beside for figure in one.result()]
    figures.sort(key=lambda figure: int(figure.number))
    table = f"{machine.describe(loads)}\n\n{markdown(figures)}\n"
    print(table, end="")
    if args.write:
        how = "`--quick`: few repeats and fewer rows, so single figures vary more.\n\n" if args.quick else ""
        RESULTS.write_text(f"{_HEAD}\n{how}{table}", encoding="utf-8")


if __name__ == "__main__":
    main()
