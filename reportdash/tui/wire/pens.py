"""Pens: how cells look, each as one character, and what changes a terminal from one to another. Pure.

A line's pens are a string as long as the line: strings are compared and searched at the speed of C.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Look(NamedTuple):
    """Attributes as bits (their order is Rich's), colours as SGR parameters; empty: the terminal's own."""

    attributes: int = 0
    fore: str = ""
    back: str = ""


NO_PEN = "\0"
"""The pen of a cell of which nothing is known."""
PLAIN = "\1"
"""The pen of a terminal that was just reset."""

_ON = (1, 2, 3, 4, 5, 6, 7, 8, 9, 21, 51, 52, 53)
_OFF = {0: 22, 1: 22, 2: 23, 3: 24, 6: 27}
_BOLD_DIM = 0b11
_SURE = sum(1 << bit for bit in _OFF)
"""Attributes that every terminal can switch off one by one; the others end with a reset."""
_UNSEEN = 0b111
"""Attributes that do not show on a blank: bold, dim, italic."""
_STEPS = (0, 95, 135, 175, 215, 255)
_NUMBERED = {
    **{
        (red, green, blue): 16 + 36 * r + 6 * g + b
        for r, red in enumerate(_STEPS)
        for g, green in enumerate(_STEPS)
        for b, blue in enumerate(_STEPS)
    },
    **{(8 + 10 * n,) * 3: 232 + n for n in range(24)},
}
"""The colours that have a number on every terminal of 256 colours; the first 16 are each one's own."""
_REDEFINED = range(22)
"""Numbers that people's colour schemes give other colours: these are never said by number."""


def shortest(codes: Sequence[str]) -> str:
    """SGR parameters of one colour, as Rich has them; by its number where that is the same colour exactly."""
    if len(codes) == 5:
        red, green, blue = map(int, codes[2:])
        number = _NUMBERED.get((red, green, blue))
        if number is not None and number not in _REDEFINED:
            return f"{codes[0]};5;{number}"
    return ";".join(codes)


class Pens:
    """All looks met so far, and their pens."""

    def __init__(self) -> None:
        self._pens: dict[Look, str] = {}
        self._looks: dict[str, Look] = {}
        self._changes: dict[str, str] = {}
        self._fills = False
        self.erasable: set[str] = set()
        """Pens of which an erased cell looks like a blank."""
        self.own_ground: set[str] = set()
        """Pens with which lines that scroll in are blank on the terminal's own ground."""
        self.pen(Look())

    def pen(self, look: Look) -> str:
        """The pen of a look."""
        pen = self._pens.get(look)
        if pen is None:
            pen = self._pens[look] = chr(len(self._pens) + 1)
            self._looks[pen] = look
            if not look.back:
                self.own_ground.add(pen)
            if (self._fills or not look.back) and not look.attributes & ~_UNSEEN:
                self.erasable.add(pen)
        return pen

    def fill(self) -> None:
        """On this terminal an erased cell takes the background colour: on xterm, not on GNU screen."""
        self._fills = True
        self.erasable.update(pen for pen, look in self._looks.items() if not look.attributes & ~_UNSEEN)

    def change(self, old: str, new: str) -> str:
        """What brings a terminal from one pen to another; from NO_PEN by a reset."""
        if old == new:
            return ""
        text = self._changes.get(old + new)
        if text is None:
            text = self._changes[old + new] = _change(self._looks.get(old), self._looks[new])
        return text


def _change(old: Look | None, new: Look) -> str:
    if new == Look():
        return "\x1b[m"
    anew = _sgr(["0", *_switched_on(new.attributes), new.fore, new.back])
    if old is None:
        return anew
    gone, come = old.attributes & ~new.attributes, new.attributes & ~old.attributes
    if gone & ~_SURE:
        return anew
    parts = list(dict.fromkeys(str(off) for bit, off in _OFF.items() if gone >> bit & 1))
    if gone & _BOLD_DIM:
        # One number ends both.
        come |= new.attributes & _BOLD_DIM
    parts += _switched_on(come)
    if new.fore != old.fore:
        parts.append(new.fore or "39")
    if new.back != old.back:
        parts.append(new.back or "49")
    return min(_sgr(parts), anew, key=len)


def _switched_on(attributes: int) -> list[str]:
    return [str(number) for bit, number in enumerate(_ON) if attributes >> bit & 1]


def _sgr(parts: list[str]) -> str:
    return f"\x1b[{';'.join(part for part in parts if part)}m"
