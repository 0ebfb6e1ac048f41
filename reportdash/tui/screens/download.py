"""The plan of a download of several reports, and the downloads themselves, beside the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reportdash.board.facts import Run
from reportdash.board.plan import SAVED, Case, Group, Section, plan_download
from reportdash.board.states import Role
from reportdash.board.units import digits
from reportdash.model import Job
from reportdash.tui.batch import Batch, End, How
from reportdash.tui.screens import asking
from reportdash.tui.screens.plan import GO, Heading, PlanDialog
from reportdash.tui.text import muted, strong, text_run

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard
    from reportdash.tui.ports import EnginePort


class Download(PlanDialog):
    """Save several reports. Nothing can be lost by it, so the button has the focus."""

    verb = "download"
    danger = False
    folder = ""

    def on_mount(self) -> None:
        self.focused_item = next((button for button in self.buttons() if button.value == GO), None)
        super().on_mount()

    def about(self, job: Job) -> list[Run]:
        return []

    def summary(self) -> list[Sequence[Run]]:
        going = self.going()
        if not going:
            return [(text_run("None of them has a file to save now."),)]
        runs = [strong(digits(len(going))), text_run(f" {'is' if len(going) == 1 else 'are'} saved in ")]
        runs.append(strong(self.folder))
        runs += self.left_alone()
        said = "No file here is overwritten, and nothing at the vendors changes."
        return [(*runs, text_run(".")), (muted(said),)]

    def headed(self, group: Group) -> Heading:
        match group.section:
            case Section.GO:
                return Heading(Run("✓", Role.GOOD, bold=True), "Download")
            case Section.CANNOT if group.reason == SAVED:
                return Heading(Run("✓", Role.TEXT), "Saved already", " ")
        return super().headed(group)


def open(app: Dashboard, jobs: Sequence[Job]) -> None:
    """Show what a download of these jobs does, then do it for exactly those that were shown."""
    engine = app.engine
    if engine is None or not jobs:
        return

    def make(cases: list[Case]) -> PlanDialog:
        return _dialog(app, engine, cases)

    asking.ask(app, engine, tuple(jobs), "download", make, lambda agreed: carry_out(app, agreed.jobs))


def again(app: Dashboard, jobs: Sequence[Job]) -> None:
    """Try those that failed once more: it was agreed to before."""
    carry_out(app, jobs)


def _dialog(app: Dashboard, engine: EnginePort, cases: list[Case]) -> Download:
    keymap, now = app.look.keymap, app.clock.now()
    plan = plan_download(
        cases,
        app.board.view.records.accounts,
        login_key=keymap.shown("login"),
        pause_key=keymap.shown("pause"),
        now=now,
    )
    dialog = Download(app.pen, plan, f"Download {digits(len(plan.placed))} selected reports", now=now)
    dialog.folder = str(engine.settings.download_dir)
    return dialog


def carry_out(app: Dashboard, jobs: Sequence[Job]) -> None:
    """Start the downloads, each looked at once more when its turn comes, and wait for how they end."""
    if app.engine is not None:
        for job in jobs:
            # They go on when nobody waits any more, as after the next act of this kind.
            app.engine.downloads.start(job.id)
    app.live.downloads_started()

    async def one(job: Job) -> End:
        outcome = await app.operator.engine.downloads.fetch(job.id)
        return (
            End(How.DONE, "saved", outcome.text) if outcome.ok else End(How.FAILED, "not saved", outcome.text)
        )

    asking.carry_out(app, Batch("download", jobs), one, again)
