"""What one can ask the ledger, and in which order it answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import UsageProblem
from reportdash.ledger import Store
from reportdash.model import (
    Artifact,
    ArtifactState,
    Health,
    Intent,
    IntentKind,
    Job,
    JobState,
    Stage,
    Verified,
    replace,
)
from tests.ledger.conftest import a_job, put


def ids(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


def a_group(store: Store, **fields: Any) -> tuple[Job, list[Job]]:
    parent = put(store, reference="group:7", children_total=2, **fields)
    children = [a_job(name=f"child {n}", reference=f"group:7#{n}", ordinal=n) for n in (2, 1)]
    parent = store.write(lambda: store.verbs.change_group(parent.id, lambda job, _: (job, children)))
    return parent, store.children(parent.id)


def test_jobs_come_newest_first_with_children_after_their_parent(store: Store) -> None:
    old = put(store, submitted_at=100.0)
    parent, children = a_group(store, submitted_at=200.0)
    new = put(store, submitted_at=300.0)
    assert [child.ordinal for child in children] == [1, 2]
    assert ids(store.jobs()) == ids([new, parent, *children, old])
    assert ids(store.jobs(2)) == ids([new, parent, *children])


def test_a_submit_that_was_not_sent_yet_stands_by_the_time_it_was_made(
    store: Store, clock: ManualClock
) -> None:
    before = put(store, submitted_at=clock.now() - 60)
    waiting = put(store, submitted_at=None, state=JobState.SUBMITTING)
    after = put(store, submitted_at=clock.now() + 60)
    assert ids(store.jobs()) == ids([after, waiting, before])


def test_the_json_lines_are_the_contracts_objects(store: Store, clock: ManualClock) -> None:
    store.write(lambda: store.verbs.ensure_accounts({"main": "7g", "calls": "talkdesk", "other": "7g"}))
    artifact = Artifact(ArtifactState.SAVED, '/r/a "b" é.csv', 10, None, "ab", Verified.NONE, owner="x")
    put(store, name='quo"te\\', message="ünï ☃ 𝄞", artifact=artifact, submitted_at=1.9, settled_at=0.0)
    put(store, account="calls", state=JobState.READY, expires_at=1_767_225_600.7, attempts=3)
    put(store, account="other", health=Health.BAD_PAYLOAD, next_poll_at=4e9)
    a_group(store)
    store.write(lambda: store.verbs.change_account("calls", lambda a: replace(a, health=Health.THROTTLED)))
    store.write(lambda: store.verbs.change_account("main", lambda a: replace(a, paused=True)))
    health = {account.name: account.shown for account in store.accounts()}
    expected = [job.as_json(health[job.account]) for job in store.jobs()]
    lines = store.json_lines()
    assert [json.loads(line) for line in lines] == expected
    assert [list(json.loads(line)) for line in lines] == [list(one) for one in expected]


def test_a_job_is_found_by_id_by_prefix_and_by_place_in_its_group(store: Store) -> None:
    parent, children = a_group(store)
    other = put(store)
    if other.id[0] == parent.id[0]:
        pytest.skip("two random ids began alike")
    assert store.find(parent.id) == parent
    assert store.find(f" {other.id.upper()} ") == other
    assert store.find(other.id[:5]) == other
    assert store.find(f"{parent.id}.2") == children[1]
    assert store.find(f"{parent.id[:5]}.1") == children[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("zzzz", "no job begins with zzzz"),
        ("", "no job is named ''"),
        ("a%", "no job is named"),
        ("\x1b[2J", "no job is named"),
        ("aaa", "ambiguous: aaabbb, aaaccc"),
        ("aaabbb.3", "no child 3: it has none"),
        ("tombst", "was forgotten on 2026-01-01T00:00:00Z. `reportdash track main r9` follows it again"),
    ],
)
def test_what_cannot_be_found_says_what_to_do(store: Store, text: str, says: str) -> None:
    for job_id in ("aaabbb", "aaaccc"):
        put(store, id=job_id)
    put(store, id="tombst", reference="r9")
    store.write(lambda: store.verbs.forget("tombst"))
    with pytest.raises(UsageProblem) as told:
        store.find(text)
    assert says in told.value.text
    assert "\x1b" not in told.value.text
    assert "reportdash " in told.value.text


def test_an_exact_id_is_never_ambiguous(store: Store) -> None:
    put(store, id="aaabbb")
    put(store, id="aaabbbc")
    assert store.find("aaabbb").id == "aaabbb"


def test_due_jobs_come_longest_due_first_and_only_of_their_account(store: Store) -> None:
    late = put(store, next_poll_at=10.0)
    put(store, next_poll_at=30.0)
    later = put(store, next_poll_at=20.0)
    put(store, account="other", next_poll_at=5.0)
    put(store, next_poll_at=None)
    gone = put(store, next_poll_at=1.0)
    store.write(lambda: store.verbs.forget(gone.id))
    assert ids(store.due("main", 20.0)) == ids([late, later])
    assert ids(store.due("main", 20.0, limit=1)) == ids([late])
    assert store.next_due("main") == 10.0
    assert store.next_due("nobody") is None


def intent(kind: IntentKind, stage: Stage, at: float = 1.0) -> Intent:
    return Intent(kind, stage, at, "key")


def test_open_intents_come_oldest_first(store: Store) -> None:
    second = put(store, intent=intent(IntentKind.SUBMIT, Stage.WAITING, 20.0))
    first = put(store, account="other", intent=intent(IntentKind.DELETE, Stage.SENDING, 10.0))
    put(store)
    assert ids(store.open_intents()) == ids([first, second])
    assert ids(store.open_intents("main")) == ids([second])


def test_slots_count_running_jobs_and_submits_that_may_have_arrived(store: Store) -> None:
    for state in (JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING, JobState.READY, JobState.UNKNOWN):
        put(store, state=state)
    for stage in (Stage.SENDING, Stage.UNSURE, Stage.WAITING):
        put(store, state=JobState.SUBMITTING, intent=intent(IntentKind.SUBMIT, stage))
    put(store, state=JobState.DELETING, intent=intent(IntentKind.DELETE, Stage.SENDING))
    put(store, account="other")
    assert store.slots_used("main") == 3 + 2


def test_a_group_holds_one_slot_and_not_one_a_child(store: Store) -> None:
    a_group(store)
    assert store.slots_used("main") == 1


def test_a_forgotten_reference_is_known_but_leads_to_no_job(store: Store) -> None:
    job = put(store, reference="r1")
    assert "r1" in store.known("main")
    store.write(lambda: store.verbs.forget(job.id))
    assert store.by_reference("main", "r1") is None
    assert store.known("main") == {"r1": None}
    assert store.known("other") == {}


def test_downloads_under_way_and_reports_nobody_has_fetched_are_found_without_the_rest(store: Store) -> None:
    fetching, saved = Artifact(ArtifactState.FETCHING), Artifact(ArtifactState.SAVED)
    ready = {"state": JobState.READY}
    under_way = put(store, reference="a", artifact=fetching, **ready)
    put(store, reference="b", artifact=saved, **ready)
    waiting = put(store, reference="c", **ready)
    none = put(
        store, reference="d", state=JobState.READY_WITH_WARNINGS, artifact=Artifact(ArtifactState.NONE)
    )
    failed = put(store, reference="g", artifact=Artifact(ArtifactState.FAILED), **ready)
    put(store, reference="e", state=JobState.RUNNING)
    forgotten = put(store, reference="f", **ready)
    store.write(lambda: store.verbs.forget(forgotten.id))
    assert ids(store.fetching()) == [under_way.id]
    assert sorted(ids(store.unfetched())) == sorted([waiting.id, none.id, failed.id])


def test_the_hot_questions_use_an_index(store: Store) -> None:
    asked: list[str] = []
    store.db.set_trace_callback(asked.append)
    store.jobs(200)
    store.due("main", 1.0)
    store.next_due("main")
    store.changed_since(-1)
    store.by_reference("main", "r")
    store.open_intents()
    store.open_intents("main")
    store.outlived(1.0)
    store.slots_used("main")
    store.children("p")
    store.db.set_trace_callback(None)
    scans = [
        (query, step[3])
        for query in asked
        if query.startswith("SELECT") and " meta" not in query
        for step in store.db.execute(f"EXPLAIN QUERY PLAN {query}")
        if ("SCAN" in step[3] and "INDEX" not in step[3]) or "TEMP B-TREE" in step[3]
    ]
    assert scans == []


def test_what_changed_after_a_moment_comes_with_the_state_it_had_then(
    store: Store, clock: ManualClock
) -> None:
    failed, quiet = put(store, reference="a"), put(store, reference="b")
    then = clock.now()
    clock.jump(60)
    store.write(lambda: store.verbs.change(failed.id, lambda job: replace(job, state=JobState.FAILED)))
    new = put(store, reference="c")
    assert store.states_at(then) == {failed.id: failed.state, new.id: None}
    assert store.states_at(then + 60) == {}
    assert set(store.states_at(0.0)) == {failed.id, quiet.id, new.id}, "before everything"
