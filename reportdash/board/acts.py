"""What became of an act of ours that did not go through: a submit, a delete, a download. Pure."""

from __future__ import annotations

from reportdash.board.case import (
    AGAIN,
    DELETE,
    DOWNLOAD,
    FORGET,
    LOGIN,
    PAUSE,
    TRACK,
    Case,
    Explanation,
    Line,
)
from reportdash.board.facts import Fetch
from reportdash.board.health import BROKEN, KeyTrouble
from reportdash.board.states import WORDS
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


def keyless(case: Case, message: str | None) -> tuple[str, tuple[Line, ...]]:
    """Why nobody can sign in, by what was said of it, and what is to be done."""
    name = case.job.account
    later = ". The jobs are looked at again as soon as the key "
    match case.key_trouble(message):
        case KeyTrouble.NONE:
            return f"There is no key for {name} on this server", (("Log in: ", LOGIN, f"{later}works."),)
        case KeyTrouble.VAULT:
            return f"The key of {name} is in the vault, which is locked in this session", (
                ("Unlock it with its passphrase: ", LOGIN, f"{later}can be read."),
            )
        case KeyTrouble.KEYRING:
            return f"The key of {name} is in the keyring, which is locked", (
                ("Unlock it with its password: ", LOGIN, f"{later}can be read."),
            )
        case KeyTrouble.SHUT:
            return f"The key of {name} is in the keyring, which is not open", (
                ("Unlock the keyring where that is done, or give a key for this session: ", LOGIN, "."),
            )
        case KeyTrouble.DAMAGED | KeyTrouble.GONE | KeyTrouble.UNREAD as trouble:
            state = str(trouble).removeprefix("vault ")
            return f"The key of {name} is in the vault, whose file is {state}", (
                ("Put a whole copy of the file back: then it goes on by itself, within seconds.",),
                ("Or log in: ", LOGIN, ". What only the vault had is lost where there is no copy."),
            )
        case KeyTrouble.UNUSABLE:
            return f"No key of {name} could be used on this server", (("Log in: ", LOGIN, f"{later}works."),)
    return f"{case.vendor} does not take this account's key", (("Log in: ", LOGIN, f"{later}works."),)


def _key_is_back(case: Case, message: str | None) -> tuple[str, Line]:
    """When what waits for the key goes on, and what helps it to."""
    trouble = case.key_trouble(message)
    if trouble.locked:
        store = "vault" if trouble is KeyTrouble.VAULT else "keyring"
        return f"as soon as the {store} is unlocked", (f"Unlock the {store}: ", LOGIN, ".")
    if trouble in BROKEN:
        return "as soon as the key can be read", (
            "Put a whole copy of the vault's file back, or log in: ",
            LOGIN,
            ".",
        )
    return "as soon as the key works", ("Log in: ", LOGIN, ".")


def _resumed(case: Case) -> tuple[str, Line]:
    """When what waits for a paused account goes on, and what helps it to."""
    return f"once polling of {case.job.account} is resumed", ("Resume it: ", PAUSE, ".")


WAITS = frozenset({"throttled", "auth_failed", "unreachable", "bad_payload"})
"""What makes a submit wait, besides a full vendor, which is no error."""


def waiting(case: Case) -> Explanation | None:
    job, error = case.job, case.error
    assert error is not None
    assert job.intent is not None
    if (job.message or "").startswith("waits for a slot"):
        return None
    sends: str = case.at(job.intent.not_before)
    todo: Line = ("Nothing: it waits its turn.",)
    if case.paused:
        sends, todo = _resumed(case)
    elif error.kind == "auth_failed":
        sends, todo = _key_is_back(case, error.text)
    return Explanation(
        error.text,
        case.tried("the submit", error),
        (
            (f"The submit has not reached {case.vendor}: nothing runs there.",),
            (f"It is sent by itself {sends}, as long as a reportdash runs.",),
        ),
        (todo, (FORGET, " takes it back.")),
        check=True,
    )


def deleting(case: Case) -> Explanation:
    job, error = case.job, case.error
    assert error is not None
    assert job.intent is not None
    sends: str = case.at(job.intent.not_before)
    todo: Line = ("Nothing: it ends by itself.",)
    if case.paused:
        sends, todo = _resumed(case)
    elif error.kind == "auth_failed":
        sends, todo = _key_is_back(case, error.text)
    left = job.intent.stage is not Stage.WAITING
    first = f"The delete left, and {case.vendor} gave no readable answer: it may be done or not."
    if not left:
        first = f"The delete has not reached {case.vendor}: the report is still there."
    then = "Its status is asked for, and the delete sent again while it is there, "
    if not left:
        then = "It is sent by itself "
    said = ((first,), (f"{then}{sends}.",))
    return Explanation(error.text, case.tried("the delete", error), said, (todo,), check=True)


def not_deleted(case: Case) -> Explanation:
    kind, _, words = (case.job.message or "").partition(": ")
    refused = kind == "delete refused"
    at = f" · at {clock_text(case.error.at, case.now)}" if case.error is not None else ""
    first = f"{case.vendor} refused to delete it." if refused else f"The delete did not reach {case.vendor}."
    return Explanation(
        words,
        (f"{case.vendor}'s own words" if refused else "the delete was not sent") + at,
        (
            (f"{first} Its state is as before: {WORDS[case.job.state]}.",),
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
