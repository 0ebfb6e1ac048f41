"""A job's history tells its whole story: each act of the operator, the poller and the vendor is a line."""

from __future__ import annotations

from reportdash.model import Job, JobState
from reportdash.simulator import Reply
from tests.engine.rig import SPEC, Rig


async def story(rig: Rig, job: Job) -> list[tuple[str, str]]:
    return [(event.who, event.what) for event in await rig.ledger.history(job.id)]


async def test_from_submit_to_delete_each_act_has_its_line_and_who_did_it(rig: Rig) -> None:
    engine = await rig.start()
    engine.poll()
    outcome = await rig.finish(engine.submit("main", SPEC))
    job = outcome.job
    await rig.state(job, JobState.READY)
    saved = await rig.finish(engine.downloads.fetch(job.id))
    assert saved.ok, saved.text
    assert (await rig.finish(engine.delete(job.id))).ok
    told = await story(rig, job)
    assert told[:3] == [("operator", "submit"), ("reportdash", "submit sent"), ("vendor", "accepted")]
    words = [what for _, what in told]
    assert words.index("running → ready") < words.index("download started")
    start = words.index("download started")
    assert told[start][0] == "operator"
    assert told[start + 1][0] == "reportdash" and told[start + 1][1].startswith("saved ")
    assert told[start + 2 :] == [
        ("operator", "delete"),
        ("reportdash", "delete sent"),
        ("vendor", "deleting → deleted"),
    ]


async def test_a_download_that_nobody_asked_for_is_reportdashs_own(rig: Rig) -> None:
    rig.account("main", auto_download=True)
    engine = await rig.start()
    engine.poll()
    job = await engine.track("main", rig.scripted(1, "incomplete", "complete"))

    async def saved() -> bool:
        return (await rig.job(job)).saved

    await rig.until(saved)
    told = await story(rig, job)
    assert told[0] == ("operator", "tracked")
    assert ("reportdash", "download started") in told


async def test_a_pause_is_a_line_of_each_job_at_work_and_of_no_other(rig: Rig) -> None:
    engine = await rig.start()
    working, done = await rig.follow(1), await rig.follow(2, "ready")
    await rig.seen(done, JobState.READY)
    await engine.pause("main", True)
    await engine.pause("main", True)
    await engine.pause("main", False)
    lines = [("operator", "polling paused"), ("operator", "polling resumed")]
    assert (await story(rig, working))[1:] == lines, "once each, however often it is asked for"
    assert not set(lines) & set(await story(rig, done))


async def test_what_was_adopted_says_who_adopted_it(rig: Rig) -> None:
    rig.account("calls")
    rig.sim.add("talkdesk", "calls/77", "calls", name="Calls of May", stage="ready")
    engine = await rig.start()
    (job,) = await rig.finish(engine.adopt("calls"))
    assert (await story(rig, job))[0] == ("operator", "adopted from the vendor's list")


async def test_looks_that_fail_on_and_on_are_told_once_and_their_end_as_well(rig: Rig) -> None:
    engine = await rig.start()
    engine.poll()
    job = await rig.follow(1)
    await rig.state(job, JobState.RUNNING)
    rig.sim.inject("7g", Reply(200, b"<html>"), path="/Report/Status*", times=5)

    async def told(words: str) -> bool:
        return any(what.startswith(words) for _, what in await story(rig, job))

    await rig.until(lambda: told("answers again"), within=3600)
    lines = [what for _, what in (await story(rig, job))[-2:]]
    assert lines[0].startswith("3 looks in a row failed: ") and len(lines[0]) > 30
    assert lines[1] == "answers again, after 5 looks that failed"
    rig.sim.inject("7g", Reply(200, b"<html>"), path="/Report/Status*", times=2)
    await rig.passes(1200)
    assert [what for _, what in (await story(rig, job))[-2:]] == lines, "two in a row are nothing"
