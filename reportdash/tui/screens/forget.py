"""The question before rows leave the table. The vendor hears nothing; the ledger keeps a tombstone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reportdash.board.facts import Run
from reportdash.board.plan import Case, Group, Section, consequence_of_forget, plan_forget
from reportdash.board.states import Role
from reportdash.board.units import digits
from reportdash.model import Job
from reportdash.tui.batch import Batch, End, How
from reportdash.tui.screens import asking
from reportdash.tui.screens.plan import Agreed, Heading, PlanDialog
from reportdash.tui.text import muted, strong, text_run

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard
    from reportdash.tui.ports import EnginePort


class Forget(PlanDialog):
    """Forget here. `titles`: vendors' names as people read them, by account."""

    verb = "forget"
    titles: Mapping[str, str] = {}
    parts = 0
    """Rows of groups that go with their parents."""

    def about(self, job: Job) -> list[Run]:
        title = self.titles.get(job.account, job.vendor)
        unsaved = self.single is not None and self.single.case.unsaved
        runs = [text_run(consequence_of_forget(job, title, unsaved=unsaved))]
        if self.parts:
            runs.append(text_run(f" {_parts(self.parts)} with it."))
        return runs

    def summary(self) -> list[Sequence[Run]]:
        if self.single is not None:
            title = self.titles.get(self.single.job.account, self.single.job.vendor)
            return [(muted(f"{title} hears nothing. Saved files on this server are not touched."),)]
        caution = muted("The vendors hear nothing. Saved files on this server are not touched.")
        going = self.going()
        if not going:
            return [(text_run("None of them can be forgotten as they are."),), (caution,)]
        runs = [strong(digits(len(going))), text_run(" leaves" if len(going) == 1 else " leave")]
        runs.append(text_run(" this table"))
        runs += self.lost()
        rest = len(self.plan.placed) - len(going)
        if rest:
            stay = " stays" if rest == 1 else " stay"
            runs += [text_run(", "), strong(digits(rest)), text_run(stay)]
        runs.append(text_run("."))
        if self.parts:
            runs.append(text_run(f" {_parts(self.parts)} with their groups."))
        return [runs, (caution,)]

    def headed(self, group: Group) -> Heading:
        match group.section:
            case Section.GO:
                return Heading(Run("–", Role.TEXT), "Forget here")
            case Section.KEEP if self.unlocked:
                return Heading(Run("–", Role.BAD, bold=True), "Forget unsaved", "nobody follows them then")
            case Section.KEEP:
                them = "it" if len(group.jobs) == 1 else "them"
                reason = f"{group.reason}: nobody would look after {them}"
                return Heading(Run("✓", Role.GOOD, bold=True), "Keep", reason)
        return super().headed(group)


def _parts(count: int) -> str:
    return "Its 1 part goes" if count == 1 else f"{digits(count)} parts go"


def open(app: Dashboard, jobs: Sequence[Job]) -> None:
    """Ask, then take exactly these rows from the table."""
    engine = app.engine
    if engine is None or not jobs:
        return

    def make(cases: list[Case]) -> PlanDialog:
        return _dialog(app, engine, cases)

    def agreed(what: Agreed) -> None:
        carry_out(app, what)

    asking.ask(app, engine, tuple(jobs), "forget", make, agreed)


def _dialog(app: Dashboard, engine: EnginePort, cases: list[Case]) -> Forget:
    plan = plan_forget(cases)
    one = plan.placed[0].job if len(plan.placed) == 1 else None
    title = f"Forget {one.name} here" if one else f"Forget {digits(len(plan.placed))} selected reports here"
    dialog = Forget(app.pen, plan, title, now=app.clock.now(), savable=asking.savable(engine, plan))
    dialog.titles = {name: seat.vendor.title for name, seat in engine.accounts.items()}
    records = app.board.view.records
    slots = [records.slot_of.get(placed.job.id, -1) for placed in plan.placed]
    dialog.parts = sum(len(records.children.get(slot, ())) for slot in slots)
    return dialog


def carry_out(app: Dashboard, agreed: Agreed) -> None:
    """Forget what was agreed to; the rules are looked at once more for each."""

    async def one(job: Job) -> End:
        await app.operator.engine.forget(job.id, unsaved=job.id in agreed.lost)
        return End(How.DONE, "forgotten")

    asking.carry_out(app, Batch("forget", agreed.jobs), one, open)
