"""What commands print: data on stdout, sentences for people on stderr, nothing a terminal would obey."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO
from unicodedata import category, east_asian_width

from reportdash.errors import Problem
from reportdash.logins import in_a_shell
from reportdash.plain import clean, clean_block, escaped

_COMMAND = re.compile(r"`[^`\n]*`")
_GLUE = "\x00"
"""Stands for a blank that is no place to break a line; no text that was cleaned has it."""
_USUAL = 80
"""Columns of a terminal that does not know how many it has."""
_STEPS = 8
"""Blanks that a line keeps at its beginning, at most."""


class NoOutput(Problem):
    """stdout takes no more: a full disk behind it, for one."""


@contextmanager
def _written() -> Iterator[None]:
    """Raises NoOutput where stdout cannot be written; a reader that has gone stays a BrokenPipeError."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NoOutput(
            f"the output cannot be written ({error.strerror}): make room, or write elsewhere"
        ) from None


def say(text: str) -> None:
    """A sentence for people, on stderr; a terminal that is gone takes none."""
    note(f"reportdash: {text}")


def note(text: str) -> None:
    """A quieter line for people, on stderr: progress, a hint, a prompt's context. Wrapped on a terminal."""
    try:
        columns, lines = columns_of(sys.stderr), clean_block(in_a_shell(text), 4000).split("\n")
        if columns:
            lines = [part for line in lines for part in wrapped(line, columns)]
        print("\n".join(lines), file=sys.stderr)
    except OSError:
        mute(2)  # what is left in its buffer would fail once more at the very end, and change the exit code


def columns_of(stream: TextIO) -> int | None:
    """How wide the terminal is that `stream` leads to; None: it leads to none, so nothing is wrapped."""
    try:
        return (os.get_terminal_size(stream.fileno()).columns or _USUAL) if stream.isatty() else None
    except (OSError, ValueError):
        return None


def wrapped(text: str, columns: int, *, head: str = "", indent: str = "") -> list[str]:
    """A line of cleaned `text` in lines of `columns`, the first after `head`, the others after `indent`.

    Broken between words alone: paths are there to be copied, and so is a command in backticks, which keeps to
    one line where one can hold it.
    """
    import textwrap

    def glued(command: re.Match[str]) -> str:
        found = command.group()
        return found.replace(" ", _GLUE) if len(found) <= columns else found

    lines = textwrap.wrap(
        _COMMAND.sub(glued, text),
        columns,
        initial_indent=head,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    made: list[str] = []
    for line in lines:
        start = indent if made else head
        if len(line) > columns and line.startswith(start):
            # One word that is too long behind what it stands after: it has a line for itself.
            made += [start.rstrip()] if start.strip() else []
            word = line.removeprefix(start)
            line = word.rjust(min(columns, len(indent) + len(word)))
        made.append(line.replace(_GLUE, " "))
    return made or [head.rstrip()]


def mute(*streams: int) -> None:
    """Lead stdout and stderr (or these) nowhere: nobody reads there, and who writes may wait for ever."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams or (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def data(text: str) -> None:
    """One line of data on stdout, flushed: the reader may be a pipe that acts on each line.

    It goes out as it is: a path has to. What a vendor said goes through `words` or `line_json`.
    """
    with _written():
        print(text)


def words(text: str) -> None:
    """One line on stdout with a vendor's words in it."""
    data(_stepped(text) + clean(in_a_shell(text), 4000))


def entry(name: str, text: str) -> None:
    """A named fact on stdout; on a terminal a long one goes on under its own beginning."""
    head, columns = f"{name:10}", columns_of(sys.stdout)
    for line in wrapped(clean(text, 1000), columns, head=head, indent=" " * 10) if columns else [head + text]:
        words(line)


def line_json(record: Mapping[str, Any]) -> None:
    """One JSON object on one line of stdout."""
    json_text(json.dumps(record, ensure_ascii=False, separators=(",", ":")))


def json_text(text: str) -> None:
    """One line of JSON that is made already."""
    data(escaped(text))


def told_once(told: Iterable[tuple[str, str]], longest: int) -> Iterator[str]:
    """The text of each (name, text); one over `longest` that was told already is `as` its first name."""
    names: dict[str, str] = {}
    for name, text in told:
        first = names.setdefault(text, name) if len(text) > longest else name
        yield text if first == name else f"as {first}"


def _stepped(text: str) -> str:
    """The blanks `text` begins with, which say that it belongs to what stands above; cleaning drops them.

    A few: a vendor's own may be a million.
    """
    return " " * min(len(text) - len(text.lstrip(" ")), _STEPS)


def _wide(text: str) -> int:
    """How many columns of a terminal `text` takes: of some signs each takes two, and a mark above none."""
    if text.isascii():
        return len(text)
    two = sum(east_asian_width(sign) in "WF" for sign in text)
    return len(text) + two - sum(category(sign) in ("Mn", "Me") for sign in text)


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: frozenset[int] = frozenset(),
    *,
    below: bool = False,
) -> None:
    """Columns as wide as their widest cell, two blanks apart, no rules; the last column is left ragged.

    `below`: it holds sentences. They are never cut, and on a terminal stand under their row, wrapped.
    """
    last, columns = len(head) - 1, columns_of(sys.stdout) if below else None
    cells = [
        [_stepped(cell) + clean(cell, 1000 if below and i == last else 120) for i, cell in enumerate(row)]
        for row in rows
    ]
    widths = [max([len(head[i]), *(_wide(row[i]) for row in cells)]) for i in range(len(head))]
    with _written():
        for row in [list(head), *cells]:
            parts = [
                cell.rjust(width + len(cell) - _wide(cell))
                if i in right
                else cell.ljust(width + len(cell) - _wide(cell))
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            if columns is None:
                print("  ".join(parts).rstrip())
                continue
            print("\n".join(wrapped("  ".join(parts[:last]), columns, indent="  ")))
            if row[last] and row[last] != head[last]:
                print("\n".join(wrapped(row[last], columns, head="  ", indent="  ")))
