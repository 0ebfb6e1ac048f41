"""From the cells that stand on a terminal to those that shall stand there, in few bytes. Pure.

A line is two strings, a character a cell: its text and its pens. Only what all terminals do the same way is
sent: CUP, CHA, CUF, CUB, CUU, CUD, CR, LF and BS to move, SGR, EL and ECH (on a colour only where `Pens` is
told that it fills what is erased), and DECSTBM with LF, RI, IL and DL to scroll. No REP, SU or SD: the Linux
console knows none of them. Automatic wrap is taken to be off, as Textual leaves it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress, pairwise
from operator import ne, or_
from typing import NamedTuple

from reportdash.tui.wire.pens import NO_PEN, PLAIN, Pens

UNKNOWN = "\udfff"
"""The text of a cell of which nothing is known; its pen is NO_PEN."""
BEHIND = "\udffe"
"""The text of the second cell of a wide character."""
COMPOSED = 0xD800
"""The first of the stand-ins for cells with more than one character. No text that is sent has one."""
MOST_COMPOSED = 1024

NEAR = 6
"""Unchanged cells between two changed ones that may be sent again in place of a move."""
LEAPT = 11
"""Blanks that are better erased and leapt over than sent; at the end of what is sent five are."""
WORTH = 200
"""Changed cells from which on scrolling is tried."""
ALIKE = 3
"""Lines that must stand elsewhere already before scrolling is tried."""

_BLANKS = re.compile(" {5,}")
_ODD = re.compile("[\ud800-\udfff]")


class Row(NamedTuple):
    """A line: the text of each cell and its pen."""

    text: str
    pens: str

    def over(self, x: int, part: Row) -> Row:
        """With `part` in its place from `x` on. A wide character cut there may be gone or not."""
        end = x + len(part.text)
        text, pens = self.text[:x], self.pens[:x]
        if self.text[x : x + 1] == BEHIND:
            text, pens = text[:-1] + UNKNOWN, pens[:-1] + NO_PEN
        return Row(text + part.text + self.text[end:], pens + part.pens + self.pens[end:])


class Encoder:
    """A terminal's cells, its pen, and the bytes that change them."""

    def __init__(self) -> None:
        self.pens = Pens()
        self.width = 0
        self.height = 0
        self.pen = NO_PEN
        self.rows: list[Row] = []
        self.composed: dict[str, str] = {}
        self._unknown = Row("", "")

    def forget(self, width: int, height: int) -> None:
        """Nothing is known of the terminal but its size."""
        self.width, self.height = width, height
        self.pen = NO_PEN
        self.composed.clear()
        self._unknown = Row(UNKNOWN * width, NO_PEN * width)
        self.rows = [self._unknown] * height

    def stand_in(self, text: str) -> str | None:
        """The one character that stands for a cell of several in a Row; None when there are too many."""
        made = self.composed.get(text)
        if made is None and len(self.composed) < MOST_COMPOSED:
            made = self.composed[text] = chr(COMPOSED + len(self.composed))
        return made

    def update(self, rows: Mapping[int, Row]) -> str:
        """What makes these lines stand where they are mapped; empty when they do already.

        Unknown cells of a line may show anything.
        """
        old = self.rows
        changed = {y: row for y, row in sorted(rows.items()) if row != old[y]}
        if not changed:
            return ""
        wrong = {y: differing(old[y], row) for y, row in changed.items()}
        cells = sum(map(len, wrong.values()))
        best = self._scrolled(changed) if cells > WORTH and len(changed) > ALIKE else None
        if best is None or len(best.sent) > cells:
            plain = self._writer()
            for y, row in changed.items():
                plain.line(y, old[y], row, wrong[y])
            if best is None or len(plain.sent) <= len(best.sent):
                best = plain
        for y, row in changed.items():
            old[y] = row
        self.pen = best.pen
        return best.sent

    def _writer(self) -> Writer:
        return Writer(self.pens, self.pen, self.width, self.composed)

    def _scrolled(self, changed: Mapping[int, Row]) -> Writer | None:
        """The same by scrolling first, if many of the new lines stand a little higher or lower already."""
        found = find_scroll(self.rows, changed)
        if found is None:
            return None
        top, bottom, by = found
        # A cursor that stays on the last line lights it up before and after: then only its words differ.
        other = (top, bottom - 1) if by > 0 else (top + 1, bottom)
        ways = [self._shifted(changed, first, last, by) for first, last in ((top, bottom), other)]
        return min((way for way in ways if way is not None), key=lambda way: len(way.sent), default=None)

    def _shifted(self, changed: Mapping[int, Row], top: int, bottom: int, by: int) -> Writer | None:
        """With the lines from `top` to `bottom` scrolled first."""
        region = self.rows[top : bottom + 1]
        if len(region) <= abs(by) or any(NO_PEN in row.pens for row in region):
            return None
        writer = self._writer()
        # With a colour set, what scrolls in differs from terminal to terminal.
        fresh = self._unknown
        if self.pen in self.pens.own_ground:
            fresh = Row(" " * self.width, PLAIN * self.width)
        writer.scroll(top, bottom, by)
        before = [*region[by:], *[fresh] * by] if by > 0 else [*[fresh] * -by, *region[:by]]
        # First the line that scrolled in where the cursor is.
        for y in sorted(range(top, bottom + 1), reverse=by > 0):
            row, old = changed.get(y, self.rows[y]), before[y - top]
            if row != old:
                writer.line(y, old, row, differing(old, row))
        for y, row in changed.items():
            if not top <= y <= bottom:
                writer.line(y, self.rows[y], row, differing(self.rows[y], row))
        writer.end_scroll()
        return writer


def differing(old: Row, new: Row) -> Sequence[int]:
    """The cells of `new` that do not stand there yet."""
    if not old.pens.strip(NO_PEN):
        wrong: Sequence[int] = range(len(new.text))
    elif old.pens == new.pens:
        wrong = list(compress(range(len(new.text)), map(ne, old.text, new.text)))
    else:
        either = map(or_, map(ne, old.text, new.text), map(ne, old.pens, new.pens))
        wrong = list(compress(range(len(new.text)), either))
    if NO_PEN in new.pens:
        wrong = [x for x in wrong if new.pens[x] != NO_PEN]
    return wrong


def find_scroll(rows: Sequence[Row], changed: Mapping[int, Row]) -> tuple[int, int, int] | None:
    """The lines to scroll (first and last of the region) and by how many, upwards when positive."""
    stood: dict[str, list[int]] = {}
    for y in changed:
        text = rows[y].text
        if not text.isspace():
            stood.setdefault(text, []).append(y)
    matches = [
        (other - y, y) for y, row in changed.items() for other in stood.get(row.text, ()) if other != y
    ]
    votes = Counter(by for by, _ in matches).most_common(1)
    if not votes or votes[0][1] < ALIKE:
        return None
    by = votes[0][0]
    lines = [y for found, y in matches if found == by]
    lines += [y + by for y in lines]
    return min(lines), max(lines), by


class Writer:
    """Collects what is sent for one update, and knows where the cursor and the pen are then."""

    def __init__(self, pens: Pens, pen: str, width: int, composed: Mapping[str, str]) -> None:
        self.pens = pens
        self.pen = pen
        self.width = width
        self._composed = composed
        # Where the cursor is at first is not relied on: others write to a terminal too.
        self._y = -1
        self._x = -1
        self._scrolling = False
        self._parts: list[str] = []

    @property
    def sent(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    # Lines.

    def line(self, y: int, old: Row, new: Row, wrong: Sequence[int]) -> None:
        """Make the line `new` out of `old`; `wrong` are the cells that differ."""
        if not wrong:
            return
        if len(wrong) == self.width:
            self._run(y, 0, self.width, new)
            return
        if new.text[-1] == " " and new.pens[-1] in self.pens.erasable:
            wrong = self._with_tail(wrong, new)
        start = wrong[0]
        end = start
        for x in wrong:
            if x > end and not self._bridges(end, x, new):
                self._run(y, start, end, new)
                start = x
            end = x + 1
        self._run(y, start, end, new)

    def _with_tail(self, wrong: Sequence[int], new: Row) -> Sequence[int]:
        """With all cells up to the end of the line where that is blank: then one EL does it."""
        start = max(len(new.text.rstrip(" ")), len(new.pens.rstrip(new.pens[-1])))
        at = bisect_left(wrong, start)
        if len(wrong) - at > 3:
            return [*wrong[:at], *range(wrong[at], self.width)]
        return wrong

    def _bridges(self, start: int, end: int, new: Row) -> bool:
        """Whether sending these unchanged cells again costs no more than a move over them."""
        gap = end - start
        if gap > NEAR:
            return False
        pens, text = new.pens[start - 1 : end + 1], new.text[start:end]
        if NO_PEN in pens or _ODD.search(text):
            return False
        cost = gap if text.isascii() else len(text.encode())
        if cost > 4:
            return False
        if pens.strip(pens[0]):
            change = self.pens.change
            cost += sum(change(a, b) != "" and len(change(a, b)) for a, b in pairwise(pens))
            cost -= len(change(pens[0], pens[-1]))
        return cost <= (3 if gap == 1 else 4)

    def _run(self, y: int, start: int, end: int, new: Row) -> None:
        """Send the cells from `start` up to `end`."""
        self._go(y, start)
        while start < end:
            pen = new.pens[start]
            stop = end - len(new.pens[start:end].lstrip(pen))
            if pen != self.pen:
                self._parts.append(self.pens.change(self.pen, pen))
                self.pen = pen
            text = new.text[start:stop]
            if not text.isascii() and _ODD.search(new.text, start, stop + 1):
                self._odd(y, start, text, new.text[stop : stop + 1])
            elif "     " in text and pen in self.pens.erasable:
                self._sparse(start, text, end)
            else:
                self._put(text, stop)
            start = stop
            if start < end:
                self._go(y, start)

    def _put(self, text: str, stop: int) -> None:
        self._parts.append(text)
        self._y_x(stop)

    def _y_x(self, stop: int) -> None:
        # Behind the last cell terminals differ in where the cursor is.
        self._x = stop if stop < self.width else -1

    def _sparse(self, start: int, text: str, end: int) -> None:
        """Text with many blanks: these are erased where that is shorter. `end`: of all that is sent here."""
        done, x = 0, start + len(text)
        for blanks in _BLANKS.finditer(text):
            at, stop = blanks.span()
            if start + stop == self.width:
                erase, x = "\x1b[K", start + at
            elif start + stop == end:
                erase, x = f"\x1b[{stop - at}X", start + at
            elif stop - at < LEAPT:
                continue
            else:
                # More is to come: the cursor has to be moved over it.
                erase = f"\x1b[{stop - at}X\x1b[{stop - at}C"
            self._parts += (text[done:at], erase)
            done = stop
        if done < len(text):
            self._parts.append(text[done:])
        self._y_x(x)

    def _odd(self, y: int, start: int, text: str, after: str) -> None:
        """Cells with wide or composed characters. Behind them, as terminals differ, the column is said."""
        meant = {stand_in: cell for cell, stand_in in self._composed.items()}
        sure = True
        for x, (char, follows) in enumerate(zip(text, text[1:] + (after or " "), strict=True), start):
            if char == BEHIND:
                continue
            plain = char not in meant and follows != BEHIND
            if plain and not sure:
                self._x = -1
                self._go(y, x)
            sure = plain
            self._put(meant.get(char, char), x + 1)
        if sure:
            self._y_x(start + len(text))
        else:
            self._x = -1

    # Moving.

    def _go(self, y: int, x: int) -> None:
        """Move the cursor the cheapest way. Both coordinates from 0."""
        if self._y == y:
            if self._x != x:
                self._parts.append(self._along(x))
        else:
            self.end_scroll()
            self._parts.append(self._across(y, x))
        self._y, self._x = y, x

    def _along(self, x: int) -> str:
        """A move within the line."""
        if x == 0:
            return "\r"
        column = f"\x1b[{x + 1}G"
        if self._x < 0:
            return column
        by = x - self._x
        step = _step(by, "C") if by > 0 else "\b" * -by if by >= -4 else _step(-by, "D")
        return step if len(step) < len(column) else column

    def _across(self, y: int, x: int) -> str:
        """A move to another line."""
        best = f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H" if y else "\x1b[H"
        if self._y < 0:
            return best
        by = y - self._y
        if 0 < by < 4:
            down = "\r" + "\n" * by + (_step(x, "C") if x else "")
            # The line discipline makes two bytes of a line feed.
            if len(down) + by < len(best):
                best = down
        if x == self._x:
            step = _step(by, "B") if by > 0 else _step(-by, "A")
            if len(step) < len(best):
                best = step
        return best

    def scroll(self, top: int, bottom: int, by: int) -> None:
        """Scroll the lines from `top` to `bottom` by so many, upwards when positive.

        Until another line is gone to, only these lines are the terminal's scrolling region.
        """
        up = by > 0
        if up and by <= 2 and top:
            # Not from the first line of all: there lines would go into a terminal's memory of lines gone by.
            at, act = bottom, "\n" * by
        elif by == -1:
            at, act = top, "\x1bM"
        else:
            count = "" if abs(by) == 1 else str(abs(by))
            at, act = top, f"\x1b[{count}{'M' if up else 'L'}"
        self._parts.append(f"\x1b[{top + 1};{bottom + 1}r\x1b[{at + 1}H{act}")
        self._y, self._x = at, 0
        self._scrolling = True

    def end_scroll(self) -> None:
        """All lines are the terminal's scrolling region again; that moves the cursor."""
        if self._scrolling:
            self._parts.append("\x1b[r")
            self._y = self._x = -1
            self._scrolling = False


def _step(by: int, letter: str) -> str:
    return f"\x1b[{letter}" if by == 1 else f"\x1b[{by}{letter}"
