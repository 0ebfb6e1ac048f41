"""What became of an act of ours that did not go through: a submit, a delete, a download. Pure."""

from __future__ import annotations

from reportdash.board.case import AGAIN, DELETE, DOWNLOAD, FORGET, LOGIN, TRACK, Case, Explanation, Line
from reportdash.board.facts import Fetch
from reportdash.board.units import clock_text, plural, size
from reportdash.model import Stage


def unsure(case: Case) -> Explanation:
    vendor, error = case.vendor, case.error
    return Explanation(
        case.job.message or "unsure",
        "reportdash's own words" + (f" · {error.text}" if error is not None else ""),
        (
            (f"The submit left, and {vendor} gave no readable answer: it may run there or not.",),
            ("It is never repeated by itself, so that no report is made twice.",),
        ),
        (
            (f"If {vendor} shows it, give its reference: ", TRACK, "."),
            ("If not, ", AGAIN, " sends it again, ", FORGET, " takes the row out."),
        ),
    )


WAITS = frozenset({"throttled", "auth_failed", "unreachable", "bad_payload"})
"""What makes a submit wait, besides a full vendor, which is no error."""


def waiting(case: Case) -> Explanation | None:
    job, error = case.job, case.error
    assert error is not None
    assert job.intent is not None
    if (job.message or "").startswith("waits for a slot"):
        return None
    refused = error.kind == "auth_failed"
    sends = "as soon as the key works" if refused else case.at(job.intent.not_before)
    todo: tuple[Line, ...] = (("Log in: ", LOGIN, "."),) if refused else (("Nothing: it waits its turn.",),)
    return Explanation(
        error.text,
        case.tried("the submit", error),
        (
            (f"The submit has not reached {case.vendor}: nothing runs there.",),
            (f"It is sent by itself {sends}, as long as a reportdash runs.",),
        ),
        (*todo, (FORGET, " takes it back.")),
        check=True,
    )


def deleting(case: Case) -> Explanation:
    job, error = case.job, case.error
    assert error is not None
    assert job.intent is not None
    refused = error.kind == "auth_failed"
    left = job.intent.stage is not Stage.WAITING
    first = f"The delete left, and {case.vendor} gave no readable answer: it may be done or not."
    if not left:
        first = f"The delete has not reached {case.vendor}: the report is still there."
    then = "Its status is asked for, and the delete sent again while it is there, "
    if not left:
        then = "It is sent by itself "
    then += "as soon as the key works." if refused else f"{case.at(job.intent.not_before)}."
    todo: Line = ("Log in: ", LOGIN, ".") if refused else ("Nothing: it ends by itself.",)
    return Explanation(error.text, case.tried("the delete", error), ((first,), (then,)), (todo,), check=True)


def not_deleted(case: Case) -> Explanation:
    kind, _, words = (case.job.message or "").partition(": ")
    refused = kind == "delete refused"
    at = f" · at {clock_text(case.error.at, case.now)}" if case.error is not None else ""
    first = f"{case.vendor} refused to delete it." if refused else f"The delete did not reach {case.vendor}."
    return Explanation(
        words,
        (f"{case.vendor}'s own words" if refused else "the delete was not sent") + at,
        (
            (f"{first} The report is {case.job.state} as before.",),
            ("The delete is not sent again by itself.",),
        ),
        ((DELETE, " tries again; ", FORGET, " takes only the row out, the report stays there."),),
    )


def stumbling(case: Case, fetch: Fetch) -> Explanation:
    """A download that is under way and does not get on."""
    kept = f", {size(fetch.bytes)} of it are here" if fetch.bytes else ""
    return Explanation(
        fetch.trouble,
        f"what holds the download up · {plural(fetch.tries, 'failure')} in a row",
        (
            (f"The download has stumbled, not the job: {case.vendor} still holds the report{kept}.",),
            (f"It is tried again by itself {case.at(fetch.again_at)}.",),
        ),
        (("Nothing at first: it goes on by itself, or ends as not saved.",),),
        check=True,
    )


def not_saved(case: Case, words: str | None) -> Explanation:
    job, error = case.job, case.error
    at = f" · at {clock_text(error.at, case.now)}" if error is not None and error.kind == "download" else ""
    life = f" until {clock_text(job.expires_at, case.now)}" if job.expires_at is not None else ""
    part = "What came so far is kept and gone on with." if job.artifact and job.artifact.bytes else ""
    todo: Line = (DOWNLOAD, " tries again.")
    if job.parent is not None:
        todo = ("The download of its group tries again: ", DOWNLOAD, f" on {job.parent}.")
    return Explanation(
        words or "the download failed",
        f"what stopped the download{at}",
        (
            (f"The download failed, not the job: {case.vendor} still holds the report{life}.",),
            (f"It is not tried again by itself. {part}".rstrip(),),
        ),
        (todo, ("If it fails the same way: `reportdash doctor` on this server says what it can not reach.",)),
        bad=True,
    )
