"""What an error means, what is done about it by itself, and what the operator can do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from reportdash.board import acts
from reportdash.board.case import AGAIN, COPY, DOWNLOAD, FORGET, POLL, Case, Explanation, KeyOf, Line
from reportdash.board.facts import Fetch
from reportdash.board.health import face_of
from reportdash.board.states import WORDS
from reportdash.board.units import clock_text, plural
from reportdash.lifecycle import unsure_submit
from reportdash.model import (
    HAS_FILE,
    OCCUPIES_SLOT,
    Account,
    ArtifactState,
    Health,
    IntentKind,
    Job,
    JobState,
    LastError,
    Stage,
)

__all__ = ["Explanation", "KeyOf", "Line", "explain"]

BREAKER = 5
"""Failed connections in a row from which an account, not a job, is in trouble."""


def explain(
    job: Job,
    error: LastError | None,
    account: Account | None,
    vendor: str,
    now: float,
    *,
    since: float | None = None,
    parts: Sequence[Job] = (),
    fetch: Fetch | None = None,
) -> Explanation | None:
    """What is wrong with `job`, or None when nothing is; the arguments are those of `Case`.

    `fetch`: its download, while one is under way here.
    """
    case = Case(job, error, account, vendor, now, since, parts)
    intent = job.intent
    if unsure_submit(job):
        return acts.unsure(case)
    if intent is not None and intent.kind is IntentKind.SUBMIT and intent.stage is Stage.WAITING:
        return acts.waiting(case) if error is not None and error.kind in acts.WAITS else None
    if job.state is JobState.DELETING:
        ours = intent is not None and error is not None and error.at >= intent.at
        return acts.deleting(case) if ours else None
    if fetch is not None and fetch.trouble:
        return acts.stumbling(case, fetch)
    if job.attempts > 0 and error is not None and error.kind != "download":
        return _check(case, error)
    if job.state is JobState.FAILED:
        return _failed(case)
    if job.artifact is not None and job.artifact.state is ArtifactState.FAILED and job.state in HAS_FILE:
        return acts.not_saved(case, job.artifact.error)
    if job.message is not None and job.message.startswith(("delete refused: ", "delete not sent: ")):
        return acts.not_deleted(case)
    found = _STATES.get(job.state)
    if found is not None and not (job.saved and job.state is not JobState.LOST):
        means, todo = found(case)
        return Explanation(_headline(case), _source(case), means, todo)
    return _shut(case) if account is not None else None


def _headline(case: Case) -> str:
    job = case.job
    failed = [part for part in case.parts if part.state is JobState.FAILED]
    if failed and not job.message:
        words = [f"{part.name}: {part.message or part.vendor_status or 'no words'}" for part in failed]
        return f"{len(failed)} of {plural(len(case.parts), 'part')} failed. " + "; ".join(words)
    if job.message or job.vendor_status:
        return job.message or job.vendor_status or ""
    return f"({job.note})" if job.note else f"({WORDS[job.state]})"


def _source(case: Case) -> str:
    job = case.job
    if job.message or job.vendor_status or any(part.state is JobState.FAILED for part in case.parts):
        told = f"{case.vendor}'s own words"
    else:
        told = f"{case.vendor} gave no words"
    if job.error_code:
        told += f" · error code {job.error_code}"
    return told if case.since is None else f"{told} · since {clock_text(case.since, case.now)}"


def _failed(case: Case) -> Explanation:
    vendor = case.vendor
    if case.job.reference is None:
        return Explanation(
            _headline(case),
            _source(case),
            (
                (f"{vendor} refused the submit: nothing runs there.",),
                ("What was refused is not sent again by itself.",),
            ),
            (
                ("Correct what it names and submit again: ", AGAIN, " opens the form as it was sent."),
                (FORGET, " takes this row out."),
            ),
            bad=True,
        )
    again: Line = ("Then submit it again: ", AGAIN, " opens the form with the same parameters.")
    if case.job.parent is not None:
        again = ("Its group is submitted again as a whole: ", AGAIN, f" on {case.job.parent}.")
    elif case.job.spec is None:
        again = ("It was started elsewhere: there it is started again. ", FORGET, " takes the row out.")
    return Explanation(
        _headline(case),
        _source(case),
        (
            (f"{vendor} took the report on and then failed to make it.",),
            ("The check itself went well: this is the vendor's last word, so polling has stopped.",),
        ),
        ((f"Send the line above to whoever looks after {vendor} (", COPY, " copies it)."), again),
        bad=True,
    )


# Looks that fail, and accounts that cannot be looked at.


def _check(case: Case, error: LastError) -> Explanation:
    job = case.job
    if error.kind == "auth_failed":
        why, todo = acts.keyless(case, error.text)
    else:
        why, todo = _KINDS.get(error.kind, _unreadable)(case)
    source = case.tried("the look", error)
    if job.seen_at is not None:
        source += f" · the last good one at {clock_text(job.seen_at, case.now)}"
    means: tuple[Line, ...] = (
        (f"The check failed, not the job: it stays {WORDS[job.state]}.",),
        (f"{why}: {case.again}",),
    )
    return Explanation(error.text, source, means, todo, check=True)


def _shut(case: Case) -> Explanation | None:
    """Nobody can look at a job that is at work: its account is refused, or out of reach for long."""
    job, account = case.job, case.account
    assert account is not None
    if job.state not in OCCUPIES_SLOT:
        return None
    if account.shown is Health.AUTH_FAILED:
        why, todo = acts.keyless(case, account.message)
    elif account.shown is Health.UNREACHABLE and account.failures >= BREAKER:
        why, todo = _unreachable(case)
    else:
        return None
    since = f"since {clock_text(account.since, case.now)}" if account.since is not None else "for some time"
    return Explanation(
        account.message or face_of(account).word,
        f"the account {account.name}, {since}",
        ((f"The job is {WORDS[job.state]} as far as is known.",), (f"{why}: {case.again}",)),
        todo,
        check=True,
    )


_Check: TypeAlias = tuple[str, tuple[Line, ...]]


def _throttled(case: Case) -> _Check:
    return f"{case.vendor} was asked more often than it allows", (
        ("Nothing: reportdash waits as long as it was told.",),
    )


def _unreachable(case: Case) -> _Check:
    return f"No answer came from {case.vendor}", (
        ("Nothing at first: the pauses grow; ", POLL, " tries now."),
        ("If it stays: curl from this server to the account's base_url says where the way ends.",),
    )


def _unreadable(case: Case) -> _Check:
    return f"{case.vendor}'s answer is none that it documents", (
        ("The tab Exchanges shows the answer; ", POLL, " asks again."),
        (f"If it stays, send it to whoever looks after {case.vendor}.",),
    )


def _refused(case: Case) -> _Check:
    return f"{case.vendor} refused to tell of it", (
        ("The tab Exchanges shows question and answer; ", POLL, " asks again."),
        (f"If it stays, send the line above to whoever looks after {case.vendor} (", COPY, " copies it)."),
    )


def _not_found(case: Case) -> _Check:
    return f"{case.vendor} does not know it, which is believed when it repeats", (
        ("Nothing yet; ", POLL, " asks now."),
    )


_KINDS = {
    "throttled": _throttled,
    "unreachable": _unreachable,
    "bad_payload": _unreadable,
    "refused": _refused,
    "not_found": _not_found,
}


# States that ask for somebody.


_Pair: TypeAlias = tuple[tuple[Line, ...], tuple[Line, ...]]


def _lost(case: Case) -> _Pair:
    return (
        (f"{case.vendor} does not know this job any more; the first good answer brings it back.",),
        (case.again[:1].upper() + case.again[1:],),
    ), (("If it is really gone: ", FORGET, " takes the row out, ", AGAIN, " makes the report again."),)


def _unknown(case: Case) -> _Pair:
    return (
        (f"{case.vendor} used a word that its documents do not have, so it is not taken for done.",),
        (case.again[:1].upper() + case.again[1:],),
    ), ((f"Ask whoever looks after {case.vendor} what it means (", COPY, " copies the line above)."),)


def _expired(case: Case) -> _Pair:
    return (
        ("The result's life is over and no copy was saved here.",),
        (f"{case.vendor} does not hand it out any more, so polling has stopped.",),
    ), (("Make it again: ", AGAIN, " opens the form with the same parameters."),)


def _warned(case: Case) -> _Pair:
    return (
        (f"{case.vendor} made the report and found something wrong with it.",),
        ("Nothing is repeated by itself: the report stays as it is.",),
    ), (("Save it and look at it: ", DOWNLOAD, ". If it will not do, ", AGAIN, " makes it again."),)


def _unsent(case: Case) -> _Pair:
    return (
        (f"The report is made, but {case.vendor} could not tell its readers.",),
        (f"Neither {case.vendor} nor reportdash sends it again by itself.",),
    ), (("Save it: ", DOWNLOAD, ", and send it on by another way."),)


_STATES = {
    JobState.LOST: _lost,
    JobState.UNKNOWN: _unknown,
    JobState.EXPIRED: _expired,
    JobState.READY_WITH_WARNINGS: _warned,
    JobState.NOTIFY_FAILED: _unsent,
}
