"""The question before a delete at the vendor, and the deletes themselves, beside the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reportdash.board.facts import Run
from reportdash.board.plan import Case, Group, Section, plan_delete
from reportdash.board.states import Role
from reportdash.board.units import digits
from reportdash.model import FINAL, Job, JobState
from reportdash.tui.batch import Batch, End, How
from reportdash.tui.screens import asking
from reportdash.tui.screens.plan import Agreed, Heading, PlanDialog
from reportdash.tui.text import muted, strong, text_run

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard
    from reportdash.tui.ports import EnginePort

AT_ONCE = 4
"""Deletes under way at one account."""


class Delete(PlanDialog):
    """Delete at the vendor. `notes`: what a delete does to a job of this account, in the vendor's terms."""

    verb = "delete"
    many = 100
    notes: Mapping[str, str] = {}
    titles: Mapping[str, str] = {}

    def about(self, job: Job) -> list[Run]:
        note = self.notes.get(job.id) or f"{self.titles.get(job.account, 'The vendor')} deletes it."
        return [text_run(note)]

    def summary(self) -> list[Sequence[Run]]:
        caution = muted(
            "A deletion at the vendor cannot be undone. Saved files on this server are not touched."
        )
        if self.single is not None:
            return [(caution,)]
        going = self.going()
        if not going:
            return [(text_run("None of them can be deleted as they are."),), (caution,)]
        runs = [strong(digits(len(going))), text_run(f" {_are(len(going))} deleted at the vendor")]
        runs += self.lost() + self.left_alone()
        return [(*runs, text_run(".")), (caution,)]

    def headed(self, group: Group) -> Heading:
        match group.section:
            case Section.GO:
                return Heading(Run("‹", Role.TEXT), "Delete")
            case Section.KEEP if self.unlocked:
                return Heading(Run("‹", Role.BAD, bold=True), "Delete unsaved", "lost for good")
            case Section.KEEP:
                them = "it" if len(group.jobs) == 1 else "them"
                reason = f"{group.reason}: deleting would lose {them}"
                return Heading(Run("✓", Role.GOOD, bold=True), "Keep", reason)
        return super().headed(group)


def open(app: Dashboard, jobs: Sequence[Job]) -> None:
    """Ask, then delete exactly these jobs, each checked once more when its turn comes."""
    engine = app.engine
    if engine is None or not jobs:
        return
    frozen = tuple(jobs)

    def make(cases: list[Case]) -> PlanDialog:
        return _dialog(app, engine, cases)

    def agreed(what: Agreed) -> None:
        carry_out(app, what)

    asking.ask(app, engine, frozen, "delete", make, agreed)


def _dialog(app: Dashboard, engine: EnginePort, cases: list[Case]) -> Delete:
    from reportdash.vendors.contract import Action

    keymap, now = app.look.keymap, app.clock.now()
    plan = plan_delete(
        cases,
        app.board.view.records.accounts,
        forget_key=keymap.named("forget"),
        login_key=keymap.named("login"),
        pause_key=keymap.named("pause"),
        now=now,
    )
    one = plan.placed[0].job if len(plan.placed) == 1 else None
    title = f"Delete {one.name}" if one else f"Delete {digits(len(plan.placed))} selected reports"
    dialog = Delete(
        app.pen,
        plan,
        title,
        now=now,
        savable=asking.savable(engine, plan),
        careful=[name for name, seat in engine.accounts.items() if seat.settings.careful],
    )
    dialog.titles = {name: seat.vendor.title for name, seat in engine.accounts.items()}
    if one is not None and one.account in engine.accounts:
        can = engine.accounts[one.account].vendor.can(Action.DELETE, one)
        dialog.notes = {one.id: can.note} if can else {}
    return dialog


def carry_out(app: Dashboard, agreed: Agreed) -> None:
    """Delete what was agreed to, a few at once for each account."""

    async def one(job: Job) -> End:
        return end_of(await app.operator.engine.delete(job.id, unsaved=job.id in agreed.lost))

    asking.carry_out(app, Batch("delete", agreed.jobs), one, open, at_once=AT_ONCE)


def end_of(outcome: Any) -> End:
    """What an engine's answer to a delete means for the operator."""
    state = outcome.job.state
    if outcome.ok and state in FINAL:
        return End(How.DONE, "deleted" if state is JobState.DELETED else "gone already", outcome.text)
    if state is JobState.DELETING:
        return End(How.UNSURE, "not confirmed", outcome.text)
    return End(How.FAILED, "refused", outcome.text)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
