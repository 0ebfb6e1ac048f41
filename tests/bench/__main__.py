"""`python -m tests.bench [--quick]`: measure, and print one Markdown table.

Each figure is a ratio within this run, or a count; what the numbers mean stands beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
from collections.abc import Callable, Iterator

from tests.bench import lists, polls, schedule
from tests.bench.table import Figure, markdown

BASE = "clamp(0.2 age, 5, 30) s polling"
REACH = {0.15: (1 / 4, 1 / 6), 0.3: (1 / 3, 1 / 4), 0.6: (0.65, 0.5), 1.0: (0.9, 0.8)}


def http(quick: bool) -> Iterator[Figure]:
    """CPU of a poll."""
    for in_flight in polls.IN_FLIGHT:
        ratio, ours, bare = polls.cpu_per_poll(
            in_flight, polls=600 if quick else 3000, rounds=5 if quick else 15
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


PARTS: dict[str, Callable[[bool], Iterator[Figure]]] = {"http": http, "schedule": learning, "lists": listing}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="which; default all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, in two minutes")
    args = parser.parse_args()
    figures = [figure for name in args.parts or PARTS for figure in PARTS[name](args.quick)]
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"Python {platform.python_version()}, {machine}\n")
    print(markdown(figures))


if __name__ == "__main__":
    main()
