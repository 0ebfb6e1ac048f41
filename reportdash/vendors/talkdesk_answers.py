"""Talkdesk's answers, read: jobs nested or flat, redirects to a result, the report itself.

Pure functions from a `Reply` to `Seen`, `Submitted` and `Body`, or the failure it stands for. Pages as in
`talkdesk`. Dates in answers (some written in a way of their own, D8) decide nothing and are not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from reportdash.errors import BadPayload, NotFound, VendorRefused
from reportdash.model import NO_ROWS, Body, JobState, Seen, Submitted
from reportdash.net.http import Reply
from reportdash.vendors import answers
from reportdash.vendors.contract import pick, word

LARGE = 1024 * 1024
PART = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~:-]{1,128}", re.ASCII)
"""One part of a reference: it stands in a path, so neither `.` nor `..`."""

# Redirects that say "here is the result": 300 [S4], 303 (D3 D8 D9), 302 (E2). The others may be a gateway's.
RESULT = (300, 302, 303)

# The words of [S4] and D1, the older API's `sending` (D9); in any case, `cancelled` too.
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
    """Where the result is: the Location of a 300, 302 or 303 ([S4] D3).

    A relative one is resolved against the asked address (RFC 3986), never appended to base_url; one that is
    whole is handed out byte for byte, for it may be signed.
    """
    target = reply.headers.get("location", "").strip()
    if reply.status not in RESULT or not target:
        return None
    try:
        resolved = target if urlsplit(target).scheme else urljoin(reply.url, target)
        return resolved if urlsplit(resolved).scheme in ("http", "https") else None
    except ValueError:  # half an IPv6 address
        return None


def parse_status(reply: Reply) -> Seen:
    """An answer of GET …/jobs/{id}: a job [S4], nested or flat (E6); a redirect to its file [S4]; the report
    itself (E1 E4), empty only if it says `total` 0 (D7); or 204 while it runs (E2).
    """
    if location(reply) is not None:
        job = job_in(reply)
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
    head = reply.body[:65_536]
    return (
        (reply.rest is not None or (len(reply.body) > LARGE and reply.body[-64:].rstrip().endswith(b"}")))
        and head.lstrip().startswith(b"{")
        and re.search(rb'"entries"\s*:\s*\[', head) is not None
    )


def job_in(reply: Reply) -> Mapping[str, Any]:
    """The job in the body of a redirect, if there is one."""
    try:
        return _job(reply.object())
    except BadPayload:
        return {}


def _job(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The job in an answer, nested or flat; a flat one has its id, or it is an error with its own status."""
    nested = pick(answer, "job")
    if isinstance(nested, dict):
        return nested
    return answer if pick(answer, "id") is not None else {}


def parse_job(answer: Mapping[str, Any], reply: Reply) -> Seen:
    """A job object [S4]. Raises BadPayload where it carries no status word."""
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
    """An answer of POST …/jobs: 202 (D2) with a job, flat (D2 E6) or nested (E1 E2 E4).

    Raises VendorRefused in the words of `message`, `description` and `fields` [S4], and BadPayload.
    """
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


def listed(answer: Mapping[str, Any]) -> list[Any]:
    """The jobs of a page as they came: `_embedded.jobs` (D9), or `executions` in the older API (D8).

    Raises BadPayload for an answer with neither: no list is no empty list.
    """
    embedded = pick(answer, "_embedded")
    found = pick(embedded if isinstance(embedded, dict) else answer, "jobs", "executions")
    if isinstance(found, list):
        return found
    if answers.integer(pick(answer, "total")) == 0:
        return []
    raise BadPayload("no list of jobs in the answer")


def parse_list(items: Sequence[Any], kind: str, reply: Reply) -> Iterator[Seen]:
    """What a page tells of its jobs: the same as a look at each would. What is no job is passed over."""
    for item in items:
        job = _job(item) if isinstance(item, dict) else {}
        number = answers.text(pick(job, "id")) or ""
        if PART.fullmatch(number) and answers.text(pick(job, "status")):
            yield replace(parse_job(job, reply), reference=f"{kind}/{number}")


def has_next(answer: Mapping[str, Any]) -> bool:
    """Whether the page names a next one (D9)."""
    links = pick(answer, "_links")
    return isinstance(links, dict) and bool(pick(links, "next"))


def parse_download(reply: Reply) -> Body:
    """An answer of GET …/files/{id} that is no redirect: the report, or a job without a file yet (D3).

    Raises NotFound for a deleted one, VendorRefused for the other jobs without a file [S4].
    """
    if reply.status == 204:
        raise VendorRefused("not ready: Talkdesk still works on it", status=204)
    if not answers.good(reply):
        raise answers.failure(reply)
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind == "text/csv":
        # Half a table looks like one: its length says something only where it was announced.
        total = reply.length if reply.framed else None
        return Body(reply.chunks(), "csv", total=total, framed=reply.framed)
    if _large_report(reply):
        return Body(_to_its_end(reply), "json", total=reply.length, framed=reply.framed)
    if reply.rest is not None:
        raise BadPayload(reply.unreadable(), status=reply.status)
    answer = reply.object()
    if isinstance(pick(answer, "entries"), list):
        empty = answers.integer(pick(answer, "total")) == 0 or not pick(answer, "entries")
        return Body(reply.chunks(), "json", total=reply.length, note=NO_ROWS if empty else None)
    seen = parse_job(answer, reply)
    said = f"Talkdesk says {json.dumps(seen.vendor_status, ensure_ascii=False)}"
    if seen.state is JobState.DELETED:
        raise NotFound(said, status=reply.status)
    no_file = seen.state in (JobState.FAILED, JobState.CANCELLED)
    raise VendorRefused(f"{'no file' if no_file else 'not ready'}: {said}", status=reply.status)


async def _to_its_end(reply: Reply) -> AsyncIterator[bytes]:
    """The report as it comes; BadPayload at the end of one that was halved on its way."""
    end = b""
    async with aclosing(reply.chunks()) as chunks:
        async for chunk in chunks:
            end = (end + chunk)[-64:]
            yield chunk
    if not end.rstrip().endswith(b"}"):
        raise BadPayload(reply.unreadable(), status=reply.status)
