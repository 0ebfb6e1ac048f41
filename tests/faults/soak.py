"""What a soak stands on: a vendor that misbehaves and restarts, a process watched by /proc, and the count.

The vendor is the simulator in bad weather, in this process, in real time; what runs against it is the real
program, in a process of its own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
import socket
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from reportdash.cli.context import engine
from reportdash.cli.words import build_parser
from reportdash.clock import SystemClock
from reportdash.ledger import FILE_NAME, Ledger
from reportdash.model import Job, JobState
from reportdash.simulator import Simulator, Stage
from reportdash.simulator.faults import Fault
from reportdash.simulator.wire import Request
from reportdash.simulator.world import Job as Made
from tests.cli.conftest import Shell, secrets, toml
from tests.faults.test_watch_under_chaos import ACTIVE, ENDS, VENDORS
from tests.simulator.test_chaos import kind

PHASES = 4
"""Parts of a soak; the first one warms up."""
SIZES = (0, 300, 4_000, 70_000, 300_000, 900_000, 1_500_000)
THROTTLES = 60.0
"""Seconds between two 429 of one vendor, at least: each halves the pace for long."""
SWAPS = 0.2
"""The chance of a request to the storage to find another version of the file there from then on."""
LONG = 120.0
"""Seconds from which on a soak is a long one: each phase has a restart, and memory is held to the promise."""
ROOM = 1200.0
"""Seconds beyond the plan after which a phase that has not come to rest has failed: of hundreds of jobs one
meets five bad looks in a row, each with a longer pause after it."""


@dataclass(frozen=True)
class Sample:
    """A process at one moment. `rss` in kB; `files` and `sockets` are descriptors."""

    rss: int
    files: int
    sockets: int
    threads: int
    children: int


def sample(pid: int) -> Sample:
    """The process now, by /proc; raises OSError when it is gone."""
    proc = Path("/proc") / str(pid)
    fields = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line)
    kinds: Counter[bool] = Counter()
    for descriptor in (proc / "fd").iterdir():
        with suppress(FileNotFoundError):
            kinds[str(descriptor.readlink()).startswith("socket:")] += 1
    children = 0
    for task in (proc / "task").iterdir():
        with suppress(FileNotFoundError):
            children += len((task / "children").read_text().split())
    return Sample(
        int(fields["VmRSS"].split()[0]), kinds[False], kinds[True], int(fields["Threads"]), children
    )


@dataclass
class Figures:
    """What was measured: samples of each phase, and those taken while nothing was under way after it."""

    seconds: list[float] = field(default_factory=list)
    busy: list[list[Sample]] = field(default_factory=list)
    rest: list[list[Sample]] = field(default_factory=list)

    def rss(self, phase: int) -> float:
        return statistics.median(one.rss for one in self.busy[phase])

    @property
    def drift(self) -> float:
        """Growth of memory from the first phase after the warm-up to the last one, as a share."""
        return self.rss(-1) / self.rss(1) - 1

    def resting(self, what: str) -> list[int]:
        """The least of a figure at rest after each phase: what is left open shows in all samples."""
        return [min(getattr(one, what) for one in samples) for samples in self.rest]

    def most(self, what: str) -> list[int]:
        return [max(getattr(one, what) for one in samples) for samples in self.busy]

    def __str__(self) -> str:
        rss = [round(self.rss(phase) / 1024, 1) for phase in range(len(self.busy))]
        told = [f"phases of {[round(length) for length in self.seconds]} s"]
        told += [f"RSS {rss} MiB, drift {self.drift:+.1%}"]
        told += [
            f"{what} at rest {self.resting(what)}, most {self.most(what)}"
            for what in ("files", "sockets", "threads", "children")
        ]
        return "; ".join(told)


@dataclass
class Soak:
    """`jobs` at four vendors, of which four in five become ready within `seconds`, in `PHASES` batches."""

    sim: Simulator
    shell: Shell
    jobs: int
    seconds: float
    rng: random.Random
    batches: list[list[str]] = field(default_factory=list)
    expected: dict[str, JobState] = field(default_factory=dict)
    """Reference → the state it must end in; those that never end are not in it."""
    everyone: set[str] = field(default_factory=set)
    befallen: Counter[str] = field(default_factory=Counter)
    swapped: int = 0
    restarts: int = 0
    _throttled: dict[str, float] = field(default_factory=dict)

    # before

    async def track(self) -> None:
        """Make all jobs known at the vendor, where none moves yet, and to the ledger."""
        args = build_parser().parse_args(
            ["--config", str(self.shell.config), "--data-dir", str(self.shell.data), "jobs"]
        )
        self.batches = [[] for _ in range(PHASES)]
        async with engine(args) as running:
            for number in range(self.jobs):
                vendor = tuple(VENDORS)[number % len(VENDORS)]
                made = self._at_vendor(vendor, number)
                self.everyone.add(made.reference)
                await running.track(VENDORS[vendor], made.reference)
                if number % 5 != 4:
                    self.batches[number // 5 % PHASES].append(made.reference)

    def _at_vendor(self, vendor: str, number: int) -> Made:
        reference = {
            "7g": f"00000000-0000-4000-8000-{number:012d}",
            "sigma": f"ref-{number:05d}",
            "webadmit": f"{90_000 + number % 6}/{50_000 + number}",
            "talkdesk": f"calls/{number:032x}",
        }[vendor]
        report = "calls" if vendor == "talkdesk" else "Yearly"
        more = {"format": self.rng.choice(("csv", "json"))} if vendor == "talkdesk" else {}
        made = self.sim.add(
            vendor,
            reference,
            VENDORS[vendor],
            stage="running",
            name=f"Report {number:05d}",
            report=report,
            size=self.rng.choice(SIZES),
            **more,
        )
        made.plan = tuple(
            Stage(ACTIVE[vendor][turn % len(ACTIVE[vendor])], after=turn * self.seconds / 24)
            for turn in range(48)
        )
        return made

    def begin(self, phase: int) -> None:
        """Let the jobs of a phase come to their ends within its time."""
        now, length = time.time(), self.seconds / PHASES
        for reference in self.batches[phase]:
            made = self.made(reference)
            word, state = self.rng.choice(sorted(ENDS[made.vendor].items()))
            if self.rng.random() < 0.7:
                word, state = next(i for i in ENDS[made.vendor].items() if i[1] is JobState.READY)
            self.expected[reference] = state
            made.start = now
            active = Stage(ACTIVE[made.vendor][-1])
            message = "It went wrong." if state is JobState.FAILED else ""
            end = Stage(word, message, after=self.rng.uniform(0.0, length), rows=self.rng.random() < 0.9)
            made.plan = (active, end)

    # bad weather

    def weather(self) -> None:
        """Put what befalls requests under our eyes, and swap versions in the storage now and then."""
        chaos = self.sim.weather
        assert chaos is not None

        def befall(request: Request) -> Fault | None:
            fault = chaos(request)
            found = kind(fault)
            if found == "throttled":
                now = time.monotonic()
                if now - self._throttled.get(request.vendor, -THROTTLES) < THROTTLES:
                    return None
                self._throttled[request.vendor] = now
                assert fault is not None
                fault = dataclasses.replace(fault, headers={**fault.headers, "Retry-After": "1"})  # type: ignore[type-var,union-attr]
            if request.vendor == "storage":
                if self.rng.random() < SWAPS:
                    self._swap(request)
                found = found and "storage"
            self.befallen[found] += 1
            return fault

        self.sim.weather = befall

    def _swap(self, request: Request) -> None:
        """The file behind a link is another one from now on, whichever link is used."""
        link = self.sim.storage.links.get(request.raw)
        if link is None:
            return
        for made in self.sim.world.jobs.values():
            vendor = self.sim.vendors[made.vendor]
            if made.vendor in ("webadmit", "talkdesk") and vendor.content(made) == link.content:
                made.version += 1
                for raw, other in list(self.sim.storage.links.items()):
                    if other.content == link.content:
                        self.sim.storage.links[raw] = dataclasses.replace(other, content=vendor.content(made))
                self.swapped += 1
                return

    async def restart_vendor(self, down: float) -> None:
        """The vendors and their storage are gone for so many seconds, then back under the same addresses."""
        await self.sim.stop()
        await asyncio.sleep(down)
        await self.sim.start()
        self.restarts += 1

    # while it runs

    async def run(self, pid: int) -> Figures:
        """All phases: jobs end, files come, the vendor restarts; the process is looked at all the while."""
        figures = Figures()
        ledger = await Ledger.open(self.shell.data / FILE_NAME, clock=SystemClock())
        try:
            for phase in range(PHASES):
                started = time.monotonic()
                busy: list[Sample] = []
                figures.busy.append(busy)
                with watching(pid, busy, self.seconds / PHASES / 40):
                    self.begin(phase)
                    await asyncio.sleep(self.seconds / PHASES / 2)
                    if phase == 1 or self.seconds >= LONG:  # it costs the breaker's pause
                        await self.restart_vendor(min(2.0, self.seconds / 40))
                    await asyncio.sleep(self.seconds / PHASES / 2)
                    async with asyncio.timeout(self.seconds / PHASES + ROOM):
                        while len(left := await self.unfinished(ledger)) > self.late(phase):
                            self.left = left
                            await asyncio.sleep(0.1)
                figures.seconds.append(time.monotonic() - started)
                rest: list[Sample] = []
                figures.rest.append(rest)
                while len(rest) < 20:
                    rest.append(sample(pid))
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"not at rest after phase {len(figures.busy)}: {self.left}") from None
        finally:
            await ledger.close()
        return figures

    left: list[str] = field(default_factory=list)

    def late(self, phase: int) -> int:
        """How many may come later than their phase: bad looks in a row put some far off. In the end none."""
        return self.jobs // 100 if phase < PHASES - 1 else 0

    async def unfinished(self, ledger: Ledger) -> list[str]:
        """What of the phases begun has not come to its end, file included."""
        rows = {row.reference: row for row in await ledger.jobs()}
        found = []
        for reference, state in self.expected.items():
            row = rows[reference]
            if row.state is not state or (self.taken(row) and not row.saved):
                wait = (row.next_poll_at or 0.0) - time.time()
                told = f"{row.attempts} failed looks, next in {wait:.0f} s"
                found.append(f"{row.id} {row.account} {row.state}, not {state}; {told}; {row.artifact}")
        return found

    @staticmethod
    def taken(row: Job) -> bool:
        """Whether its file is fetched by itself."""
        return row.state in (JobState.READY, JobState.READY_WITH_WARNINGS)

    # after it

    async def check(self) -> int:
        """Ledger, disk and vendor agree, in every direction. Returns how many files there are."""
        ledger = await Ledger.open(self.shell.data / FILE_NAME, clock=SystemClock())
        try:
            rows = {str(row.reference): row for row in await ledger.jobs()}
        finally:
            await ledger.close()
        lost, more = self.everyone - set(rows), set(rows) - self.everyone
        assert not lost and not more, f"lost: {sorted(lost)}; nobody's: {sorted(more)}"
        wrong, files = [], {}
        for reference, row in rows.items():
            state = self.expected.get(reference)
            if state is None:
                ended = row.settled or row.state is JobState.UNKNOWN
            else:
                ended = row.state is not state
            if ended:
                wrong.append(f"{row.account} {reference}: {row.state}, not {state}")
            if row.saved is not (state is not None and self.taken(row)):
                wrong.append(f"{row.account} {reference}: {row.state}, artifact {row.artifact}")
            if row.saved and row.artifact is not None:
                path = Path(str(row.artifact.path))
                if path in files:
                    wrong.append(f"{path.name} belongs to two jobs")
                files[path] = row
                content = path.read_bytes()
                if content not in self.versions(self.made(reference)) or len(content) != row.artifact.bytes:
                    wrong.append(f"{row.account} {reference}: {path.name} is not what the vendor has")
        assert not wrong, "\n".join(wrong)
        on_disk = set(self.shell.reports.iterdir())
        assert on_disk == set(files), sorted(path.name for path in on_disk ^ set(files))
        for vendor in VENDORS:
            assert not self.sim.calls(vendor, "DELETE")
        return len(files)

    def made(self, reference: str) -> Made:
        return next(job for job in self.sim.world.jobs.values() if job.reference == reference)

    def versions(self, made: Made) -> list[bytes]:
        """What the vendor has had for it, as it is saved."""
        found, last = [], made.version
        for made.version in range(last + 1):
            whole = self.sim.vendors[made.vendor].content(made).all()
            if made.vendor == "7g":
                whole = json.dumps(json.loads(whole)["data"], ensure_ascii=False).encode()
            found.append(whole)
        return found


@contextmanager
def watching(pid: int, into: list[Sample], every: float) -> Iterator[None]:
    """Take samples of the process all the while."""

    async def look() -> None:
        while True:
            into.append(sample(pid))
            await asyncio.sleep(max(0.05, every))

    task = asyncio.ensure_future(look())
    try:
        yield
    finally:
        task.cancel()


@asynccontextmanager
async def soak(folder: Path, jobs: int, seconds: float, **account: object) -> AsyncIterator[Soak]:
    """The vendor up, the config and the secrets in a shell, all jobs tracked. `account`: keys of each."""
    published = folder / "published"
    published.mkdir()
    async with Simulator(5, published_dir=published, ports=free_ports(5), chaos=True, log=1_000) as sim:
        sim.webadmit.limit = 10_000_000
        sim.storage.rate, sim.storage.throttle_from = 3_000_000.0, 200_000
        # So that each job is looked at some ten times, whatever the length.
        pace = max(0.2, seconds / 40)
        keys = {"poll_min": pace, "poll_max": 2 * pace, "requests_per_minute": 6_000, **account}
        shell = Shell(folder, secrets(sim.accounts()))
        shell.write(toml(sim.accounts(), **{name: dict(keys) for name in VENDORS.values()}))
        made = Soak(sim, shell, jobs, seconds, random.Random(5))
        await made.track()
        made.weather()
        yield made


def free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    for base in range(random.randrange(20_000, 30_000), 60_000, count):
        with suppress(OSError):
            held = [socket.socket() for _ in range(count)]
            try:
                for offset, one in enumerate(held):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    one.bind(("127.0.0.1", base + offset))
            finally:
                for one in held:
                    one.close()
            return base
    raise OSError("no ports are free")
