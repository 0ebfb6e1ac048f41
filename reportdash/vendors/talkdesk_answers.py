"""Talkdesk's answers, read: jobs nested or flat, redirects to a result, the report itself.

Pure functions from a `Reply` to `Seen`, `Submitted` and `Body`, or the failure it stands for. Pages as in
`talkdesk`.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from reportdash.errors import BadPayload, VendorRefused
from reportdash.model import NO_ROWS, Body, JobState, Seen, Submitted
from reportdash.net.http import Reply
from reportdash.vendors import answers
from reportdash.vendors.contract import pick, word

CHUNK = 256 * 1024
LARGE = 1024 * 1024
PART = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~:-]{1,128}", re.ASCII)
"""One part of a reference: it stands in a path, so neither `.` nor `..`."""

# Redirects that say "here is the result"; 301, 307 and 308 may be a gateway that moved.
RESULT = (300, 302, 303)

STATES = {
    "created": JobState.QUEUED,
    "processing": JobState.RUNNING,
    "uploading": JobState.FINALIZING,
    "sending": JobState.FINALIZING,
    "done": JobState.READY,
    "failed": JobState.FAILED,
    "canceled": JobState.CANCELLED,
    "cancelled": JobState.CANCELLED,
    "deleted": JobState.DELETED,
}


def location(reply: Reply) -> str | None:
    """Where the result is: the Location of a 300, 302 or 303, resolved against the asked address."""
    target = reply.headers.get("location", "").strip()
    if reply.status not in RESULT or not target:
        return None
    try:
        resolved = urljoin(reply.url, target)
        return resolved if urlsplit(resolved).scheme in ("http", "https") else None
    except ValueError:  # half an IPv6 address
        return None


def parse_status(reply: Reply) -> Seen:
    """An answer of GET …/jobs/{id}: a job, nested or flat; a redirect to its file; or the report itself."""
    if location(reply) is not None:
        job = _job_in(reply)
        raw = answers.text(pick(job, "status"), answers.STATUS_WORD)
        return Seen(JobState.READY, raw or f"HTTP {reply.status}", name=answers.text(pick(job, "name"), 200))
    if reply.status == 204:
        return Seen(JobState.RUNNING, "HTTP 204")
    if not answers.good(reply) and reply.status != 300:
        raise answers.failure(reply)
    if _large_report(reply):
        return Seen(JobState.READY, "entries")
    answer = reply.object()
    if isinstance(pick(answer, "entries"), list):
        empty = answers.integer(pick(answer, "total")) == 0
        return Seen(JobState.EMPTY if empty else JobState.READY, "entries")
    return parse_job(answer, reply)


def _large_report(reply: Reply) -> bool:
    """Whether a body too large to be read on the loop is a report by its looks: {…"entries": [ … }."""
    head, end = reply.body[:65_536], reply.body[-64:]
    return (
        len(reply.body) > LARGE
        and head.lstrip().startswith(b"{")
        and re.search(rb'"entries"\s*:\s*\[', head) is not None
        and end.rstrip().endswith(b"}")
    )


def _job_in(reply: Reply) -> Mapping[str, Any]:
    """The job in the body of a redirect, if there is one."""
    try:
        return _job(reply.object())
    except BadPayload:
        return {}


def _job(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    nested = pick(answer, "job")
    return nested if isinstance(nested, dict) else answer


def parse_job(answer: Mapping[str, Any], reply: Reply) -> Seen:
    """A job object. Raises BadPayload where it carries no status word."""
    job = _job(answer)
    raw = answers.text(pick(job, "status"), answers.STATUS_WORD)
    if raw is None:
        raise BadPayload(f"no job in the answer: {reply.unreadable()}", status=reply.status)
    return Seen(
        STATES.get(word(raw), JobState.UNKNOWN),
        raw,
        answers.text(pick(job, "message", "error_message")),
        name=answers.text(pick(job, "name"), 200),
    )


def parse_submit(reply: Reply, kind: str) -> Submitted:
    """An answer of POST …/jobs: 202 with a job, nested or flat. Raises VendorRefused, BadPayload."""
    if not answers.good(reply):
        raise answers.submit_failure(reply)
    answer = reply.object()
    number = answers.text(pick(_job(answer), "id")) or ""
    if not PART.fullmatch(number):
        raise BadPayload(f"no job id in the answer: {reply.unreadable()}", status=reply.status)
    reference = f"{kind}/{number}"
    if answers.text(pick(_job(answer), "status")) is None:
        name = answers.text(pick(_job(answer), "name"), 200)
        return Submitted(reference, Seen(JobState.QUEUED, None, reference=reference, name=name))
    return Submitted(reference, replace(parse_job(answer, reply), reference=reference))


def parse_list(answer: Mapping[str, Any], kind: str) -> Iterator[Seen]:
    """The jobs of a page: `_embedded.jobs`, or `executions` in the older API (D8 D9)."""
    embedded = pick(answer, "_embedded")
    holder = embedded if isinstance(embedded, dict) else answer
    found = pick(holder, "jobs", "executions", "entries")
    for item in found if isinstance(found, list) else []:
        job = _job(item) if isinstance(item, dict) else {}
        number = answers.text(pick(job, "id")) or ""
        raw = answers.text(pick(job, "status"), answers.STATUS_WORD)
        if raw is None or not PART.fullmatch(number):
            continue
        state = STATES.get(word(raw), JobState.UNKNOWN)
        yield Seen(state, raw, reference=f"{kind}/{number}", name=answers.text(pick(job, "name"), 200))


def has_next(answer: Mapping[str, Any]) -> bool:
    links = pick(answer, "_links")
    return isinstance(links, dict) and bool(pick(links, "next"))


def parse_download(reply: Reply) -> Body:
    """An answer of GET …/files/{id} that is no redirect: the report, or a job that is not done (D3)."""
    if reply.status == 204:
        raise VendorRefused("not ready: Talkdesk still works on it", status=204)
    if not answers.good(reply):
        raise answers.failure(reply)
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind == "text/csv":
        return Body(_chunks(reply.body), "csv", total=len(reply.body))
    if _large_report(reply):
        return Body(_chunks(reply.body), "json", total=len(reply.body))
    answer = reply.object()
    if isinstance(pick(answer, "entries"), list):
        empty = answers.integer(pick(answer, "total")) == 0 or not pick(answer, "entries")
        return Body(_chunks(reply.body), "json", total=len(reply.body), note=NO_ROWS if empty else None)
    seen = parse_job(answer, reply)
    raise VendorRefused(
        f"not ready: {json.dumps(seen.vendor_status, ensure_ascii=False)}", status=reply.status
    )


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]
