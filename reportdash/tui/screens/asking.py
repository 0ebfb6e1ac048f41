"""What stands around the dialog of a plan: the look at the disk before it, and the act after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from reportdash.board.plan import Case, Plan, Section
from reportdash.board.units import digits
from reportdash.model import ArtifactState, Job, Stage
from reportdash.tui.batch import Batch, End
from reportdash.tui.screens.plan import Agreed, PlanDialog
from reportdash.tui.text import key_run, muted, text_run

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard
    from reportdash.tui.ports import EnginePort

AT_ONCE = 32
"""Saved files looked at side by side."""
SLOW = 0.4
"""Seconds after which the operator is told what the key waits for."""


async def weigh(engine: EnginePort, jobs: Sequence[Job], verb: str) -> list[Case]:
    """What the plan has to know of each job besides its row; looks at the disk beside the loop."""
    cases: list[Case] = []
    for start in range(0, len(jobs), AT_ONCE):
        cases += await asyncio.gather(*(_case(engine, job, verb) for job in jobs[start : start + AT_ONCE]))
    return cases


async def _case(engine: EnginePort, job: Job, verb: str) -> Case:
    from reportdash.vendors.contract import Action

    seat = engine.accounts.get(job.account)
    can = engine.can(verb, job)
    return Case(
        job,
        refusal="" if can else str(can.reason),
        # Where nothing is changed at all, that comes first.
        never=verb == "delete"
        and seat is not None
        and not seat.settings.read_only
        and not seat.vendor.can(Action.DELETE),
        unsaved=await engine.is_unsaved(job),
        busy=await _busy(engine, job),
    )


async def _busy(engine: EnginePort, job: Job) -> str:
    """What is under way with the job, in this process or another that is alive."""
    progress = engine.downloads.progress().get(job.id)
    if progress is not None and not progress.rests:
        return "its file is being fetched"
    ledger, artifact, intent = engine.ledger, job.artifact, job.intent
    fetching = artifact is not None and artifact.state is ArtifactState.FETCHING
    fetcher = artifact.owner if artifact is not None and fetching else None
    # Our own downloads stand in the progress: a row that says otherwise is left over.
    if fetcher is not None and fetcher != ledger.owner and await ledger.owner_alive(fetcher):
        return "its file is being fetched by another dashboard"
    sender = intent.owner if intent is not None and intent.stage is Stage.SENDING else None
    if intent is not None and sender is not None and await ledger.owner_alive(sender):
        return f"its {intent.kind} is being sent"
    return ""


def savable(engine: EnginePort, plan: Plan) -> frozenset[str]:
    """Which of the kept reports can be saved at all."""
    return frozenset(job.id for job in plan.jobs(Section.KEEP) if engine.can("download", job))


def ask(
    app: Dashboard,
    engine: EnginePort,
    jobs: Sequence[Job],
    verb: str,
    make: Callable[[list[Case]], PlanDialog],
    agreed: Callable[[Agreed], None],
) -> None:
    """Look at the disk, then show the dialog; a single job that cannot be acted on has its reason said."""
    before = app.screen

    async def slow() -> None:
        await asyncio.sleep(SLOW)
        app.board.say(muted("looking at the saved files"))

    async def show() -> str:
        notice = asyncio.create_task(slow())
        try:
            cases = await weigh(engine, jobs, verb)
        finally:
            if notice.done():
                app.board.status.notice = ()
                app.board.show_cursor()
            notice.cancel()
        if app.screen is not before:
            # Another dialog was opened meanwhile: that one is what the operator looks at.
            return ""
        dialog = make(cases)
        single = dialog.single
        if single is not None and single.section in (Section.CANNOT, Section.NOT_NOW):
            key = app.look.keymap.named(verb)
            app.board.say(key_run(key), text_run(f": {single.reason}"))
            return ""

        def answered(result: Agreed | None) -> None:
            if result is None:
                return
            if result.save:
                _save_first(app, result.save, verb)
            else:
                agreed(result)
                unselect(app, result.jobs)

        app.push_screen(dialog, answered)
        return ""

    app.operator.task(show())


def _save_first(app: Dashboard, jobs: Sequence[Job], verb: str) -> None:
    from reportdash.tui.screens import download

    download.carry_out(app, jobs)
    which = "it is" if len(jobs) == 1 else "they are"
    app.board.say(
        muted(f"{digits(len(jobs))} being saved; once {which}, "),
        key_run(app.look.keymap.named(verb)),
        muted(f" {verb}s"),
    )


def carry_out(
    app: Dashboard,
    batch: Batch,
    act: Callable[[Job], Awaitable[End]],
    again: Callable[[Dashboard, Sequence[Job]], None],
    *,
    at_once: int | None = None,
) -> None:
    """Do what was agreed to beside the screen, and say on the board how it ended.

    `again` is what tries those that failed once more; the batch stays to be looked at until the next one.
    """

    async def run() -> str:
        await batch.carry_out(act, at_once=at_once)
        app.board.say(*batch.told(app.look.keymap.shown("results")))
        return ""

    if len(batch.jobs) > 1:
        app.operator.batch, app.operator.again = batch, again
    app.operator.task(run())


def unselect(app: Dashboard, jobs: Iterable[Job]) -> None:
    """What was acted on is no longer selected; what was kept still is."""
    selection = app.board.view.selection
    for job in jobs:
        selection.discard(job.id)
    app.board.table.sync(())
    app.board.show_frame()
