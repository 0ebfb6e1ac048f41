"""Which job goes into which section of a delete or a forget, and why. Pure; asks nobody, looks at no disk.

What the disk, the vendor and other processes say comes with each `Case`. The plan is what the operator agrees
to: exactly these jobs. The engine checks each of them once more when its turn comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from reportdash.board.health import key_trouble
from reportdash.board.units import clock_text, left, size
from reportdash.model import (
    FINAL,
    HAS_FILE,
    OCCUPIES_SLOT,
    Account,
    ArtifactState,
    Health,
    Job,
    JobState,
    Stage,
)


class Section(IntEnum):
    """Where a job stands in the plan, top to bottom."""

    GO = 0  # it is deleted, or forgotten
    KEEP = 1  # its report is not saved: only after a typed word
    CANNOT = 2  # the vendor has no such call, or has nothing left to delete
    NOT_NOW = 3  # something has to end or be put right first


@dataclass(slots=True, frozen=True)
class Case:
    """One job and what is known of it besides its row.

    `refusal`: why the rules or the vendor say no; `never`: the vendor has no such call for any job.
    `unsaved`: the vendor may hold a report of which no file of ours lies in its place.
    `busy`: what is under way with it, as in "its file is being fetched".
    """

    job: Job
    refusal: str = ""
    never: bool = False
    unsaved: bool = False
    busy: str = ""


@dataclass(slots=True, frozen=True)
class Placed:
    """A case in its section. `reason` is shared by those that stand under one heading."""

    case: Case
    section: Section
    reason: str

    @property
    def job(self) -> Job:
        return self.case.job


@dataclass(slots=True, frozen=True)
class Group:
    """One heading of the plan with its jobs, in the order in which they were chosen."""

    section: Section
    reason: str
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Plan:
    """Every chosen job in its section."""

    placed: tuple[Placed, ...]

    def jobs(self, *sections: Section) -> list[Job]:
        """The jobs of these sections, in the order in which they were chosen."""
        return [placed.job for placed in self.placed if placed.section in sections]

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Headings, top to bottom; within a section one for each reason."""
        found: dict[tuple[Section, str], list[Job]] = {}
        for placed in self.placed:
            found.setdefault((placed.section, placed.reason), []).append(placed.job)
        ordered = sorted(found.items(), key=lambda item: item[0][0])
        return tuple(Group(section, reason, tuple(jobs)) for (section, reason), jobs in ordered)


def plan_delete(
    cases: Iterable[Case],
    accounts: dict[str, Account],
    *,
    forget_key: str = "f",
    login_key: str = "l",
    pause_key: str = "p",
    now: float,
) -> Plan:
    """What a delete does to each job. The keys are named in reasons; "" for a key that is off."""
    placed = []
    for case in cases:
        section, reason = _delete(case, accounts.get(case.job.account), forget_key, login_key, pause_key, now)
        placed.append(Placed(case, section, reason))
    return Plan(tuple(placed))


def plan_forget(cases: Iterable[Case]) -> Plan:
    """What a forget does to each job. No vendor is asked, so no account's health matters."""
    return Plan(tuple(Placed(case, *_forget(case)) for case in cases))


SAVED = "saved already"
"""The reason of a download that has nothing left to do."""


def plan_download(
    cases: Iterable[Case],
    accounts: dict[str, Account],
    *,
    login_key: str = "l",
    pause_key: str = "p",
    now: float,
) -> Plan:
    """What a download does for each job."""
    placed = []
    for case in cases:
        account = accounts.get(case.job.account)
        placed.append(Placed(case, *_download(case, account, login_key, pause_key, now)))
    return Plan(tuple(placed))


def _download(case: Case, account: Account | None, login: str, pause: str, now: float) -> tuple[Section, str]:
    job = case.job
    if job.parent is not None:
        return Section.CANNOT, "part of a group: a group is acted on as a whole"
    if case.busy:
        return Section.NOT_NOW, case.busy
    if job.saved and not case.unsaved:
        return Section.CANNOT, SAVED
    if job.state in OCCUPIES_SLOT or job.state is JobState.SUBMITTING:
        return Section.NOT_NOW, "no file yet: still at work"
    if case.refusal:
        return Section.CANNOT, case.refusal.removeprefix(f"{job.state}: ")
    paused = account is not None and account.shown is Health.PAUSED
    if account is not None and not paused and (shut := _shut(account, login, pause, now)):
        # A pause is of polling alone.
        return Section.NOT_NOW, shut
    gone = job.artifact is not None and job.artifact.state is ArtifactState.SAVED
    return Section.GO, "its file here is gone: fetched again" if gone else "to save"


def _delete(
    case: Case, account: Account | None, forget: str, login: str, pause: str, now: float
) -> tuple[Section, str]:
    job = case.job
    forgets = f"; {forget} forgets" if forget else ""
    if job.parent is not None:
        return Section.CANNOT, "part of a group: a group is acted on as a whole"
    if case.never:
        return Section.CANNOT, f"the vendor has no delete{forgets}"
    if job.state in FINAL:
        return Section.CANNOT, f"nothing is left at the vendor{forgets}"
    if job.state is JobState.SUBMITTING:
        return Section.NOT_NOW, f"its submit has not ended{forgets}"
    if job.reference is None:
        return Section.CANNOT, f"the vendor never took it{forgets}"
    if job.state is JobState.DELETING:
        return Section.NOT_NOW, "its delete is under way"
    if case.refusal:
        return Section.NOT_NOW, case.refusal
    if case.busy:
        return Section.NOT_NOW, case.busy
    if account is not None and (shut := _shut(account, login, pause, now)):
        return Section.NOT_NOW, shut
    if case.unsaved:
        return Section.KEEP, "not saved"
    if job.state in OCCUPIES_SLOT:
        return Section.GO, "still at work: given up"
    return Section.GO, "saved, or nothing to save"


def _shut(account: Account, login: str, pause: str, now: float) -> str:
    """Why nothing can be sent for the account now; empty when it can."""
    match account.shown:
        case Health.AUTH_FAILED:
            trouble = key_trouble(account)
            first = "unlock it" if trouble.locked else f"log in to {account.name}"
            return f"{trouble}: {first} first" + (f" ({login})" if login else "")
        case Health.PAUSED:
            return f"{account.name} is paused" + (f"; {pause} resumes it" if pause else "")
        case Health.UNREACHABLE:
            since = f" since {clock_text(account.since, now)}" if account.since is not None else ""
            return f"{account.name} is unreachable{since}"
    # A throttled account is no obstacle: the delete waits for its turn.
    return ""


def _forget(case: Case) -> tuple[Section, str]:
    job = case.job
    if job.parent is not None:
        return Section.CANNOT, "part of a group: a group is acted on as a whole"
    if case.refusal:
        return Section.NOT_NOW, case.refusal
    if case.busy:
        return Section.NOT_NOW, case.busy
    if case.unsaved:
        return Section.KEEP, "not saved"
    if job.state in OCCUPIES_SLOT:
        return Section.GO, "still at work: goes on at the vendor"
    return Section.GO, "the vendor hears nothing"


def copy_text(job: Job, *, unsaved: bool, now: float) -> str:
    """What the plan's row says of our copy: `saved 2.0 MB`, `expires 38m`, `not saved`, `no file`."""
    artifact = job.artifact
    if artifact is not None and artifact.state is ArtifactState.SAVED and not unsaved:
        return f"saved {size(artifact.bytes)}" if artifact.bytes else "saved"
    if job.state in HAS_FILE or job.state is JobState.UNKNOWN:
        if job.expires_at is not None and job.expires_at > now:
            return f"expires {left(job.expires_at - now)}"
        if artifact is not None and artifact.state is ArtifactState.SAVED:
            return "its file is gone here"
        return "not saved"
    return "no file yet" if job.state in OCCUPIES_SLOT else "no file"


def consequence_of_forget(job: Job, vendor: str, *, unsaved: bool = False) -> str:
    """What becomes of a job that this table no longer follows, in one sentence."""
    intent = job.intent
    if job.state is JobState.SUBMITTING:
        if intent is not None and intent.stage is Stage.WAITING:
            return f"It was not sent to {vendor} yet, and never will be."
        return f"{vendor} may have taken the submit: then its report runs there and nobody here follows it."
    if job.state is JobState.DELETING:
        return f"Its delete is not confirmed, and nobody will ask {vendor} again."
    if job.state in OCCUPIES_SLOT or job.state is JobState.UNKNOWN:
        return f"The job itself goes on at {vendor}; only this table no longer follows it."
    if unsaved:
        return f"The report stays at {vendor} as long as {vendor} keeps it; nobody here will save it."
    return "Only the row leaves this table."


def careful_accounts(jobs: Sequence[Job], careful: Iterable[str]) -> list[str]:
    """The accounts among those of `jobs` whose name has to be typed, by name."""
    marked = set(careful)
    return sorted({job.account for job in jobs} & marked)
