"""File names, pure: what a vendor says becomes one harmless base name inside the download folder.

A name from here is never a path, never hidden, never empty, never a device on any system, and at most 150
bytes of UTF-8; passing it through `sanitise` again changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from reportdash.model import Job
from reportdash.plain import clean

MAX_BYTES = 150

_FORBIDDEN = re.compile(r'[\ufffd<>:"|?*\\/]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}(\.(gz|bz2|xz|zip))?$")

_PLAIN = ("csv", "tsv", "txt", "json", "jsonl", "ndjson", "xml", "html", "htm", "pdf", "xls", "xlsx", "ods")
_OTHER = ("doc", "docx", "rtf", "odt", "parquet", "avro", "zip", "gz", "bz2", "xz", "7z", "tar", "tgz")
_PACKED = ("csv.gz", "csv.bz2", "csv.xz", "csv.zip", "json.gz", "jsonl.gz", "txt.gz", "xml.gz", "tar.gz")
EXTENSIONS = frozenset((*_PLAIN, *_OTHER, *_PACKED))
"""What a report may be. Anything else a vendor suggests becomes `dat`: no file of ours is ever a program."""
UNKNOWN_EXTENSION = "dat"

_MEDIA = {
    "text/csv": "csv",
    "application/csv": "csv",
    "text/tab-separated-values": "tsv",
    "text/plain": "txt",
    "application/json": "json",
    "text/json": "json",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/xml": "xml",
    "text/xml": "xml",
    "text/html": "html",
    "application/pdf": "pdf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/zip": "zip",
    "application/x-zip-compressed": "zip",
    "application/gzip": "gz",
    "application/x-gzip": "gz",
}
_FORMATS = {"json_bulk": "json", "excel": "xlsx", "text": "txt"}


def sanitise(name: str) -> str:
    """A base name out of any text: no folders, control characters, leading `.-~`, or reserved names.

    At most 150 bytes of UTF-8, a short extension kept; `report` when nothing is left.
    """
    for _ in range(8):
        cleaned = _once(name)
        if cleaned == name:
            break
        name = cleaned
    return name


def _once(name: str) -> str:
    name = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    name = unicodedata.normalize("NFC", clean(name, 20_000))
    name = _FORBIDDEN.sub("_", name)
    name = name.lstrip(".-~ ").rstrip(". ")
    if _RESERVED.match(name):
        name = "_" + name
    return _fit(name, MAX_BYTES) or "report"


def _fit(name: str, limit: int) -> str:
    """`name` within `limit` bytes, cut before its extension."""
    if len(name.encode()) <= limit:
        return name
    found = _SUFFIX.search(name)
    suffix = found.group() if found else ""
    stem = name[: len(name) - len(suffix)]
    cut = stem.encode()[: limit - len(suffix.encode())].decode("utf-8", "ignore").rstrip(". ")
    return cut + suffix


def stem(job: Job) -> str:
    """`{account}_{report}_{date}_{jobid}`, the date that of the submit in UTC; without an extension."""
    at = job.submitted_at if job.submitted_at is not None else job.updated_at
    date = datetime.fromtimestamp(at or 0.0, UTC).strftime("%Y-%m-%d")
    report = job.spec.report if job.spec is not None and job.parent is None else job.name
    tail = f"_{date}_{job.id}"
    head = f"{_word(job.account, 40)}_{_word(report, MAX_BYTES)}"
    # Room for an extension and a number; the id at the end is never what is cut.
    return sanitise(_fit_plain(head, MAX_BYTES - len(tail) - 20) + tail)


def with_extension(base: str, extension: str) -> str:
    """`base.ext`, sanitised."""
    return sanitise(f"{sanitise(base)}.{extension}")


def numbered(name: str, number: int) -> str:
    """`name (2).csv` and so on, within the 150 bytes; 1 is the name itself."""
    if number < 2:
        return name
    found = _SUFFIX.search(name)
    suffix = found.group() if found else ""
    mark = f" ({number})"
    base = _fit_plain(name[: len(name) - len(suffix)], MAX_BYTES - len(mark) - len(suffix))
    return base + mark + suffix


def _fit_plain(text: str, limit: int) -> str:
    return text.encode()[:limit].decode("utf-8", "ignore").rstrip(". ")


def _word(text: str, limit: int) -> str:
    """A part of a default name: no blanks, so that a shell needs no quotes."""
    tidy = re.sub(r"[\s/\\]+", "-", clean(text, 20_000)).strip("-")
    return _fit_plain(sanitise(tidy) if tidy else "report", limit)


def extension_of(name: str | None) -> str | None:
    """The extension a file name claims, lower case, if a report may have it."""
    if not name:
        return None
    found = _SUFFIX.search(sanitise(name).lower())
    if found is None:
        return None
    whole = found.group()[1:]
    for candidate in (whole, whole.rpartition(".")[2]):
        if candidate in EXTENSIONS:
            return candidate
    return None


def extension_of_format(format_: str | None) -> str | None:
    """The extension of a format the operator asked for."""
    if not format_:
        return None
    word = format_.strip().lower()
    word = _FORMATS.get(word, word)
    return word if word in EXTENSIONS else None


def extension_of_media(content_type: str | None) -> str | None:
    """The extension of a Content-Type."""
    return _MEDIA.get((content_type or "").partition(";")[0].strip().lower())


def extension_of_url(url: str) -> str | None:
    """The extension of an address's path."""
    try:
        return extension_of(unquote(urlsplit(url).path))
    except ValueError:
        return None


def disposition_name(header: str | None) -> str | None:
    """The file name in a Content-Disposition; raw, for its extension only."""
    if not header:
        return None
    found = re.search(r"filename\*\s*=\s*[\w-]*'[^']*'([^;]+)", header)
    if found:
        return unquote(found.group(1).strip())
    found = re.search(r'filename\s*=\s*(?:"([^"]*)"|([^;]+))', header)
    return (found.group(1) or found.group(2) or "").strip() or None if found else None
