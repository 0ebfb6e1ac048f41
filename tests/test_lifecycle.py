"""The laws of the state machine, over generated jobs and answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.lifecycle import (
    GONE_SECONDS,
    enter,
    fold,
    fold_children,
    fold_error,
    fold_expiry,
    fold_gone,
    fold_group,
)
from reportdash.model import (
    FINAL,
    HAS_FILE,
    NO_ROWS,
    SETTLED,
    Artifact,
    ArtifactState,
    Health,
    Intent,
    IntentKind,
    Job,
    JobState,
    Seen,
    Spec,
    Stage,
    replace,
)

NOW = 1_790_000_000.0
DAY = 86_400.0
# What a vendor can say; submitting, deleting and lost are ours alone.
SAID = sorted(set(JobState) - {JobState.SUBMITTING, JobState.DELETING, JobState.LOST})

states = st.sampled_from(sorted(JobState))
times = st.floats(NOW - 30 * DAY, NOW, allow_nan=False)
words = st.none() | st.text(max_size=20)
artifacts = st.none() | st.sampled_from(
    [
        Artifact(ArtifactState.SAVED, "/r/a.csv", 3, 3),
        Artifact(ArtifactState.FETCHING),
        Artifact(ArtifactState.FAILED),
    ]
)
seens = st.builds(
    Seen,
    state=st.sampled_from(SAID),
    vendor_status=words,
    message=words,
    name=st.none() | st.just("Vendor's name"),
    expires_at=st.none() | times,
)


@st.composite
def jobs(draw: st.DrawFn, state: st.SearchStrategy[JobState] = states) -> Job:
    now_state = draw(state)
    intent = None
    if now_state is JobState.SUBMITTING:
        intent = Intent(IntentKind.SUBMIT, draw(st.sampled_from(sorted(Stage))), NOW, "key")
    elif now_state is JobState.DELETING:
        intent = Intent(IntentKind.DELETE, draw(st.sampled_from(sorted(Stage))), NOW, "key")
    return Job(
        id="abc234",
        account="main",
        vendor="7g",
        name="a report",
        reference=None if now_state is JobState.SUBMITTING else "ref",
        state=now_state,
        vendor_status=draw(words),
        health=draw(st.sampled_from([Health.OK, Health.BAD_PAYLOAD])),
        submitted_at=draw(times),
        settled_at=NOW - 60 if now_state in SETTLED else None,
        expires_at=draw(st.none() | st.floats(NOW - DAY, NOW + DAY)),
        attempts=draw(st.integers(0, 9)),
        artifact=draw(artifacts),
        intent=intent,
        prior=JobState.READY if now_state is JobState.DELETING else None,
        gone_since=draw(st.none() | times),
        gone_count=draw(st.integers(0, 4)),
        deleted_by_us=draw(st.booleans()) if now_state in (JobState.DELETED, JobState.DELETING) else False,
    )


def job(state: JobState = JobState.RUNNING, **more: object) -> Job:
    fields: dict[str, object] = {"name": "a report", "reference": "ref", "submitted_at": NOW - 60}
    return Job(id="abc234", account="main", vendor="7g", state=state, **{**fields, **more})  # type: ignore[arg-type]


@given(jobs(), st.booleans())
def test_a_failed_check_never_changes_the_state(before: Job, bad_payload: bool) -> None:
    after = fold_error(before, NOW, bad_payload=bad_payload)
    assert (after.state, after.vendor_status, after.message) == (
        before.state,
        before.vendor_status,
        before.message,
    )
    assert after.settled_at == before.settled_at
    assert after.artifact == before.artifact


@given(jobs(st.sampled_from(sorted(FINAL))), seens, st.booleans())
def test_deleted_and_expired_are_final(before: Job, seen: Seen, certain: bool) -> None:
    assert fold(before, seen, NOW, DAY) == before
    assert fold_gone(before, "gone", NOW, ttl=DAY, certain=certain) == before
    assert fold_error(before, NOW, bad_payload=True) == before
    assert fold_expiry(before, NOW) == before


@given(jobs(), seens, st.none() | st.just(DAY))
def test_no_look_touches_our_copy(before: Job, seen: Seen, ttl: float | None) -> None:
    assert fold(before, seen, NOW, ttl).artifact == before.artifact
    assert fold_gone(before, "gone", NOW, ttl=ttl).artifact == before.artifact
    assert fold_expiry(before, NOW).artifact == before.artifact


@given(jobs(), seens)
def test_settled_at_is_there_exactly_for_settled_jobs(before: Job, seen: Seen) -> None:
    for after in (fold(before, seen, NOW), fold_gone(before, "gone", NOW, ttl=DAY), fold_expiry(before, NOW)):
        assert (after.settled_at is not None) == (after.state in SETTLED)


@given(jobs(st.sampled_from(sorted(set(JobState) - FINAL))), seens)
def test_a_good_look_shows_the_vendors_word_and_ends_the_row_of_failures(before: Job, seen: Seen) -> None:
    after = fold(before, seen, NOW)
    assert after.vendor_status == seen.vendor_status
    assert (after.attempts, after.health, after.gone_count, after.gone_since) == (0, Health.OK, 0, None)
    assert after.checks == before.checks + 1


@given(jobs(st.just(JobState.DELETING)), seens)
def test_a_job_being_deleted_stays_so_until_the_delete_is_answered(before: Job, seen: Seen) -> None:
    after = fold(before, seen, NOW)
    if seen.state is JobState.DELETED:
        assert after.state is JobState.DELETED
        assert after.deleted_by_us
        assert after.intent is None
        assert after.note != "remote"
    else:
        assert after.state is JobState.DELETING
        assert after.intent == before.intent
        assert after.message == before.message
        assert after.prior is seen.state


@given(jobs(st.just(JobState.DELETING)), st.booleans(), st.none() | st.just(DAY))
def test_not_found_ends_a_delete(before: Job, certain: bool, ttl: float | None) -> None:
    after = fold_gone(before, "unknown reference", NOW, ttl=ttl, certain=certain)
    assert after.state is JobState.DELETED
    assert after.intent is None


def test_a_delete_that_races_with_completion_ends_deleted() -> None:
    deleting = job(
        JobState.DELETING, intent=Intent(IntentKind.DELETE, Stage.SENDING, NOW, "k"), prior=JobState.RUNNING
    )
    completed = fold(deleting, Seen(JobState.READY, "complete"), NOW)
    assert completed.state is JobState.DELETING
    assert fold_gone(completed, "no such report", NOW, ttl=DAY).state is JobState.DELETED


def test_a_delete_somebody_else_made_says_so() -> None:
    after = fold(job(JobState.READY), Seen(JobState.DELETED, "deleted"), NOW)
    assert (after.state, after.note) == (JobState.DELETED, "remote")


def test_going_back_is_accepted_and_flagged() -> None:
    after = fold(job(JobState.READY), Seen(JobState.RUNNING, "incomplete"), NOW)
    assert (after.state, after.note, after.settled_at) == (JobState.RUNNING, "went back from ready", None)


@given(st.sampled_from([JobState.UNKNOWN, JobState.LOST]), seens)
def test_coming_back_from_unknown_or_lost_is_no_going_back(old: JobState, seen: Seen) -> None:
    after = fold(job(old), seen, NOW)
    assert after.state is seen.state
    assert after.note is None or "went back" not in after.note


def test_the_answer_to_a_submit_ends_its_intent() -> None:
    unsure = job(
        JobState.SUBMITTING, reference=None, intent=Intent(IntentKind.SUBMIT, Stage.UNSURE, NOW, "k")
    )
    after = fold(unsure, Seen(JobState.QUEUED, "pending", reference="r1"), NOW)
    assert (after.state, after.reference, after.intent) == (JobState.QUEUED, "r1", None)


@pytest.mark.parametrize(
    ("age", "state"), [(DAY - 1, JobState.LOST), (DAY, JobState.EXPIRED), (2 * DAY, JobState.EXPIRED)]
)
def test_not_found_is_expired_from_the_end_of_its_life_on_and_lost_before(
    age: float, state: JobState
) -> None:
    after = fold_gone(job(JobState.READY, submitted_at=NOW - age), "gone", NOW, ttl=DAY)
    assert after.state is state


def test_without_a_stated_life_a_job_is_lost_however_old() -> None:
    after = fold_gone(job(JobState.READY, submitted_at=NOW - 400 * DAY), "Not Found", NOW, ttl=None)
    assert (after.state, after.message) == (JobState.LOST, "Not Found")


def test_an_uncertain_not_found_takes_three_polls_over_ten_minutes() -> None:
    row = job(JobState.RUNNING)
    for at in (0.0, 60.0, 599.0):
        row = fold_gone(row, "Not Found", NOW + at, ttl=None, certain=False)
        assert row.state is JobState.RUNNING
        assert row.health is Health.BAD_PAYLOAD
    assert fold_gone(row, "Not Found", NOW + GONE_SECONDS, ttl=None, certain=False).state is JobState.LOST


def test_two_uncertain_not_founds_are_not_enough_however_far_apart() -> None:
    row = fold_gone(job(), "Not Found", NOW, ttl=None, certain=False)
    assert fold_gone(row, "Not Found", NOW + 5000, ttl=None, certain=False).state is JobState.RUNNING


def test_a_good_look_in_between_begins_the_count_anew() -> None:
    row = job()
    for at in (0.0, 300.0):
        row = fold_gone(row, "Not Found", NOW + at, ttl=None, certain=False)
    row = fold(row, Seen(JobState.RUNNING, "In Progress"), NOW + 400)
    assert fold_gone(row, "Not Found", NOW + 700, ttl=None, certain=False).state is JobState.RUNNING


@given(jobs(), st.floats(NOW - DAY, NOW + 2 * DAY))
def test_time_alone_expires_only_a_result_whose_life_has_ended(before: Job, at: float) -> None:
    after = fold_expiry(before, at)
    may = before.state in HAS_FILE or before.state in (JobState.EMPTY, JobState.FAILED)
    ended = before.expires_at is not None and at >= before.expires_at
    assert after.state is (JobState.EXPIRED if may and ended else before.state)


def test_the_life_of_a_result_counts_from_the_submit() -> None:
    after = fold(job(submitted_at=NOW - 100), Seen(JobState.RUNNING, "incomplete"), NOW, DAY)
    assert after.expires_at == NOW - 100 + DAY


@given(jobs(), seens)
def test_updated_at_moves_only_with_what_one_can_see(before: Job, seen: Seen) -> None:
    once = fold(before, seen, NOW)
    twice = fold(once, seen, NOW + 60)
    if once.note == twice.note:
        assert twice.updated_at == once.updated_at


def test_the_operators_name_stays_and_a_stand_in_gives_way() -> None:
    seen = Seen(JobState.READY, "available", name="Applicants 2026")
    assert fold(job(name="mine"), seen, NOW).name == "mine"
    assert fold(job(name="ref"), seen, NOW).name == "Applicants 2026"
    assert fold(job(name="17", spec=Spec("17")), seen, NOW).name == "Applicants 2026"


# Groups.

R, Q, U = JobState.READY, JobState.QUEUED, JobState.UNKNOWN
F, E, N, D = JobState.FAILED, JobState.EMPTY, JobState.NOTIFY_FAILED, JobState.FINALIZING


@pytest.mark.parametrize(
    ("children", "total", "state"),
    [
        ([], None, JobState.RUNNING),
        ([R, R], 3, JobState.RUNNING),
        ([F, F], 3, JobState.RUNNING),
        ([R, Q], 2, JobState.RUNNING),
        ([R, D], 2, JobState.RUNNING),
        ([F, U], 2, JobState.RUNNING),
        ([F, F], 2, F),
        ([F, R], 2, JobState.READY_WITH_WARNINGS),
        ([F, N], 2, JobState.READY_WITH_WARNINGS),
        ([F, E], 2, F),
        ([N, R], 2, N),
        ([N, E], 2, N),
        ([E, E], 2, E),
        ([E, R], 2, R),
        ([R, R], 2, R),
        ([R], None, R),
    ],
)
def test_a_groups_state_is_the_first_rule_that_applies(
    children: list[JobState], total: int | None, state: JobState
) -> None:
    assert fold_group(children, total) is state


@given(st.lists(st.sampled_from(SAID), max_size=6), st.none() | st.integers(0, 8))
def test_a_group_is_settled_only_when_every_child_is_and_none_is_missing(
    children: list[JobState], total: int | None
) -> None:
    state = fold_group(children, total)
    complete = bool(children) and (total is None or len(children) >= total)
    assert (state in SETTLED) == (complete and all(child in SETTLED for child in children))


def test_children_keep_their_rows_and_what_an_answer_leaves_out_stays() -> None:
    parent = job(reference="group:77", children_total=2)
    first = fold_children(
        parent,
        [],
        Seen(JobState.RUNNING, None, children=(Seen(R, "PUBLISHED", name="A"), Seen(Q, None))),
        NOW,
    )
    assert [(c.ordinal, c.reference, c.name, c.state) for c in first] == [
        (1, "group:77#1", "A", R),
        (2, "group:77#2", "group:77#2", Q),
    ]
    assert all(c.parent == parent.id and c.next_poll_at is None for c in first)
    kept = [replace(c, id=f"child{c.ordinal}") for c in first]
    again = fold_children(
        parent, kept, Seen(JobState.RUNNING, None, children=(Seen(R, "PUBLISHED"),)), NOW + 5
    )
    assert [(c.id, c.state) for c in again] == [("child1", R), ("child2", Q)]


def test_entering_a_final_state_leaves_nothing_to_do() -> None:
    before = job(
        JobState.DELETING, intent=Intent(IntentKind.DELETE, Stage.SENDING, NOW, "k"), next_poll_at=NOW
    )
    after = enter(before, JobState.DELETED, NOW)
    assert (after.intent, after.prior, after.next_poll_at) == (None, None, None)


def test_what_was_found_in_a_saved_file_outlives_the_vendors_unchanged_words() -> None:
    saved = Artifact(ArtifactState.SAVED, path="/r/a.csv", bytes=9, total=9)
    row = replace(job(JobState.READY), message=NO_ROWS, artifact=saved)
    again = fold(row, Seen(JobState.READY, "complete", "Report has been successfully completed!"), NOW)
    assert again.message == NO_ROWS
    unsaved = replace(row, artifact=None)
    assert fold(unsaved, Seen(JobState.READY, "complete", "done"), NOW).message == "done"
