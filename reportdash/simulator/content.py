"""Report bodies of any size, made from a seed and never held in memory as a whole.

A body is a header, a block of rows that repeats, and a footer, so that a range of a 1 GB file costs a slice.
"""

# ruff: noqa: S311 - chance here makes repeatable demo data, nothing secret

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

BLOCK_ROWS = 400
"""Distinct rows before they repeat: enough for a plausible file, little enough to make in a moment."""

VARIANTS = 4
"""Sets of such rows a kind of report has; files share them."""


@dataclass(frozen=True)
class Content:
    """The bytes `header + block * repeats + footer`."""

    header: bytes = b""
    block: bytes = b""
    repeats: int = 0
    footer: bytes = b""
    media_type: str = "text/csv"

    @cached_property
    def size(self) -> int:
        return len(self.header) + len(self.block) * self.repeats + len(self.footer)

    @cached_property
    def etag(self) -> str:
        """A strong entity tag, quotes included."""
        digest = hashlib.sha256(self.header)
        digest.update(self.block + b"%d" % self.repeats + self.footer)
        return f'"{digest.hexdigest()[:32]}"'

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`; the caller keeps both inside the size."""
        parts = []
        head, middle = len(self.header), len(self.block) * self.repeats
        if start < head:
            parts.append(self.header[start:stop])
        low, high = max(start - head, 0), min(stop - head, middle)
        if low < high:
            width = len(self.block)
            first = low // width
            span = self.block * (-(-high // width) - first)
            parts.append(span[low - first * width : high - first * width])
        low, high = max(start - head - middle, 0), stop - head - middle
        if low < high:
            parts.append(self.footer[low:high])
        return b"".join(parts)

    def all(self) -> bytes:
        return self.read(0, self.size)


def csv_content(rng: random.Random, kind: str, size: int, encoding: str = "utf-8") -> Content:
    """A CSV of about `size` bytes; at size 0 the header line alone."""
    header = ",".join(COLUMNS[kind]) + "\r\n"
    media = f"text/csv; charset={'iso-8859-1' if encoding == 'latin-1' else encoding}"
    lines = _lines(rng, kind, "csv", encoding) if size else []
    return _fill(header.encode(encoding), lines, b"", size, b"", media)


def json_content(rng: random.Random, kind: str, size: int, before: str, after: str) -> Content:
    """A JSON text `before` + `[row, …]` + `after` of about `size` bytes; `{total}` in it is the row count."""
    lines = _lines(rng, kind, "json", "utf-8") if size else []
    header, footer = f"{before}[".encode(), f"]{after}".encode()
    return _fill(header, lines, footer, size, b",", "application/json; charset=utf-8")


def _lines(rng: random.Random, kind: str, form: str, encoding: str) -> list[bytes]:
    """A row of its own, then shared ones from a place by chance: no two files are alike, and none is dear."""
    shared = _shared(kind, rng.randrange(VARIANTS), form, encoding)
    at = rng.randrange(len(shared))
    own = make_rows(rng, kind, 1)
    return [*_encoded(own, form, encoding), *shared[at:], *shared[:at]]


@lru_cache(maxsize=64)
def _shared(kind: str, variant: int, form: str, encoding: str) -> list[bytes]:
    rng = random.Random(f"{kind}/{variant}")
    return _encoded(make_rows(rng, kind, BLOCK_ROWS), form, encoding)


def _encoded(rows: list[dict[str, Any]], form: str, encoding: str) -> list[bytes]:
    if form == "json":
        return [json.dumps(row, ensure_ascii=False).encode(encoding) for row in rows]
    return [(",".join(map(_cell, row.values())) + "\r\n").encode(encoding) for row in rows]


def _fill(header: bytes, lines: list[bytes], footer: bytes, size: int, comma: bytes, media: str) -> Content:
    """Rows up to `size`: whole blocks repeat, a part of a block goes into the footer."""
    width = sum(map(len, lines)) + len(comma) * len(lines)
    repeats = size // width if width else 0
    rest: list[bytes] = []
    room = size - repeats * width
    for line in lines:
        if room <= 0:
            break
        rest.append(line)
        room -= len(line)
    if comma and repeats and not rest:
        rest = lines[:1]
    total = repeats * len(lines) + len(rest)
    block = b"".join(line + comma for line in lines) if repeats else b""
    end = comma.join(rest) + footer.replace(b"{total}", str(total).encode())
    return Content(header, block, repeats, end, media)


def _cell(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if "," in text else text


COLUMNS = {
    "registry": ("entityId", "accountNumber", "productId", "date", "units", "balance"),
    "ledger": ("AccountNo", "ValueDate", "Currency", "Debit", "Credit", "Balance", "Narrative"),
    "applicants": ("application_id", "term", "programme", "campus", "status", "gpa", "received_on"),
    "calls": ("call_id", "type", "started_at", "talk_time", "wait_time", "queue", "disposition"),
}


def make_rows(rng: random.Random, kind: str, count: int) -> list[dict[str, Any]]:
    """`count` rows of one of the kinds in `COLUMNS`; no person's data, real or made up."""
    maker = _MAKERS[kind]
    return [dict(zip(COLUMNS[kind], maker(rng, index), strict=True)) for index in range(count)]


def _day(rng: random.Random) -> str:
    return f"2026-{rng.randint(1, 11):02}-{rng.randint(1, 28):02}"


def _registry(rng: random.Random, index: int) -> tuple[Any, ...]:
    units = rng.randint(100, 900_000)
    price = round(rng.uniform(0.8, 2.4), 4)
    return (
        40_000 + index,
        f"7G{rng.randint(10**7, 10**8 - 1)}",
        rng.choice("ABCDEF") + "01",
        _day(rng),
        units,
        round(units * price, 2),
    )


def _ledger(rng: random.Random, index: int) -> tuple[Any, ...]:
    amount = round(rng.uniform(5, 90_000), 2)
    debit, credit = (amount, 0.0) if rng.random() < 0.5 else (0.0, amount)
    text = rng.choice(("Standing order", "Fees", "Interest", "Settlement, gross", "Reversal"))
    return (
        700_000 + index,
        _day(rng),
        rng.choice(("AUD", "EUR", "USD")),
        debit,
        credit,
        round(amount * 3, 2),
        text,
    )


def _applicants(rng: random.Random, index: int) -> tuple[Any, ...]:
    return (
        9_100_000 + index,
        rng.choice(("Fall 2027", "Spring 2027")),
        rng.choice(("Nursing", "Pharmacy", "Études françaises", "Physiotherapy")),
        rng.choice(("Montréal", "Zürich", "San José", "Leeds")),
        rng.choice(("received", "verified", "in review", "complete")),
        round(rng.uniform(2.4, 4.0), 2),
        _day(rng),
    )


def _calls(rng: random.Random, index: int) -> tuple[Any, ...]:
    return (
        f"{rng.getrandbits(64):016x}",
        rng.choice(("inbound", "outbound", "voicemail")),
        f"{_day(rng)}T{rng.randint(7, 19):02}:{rng.randint(0, 59):02}:00Z",
        rng.randint(4, 1800),
        rng.randint(0, 240),
        rng.choice(("billing", "support", "returns", "sales")),
        rng.choice(("answered", "missed", "abandoned")),
    )


_MAKERS = {"registry": _registry, "ledger": _ledger, "applicants": _applicants, "calls": _calls}
