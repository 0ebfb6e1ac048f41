"""What the screen needs from below, as protocols: the engine is imported late and handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from reportdash.model import Account, Event, Exchange, Job, LastError
from reportdash.tui.actions import Keymap
from reportdash.tui.glyphs import Glyphs
from reportdash.tui.theme import Palette
from reportdash.tui.widgets.filter import SavedView, saved_views

if TYPE_CHECKING:
    from reportdash.ledger.reads import Changes


class LedgerPort(Protocol):
    """The ledger, as the screen reads it."""

    @property
    def owner(self) -> str: ...
    async def changed_since(self, rev: int) -> Changes: ...
    async def wait(self, rev: int, timeout: float) -> bool: ...
    async def history(self, job_id: str) -> list[Event]: ...
    async def exchanges(self, job_id: str) -> list[Exchange]: ...
    async def last_error(self, job_id: str) -> LastError | None: ...
    async def slots_used(self, account: str) -> int: ...


class ProgressPort(Protocol):
    """One download under way."""

    @property
    def bytes(self) -> int: ...
    @property
    def total(self) -> int | None: ...
    @property
    def place(self) -> int | None: ...


class DownloadsPort(Protocol):
    """The downloads of this process."""

    def progress(self) -> Mapping[str, ProgressPort]: ...
    def start(self, job_id: str) -> None: ...
    def intact(self, job: Job) -> bool: ...
    def busy(self) -> int: ...


class SeatPort(Protocol):
    """One account in the engine."""

    @property
    def vendor(self) -> Any: ...
    @property
    def slots(self) -> int | None: ...


class EnginePort(Protocol):
    """The engine: everything a key can set going."""

    @property
    def ledger(self) -> LedgerPort: ...
    @property
    def downloads(self) -> DownloadsPort: ...
    @property
    def accounts(self) -> Mapping[str, Any]: ...
    @property
    def read_only(self) -> bool: ...
    @property
    def settings(self) -> Any: ...
    def polled_here(self) -> set[str]: ...
    def requests_per_minute(self) -> int: ...
    def changes_per_second(self) -> float: ...
    async def poll_now(self, job_ids: Iterable[str]) -> Any: ...
    async def pause(self, account: str, paused: bool) -> Any: ...
    def can(self, action: str, job: Job) -> Any: ...


OpenEngine: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens ledger, keyring and vendors and starts polling; closes them again at the end.

It gives an EnginePort, or None while no account is configured (it is asked again later), or raises Problem
with a sentence. It is called after the first paint; what it imports, it imports in a thread.
"""


class FirstRows(Protocol):
    """What the ledger holds at the start."""

    @property
    def rev(self) -> int: ...
    @property
    def jobs(self) -> Sequence[Job]: ...
    @property
    def accounts(self) -> Sequence[Account]: ...


@dataclass(slots=True, frozen=True)
class NoRows:
    """An empty ledger, or none yet."""

    rev: int = 0
    jobs: Sequence[Job] = ()
    accounts: Sequence[Account] = ()


FIRST_TITLES = {"7g": "7G", "sigma": "Sigma", "webadmit": "WebAdMIT", "talkdesk": "Talkdesk"}
"""For the first paint, which comes before any vendor is imported."""


@dataclass(slots=True)
class Look:
    """What is known before the first paint, from a first glance at the config."""

    palette: Palette
    glyphs: Glyphs = "unicode"
    keymap: Keymap = field(default_factory=Keymap)
    views: tuple[SavedView, ...] = field(default_factory=lambda: saved_views(()))
    titles: Mapping[str, str] = field(default_factory=lambda: dict(FIRST_TITLES))
    """Vendors' names as people read them, by the name the config uses; the engine's own names follow."""
    themes: Path | None = None
    """The folder of the operator's own themes."""
    show_changes: bool = False
    """Whether the header shows the changes seen each second in place of requests, as in the demo."""
