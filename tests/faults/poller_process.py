"""One polling process for the tests: writes a line for each look the ledger accepted.

Arguments: ledger path, log path, JSON of {account: settings}, JSON of the environment with the secrets.
A line is `job asked seen`, in seconds since the epoch: when the look began, and when its answer was folded.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from reportdash.clock import SystemClock
from reportdash.credentials import Chain
from reportdash.engine.look import Looker
from reportdash.engine.runtime import Engine
from reportdash.engine.seat import Seat
from reportdash.ledger import Ledger
from reportdash.model import Fence, Job
from reportdash.settings import Settings
from reportdash.vendors import registry


async def main(ledger: str, log: str, accounts: str, environ: str) -> None:
    clock = SystemClock()
    known = {
        name: registry.account_class(keys["vendor"]).model_validate(keys)
        for name, keys in json.loads(accounts).items()
    }
    settings = Settings.model_validate({"download_dir": Path(ledger).parent, "accounts": known})
    opened = await Ledger.open(Path(ledger), clock=clock)
    chain = Chain(environ=json.loads(environ), use_keyring=False)
    engine = Engine(settings, opened, chain, clock=clock, paced=False)
    lines = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    real = Looker.look

    async def look(
        self: Looker, seat: Seat, job: Job, fence: Fence | None, answered: Callable[[], None]
    ) -> Job:
        asked = clock.now()
        row = await real(self, seat, job, fence, answered)
        os.write(lines, f"{job.id} {asked:.6f} {row.seen_at:.6f}\n".encode())
        return row

    Looker.look = look  # type: ignore[method-assign]
    await engine.start()
    engine.poll()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
