"""The jobs in memory, each under a slot number that never changes. Pure: no order, no filter, no screen.

A slot is the job's place in `jobs`; a forgotten job leaves None behind. `kinds` holds each slot's family, and
the counts of the header are kept true with every change, so that no count ever walks all jobs.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter

from reportdash.board.counts import Counts
from reportdash.board.estimates import Estimates
from reportdash.board.facts import Fetch, Group, Sight, alarm_at, expires_soon
from reportdash.board.states import FACES, SAVED, Face, Kind, face
from reportdash.model import HAS_FILE, SETTLED, Account, ArtifactState, Health, Job, JobState

_id, _state = attrgetter("id"), attrgetter("state")
_GONE = 255
"""The kind of an empty slot."""

_BY_COPY = HAS_FILE | {JobState.EXPIRED}
_FIXED: dict[JobState, int] = {
    state: int(shown.kind)
    for state, shown in FACES.items()
    if state not in _BY_COPY and state is not JobState.SUBMITTING
}
"""The kind of states that neither our copy nor an intent changes."""
_FIRST: dict[JobState, int] = {state: _FIXED.get(state, _GONE) for state in JobState}
_WITH_COPY: dict[JobState, int] = {state: int(shown.kind) for state, shown in SAVED.items()}

Savable = Callable[[Job], bool]


class Records:
    """Every job and account the ledger has told of."""

    def __init__(self) -> None:
        self.jobs: list[Job | None] = []
        self.slot_of: dict[str, int] = {}
        self.accounts: dict[str, Account] = {}
        self.kinds = bytearray()
        self.expiring: set[int] = set()
        self.parent_of: dict[int, int] = {}
        self.children: dict[int, list[int]] = {}
        self.estimates = Estimates()
        self.fetches: Mapping[str, Fetch] = {}
        self.savable: Savable | None = None
        self._tally = [0] * len(Kind)
        self._alarms: list[tuple[float, int]] = []
        self._set_for: dict[int, float] = {}  # slot → its last alarm: a job may be told of a thousand times
        self._alarmed: set[str] = set()
        self._warnings: list[int] = []
        self._orphans: dict[str, list[int]] = {}
        self._soon: tuple[int, float | None] | None = None
        self.forgotten = 0

    # Taking in.

    def load(self, jobs: Iterable[Job], accounts: Iterable[Account], now: float) -> None:
        """Take many jobs in at once; children may stand anywhere."""
        self.accounts.update((account.name, account) for account in accounts)
        first = len(self.jobs)
        taken = [job for job in jobs if job.forgotten_at is None]
        self.jobs += taken
        self.slot_of.update(zip(map(_id, taken), range(first, len(self.jobs)), strict=True))
        self._adopt_many(taken, first)
        # Most kinds follow from the state alone; only the others are looked at one by one.
        late: list[int] = []
        kinds = bytearray(map(_FIRST.__getitem__, map(_state, taken)))
        look = int(Kind.LOOK)
        for at, (kind, job) in enumerate(zip(kinds, taken, strict=True)):
            if job.children_total is None:
                if kind == _GONE and job.saved:
                    kinds[at] = _WITH_COPY[job.state]
                    continue
                if kind != _GONE and (kind != look or job.expires_at is None):
                    continue
            kinds[at] = _GONE
            late.append(first + at)
        self.kinds += kinds
        for kind in Kind:
            self._tally[kind] += kinds.count(kind)
        for slot in self.parent_of:
            if slot >= first and self.kinds[slot] != _GONE:
                self._tally[self.kinds[slot]] -= 1
        for slot in late:
            self.rekind(slot, now)

    def _adopt_many(self, jobs: list[Job], first: int) -> None:
        parents: set[int] = set()
        for slot, job in enumerate(jobs, first):
            if job.parent is not None:
                parent = self.slot_of.get(job.parent, -1)
                self.parent_of[slot] = parent
                if parent < 0:
                    self._orphans.setdefault(job.parent, []).append(slot)
                else:
                    self.children.setdefault(parent, []).append(slot)
                    parents.add(parent)
        for parent in parents:
            self._order_children(parent)

    def put(self, job: Job, now: float) -> tuple[int, bool]:
        """Take one job in. Its slot (-1 when it is forgotten and was never here) and whether it is new."""
        slot = self.slot_of.get(job.id, -1)
        if job.forgotten_at is not None:
            if slot >= 0:
                self._drop(slot)
            return slot, False
        if slot < 0:
            return self._append(job, now), True
        self.jobs[slot] = job
        if job.took is not None:
            self.estimates.learn(job)
        self.rekind(slot, now)
        parent = self.parent_of.get(slot)
        if parent is not None:
            self._order_children(parent)
            self.rekind(parent, now)
        return slot, False

    def _append(self, job: Job, now: float) -> int:
        slot = len(self.jobs)
        self.jobs.append(job)
        self.slot_of[job.id] = slot
        self.kinds.append(_GONE)
        if job.parent is not None:
            parent = self.slot_of.get(job.parent, -1)
            if parent < 0:
                self._orphans.setdefault(job.parent, []).append(slot)
                self.parent_of[slot] = -1
            else:
                self._adopt(parent, slot)
                self.rekind(parent, now)
        elif self._orphans and job.id in self._orphans:
            for child in self._orphans.pop(job.id):
                self._adopt(slot, child)
        self.rekind(slot, now)
        return slot

    def orphans(self, job_id: str) -> list[int]:
        """Children of a job that are here already without it."""
        return self._orphans.get(job_id, [])

    def _adopt(self, parent: int, child: int) -> None:
        self.parent_of[child] = parent
        self.children.setdefault(parent, []).append(child)
        self._order_children(parent)

    def _order_children(self, parent: int) -> None:
        def place(slot: int) -> int:
            job = self.jobs[slot]
            return job.ordinal if job is not None else 0

        if parent >= 0:
            self.children[parent].sort(key=place)

    def _drop(self, slot: int) -> None:
        job = self.jobs[slot]
        assert job is not None
        self._count(slot, -1)
        if slot in self.expiring:
            self.expiring.discard(slot)
            self._soon = None
        self.kinds[slot] = _GONE
        self.jobs[slot] = None
        self.forgotten += 1
        del self.slot_of[job.id]
        self._set_for.pop(slot, None)
        self._alarmed.discard(job.id)
        self.estimates.forget(job)
        parent = self.parent_of.pop(slot, None)
        if parent is not None and parent >= 0:
            self.children[parent].remove(slot)
        for child in self.children.pop(slot, ()):
            self.parent_of[child] = -1

    # Kinds and counts.

    def rekind(self, slot: int, now: float) -> None:
        """Bring the kind of a slot up to date, and the counts with it."""
        job = self.jobs[slot]
        assert job is not None
        fixed = _FIXED.get(job.state)
        kind = fixed if fixed is not None and slot not in self.children else int(self.face(slot).kind)
        alarm = job.expires_at is not None and kind in (Kind.SAVE, Kind.LOOK)
        soon = alarm and expires_soon(job, now)
        if soon or slot in self.expiring:
            self._soon = None
        # What is past its alarm and still not expiring never will be (an expired row): it rings no more.
        if alarm and not soon and (at := alarm_at(job)) > now and self._set_for.get(slot) != at:
            self._set_for[slot] = at
            heapq.heappush(self._alarms, (at, slot))
        if kind == self.kinds[slot] and soon == (slot in self.expiring):
            return
        if self.kinds[slot] != _GONE:
            self._count(slot, -1)
        self.kinds[slot] = kind
        if soon and job.state in HAS_FILE and job.id not in self._alarmed:
            self._alarmed.add(job.id)
            self._warnings.append(slot)
        (self.expiring.add if soon else self.expiring.discard)(slot)
        self._count(slot, 1)

    def _count(self, slot: int, by: int) -> None:
        if slot not in self.parent_of:
            self._tally[self.kinds[slot]] += by

    def order_kind(self, slot: int) -> int:
        """The kind by which a slot is sorted: an expiring one stands higher."""
        return int(Kind.EXPIRING) if slot in self.expiring else self.kinds[slot]

    def rung(self, now: float) -> list[int]:
        """Slots whose expiry has become urgent since the last call; their kind is already up to date."""
        rang: list[int] = []
        while self._alarms and self._alarms[0][0] <= now:
            at, slot = heapq.heappop(self._alarms)
            if self._set_for.get(slot) == at:
                del self._set_for[slot]
            if self.jobs[slot] is not None and slot not in self.expiring:
                self.rekind(slot, now)
                if slot in self.expiring:
                    rang.append(slot)
        return rang

    def warnings(self) -> list[int]:
        """Slots of reports not saved whose expiry has become urgent since the last call; each once."""
        told, self._warnings = self._warnings, []
        return [slot for slot in told if slot in self.expiring]

    def counts(self, shown: int) -> Counts:
        """The header's numbers; `shown` is for the view to say."""
        tally = self._tally
        expiring, soonest = self._soon = self._soon or self._expiring_now()
        return Counts(
            failed=tally[Kind.FAILED],
            look=tally[Kind.LOOK],
            save=tally[Kind.SAVE],
            working=tally[Kind.WORKING],
            total=sum(tally),
            shown=shown,
            expiring=expiring,
            soonest=soonest,
        )

    def _expiring_now(self) -> tuple[int, float | None]:
        """How many of those to save expire soon, and when the first of them does."""
        moments = [
            job.expires_at
            for slot in self.expiring
            if self.kinds[slot] == Kind.SAVE and (job := self.jobs[slot]) is not None and job.expires_at
        ]
        return len(moments), min(moments, default=None)

    # Looking at one.

    def job(self, slot: int) -> Job:
        job = self.jobs[slot]
        assert job is not None
        return job

    def health(self, job: Job) -> Health:
        """The health of the job's account, as the contract's JSON means it."""
        account = self.accounts.get(job.account)
        return account.shown if account is not None else Health.OK

    def group(self, slot: int) -> Group | None:
        """What a group's children add up to; None for a job that is not a group."""
        job = self.job(slot)
        if not job.is_group:
            return None
        children = [self.job(child) for child in self.children.get(slot, ())]
        files = [child for child in children if child.state in HAS_FILE]
        return Group(
            done=sum(child.state in SETTLED for child in children),
            total=max(job.children_total or 0, len(children)),
            saved=sum(child.saved for child in files),
            files=len(files),
            fetching=any(self._fetching(child) for child in files) or self._fetching(job),
        )

    def _fetching(self, job: Job) -> bool:
        fetched_elsewhere = job.artifact is not None and job.artifact.state is ArtifactState.FETCHING
        return fetched_elsewhere or job.id in self.fetches

    def face(self, slot: int) -> Face:
        """How the slot's state looks, its copy and its children taken in."""
        job = self.job(slot)
        if job.state not in _BY_COPY:
            return face(job, saved=False)
        group = self.group(slot)
        saved = job.saved or (group is not None and group.all_saved)
        fetching = group.fetching if group is not None else self._fetching(job)
        savable = self.savable is None or self.savable(job)
        return face(job, saved=saved, fetching=fetching, savable=savable)

    def sight(self, slot: int, now: float) -> Sight:
        """What besides the job decides how its row looks."""
        job = self.job(slot)
        usual = None if job.settled_at is not None else self.estimates.of(job)
        return Sight(
            now=now,
            account=self.accounts.get(job.account),
            fetch=self.fetches.get(job.id),
            eta=self.estimates.moment(job, now) if usual is not None else None,
            usual=usual.median if usual is not None else None,
            times=self.estimates.times_usual(job, now) if usual is not None else 0,
            group=self.group(slot),
            savable=self.savable is None or self.savable(job),
        )

    def learn(self) -> Iterator[None]:
        """Learn the usual durations from every finished job, a slice at a time."""
        for number, job in enumerate(list(self.jobs)):
            if job is not None and job.took is not None:
                self.estimates.learn(job)
            if number % 200 == 199:
                yield
