"""A process to be killed: downloads the given jobs one after the other.

`python -m tests.faults.downloader FOLDER BASE ID...` waits for a line on its input, then forks a child
that does it: it prints `go PID` before the first job and `done` after the last; `over CODE` (negative: the
signal) tells its end, and the next line starts the next child. With `FLOOR=bytes` in the environment the disk
floor is that.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from pathlib import Path

from reportdash.model import Job, Signed
from tests.engine.shelf import QUICK, bench


async def main(folder: Path, base: str, ids: list[str]) -> int:
    limits = dataclasses.replace(QUICK, floor=int(os.environ.get("FLOOR", "0")), batch=16 * 1024)

    def give(job: Job) -> Signed:
        return Signed(f"{base}/{job.id}.csv")

    async with bench(folder, give, limits=limits) as made:
        for id in ids:
            if await made.ledger.job(id) is None:
                await made.job(id)
        print("go", os.getpid(), flush=True)
        for id in ids:
            outcome = await made.downloads.fetch(id, patience=30.0)
            if not outcome.ok:
                print(outcome.text, file=sys.stderr)
                return int(outcome.exit_code)
    print("done", flush=True)
    return 0


def nursery(folder: Path, base: str, ids: list[str]) -> None:
    """One child after the other: what takes long to import is there already, so that kills come fast."""
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(asyncio.run(main(folder, base, ids)))
        print("over", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    nursery(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
