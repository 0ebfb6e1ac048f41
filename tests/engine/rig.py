"""An engine on a real ledger, with real clients, against the simulator; time stands still until told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reportdash.clock import ManualClock
from reportdash.credentials import Chain
from reportdash.engine.runtime import Engine
from reportdash.ledger import Ledger
from reportdash.model import Account, Job, JobState, Spec, replace
from reportdash.settings import Settings
from reportdash.simulator import Simulator
from reportdash.vendors import registry

START = 1_790_000_000.0
GUID = "00000000-0000-4000-8000-{:012d}"


def guid(number: int) -> str:
    return GUID.format(number)


@dataclass
class Rig:
    """One process's engine and what it works on. More engines on the same ledger come from `another`."""

    sim: Simulator
    clock: ManualClock
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, Any] = field(default_factory=dict)
    make_chain: Callable[[], Chain] | None = None  # without it a process has the environment and its memory
    stuck_after: float = 2.0  # real seconds; more where nothing hangs and time must not run ahead of answers
    engine: Engine = field(init=False)
    _open: list[tuple[Engine, Ledger]] = field(default_factory=list)
    _calls: set[asyncio.Future[Any]] = field(default_factory=set)
    _stuck: set[asyncio.Future[Any]] = field(default_factory=set)

    def account(self, name: str, **keys: Any) -> None:
        """Configure the simulator's account `name`; `keys` over what it needs."""
        known = self.sim.accounts()[name]
        settings = {**known["settings"], "vendor": known["vendor"], **keys}
        self.accounts[name] = registry.account_class(known["vendor"]).model_validate(settings)
        for key, value in known["secrets"].items():
            self.environ[f"REPORTDASH_SECRET__{name.upper()}__{key.upper()}"] = value

    def forget_key(self, name: str) -> dict[str, str]:
        """Take the account's credential out of the environment; gives it back as fields."""
        prefix = f"REPORTDASH_SECRET__{name.upper()}__"
        taken = {key: self.environ.pop(key) for key in list(self.environ) if key.startswith(prefix)}
        return {key.removeprefix(prefix).lower(): value for key, value in taken.items()}

    async def start(self, **how: Any) -> Engine:
        self.engine = await self.another(**how)
        return self.engine

    async def another(self, *, owner: str | None = None, keep_days: int = 90, **how: Any) -> Engine:
        """One more engine on the same ledger file, as another process would have."""
        self._count_threads()
        ledger = await Ledger.open(self.folder / "ledger.db", clock=self.clock, owner=owner)
        settings = Settings.model_validate(
            {
                "download_dir": self.folder / "reports",
                "accounts": dict(self.accounts),
                "keep_days": keep_days,
            }
        )
        chain = self.make_chain() if self.make_chain else Chain(environ=self.environ, use_keyring=False)
        engine = Engine(settings, ledger, chain, clock=self.clock, **how)
        engine.core.chance = lambda: 0.5
        await engine.start()
        self._open.append((engine, ledger))
        self._count(ledger._thread, "read")
        self._count(ledger._thread, "write")
        for seat in engine.accounts.values():
            self._count(seat.client._wire, "call")
        return engine

    def _count(self, room: Any, name: str) -> None:
        """Know which calls of the room's method are under way."""
        real = getattr(room, name)

        def counted(*args: Any, **how: Any) -> asyncio.Future[Any]:
            call: asyncio.Future[Any] = asyncio.ensure_future(real(*args, **how))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            return call

        setattr(room, name, counted)

    def _count_threads(self) -> None:
        """Know what threads are at, as reading a credential or a pin: no time passes meanwhile."""
        loop: Any = asyncio.get_running_loop()
        if "run_in_executor" not in vars(loop):
            self._count(loop, "run_in_executor")

    def counted(self, opening: Callable[..., Any]) -> Callable[..., Any]:
        """Know as well which answers of the storage are being read: no time passes over a transfer."""

        @asynccontextmanager
        async def opened(*args: Any, **how: Any) -> AsyncIterator[Any]:
            call: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            try:
                async with opening(*args, **how) as stream:
                    yield stream
            finally:
                call.set_result(None)

        return opened

    async def close(self) -> None:
        for engine, ledger in self._open:
            await engine.stop()
            await ledger.close()

    # what tests say

    @property
    def ledger(self) -> Ledger:
        return self.engine.ledger

    async def job(self, job: Job | str) -> Job:
        found = await self.ledger.job(job if isinstance(job, str) else job.id)
        assert found is not None
        return found

    async def row(self, account: str = "main") -> Account:
        return await self.ledger.account(account)

    def at_vendor(self, number: int, stage: str = "running", account: str = "main", **more: Any) -> str:
        """A 7G job somebody else submitted, which stays in this stage; its reference."""
        self.sim.add("7g", guid(number), account, report="TransactionSummary", stage=stage, **more)
        if stage in ("queued", "running"):
            self.sim.script("7g", guid(number), ["pending" if stage == "queued" else "incomplete"])
        return guid(number)

    async def follow(self, number: int, stage: str = "running", account: str = "main", **more: Any) -> Job:
        """A row for a 7G job that is in this stage, not looked at yet."""
        return await self.engine.track(account, self.at_vendor(number, stage, account, **more))

    def scripted(self, number: int, *steps: Any, account: str = "main") -> str:
        reference = self.at_vendor(number, "running", account)
        self.sim.script("7g", reference, list(steps))
        return reference

    async def seen(self, job: Job, state: JobState, **more: Any) -> Job:
        """The row as if a look had found this state."""
        now = self.clock.now()
        return await self.ledger.change(
            job.id, lambda row: replace(row, state=state, seen_at=now, next_poll_at=None, **more)
        )

    async def until(
        self, holds: Callable[[], Awaitable[Any]] | Callable[[], Any], *, within: float = 1200.0
    ) -> Any:
        """Let time pass, from one sleeper's moment to the next, until `holds` gives something true."""
        end = self.clock.monotonic() + within
        patience = 2000
        while True:
            await self.settle()
            value = holds()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            if self.clock.monotonic() >= end or not patience:
                raise AssertionError(f"did not come true within {within:g} s")
            if self.clock.sleepers():
                await self._step(end)
            else:  # nobody waits for time: a thread is at work
                patience -= 1
                await asyncio.sleep(0.005)

    async def state(self, job: Job, state: JobState, **how: Any) -> Job:
        """Wait for the job to be in `state`."""

        async def there() -> Job | None:
            row = await self.job(job)
            return row if row.state is state else None

        found: Job = await self.until(there, **how)
        return found

    async def passes(self, seconds: float) -> None:
        """Let `seconds` pass, with the network answering meanwhile."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            await self.settle()
            await self._step(end)
        await self.settle()

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a verb; `finish` waits for it."""
        return asyncio.ensure_future(work)

    async def finish(self, work: Awaitable[Any], **how: Any) -> Any:
        """The result of a verb that waits on the clock in between."""
        task = asyncio.ensure_future(work)
        try:
            await self.until(task.done, **how)
        finally:
            if not task.done():
                task.cancel()
        return await task

    async def _step(self, end: float) -> None:
        """On to the moment of the next sleeper, or to `end`."""
        now = self.clock.monotonic()
        moment = min((sleeper[0] for sleeper in self.clock._sleepers), default=end)
        await self.clock.advance(max(min(moment, end) - now, 0.0))

    async def settle(self) -> None:
        """Time stands still until sockets and the ledger's thread have nothing left to say.

        A request that hangs is waited for a moment once, then counts as part of the landscape.
        """
        quiet = 0
        while quiet < 5:
            busy = self._calls - self._stuck
            if busy:
                quiet = 0
                await asyncio.wait(busy, timeout=self.stuck_after, return_when=asyncio.FIRST_COMPLETED)
                if not any(call.done() for call in busy):
                    self._stuck |= busy
            else:
                quiet += 1
                await asyncio.sleep(0)
        self._stuck &= self._calls

    def looks(self, reference: str | None = None) -> list[Any]:
        """Status calls 7G has received."""
        calls = self.sim.calls("7g", "GET", "/Report/Status*")
        return [call for call in calls if reference is None or reference in call.raw]

    def submits(self) -> list[Any]:
        return self.sim.calls("7g", "POST", "/Report")

    def deletes(self) -> list[Any]:
        return self.sim.calls("7g", "DELETE", "/Report*")


SPEC = Spec("TransactionSummary", {"ProductID": "A01"})
