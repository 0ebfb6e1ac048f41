"""How a state looks and what its cells say, as the look's tables have it."""

from __future__ import annotations

import pytest

from reportdash.board import facts, units
from reportdash.board.estimates import Estimates
from reportdash.board.explain import KeyOf, explain
from reportdash.board.facts import Fetch, Group, Sight
from reportdash.board.states import Face, Kind, Role, Weight, face
from reportdash.model import (
    HAS_FILE,
    Account,
    Artifact,
    ArtifactState,
    Health,
    Intent,
    IntentKind,
    Job,
    JobState,
    LastError,
    Spec,
    Stage,
    Verified,
    replace,
)

NOW = 1_800_000_000.0
S = JobState
KEPT = Artifact(ArtifactState.SAVED, path="/x", bytes=2_000_000, total=2_000_000, verified=Verified.LENGTH)


def job(state: JobState = S.RUNNING, **changes: object) -> Job:
    base: dict[str, object] = {
        "id": "k3f9ta",
        "account": "main",
        "vendor": "7g",
        "name": "Report",
        "reference": "ref",
        "state": state,
        "submitted_at": NOW - 600,
        "seen_at": NOW - 10,
    }
    return Job(**{**base, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "glyph", "word", "role", "weight"),
    [
        (S.SUBMITTING, "›", "submitting", Role.TEXT, Weight.WORKING),
        (S.QUEUED, "·", "queued", Role.TEXT, Weight.WORKING),
        (S.RUNNING, "●", "running", Role.TEXT, Weight.WORKING),
        (S.FINALIZING, "»", "finalizing", Role.TEXT, Weight.WORKING),
        (S.READY, "✓", "ready", Role.GOOD, Weight.NEEDS_YOU),
        (S.READY_WITH_WARNINGS, "▲", "warnings", Role.WARN, Weight.NEEDS_YOU),
        (S.NOTIFY_FAILED, "▲", "not sent", Role.WARN, Weight.NEEDS_YOU),
        (S.EMPTY, "–", "empty", Role.MUTED, Weight.OVER),
        (S.FAILED, "✗", "failed", Role.BAD, Weight.NEEDS_YOU),
        (S.CANCELLED, "–", "cancelled", Role.MUTED, Weight.OVER),
        (S.DELETING, "‹", "deleting", Role.TEXT, Weight.WORKING),
        (S.DELETED, "–", "deleted", Role.MUTED, Weight.OVER),
        (S.EXPIRED, "▲", "expired", Role.WARN, Weight.NEEDS_YOU),
        (S.LOST, "?", "lost", Role.WARN, Weight.NEEDS_YOU),
        (S.UNKNOWN, "?", "unknown", Role.WARN, Weight.NEEDS_YOU),
    ],
)
def test_a_state_without_our_copy(state: JobState, glyph: str, word: str, role: Role, weight: Weight) -> None:
    found: Face = face(job(state))
    assert (found.glyph, found.word, found.role, found.weight) == (glyph, word, role, weight)


@pytest.mark.parametrize("state", [S.READY, S.READY_WITH_WARNINGS, S.NOTIFY_FAILED, S.EXPIRED])
def test_a_saved_one_is_over(state: JobState) -> None:
    found = face(job(state, artifact=KEPT))
    assert (found.role, found.weight) == (Role.MUTED, Weight.OVER)


def test_a_lost_one_needs_you_even_when_it_is_saved() -> None:
    assert face(job(S.LOST, artifact=KEPT)).weight is Weight.NEEDS_YOU


def test_a_ready_one_that_is_being_fetched_is_at_work() -> None:
    found = face(job(S.READY, artifact=Artifact(ArtifactState.FETCHING)))
    assert (found.role, found.weight, found.kind) == (Role.GOOD, Weight.WORKING, Kind.WORKING)


def test_an_unsure_submit_needs_you() -> None:
    unsure = Intent(IntentKind.SUBMIT, Stage.UNSURE, NOW, "k")
    found = face(job(S.SUBMITTING, intent=unsure))
    assert (found.word, found.role, found.weight) == ("submitting", Role.WARN, Weight.NEEDS_YOU)
    assert facts.says(job(S.SUBMITTING, intent=unsure)) == "(no answer)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "now"), (59, "now"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_399, "23h"), (86_400, "1d")),
        *((99 * 86_400, "99d"), (100 * 86_400, "99d+")),
    ],
)
def test_ages_are_coarse(seconds: float, text: str) -> None:
    assert units.span(seconds) == text
    assert len(text) <= 4


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *((0, "0 B"), (999, "999 B"), (4200, "4.2 kB"), (912_000, "912 kB"), (2_000_000, "2.0 MB")),
        *((18_400_000, "18.4 MB"), (999_600, "1.0 MB"), (118_000_000, "118 MB"), (1_250_000_000, "1.2 GB")),
    ],
)
def test_sizes_have_three_figures_at_most(count: int, text: str) -> None:
    assert units.size(count) == text
    assert len(text) <= 7


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 job"), (2, "2 jobs"), (9999, "9999 jobs"), (10_000, "10,000 jobs")]
)
def test_counts(count: int, text: str) -> None:
    assert units.plural(count, "job") == text


@pytest.mark.parametrize(
    ("place", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")]
)
def test_places(place: int, text: str) -> None:
    assert units.ordinal(place) == text


def run(of: Job, **sight: object) -> tuple[str, Role, bool] | None:
    found = facts.next_run(of, Sight(NOW, **sight))  # type: ignore[arg-type]
    return None if found is None else (found.text, found.role, found.bold)


def test_next_says_when_a_working_job_will_be_ready() -> None:
    assert run(job(), eta=NOW + 130) == ("ready ~2m", Role.MUTED, False)
    assert run(job(), eta=NOW + 30) == ("ready <1m", Role.MUTED, False)
    assert run(job(), eta=NOW - 30) is None


def test_next_warns_of_an_expiry_in_the_last_hour_or_tenth_while_unsaved() -> None:
    long = {"submitted_at": NOW - 86_400 * 9, "expires_at": NOW + 86_000}
    assert run(job(S.READY, expires_at=NOW + 2280)) == ("expires 38m", Role.WARN, True)
    assert run(job(S.READY, expires_at=NOW + 7200)) == ("expires 2h", Role.MUTED, False)
    assert run(job(S.READY, **long)) == ("expires 23h", Role.WARN, True)
    assert run(job(S.READY, expires_at=NOW + 2280, artifact=KEPT)) == ("expires 38m", Role.MUTED, False)


def test_next_says_at_most_for_a_job_started_elsewhere() -> None:
    assert run(job(S.READY, expires_at=NOW + 7200, tracked=True)) == ("expires≤2h", Role.MUTED, False)


def test_next_says_when_we_last_saw_a_job_of_an_account_that_is_shut() -> None:
    shut = Account("main", "7g", health=Health.AUTH_FAILED)
    unseen = job(seen_at=NOW - 47 * 60)
    assert run(unseen, account=shut, eta=NOW + 90) == ("seen 47m", Role.WARN, False)
    assert run(job(attempts=3, seen_at=NOW - 120)) == ("seen 2m", Role.WARN, False)
    met = job(tracked=True, seen_at=None, submitted_at=NOW - 180)
    assert run(met, account=shut) == ("unseen 3m", Role.WARN, False)
    assert run(job(S.FAILED, seen_at=NOW - 9000), account=shut) is None


def test_every_next_fits_its_column() -> None:
    for seconds in (1, 59, 60, 3599, 86_399, 86_400 * 99, 86_400 * 101):
        for tracked in (False, True):
            found = run(job(S.READY, expires_at=NOW + seconds, tracked=tracked))
            assert found is not None and len(found[0]) <= 12


def cell(of: Job, width: int = 21, **sight: object) -> str:
    made = Sight(NOW, **sight)  # type: ignore[arg-type]
    return "".join(piece.text for piece in facts.file_runs(of, face(of), made, width))


@pytest.mark.parametrize("state", sorted(HAS_FILE))
def test_a_copy_that_nothing_proves_says_so_in_its_row(state: S) -> None:
    unproven = job(state, artifact=replace(KEPT, verified=Verified.NONE))
    assert cell(unproven) == " 2.0 MB · unchecked"
    for width in (9, 10, 21):
        assert "✓" not in cell(unproven, width) and "·" in cell(unproven, width)


def test_the_file_cell() -> None:
    checked = Artifact(ArtifactState.SAVED, bytes=18_400_000, verified=Verified.CHECKSUM)
    assert cell(job(S.READY)) == "not saved"
    assert cell(job(S.RUNNING)) == ""
    assert cell(job(S.EMPTY)) == ""
    assert cell(job(S.READY, artifact=KEPT)) == " 2.0 MB · length only"
    assert cell(job(S.READY, artifact=KEPT), 9) == " 2.0 MB ·"
    assert cell(job(S.READY, artifact=checked)) == "18.4 MB ✓ sha256"
    assert cell(job(S.READY, artifact=Artifact(ArtifactState.FAILED))) == "not saved"
    assert cell(job(S.READY), fetch=Fetch(0, None, 2)) == "queued 2nd"
    assert cell(job(S.READY), fetch=Fetch(18_000_000, None)) == "18 MB so far"
    assert cell(job(S.READY), fetch=Fetch(24_400_000, 42_000_000)) == "━━━━━─── 58% of 42 MB"
    stuck = Fetch(24_400_000, 42_000_000, None, "no connection", 2, 0.0)
    assert cell(job(S.READY), fetch=stuck) == "retrying at 24 MB"
    assert cell(job(S.READY), 9, fetch=stuck) == "retrying"
    assert cell(job(S.READY), 10, fetch=Fetch(24_400_000, 42_000_000)) == "━━━─── 58%"
    assert cell(job(S.READY), 9, fetch=Fetch(24_400_000, 42_000_000)) == "━━━── 58%"


@pytest.mark.parametrize("width", [9, 10, 21])
@pytest.mark.parametrize("total", [1, 999, 10**6, 42 * 10**6, 118 * 10**6, 10**9, 10**12])
def test_a_bar_fits_its_cell_and_is_full_only_at_the_end(width: int, total: int) -> None:
    for done in (0, total // 2, total - 1, total):
        text = cell(job(S.READY), width, fetch=Fetch(done, total))
        assert len(text) <= width, text
        assert "100%" not in text


def test_a_group_says_how_many_of_its_files_are_saved() -> None:
    pack = job(S.RUNNING, children_total=5)
    parts = Group(done=3, total=5, saved=2, files=3)
    assert facts.says(pack, parts) == "3 of 5 done"
    assert cell(pack, group=parts) == "2 of 3 saved"
    assert cell(pack, 9, group=parts) == "2 of 3"


def test_a_saved_file_of_another_state_keeps_its_size() -> None:
    assert cell(job(S.DELETED, artifact=KEPT)) == " 2.0 MB · length only"


def test_what_is_ours_stands_in_parentheses() -> None:
    assert facts.says(job(S.RUNNING)) == "(no word yet)"
    assert facts.says(job(S.EXPIRED, note="gone")) == "(gone)"
    waiting = Intent(IntentKind.SUBMIT, Stage.WAITING, NOW, "k")
    assert (
        facts.says(job(S.SUBMITTING, intent=waiting, message="waits for a slot (3rd)"))
        == "(waits for a slot)"
    )
    assert facts.says(job(vendor_status="incomplete")) == "incomplete"


def taught(*took: float) -> Estimates:
    known = Estimates()
    for number, seconds in enumerate(took):
        done = job(S.READY, id=f"d{number}", spec=Spec("Valuation"), took=(seconds - 1, seconds))
        assert known.learn(done) and not known.learn(done)
    return known


def test_an_estimate_is_the_median_of_what_took_longer_than_this_one_has() -> None:
    known = taught(*[600.0 + 10 * n for n in range(-10, 11)])
    young, old = (job(spec=Spec("Valuation"), submitted_at=NOW - age) for age in (0.0, 620.0))
    ready = known.moment(young, NOW)
    assert ready is not None and abs(ready - NOW - 600) < 10
    later = known.moment(old, NOW)
    assert later is not None and NOW < later < NOW + 120
    assert known.moment(job(spec=Spec("Other")), NOW) is None


def test_with_fewer_than_twenty_finished_jobs_nothing_is_guessed() -> None:
    known = taught(*[600.0] * 19)
    row = job(spec=Spec("Valuation"), submitted_at=NOW - 9000)
    assert known.moment(row, NOW) is None and known.times_usual(row, NOW) == 0
    assert known.of(row) is None


def test_a_job_that_takes_three_times_as_long_as_usual_says_so() -> None:
    known = taught(*[600.0] * 20)
    ages = {1700.0: 0, 1830.0: 3, 2390.0: 3, 2500.0: 4}
    rows = {age: job(spec=Spec("Valuation"), submitted_at=NOW - age) for age in ages}
    assert {age: known.times_usual(row, NOW) for age, row in rows.items()} == ages
    assert run(job(), times=3, eta=NOW + 60, usual=600.0) == ("3× usual", Role.WARN, False)
    assert run(job(S.READY), times=3) is None


def test_a_job_started_elsewhere_teaches_nothing() -> None:
    started = job(S.READY, settled_at=NOW, tracked=True, spec=Spec("Valuation"), took=(1.0, 2.0))
    assert not Estimates().learn(started)


def test_a_silence_that_was_planned_is_no_matter_of_concern() -> None:
    planned = job(seen_at=NOW - 3000, next_poll_at=NOW + 600)
    assert run(planned) is None
    assert run(job(seen_at=NOW - 3000, next_poll_at=NOW - 60)) == ("seen 50m", Role.WARN, False)
    assert run(job(seen_at=NOW - 3000, next_poll_at=NOW + 600, attempts=2)) == ("seen 50m", Role.WARN, False)


def test_a_failure_is_told_in_the_vendors_words_first() -> None:
    told = explain(job(S.FAILED, message="No product", error_code="7"), None, None, "7G", NOW)
    assert told is not None and not told.check
    assert (told.headline, told.source) == ("No product", "7G's own words · error code 7")
    assert len(told.means) <= 2 and len(told.todo) <= 2


def test_a_failed_look_is_told_apart_from_a_failed_job() -> None:
    error = LastError(NOW - 60, "unreachable", "connection refused", None, None)
    told = explain(job(attempts=3), error, Account("main", "7g"), "7G", NOW)
    assert told is not None and told.check
    assert told.means[0] == ("The check failed, not the job: it stays running.",)


@pytest.mark.parametrize(
    "kind", ["throttled", "auth_failed", "unreachable", "bad_payload", "not_found", "refused"]
)
def test_every_failed_look_says_what_to_do(kind: str) -> None:
    told = explain(job(attempts=1), LastError(NOW, kind, "words", 500, "X"), None, "7G", NOW)
    assert told is not None and told.todo and told.means


@pytest.mark.parametrize(
    "state", [S.FAILED, S.LOST, S.UNKNOWN, S.EXPIRED, S.READY_WITH_WARNINGS, S.NOTIFY_FAILED]
)
def test_every_state_that_needs_a_look_says_what_to_do_with_a_key(state: JobState) -> None:
    told = explain(job(state), None, None, "7G", NOW)
    assert told is not None
    assert any(isinstance(part, KeyOf) for line in told.todo for part in line)


@pytest.mark.parametrize("state", [S.RUNNING, S.READY, S.EMPTY, S.DELETED])
def test_where_nothing_is_wrong_nothing_is_explained(state: JobState) -> None:
    assert explain(job(state), None, None, "7G", NOW) is None
