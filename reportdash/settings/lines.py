"""On which line a key of a TOML text stands. tomllib says what the text means, but not where.

Reads text that tomllib has accepted already; on anything else it stops and knows less, it never raises.
"""

from __future__ import annotations

import contextlib
import re
import tomllib

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
# Blanks, line ends and comments: what may stand between the values of an array.
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}#\r\n]*")
_STRINGS = (
    re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)


class _Stop(Exception):
    """The text is not what we thought; what was found so far stands."""


def key_lines(text: str) -> dict[Path, int]:
    """Line (from 1) of every key and table, by its path; array places are numbers from 0."""
    scanner = _Scanner(text)
    with contextlib.suppress(_Stop, RecursionError):
        scanner.document()
    return scanner.lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the nearest table around it."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.arrays: dict[Path, int] = {}  # how many [[tables]] so far

    def document(self) -> None:
        table: Path = ()
        while True:
            self.skip(_GAP)
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _Stop
        self.at = match.end()
        return match.group()

    def take(self, sign: str) -> bool:
        if self.text.startswith(sign, self.at):
            self.at += len(sign)
            return True
        return False

    def note(self, path: Path, start: int) -> None:
        line = self.text.count("\n", 0, start) + 1
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def header(self) -> Path:
        start = self.at
        many = self.take("[[")
        if not many:
            self.at += 1
        path: Path = ()
        for part in self.key():
            path = (*path, part)
            if path in self.arrays:
                path = (*path, self.arrays[path])
        if many:
            name = path[:-1] if path and isinstance(path[-1], int) else path
            self.arrays[name] = self.arrays.get(name, -1) + 1
            path = (*name, self.arrays[name])
        if not self.take("]]" if many else "]"):
            raise _Stop
        self.note(path, start)
        # A table that a longer header had named before it has its own line now.
        self.lines[path] = self.text.count("\n", 0, start) + 1
        return path

    def key(self) -> list[str]:
        parts = []
        while True:
            self.skip(_BLANK)
            if self.at < len(self.text) and self.text[self.at] in "\"'":
                parts.append(self.quoted_key())
            else:
                parts.append(self.skip(_BARE))
            self.skip(_BLANK)
            if not self.take("."):
                return parts

    def quoted_key(self) -> str:
        raw = self.string()
        try:
            return str(tomllib.loads(f"key = {raw}")["key"])
        except ValueError:
            raise _Stop from None

    def string(self) -> str:
        for pattern in _STRINGS:
            match = pattern.match(self.text, self.at)
            if match:
                self.at = match.end()
                return match.group()
        raise _Stop

    def pair(self, table: Path) -> None:
        start = self.at
        path = (*table, *self.key())
        if not self.take("="):
            raise _Stop
        self.note(path, start)
        self.skip(_BLANK)
        self.value(path)

    def value(self, path: Path) -> None:
        sign = self.text[self.at : self.at + 1]
        if sign in ("'", '"') and sign:
            self.string()
        elif sign == "[":
            self.array(path)
        elif sign == "{":
            self.inline_table(path)
        else:
            self.skip(_SCALAR)

    def array(self, path: Path) -> None:
        self.at += 1
        place = 0
        while True:
            self.skip(_GAP)
            if self.take("]"):
                return
            start = self.at
            self.note((*path, place), start)
            self.value((*path, place))
            self.skip(_GAP)
            place += 1
            if not self.take(",") and not self.text.startswith("]", self.at):
                raise _Stop

    def inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self.skip(_GAP)
            if self.take("}"):
                return
            self.pair(path)
            self.skip(_GAP)
            if not self.take(",") and not self.text.startswith("}", self.at):
                raise _Stop
