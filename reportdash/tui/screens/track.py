"""`t`: follow a report that was started elsewhere, by its reference; or all that the vendor lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reportdash.board.states import Role
from reportdash.board.units import plural
from reportdash.lifecycle import unsure_submit
from reportdash.model import Job
from reportdash.tui.screens.form import AT, Form, account_pick, paragraph, pick_rows, picked
from reportdash.tui.screens.parts import BLANK, Button, Choice, Field, Row, Words
from reportdash.tui.text import muted
from reportdash.tui.widgets.edit import LineEdit

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard

WIDE = 64


def open(app: Dashboard, jobs: Sequence[Job]) -> None:
    """The form; for a submit without an answer it can be that one's reference."""
    job = jobs[0] if len(jobs) == 1 else app.board.view.cursor_job
    engine = app.engine
    if engine is None or not engine.accounts:
        return
    app.push_screen(Track(app, job))


class Track(Form[None]):
    """Account, reference, name."""

    def __init__(self, dashboard: Dashboard, job: Job | None) -> None:
        super().__init__(dashboard, "Follow a report")
        seats = self.engine.accounts
        chosen = job.account if job is not None and job.account in seats else ""
        self.account = account_pick(
            dashboard, {name: seat.vendor.name for name, seat in seats.items()}, chosen
        )
        self.reference = Field("Reference", LineEdit(), at=AT, cells=WIDE)
        self.name_field = Field("Name", LineEdit(), at=AT, cells=WIDE)
        self.unsure = job if job is not None and unsure_submit(job) else None
        self._for = ["submit" if self.unsure is not None else "new"]
        self._choices = self._make_choices()
        self.focused_item = self.reference if chosen else self.account

    def _make_choices(self) -> list[Choice]:
        if self.unsure is None:
            return []
        job = self.unsure
        return [
            Choice(
                "For that submit", f"{job.id} {job.name}, {job.message or ''}", self._for, "submit", at=AT
            ),
            Choice("As a row of its own", "", self._for, "new", at=AT),
        ]

    @property
    def vendor(self) -> Any:
        """The chosen account's vendor."""
        return self.engine.accounts[picked(self.account)].vendor

    @property
    def bound(self) -> Job | None:
        """The submit the reference is for."""
        job = self.unsure
        same = job is not None and job.account == picked(self.account)
        return job if same and self._for == ["submit"] else None

    def lists(self) -> str:
        """Why the vendor's jobs can not all be adopted; empty when they can."""
        from reportdash.vendors.contract import Action

        engine = self.engine
        can = self.vendor.can(Action.LIST)
        if not can:
            return str(can.reason)
        name = picked(self.account)
        if engine.read_only or engine.accounts[name].settings.read_only:
            return "read-only: nothing is adopted"
        return ""

    def rows(self, cells: int) -> list[Row]:
        vendor = self.vendor
        form = Words([(AT + 2, (muted(f"as {vendor.title} writes it: {vendor.reference_word}"),))])
        rows: list[Row] = [*pick_rows(self.account), self.reference, form, self.name_field]
        if self.unsure is not None and self.unsure.account == picked(self.account):
            rows += [BLANK, *self._choices]
        why = self.lists()
        said = why or f"Adopt all takes whatever {vendor.title} lists and this table does not know."
        rows += [BLANK, *paragraph(said, cells, Role.MUTED)]
        return rows

    def buttons(self) -> list[Button]:
        follow = Button("Follow", "track")
        return [follow] if self.lists() else [Button("Adopt all", "adopt"), follow]

    def keys(self) -> Sequence[tuple[str, str]]:
        if self.focused_item is self.account:
            return (("esc", "cancel"), ("←→", "another"), ("enter", "follow"))
        return (("esc", "cancel"), ("tab", "next"), ("enter", "follow"))

    def typed(self, key: str, character: str | None) -> bool:
        if character == "a" and not self.lists():
            self.pressed("adopt")
            return True
        return False

    def pressed(self, value: str) -> None:
        if value == "adopt":
            name = picked(self.account)
            self.dismiss(None)
            self.dashboard.operator.task(adopt(self.dashboard, name))
        else:
            self.work(self._track())

    async def _track(self) -> None:
        engine = self.dashboard.operator.engine
        account, title = picked(self.account), self.vendor.title
        reference = self.vendor.reference(self.reference.edit.text)
        name = self.name_field.edit.text.strip() or None
        bound = self.bound
        known = await engine.ledger.by_reference(account, reference)
        job = await engine.track(account, reference, name=name, for_=bound.id if bound else None)
        if known is not None:
            said = f"known already: {job.id} {job.name}"
        elif bound is not None:
            said = f"{job.id} {job.name} is {reference} at {title} and is followed from now on"
        else:
            said = f"{job.id} follows {reference} at {title}"
        self.dismiss(None)
        self.dashboard.board.say(said, role=Role.MUTED)


async def adopt(app: Dashboard, account: str) -> str:
    """Rows for what the vendor lists; how many there are, in a sentence."""
    engine = app.operator.engine
    app.board.say(f"asking {account} for its list", role=Role.MUTED)
    found = await engine.adopt(account)
    return f"{plural(len(found), 'job')} adopted from {account}" if found else f"nothing new at {account}"
