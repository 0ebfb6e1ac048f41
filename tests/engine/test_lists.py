"""Where the vendor lists, one list call stands for many looks."""

from __future__ import annotations

from typing import Any

from reportdash.model import Health, Job, JobState
from reportdash.simulator import Reply
from tests.engine.rig import Rig


async def files(rig: Rig, count: int, stage: str = "running") -> list[Job]:
    """WebAdMIT files that stay in this stage, tracked."""
    words = {"running": "In Progress", "ready": "Available"}
    jobs = []
    for number in range(1, count + 1):
        reference = f"86446/{number}"
        rig.sim.add("webadmit", reference, "admissions", stage=stage)
        rig.sim.script("webadmit", reference, [words[stage]])
        jobs.append(await rig.engine.track("admissions", reference))
    return jobs


def lists(rig: Rig) -> list[Any]:
    return rig.sim.calls("webadmit", "GET", "*/user_identities/*/export_files")


def singles(rig: Rig) -> list[Any]:
    return rig.sim.calls("webadmit", "GET", "*/exports/*/export_files/*")


async def test_many_jobs_cost_one_list_call(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    jobs = await files(rig, 12)
    engine.poll()
    for job in jobs:
        await rig.state(job, JobState.RUNNING)
    assert len(lists(rig)) == 1
    assert singles(rig) == []
    await rig.passes(60)
    assert len(lists(rig)) < 16
    assert singles(rig) == []


async def test_a_lone_job_is_looked_at_by_itself(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    (job,) = await files(rig, 1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    assert lists(rig) == []
    assert len(singles(rig)) == 1


async def test_what_the_list_leaves_out_is_looked_at_by_itself(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    jobs = await files(rig, 3)
    old = await engine.track("admissions", "86446/99")
    engine.poll()
    for job in jobs:
        await rig.state(job, JobState.RUNNING)
    await rig.until(lambda: singles(rig))
    assert {call.path.rsplit("/", 1)[1] for call in singles(rig)} == {"99"}
    row = await rig.job(old)
    assert row.state is JobState.QUEUED  # one 404 is not believed yet


async def test_a_list_that_cannot_be_had_is_no_trouble_of_the_jobs(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    jobs = await files(rig, 3)
    rig.sim.inject("webadmit", Reply(500, b"oops"), path="*/user_identities/*/export_files", times=None)
    engine.poll()
    for job in jobs:
        await rig.state(job, JobState.RUNNING)
    assert [(await rig.job(job)).attempts for job in jobs] == [0, 0, 0]
    await rig.passes(120)
    assert len(lists(rig)) == 1


async def test_a_throttled_list_is_the_accounts_trouble(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    jobs = await files(rig, 3)
    rig.sim.inject(
        "webadmit", Reply(429, b"", {"Retry-After": "90"}), path="*/user_identities/*/export_files"
    )
    engine.poll()

    async def throttled() -> bool:
        return (await rig.row("admissions")).health is Health.THROTTLED

    await rig.until(throttled)
    assert singles(rig) == []
    for job in jobs:
        await rig.state(job, JobState.RUNNING)


async def test_the_lists_answer_is_kept_once_and_every_row_says_where_it_was_seen(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    jobs = await files(rig, 3)
    engine.poll()
    for job in jobs:
        await rig.state(job, JobState.RUNNING)
    kept = [await rig.ledger.exchanges(job.id) for job in jobs]
    assert all(exchanges for exchanges in kept)
    whole = [exchanges for exchanges in kept if "In Progress" in exchanges[0].response]
    brief = [exchanges for exchanges in kept if "one answer for 3 jobs" in exchanges[0].response]
    assert (len(whole), len(brief)) == (1, 2)


async def test_ready_files_are_rechecked_without_minting_a_link(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    jobs = await files(rig, 4, "ready")
    engine.poll()
    for job in jobs:
        await rig.state(job, JobState.READY)
    assert singles(rig) == []


async def test_talkdesk_jobs_of_one_type_cost_one_page(rig: Rig) -> None:
    rig.account("calls")
    engine = await rig.start()
    jobs = []
    for number in range(5):
        rig.sim.add("talkdesk", f"calls/j{number}", "calls", stage="running")
        rig.sim.script("talkdesk", f"calls/j{number}", ["processing"])
        jobs.append(await engine.track("calls", f"calls/j{number}"))
    engine.poll()
    for job in jobs:
        await rig.state(job, JobState.RUNNING)
    assert len(rig.sim.calls("talkdesk", "GET", "/data/reports/calls/jobs*")) == 1
