"""What a vendor tells and hands over, and the credential it is shown. `model` gives them out as its own.

They stand apart because a look, a submit or a download is the first to need them: the start of the dashboard
does not wait for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reportdash.model import JobState


@dataclass(slots=True, frozen=True)
class Seen:
    """What one look at a job told, already translated: `state` ours, `vendor_status` the vendor's word.

    `name` the vendor's name for it, if it gives one; `children` for a group, in the vendor's order, each
    with `reference` `group:REF#n`; `children_total` the count the vendor announces.
    """

    state: JobState
    vendor_status: str | None
    message: str | None = None
    reference: str | None = None
    name: str | None = None
    error_code: str | None = None
    note: str | None = None
    children: tuple[Seen, ...] = ()
    children_total: int | None = None
    expires_at: float | None = None
    submitted_at: float | None = None


@dataclass(slots=True, frozen=True)
class Submitted:
    """A submit the vendor took: the canonical reference, and what it already said of the job."""

    reference: str
    seen: Seen


@dataclass(slots=True, frozen=True)
class Signed:
    """A short-lived address to fetch at once with the bare client; never stored, logged or queued."""

    url: str
    filename: str | None = None  # raw: only through the sanitiser
    checksum: str | None = None  # where the vendor gives one: "sha256:hex", "md5:hex"

    def __repr__(self) -> str:
        return "Signed(…)"


@dataclass(slots=True, frozen=True)
class Body:
    """The report came in the reply itself; saved by the same safe steps, without resume."""

    chunks: AsyncIterator[bytes]
    extension: str  # without the dot
    total: int | None = None
    filename: str | None = None
    note: str | None = None  # about the content: "no rows in the file"
    checksum: str | None = None  # as in Signed
    framed: bool = False  # no total is known before, but the chunks raise where they are cut


@dataclass(slots=True, frozen=True)
class LocalFile:
    """The vendor publishes where this server can read: a glob pattern with vendor text already escaped."""

    pattern: str


@dataclass(frozen=True)
class Credential:
    """Secret fields of one account. Its text form never shows a value."""

    fields: Mapping[str, str]
    origin: str | None  # scheme://host:port it was given for; None: any (environment)
    source: str  # environment, keyring, command, vault, memory

    def __repr__(self) -> str:
        return f"Credential({', '.join(sorted(self.fields))}; {self.source})"

    __str__ = __repr__
