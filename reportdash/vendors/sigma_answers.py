"""Sigma's answers, read: `headerMap` with keys in any case, numbers and booleans often as text [S1].

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

STATES = {
    "generated": JobState.FINALIZING,
    "published": JobState.READY,
    "notified": JobState.READY,
    "notification_failed": JobState.NOTIFY_FAILED,
    "no_data_available": JobState.EMPTY,
    "failed": JobState.FAILED,
}
NOTES = {"notified": "e-mailed"}


def bare_reference(text: str) -> bool:
    """Whether this can be a reference number: any text without spaces."""
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
    kind = pick(header, "replyType")
    return (kind is not None and word(kind) != "success") or answers.truth(pick(header, "success")) is False


def said(reply: Reply) -> str:
    try:
        header = header_map(reply)
    except BadPayload:
        return answers.words(reply)
    code, kind = answers.text(pick(header, "statusCode")), answers.text(pick(header, "replyType"))
    said = answers.text(pick(header, "errorMsg", "message")) or answers.text(pick(header, "status"))
    return said or f"{kind or 'no reply type'}, status code {code or 'missing'}"


def look(reply: Reply) -> Mapping[str, Any]:
    """The header of a status answer that is about the report.

    Whatever says that the check itself failed is health, never a state: 400 is NotFound (to be repeated
    before it is believed), 401 AuthFailed, the rest BadPayload; in the body or as the HTTP status [S1].
    """
    if reply.status == 204:
        return {"replyType": "SUCCESS", "statusCode": "204"}
    if reply.status in (400, 404, 410) and not answers.html(reply):
        raise NotFound(said(reply), status=reply.status, certain=False)
    if not answers.good(reply):
        raise answers.failure(reply, certain=False)
    header = header_map(reply)
    code = answers.integer(pick(header, "statusCode"))
    error = answers.text(pick(header, "errorCode"), 80)
    if code in (400, 404):
        raise NotFound(said(reply), status=reply.status, code=error, certain=False)
    if code in (401, 403):
        raise AuthFailed(said(reply), status=reply.status, code=error)
    if failed(header) or code not in (None, 200, 204):
        raise BadPayload(said(reply), status=reply.status, code=error)
    told = (pick(header, "replyType"), pick(header, "success"), pick(header, "reportStatus"))
    if not any(told) and code != 204:
        raise BadPayload(reply.unreadable(), status=reply.status)
    return header


def parse_report(header: Mapping[str, Any]) -> Seen:
    """One report of a status answer, alone or as a member of a group.

    No word means that Sigma still works on it: it documents none for that. A word it does not document,
    with an error beside it, is the older way to tell a failure (B5).
    """
    raw = answers.text(pick(header, "reportStatus"), answers.STATUS_WORD)
    message = answers.text(pick(header, "errorMsg"))
    error = answers.text(pick(header, "errorCode"), 80)
    kind = word(raw) if raw else ""
    if not raw or answers.integer(pick(header, "statusCode")) == 204:
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
    found = pick(header, "reports")
    items = found if isinstance(found, list) else [found] if isinstance(found, dict) else []
    return [item if isinstance(item, dict) else {"reportStatus": str(item)} for item in items]


def parse_group(header: Mapping[str, Any], group: str) -> Seen:
    """A group's status answer: its members in Sigma's order, its own state folded from theirs."""
    children = []
    for place, report in enumerate(reports(header), 1):
        seen = parse_report(report)
        title = answers.text(pick(report, "reportTitle"), 200)
        children.append(
            replace(seen, reference=f"{GROUP}{group}#{place}", name=title or seen.name or f"report {place}")
        )
    total = answers.integer(pick(header, "noOfReports"))
    if total is None or total < 0:
        total = len(children)
    done = sum(child.state in SETTLED for child in children)
    broken = next((child for child in children if child.state is JobState.FAILED and child.message), None)
    return Seen(
        fold_group([child.state for child in children], total),
        f"{done} of {max(total, len(children))} done",
        f"{broken.name}: {broken.message}" if broken else None,
        reference=GROUP + group,
        name=answers.text(pick(header, "reportGroupName", "reportGroupId"), 200),
        children=tuple(children),
        children_total=total,
    )


def parse_submit(reply: Reply, *, group: bool) -> Submitted:
    """The answer to a run (B3, B4). Raises VendorRefused, or BadPayload when it stays unsure."""
    if not answers.good(reply):
        failure = answers.submit_failure(reply)
        if isinstance(failure, VendorRefused):
            raise VendorRefused(said(reply), status=reply.status)
        raise failure
    header = header_map(reply)
    code = answers.integer(pick(header, "statusCode"))
    if code is not None and code >= 500:
        raise BadPayload(said(reply), status=reply.status)
    if failed(header) or (code is not None and code >= 400):
        raise VendorRefused(
            said(reply), status=reply.status, code=answers.text(pick(header, "errorCode"), 80)
        )
    number = pick(header, "referenceNumber")
    bare = number.strip() if isinstance(number, str) else ""
    if not bare_reference(bare):
        raise BadPayload(f"no reference number in the answer: {reply.unreadable()}", status=reply.status)
    reference = GROUP + bare if group else bare
    name = answers.text(pick(header, "reportName"), 200)
    return Submitted(reference, Seen(JobState.QUEUED, None, reference=reference, name=name))
