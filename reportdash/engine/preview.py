"""The first rows of a saved report: how it is written, and what it begins with as a table or lines.

At most `HEAD` bytes are read, from the start; a row that the end of them cuts is left out. Never raises: what
stands in the way is a sentence. `read` blocks, `read_all` does so beside the loop; `parse` is pure.
"""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from reportdash.engine.decoding import archive, decoded
from reportdash.net.offloop import aside
from reportdash.plain import clean

HEAD = 64 * 1024
"""Bytes of a file that are read."""
ROWS = 20
"""Rows that are kept."""
LINES = 40
"""Lines that are kept of what is no table."""
CELL = 120
"""Characters that are kept of a cell."""

_DELIMITERS = ",;\t|"
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_TABLES = frozenset({"csv", "tsv"})
_DEEP = 4
"""How many objects down an array of rows is looked for."""


class Table(NamedTuple):
    """Rows of cells, all harmless text. `header` is empty where the first row is data already.

    `total`: rows in all, None when the file is longer than what was read. `numbers`: columns of numbers only.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int | None
    numbers: frozenset[int]


class Preview(NamedTuple):
    """What a file begins with: a table, or lines, or (`why`) a sentence on why there is neither.

    `stamp`: size in bytes and time of change in ns, None where there is no file. `about`: how it is written.
    `whole`: whether the lines are all there are.
    """

    stamp: tuple[int, int] | None
    about: tuple[str, ...] = ()
    table: Table | None = None
    lines: tuple[str, ...] = ()
    whole: bool = True
    why: str = ""


def read(path: str, known: Preview | None = None) -> Preview:
    """The head of the file; `known`, when the file is still as it was then. Blocks."""
    try:
        found = Path(path).stat()
        stamp = found.st_size, found.st_mtime_ns
        if known is not None and known.stamp == stamp:
            return known
        if not stat.S_ISREG(found.st_mode):
            return Preview(stamp, why="What lies at its path is no file.")
        # Without waiting, should a pipe have taken its place since.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            head = file.read(HEAD)
    except (FileNotFoundError, NotADirectoryError):
        return Preview(None, why="The file is no longer where it was saved.")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its path is not one"
        return Preview(None, why=f"The file cannot be read: {reason}.")
    extension = Path(path).suffix.removeprefix(".").lower()
    try:
        return parse(head, extension, whole=stamp[0] <= len(head))._replace(stamp=stamp)
    except (ValueError, RecursionError, csv.Error, OverflowError):
        return Preview(stamp, why="The file cannot be read as a table or as text.")


async def read_all(paths: Sequence[str], known: Mapping[str, Preview]) -> dict[str, Preview]:
    """The heads of these files, by path; of one that is still as it is `known` nothing is read again."""
    return await aside(lambda: {path: read(path, known.get(path)) for path in paths})


def parse(head: bytes, extension: str, *, whole: bool) -> Preview:
    """What the first bytes show; `whole`: they are the entire file. Raises as csv and json do."""
    if not head:
        return Preview(None, why="The file is empty.")
    packed = archive(head)
    if packed is not None:
        return Preview(None, why=f"The file is {packed}: there are no rows to show of it as it is.")
    read_as = decoded(head, whole=whole)
    if read_as is None:
        return Preview(None, why="The file is binary: there are no rows to show of it.")
    text, encoding = read_as
    if not text.strip():
        return Preview(None, why="There is nothing but blanks in the file.")
    start = text.lstrip()[:1]
    if start and start in "[{":
        found = _json(text, encoding, whole)
        if found is not None:
            return found
    if start != "<":
        table = _separated(text, encoding, extension, whole)
        if table is not None:
            return table
    return _as_lines(_rows_of_text(text, whole), ("text", encoding), whole)


# Separated values.


def _separated(text: str, encoding: str, extension: str, whole: bool) -> Preview | None:
    given = None
    if text[:4].lower() == "sep=" and text[4:5] and text[5:6] in "\r\n":
        # A line that tells a spreadsheet the delimiter; it is no row.
        given, text = text[4], text[5:].lstrip("\r\n")
    named = extension in _TABLES
    delimiter = given or _delimiter(text, whole, sure=named)
    if delimiter is None:
        if not named:
            return None
        delimiter = ","
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if not whole:
        # The last one may be cut, or an open quote may have swallowed what follows.
        rows = rows[:-1]
    if not rows:
        return Preview(
            None, why=f"Its first row is longer than the {HEAD // 1024} KiB that are read of a file."
        )
    first, rest = rows[0], rows[1:]
    # A report without rows still has its titles.
    header = first if _titles(first) and (rest or (named and whole)) else []
    body = rest if header else rows
    total = len(body) if whole else None
    kind = "CSV" if delimiter != "\t" else "TSV"
    between = f"{_NAMES.get(delimiter, clean(delimiter))} between columns"
    return Preview(None, (kind, encoding, between), _table(header, body, total))


def _delimiter(text: str, whole: bool, *, sure: bool) -> str | None:
    """The character that makes the most even table of the first rows; None when none does.

    `sure`: it is known to be a table, so less of a pattern is enough.
    """
    best: tuple[float, int] = (0.3 if sure else 0.7, 1)
    found = None
    for delimiter in _DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        counts = [len(row) for row in islice(reader, ROWS + 1) if row]
        if not whole and len(counts) > 1:
            counts = counts[:-1]
        if not counts:
            continue
        columns, times = Counter(counts).most_common(1)[0]
        if columns < 2 or (len(counts) < 2 and not sure):
            continue
        score = (times / len(counts), columns)
        if score > best:
            best, found = score, delimiter
    return found


def _titles(row: Sequence[str]) -> bool:
    """Whether a first row names columns: none of its cells is a number, and there is one at least."""
    return any(cell.strip() for cell in row) and not any(is_number(cell) for cell in row)


def is_number(text: str) -> bool:
    """Whether a cell is a number as reports write them: `-1,234.50`, `1.234,50`, `(12)`, `12 %`, `1e-5`."""
    text = text.strip().removesuffix("%").strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    text = text.removeprefix("-").removeprefix("+").lstrip("$€£").strip()
    if not text[:1].isdigit() and not (text[:1] in (".", ",") and text[1:2].isdigit()):
        return False
    mantissa, mark, exponent = text.lower().partition("e")
    if mark and not exponent.removeprefix("-").removeprefix("+").isdigit():
        return False
    digits = mantissa.translate(_GROUPING)
    return digits.isascii() and digits.isdigit() and sum(mantissa.count(c) for c in " \u00a0\u202f") <= 6


_GROUPING = str.maketrans("", "", ".,'\u2019 \u00a0\u202f")


# JSON.


def _json(text: str, encoding: str, whole: bool) -> Preview | None:
    about: tuple[str, ...] = ("JSON", encoding)
    try:
        items = list(_items(text, 0, 0))
        if items:
            sound = whole and _is_sound(text)
            if whole and not sound:
                about = (*about, "it breaks off")
            columns = list(dict.fromkeys(key for item in items[:ROWS] for key in item))
            body = [[_cell(item.get(key)) for key in columns] for item in items[:ROWS]]
            return Preview(None, about, _table(columns, body, len(items) if sound else None))
        if not whole:
            return _as_lines(_rows_of_text(text, whole), about, whole)
        shown = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return _as_lines(shown.splitlines(), about, whole)


_DECODER = json.JSONDecoder()


def _is_sound(text: str) -> bool:
    """Whether the whole text is JSON, or each of its lines is."""
    for values in ([text], text.split("\n")):
        try:
            for value in values:
                if value.strip():
                    json.loads(value)
        except ValueError:
            continue
        return True
    return False


def _items(text: str, at: int, deep: int) -> Iterator[dict[str, Any]]:
    """The objects of the first array of objects in the value at `at`; or of one object a line.

    Ends where the text is cut. Raises ValueError for what is no JSON.
    """
    at = _blank(text, at)
    if text[at : at + 1] == "[":
        yield from _objects(text, at + 1, ",")
    elif text[at : at + 1] == "{":
        try:
            _, end = _DECODER.raw_decode(text, at)
        except ValueError:
            end = len(text)
        if deep == 0 and text[_blank(text, end) : _blank(text, end) + 1] == "{":
            yield from _objects(text, at, "")
        elif deep < _DEEP:
            for value in _values(text, at + 1):
                if text[value : value + 1] in ("[", "{"):
                    found = list(_items(text, value, deep + 1))
                    if found:
                        yield from found
                        return


def _objects(text: str, at: int, between: str) -> Iterator[dict[str, Any]]:
    while True:
        at = _blank(text, at)
        if text[at : at + 1] != "{":
            return
        try:
            item, at = _DECODER.raw_decode(text, at)
        except ValueError:
            return
        yield item
        at = _blank(text, at)
        if between:
            if text[at : at + 1] != between:
                return
            at += 1


def _values(text: str, at: int) -> Iterator[int]:
    """Where the values of an object begin."""
    while True:
        at = _blank(text, at)
        if text[at : at + 1] != '"':
            return
        try:
            _, at = _DECODER.raw_decode(text, at)
            at = _blank(text, at)
            if text[at : at + 1] != ":":
                return
            at = _blank(text, at + 1)
            yield at
            _, at = _DECODER.raw_decode(text, at)
        except ValueError:
            return
        at = _blank(text, at)
        if text[at : at + 1] != ",":
            return
        at += 1


def _blank(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return at


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# What both end in.


def _table(header: Sequence[str], body: Sequence[Sequence[str]], total: int | None) -> Table:
    kept = body[:ROWS]
    columns = max([len(header), *map(len, kept)])
    numbers = frozenset(
        column
        for column in range(columns)
        if (cells := [row[column] for row in kept if column < len(row) and row[column].strip()])
        and all(map(is_number, cells))
    )
    return Table(
        tuple(_harmless(header, columns)) if header else (),
        tuple(tuple(_harmless(row, columns)) for row in kept),
        total,
        numbers,
    )


def _harmless(cells: Sequence[str], columns: int) -> Iterator[str]:
    for column in range(columns):
        yield clean(cells[column], CELL) if column < len(cells) else ""


def _rows_of_text(text: str, whole: bool) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # A file that is one long line is better than nothing, cut as it is.
    return lines if whole or len(lines) == 1 else lines[:-1]


def _as_lines(lines: Iterable[str], about: tuple[str, ...], whole: bool) -> Preview:
    told = list(lines)
    while told and not told[-1].strip():
        told.pop()
    kept = tuple(_line(line) for line in told[:LINES])
    return Preview(None, about, lines=kept, whole=whole and len(told) <= LINES)


def _line(text: str) -> str:
    lead = min(len(text) - len(text.lstrip(" ")), 40)
    return " " * lead + clean(text, 400)
