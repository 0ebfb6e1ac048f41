"""The nouns of reportdash: slotted, frozen, no I/O.

Times are seconds since the epoch (UTC, float) everywhere inside; RFC 3339 only at the edges.
Vendor text in these records is already clean (`plain.clean`) unless a field says raw.
The small ones are named tuples: to make a dataclass of each takes five times as long, and the first paint
would wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from reportdash.clock import rfc3339
from reportdash.slots import replace

if TYPE_CHECKING:
    from reportdash.told import Body, Credential, LocalFile, Seen, Signed, Submitted


class JobState(StrEnum):
    """What the vendor is doing with the job. Never changed by a failed look."""

    SUBMITTING = "submitting"
    QUEUED = "queued"
    RUNNING = "running"
    FINALIZING = "finalizing"
    READY = "ready"
    READY_WITH_WARNINGS = "ready_with_warnings"
    NOTIFY_FAILED = "notify_failed"
    EMPTY = "empty"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETING = "deleting"
    DELETED = "deleted"
    EXPIRED = "expired"
    LOST = "lost"
    UNKNOWN = "unknown"


ACTIVE = frozenset(
    {
        JobState.SUBMITTING,
        JobState.QUEUED,
        JobState.RUNNING,
        JobState.FINALIZING,
        JobState.DELETING,
        JobState.UNKNOWN,
    }
)
"""Every state that is not settled."""
SETTLED = frozenset(JobState) - ACTIVE
HAS_FILE = frozenset({JobState.READY, JobState.READY_WITH_WARNINGS, JobState.NOTIFY_FAILED})
"""States in which the vendor (as far as is known) holds a report."""
FINAL = frozenset({JobState.DELETED, JobState.EXPIRED})
"""States that no later answer of the vendor changes."""
OCCUPIES_SLOT = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING})


NO_ROWS = "no rows in the file"
"""The message of a saved report without rows; its state stays what the vendor says."""


UNLISTED = "not in the vendor's list"
NOT_RECENT = "not among the vendor's recent ones"
"""The drift of a row that the vendor's last list does not have: of all it has, or of the recent ones."""


class Health(StrEnum):
    """How our last look went. bad_payload belongs to a job, the others to its account."""

    OK = "ok"
    THROTTLED = "throttled"
    AUTH_FAILED = "auth_failed"
    UNREACHABLE = "unreachable"
    BAD_PAYLOAD = "bad_payload"
    PAUSED = "paused"


class ArtifactState(StrEnum):
    """Where our own copy stands."""

    NONE = "none"
    FETCHING = "fetching"
    SAVED = "saved"
    FAILED = "failed"


class Verified(StrEnum):
    """What the saved file was checked against."""

    CHECKSUM = "checksum"
    LENGTH = "length"
    NONE = "none"


class IntentKind(StrEnum):
    """What we have set out to do at the vendor."""

    SUBMIT = "submit"
    DELETE = "delete"


class Stage(StrEnum):
    """How far an intent has come."""

    WAITING = "waiting"  # certain that nothing reached the vendor; is sent (again) by itself
    SENDING = "sending"  # a request may be under way
    UNSURE = "unsure"  # a request left and no readable answer came; only a person or a safe check decides


@dataclass(slots=True, frozen=True)
class Intent:
    """An act at the vendor, written to the ledger before its request leaves.

    `owner` is the process that carries it out; `at` when this stage began; `key` the idempotency key of
    this logical act; `tries` requests sent so far; `not_before` when a waiting one may be sent; `unsaved`
    that the operator gave the report of a delete up.
    """

    kind: IntentKind
    stage: Stage
    at: float
    key: str
    owner: str | None = None
    tries: int = 0
    not_before: float | None = None
    unsaved: bool = False


@dataclass(slots=True, frozen=True)
class Artifact:
    """Our copy of a report. `path` absolute; `bytes` so far or final; `total` None if unknown."""

    state: ArtifactState
    path: str | None = None
    bytes: int = 0
    total: int | None = None
    sha256: str | None = None
    verified: Verified = Verified.NONE
    owner: str | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "state": str(self.state),
            "path": self.path,
            "bytes": self.bytes,
            "total": self.total,
            "sha256": self.sha256,
            "verified": str(self.verified),
        }


@dataclass(slots=True, frozen=True)
class Spec:
    """What a submit asks for. `params` are strings; `time_from`/`time_to` as the operator wrote them."""

    report: str
    params: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None
    time_from: str | None = None
    time_to: str | None = None


@dataclass(slots=True, frozen=True)
class Job:
    """One report job as the ledger has it.

    The first block is the contract's JSON; the second is what the engine needs to be right tomorrow.
    """

    id: str
    account: str
    vendor: str
    name: str
    reference: str | None
    state: JobState
    vendor_status: str | None = None  # the raw word, cleaned, never translated
    message: str | None = None
    health: Health = Health.OK  # OK or BAD_PAYLOAD: the rest is the account's
    submitted_at: float | None = None
    updated_at: float | None = None  # last change of anything an operator can see
    settled_at: float | None = None
    expires_at: float | None = None
    next_poll_at: float | None = None
    attempts: int = 0  # failed checks since the last good one
    parent: str | None = None
    artifact: Artifact | None = None

    rev: int = 0
    spec: Spec | None = None
    intent: Intent | None = None
    prior: JobState | None = None  # the state to go back to when a delete is refused
    tracked: bool = False  # started elsewhere: submitted_at is when we began to follow it
    ordinal: int = 0  # place among its parent's children, from 1
    children_total: int | None = None  # a group's own count, as the vendor gives it
    error_code: str | None = None  # the vendor's code that came with a failure
    note: str | None = None  # ours, in parentheses on the screen: "e-mailed", "remote", "went back"
    seen_at: float | None = None  # last good look
    checks: int = 0  # looks so far, good and bad
    gone_since: float | None = None  # first of a row of "not found" answers that are not yet believed
    gone_count: int = 0
    deleted_by_us: bool = False
    forgotten_at: float | None = None
    adopted: bool = False
    took: tuple[float, float] | None = None  # the end lay in this span, seconds from the submit (durations)
    drift: str | None = None  # where the vendor's last complete list and this row part: UNLISTED, or its word

    @property
    def is_group(self) -> bool:
        return self.children_total is not None

    @property
    def settled(self) -> bool:
        return self.state in SETTLED

    @property
    def saved(self) -> bool:
        """By the ledger's word; whether the file still lies there is for the engine to check."""
        return self.artifact is not None and self.artifact.state is ArtifactState.SAVED

    def as_json(self, account_health: Health = Health.OK) -> dict[str, Any]:
        """The contract's fields in the contract's order; absent is None."""
        health = account_health if account_health is not Health.OK else self.health
        return {
            "id": self.id,
            "account": self.account,
            "vendor": self.vendor,
            "name": self.name,
            "reference": self.reference,
            "state": str(self.state),
            "vendor_status": self.vendor_status,
            "message": self.message,
            "health": str(health),
            "submitted_at": rfc3339(self.submitted_at),
            "updated_at": rfc3339(self.updated_at),
            "settled_at": rfc3339(self.settled_at),
            "expires_at": rfc3339(self.expires_at),
            "next_poll_at": rfc3339(self.next_poll_at),
            "attempts": self.attempts,
            "parent": self.parent,
            "artifact": self.artifact.as_json() if self.artifact else None,
        }


@dataclass(slots=True, frozen=True)
class Account:
    """One account as the ledger has it: the shared truth about its health and who polls it.

    `health` is OK, THROTTLED, AUTH_FAILED or UNREACHABLE; `paused` overrides it on the screen.
    `until` is when a throttled or unreachable account is tried next; `since` when this health began.
    """

    name: str
    vendor: str
    health: Health = Health.OK
    since: float | None = None
    until: float | None = None
    message: str | None = None  # what went wrong, cleaned; in the vendor's own words if it said no
    paused: bool = False
    failures: int = 0  # transport errors in a row
    accepted_at: float | None = None  # when a credential last worked
    owner: str | None = None
    epoch: int = 0
    lease_until: float | None = None
    slots_full_at: float | None = None  # the vendor said full while we counted fewer
    listed_at: float | None = None  # when the vendor's list was last read whole
    only_there: tuple[str, ...] = ()  # references it had that are no rows here, the first of them
    only_there_count: int = 0
    refused_at: float | None = None  # when the vendor last refused a credential; kept when it is over
    refusal: str | None = None  # its words for that, cleaned
    keyless: bool = False  # of AUTH_FAILED: there was no key to send, and the message is ours
    rev: int = 0

    @property
    def shown(self) -> Health:
        return Health.PAUSED if self.paused else self.health


NO_KEY = "no key yet"
"""An account's message where there is no credential for it anywhere."""
VAULT_LOCKED = "the vault is locked"
KEYRING_LOCKED = "the keyring is locked and its prompt cannot be shown here"
KEYRING_SHUT = ("the keyring is locked in its own program", "the keyring was never unlocked")
"""How an account's message begins whose key is in a locked store; of the last two nobody can unlock it from
here. The credentials say it in these words, and by them the board knows that nobody refused anything."""


class Fence(NamedTuple):
    """Proof of a lease; every poll write carries it and fails with LeaseLost when it is stale."""

    account: str
    owner: str
    epoch: int


class Exchange(NamedTuple):
    """One request and its answer, redacted (net/trace) before it is kept."""

    at: float
    method: str
    url: str
    status: int | None
    ms: int
    request: str = ""
    response: str = ""
    size: int = 0  # bytes of the whole answer body
    error: str | None = None


class LastError(NamedTuple):
    """The last failed look or act of a job."""

    at: float
    kind: str  # throttled, auth_failed, unreachable, bad_payload, not_found, refused, download
    text: str
    status: int | None = None
    code: str | None = None


class Event(NamedTuple):
    """A line of a job's history."""

    at: float
    what: str  # "running → ready", "delete sent", "saved 2.0 MB"
    who: str  # vendor, operator, reportdash
    state: JobState
    vendor_status: str | None = None
    message: str | None = None


ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def __getattr__(name: str) -> Any:
    if name in ("Body", "Credential", "LocalFile", "Seen", "Signed", "Submitted"):
        from reportdash import told

        return getattr(told, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def new_id() -> str:
    """Six lower-case base32 characters; the ledger retries on a collision."""
    import secrets  # here, because reading needs none

    return "".join(secrets.choice(ID_ALPHABET) for _ in range(6))


__all__ = [
    "ACTIVE",
    "FINAL",
    "HAS_FILE",
    "ID_ALPHABET",
    "KEYRING_LOCKED",
    "KEYRING_SHUT",
    "NOT_RECENT",
    "NO_KEY",
    "NO_ROWS",
    "OCCUPIES_SLOT",
    "SETTLED",
    "UNLISTED",
    "VAULT_LOCKED",
    "Account",
    "Artifact",
    "ArtifactState",
    "Body",
    "Credential",
    "Event",
    "Exchange",
    "Fence",
    "Health",
    "Intent",
    "IntentKind",
    "Job",
    "JobState",
    "LastError",
    "LocalFile",
    "Seen",
    "Signed",
    "Spec",
    "Stage",
    "Submitted",
    "Verified",
    "new_id",
    "replace",
]
