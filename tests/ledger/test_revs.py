"""Laws of the rev: it only grows, and `changed_since` leaves nothing out."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reportdash.ledger import Store
from reportdash.ledger.store import Failed
from reportdash.model import Account, Health, Job, JobState, replace
from tests.ledger.conftest import a_job

places = st.integers(0, 7)
states = st.sampled_from(JobState)


class Ledger(RuleBasedStateMachine):
    """Random changes, some of which fail; a reader follows with `changed_since` alone."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(Path(self.folder.name) / "ledger.db", owner="this")
        self.ids: list[str] = []
        self.rev = 0
        self.seen_jobs: dict[str, Job] = {}
        self.seen_accounts: dict[str, Account] = {}

    @initialize()
    def begin(self) -> None:
        self.store.write(lambda: self.store.verbs.ensure_accounts({"main": "7g", "other": "7g"}))

    @rule(reference=st.none() | st.sampled_from(["a", "b", "c"]), group=st.booleans())
    def add(self, reference: str | None, group: bool) -> None:
        before = self.store.rev()
        job, added = self.store.add(a_job(reference=reference, children_total=2 if group else None))
        if added:
            self.ids.append(job.id)
            assert job.rev > before

    @rule(place=places, state=states, reference=st.none() | st.sampled_from(["a", "b", "c"]))
    def change(self, place: int, state: JobState, reference: str | None) -> None:
        if self.ids:
            job_id = self.ids[place % len(self.ids)]
            self.store.change(
                job_id, lambda job: replace(job, state=state, reference=job.reference or reference)
            )

    @rule(place=places, state=states, count=st.integers(0, 3))
    def change_group(self, place: int, state: JobState, count: int) -> None:
        if self.ids:
            job_id = self.ids[place % len(self.ids)]
            children = [a_job(ordinal=n, state=state) for n in range(1, count + 1)]
            self.store.write(lambda: self.store.verbs.change_group(job_id, lambda job, _: (job, children)))

    @rule(place=places, fails=st.lists(st.booleans(), max_size=6))
    def batch(self, place: int, fails: list[bool]) -> None:
        if not self.ids:
            return
        job_id = self.ids[place % len(self.ids)]

        def one(bad: bool) -> Job:
            job = self.store.verbs.change(job_id, lambda job: replace(job, checks=job.checks + 1))
            if bad:
                raise ValueError("bug")
            return job

        was = self.store.job(job_id)
        results = self.store.commit([lambda bad=bad: one(bad) for bad in fails])  # type: ignore[misc]
        now = self.store.job(job_id)
        assert was is not None
        assert now is not None
        assert [isinstance(result, Failed) for result in results] == fails
        assert now.checks == was.checks + fails.count(False)

    @rule(place=places)
    def forget(self, place: int) -> None:
        if self.ids:
            self.store.write(lambda: self.store.verbs.forget(self.ids[place % len(self.ids)]))

    @rule(health=st.sampled_from(Health), account=st.sampled_from(["main", "other"]))
    def change_account(self, health: Health, account: str) -> None:
        self.store.write(
            lambda: self.store.verbs.change_account(account, lambda one: replace(one, health=health))
        )

    @rule()
    def take_lease(self) -> None:
        self.store.write(lambda: self.store.leases.take("main"))

    @rule()
    def prune(self) -> None:
        self.store.write(lambda: self.store.verbs.prune(9e9))

    @rule()
    def follow(self) -> None:
        changes = self.store.changed_since(self.rev)
        assert changes.rev >= self.rev
        revs = [job.rev for job in changes.jobs]
        assert revs == sorted(set(revs))
        assert all(self.rev < rev <= changes.rev for rev in revs)
        self.rev = changes.rev
        self.seen_jobs |= {job.id: job for job in changes.jobs}
        self.seen_accounts |= {account.name: account for account in changes.accounts}
        rows = self.store.db.execute("SELECT id FROM jobs").fetchall()
        assert self.seen_jobs == {job_id: self.store.job(job_id) for (job_id,) in rows}
        assert self.seen_accounts == {account.name: account for account in self.store.accounts()}

    @invariant()
    def no_rev_is_newer_than_the_counter_or_given_twice(self) -> None:
        revs = [
            rev for (rev,) in self.store.db.execute("SELECT rev FROM jobs UNION ALL SELECT rev FROM accounts")
        ]
        assert len(revs) == len(set(revs))
        assert max(revs, default=0) <= self.store.rev()

    def teardown(self) -> None:
        self.follow()
        self.store.close()
        self.folder.cleanup()


TestLaws = Ledger.TestCase
TestLaws.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
