"""Sigma's answers, read: `headerMap` with keys in either case, numbers and booleans often as text [S1].

Pure functions from a `Reply` to `Seen` and `Submitted`, or the failure it stands for. Pages as in `sigma`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reportdash.errors import AuthFailed, BadPayload, NotFound, VendorRefused
from reportdash.lifecycle import fold_group
from reportdash.model import SETTLED, JobState, Seen, Submitted
from reportdash.net.http import Reply
from reportdash.vendors import answers
from reportdash.vendors.contract import pick, word

GROUP = "group:"

STATES = {  # [S1]; none of them means queued or running
    "generated": JobState.FINALIZING,
    "published": JobState.READY,
    "notified": JobState.READY,
    "notification_failed": JobState.NOTIFY_FAILED,
    "no_data_available": JobState.EMPTY,
    "failed": JobState.FAILED,
}
MOST_MEMBERS = 2000
"""Reports of a group that are followed, a row each: every look writes all of them."""
WITHOUT_DATA = (JobState.EMPTY, JobState.FAILED)
NOTES = {"notified": "e-mailed"}


def bare_reference(text: str) -> bool:
    """Whether this can be a reference number [S1]: any text without spaces."""
    return re.fullmatch(r"\S{1,200}", text) is not None and text.isprintable()


def header_map(reply: Reply) -> dict[str, Any]:
    """The answer's `headerMap`, with what a group's run nests one level deeper (B4) laid over it."""
    answer = reply.object()
    header = pick(answer, "headerMap")
    if header is None and pick(answer, "replyType") is not None:
        header = answer
    if not isinstance(header, dict):
        raise BadPayload(reply.unreadable(), status=reply.status)
    inner = pick(header, "reportGroupStatus")
    return {**header, **inner} if isinstance(inner, dict) else header


def failed(header: Mapping[str, Any]) -> bool:
    """Whether the call itself failed: replyType is no success in whichever case (SUCCESS in [S1], success in
    B2), or `success` says false.
    """
    kind = pick(header, "replyType")
    return (kind is not None and word(kind) != "success") or answers.truth(pick(header, "success")) is False


def said(reply: Reply) -> str:
    """Sigma's own words: errorMsg [S1], else what stands beside it."""
    try:
        header = header_map(reply)
    except BadPayload:
        return answers.words(reply)
    code, kind = answers.text(pick(header, "statusCode")), answers.text(pick(header, "replyType"))
    said = answers.text(pick(header, "errorMsg", "message")) or answers.text(pick(header, "status"))
    return said or f"{kind or 'no reply type'}, status code {code or 'missing'}"


def code_of(reply: Reply) -> tuple[dict[str, Any] | None, int]:
    """The header, None where none is readable, and the code that counts: 200, 204, 400, 401 or 500 [S1].

    The body's code, unless it has none to tell while HTTP has: which of HTTP's goes with which of Sigma's no
    page says. 200 stands for an answer that names none.
    """
    try:
        header = header_map(reply)
    except BadPayload:
        return None, reply.status
    code = answers.integer(pick(header, "statusCode"))
    if code in (None, 200, 204) and not answers.good(reply):
        return header, reply.status
    return header, 200 if code is None else code


def look(reply: Reply) -> Mapping[str, Any]:
    """The header of a status answer that is about the report.

    Whatever says that the check itself failed is health, never a state: 400 is NotFound (to be repeated
    before it is believed), 401 AuthFailed, the rest BadPayload; under whichever HTTP status. 204 is a success
    without data yet, also as a bare HTTP status.
    """
    if reply.status == 204:
        return {"replyType": "SUCCESS", "statusCode": "204"}
    header, code = code_of(reply)
    if header is None and (answers.good(reply) or answers.html(reply)):
        raise BadPayload(reply.unreadable(), status=reply.status)
    error = answers.text(pick(header or {}, "errorCode"), 80)
    if code in (400, 404, 410):
        raise NotFound(said(reply), status=reply.status, code=error, certain=False)
    if code in (401, 403):
        raise AuthFailed(said(reply), status=reply.status, code=error)
    if header is None:
        raise answers.failure(reply, certain=False)
    if failed(header) or code not in (200, 204):
        raise BadPayload(said(reply), status=reply.status, code=error)
    told = (pick(header, "replyType"), pick(header, "success"), pick(header, "reportStatus"))
    if not any(told) and code != 204:
        raise BadPayload(reply.unreadable(), status=reply.status)
    return header


def parse_report(header: Mapping[str, Any]) -> Seen:
    """One report of a status answer, alone or as a member of a group [S1].

    No word means that Sigma still works on it: it documents none for that. So does 204, "data not available",
    unless the word beside it says that there will be none. A word it does not document, with an error beside
    it, is the older way to tell a failure (B5).
    """
    raw = answers.text(pick(header, "reportStatus"), answers.STATUS_WORD)
    message = answers.text(pick(header, "errorMsg"))
    error = answers.text(pick(header, "errorCode"), 80)
    kind = word(raw) if raw else ""
    silent = answers.integer(pick(header, "statusCode")) == 204
    if not raw or (silent and STATES.get(kind) not in WITHOUT_DATA):
        state = JobState.RUNNING
    elif kind in STATES:
        state = STATES[kind]
    else:
        state = JobState.FAILED if message or error else JobState.UNKNOWN
        if state is JobState.FAILED and message is None:
            message = answers.text(pick(header, "reportStatus"))
    return Seen(
        state,
        raw,
        message,
        name=answers.text(pick(header, "reportName"), 200),
        error_code=error,
        note=NOTES.get(kind),
    )


def reports(header: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The members in a group's status answer [S1]."""
    found = pick(header, "reports")
    items = found if isinstance(found, list) else [found] if isinstance(found, dict) else []
    return [item if isinstance(item, dict) else {"reportStatus": str(item)} for item in items]


def parse_group(header: Mapping[str, Any], group: str) -> Seen:
    """A group's status answer [S1]: its members in Sigma's order, its own state folded from theirs.

    noOfReports counts them, as text; Sigma's counts of good and bad ones are not needed.
    Raises BadPayload for a group without end.
    """
    children = []
    members = reports(header)
    total = answers.integer(pick(header, "noOfReports"))
    if max(len(members), total or 0) > MOST_MEMBERS:
        raise BadPayload(f"the group has more than {MOST_MEMBERS} reports; none of them is made a row")
    for place, report in enumerate(members, 1):
        seen = parse_report(report)
        title = answers.text(pick(report, "reportTitle"), 200)
        children.append(
            replace(seen, reference=f"{GROUP}{group}#{place}", name=title or seen.name or f"report {place}")
        )
    if total is None or total < 0:
        total = len(children)
    if not children and not total:  # an answer without data tells nothing of how many there are
        return Seen(JobState.RUNNING, None, reference=GROUP + group, name=_group_name(header))
    done = sum(child.state in SETTLED for child in children)
    broken = next((child for child in children if child.state is JobState.FAILED and child.message), None)
    return Seen(
        fold_group([child.state for child in children], total),
        f"{done} of {max(total, len(children))} done",
        f"{broken.name}: {broken.message}" if broken else None,
        reference=GROUP + group,
        name=_group_name(header),
        children=tuple(children),
        children_total=total,
    )


def _group_name(header: Mapping[str, Any]) -> str | None:
    return answers.text(pick(header, "reportGroupName", "reportGroupId"), 200)


def parse_submit(reply: Reply, *, group: bool) -> Submitted:
    """The answer to a run: the reference number in headerMap (B3), a group's one level deeper (B4).

    Raises VendorRefused, or BadPayload when it stays unsure.
    """
    header, code = code_of(reply)
    if header is None and answers.good(reply):
        raise BadPayload(reply.unreadable(), status=reply.status)
    if header is None:
        raise answers.submit_failure(reply)
    if not 200 <= code < 500:
        raise BadPayload(said(reply), status=reply.status)
    if failed(header) or code >= 400:
        raise VendorRefused(
            said(reply), status=reply.status, code=answers.text(pick(header, "errorCode"), 80)
        )
    number = pick(header, "referenceNumber")
    whole = isinstance(number, int) and not isinstance(number, bool)
    bare = str(number).strip() if whole or isinstance(number, str) else ""
    if not bare_reference(bare):
        raise BadPayload(f"no reference number in the answer: {reply.unreadable()}", status=reply.status)
    reference = GROUP + bare if group else bare
    name = answers.text(pick(header, "reportName"), 200)
    return Submitted(reference, Seen(JobState.QUEUED, None, reference=reference, name=name))
