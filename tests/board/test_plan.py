"""Which job stands in which section of a delete or a forget, and for which reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reportdash.board.plan import (
    Case,
    Section,
    careful_accounts,
    consequence_of_forget,
    copy_text,
    plan_delete,
    plan_download,
    plan_forget,
)
from reportdash.model import (
    HAS_FILE,
    VAULT_LOCKED,
    Account,
    Artifact,
    ArtifactState,
    Health,
    Intent,
    IntentKind,
    Job,
    JobState,
    Stage,
)

NOW = 1_790_000_000.0
S = JobState
DELETE, KEEP, CANNOT, NOT_NOW = Section.GO, Section.KEEP, Section.CANNOT, Section.NOT_NOW


def job(state: JobState = S.FAILED, id: str = "aaaaaa", account: str = "main", **more: Any) -> Job:
    fields = {"reference": f"ref-{id}", **more}
    return Job(id=id, account=account, vendor="7g", name=f"name {id}", state=state, **fields)


def deleting(case: Case, account: Account | None = None) -> tuple[Section, str]:
    known = {account.name: account} if account is not None else {}
    placed = plan_delete([case], known, now=NOW).placed[0]
    return placed.section, placed.reason


@pytest.mark.parametrize("state", sorted(HAS_FILE | {S.UNKNOWN}))
def test_a_report_that_is_not_saved_is_kept(state: JobState) -> None:
    assert deleting(Case(job(state), unsaved=True))[0] is KEEP
    assert deleting(Case(job(state)))[0] is DELETE


@pytest.mark.parametrize("state", [S.FAILED, S.EMPTY, S.CANCELLED, S.LOST])
def test_what_has_nothing_to_save_is_deleted(state: JobState) -> None:
    assert deleting(Case(job(state))) == (DELETE, "saved, or nothing to save")


@pytest.mark.parametrize("state", [S.QUEUED, S.RUNNING, S.FINALIZING])
def test_a_job_at_work_is_deleted_under_a_heading_of_its_own(state: JobState) -> None:
    assert deleting(Case(job(state))) == (DELETE, "still at work: given up")


@pytest.mark.parametrize("state", [S.DELETED, S.EXPIRED])
def test_nothing_is_sent_for_what_is_gone_at_the_vendor(state: JobState) -> None:
    assert deleting(Case(job(state))) == (CANNOT, "nothing is left at the vendor; f forgets")


def test_where_the_vendor_has_no_delete_forgetting_is_named() -> None:
    case = Case(job(S.READY), refusal="Sigma has no delete; f forgets the row here", never=True, unsaved=True)
    assert deleting(case) == (CANNOT, "the vendor has no delete; f forgets")


def test_a_refusal_for_this_job_alone_stands_in_its_own_words() -> None:
    case = Case(job(S.RUNNING), refusal="Talkdesk deletes finished files only")
    assert deleting(case) == (NOT_NOW, "Talkdesk deletes finished files only")


def test_what_is_under_way_comes_first() -> None:
    assert deleting(Case(job(S.READY), unsaved=True, busy="its file is being fetched"))[0] is NOT_NOW
    assert deleting(Case(job(S.DELETING))) == (NOT_NOW, "its delete is under way")
    assert deleting(Case(job(S.SUBMITTING, reference=None)))[0] is NOT_NOW


def test_a_submit_the_vendor_refused_has_nothing_there_to_delete() -> None:
    assert deleting(Case(job(S.FAILED, reference=None))) == (CANNOT, "the vendor never took it; f forgets")


def test_a_part_of_a_group_is_never_acted_on_alone() -> None:
    part = Case(job(parent="gggggg"))
    assert deleting(part)[0] is CANNOT
    assert plan_forget([part]).placed[0].section is CANNOT


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (Account("main", "7g", health=Health.AUTH_FAILED), "key refused: log in to main first (l)"),
        (
            Account("main", "7g", health=Health.AUTH_FAILED, message=f"{VAULT_LOCKED} here", keyless=True),
            "vault locked: unlock it first (l)",
        ),
        (Account("main", "7g", paused=True), "main is paused; p resumes it"),
        (Account("main", "7g", health=Health.UNREACHABLE), "main is unreachable"),
    ],
)
def test_a_shut_account_is_not_asked_now(account: Account, reason: str) -> None:
    assert deleting(Case(job()), account) == (NOT_NOW, reason)
    assert plan_forget([Case(job())]).placed[0].section is DELETE, "forgetting asks no vendor"


def test_a_throttled_account_is_no_obstacle() -> None:
    account = Account("main", "7g", health=Health.THROTTLED, until=NOW + 120)
    assert deleting(Case(job()), account)[0] is DELETE


def test_a_key_that_is_off_is_not_named() -> None:
    shut = {"main": Account("main", "7g", health=Health.AUTH_FAILED)}
    plan = plan_delete([Case(job()), Case(job(S.DELETED))], shut, forget_key="", login_key="", now=NOW)
    assert [placed.reason for placed in plan.placed] == [
        "key refused: log in to main first",
        "nothing is left at the vendor",
    ]


def test_headings_stand_in_order_one_for_each_reason_and_lose_nobody() -> None:
    cases = [
        Case(job(S.RUNNING, "rrrrrr"), busy="its file is being fetched"),
        Case(job(S.DELETED, "dddddd")),
        Case(job(S.READY, "uuuuuu"), unsaved=True),
        Case(job(S.FAILED, "ffffff")),
        Case(job(S.READY, "ssssss")),
        Case(job(S.DELETING, "xxxxxx")),
        Case(job(S.QUEUED, "qqqqqq")),
    ]
    plan = plan_delete(cases, {}, now=NOW)
    assert [(group.section, [job.id for job in group.jobs]) for group in plan.groups] == [
        (DELETE, ["ffffff", "ssssss"]),
        (DELETE, ["qqqqqq"]),
        (KEEP, ["uuuuuu"]),
        (CANNOT, ["dddddd"]),
        (NOT_NOW, ["rrrrrr"]),
        (NOT_NOW, ["xxxxxx"]),
    ]
    assert [job.id for job in plan.jobs(DELETE)] == ["ffffff", "ssssss", "qqqqqq"]
    assert sum(len(group.jobs) for group in plan.groups) == len(cases)


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_can_be_forgotten_but_an_unsaved_report_is_kept(state: JobState) -> None:
    assert plan_forget([Case(job(state))]).placed[0].section is DELETE
    assert plan_forget([Case(job(state), unsaved=True)]).placed[0].section is KEEP


def downloading(case: Case, account: Account | None = None) -> tuple[Section, str]:
    known = {account.name: account} if account is not None else {}
    placed = plan_download([case], known, now=NOW).placed[0]
    return placed.section, placed.reason


@pytest.mark.parametrize("state", sorted(HAS_FILE))
def test_what_has_a_file_is_downloaded(state: JobState) -> None:
    assert downloading(Case(job(state), unsaved=True)) == (DELETE, "to save")


def test_a_saved_file_is_not_fetched_again_unless_it_is_gone() -> None:
    saved = job(S.READY, artifact=Artifact(ArtifactState.SAVED, path="/r/a.csv", bytes=1))
    assert downloading(Case(saved)) == (CANNOT, "saved already")
    assert downloading(Case(saved, unsaved=True)) == (DELETE, "its file here is gone: fetched again")


@pytest.mark.parametrize("state", [S.SUBMITTING, S.QUEUED, S.RUNNING, S.FINALIZING])
def test_what_is_still_at_work_is_not_downloaded_now(state: JobState) -> None:
    assert downloading(Case(job(state), refusal=f"{state}: no")) == (NOT_NOW, "no file yet: still at work")


def test_a_download_that_is_refused_says_why() -> None:
    refused = Case(job(S.FAILED), refusal="failed: there is no report to download")
    assert downloading(refused) == (CANNOT, "there is no report to download")
    assert downloading(Case(job(S.READY), busy="its file is being fetched"))[0] is NOT_NOW
    assert downloading(Case(job(S.READY, parent="g")))[0] is CANNOT
    shut = Account("main", "7g", health=Health.AUTH_FAILED)
    assert downloading(Case(job(S.READY), unsaved=True), shut)[0] is NOT_NOW


def test_a_row_says_what_is_ours() -> None:
    saved = Artifact(ArtifactState.SAVED, path="/srv/a.csv", bytes=2_000_000)
    ready = job(S.READY, expires_at=NOW + 38.5 * 60)
    assert copy_text(ready, unsaved=True, now=NOW) == "expires 38m"
    assert copy_text(replace(ready, artifact=saved), unsaved=False, now=NOW) == "saved 2.0 MB"
    gone = replace(ready, artifact=saved, expires_at=None)
    assert copy_text(gone, unsaved=True, now=NOW) == "its file is gone here"
    assert copy_text(job(S.READY), unsaved=True, now=NOW) == "not saved"
    assert copy_text(job(S.RUNNING), unsaved=False, now=NOW) == "no file yet"
    assert copy_text(job(S.FAILED), unsaved=False, now=NOW) == "no file"


def test_what_forgetting_means_is_true_to_the_state() -> None:
    def says(state: JobState, stage: Stage | None = None, *, unsaved: bool = False) -> str:
        intent = Intent(IntentKind.SUBMIT, stage, NOW, "k") if stage is not None else None
        return consequence_of_forget(job(state, intent=intent), "7G", unsaved=unsaved)

    assert "not sent to 7G yet" in says(S.SUBMITTING, Stage.WAITING)
    assert "may have taken" in says(S.SUBMITTING, Stage.UNSURE)
    assert "goes on at 7G" in says(S.RUNNING)
    assert "not confirmed" in says(S.DELETING)
    assert "stays at 7G" in says(S.READY, unsaved=True)
    assert says(S.READY) == "Only the row leaves this table."


def test_careful_accounts_are_those_the_jobs_belong_to() -> None:
    jobs = [job(account="main"), job(account="calls"), job(account="main")]
    assert careful_accounts(jobs, ["main", "funds", "calls"]) == ["calls", "main"]
    assert careful_accounts(jobs, []) == []
