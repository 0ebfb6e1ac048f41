"""The board on the small set of jobs, in a terminal of any size, with an engine that only writes down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from textual.pilot import Pilot

from reportdash.clock import ManualClock
from reportdash.model import HAS_FILE, Account, Event, Exchange, Job, LastError
from reportdash.settings.memory import recall
from reportdash.tui import theme
from reportdash.tui.actions import Keymap, Setting
from reportdash.tui.app import Dashboard
from reportdash.tui.details import Known
from reportdash.tui.glyphs import Glyphs
from reportdash.tui.ports import Look
from reportdash.tui.widgets.accounts import Slots
from reportdash.tui.widgets.filter import SavedView
from reportdash.tui.widgets.header import Mode
from tests.tui import rows

MONTH_END = SavedView("month-end", "name:*month*", sort="next")


def dashboard(
    *,
    palette: str = theme.DEFAULT,
    glyphs: Glyphs = "unicode",
    keys: Mapping[str, Setting] | None = None,
    jobs: Iterable[Job] | None = None,
    accounts: Iterable[Account] | None = None,
    open_engine: Any = None,
    settled: bool = True,
    clock: ManualClock | None = None,
    configured: bool = True,
    memory_path: Path | None = None,
    read_only: bool = False,
) -> Dashboard:
    """The app as the pictures show it: 14:31, four accounts, two downloads under way."""
    look = Look(
        theme.load(palette),
        glyphs,
        Keymap(keys),
        [MONTH_END],
        memory=recall(memory_path),
        memory_path=memory_path,
        kind="many",
        theme=theme.DEFAULT,
    )
    first = rows.Rows(
        list(rows.jobs() if jobs is None else jobs),
        list(rows.accounts() if accounts is None else accounts),
    )
    app = Dashboard(
        look,
        first,
        open_engine,
        clock=clock or ManualClock(rows.NOW),
        config="/home/op/.config/reportdash/config.toml",
        configured=configured,
        read_only=read_only,
    )
    if settled:
        app.board.slots = {"main": Slots(7, 10)}
        app.board.rate = "4 req/min"
        app.board.mode = Mode("live")
        if jobs is None:
            known = Known(tuple(rows.history("k3f9ta")), tuple(rows.exchanges("k3f9ta")), None)
            app.board.known["k3f9ta"] = known
            app.board.view.records.fetches = dict(rows.FETCHES)
            app.board.view.apply(app.board.view.records.jobs[:], (), rows.NOW)  # type: ignore[arg-type]
            app.board.view.move_to(0)
    return app


@asynccontextmanager
async def board(size: tuple[int, int] = (140, 40), **how: Any) -> AsyncIterator[tuple[Dashboard, Pilot[int]]]:
    app = dashboard(**how)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot


def screen_text(app: Dashboard) -> str:
    """What stands on the whole screen, without styles."""
    size = app.size
    from textual.geometry import Region

    strips = app.screen._compositor.render_strips(Region(0, 0, *size).size)
    return "\n".join(strip.text.rstrip() for strip in strips)


@dataclass
class Downloads:
    running: dict[str, Any] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    ends: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    whole: bool = True
    notice: str | None = None
    hangs: str | None = None

    def progress(self) -> Mapping[str, Any]:
        return self.running

    def start(self, job_id: str) -> None:
        self.started.append(job_id)
        self.running[job_id] = SimpleNamespace(bytes=0, total=100, place=None, trouble=None, rests=False)

    async def fetch(self, job_id: str) -> Any:
        """Ends when the test says so."""
        return await self.ends.setdefault(job_id, asyncio.get_running_loop().create_future())

    async def is_intact(self, job: Job) -> bool:
        return self.whole

    def busy(self) -> int:
        return len(self.running)


class EmptyLedger:
    """A ledger in which nothing happens."""

    owner = "test"
    full: str | None = None
    mute: Any = None
    on_trouble: Any = None

    async def changed_since(self, rev: int) -> Any:
        return SimpleNamespace(rev=rev, jobs=[], accounts=[])

    async def wait(self, rev: int, timeout: float) -> bool:
        await asyncio.Event().wait()
        return False

    async def history(self, job_id: str) -> list[Event]:
        return rows.history(job_id)

    async def states_at(self, moment: float) -> dict[str, Any]:
        return {}

    async def exchanges(self, job_id: str) -> list[Exchange]:
        return rows.exchanges(job_id)

    async def last_error(self, job_id: str) -> LastError | None:
        return None

    async def owner_alive(self, owner: str) -> bool:
        return False

    async def slots_used(self, account: str) -> int:
        return 7


class Answer:
    """Yes, or no with a reason."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason

    def __bool__(self) -> bool:
        return not self.reason


class Chain:
    """Stores in which there is nothing to ask for."""

    vault = None

    async def locked_out(self, accounts: Mapping[str, Sequence[Sequence[str]]]) -> list[str]:
        return []

    async def broken_vault(self, accounts: Mapping[str, Sequence[Sequence[str]]]) -> None:
        return None

    async def locked_keyring(self, accounts: Mapping[str, object]) -> list[str]:
        return []

    async def in_plain_text(self) -> list[str]:
        return []


class Engine:
    """Writes down what it is asked for."""

    def __init__(self, ledger: Any = None, *, read_only: bool = False) -> None:
        self.ledger = ledger or EmptyLedger()
        self.downloads = Downloads()
        self.chain = Chain()
        self.read_only = read_only
        self.settings = SimpleNamespace(bell=True, title=True, left_out={}, download_dir="/srv/reports")
        self.asked: list[tuple[str, Any]] = []
        self.refusals: dict[str, str] = {}
        self.accounts = {name: self._seat(name, vendor) for name, vendor in rows.VENDORS.items()}

    def _seat(self, name: str, vendor: str) -> Any:
        titles = {"7g": "7G", "sigma": "Sigma", "webadmit": "WebAdMIT", "talkdesk": "Talkdesk"}
        made = SimpleNamespace(name=vendor, title=titles[vendor])
        made.can = lambda action, job=None: self._vendor_can(vendor, str(action))
        settings = SimpleNamespace(read_only=False, careful=False, secret_fields=lambda: (("api_key",),))
        return SimpleNamespace(vendor=made, slots=10 if vendor == "7g" else None, settings=settings)

    def _vendor_can(self, vendor: str, action: str) -> Answer:
        """As the real ones: two of them have no delete."""
        none = action == "delete" and vendor in ("sigma", "webadmit")
        return Answer("the vendor has no delete" if none else "")

    async def is_unsaved(self, job: Job) -> bool:
        return job.state in HAS_FILE and not job.saved

    def polled_here(self) -> set[str]:
        return set(self.accounts)

    def requests_per_minute(self) -> int:
        return 4

    def changes_per_second(self) -> float:
        return 0.0

    async def poll_now(self, job_ids: Iterable[str]) -> None:
        self.asked.append(("poll", list(job_ids)))

    async def pause(self, account: str, paused: bool) -> None:
        self.asked.append(("pause", (account, paused)))

    def can(self, action: str, job: Job) -> Answer:
        return Answer(self.refusals.get(action, ""))

    def opener(self) -> Any:
        @asynccontextmanager
        async def open_engine() -> AsyncIterator[Engine]:
            yield self
            self.asked.append(("closed", None))

        return open_engine
