"""The table as a view: order, filter, groups, cursor and counts, whatever changes come in which order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reportdash.board.order import Column
from reportdash.board.query import parse
from reportdash.board.states import Kind
from reportdash.board.view import View
from reportdash.model import Account, Artifact, ArtifactState, Health, Job, JobState, Spec, replace

NOW = 1_800_000_000.0
S = JobState


def job(number: int, state: JobState = S.RUNNING, *, age: float | None = None, **changes: object) -> Job:
    base: dict[str, object] = {
        "id": f"j{number:05}",
        "account": "main",
        "vendor": "7g",
        "name": f"Report {number % 7}",
        "reference": f"r{number}",
        "state": state,
        "submitted_at": NOW - (number * 10 if age is None else age),
    }
    return Job(**{**base, **changes})  # type: ignore[arg-type]


def view(*jobs: Job, accounts: tuple[Account, ...] = ()) -> View:
    made = View()
    made.load(jobs, accounts, NOW)
    return made


def ids(of: View) -> list[str]:
    return [of.job_at(row).id for row in range(len(of.rows))]


def run(of: View) -> None:
    for _ in of.rebuild():
        pass


def test_the_most_urgent_stand_first_and_the_newest_within() -> None:
    rows = view(
        job(1, S.EMPTY),
        job(2),
        job(3, S.READY),
        job(4, S.UNKNOWN),
        job(5, S.FAILED, age=900),
        job(6, S.FAILED, age=60),
        job(7, S.READY, expires_at=NOW + 600),
    )
    assert ids(rows) == ["j00006", "j00005", "j00007", "j00004", "j00003", "j00002", "j00001"]


def test_a_changed_word_moves_no_row_and_a_changed_family_does() -> None:
    rows = view(job(1), job(2), job(3))
    delta = rows.apply([replace(job(3), vendor_status="PROCESSING")], (), NOW)
    assert not delta.moved and ids(rows) == ["j00001", "j00002", "j00003"]
    delta = rows.apply([job(3, S.FAILED)], (), NOW)
    assert delta.moved and ids(rows) == ["j00003", "j00001", "j00002"]


def test_the_cursor_stays_on_its_job_when_rows_move() -> None:
    rows = view(job(1), job(2), job(3))
    rows.move_to(1)
    rows.apply([job(3, S.FAILED)], (), NOW)
    assert rows.cursor_row == 2
    assert rows.cursor_job is not None and rows.cursor_job.id == "j00002"


def test_the_cursor_stays_on_its_line_when_its_job_leaves() -> None:
    rows = view(job(1), job(2), job(3))
    rows.move_to(1)
    rows.apply([replace(job(2), forgotten_at=NOW)], (), NOW)
    assert rows.cursor_row == 1
    assert rows.cursor_job is not None and rows.cursor_job.id == "j00003"


def test_held_rows_stay_until_they_are_settled() -> None:
    rows = view(job(1), job(2), job(3))
    rows.apply([job(3, S.FAILED), job(4, S.FAILED)], (), NOW, hold=True)
    assert ids(rows) == ["j00001", "j00002", "j00003"]
    assert rows.counts().failed == 2, "the header does not wait"
    rows.settle()
    assert ids(rows) == ["j00003", "j00004", "j00001", "j00002"]
    assert not rows.holding


def test_the_cursor_comes_back_to_its_job_after_a_filter_that_nothing_passes() -> None:
    rows = view(*(job(number) for number in range(9)))
    rows.move_to(5)
    stood = rows.cursor_job
    for text in ("nowhere", "no such word"):
        rows.set_query(parse(text))
        run(rows)
        assert rows.cursor_job is None and rows.cursor_row is None
    rows.apply([job(99)], (), NOW)
    rows.set_query(None)
    run(rows)
    assert rows.cursor_job == stood


def test_after_a_filter_that_nothing_passes_a_job_that_has_gone_leaves_the_cursor_at_the_top() -> None:
    rows = view(*(job(number) for number in range(9)))
    rows.move_to(5)
    gone = rows.job_at(5)
    rows.set_query(parse("nowhere"))
    run(rows)
    rows.apply([replace(gone, forgotten_at=NOW)], (), NOW)
    rows.set_query(None)
    run(rows)
    assert rows.cursor_row == 0


@pytest.mark.parametrize("column", [Column.STATE, Column.AGE, Column.NEXT])
def test_a_new_row_that_is_held_back_is_in_its_place_after_a_filter(column: Column) -> None:
    rows = view(job(1), job(2), job(3))
    rows.set_order(column)
    run(rows)
    rows.apply([job(4, S.FAILED, age=25)], (), NOW, hold=True)
    rows.set_query(parse("report"))
    run(rows)
    asked = view(job(1), job(2), job(3), job(4, S.FAILED, age=25))
    asked.set_order(column)
    run(asked)
    assert ids(rows) == ids(asked)
    assert not rows.holding


def test_a_forgotten_row_leaves_at_once_even_while_rows_are_held() -> None:
    rows = view(job(1), job(2))
    rows.selection.toggle("j00001")
    rows.apply([replace(job(1), forgotten_at=NOW)], (), NOW, hold=True)
    assert ids(rows) == ["j00002"]
    assert len(rows.selection) == 0


def group(state: JobState = S.RUNNING, count: int = 3) -> list[Job]:
    parent = job(50, state, children_total=count)
    children = [
        job(50 + n, S.RUNNING, name=f"Part {n}", parent=parent.id, ordinal=n, reference=f"g#{n}", age=500)
        for n in range(1, count + 1)
    ]
    return [parent, *children]


def test_children_stand_below_their_parent_in_the_vendors_order_whatever_the_sort() -> None:
    parts = group()
    rows = view(job(1), parts[0], parts[3], parts[1], parts[2], job(90))
    for column in Column:
        for reverse in (False, True):
            rows.set_order(column, reverse)
            run(rows)
            at = ids(rows).index(parts[0].id)
            assert ids(rows)[at + 1 : at + 4] == [part.id for part in parts[1:]], column


def test_a_closed_group_is_one_row() -> None:
    rows = view(job(1), *group(), job(90))
    slot = rows.records.slot_of["j00050"]
    rows.toggle_group(slot)
    assert ids(rows) == ["j00001", "j00050", "j00090"]
    rows.toggle_group(slot)
    assert len(ids(rows)) == 6


def test_closing_a_group_from_its_child_puts_the_cursor_on_the_parent() -> None:
    rows = view(*group())
    rows.move_to(2)
    assert rows.cursor is not None
    rows.toggle_group(rows.cursor)
    assert rows.cursor_job is not None and rows.cursor_job.id == "j00050"


def test_a_filter_that_only_a_child_passes_keeps_its_parent_for_context_and_selects_neither() -> None:
    rows = view(job(1), *group())
    rows.set_query(parse('name:"part 2"'))
    run(rows)
    assert ids(rows) == ["j00050", "j00052"]
    assert rows.shown == 0 and not any(rows.matching_ids())


def test_children_that_come_later_join_their_parent() -> None:
    parts = group()
    rows = view(job(1), parts[0], job(90))
    rows.apply(parts[1:], (), NOW)
    assert ids(rows) == ["j00001", "j00050", "j00051", "j00052", "j00053", "j00090"]


def test_children_that_come_before_their_parent_are_joined_to_it() -> None:
    parts = group()
    rows = view(job(1), *parts[1:], job(90))
    rows.apply([parts[0]], (), NOW)
    assert ids(rows) == ["j00001", "j00050", "j00051", "j00052", "j00053", "j00090"]


def test_children_are_not_counted_and_a_group_counts_once() -> None:
    parts = group()
    parts[1] = replace(parts[1], state=S.FAILED)
    rows = view(job(1), *parts)
    counts = rows.counts()
    assert (counts.working, counts.failed, counts.total, counts.shown) == (2, 0, 2, 2)


def test_a_forgotten_group_leaves_with_its_children() -> None:
    parts = group()
    rows = view(job(1), *parts)
    rows.apply([replace(part, forgotten_at=NOW) for part in parts], (), NOW)
    assert ids(rows) == ["j00001"]
    assert rows.counts().total == 1


def test_a_group_whose_files_are_all_saved_is_over() -> None:
    parts = [replace(part, state=S.READY) for part in group(S.READY)]
    rows = view(*parts)
    assert rows.records.kinds[0] == Kind.SAVE
    kept = Artifact(ArtifactState.SAVED, bytes=5)
    rows.apply([replace(part, artifact=kept) for part in parts[1:]], (), NOW)
    assert rows.records.kinds[0] == Kind.OVER


def test_an_expiry_becomes_urgent_when_its_time_comes() -> None:
    rows = view(job(1, S.LOST), job(2, S.READY, expires_at=NOW + 7200, age=60))
    assert ids(rows) == ["j00001", "j00002"]
    rows.tick(NOW + 3000)
    assert ids(rows) == ["j00001", "j00002"]
    delta = rows.tick(NOW + 3601)
    assert delta.moved and ids(rows) == ["j00002", "j00001"]
    counts = rows.counts()
    assert (counts.expiring, counts.soonest, counts.save) == (1, NOW + 7200, 1)


def test_time_alone_can_change_what_a_filter_by_age_shows() -> None:
    rows = view(job(1, age=3000))
    rows.set_query(parse("age>1h"))
    run(rows)
    assert ids(rows) == []
    delta = rows.tick(NOW + 700)
    assert delta.rebuild
    run(rows)
    assert ids(rows) == ["j00001"]


def test_a_health_filter_follows_the_account() -> None:
    rows = view(job(1), accounts=(Account("main", "7g"),))
    rows.set_query(parse("health:paused"))
    run(rows)
    assert ids(rows) == []
    delta = rows.apply((), [Account("main", "7g", paused=True)], NOW)
    assert delta.rebuild
    run(rows)
    assert ids(rows) == ["j00001"]


def test_a_result_the_vendor_does_not_hand_out_asks_for_nothing() -> None:
    rows = view(job(1, S.READY))
    assert rows.counts().save == 1
    rows.records.savable = lambda of: False
    rows.apply([job(1, S.READY)], (), NOW)
    assert rows.counts().save == 0


def test_changes_during_a_rebuild_are_not_lost() -> None:
    rows = view(*(job(n) for n in range(1, 6001)))
    rows.set_order(Column.ID)
    steps = rows.rebuild()
    next(steps)
    rows.apply([job(3, S.FAILED), job(7000), replace(job(4), forgotten_at=NOW)], (), NOW)
    for _ in steps:
        pass
    found = ids(rows)
    assert found == sorted(found)
    assert "j07000" in found and "j00004" not in found and len(found) == 6000


def test_a_flood_of_changes_ends_where_one_load_would() -> None:
    rows = view(*(job(n) for n in range(1, 1001)))
    rows.move_to(500)
    changed = [job(n, S.FAILED if n % 2 else S.RUNNING) for n in range(1, 3001)]
    for _ in rows.flood(changed, (), NOW):
        pass
    assert ids(rows) == ids(view(*changed))
    assert rows.counts().failed == 1500
    assert rows.cursor_job is not None and rows.cursor_job.id == "j00501"
    rows.apply([job(2, S.FAILED)], (), NOW)
    assert rows.counts().failed == 1501 and ids(rows)[1] == "j00002"


def test_changes_that_stream_in_during_a_rebuild_are_all_placed() -> None:
    rows = view(*(job(n) for n in range(1, 8001)))
    rows.set_order(Column.REPORT)
    now_failed = set()
    for number, _ in enumerate(rows.rebuild(), 1):
        batch = range(number * 100, number * 100 + 100)
        rows.apply([job(n, S.FAILED, name="Aaa") for n in batch if n <= 8000], (), NOW)
        now_failed |= {f"j{n:05}" for n in batch if n <= 8000}
    assert set(ids(rows)[: len(now_failed)]) == now_failed


def test_a_second_rebuild_stops_the_first() -> None:
    rows = view(*(job(n) for n in range(1, 6001)))
    rows.set_query(parse("j00001"))
    first = rows.rebuild()
    next(first)
    rows.set_query(parse("j00002"))
    run(rows)
    for _ in first:
        pass
    assert ids(rows) == ["j00002"]


STATES = list(S)
# Estimates are learned on the way, so the order by the next moment knows more than one load does.
PLAIN = [column for column in Column if column is not Column.NEXT]


def _random_job(chance: random.Random, number: int) -> Job:
    state = chance.choice(STATES)
    artifact = None
    if chance.random() < 0.3:
        artifact = Artifact(chance.choice(list(ArtifactState)), bytes=chance.randrange(1000))
    return job(
        number,
        state,
        age=chance.choice([None, 60, 5000, 86_000]),
        name=chance.choice(["alpha", "Beta", "gamma"]),
        account=chance.choice(["main", "billing"]),
        vendor_status=chance.choice([None, "complete", "error"]),
        artifact=artifact,
        expires_at=chance.choice([None, NOW + 60, NOW + 9000]),
        settled_at=NOW if state not in (S.RUNNING, S.QUEUED) else None,
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(PLAIN),
    st.booleans(),
    st.sampled_from(["", "alpha", "state:ready|failed", "-beta age>1h"]),
)
def test_many_small_changes_end_where_one_load_would(
    seed: int, column: Column, reverse: bool, query: str
) -> None:
    chance = random.Random(seed)
    jobs = {n: _random_job(chance, n) for n in range(30)}
    one = view(*jobs.values())
    one.set_query(parse(query))
    one.set_order(column, reverse)
    run(one)
    for turn in range(25):
        changed = [_random_job(chance, chance.randrange(40)) for _ in range(3)]
        changed = list({of.id: of for of in changed}.values())
        if chance.random() < 0.2:
            changed[0] = replace(changed[0], forgotten_at=NOW)
        for of in changed:
            jobs[int(of.id[1:])] = of
        one.apply(changed, (), NOW, hold=chance.random() < 0.3)
        if turn % 5 == 0:
            one.settle()
    one.settle()

    def key(of: View, name: str) -> object:
        return of._key(of.records.slot_of[name])

    other = view(*jobs.values())
    other.set_query(parse(query))
    other.set_order(column, reverse)
    run(other)
    assert sorted(ids(one)) == sorted(ids(other))
    assert [key(one, name) for name in ids(one)] == [key(other, name) for name in ids(other)]
    assert one.counts() == other.counts()
    assert all(one.row_of(slot) == row for row, slot in enumerate(one.rows))


@pytest.mark.parametrize("health", list(Health))
def test_the_accounts_health_is_the_one_the_json_has(health: Health) -> None:
    paused = health is Health.PAUSED
    account = Account("main", "7g", health=Health.OK if paused else health, paused=paused)
    rows = view(job(1), accounts=(account,))
    assert rows.records.health(job(1)) is health


def test_nothing_adds_up_of_a_job_that_is_told_of_again_and_again_and_then_forgotten() -> None:
    rows = view(job(1, S.LOST))
    kept = job(2, S.UNKNOWN, age=60, expires_at=NOW + 90_000, spec=Spec(report="Yearly"))
    records = rows.records
    for turn in range(50):  # an unknown one is looked at all day
        rows.apply([replace(kept, next_poll_at=NOW + turn)], (), NOW)
    assert len(records._alarms) == 1
    moved = replace(kept, expires_at=NOW + 7_200)
    rows.apply([moved], (), NOW)
    assert rows.tick(NOW + 7_100).touched, "its new time is heeded"
    took = (0.0, 7_100.0)
    rows.apply([replace(moved, state=S.READY, settled_at=NOW + 7_100, took=took)], (), NOW + 7_100)
    assert records._alarmed == records.estimates._learnt == {kept.id}
    rows.apply([replace(moved, forgotten_at=NOW + 7_150)], (), NOW + 7_150)
    assert not records._alarmed and not records.estimates._learnt and not records._set_for.get(1)


def test_a_minute_passes_over_rows_that_expired_long_ago_and_rings_only_for_the_new_one() -> None:
    gone = job(1, S.EXPIRED, age=90_000, expires_at=NOW - 3_600)
    soon = job(2, S.READY, age=60, expires_at=NOW + 3_700)
    board = view(gone, soon)
    delta = board.tick(NOW + 200)
    slot = board.records.slot_of[soon.id]
    assert slot in delta.touched
    assert board.records.slot_of[gone.id] not in delta.touched


def test_a_cursor_whose_job_stops_matching_stays_on_its_line() -> None:
    rows = view(job(1), job(2), job(3))
    rows.set_query(parse("state:running"))
    run(rows)
    rows.move_to(1)
    rows.apply([job(2, S.FAILED)], (), NOW)
    assert ids(rows) == ["j00001", "j00003"]
    assert rows.cursor_row == 1
