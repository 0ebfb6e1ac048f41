"""`n`: a new report, or the one under the cursor once more; and what to do with a submit nobody answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from reportdash.board.states import Role
from reportdash.board.units import clock_text
from reportdash.errors import Problem
from reportdash.lifecycle import unsure_submit
from reportdash.model import Job, Spec
from reportdash.tui.actions import BY_ID
from reportdash.tui.params import read_params, write_params
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.form import AT, Form, account_pick, explained, paragraph, pick_rows, picked
from reportdash.tui.screens.parts import BLANK, Button, Choice, Field, Row, Words
from reportdash.tui.text import key_run, muted, text_run
from reportdash.tui.widgets.edit import LineEdit
from reportdash.tui.widgets.pick import Pick

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard

WIDE = 64


@dataclass(slots=True)
class Draft:
    """What a form is filled with. `note`: what was wrong with it."""

    account: str = ""
    spec: Spec | None = None
    name: str = ""
    title: str = "Submit a report"
    note: str = ""


_DRAFTS: WeakKeyDictionary[Dashboard, Draft] = WeakKeyDictionary()
"""The form the engine did not take, for the next `n`."""


def open(app: Dashboard, jobs: Sequence[Job]) -> None:
    """The form, or for a submit without an answer the question what to do with it."""
    unsure = meant(app, jobs)
    if unsure is not None:
        app.push_screen(Unsure(app, unsure))
        return
    able, reasons = accounts(app)
    if not able:
        # `why_not` was asked before; since then the last one went.
        return
    job = jobs[0] if len(jobs) == 1 else app.board.view.cursor_job
    draft = _DRAFTS.pop(app, None) or _draft(job, reasons)
    app.push_screen(Submit(app, able, draft))


def meant(app: Dashboard, jobs: Sequence[Job]) -> Job | None:
    """The submit without an answer that the key is about, if it is about one."""
    job = jobs[0] if len(jobs) == 1 else app.board.view.cursor_job
    return job if job is not None and unsure_submit(job) else None


def accounts(app: Dashboard) -> tuple[dict[str, str], dict[str, str]]:
    """Accounts that take a submit, with their vendors; and why the others do not."""
    from reportdash.vendors.contract import Action

    able: dict[str, str] = {}
    reasons: dict[str, str] = {}
    engine = app.engine
    for name, seat in (engine.accounts if engine is not None else {}).items():
        can = seat.vendor.can(Action.SUBMIT)
        if seat.settings.read_only:
            reasons[name] = f"the account {name} is read-only"
        elif not can:
            reasons[name] = str(can.reason)
        else:
            able[name] = seat.vendor.name
    return able, reasons


def _draft(job: Job | None, reasons: Mapping[str, str]) -> Draft:
    if job is None:
        return Draft()
    note = reasons.get(job.account, "")
    if job.spec is None or note:
        return Draft(job.account, note=note)
    # A name that only repeats what the vendor was asked for is not one the operator gave.
    given = job.name if job.name not in (job.spec.report, job.reference) else ""
    return Draft(job.account, job.spec, given, title=f"Submit {job.name} again")


class Submit(Form[None]):
    """Account, report, parameters, and for vendors that take them format and time span."""

    def __init__(self, dashboard: Dashboard, able: Mapping[str, str], draft: Draft) -> None:
        super().__init__(dashboard, draft.title)
        spec = draft.spec or Spec("")
        self.account = account_pick(dashboard, able, draft.account)
        self.report = _line("", spec.report)
        self.params = _line("Parameters", write_params(spec.params))
        self.start = _line("From", spec.time_from or "")
        self.end = _line("To", spec.time_to or "")
        self.name_field = _line("Name", draft.name)
        self.format = Field("Format", at=AT, cells=WIDE, caret=False)
        self._formats: tuple[str, ...] = ()
        self._format = spec.format
        self.note = draft.note
        known = bool(draft.account in able)
        self.focused_item = self.params if spec.report else self.report if known else self.account
        self.changed_account()
        self.note = draft.note

    @property
    def vendor(self) -> Any:
        """The chosen account's vendor."""
        return self.engine.accounts[picked(self.account)].vendor

    def changed_account(self) -> None:
        """Another account: its vendor's words and fields."""
        vendor = self.vendor
        word = vendor.report_word
        self.report.label = word[:1].upper() + word[1:]
        if vendor.formats != self._formats:
            self._formats = vendor.formats
            if vendor.formats:
                self.format.edit = Pick({value: value for value in vendor.formats}, self._format or "")

    def changed(self, item: Field | Choice) -> None:
        super().changed(item)
        if item is self.account:
            self.changed_account()

    def rows(self, cells: int) -> list[Row]:
        vendor = self.vendor
        rows: list[Row] = [*pick_rows(self.account), self.report, self.params]
        rows += paragraph(vendor.params_hint, cells, Role.MUTED, at=AT + 2)
        if vendor.formats:
            rows.append(self.format)
        if vendor.takes_span:
            rows += [self.start, self.end]
        rows.append(self.name_field)
        rows.append(Words([(AT + 2, (muted("what the table calls it; empty: its own name"),))]))
        return rows

    def buttons(self) -> list[Button]:
        return [Button("Submit", "submit")]

    def keys(self) -> Sequence[tuple[str, str]]:
        if self.focused_item in (self.account, self.format):
            return (("esc", "cancel"), ("←→", "another"), ("enter", "submit"))
        return (("esc", "cancel"), ("tab", "next"), ("enter", "submit"))

    def spec(self) -> Spec:
        """What the form says, checked by the vendor. Raises UsageProblem."""
        vendor = self.vendor
        spec = Spec(
            report=self.report.edit.text.strip(),
            params=read_params(self.params.edit.text),
            format=picked(self.format) if vendor.formats else None,
            time_from=(self.start.edit.text.strip() or None) if vendor.takes_span else None,
            time_to=(self.end.edit.text.strip() or None) if vendor.takes_span else None,
        )
        checked: Spec = vendor.check(spec)
        return checked

    def pressed(self, value: str) -> None:
        try:
            spec = self.spec()
        except Problem as problem:
            self.tell(problem.text)
            return
        name = self.name_field.edit.text.strip()
        draft = Draft(picked(self.account), spec, name, self.heading)
        self.dismiss(None)
        self.dashboard.operator.task(send(self.dashboard, draft))


async def send(app: Dashboard, draft: Draft) -> str:
    """Submit; what came of it in a sentence. What the engine refuses to begin stays as a draft."""
    spec = draft.spec
    if spec is None:
        return ""
    app.board.say(f"submitting {draft.name or spec.report} to {draft.account}", role=Role.MUTED)
    try:
        outcome = await app.operator.engine.submit(draft.account, spec, name=draft.name or None)
    except Problem as problem:
        draft.note = problem.text
        _DRAFTS[app] = draft
        key = app.look.keymap.named("submit")
        raise Problem(f"nothing was submitted: {problem.text}; {key} opens the form as it was") from None
    return told(outcome)


def told(outcome: Any) -> str:
    """The outcome of a submit in a line. Raises Problem for one that did not go well."""
    line = f"{outcome.job.id} {outcome.job.name}: {outcome.text}"
    if not outcome.ok:
        raise Problem(line)
    return line


def _line(label: str, text: str) -> Field:
    return Field(label, LineEdit(text), at=AT, cells=WIDE)


class Unsure(Dialog[None]):
    """What to do with a submit that left and was not answered."""

    def __init__(self, dashboard: Dashboard, job: Job) -> None:
        super().__init__(dashboard.pen, f"No answer to {job.name}")
        self.dashboard = dashboard
        self.job = job

    def rows(self, cells: int) -> list[Row]:
        job = self.job
        board = self.dashboard.board
        title = board.titles.get(job.vendor, job.vendor)
        sent = job.intent.at if job.intent is not None else job.updated_at
        at = clock_text(sent, board.now) if sent is not None else "some time ago"
        seat = self.dashboard.engine.accounts.get(job.account) if self.dashboard.engine is not None else None
        safe = seat is not None and seat.vendor.replays_safely
        again = (
            "same key; what runs already is not started twice"
            if safe
            else "same key; if the first arrived, it may run twice"
        )
        return [
            *paragraph(f"{job.name} was sent to {title} at {at}, and no answer came.", cells),
            *paragraph("It may run there all the same, so nothing is repeated by itself.", cells, Role.MUTED),
            BLANK,
            *explained((key_run("s"), text_run(" send again")), again, cells, at=24),
            *explained(
                (key_run("t"), text_run(" give its reference")),
                f"you found it at {title}: it is followed from then on",
                cells,
                at=24,
            ),
            *explained(
                (key_run("f"), text_run(" forget")),
                f"out of this table only; what runs at {title} runs on",
                cells,
                at=24,
            ),
        ]

    def buttons(self) -> list[Button]:
        return [
            Button("Send again", "resend"),
            Button("Give its reference", "track"),
            Button("Forget", "forget"),
        ]

    def keys(self) -> Sequence[tuple[str, str]]:
        return (("esc", "cancel"), ("enter", "choose"))

    def typed(self, key: str, character: str | None) -> bool:
        value = {"s": "resend", "t": "track", "f": "forget"}.get(character or "")
        if value is not None:
            self.pressed(value)
        return value is not None

    def pressed(self, value: str) -> None:
        app, job = self.dashboard, self.job
        action = BY_ID["submit" if value == "resend" else value]
        reason = app.operator.why_not(action, [job])
        self.dismiss(None)
        if reason:
            app.board.say(reason, role=Role.WARN)
        elif value == "resend":
            app.operator.task(resend(app, job))
        else:
            app.operator.act(value, [job])


async def resend(app: Dashboard, job: Job) -> str:
    """Send it once more; what came of it in a sentence."""
    return told(await app.operator.engine.resend(job.id))
