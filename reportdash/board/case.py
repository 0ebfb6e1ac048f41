"""What an explanation of an error is made from, and what it is. Pure.

A line is made of words and keys; a key stands as the id of its action, so that it shows as it is mapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from reportdash.board.health import BROKEN, KeyTrouble, key_trouble, trouble_said
from reportdash.board.units import clock_text
from reportdash.model import Account, Health, Job, LastError


class KeyOf(NamedTuple):
    """The key of an action."""

    action: str


Line: TypeAlias = tuple[str | KeyOf, ...]


class Explanation(NamedTuple):
    """`headline` is the vendor's own words where there are any; `source` whose words, which code, since when.

    `means`: what that is and what reportdash does about it; `todo`: what is left to the operator. `check`: it
    was the look that failed, not the job. `bad`: something is lost or stands still until somebody acts.
    """

    headline: str
    source: str
    means: tuple[Line, ...]
    todo: tuple[Line, ...]
    check: bool = False
    bad: bool = False


class Case(NamedTuple):
    """Everything an explanation is made from. `vendor`: its name as people read it.

    `since`: when the job came into its state, None if that is not known. `parts`: a group's children.
    """

    job: Job
    error: LastError | None
    account: Account | None
    vendor: str
    now: float
    since: float | None = None
    parts: Sequence[Job] = ()

    def at(self, when: float | None) -> str:
        """`at 14:33`, and `soon` for what is due or not planned yet."""
        return "soon" if when is None or when <= self.now else f"at {clock_text(when, self.now)}"

    @property
    def next_look(self) -> float | None:
        """When the job is asked for next: not before its account is open again."""
        job, account = self.job, self.account
        until = account.until if account is not None and account.shown is not Health.OK else None
        times = [at for at in (job.next_poll_at, until) if at is not None]
        return max(times) if job.next_poll_at is not None else None

    @property
    def paused(self) -> bool:
        """Whether nothing is sent for its account by itself, for somebody paused it."""
        return self.account is not None and self.account.shown is Health.PAUSED

    def key_trouble(self, said: str | None) -> KeyTrouble:
        """What is wrong with the account's key; `said`: when a look or an act of the job's failed."""
        if self.account is None:
            return trouble_said(self.job.account, said)
        return key_trouble(self.account, said)

    @property
    def again(self) -> str:
        """What becomes of it by itself, as the second half of a sentence."""
        account = self.account
        if self.paused:
            return "polling of its account is paused."
        if account is not None and account.shown is Health.AUTH_FAILED:
            trouble = key_trouble(account)
            if trouble in BROKEN:
                return "polling has stopped until the file is back or somebody logs in."
            return f"polling has stopped until somebody {'unlocks it' if trouble.locked else 'logs in'}."
        if self.job.parent is not None:
            return "it is asked for with its group."
        if self.next_look is None:
            return "it is not asked for by itself any more."
        return f"it is asked again {self.at(self.next_look)}."

    def tried(self, what: str, error: LastError) -> str:
        """When it was tried, and which status and code came back."""
        status = f" · HTTP {error.status}" if error.status is not None else ""
        code = f" · error code {error.code}" if error.code else ""
        return f"{what} at {clock_text(error.at, self.now)}{status}{code}"


COPY, AGAIN, LOGIN = KeyOf("copy"), KeyOf("submit"), KeyOf("login")
DOWNLOAD, FORGET, POLL, TRACK, PAUSE, DELETE = (
    KeyOf(name) for name in ("download", "forget", "poll", "track", "pause", "delete")
)
