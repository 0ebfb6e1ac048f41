"""What an error means and what to do about it, in two short lines each. Pure.

A line is made of words and keys; a key stands as the id of its action, so that it shows as it is mapped.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from reportdash.board.units import clock_text
from reportdash.lifecycle import unsure_submit
from reportdash.model import Account, Health, Job, JobState, LastError


class KeyOf(NamedTuple):
    """The key of an action."""

    action: str


Line: TypeAlias = tuple[str | KeyOf, ...]


class Explanation(NamedTuple):
    """`headline` is the vendor's own words where there are any; `source` whose words and which code.

    `check`: it was the look that failed, not the job.
    """

    headline: str
    source: str
    means: tuple[Line, ...]
    todo: tuple[Line, ...]
    check: bool = False


COPY, AGAIN, LOGIN = KeyOf("copy"), KeyOf("submit"), KeyOf("login")
DOWNLOAD, FORGET, POLL, TRACK, PAUSE = (
    KeyOf(name) for name in ("download", "forget", "poll", "track", "pause")
)


def explain(
    job: Job, error: LastError | None, account: Account | None, vendor: str, now: float
) -> Explanation | None:
    """What is wrong with `job`, or None when nothing is. `vendor`: its name as people read it."""
    if unsure_submit(job):
        return _unsure(job, vendor)
    if job.attempts > 0 and error is not None and error.kind != "download":
        return _check(job, error, account, vendor, now)
    if job.state is JobState.FAILED:
        return _failed(job, vendor)
    found = _STATES.get(job.state)
    if found is None or (job.saved and job.state is not JobState.LOST):
        return None
    means, todo = found(vendor)
    return Explanation(_headline(job), _source(job, vendor), means, todo)


def _headline(job: Job) -> str:
    if job.message or job.vendor_status:
        return job.message or job.vendor_status or ""
    return f"({job.note})" if job.note else f"({job.state})"


def _source(job: Job, vendor: str) -> str:
    if not job.message and not job.vendor_status:
        return f"{vendor} gave no words"
    own = f"{vendor}'s own words"
    return f"{own} · error code {job.error_code}" if job.error_code else own


def _failed(job: Job, vendor: str) -> Explanation:
    if job.reference is None:
        return Explanation(
            _headline(job),
            _source(job, vendor),
            ((f"{vendor} refused the submit: nothing runs there.",),),
            (("Correct what it names and submit again: ", AGAIN, " opens the form as it was sent."),),
        )
    return Explanation(
        _headline(job),
        _source(job, vendor),
        (
            (f"{vendor} took the report on and then failed to make it.",),
            ("The check itself went well: this is the vendor's last word, so polling has stopped.",),
        ),
        (
            (f"Send the line above to whoever looks after {vendor} (", COPY, " copies it)."),
            ("Then submit it again: ", AGAIN, " opens the form with the same parameters."),
        ),
    )


def _unsure(job: Job, vendor: str) -> Explanation:
    return Explanation(
        job.message or "unsure",
        "reportdash's own words",
        (
            (f"The submit left, and {vendor} gave no readable answer: it may run there or not.",),
            ("It is never repeated by itself, so that no report is made twice.",),
        ),
        (
            (f"If {vendor} shows it, give its reference: ", TRACK, "."),
            ("If not, ", AGAIN, " sends it again, ", FORGET, " takes the row out."),
        ),
    )


def _check(job: Job, error: LastError, account: Account | None, vendor: str, now: float) -> Explanation:
    means, todo = _KINDS.get(error.kind, _unreadable)(vendor)
    status = f" · HTTP {error.status}" if error.status is not None else ""
    code = f" · error code {error.code}" if error.code else ""
    source = f"the look at {clock_text(error.at, now)}{status}{code}"
    until = account.until if account is not None and account.health is Health.THROTTLED else None
    if until is not None:
        todo = ((f"Nothing: it is asked again at {clock_text(until, now)}.",),)
    first: Line = (f"The check failed, not the job: it stays {job.state}.",)
    return Explanation(error.text, source, (first, *means)[:2], todo, check=True)


_Pair: TypeAlias = tuple[tuple[Line, ...], tuple[Line, ...]]


def _throttled(vendor: str) -> _Pair:
    return ((f"{vendor} was asked more often than it allows.",),), (
        ("Nothing: reportdash waits as long as it was told.",),
    )


def _refused_key(vendor: str) -> _Pair:
    return ((f"{vendor} does not take the key of this account any more.",),), (
        ("Log in: ", LOGIN, ". The jobs are looked at again as soon as the key works."),
    )


def _unreachable(vendor: str) -> _Pair:
    return ((f"No answer came from {vendor}: the network, its name or its certificate.",),), (
        ("Nothing at first: it is tried again with growing pauses, ", POLL, " tries now."),
        ("If it stays: curl from this server to the account's base_url says where the way ends.",),
    )


def _unreadable(vendor: str) -> _Pair:
    return ((f"{vendor} answered with something it does not document.",),), (
        ("The tab Exchanges shows the answer; ", POLL, " asks again."),
        (f"If it stays, send it to whoever looks after {vendor}.",),
    )


def _not_found(vendor: str) -> _Pair:
    return ((f"{vendor} says it does not know the job; that is believed when it repeats.",),), (
        ("Nothing yet: it is asked again by itself, ", POLL, " asks now."),
    )


_KINDS = {
    "throttled": _throttled,
    "auth_failed": _refused_key,
    "unreachable": _unreachable,
    "bad_payload": _unreadable,
    "not_found": _not_found,
}


def _lost(vendor: str) -> _Pair:
    return (
        (f"{vendor} does not know this job any more.",),
        ("It is still looked at now and then; the first good answer brings it back.",),
    ), (("If it is really gone: ", FORGET, " takes the row out, ", AGAIN, " makes the report again."),)


def _unknown(vendor: str) -> _Pair:
    return (
        (f"{vendor} used a word that its documents do not have, so it is not taken for done.",),
        ("It is looked at on, as long as the word stays.",),
    ), ((f"Ask whoever looks after {vendor} what it means (", COPY, " copies the line above)."),)


def _expired(vendor: str) -> _Pair:
    return (
        ("The result's life is over and no copy was saved here.",),
        (f"{vendor} does not hand it out any more.",),
    ), (("Make it again: ", AGAIN, " opens the form with the same parameters."),)


def _warned(vendor: str) -> _Pair:
    return ((f"{vendor} made the report and found something wrong with it.",),), (
        ("Save it and look at it: ", DOWNLOAD, "."),
    )


def _unsent(vendor: str) -> _Pair:
    return ((f"The report is made, but {vendor} could not tell its readers.",),), (
        ("Save it: ", DOWNLOAD, ", and send it on by another way."),
    )


_STATES = {
    JobState.LOST: _lost,
    JobState.UNKNOWN: _unknown,
    JobState.EXPIRED: _expired,
    JobState.READY_WITH_WARNINGS: _warned,
    JobState.NOTIFY_FAILED: _unsent,
}
