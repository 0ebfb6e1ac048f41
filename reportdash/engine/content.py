"""Whether what came is a report at all, or a web page or an error in its place. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from reportdash.engine.names import (
    disposition_name,
    extension_of,
    extension_of_format,
    extension_of_media,
    extension_of_url,
)
from reportdash.plain import clean

WHOLE = 64 * 1024
"""A file up to this many bytes is also looked at as a whole; errors are short."""
HEAD = 1024

_PAGE = re.compile(rb"<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
# Nothing is tried twice: comments that could end here or there would take for ever.
_ROOT = re.compile(rb"(?><\?xml[^>]*>|<!--.*?-->|\s+)*+<(?:\w+:)?(\w+)", re.DOTALL)
_XML = frozenset({"xml", "xls", "html", "htm", "doc"})
_ERROR_WORDS = frozenset({"error", "errors", "fault", "exception", "error_description"})
_ABOUT_ERRORS = "message code status statuscode status_code description detail details fields requestid"
_ERROR_KEYS = _ERROR_WORDS.union(
    _ABOUT_ERRORS.split(), ("request_id", "hostid", "timestamp", "path", "title", "type", "success", "result")
)


def expected_extension(
    headers: Mapping[str, str], *, filename: str | None, url: str, format_: str | None
) -> str | None:
    """What the report is said to be, by file names first, then the format asked for; not by Content-Type."""
    return (
        extension_of(filename)
        or extension_of(disposition_name(headers.get("content-disposition")))
        or extension_of_format(format_)
        or extension_of_url(url)
    )


def extension_for(expected: str | None, headers: Mapping[str, str]) -> str | None:
    """The extension to save under."""
    return expected or extension_of_media(headers.get("content-type"))


def wrong_start(head: bytes, content_type: str | None, expected: str | None) -> str | None:
    """What came instead of a report, judged by its first bytes (1 KiB are enough); None if nothing speaks
    against it. A sentence about it otherwise.
    """
    media = (content_type or "").partition(";")[0].strip().lower()
    start = head[:HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
    page = media in ("text/html", "application/xhtml+xml")
    # Old spreadsheet exports are often HTML inside; then at least the Content-Type says spreadsheet.
    looks = _PAGE.match(start) is not None and expected not in ("xls", "doc")
    if expected not in ("html", "htm") and (page or looks):
        return "a web page came instead of the report"
    root = _ROOT.match(start) if start.startswith(b"<") else None
    if root is not None and root[1].lower() in (b"error", b"errorresponse"):
        return _xml_error(start)
    if start.startswith(b"<?xml") and expected is not None and expected not in _XML:
        return f"an XML text came instead of {expected}"
    return None


def wrong_whole(body: bytes, expected: str | None) -> str | None:
    """The same for a whole small file: a JSON error object in place of the report."""
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"{"):
        return None
    try:
        data = json.loads(start)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not data:
        return None
    keys = {str(key).lower() for key in data}
    if keys <= _ERROR_KEYS and (keys & _ERROR_WORDS or {"message"} & keys):
        words = next((data[k] for k in data if str(k).lower() in ("message", "error_description")), None)
        said = f": {clean(words, 120)}" if isinstance(words, str) and _harmless(words) else ""
        return f"an error came instead of the report{said}"
    if expected in ("csv", "tsv", "xls", "xlsx", "pdf", "zip", "xml"):
        return f"a JSON object came instead of {expected}"
    return None


def no_rows(body: bytes, extension: str | None) -> bool:
    """Whether a whole small file is a table with a header line and nothing below it, or a JSON report whose
    `entries` are none (Talkdesk D7).
    """
    if extension in ("csv", "tsv"):
        return len(body.strip().splitlines()) <= 1
    if extension != "json":
        return False
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and data.get("entries") == []


def storage_words(body: bytes) -> str:
    """Code and message of a storage's XML error; empty when there are none, or when they quote an address."""
    found = []
    for tag in (b"Code", b"Message"):
        match = re.search(rb"<" + tag + rb">([^<]{1,300})</" + tag + rb">", body)
        text = clean(match[1].decode("utf-8", "replace"), 120) if match else ""
        if text and _harmless(text):
            found.append(text)
    return ": ".join(found)


def _xml_error(start: bytes) -> str:
    words = storage_words(start)
    return f"an error came instead of the report: {words}" if words else "an error came instead of the report"


def _harmless(text: str) -> bool:
    """No address and no signature in it."""
    return "://" not in text and "=" not in text
