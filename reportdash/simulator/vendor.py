"""What the four simulated vendors have in common: accounts, new jobs, neutral stages, the door to storage."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from reportdash.simulator.accounts import Account
from reportdash.simulator.content import Content
from reportdash.simulator.storage import Storage
from reportdash.simulator.wire import Reply, Request
from reportdash.simulator.world import Job, Stage, Step, World, plan_from


class Vendor:
    """Base of the handlers. `handle` answers one request; a fault in a script comes back as it is.

    `words` are the active words in their order, `shares` how much of a job's time each takes; `actives` and
    `finals` map our neutral stage names to the vendor's words, `fates` weighs the ends a job can come to.
    """

    name: ClassVar[str]
    words: ClassVar[tuple[str, ...]]
    shares: ClassVar[tuple[float, ...]]
    actives: ClassVar[Mapping[str, str]]
    finals: ClassVar[Mapping[str, str]]
    fates: ClassVar[tuple[tuple[str, int], ...]]
    odd_word: ClassVar[str]
    failures: ClassVar[tuple[tuple[str, str], ...]]
    notes: ClassVar[Mapping[str, str]] = {}

    def __init__(self, world: World, storage: Storage) -> None:
        self.world, self.storage = world, storage
        self.origin = ""
        self.accounts: dict[str, Account] = {}
        self.scripts: deque[tuple[str | None, list[Step]]] = deque()
        world.cycles[self.name] = self.words

    @property
    def now(self) -> float:
        return self.world.now()

    def handle(self, request: Request) -> Reply | Step:
        raise NotImplementedError

    def expire_tokens(self) -> None:
        """Every session token given out so far is expired from now on."""

    def expired(self, request: Request) -> Reply | None:
        """How it refuses this request if the token it carries is expired; None where it carries none."""
        return None

    # jobs

    def live(self, stage: Stage) -> bool:
        """Whether the vendor still works on it; an odd word counts as work."""
        return not stage.gone and stage.word not in self.finals.values()

    def stage(self, name: str, message: str = "", code: str = "") -> Stage:
        """A stage by our neutral state name (`queued`, `ready`, `lost` …) or by the vendor's own word."""
        if name in self.actives:
            return Stage(self.actives[name])
        if name in ("deleted", "expired", "lost") and name not in self.finals:
            return Stage(gone=True)
        if name == "unknown":
            return Stage(self.odd_word)
        word = self.finals.get(name, name)
        if word == self.finals.get("failed") and not (message or code):
            code, message = self.failures[0]
        return Stage(word, message or self.notes.get(name, ""), code, rows=name != "empty")

    def create(
        self,
        account: Account,
        reference: str,
        name: str,
        report: str,
        params: Mapping[str, Any] | None = None,
        format: str = "csv",
        group: bool = False,
        members: Iterable[str] = (),
    ) -> Job:
        """A job submitted now, with a script if one waits for it."""

        def course(*place: int) -> tuple[Stage, ...]:
            rng = self.world.rng("plan", self.name, account.name, reference, *place)
            return self.draw(rng, member=bool(place))

        user, now = account.name, self.now
        job = Job(self.name, user, reference, name, report, now, now, course(), format)
        job.params, job.group, job.fresh = dict(params or {}), group, True
        job.members = tuple(
            Job(self.name, user, f"{reference}#{at}", title, report, now, now, course(at), format)
            for at, title in enumerate(members, 1)
        )
        for place, (whose, steps) in enumerate(self.scripts):
            if whose in (None, account.name):
                job.script = deque(steps)
                del self.scripts[place]
                break
        return self.world.add(job)

    def adopt(
        self,
        account: str,
        reference: str,
        *,
        name: str,
        report: str,
        stage: str,
        age_s: float = 0.0,
        message: str = "",
        code: str = "",
        **more: Any,
    ) -> Job:
        """A job submitted `age_s` ago and at `stage` now; an active one goes on from there."""
        now = self.now
        plan = self._onwards(self.stage(stage, message, code), account, reference)
        job = Job(self.name, account, reference, name, report, now - age_s, now, plan)
        job.format, job.size = str(more.get("format", "csv")), more.get("size")
        job.params, job.group = dict(more.get("params") or {}), bool(more.get("children"))
        job.members = tuple(
            self._member(job, place, child) for place, child in enumerate(more.get("children") or (), 1)
        )
        return self.world.add(job)

    def _member(self, parent: Job, place: int, child: Mapping[str, Any]) -> Job:
        here = self.stage(
            str(child.get("stage", "ready")), str(child.get("message", "")), str(child.get("code", ""))
        )
        user, reference = parent.user, f"{parent.reference}#{place}"
        name, plan = (
            str(child.get("name", f"Report {place}")),
            self._onwards(here, user, reference, member=True),
        )
        start = parent.submitted_at, self.now
        return Job(self.name, user, reference, name, parent.report, *start, plan, size=child.get("size"))

    def _onwards(self, here: Stage, *key: str, member: bool = False) -> tuple[Stage, ...]:
        """The plan of a job found at `here`: what is left of a course by chance; a settled one stays."""
        if here.gone or not self.live(here):
            return (here,)
        rng = self.world.rng("plan", self.name, *key)
        course = self.draw(rng, member)
        place = next((at for at, stage in enumerate(course) if stage.word == here.word), len(course) - 2)
        rest = course[place + 1 :]
        by = (rest[0].after - course[place].after) * rng.uniform(0.2, 1.0) - rest[0].after
        return (here, *(replace(stage, after=stage.after + by) for stage in rest))

    def draw(self, rng: random.Random, member: bool = False) -> tuple[Stage, ...]:
        """A course of stages by chance: through the active words to a fate; no member of a group is lost."""
        fates = [(name, weight) for name, weight in self.fates if not (member and name == "lost")]
        fate = rng.choices([name for name, _ in fates], [weight for _, weight in fates])[0]
        code, message = rng.choice(self.failures) if fate == "failed" else ("", "")
        odd = self.odd_word if rng.random() < 0.03 else None
        return plan_from(rng, self.words, self.shares, self.stage(fate, message, code), odd)

    def size(self, job: Job, low: int = 2_000, high: int = 8_000_000) -> int:
        """The size of its file in bytes: as given, else by chance (most are small)."""
        if job.size is not None:
            return job.size
        rng = self.world.rng("size", self.name, job.reference)
        return int(low * (high / low) ** (rng.random() ** 1.6))

    def content(self, job: Job) -> Content:
        """The job's file; another one after `job.version` was raised."""
        raise NotImplementedError

    def content_rng(self, job: Job) -> random.Random:
        return self.world.rng("content", self.name, job.reference, job.version)
