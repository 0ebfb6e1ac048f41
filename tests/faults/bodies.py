"""Bodies that no vendor's page shows: what gateways, broken servers and enemies send instead of an answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

DEEP = 100_000
MEGABYTE = 1024 * 1024
ODD: list[Any] = [
    None, True, False, 0, -1, 10**30, 1.5, "", " ", "\t\r\n", [], {}, [[]], [{}], [None, 1], {"": ""},
    "\x00", "\x1b[2J\x1b]52;c;YQ==\x07", "\u202e\u200b", "é" * 300, "x" * 5000, "<b>x</b>",
    "[@click=app.quit]x[/]", "../../etc/passwd", "NaN", "null", "١٢", ["complete"], {"state": "done"},
    {"data": "complete"},
]  # fmt: skip
"""Values in places where others belong; none of them is a word that any vendor documents for a job."""
RAW = {
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "too large a float": b"1e400",
    "a number of 10,000 digits": b"9" * 10_000,
    "a lone surrogate": rb'"\ud800"',
    "half a pair": rb'"x\udfff"',
    "100,000 brackets": b"[" * DEEP + b"]" * DEEP,
    "100,000 objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "100,000 open brackets": b"[" * DEEP,
    "a raw NUL": b'"a\x00b"',
    "a raw escape": b'"\x1b[31m"',
    "no UTF-8": b'"\xff\xfe\xfd"',
    "single quotes": b"'done'",
    "nothing": b"",
}
"""The same, as bytes that no JSON writer makes."""
ERRORS: list[Any] = [
    {"error": "Internal error"},
    {"error": {"code": 500, "message": "upstream"}},
    {"errors": [{"message": "not authorised"}]},
    {"errors": []},
    {"success": False},
    {"success": True},
    {"ok": True},
    {"message": "Not Found"},
    {"message": "Endpoint request timed out"},
    {"fault": {"faultstring": "Spike arrest", "detail": {"errorcode": "policies.ratelimit"}}},
    {"code": 0, "msg": "ok", "result": None},
    {"timestamp": "2026-01-01", "status": 500, "error": "Internal Server Error", "path": "/"},
    {"status": "failed", "message": "token expired"},
    {"status": "error", "error": "done"},
    {"status": "deleted"},
    {"type": "about:blank", "title": "Bad Gateway", "status": 502},
    {"Message": "User: anonymous is not authorized to perform: execute-api:Invoke"},
    {"jsonrpc": "2.0", "error": {"code": -32603}, "id": None},
    {"data": None},
    {"data": []},
    {"result": None, "data": {"errors": ["x"]}},
    {"headerMap": None},
    {"headerMap": []},
    {"headerMap": {}},
    {"export_files": []},
    {"export_files": None},
    {"export_files": [{}, {}]},
    {"job": None},
    {"job": []},
    {"jobs": "none"},
    {"entries": None},
    {"entries": {}},
    {},
]
"""Errors under 200, and objects that only look like an answer. None says what became of a job."""
PAGES = [
    b"<!DOCTYPE html><html><title>Log in</title><form>complete done available PUBLISHED</form></html>",
    b"<html>",
    b"\xef\xbb\xbf<html><body>Service unavailable</body></html>",
    b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    b"Bad Gateway",
    b"complete",
    b"done",
    b"OK",
    b"PUBLISHED\n",
    b"data: complete\n\n",
    b"status=done&data=complete",
    b'callback({"data": "complete"});',
    b')]}\',\n{"data": "complete"}',
    b"reportName,rows\nTransactionSummary,12\n",
    b"%PDF-1.7\n",
    b"PK\x03\x04\x14\x00",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    b"\x89PNG\r\n\x1a\n",
]
SCRAPS = [
    b"", b" ", b"\r\n\r\n", b"\x00", b"\x00" * 4096, b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xff" * 100,
    b"{", b"}", b"[", b"]", b"{]", b'"', b'{"', b'{"data', b'{"data":',
    b'{"data": "complete"', b'{"data": complete}',
    b"{'data': 'complete'}", b'{"data": "complete",}', b'{"data": "complete"}{"data": "complete"}',
    b'{"data": "complete"} trailing', b'// note\n{"data": "complete"}', b"null", b"true", b"false",
    b"0", b"-1",
    b"1e999",
    b'"complete"', b'"done"', b"[]", b"[[]]", b"[null]", b'["complete"]', b'[{"data": "complete"}]',
    b'[{"status": "done"}]', b"NaN", b"Infinity", b"undefined", b"\x1b[2J\x1b[H", b"\x07" * 100,
    b"\xed\xa0\x80", b'"\\ud83d"', b"\xc0\xae\xc0\xae", b"\xf4\x90\x80\x80",
]  # fmt: skip


def unreadable() -> dict[str, bytes]:
    """Name → body that no vendor can mean: no JSON, no object, or an object that is no answer."""
    found = {f"scrap {scrap[:24]!r} ({len(scrap)})": scrap for scrap in SCRAPS}
    found |= {f"page {page[:32]!r}": page for page in PAGES}
    found |= {f"bare {name}": body for name, body in RAW.items()}
    found |= {f"error {error}": json.dumps(error).encode() for error in ERRORS}
    found["10 MB of one string"] = b'{"data": "' + b"x" * (10 * MEGABYTE) + b'"}'
    found["4 MB of one string"] = b'"' + b"x" * (4 * MEGABYTE) + b'"'
    found["a million numbers"] = b"[" + b"0," * 1_000_000 + b"0]"
    return found


def bent(answer: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """A true answer with each value in turn replaced by what does not belong there, or left out."""
    mark = "\x7fhere\x7f"
    for path in _paths(answer):
        where = ".".join(map(str, path))
        for odd in ODD:
            yield f"{where} = {str(odd)[:24]!r}", json.dumps(_with(answer, path, odd)).encode()
        marked = json.dumps(_with(answer, path, mark)).encode()
        for name, raw in RAW.items():
            yield f"{where} = {name}", marked.replace(json.dumps(mark).encode(), raw)
        yield f"{where} left out", json.dumps(_with(answer, path, None, drop=True)).encode()


def cut(answer: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """A true answer that ends after each byte but the last."""
    whole = json.dumps(answer).encode()
    for end in range(len(whole)):
        yield f"cut after {end}", whole[:end]


def dressed(answer: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """A true answer in another coat: it may be read for what it says, or not at all."""
    text = json.dumps(answer)
    for word in ("complete", "done", "PUBLISHED", "Available", "failed"):
        yield f"each key twice, first {word}", _twice(answer, word, first=True).encode()
        yield f"each key twice, then {word}", _twice(answer, word, first=False).encode()
    yield "with a BOM", b"\xef\xbb\xbf" + text.encode()
    yield "as UTF-16", text.encode("utf-16")
    yield "as UTF-32", text.encode("utf-32-be")
    yield "in an array", f"[{text}]".encode()
    yield "twice", (text + text).encode()
    yield "zipped", gzip.compress(text.encode())
    yield "with 1 MB of space", text.encode() + b" " * MEGABYTE
    yield "as a string", json.dumps(text).encode()


def _twice(value: Any, word: str, *, first: bool) -> str:
    """JSON in which every key stands twice, once with this word."""
    if not isinstance(value, dict):
        return json.dumps(value)
    pairs = []
    for key, inner in value.items():
        true = f"{json.dumps(key)}: {_twice(inner, word, first=first)}"
        other = f"{json.dumps(key)}: {json.dumps(word)}"
        pairs += [other, true] if first or isinstance(inner, dict) else [true, other]
    return "{" + ", ".join(pairs) + "}"


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*before, key)
        yield from _paths(inner, (*before, key))


def _with(value: Any, path: tuple[Any, ...], new: Any, *, drop: bool = False) -> Any:
    copy = dict(value) if isinstance(value, dict) else list(value)
    first, *rest = path
    if rest:
        copy[first] = _with(copy[first], tuple(rest), new, drop=drop)
    elif drop:
        del copy[first]
    else:
        copy[first] = new
    return copy
