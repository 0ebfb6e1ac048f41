"""A large JSON report taken out of its envelope while it comes, in little memory however large it is.

`Unwrapping` is fed the answer in pieces and gives the report in pieces, written as `json.dumps` would. What
is held is never more than a row, and every byte is checked: a fault is noticed where it stands.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

ROW = 64 * 1024
"""Characters of a row that is read at once; a longer one is read word by word."""
DEPTH = 500
"""Objects and arrays within each other; what nests deeper is no report."""
FIELDS = 100
"""Fields of an envelope; what has more is none."""
WORD = 4096
"""Characters of a number, and of what is kept of the envelope's own words."""

_BLANKS = re.compile(r"[ \t\r\n]*")
_RUN = re.compile(r"[-+.0-9A-Za-z]*")
_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_TEXT = re.compile(r'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})){1,2000}+')
_HALF = re.compile(r"(?<!\\)(?:\\\\)*\\u[dD][89abAB][0-9A-Fa-f]{2}\Z")  # of two for one character

# Many values at a time, by their looks; `row` reads them for good. A simple object or array holds at most
# such ones as hold none.
_S = r"[ \t\r\n]*+"
_STRING = r'"(?:[^"\\]++|\\.)*+"'
_WITHIN = rf'[^{{}}\[\]"]++|{_STRING}'
_BEGUN = rf"[{{\[](?:{_WITHIN}|[{{\[](?:{_WITHIN})*+[}}\]])*+"
_ITEM = rf"(?:{_BEGUN}[}}\]]|{_STRING}|[-+.0-9A-Za-z]++){_S}(?=[,}}\]])"
_MEMBER = rf"{_STRING}{_S}:{_S}{_ITEM}"
_SIMPLE = re.compile(_BEGUN, re.DOTALL)
_MANY = {
    "]": re.compile(rf"{_ITEM}(?:,{_S}{_ITEM})*+", re.DOTALL),
    "}": re.compile(rf"{_MEMBER}(?:,{_S}{_MEMBER})*+", re.DOTALL),
}
_ENDS = {"{": "}", "[": "]"}


class Unwrapping:
    """Feed it the answer's bytes; it gives the JSON text of the envelope's field `wanted`, as UTF-8.

    `row` reads one JSON value, of at most a row, and writes it again. `words`: the envelope's simple fields
    as JSON, by their names in lower case; at the end all of them, the wanted one too. `found`: whether it was
    there. Raises ValueError for what is no JSON object, names a field of the envelope twice, or nests too
    deep.
    """

    def __init__(self, wanted: str, row: Callable[[str], str]) -> None:
        self.words: dict[str, str] = {}
        self.found = False
        self._wanted = wanted
        self._row = row
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._last = False
        self._out: list[str] = []
        self._ends: list[str] = []  # of each object and array that is open
        self._next = "value"  # or: first (of an object or array), key, colon, comma, string, done
        self._is_key = False
        self._emits = False
        self._fields: set[str] = set()
        self._name = ""
        self._kept = ""

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """The report's next bytes. `last`: nothing comes after `data`."""
        self._text = self._text[self._at :] + self._decoder.decode(data, last)
        self._at, self._last = 0, last
        while self._step():
            pass
        if last and self._next != "done":
            raise ValueError("the answer ends too early")
        given = "".join(self._out).encode()
        self._out.clear()
        return given

    def _step(self) -> bool:
        """Read one thing. False: that takes more text."""
        text, state = self._text, self._next
        if state == "string":
            return self._string()
        blanks = _BLANKS.match(text, self._at)
        self._at = at = blanks.end() if blanks else self._at
        if at >= len(text):
            return False
        sign = text[at]
        end = self._ends[-1] if self._ends else ""
        if state in ("first", "comma") and sign == end:
            self._close(sign)
        elif len(self._ends) > 1 and state != "comma" and state != "colon" and self._many(end, state):
            pass
        elif state == "comma" and sign == ",":
            self._give(", ", 1)
            self._next = "key" if end == "}" else "value"
        elif state == "colon" and sign == ":":
            self._give(": ", 1)
            self._next = "value"
            if len(self._ends) == 1:
                self._field()
        elif sign == '"' and (state == "key" or (state == "first" and end == "}")):
            self._open_string(key=True)
        elif state == "value" or (state == "first" and end == "]"):
            return self._value(sign)
        else:
            raise ValueError("this is no JSON")
        return True

    def _give(self, text: str, read: int) -> None:
        """`text` goes out in place of the next `read` characters."""
        if self._emits:
            self._out.append(text)
        self._at += read

    def _field(self) -> None:
        """A field of the envelope begins."""
        self._name = self._kept.casefold()
        if self._name in self._fields or len(self._fields) >= FIELDS:
            raise ValueError("a field stands twice, or there are too many")
        self._fields.add(self._name)
        self._emits = self._name == self._wanted
        self.found = self.found or self._emits

    def _ended(self) -> None:
        """A value ended."""
        self._next = "comma"
        if len(self._ends) == 1:
            self._emits = False

    def _close(self, sign: str) -> None:
        self._give(sign, 1)
        self._ends.pop()
        self._ended()
        if not self._ends:
            self._next = "done"

    def _value(self, sign: str) -> bool:
        if not self._ends and sign != "{":
            raise ValueError("there is no envelope")
        if sign == '"':
            self._open_string(key=False)
            return True
        if sign not in _ENDS:
            return self._scalar()
        if self._ends and (done := self._simple()) is not None:
            return done
        if len(self._ends) >= DEPTH:
            raise ValueError("it nests too deep")
        self._give(sign, 1)
        self._ends.append(_ENDS[sign])
        self._next = "first"
        return True

    def _many(self, end: str, state: str) -> bool:
        """Read as many values or members as are here whole and simple; False where the first is not."""
        if state == "value" and end == "}":
            return False  # its key was read word by word
        many = _MANY[end].match(self._text, self._at, self._at + ROW)
        if many is None:
            return False
        opens = "[" if end == "]" else "{"
        self._give(self._row(f"{opens}{many[0]}{end}")[1:-1], len(many[0]))
        self._ended()
        return True

    def _simple(self) -> bool | None:
        """Read an object or array that is simple. False: that takes more text; None: it is not."""
        text, at = self._text, self._at
        window = at + ROW
        begun = _SIMPLE.match(text, at, window)
        stop = begun.end() if begun else at
        sign = text[stop : stop + 1]
        if stop < window and sign and sign in "}]":
            self._give(self._row(text[at : stop + 1]), stop + 1 - at)
            self._ended()
            return True
        return False if not self._last and window > len(text) and sign not in ("{", "[") else None

    def _scalar(self) -> bool:
        run = _RUN.match(self._text, self._at)
        word = run[0] if run else ""
        if len(word) <= WORD and self._at + len(word) == len(self._text) and not self._last:
            return False  # it may go on
        if len(word) > WORD or not _SCALAR.fullmatch(word):
            raise ValueError("this is no JSON value")
        if len(self._ends) == 1:
            self.words[self._name] = word
        self._give(self._row(word), len(word))
        self._ended()
        return True

    def _open_string(self, *, key: bool) -> None:
        self._is_key, self._kept, self._next = key, "", "string"
        self._give('"', 1)

    def _string(self) -> bool:
        """A piece of a string, or its end."""
        text, at = self._text, self._at
        if at >= len(text):
            return False
        if text[at] == '"':
            self._give('"', 1)
            if self._is_key:
                self._next = "colon"
                return True
            if len(self._ends) == 1:
                self.words[self._name] = self._row(f'"{self._kept}"')
            self._ended()
            return True
        piece = _TEXT.match(text, at, at + ROW)
        if piece is None:
            if text[at] == "\\" and len(text) - at < 6 and not self._last:
                return False
            raise ValueError("this is no JSON string")
        run = piece[0]
        if _HALF.search(run):
            if len(run) > 6:
                run = run[:-6]
            elif len(text) - at < 12 and not self._last:
                return False
        written = self._row(f'"{run}"')[1:-1] if "\\" in run else run
        if len(self._ends) == 1 and len(self._kept) < WORD:
            self._kept += written  # whole, for an escape must not be cut
        self._give(written, len(run))
        return True
