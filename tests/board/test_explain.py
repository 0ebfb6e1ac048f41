"""What the tab Error says of all that can go wrong: whose words, since when, what is done, what can be."""

from __future__ import annotations

from typing import Any

import pytest

from reportdash.board.case import Explanation, KeyOf
from reportdash.board.explain import explain
from reportdash.board.facts import Fetch
from reportdash.board.units import clock_text
from reportdash.model import (
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
    replace,
)

NOW = 1_800_000_000.0
S = JobState
STUCK = Fetch(3_200_000, None, None, "no connection to storage.example: refused", 2, NOW + 4)


def clock(at: float) -> str:
    return clock_text(at, NOW)


def a_job(state: JobState, **fields: Any) -> Job:
    job = Job("aaaaaa", "main", "7g", "Report", "GUID", state, vendor_status="word", submitted_at=NOW - 3600)
    return replace(job, spec=Spec("Report"), seen_at=NOW - 600, next_poll_at=NOW + 300, **fields)


def an_error(kind: str, text: str = "in its own words", status: int | None = None) -> LastError:
    return LastError(NOW - 60, kind, text, status)


def told(
    job: Job,
    error: LastError | None = None,
    account: Account | None = None,
    parts: tuple[Job, ...] = (),
    since: float | None = None,
    fetch: Fetch | None = None,
) -> Explanation:
    found = explain(job, error, account, "7G", NOW, parts=parts, since=since, fetch=fetch)
    assert found is not None
    return found


def said(lines: tuple[tuple[str | KeyOf, ...], ...]) -> str:
    return " ".join(
        "".join(f"<{part.action}>" if isinstance(part, KeyOf) else part for part in line) for line in lines
    )


def everything() -> list[tuple[str, Explanation]]:
    """One of each."""
    waiting = Intent(IntentKind.SUBMIT, Stage.WAITING, NOW - 90, "k", not_before=NOW + 120)
    unsure = replace(waiting, stage=Stage.UNSURE)
    deleting = Intent(IntentKind.DELETE, Stage.UNSURE, NOW - 90, "k", not_before=NOW + 120)
    failed_copy = Artifact(ArtifactState.FAILED, bytes=10, total=20, error="the storage answered HTTP 403")
    checks = ("throttled", "auth_failed", "unreachable", "bad_payload", "refused", "not_found")
    found = [(f"look {k}", told(a_job(S.RUNNING, attempts=2), an_error(k))) for k in checks]
    new = replace(a_job(S.SUBMITTING, message="waits: not sent"), reference=None)
    found += [(f"waits {k}", told(replace(new, intent=waiting), an_error(k))) for k in checks[:4]]
    found += [
        ("unsure", told(replace(new, intent=unsure, message="unsure: sent 14:02, no answer"))),
        ("failed", told(a_job(S.FAILED, message="No product"))),
        ("failed elsewhere", told(replace(a_job(S.FAILED), spec=None))),
        ("failed part", told(a_job(S.FAILED, parent="bbbbbb"))),
        ("refused submit", told(replace(a_job(S.FAILED, message="no such report"), reference=None))),
        ("deleting", told(a_job(S.DELETING, intent=deleting), an_error("unreachable"))),
        (
            "delete not sent",
            told(
                a_job(S.DELETING, intent=replace(deleting, stage=Stage.WAITING)),
                an_error("auth_failed"),
            ),
        ),
        ("delete refused", told(a_job(S.READY, message="delete refused: locked"))),
        ("not saved", told(a_job(S.READY, artifact=failed_copy), an_error("download"))),
        ("stumbling", told(a_job(S.READY), fetch=STUCK)),
        ("stumbling at its start", told(a_job(S.READY), fetch=STUCK._replace(bytes=0, again_at=NOW))),
        ("lost", told(a_job(S.LOST))),
        ("unknown", told(a_job(S.UNKNOWN))),
        ("expired", told(replace(a_job(S.EXPIRED), next_poll_at=None))),
        ("warnings", told(a_job(S.READY_WITH_WARNINGS))),
        ("not sent", told(a_job(S.NOTIFY_FAILED))),
        ("shut", told(a_job(S.RUNNING), account=Account("main", "7g", Health.AUTH_FAILED, NOW - 900))),
    ]
    return found


@pytest.mark.parametrize(("name", "one"), everything(), ids=lambda value: value if type(value) is str else "")
def test_each_explanation_has_its_four_pieces_in_short_sentences(name: str, one: Explanation) -> None:
    assert one.headline and one.source
    assert len(one.means) == 2 and 1 <= len(one.todo) <= 2
    for line in (*one.means, *one.todo):
        text = said((line,))
        assert not any(str(state) in text for state in S if "_" in state), "states have words"
        assert text.endswith(".") and len(text) <= 105, text
    ours = said(one.means)
    words = ("asked", "sent", "polling", "repeated", "by itself")
    assert any(word in ours.casefold() for word in words), "what reportdash does about it"
    todo = said(one.todo)
    assert "<" in todo or todo.startswith("Nothing"), "what the operator can do, with a key"


@pytest.mark.parametrize(
    "state", [S.QUEUED, S.RUNNING, S.FINALIZING, S.EMPTY, S.CANCELLED, S.DELETED, S.READY]
)
def test_where_nothing_is_wrong_nothing_is_said(state: JobState) -> None:
    assert explain(a_job(state), None, Account("main", "7g"), "7G", NOW) is None


def test_a_failed_check_says_when_the_last_good_one_was_and_when_it_is_asked_again() -> None:
    one = told(a_job(S.RUNNING, attempts=2), an_error("bad_payload", status=502))
    assert one.check and one.headline == "in its own words"
    assert one.source == f"the look at {clock(NOW - 60)} · HTTP 502 · the last good one at {clock(NOW - 600)}"
    assert f"asked again at {clock(NOW + 300)}" in said(one.means)
    assert "not the job: it stays running" in said(one.means)


def test_a_state_that_is_named_is_named_as_the_table_names_it() -> None:
    bare = told(replace(a_job(S.NOTIFY_FAILED), vendor_status=None))
    assert bare.headline == "(not sent)"
    kept = told(a_job(S.READY_WITH_WARNINGS, message="delete not sent: no connection"))
    assert "Its state is as before: warnings." in said(kept.means)


def test_a_throttled_check_is_asked_again_when_the_account_opens() -> None:
    account = Account("main", "7g", Health.THROTTLED, NOW - 60, until=NOW + 900)
    one = told(a_job(S.RUNNING, attempts=1), an_error("throttled"), account)
    assert f"asked again at {clock(NOW + 900)}" in said(one.means)


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (Account("main", "7g", paused=True), "polling of its account is paused"),
        (Account("main", "7g", Health.AUTH_FAILED), "polling has stopped until somebody logs in"),
    ],
)
def test_where_nobody_asks_it_does_not_say_that_somebody_will(account: Account, words: str) -> None:
    one = told(a_job(S.RUNNING, attempts=1), an_error("bad_payload"), account)
    assert words in said(one.means) and "asked again" not in said(one.means)


def test_a_job_at_work_whose_account_is_shut_says_so_in_the_vendors_words() -> None:
    account = Account("main", "7g", Health.AUTH_FAILED, NOW - 900, message="invalid_client")
    one = told(a_job(S.RUNNING), account=account)
    assert one.headline == "invalid_client" and one.source.endswith(f"since {clock(NOW - 900)}")
    assert "<login>" in said(one.todo)
    gone = Account("main", "7g", Health.UNREACHABLE, NOW - 900, NOW + 60, "refused", failures=5)
    assert told(a_job(S.RUNNING), account=gone).headline == "refused"
    assert explain(a_job(S.RUNNING), None, replace(gone, failures=1), "7G", NOW) is None, "once is nothing"
    assert explain(a_job(S.READY), None, account, "7G", NOW) is None, "it is done all the same"


def test_a_failed_download_is_no_failed_job_and_says_how_to_go_on() -> None:
    copy = Artifact(ArtifactState.FAILED, bytes=10, total=20, error="the storage answered HTTP 403")
    one = told(a_job(S.READY, artifact=copy, expires_at=NOW + 7200), an_error("download"))
    assert one.bad and one.headline == "the storage answered HTTP 403"
    assert "not the job" in said(one.means) and f"until {clock(NOW + 7200)}" in said(one.means)
    assert "not tried again by itself" in said(one.means) and "kept and gone on with" in said(one.means)
    assert said(one.todo).startswith("<download> tries again")


def test_a_submit_that_waits_for_a_slot_is_no_error() -> None:
    intent = Intent(IntentKind.SUBMIT, Stage.WAITING, NOW, "k")
    job = replace(a_job(S.SUBMITTING, message="waits for a slot (1st)", intent=intent), reference=None)
    assert explain(job, an_error("throttled"), None, "7G", NOW) is None


@pytest.mark.parametrize("kind", ["unreachable", "auth_failed"])
@pytest.mark.parametrize("act", [IntentKind.DELETE, IntentKind.SUBMIT])
def test_what_waits_at_a_paused_account_says_that_it_waits_for_it(act: IntentKind, kind: str) -> None:
    intent = Intent(act, Stage.WAITING, NOW - 90, "k", not_before=NOW + 120)
    state = S.DELETING if act is IntentKind.DELETE else S.SUBMITTING
    one = told(a_job(state, intent=intent), an_error(kind), account=Account("main", "7g", paused=True))
    assert "It is sent by itself once polling of main is resumed" in said(one.means)
    assert said(one.todo).startswith("Resume it: <pause>.")


def test_a_group_names_the_parts_that_failed() -> None:
    group = replace(a_job(S.READY_WITH_WARNINGS, children_total=3), vendor_status=None)
    parts = (
        replace(a_job(S.FAILED), name="Debtors", message="no rights"),
        replace(a_job(S.FAILED), name="Ledger", message=None),
        a_job(S.READY),
    )
    one = told(group, parts=parts)
    assert one.headline == "2 of 3 parts failed. Debtors: no rights; Ledger: word"


def test_a_state_says_since_when() -> None:
    one = told(a_job(S.FAILED, message="No product", error_code="208"), since=NOW - 120)
    assert one.source == f"7G's own words · error code 208 · since {clock(NOW - 120)}"


def test_a_download_that_does_not_get_on_says_for_what_and_when_it_is_tried_again() -> None:
    one = told(a_job(S.READY), fetch=STUCK)
    assert one.headline == STUCK.trouble
    assert one.source == "what holds the download up · 2 failures in a row"
    assert "3.2 MB of it are here" in said(one.means)
    assert f"tried again by itself at {clock(NOW + 4)}" in said(one.means)
    assert not one.bad
