"""A process to be killed: downloads the given jobs one after the other.

`python -m tests.faults.downloader FOLDER BASE ID...` prints `go` before the first one and `done` at the end.
With `FLOOR=bytes` in the environment the disk floor is that.
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
        print("go", flush=True)
        for id in ids:
            outcome = await made.downloads.fetch(id, patience=30.0)
            if not outcome.ok:
                print(outcome.text, file=sys.stderr)
                return int(outcome.exit_code)
    print("done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])))
