"""The engine: settings, ledger, credentials and vendors put together, and every verb an operator has.

Both the command line and the screen call these; a rule that holds in one holds in the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches

from reportdash.clock import Clock
from reportdash.credentials import Chain
from reportdash.engine import schedule
from reportdash.engine.compare import Compare
from reportdash.engine.core import Core, Tracing
from reportdash.engine.delete import Deletes
from reportdash.engine.download import Downloads, Progress
from reportdash.engine.health import HealthDesk
from reportdash.engine.intents import PATIENCE, Intents, pause_before
from reportdash.engine.look import Looker
from reportdash.engine.outcome import Outcome
from reportdash.engine.poller import Poller
from reportdash.engine.reconcile import Reconcile
from reportdash.engine.seat import Seat, finder, make_client, make_seat
from reportdash.engine.sending import Sender
from reportdash.engine.submit import Submits
from reportdash.engine.worker import Worker
from reportdash.errors import CredentialProblem, Problem, SafetyProblem, UnreachableProblem, UsageProblem
from reportdash.ledger import Ledger
from reportdash.ledger.problems import DiskFull
from reportdash.logins import NOWHERE, outside
from reportdash.model import FINAL, HAS_FILE, Account, Credential, Health, Job, JobState, Spec, replace
from reportdash.net.client import Client
from reportdash.plain import clean
from reportdash.settings import Settings
from reportdash.vendors import registry
from reportdash.vendors.contract import AccountSettings, Action, Can, No, Vendor, Yes

__all__ = ["Downloads", "Engine", "Outcome", "Progress", "Seat"]

STOP_PATIENCE = 1.4
DRAIN_PATIENCE = 0.3
"""Seconds for the parts of an orderly end: workers and downloads, then last exchanges, then connections."""
ROOM = 5.0
"""Seconds between two tries to write what a full disk did not take at the start."""


class Engine:
    """One process's engine. `start` before any verb, `stop` at the end; polling begins with `poll`.

    `download_ready`: jobs that become ready are downloaded, all or those the function takes.
    `paced` False lifts the pace of requests (the demo).
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        chain: Chain,
        *,
        clock: Clock,
        read_only: bool = False,
        download_ready: bool | Callable[[Job], bool] = False,
        paced: bool = True,
    ) -> None:
        self.settings = settings
        self.ledger = ledger
        self.chain = chain
        self.clock = clock
        self.read_only = read_only or settings.read_only
        self.accounts: dict[str, Seat] = {}
        self.core = Core(ledger, clock)
        self.downloads = Downloads(ledger, self.seat, settings.download_dir, clock, ledger.owner)
        self._paced = paced
        self._health = HealthDesk(self.core)
        self._intents = Intents(self.core)
        self._looker = Looker(self.core, self._health)
        self._submits = Submits(self.core, Sender(self.core, self._health, self._intents), self._intents)
        self._deletes = Deletes(self.core, self._health, self._intents, self.downloads.is_intact)
        self._compare = Compare(self.core, self._health, self._looker)
        self._reconcile = Reconcile(self.core, self._compare, self._intents, self._deletes.unsaved)
        wanted = download_ready if callable(download_ready) else (lambda _: True) if download_ready else None
        self._poller = Poller(
            self.core,
            self.accounts,
            self.downloads,
            self._worker,
            keep_days=settings.keep_days,
            wanted=wanted,
        )
        self._requests: deque[tuple[float, int]] = deque()

    # life

    async def start(self) -> None:
        """Make the accounts of the config known to the ledger, and a client for each; nothing is sent."""
        for name, settings in self.settings.accounts.items():
            self.accounts[name] = self._make_seat(name, settings)
        try:
            await self._make_known()
        except DiskFull:  # the table is shown all the same
            self.core.spawn(self._make_known_later())

    async def _make_known(self) -> None:
        await self.ledger.ensure_accounts({name: seat.vendor.name for name, seat in self.accounts.items()})

    async def _make_known_later(self) -> None:
        while True:
            await self.clock.sleep(ROOM)
            with suppress(DiskFull):
                return await self._make_known()

    async def join(self, name: str, settings: AccountSettings) -> None:
        """Take in an account that the config has got since; it is polled if the others are."""
        self.settings = self.settings.model_copy(
            update={"accounts": {**self.settings.accounts, name: settings}}
        )
        seat = self._make_seat(name, settings)
        await self.ledger.ensure_accounts({name: seat.vendor.name})
        self.accounts[name] = seat
        if self._poller.running:
            self.poll([name])

    async def stop(self) -> None:
        """End polling and downloads, give back leases, close connections; within two seconds."""
        ends = [self._poller.stop(), self.downloads.stop()]
        await asyncio.wait({asyncio.ensure_future(end) for end in ends}, timeout=STOP_PATIENCE)
        await self.core.drain(DRAIN_PATIENCE)
        closings = {asyncio.ensure_future(seat.client.aclose()) for seat in self.accounts.values()}
        if closings:
            await asyncio.wait(closings, timeout=DRAIN_PATIENCE)

    def seat(self, account: str) -> Seat:
        """The account's seat. Raises UsageProblem with the nearest name, or why the account is left out."""
        left = self.settings.left_out.get(account)
        if left is not None:
            raise UsageProblem(f"{account} is left out: {left.text}")
        seat = self.accounts.get(account)
        if seat is None:
            path, named = self.settings.path, f"no account is named {clean(account, 60)}"
            if not self.accounts:
                step = (
                    f"{path} has none yet: write it there, or take the # away before the lines of one"
                    if path.exists()
                    else f"there is no {path} yet; `reportdash config init` writes one to start from"
                )
                raise UsageProblem(f"{named}: {step}")
            near = get_close_matches(account, self.accounts, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageProblem(f"{named}{hint} (accounts: {', '.join(self.accounts)})")
        return seat

    def _no_seat(self, account: str) -> No:
        """Why nothing can be done at the account of a job that is not polled here."""
        left = self.settings.left_out.get(account)
        if left is not None:
            return No(f"{account} is left out: {left.text}")
        return No(f"the account {account} is not in the config")

    def _make_seat(self, name: str, settings: AccountSettings) -> Seat:
        find = finder(self.chain, name, settings)
        return make_seat(self._client(name, settings, find), settings, find, Tracing)

    def _client(
        self, name: str, settings: AccountSettings, credential: Callable[[], Awaitable[Credential | None]]
    ) -> Client:
        trace = self.core.exchanges.trace
        return make_client(name, settings, credential, trace=trace, clock=self.clock, paced=self._paced)

    def _worker(self, seat: Seat) -> Worker:
        return Worker(
            self.core,
            seat,
            health=self._health,
            looker=self._looker,
            submits=self._submits,
            deletes=self._deletes,
            compare=self._compare,
            read_only=self._blocked(seat) is not None,
        )

    # polling

    def poll(self, accounts: Iterable[str] | None = None) -> None:
        """Poll these accounts (default: all): each takes its lease, or follows whoever has it."""
        names = None if accounts is None else [self.seat(name).name for name in accounts]
        self._poller.start(names)

    def polled_here(self) -> set[str]:
        """Accounts whose lease this process holds now."""
        return self._poller.leading()

    def refused_here(self) -> dict[str, str]:
        """Accounts this process would poll but for their credential → why not."""
        return self._poller.refused()

    async def poll_now(self, job_ids: Sequence[str]) -> None:
        """Look at these jobs as soon as possible, settled ones too; at a group for its child."""
        now = self.clock.now()
        wanted: dict[str, str] = {}
        for job_id in job_ids:
            job = await self.ledger.job(job_id)
            if job is not None:
                wanted[job.parent or job.id] = job.account

        def due(row: Job) -> Job | None:
            return replace(row, next_poll_at=now) if schedule.may_look(row) else None

        def probe(row: Account) -> Account | None:
            # The vendor asked for nothing: an operator may knock earlier than the breaker would.
            return replace(row, until=None) if row.health is Health.UNREACHABLE and row.until else None

        await asyncio.gather(*(self.ledger.change(job_id, due) for job_id in wanted))
        for account in set(wanted.values()):
            await self.ledger.change_account(account, probe)
            self._poller.wake(account)

    async def look(self, job_id: str) -> Job:
        """The job as the vendor sees it now, whoever polls it; for a command, a minute at most.

        Raises CredentialProblem, UnreachableProblem, and Problem where the vendor does not find it.
        """
        job = await self._job(job_id)
        seat, clock = self.seat(job.account), self.clock
        started, tries = clock.monotonic(), 0
        while True:
            job = await self._looker.look(seat, job, None, lambda: None)
            if job.attempts == 0:
                return job
            error, account = await self.ledger.last_error(job_id), await self.ledger.account(seat.name)
            told = error.text if error is not None else "the last look failed"
            words = f"its status is not known: {told}; `reportdash doctor` looks at each account"
            if account.health is Health.AUTH_FAILED:
                raise CredentialProblem(words)
            if error is not None and error.kind in ("not_found", "refused"):
                raise Problem(words)
            tries += 1
            pause = pause_before(tries)
            if account.health is Health.THROTTLED and account.until is not None:
                pause = max(pause, account.until - clock.now())
            if clock.monotonic() - started + pause > PATIENCE:
                raise UnreachableProblem(words)
            await clock.sleep(pause)

    async def pause(self, account: str, paused: bool) -> Account:
        """Stop or resume polling of the account, in whichever process. Raises SafetyProblem if read-only."""
        seat = self.seat(account)
        self._refuse_if_blocked(seat)
        return await self.ledger.change_account(
            seat.name,
            lambda row: replace(row, paused=paused) if row.paused != paused else None,
            durable=True,
            who="operator",
            what="polling paused" if paused else "polling resumed",
        )

    def requests_per_minute(self) -> int:
        """Requests sent by this process in the last minute."""
        return sum(seat.client.requests_last_minute() for seat in self.accounts.values())

    def changes_per_second(self) -> float:
        """Changed job rows a second, whoever changed them; a one-minute mean."""
        return self._poller.changes_per_second()

    # verbs

    async def track(
        self, account: str, reference: str, *, name: str | None = None, for_: str | None = None
    ) -> Job:
        """Follow a job started elsewhere; nothing is sent. A known reference gives its row."""
        return await self._reconcile.track(self.seat(account), reference, name=name, for_=for_)

    async def adopt(self, account: str) -> list[Job]:
        """Rows for what the vendor lists and nobody knows here.

        Raises SafetyProblem (read-only, or the vendor lists nothing) and Problem for a call that failed.
        """
        seat = self.seat(account)
        self._refuse_if_blocked(seat)
        return await self._reconcile.adopt_patiently(seat)

    async def submit(self, account: str, spec: Spec, *, name: str | None = None) -> Outcome:
        """Start a report. Raises SafetyProblem and UsageProblem before anything is written."""
        seat = self.seat(account)
        self._refuse_if_blocked(seat)
        return await self._submits.submit(seat, spec, name=name)

    async def submit_again(
        self, job_id: str, params: Mapping[str, str], *, name: str | None = None
    ) -> Outcome:
        """The same report as a new job, with `params` over its own."""
        job, seat = await self._acted_on(job_id)
        return await self._submits.again(seat, job, params, name=name)

    async def resend(self, job_id: str) -> Outcome:
        """Send a submit without an answer once more, because the operator says so."""
        job, seat = await self._acted_on(job_id)
        return await self._submits.resend(seat, job)

    async def delete(self, job_id: str, *, unsaved: bool = False) -> Outcome:
        """Delete at the vendor. Raises SafetyProblem with the reason when a rule forbids it."""
        job, seat = await self._acted_on(job_id)
        return await self._deletes.delete(seat, job, unsaved=unsaved)

    async def check_delete(self, job: Job, *, unsaved: bool = False) -> None:
        """Raises SafetyProblem with the reason `delete` would be refused with now."""
        seat = self.seat(job.account)
        self._refuse_if_blocked(seat)
        await self._deletes.check(seat, job, unsaved=unsaved)

    async def forget(self, job_id: str, *, unsaved: bool = False) -> Job:
        """Take a job from the table; a tombstone stays. Raises SafetyProblem when a rule forbids it."""
        job = await self._job(job_id)
        if job.account in self.accounts:
            self._refuse_if_blocked(self.accounts[job.account])
        elif self.read_only:
            raise SafetyProblem(_READ_ONLY)
        return await self._reconcile.forget(job, unsaved=unsaved)

    def can(self, action: str, job: Job) -> Can:
        """Whether the action (`download delete forget poll submit resend track_for`) makes sense for this
        job now, or why not: rules, the vendor, and the job's state, without a look at the disk.
        """
        seat = self.accounts.get(job.account)
        if seat is None:
            return Yes() if action == "forget" else self._no_seat(job.account)
        blocked = self._blocked(seat)
        match action:
            case "download":
                return self.can_download(job)
            case "poll":
                if job.state in FINAL:
                    return No(f"{job.state} is final")
                return Yes() if job.reference else No("it has no reference at the vendor to ask for")
            case "track_for":
                waits = job.state is JobState.SUBMITTING
                return Yes() if waits else No("only a submit without an answer takes a reference")
        if blocked is not None:
            return No(blocked)
        if action in ("delete", "forget") and job.parent is not None:
            return No("part of a group: act on the group")
        match action:
            case "delete":
                if job.state in FINAL:
                    return No(f"{job.state} already")
                if job.reference is None:
                    return No("it has no reference at the vendor; f forgets it")
                return seat.vendor.can(Action.DELETE, job)
            case "submit":
                if job.spec is None:
                    return No("its parameters are not known: it was started elsewhere")
                return seat.vendor.can(Action.SUBMIT, job)
            case "resend":
                waits = job.state is JobState.SUBMITTING
                return Yes() if waits else No("only a submit without an answer is sent again")
        return Yes()

    def can_download(self, job: Job) -> Can:
        """Whether there is a file to fetch, or why not."""
        seat = self.accounts.get(job.account)
        if seat is None:
            return self._no_seat(job.account)
        if job.parent is not None:
            return No("part of a group: the group's download saves each report")
        if job.state not in HAS_FILE and not job.saved:
            return No(f"{job.state}: there is no report to download")
        return seat.vendor.can(Action.DOWNLOAD, job)

    async def is_saved(self, job: Job) -> bool:
        """Whether our file lies at its path with its size, now."""
        return await self.downloads.is_intact(job)

    async def is_unsaved(self, job: Job) -> bool:
        """Whether the vendor may hold a report of which we have no copy, now."""
        return await self._deletes.unsaved(job)

    def told(self, rev: int) -> bool:
        """Whether the downloads that changes up to `rev` start by themselves are under way."""
        return self._poller.told(rev)

    # credentials

    async def try_credential(self, account: str, values: Mapping[str, str]) -> None:
        """Sign in once with these values, and prove them where that asks nothing, on a connection of its own.

        Raises AuthFailed with the vendor's words, Unreachable and the other CallFailed.
        """
        seat = self.seat(account)
        credential = Credential(dict(values), None, "login")

        async def given() -> Credential | None:
            return credential

        client = self._client(seat.name, seat.settings, given)
        vendor: Vendor = type(seat.vendor)(seat.settings, client)
        client.bind(vendor)
        try:
            await client.sign_in()
            await vendor.prove()
        finally:
            await client.aclose()

    async def logged_in(self, account: str) -> None:
        """A new credential was stored: whoever waits for one, in any process, tries again."""
        seat = self.seat(account)
        seat.client.drop_session()
        await self._health.accepted(seat.name)
        self._poller.wake(seat.name)

    def unlocked(self) -> None:
        """A store that was locked can be read by this process now: whoever waits for its key tries again."""
        for name in self.accounts:
            self._poller.wake(name)

    async def log_out(self, account: str) -> tuple[bool, str]:
        """Remove the credential from every store; polling in any process ends until there is another.

        Gives whether there was one, and where one still comes from (`Chain.where`; NOWHERE: it is gone). Of
        an account that is not in the config it may be any vendor's. Raises CredentialProblem as
        `Chain.remove` does, where it is gone all the same after every process was told.
        """
        seat = self.accounts.get(account)
        vendors = registry.names() if seat is None else [seat.vendor.name]
        fields = () if seat is None else seat.settings.secret_fields()
        removed, trouble = False, None
        if seat is not None:
            seat.client.drop_session()
        try:
            removed = await self.chain.remove(account, *vendors)
        except CredentialProblem as problem:
            trouble = problem
        homes = await asyncio.gather(*(self.chain.where(account, vendor, fields) for vendor in vendors))
        home = next((one for one in homes if one != NOWHERE), NOWHERE)
        if home == NOWHERE or (trouble is None and outside(home) is None):
            with suppress(KeyError):  # an account that never was in this ledger
                await self._health.keyless(account)
        if trouble is not None:
            raise trouble
        return removed, home

    # rules

    def _blocked(self, seat: Seat) -> str | None:
        if self.read_only:
            return _READ_ONLY
        return (
            f"the account {seat.name} is read-only; its read_only in the config says so"
            if seat.settings.read_only
            else None
        )

    def _refuse_if_blocked(self, seat: Seat) -> None:
        blocked = self._blocked(seat)
        if blocked is not None:
            raise SafetyProblem(blocked)

    async def _job(self, job_id: str) -> Job:
        job = await self.ledger.job(job_id)
        if job is None or job.forgotten_at is not None:
            raise UsageProblem(f"no job is named {clean(job_id, 40)}; `reportdash jobs` lists them")
        return job

    async def _acted_on(self, job_id: str) -> tuple[Job, Seat]:
        job = await self._job(job_id)
        seat = self.seat(job.account)
        self._refuse_if_blocked(seat)
        return job, seat


_READ_ONLY = (
    "read-only: submit, delete, adopt, pause and forget are off; start without --read-only and read_only"
)
