"""What the operator sets going: each verb asks the engine, and says in one line what came of it.

Verbs that ask first open their dialog: a module of `tui/screens` with `open(app, jobs)`, imported when its
key is pressed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reportdash.board.health import key_trouble
from reportdash.board.states import Role
from reportdash.board.units import plural
from reportdash.errors import Problem
from reportdash.model import Health, Job
from reportdash.tui.actions import Action

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard
    from reportdash.tui.batch import Batch
    from reportdash.tui.clipboard import Said
    from reportdash.tui.ports import EnginePort

DIALOGS = {
    "download": "reportdash.tui.screens.download",
    "delete": "reportdash.tui.screens.delete",
    "forget": "reportdash.tui.screens.forget",
    "submit": "reportdash.tui.screens.submit",
    "track": "reportdash.tui.screens.track",
    "accounts": "reportdash.tui.screens.accounts",
    "login": "reportdash.tui.screens.login",
    "add_account": "reportdash.tui.screens.account",
    "passphrase": "reportdash.tui.screens.passphrase",
}
"""The module behind each action that asks first."""

_ASKED = ("download", "delete", "forget", "poll")
"""Actions the engine can refuse for a single job."""

NOT_YET = "the vendors are still being loaded"
_ALONE = ("add_account", "demo")
"""Actions that need no engine."""
NO_ACCOUNT = "there is no account yet"
OPENING = "the ledger is being opened anew: try again in a moment"
READ_ONLY = "this dashboard is read-only"


class Operator:
    """Carries out what a key asked for."""

    def __init__(self, app: Dashboard) -> None:
        self.app = app
        self.batch: Batch | None = None
        """The last act on several jobs."""
        self.again: Callable[[Dashboard, Sequence[Job]], None] = lambda app, jobs: None
        """What tries jobs of it once more."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._verbs: dict[str, Callable[[EnginePort, Sequence[Job]], None]] = {
            "download": self.download,
            "poll": self.poll,
            "pause": self.pause,
            "open": self.open,
        }

    @property
    def engine(self) -> EnginePort:
        """The one to act with now: a dialog may outlive the ledger it was opened over. Raises Problem."""
        if self.app.engine is None:
            raise Problem(self.app.live.problem or OPENING)
        return self.app.engine

    def why_not(self, action: Action, jobs: Sequence[Job]) -> str:
        """Why an action is off now for these jobs; empty when it is on."""
        if action.on_jobs and not jobs:
            return "no job is under the cursor"
        engine = self.app.engine
        if action.id in _ALONE:
            return self._why_not_alone(action)
        if engine is None:
            if self.app.live.problem:
                return f"nothing is polled here: {self.app.live.problem}"
            return NOT_YET if self.app.board.configured else NO_ACCOUNT
        if action.changes and engine.read_only:
            return READ_ONLY
        if len(jobs) == 1 and action.id in _ASKED:
            can = engine.can(action.id, jobs[0])
            return "" if can else str(can.reason)
        special: dict[str, Callable[[], str]] = {
            "pause": lambda: self._why_no_pause(engine, jobs),
            "open": lambda: _why_no_open(jobs[0]),
            "submit": lambda: self._why_no_submit(engine, jobs),
            "track": lambda: "" if engine.accounts else NO_ACCOUNT,
            "login": lambda: "" if engine.accounts else NO_ACCOUNT,
            "passphrase": lambda: (
                "" if engine.chain.vault is not None else "this is the demo, which keeps nothing"
            ),
        }
        return special[action.id]() if action.id in special else ""

    def _why_no_submit(self, engine: EnginePort, jobs: Sequence[Job]) -> str:
        """Why no account takes a submit; a submit without an answer can be dealt with in any case."""
        from reportdash.tui.screens.submit import accounts, meant

        if not engine.accounts:
            return NO_ACCOUNT
        if meant(self.app, jobs) is not None:
            return ""
        able, reasons = accounts(self.app)
        return "" if able else next(iter(reasons.values()), NO_ACCOUNT)

    def _why_no_pause(self, engine: EnginePort, jobs: Sequence[Job]) -> str:
        """Why none of the accounts can be paused."""
        names = dict.fromkeys(job.account for job in jobs)
        if any(name in engine.accounts for name in names):
            return ""
        name = next(iter(names))
        left = engine.settings.left_out.get(name)
        return f"{name} is left out: {left.text}" if left is not None else f"{name} is not in the config"

    def _why_not_alone(self, action: Action) -> str:
        board = self.app.board
        if not board.config:
            return "this is the demo, which has no config"
        if action.id == "demo":
            if board.first_run and not self.app.holds_keys:
                return ""
            why = "the key you gave would be forgotten; " if board.first_run else ""
            return f"{why}reportdash demo opens it in another terminal"
        return READ_ONLY if self.app.read_only else ""

    def act(self, name: str, jobs: Sequence[Job]) -> None:
        """Carry out an action of the registry; `why_not` has been asked."""
        engine = self.app.engine
        if name == "demo":
            self.app.look_around()
            return
        if engine is None:
            if name in _ALONE:
                import_module(DIALOGS[name]).open(self.app, list(jobs))
            return
        verb = self._verbs.get(name)
        if verb is not None:
            verb(engine, jobs)
        else:
            import_module(DIALOGS[name]).open(self.app, list(jobs))

    def task(self, work: Coroutine[Any, Any, str | None]) -> None:
        """Run a verb beside the screen; what it returns, or the Problem it raises, is said on the board."""

        async def run() -> None:
            try:
                said = await work
            except Problem as problem:
                self.app.board.say(problem.text, role=Role.WARN)
            else:
                if said:
                    self.app.board.say(said, role=Role.MUTED)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.app.fail(error)

    def tell(self, work: Coroutine[Any, Any, Said]) -> None:
        """As `task`, for work that never fails but says whether it went well."""

        async def run() -> None:
            told = await work
            self.app.board.say(told.text, role=Role.MUTED if told.well else Role.WARN)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """End what still runs; the ledger keeps every intent."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # The verbs that ask nothing.

    def download(self, engine: EnginePort, jobs: Sequence[Job]) -> None:
        """Save a report; several are shown in a plan first."""
        if len(jobs) > 1:
            import_module(DIALOGS["download"]).open(self.app, list(jobs))
        else:
            import_module(DIALOGS["download"]).carry_out(self.app, jobs)

    def poll(self, engine: EnginePort, jobs: Sequence[Job]) -> None:
        """Look at the jobs now."""
        ids = [job.parent or job.id for job in jobs]

        async def look() -> str:
            await engine.poll_now(ids)  # of accounts at rest too: their key may be good by now
            resting = {job.account: self._rest(job.account) for job in jobs}
            asked = sum(not resting[job.account] for job in jobs)
            why = [f"{name} is not polled: {rest}" for name, rest in resting.items() if rest]
            return "; ".join([f"{plural(asked, 'job')} asked for now"] * bool(asked) + why[:1])

        self.task(look())

    def _rest(self, name: str) -> str:
        """What keeps an account from being polled, with the key for it; empty: nothing."""
        row, named = self.app.board.view.records.accounts.get(name), self.app.look.keymap.named
        if row is not None and row.paused:
            return f"paused, {named('pause')} resumes it"
        if row is None or row.health is not Health.AUTH_FAILED:
            return ""
        trouble = key_trouble(row)
        return f"{trouble}, {named('login')} {trouble.login}"

    def pause(self, engine: EnginePort, jobs: Sequence[Job]) -> None:
        """Pause polling of the accounts, or resume it if they are all paused."""
        names = list(dict.fromkeys(job.account for job in jobs))
        accounts = self.app.board.view.records.accounts
        paused = not all(accounts[name].paused for name in names if name in accounts)

        async def change() -> str:
            for name in names:
                await engine.pause(name, paused)
            return f"polling of {', '.join(names)} {'paused' if paused else 'resumed'}"

        self.task(change())

    def open(self, engine: EnginePort, jobs: Sequence[Job]) -> None:
        """Read the saved file in $PAGER."""
        job = jobs[0]
        path = job.artifact.path if job.artifact is not None else None
        if path is None:
            return

        async def show() -> None:
            if not await engine.downloads.is_intact(job):
                key = self.app.board.look.keymap.shown("download")
                raise Problem(f"the file is no longer where it was saved; {key} fetches it again")
            if wrong := await self.app.page_file(path):
                raise Problem(wrong)

        self.task(show())


def _why_no_open(job: Job) -> str:
    """Why there is no file of the job to read."""
    if job.is_group:
        return "each part has a file of its own: open one of them"
    return "" if job.saved else "nothing is saved yet"
