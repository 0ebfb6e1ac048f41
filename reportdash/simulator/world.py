"""The jobs of the simulated vendors: how they go on with time, by a script, or at a given rate of change.

The world knows no HTTP. Time comes from an injected clock (epoch seconds), chance from one seed: whatever a
job does is derived from (seed, vendor, account, ordinal or reference), never from when a request arrives.
"""

# ruff: noqa: S311 - chance here makes repeatable demo data, nothing secret

from __future__ import annotations

import random
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What the vendor says of a job from `after` seconds on (since its start, at pace 1).

    `word` is the vendor's own status word, "" where it keeps silent. `gone` means the vendor knows the job
    no longer. `rows` False means a finished file without rows. For a group `children` are the members' stages
    and `total` the number the vendor announces (default: as many as there are).
    """

    word: str = ""
    message: str = ""
    code: str = ""
    after: float = 0.0
    rows: bool = True
    gone: bool = False
    children: tuple[Stage, ...] = ()
    total: int | None = None


Step = Any
"""A step of a script: a word, a `Stage`, a list of those (a group's members), or a fault (see `faults`)."""


@dataclass(slots=True, eq=False)
class Job:
    """One report job at a simulated vendor, under the reference that reportdash uses for it.

    `start` anchors its plan, `submitted_at` its age (epoch seconds); `fresh` if it was submitted here, not
    made known. `held` is where it stays whatever the time, `due` that its next look finds a change.
    """

    vendor: str
    user: str
    reference: str
    name: str
    report: str
    submitted_at: float
    start: float
    plan: tuple[Stage, ...]
    format: str = "csv"
    params: dict[str, Any] = field(default_factory=dict)
    size: int | None = None
    script: deque[Step] | None = None
    held: Stage | None = None
    due: bool = False
    deleted_at: float | None = None
    version: int = 0
    group: bool = False
    members: tuple[Job, ...] = ()
    published: bool = False
    fresh: bool = False

    @property
    def deleted(self) -> bool:
        return self.deleted_at is not None


class World:
    """All jobs of all vendors, by (vendor, reference).

    `pace` divides every duration. `changes` None lets jobs run their course; 0 holds each where it is; R > 0
    moves live jobs on to their vendor's next active word, R times a second in turn, for ever. A change takes
    effect when the job is next looked at, so that each one is visible.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        pace: float = 1.0,
        changes: float | None = None,
        now: Callable[[], float],
    ) -> None:
        if pace <= 0:
            raise ValueError("pace must be above 0")
        self.seed, self.pace, self.changes, self.now = seed, pace, changes, now
        self.jobs: dict[tuple[str, str], Job] = {}
        self._by_user: dict[tuple[str, str], dict[str, Job]] = {}
        self._ordinals: dict[tuple[str, ...], int] = {}
        self._turn: deque[Job] = deque()
        self._ticked: float | None = None
        self.cycles: dict[str, tuple[str, ...]] = {}

    # chance

    def rng(self, *parts: object) -> random.Random:
        """A generator of its own for these parts; the same parts give the same numbers under one seed."""
        return random.Random("/".join(map(str, (self.seed, *parts))))

    def ordinal(self, *parts: str) -> int:
        """1, 2, 3 … for each distinct key."""
        number = self._ordinals.get(parts, 0) + 1
        self._ordinals[parts] = number
        return number

    def uuid(self, *parts: object) -> str:
        return str(uuid.UUID(int=self.rng("uuid", *parts).getrandbits(128), version=4))

    # jobs

    def add(self, job: Job) -> Job:
        """Make a job known. A reference known already is replaced."""
        self.jobs[job.vendor, job.reference] = job
        self._by_user.setdefault((job.vendor, job.user), {})[job.reference] = job
        if self.changes is not None:
            for member in job.members:
                member.held = self._planned(member)
            job.held = self._planned(job)
            if self.changes > 0 and self._cycling(job):
                self._turn.append(job)
        return job

    def find(self, vendor: str, reference: str, user: str | None = None) -> Job | None:
        """The job, unless it belongs to another user."""
        job = self.jobs.get((vendor, reference))
        return job if job is not None and user in (None, job.user) else None

    def of(self, vendor: str, user: str) -> Iterator[Job]:
        """A user's jobs in the order they became known."""
        return iter(self._by_user.get((vendor, user), {}).values())

    def drop(self, job: Job) -> None:
        self.jobs.pop((job.vendor, job.reference), None)
        self._by_user.get((job.vendor, job.user), {}).pop(job.reference, None)

    # stages

    def look(self, job: Job) -> Step:
        """What a status call finds: the next step of the job's script (the last one stays), else `peek`.

        The answer is a `Stage`, or a fault when the script says so.
        """
        if job.script is not None:
            step = job.script.popleft() if len(job.script) > 1 else job.script[0]
            stage = as_stage(step)
            if stage is None:
                return step
            job.held = stage
            return stage
        self._tick()
        if job.due:
            job.due = False
            self._advance(job)
        return self.peek(job)

    def glance(self, job: Job) -> Stage:
        """What a list call finds: as `look`, but faults in a script are passed over."""
        for _ in range(len(job.script or "?")):
            stage = self.look(job)
            if isinstance(stage, Stage):
                return stage
        return self.peek(job)

    def peek(self, job: Job) -> Stage:
        """Where the job stands now; moves nothing."""
        if job.script is not None and job.held is None:
            for step in job.script:
                stage = as_stage(step)
                if stage is not None:
                    return stage
        return job.held if job.held is not None else self._planned(job)

    def _planned(self, job: Job) -> Stage:
        if job.members and not job.plan[0].gone:
            return Stage(children=tuple(self.peek(member) for member in job.members))
        passed = (self.now() - job.start) * self.pace
        current = job.plan[0]
        for stage in job.plan:
            if stage.after > passed:
                break
            current = stage
        return current

    # change at a rate

    def _cycling(self, job: Job) -> bool:
        if job.members:
            return any(map(self._cycling, job.members))
        return job.held is not None and not job.held.gone and job.held.word in self.cycles.get(job.vendor, ())

    def _advance(self, job: Job) -> None:
        """One change: the next active word; in a group, of its first member that is still at work."""
        if job.members:
            live = next((member for member in job.members if self._cycling(member)), None)
            if live is not None:
                self._advance(live)
            job.held = Stage(children=tuple(map(self.peek, job.members)))
        elif job.held is not None:
            words = self.cycles[job.vendor]
            job.held = Stage(words[(words.index(job.held.word) + 1) % len(words)])

    def _tick(self) -> None:
        """Hand the changes due by now to live jobs in turn; one not looked at since its last takes none."""
        if not self.changes:
            return
        now = self.now()
        if self._ticked is None:
            self._ticked = now
        due = int((now - self._ticked) * self.changes)
        if due <= 0:
            return
        self._ticked += due / self.changes
        for _ in range(min(due, len(self._turn))):
            job = self._turn.popleft()
            if job.deleted or not self._cycling(job) or self.jobs.get((job.vendor, job.reference)) is not job:
                continue
            job.due = True
            self._turn.append(job)


def as_stage(step: Step) -> Stage | None:
    """A script's step as a stage; None when it is a fault."""
    if isinstance(step, Stage):
        return step
    if isinstance(step, str):
        return Stage(step)
    if isinstance(step, Sequence):
        members = [as_stage(member) for member in step]
        return Stage(children=tuple(member for member in members if member is not None))
    return None


def plan_from(
    rng: random.Random, words: Sequence[str], shares: Sequence[float], last: Stage, odd: str | None = None
) -> tuple[Stage, ...]:
    """A plan of 15 s to 4 min through the active `words` to `last`.

    `shares` says how much of the time each word takes; `odd` is said for half a minute before the end.
    """
    total = min(max(rng.lognormvariate(4.1, 0.7), 15.0), 240.0)
    stages, at = [], 0.0
    for word, share in zip(words, shares, strict=True):
        stages.append(Stage(word, after=at))
        at += share * total
    if odd is not None:
        stages.append(Stage(odd, after=at))
        at += 30.0
    return (*stages, replace(last, after=at))
