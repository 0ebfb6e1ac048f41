"""Adding, changing and forgetting jobs: what is written with a change, and what is left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.ledger import Store, verbs
from reportdash.ledger.store import Failed
from reportdash.model import (
    ID_ALPHABET,
    Artifact,
    ArtifactState,
    Exchange,
    Health,
    Intent,
    IntentKind,
    Job,
    JobState,
    LastError,
    Stage,
    replace,
)
from tests.ledger.conftest import a_job, put


def to(state: JobState) -> Callable[[Job], Job]:
    return lambda job: replace(job, state=state)


def what(store: Store, job: Job) -> list[str]:
    return [event.what for event in store.history(job.id)]


def test_a_new_job_gets_six_letters_of_the_alphabet(store: Store) -> None:
    job = put(store)
    assert len(job.id) == 6
    assert set(job.id) <= set(ID_ALPHABET)


def test_an_id_that_is_taken_is_drawn_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["aaaaaa", "aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr(verbs, "new_id", lambda: next(drawn))
    assert put(store).id == "aaaaaa"
    store.write(lambda: store.verbs.forget("aaaaaa"))
    assert put(store).id == "bbbbbb"


def test_a_known_reference_is_not_added_twice(store: Store) -> None:
    first = put(store, reference="r1")
    again, added = store.add(a_job(reference="r1", name="other"))
    assert (again, added) == (first, False)
    assert store.add(a_job(account="other", reference="r1"))[1]
    assert len(store.jobs()) == 2


def test_a_forgotten_reference_can_be_tracked_again(store: Store) -> None:
    first = put(store, reference="r1")
    store.write(lambda: store.verbs.forget(first.id))
    second, added = store.add(a_job(reference="r1"))
    assert added
    assert second.id != first.id


def test_adding_a_job_makes_its_account(store: Store) -> None:
    put(store, account="new", vendor="sigma")
    assert store.account("new").vendor == "sigma"


def test_a_change_of_state_writes_a_line_of_history(store: Store, clock: ManualClock) -> None:
    job = put(store)
    clock.jump(60)
    store.change(job.id, to(JobState.RUNNING), who="vendor")
    last = store.history(job.id)[-1]
    assert (last.what, last.who, last.state, last.at) == (
        "queued → running",
        "vendor",
        JobState.RUNNING,
        clock.now(),
    )


def test_history_tells_of_words_and_messages_but_not_of_bookkeeping(store: Store) -> None:
    job = put(store)
    store.change(job.id, lambda job: replace(job, vendor_status="Busy"))
    store.change(job.id, lambda job: replace(job, message="half way"))
    store.change(job.id, lambda job: replace(job, checks=5, next_poll_at=3.0, seen_at=2.0))
    store.change(job.id, lambda job: job, what="delete sent", who="operator")
    assert what(store, job) == ["tracked", "– → Busy", "new message", "delete sent"]


def test_history_stays_bounded(store: Store) -> None:
    job = put(store)
    for n in range(verbs.KEPT_EVENTS + 100):
        store.write(partial(store.verbs.change, job.id, lambda j: j, what=f"{n}"), durable=False)
    told = what(store, job)
    assert verbs.KEPT_EVENTS <= len(told) <= verbs.KEPT_EVENTS + 16
    assert told[-1] == str(verbs.KEPT_EVENTS + 99)


def test_an_act_that_came_too_late_to_change_anything_is_not_told_as_done(store: Store) -> None:
    job = put(store)
    rev = store.rev()
    assert store.change(job.id, lambda job: None, what="submit sent") == job
    assert store.rev() == rev
    store.change(job.id, lambda job: None, what="not saved", error=LastError(1.0, "download", "cut"))
    assert what(store, job) == ["tracked"]


def test_a_change_to_nothing_writes_nothing(store: Store) -> None:
    job = put(store)
    rev = store.rev()
    assert store.change(job.id, lambda job: None) == job
    assert store.change(job.id, lambda job: replace(job)) == job
    assert store.rev() == rev


def test_only_the_columns_that_differ_are_written(store: Store) -> None:
    job = put(store)
    asked: list[str] = []
    store.db.set_trace_callback(asked.append)
    store.change(job.id, lambda job: replace(job, checks=1))
    store.db.set_trace_callback(None)
    (update,) = [query for query in asked if query.startswith("UPDATE jobs")]
    assert update.startswith("UPDATE jobs SET checks = 1, rev = ")


def test_a_change_of_no_job_is_a_key_error(store: Store) -> None:
    with pytest.raises(KeyError):
        store.change("nobody", to(JobState.READY))


def test_a_change_cannot_move_the_id_or_the_rev(store: Store) -> None:
    job = put(store)
    changed = store.change(job.id, lambda job: replace(job, id="zzzzzz", rev=999, checks=1))
    assert changed.id == job.id
    assert changed.rev == store.rev()
    assert store.job("zzzzzz") is None


def test_an_error_of_one_change_leaves_its_neighbours_alone(store: Store) -> None:
    one, two, three = put(store), put(store), put(store)

    def broken(job: Job) -> Job:
        raise ValueError("bug")

    def half(job: Job) -> Job:
        store.db.execute("UPDATE jobs SET name = 'half'")
        raise ValueError("bug")

    results = store.commit(
        [
            lambda: store.verbs.change(one.id, to(JobState.READY)),
            lambda: store.verbs.change(two.id, broken),
            lambda: store.verbs.change(two.id, half),
            lambda: store.verbs.change(three.id, to(JobState.READY)),
        ]
    )
    assert [isinstance(result, Failed) for result in results] == [False, True, True, False]
    assert [job.state for job in (store.job(one.id), store.job(two.id), store.job(three.id)) if job] == [
        JobState.READY,
        JobState.QUEUED,
        JobState.READY,
    ]
    assert {job.name for job in store.jobs()} == {"Balance"}


def looked(job: Job) -> Job:
    return replace(job, checks=job.checks + 1)


@pytest.mark.parametrize("poisoned", [False, True])
def test_rows_read_ahead_of_a_batch_are_as_fresh_as_any(store: Store, poisoned: bool) -> None:
    one, group = put(store), put(store)
    change_group(store, group, [child(1)], children_total=1)
    (part,) = store.children(group.id)

    def last(job: Job) -> Job:
        if poisoned:
            store.db.execute("UPDATE jobs SET name = 'half'")
            raise ValueError("bug")
        return looked(job)

    changes = [
        (one, lambda: store.verbs.change(one.id, looked)),
        (one, lambda: store.verbs.change(one.id, looked)),
        (group, lambda: store.verbs.forget(group.id)),
        (part, lambda: store.verbs.change(part.id, looked)),
        (one, lambda: store.verbs.change(one.id, last)),
    ]
    ahead = [*(job.id for job, _ in changes), "nobody"]
    results = store.commit([change for _, change in changes], ahead=ahead)
    assert isinstance(results[-1], Failed) is poisoned
    assert results[1].checks == 2
    assert results[3].forgotten_at is not None
    written = [store.job(job.id) for job in (one, group, part)]
    assert written == [results[1 if poisoned else 4], results[2], results[3]]
    assert written[0] is not None
    assert written[0].name == one.name


def test_the_last_error_is_kept_until_it_is_cleared(store: Store) -> None:
    job = put(store)
    error = LastError(5.0, "bad_payload", "<html>", 502, "E1")
    failed = store.change(job.id, lambda job: None, error=error)
    assert failed.rev > job.rev  # who watches the job learns of it
    assert store.last_error(job.id) == error
    store.change(job.id, lambda job: None, clear_error=True)
    assert store.last_error(job.id) is None


def exchange(n: int) -> Exchange:
    return Exchange(float(n), "GET", f"https://x/{n}", 200, 5, "", "{}", 2)


def test_the_newest_twenty_exchanges_of_a_job_are_kept(store: Store) -> None:
    job, other = put(store), put(store)
    store.write(lambda: store.verbs.record(other.id, exchange(0)))
    for n in range(15):
        store.write(partial(store.verbs.record, job.id, exchange(n)))
    store.change(job.id, lambda job: None, exchanges=[exchange(n) for n in range(15, 45)])
    assert [one.at for one in store.exchanges(job.id)] == [float(n) for n in range(25, 45)]
    assert len(store.exchanges(other.id)) == 1
    with pytest.raises(KeyError):
        store.write(lambda: store.verbs.record("nobody", exchange(1)))


def test_a_submit_answered_with_a_known_reference_folds_into_that_row(store: Store) -> None:
    known = put(store, reference="r1", state=JobState.RUNNING)
    intent = Intent(IntentKind.SUBMIT, Stage.SENDING, 1.0, "k")
    sent = put(store, state=JobState.SUBMITTING, intent=intent)
    told = store.change(
        sent.id, lambda job: replace(job, reference="r1", state=JobState.QUEUED), exchanges=[exchange(1)]
    )
    assert told == known
    tomb = store.job(sent.id)
    assert tomb is not None
    assert tomb.forgotten_at is not None
    assert tomb.intent is None
    assert tomb.next_poll_at is None
    assert tomb.rev > sent.rev
    assert [job.id for job in store.jobs()] == [known.id]
    assert store.open_intents() == []
    assert sent.id in what(store, known)[-1]
    assert len(store.exchanges(known.id)) == 1


def test_a_reference_of_a_forgotten_row_folds_nothing(store: Store) -> None:
    old = put(store, reference="r1")
    store.write(lambda: store.verbs.forget(old.id))
    sent = put(store)
    assert store.change(sent.id, lambda job: replace(job, reference="r1")).id == sent.id


def test_two_live_rows_with_one_reference_are_impossible(store: Store) -> None:
    put(store, reference="r1")
    other = put(store)
    with pytest.raises(sqlite3.IntegrityError):
        store.db.execute("UPDATE jobs SET reference = 'r1' WHERE id = ?", (other.id,))


def change_group(store: Store, parent: Job, children: list[Job], **fields: Any) -> Job:
    return store.write(
        lambda: store.verbs.change_group(
            parent.id, lambda job, _: (replace(job, **fields), children), who="vendor"
        )
    )


def child(n: int, **fields: Any) -> Job:
    return a_job(name=f"child {n}", reference=f"group:1#{n}", ordinal=n, **fields)


def test_children_keep_their_ids_and_new_ones_get_one(store: Store) -> None:
    parent = put(store, reference="group:1", children_total=3)
    change_group(store, parent, [child(1), child(2)])
    first = store.children(parent.id)
    change_group(store, parent, [child(2, state=JobState.READY), child(3)], state=JobState.RUNNING)
    second = store.children(parent.id)
    assert [job.id for job in second[:2]] == [job.id for job in first]
    assert [job.state for job in second] == [JobState.QUEUED, JobState.READY, JobState.QUEUED]
    assert {job.parent for job in second} == {parent.id}
    assert what(store, second[1]) == ["seen in its group", "queued → ready"]
    assert what(store, second[0]) == ["seen in its group"]


def test_a_group_poll_that_changes_nothing_writes_nothing(store: Store) -> None:
    parent = put(store, reference="group:1", children_total=1)
    change_group(store, parent, [child(1)])
    rev = store.rev()
    store.write(lambda: store.verbs.change_group(parent.id, lambda job, children: (job, children)))
    assert store.rev() == rev


def test_a_child_whose_reference_is_tracked_as_a_job_of_its_own_is_still_seen(store: Store) -> None:
    own = put(store, reference="group:1#1")
    parent = put(store, reference="group:1", children_total=1)
    change_group(store, parent, [child(1)])
    (seen,) = store.children(parent.id)
    assert seen.id != own.id
    assert seen.reference is None


def test_a_group_is_forgotten_with_its_children(store: Store) -> None:
    parent = put(store, reference="group:1", children_total=2)
    change_group(store, parent, [child(1), child(2)])
    family = [parent, *store.children(parent.id)]
    rev = store.rev()
    store.write(lambda: store.verbs.forget(parent.id))
    assert store.jobs() == []
    changes = store.changed_since(rev)
    assert {job.id for job in changes.jobs} == {job.id for job in family}
    assert all(job.forgotten_at for job in changes.jobs)


def test_a_lease_in_an_account_is_not_a_changes_to_make(store: Store) -> None:
    store.write(lambda: store.verbs.ensure_accounts({"main": "7g"}))
    store.write(lambda: store.leases.take("main"))
    changed = store.write(
        lambda: store.verbs.change_account(
            "main",
            lambda one: replace(one, owner="thief", epoch=99, lease_until=None, health=Health.THROTTLED),
        )
    )
    assert (changed.owner, changed.epoch, changed.health) == ("this", 1, Health.THROTTLED)
    assert changed.lease_until is not None
    assert changed == store.account("main")


def test_an_account_that_is_not_there_is_a_key_error(store: Store) -> None:
    with pytest.raises(KeyError):
        store.account("nobody")
    with pytest.raises(KeyError):
        store.write(lambda: store.verbs.change_account("nobody", lambda one: one))


def test_old_settled_rows_become_tombstones_and_nothing_else_does(store: Store) -> None:
    saved = Artifact(ArtifactState.SAVED, "/r/x", 1)
    old: dict[str, Any] = {"settled_at": 10.0, "state": JobState.FAILED}
    gone = put(store, reference="r1", **old)
    fetched = put(store, **old | {"state": JobState.READY, "artifact": saved})
    keep = [
        put(store, settled_at=90.0, state=JobState.FAILED),
        put(store, **old | {"state": JobState.RUNNING}),
        put(store, **old | {"state": JobState.READY}),
        put(
            store, **old | {"state": JobState.READY, "artifact": replace(saved, state=ArtifactState.FETCHING)}
        ),
        put(store, **old | {"intent": Intent(IntentKind.DELETE, Stage.UNSURE, 1.0, "k")}),
    ]
    store.change(gone.id, lambda job: None, error=LastError(1.0, "x", "y"), exchanges=[exchange(1)])
    rev = store.rev()
    assert store.write(lambda: store.verbs.prune(50.0)) == 2
    assert {job.id for job in store.jobs()} == {job.id for job in keep}
    assert {job.id for job in store.changed_since(rev).jobs} == {gone.id, fetched.id}
    assert (store.history(gone.id), store.exchanges(gone.id), store.last_error(gone.id)) == ([], [], None)
    assert store.known("main")["r1"] is None  # a tombstone: it is not adopted again
    assert store.write(lambda: store.verbs.prune(50.0)) == 0
