"""Requests that bring all jobs of one account up to date, where the vendor can list: a count, not a time.

WebAdMIT's list has no pages and holds "recent" files, in the simulator the newest 200.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

from reportdash.clock import ManualClock
from reportdash.model import Job, JobState, new_id
from reportdash.simulator import Simulator
from tests.engine.rig import START, Rig

PER_PAGE = {"webadmit": None, "talkdesk": 200}
_ACCOUNTS = {"webadmit": "admissions", "talkdesk": "calls"}
_FORMS = {"webadmit": ("86446/{}", "", "In Progress"), "talkdesk": ("calls/job-{}", "calls", "processing")}


def pages(vendor: str, jobs: int) -> int:
    """Pages the vendor needs to list so many jobs."""
    page = PER_PAGE[vendor]
    return 1 if page is None else math.ceil(jobs / page)


async def requests_for_one_refresh(vendor: str, jobs: int) -> int:
    """How many list and status calls the vendor gets until each of so many running jobs was seen once."""
    form, report, word = _FORMS[vendor]
    account, clock = _ACCOUNTS[vendor], ManualClock(START)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "published").mkdir()
        async with Simulator(now=clock.now, published_dir=folder / "published") as sim:
            rig = Rig(sim, clock, folder)
            rig.account(account)
            engine = await rig.start()
            rows = []
            for number in range(1, jobs + 1):
                reference = form.format(number)
                sim.add(vendor, reference, account, report=report, stage="running")
                sim.script(vendor, reference, [word])
                rows.append(_row(account, vendor, reference, clock.now()))
            await rig.ledger.add_many(rows)
            engine.poll()

            async def all_seen() -> bool:
                return all(job.checks for job in await rig.ledger.jobs())

            await rig.until(all_seen)
            count = len(sim.calls(vendor, "GET"))
            await rig.close()
            return count


def _row(account: str, vendor: str, reference: str, now: float) -> Job:
    return Job(
        id=new_id(),
        account=account,
        vendor=vendor,
        name=reference,
        reference=reference,
        state=JobState.QUEUED,
        submitted_at=now,
        updated_at=now,
        next_poll_at=now,
        tracked=True,
    )
