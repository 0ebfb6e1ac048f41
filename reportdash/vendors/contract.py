"""What a vendor is: one class in one file. It translates; it reads no clock, opens no file, knows no ledger.

A vendor is handed an `Api` (net/client) that signs requests, records exchanges and raises `errors.CallFailed`
for transport and sign-in troubles; it raises the same family for what the answer itself says.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Protocol, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reportdash.model import UNLISTED, Body, Credential, Job, LocalFile, Seen, Signed, Spec, Submitted
from reportdash.net.http import Reply, Request, Session


class Action(StrEnum):
    """What a vendor may or may not be able to do."""

    SUBMIT = "submit"
    DOWNLOAD = "download"
    DELETE = "delete"
    LIST = "list"


@dataclass(slots=True, frozen=True)
class Yes:
    """The vendor has this call. `note`: what it does to a job, one sentence, for the dialog."""

    note: str = ""

    def __bool__(self) -> bool:
        return True


@dataclass(slots=True, frozen=True)
class No:
    """The vendor has no such call, and why; the reason is shown as it stands."""

    reason: str

    def __bool__(self) -> bool:
        return False


Can: TypeAlias = Yes | No
File: TypeAlias = Signed | Body | LocalFile


@dataclass(slots=True, frozen=True)
class PollPolicy:
    """How often to look, seconds; `ttl` life of a result from its submit; `slots` jobs at once per user.

    `limit_window`: for how many seconds the number in X-RateLimit-Limit counts, where the vendor says so.
    """

    poll_min: float
    poll_max: float
    ttl: float | None = None
    slots: int | None = None
    max_inflight: int = 4
    limit_window: float | None = None


def _check_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address starts with https:// and names a host, as in https://api.example.org")
    if any(sign.isspace() for sign in value):
        raise ValueError("an address has no blank in it, as in https://api.example.org")
    try:
        parts.port  # noqa: B018  # it is read, and found wrong, when it is asked for
    except ValueError:
        raise ValueError(
            "the port of an address is a number up to 65535, as in http://localhost:9081"
        ) from None
    if parts.username or parts.password:
        raise ValueError("an address carries no user name or password; `reportdash login` keeps them")
    if parts.query or parts.fragment:
        raise ValueError("an address ends with its path; take away what follows ? or #")
    return value.rstrip("/")


def _check_command(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or not value[0].strip():
        raise ValueError('no program is named: write ["pass", "show", "ENTRY"], or take the line away')
    return value


Url = Annotated[
    str,
    AfterValidator(_check_url),
    Field(description="an address, as in https://api.example.org; calls are appended"),
]
Hosts = Annotated[tuple[str, ...], Field(description="hosts that signed links may name")]
Command = Annotated[
    tuple[str, ...],
    AfterValidator(_check_command),
    Field(json_schema_extra={"minItems": 1, "prefixItems": [{"type": "string", "pattern": r"\S"}]}),
]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class AccountSettings(BaseModel):
    """The keys every account has. A vendor's own class adds its keys and says which secrets it needs."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    SECRETS: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Alternative sets of secret fields, the preferred first."""

    vendor: str
    base_url: Url
    poll_min: Annotated[Seconds | None, Field(description="seconds between two looks at least")] = None
    poll_max: Annotated[Seconds | None, Field(description="seconds between two looks at most")] = None
    max_inflight: Annotated[
        Annotated[int, Field(ge=1, le=256)] | None, Field(description="jobs or requests at once at most")
    ] = None
    requests_per_minute: Annotated[
        Annotated[float, Field(gt=0, le=60_000)] | None, Field(description="requests in any minute at most")
    ] = None
    auto_download: Annotated[bool, Field(description="save what becomes ready")] = False
    adopt: Annotated[bool, Field(description="follow every job the vendor lists")] = False
    careful: Annotated[bool, Field(description="delete asks for the account's name")] = False
    read_only: Annotated[bool, Field(description="block submit, delete, adopt, pause and forget")] = False
    download_hosts: Hosts = ()
    allow_insecure: Annotated[bool, Field(description="http elsewhere than on loopback")] = False
    allow_private_hosts: Annotated[bool, Field(description="links may lead inside this network")] = False
    ca_file: Annotated[str | None, Field(description="PEM file with further CAs to trust")] = None
    credential_command: Annotated[
        Command | None, Field(description="a command, word by word, that prints field=value or JSON")
    ] = None

    def secret_fields(self) -> tuple[tuple[str, ...], ...]:
        """The sets of secret fields that satisfy this account as it is configured."""
        return self.SECRETS

    def origins(self) -> tuple[str, ...]:
        """Every origin (scheme://host:port) a credential of this account may be sent to."""
        return (origin(self.base_url),)


def origin(url: str) -> str:
    """scheme://host:port of an address, lower case, with the default port written out."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


class Api(Protocol):
    """The vendor's door to the network (net/client has the real one)."""

    async def send(self, request: Request) -> Reply:
        """Send one signed request; signs in first, and once more after a refusal.

        Raises NoCredential, AuthFailed, Throttled (429, 503), Unreachable (transport; `sent` tells whether
        a byte may have left). Every other status is handed back as a Reply.
        """
        ...


class Vendor(ABC):
    """One vendor, bound to one account."""

    name: ClassVar[str]  # as the config writes it: "7g"
    title: ClassVar[str]  # as people read it: "7G"
    Account: ClassVar[type[AccountSettings]] = AccountSettings
    policy: ClassVar[PollPolicy]
    report_word: ClassVar[str] = "report"  # what REPORT is here, for forms and errors
    reference_word: ClassVar[str] = "reference"  # the form of a reference: "GUID"
    params_hint: ClassVar[str] = ""  # one line for the submit form: which parameters exist
    formats: ClassVar[tuple[str, ...]] = ()  # what a submit's format may be; none: it takes no format
    takes_span: ClassVar[bool] = False  # whether a submit takes `time_from` and `time_to`
    key_needs: ClassVar[str] = ""  # what a credential must be allowed to do: one sentence for the login
    lists_from: ClassVar[int] = 0  # due jobs from which `statuses` takes fewer requests; 0: never
    resubmit_is_safe: ClassVar[bool] = False  # a repeated submit returns the running job
    replay_window: ClassVar[float | None] = (
        None  # seconds for which the same key replays; None: no such limit
    )

    def __init__(self, account: AccountSettings, api: Api) -> None:
        self.account = account
        self.api = api

    @property
    def replays_safely(self) -> bool:
        """Whether a submit without an answer may be sent again with the same key, making no second job."""
        return self.resubmit_is_safe

    # What it can do; asked before any request, shown as it stands.

    @abstractmethod
    def can(self, action: Action, job: Job | None = None) -> Can:
        """Whether the vendor has this call (for this job), or why not."""

    @classmethod
    @abstractmethod
    def reference(cls, text: str) -> str:
        """The canonical form of a reference the operator gave. Raises UsageProblem that shows the form."""

    def check(self, spec: Spec) -> Spec:
        """The spec as it would be sent. Raises UsageProblem for what the vendor is known to refuse."""
        return spec

    def group(self, reference: str) -> bool:
        """Whether this reference names a group of jobs."""
        return False

    # Signing in; called by the Api, single-flight, never at the same time twice.

    @abstractmethod
    async def sign_in(self, credential: Credential, old: Session | None, bare: Api) -> Session:
        """A fresh session. `bare` sends unsigned. `old`: the session to refresh, None after a refusal.

        Raises AuthFailed with the vendor's words when the credential is refused.
        """

    @abstractmethod
    def sign(self, request: Request, session: Session) -> Request:
        """The request with the session's token where this vendor wants it."""

    def refused(self, reply: Reply) -> bool:
        """Whether this answer means "sign in again". Default: 401 and 403."""
        return reply.status in (401, 403)

    async def prove(self) -> None:  # noqa: B027 - most vendors prove it by signing in
        """One harmless call that shows whether the credential works, where signing in asks the vendor
        nothing; made before a new credential is kept. Raises what the Api raises, and BadPayload.
        """

    # The calls.

    @abstractmethod
    async def status(self, job: Job) -> Seen:
        """One look. Raises CallFailed: NotFound, BadPayload, or what the Api raises."""

    async def statuses(self, jobs: Sequence[Job]) -> Mapping[str, Seen]:
        """Many looks in few requests, where the vendor lists: reference → what was seen.

        A job it leaves out is looked at by itself. Raises what `list` raises.
        """
        return {}

    async def submit(self, spec: Spec, key: str) -> Submitted:
        """Start a job. `key` is the idempotency key of this logical submit.

        Raises VendorRefused (a plain no), SlotsFull, BadPayload (unsure) or what the Api raises.
        """
        raise NotImplementedError

    async def artifact(self, job: Job) -> File:
        """Where the report is, now. Raises CallFailed; NotFound when the result is gone."""
        raise NotImplementedError

    async def delete(self, job: Job, key: str) -> None:
        """Delete at the vendor. Returns when the vendor confirmed; NotFound counts as done by the caller.

        Raises VendorRefused (a plain no), BadPayload (unsure) or what the Api raises.
        """
        raise NotImplementedError

    def list(self) -> AsyncIterator[Seen]:
        """What the vendor has, page by page; each Seen carries its reference."""
        raise NotImplementedError

    def unlisted(self, reference: str) -> str | None:
        """What it means that `list` leaves this reference out: UNLISTED, NOT_RECENT, or None for nothing."""
        return UNLISTED


_WORD = re.compile(r"[\s-]+")


def word(raw: object) -> str:
    """A vendor's status word for comparison: casefolded, spaces and hyphens as `_`, stripped."""
    return _WORD.sub("_", str(raw).strip()).casefold()


def pick(data: Mapping[str, Any], *names: str) -> Any:
    """The first of `names` in `data`, whatever the case of its keys; None when absent."""
    lowered = {str(key).casefold(): value for key, value in data.items()}
    return next((lowered[n.casefold()] for n in names if n.casefold() in lowered), None)
