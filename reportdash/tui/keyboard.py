"""What is typed, read on the screen's own loop.

Textual reads in a thread. There a key first waits for the interpreter's lock, for as long as the loop or the
ledger's thread works, and then for the loop to wake up; here it is read between two callbacks.

A terminal sends escape before a key for alt with it, and over a slow line escape and the next key come at
once. Who left a form must not find the next keys in it: it is alt only where something is bound to that.
"""

from __future__ import annotations

import asyncio
import os
import re
import select
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator

from textual._xterm_parser import XTermParser
from textual.constants import ESCAPE_DELAY
from textual.events import Key
from textual.message import Message

MOST = 256
"""Bytes read at once: some eighty arrow keys, a tenth of a second. Signals and data come in between."""
_ESCAPE = "\x1b"
_PASTE = "\x1b[200~"
_MARK = re.compile("(\x1b\\[20[01]~)")
_HALF_A_MARK = re.compile(r"\x1b(\[(2(0[01]?)?)?)?\Z")
# What follows an escape in no sequence of a terminal; those go on with [ O P ] X ^ _ or a backslash.
_AND_A_KEY = re.compile(r"\x1b(?=([^\t\x7f\[OP\]X^_\\]))")


class Keyboard:
    """The terminal's input from `start` to `stop`: each message to `take`; `gone` when there is no more.

    `take` is told whether a message is the first of what came at once. `chord`: whether alt with this
    character means something.
    """

    def __init__(
        self,
        fileno: int,
        take: Callable[[Message, bool], None],
        gone: Callable[[], None],
        chord: Callable[[str], bool] = lambda character: False,
    ) -> None:
        self._fileno = fileno
        self._take = take
        self._gone = gone
        self._chord = chord
        self._held = ""
        self._pasting = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alone: asyncio.TimerHandle | None = None
        self._hang_up: select.epoll | None = None

    @property
    def waits(self) -> bool:
        """Whether something came of late that may be the beginning of more."""
        return self._alone is not None

    def start(self) -> None:
        """Listen; called on the loop. What came in halves before is forgotten."""
        self.stop()
        self._parser = XTermParser()
        self._held, self._pasting = "", False
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._loop = asyncio.get_running_loop()
        try:
            self._loop.add_reader(self._fileno, self._read)
        except OSError:
            self._loop = None  # not a terminal: a file is never waited for

    def lend(self) -> None:
        """Leave what is typed to somebody else, but notice when the terminal is gone."""
        self.stop()
        self._hang_up = select.epoll()
        try:
            self._hang_up.register(self._fileno, 0)  # no key, only its end
        except OSError:
            self._close_hang_up()
            return
        asyncio.get_running_loop().add_reader(self._hang_up.fileno(), self._ended)

    def _ended(self) -> None:
        self._close_hang_up()
        self._gone()

    def _close_hang_up(self) -> None:
        # Taken first: the signal that brings us back may come in the middle of this.
        hang_up, self._hang_up = self._hang_up, None
        if hang_up is not None:
            asyncio.get_running_loop().remove_reader(hang_up.fileno())
            hang_up.close()

    def stop(self) -> None:
        """Leave the terminal to somebody else."""
        self._close_hang_up()
        if self._alone is not None:
            self._alone.cancel()
            self._alone = None
        if self._loop is not None:
            self._loop.remove_reader(self._fileno)
            self._loop = None

    def _read(self) -> None:
        try:
            came = os.read(self._fileno, MOST)
        except BlockingIOError:
            return
        except OSError:
            came = b""  # a terminal whose other end is closed
        if not came:
            self.stop()
            self._gone()
            return
        if self._alone is not None:
            self._alone.cancel()
            self._alone = None
        if text := self._decode(came):
            self._give(self._messages(self._held + text))
        # An escape is a key of its own only when nothing follows it.
        if self._loop is not None:
            self._alone = self._loop.call_later(ESCAPE_DELAY, self._tick)

    def _tick(self) -> None:
        self._alone = None
        if not self._pasting:  # else the end of what is pasted is still to come
            held, self._held = self._held, ""
            self._give([Key("escape", _ESCAPE)] if held == _ESCAPE else self._parsed(held))
        self._give(self._parser.tick())

    def _messages(self, text: str) -> Iterator[Message]:
        """What `text` stands for. An escape at its very end is kept until it is known what follows."""
        half = _HALF_A_MARK.search(text)
        self._held = half[0] if half else ""
        for part in _MARK.split(text.removesuffix(self._held)):
            if _MARK.fullmatch(part):
                self._pasting = part == _PASTE
                yield from self._parsed(part)
            elif self._pasting:
                # The parser would take what comes after it for keys: a pasted text could press them.
                yield from self._parsed(part.replace(_ESCAPE, ""))
            else:
                yield from self._keys(part)

    def _keys(self, text: str) -> Iterator[Message]:
        at = 0
        for found in _AND_A_KEY.finditer(text):
            yield from self._parsed(text[at : found.start()])
            if self._chord(found[1]):
                yield Key(f"alt+{found[1]}", found[1])
                at = found.end() + 1
            else:
                yield Key("escape", _ESCAPE)
                at = found.end()
        yield from self._parsed(text[at:])

    def _parsed(self, text: str) -> Iterable[Message]:
        return self._parser.feed(text) if text else ()  # the parser takes an empty text for the end

    def _give(self, messages: Iterable[Message]) -> None:
        for number, message in enumerate(messages):
            self._take(message, not number)
