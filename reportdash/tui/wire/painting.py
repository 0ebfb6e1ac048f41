"""Frugal painting between Textual and the driver: what the compositor hands over is sent as a difference.

The one file that touches the private parts of Textual that painting rests on (the version is pinned below 9).
What it does not know it leaves to Textual, and then knows nothing of the terminal any more.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from textual import events
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App

from reportdash.tui.wire.encode import BEHIND, Encoder, Row
from reportdash.tui.wire.pens import NO_PEN, PLAIN, Look, shortest

if TYPE_CHECKING:
    from rich.style import Style
    from textual.geometry import Size
    from textual.screen import Screen
    from textual.strip import Strip

AT_ONCE = 1_000
"""Bytes that arrive together anyway, so that no terminal shows half of them: longer updates are bracketed."""
GROUND = 0.25
"""Seconds that an empty first screen waits for what comes on it."""
FILLING = ("xterm", "linux")
"""How the names of terminals begin that fill what they erase with the background colour."""
STYLES = 4_096
"""Styles whose pens are remembered; Textual makes new ones all the time for some of its widgets."""

_NARROW = frozenset(
    chr(code)
    for first, last in (
        (0x20, 0x7E),
        (0xA1, 0xAC),
        (0xAE, 0xFF),
        (0x2010, 0x2027),
        (0x2190, 0x2193),
        (0x2500, 0x25FC),
        (0x2713, 0x2718),
    )
    for code in range(first, last + 1)
)
"""Characters that take one cell: what nearly all text here is made of."""


class UnknownUpdateError(Exception):
    """Something that can not be laid out in cells here."""


class Shadow:
    """What stands on the terminal, and the bytes for what shall stand there next."""

    def __init__(self) -> None:
        self.stale = True
        self._size: Size | None = None
        self._colors = ColorSystem.TRUECOLOR
        self._encoder = Encoder()
        self._pens: dict[Style, str] = {}
        self._strips: list[dict[int, tuple[Strip, int]]] = []
        self._rows: dict[int, Row] = {}
        self._held: dict[int, Row] = {}

    def forget(self) -> None:
        """The terminal may show anything from here on. Safe in a signal handler, at any moment."""
        self.stale = True

    def fill(self) -> None:
        """What is erased on this terminal takes the background colour."""
        self._encoder.pens.fill()

    @property
    def holds(self) -> bool:
        """Whether something is to be sent that waits for more."""
        return bool(self._held) and not self.stale

    def held(self) -> str:
        """What waited, to be sent after all."""
        rows, self._held = self._held, {}
        return self._encoder.update(rows)

    def encode(self, update: object, size: Size, colors: ColorSystem, *, hold: bool = False) -> str | None:
        """What to send for an update of a screen of this size; None: it is not known how.

        `hold`: nothing but blanks on a terminal of which nothing is known waits for the next update.
        """
        if self.stale or size != self._size:
            # Set back before, not after: a signal meanwhile must not be lost.
            self.stale = False
            self._size = size
            self._encoder.forget(size.width, size.height)
            self._strips = [{} for _ in range(size.height)]
            self._held = {}
        self._colors = colors
        self._rows, self._held = self._held, {}
        try:
            if type(update) is ChopsUpdate:
                self._take_chops(update)
            elif type(update) is LayoutUpdate:
                self._take_layout(update)
            else:
                raise UnknownUpdateError
            if hold and self._encoder.pen == NO_PEN and _is_bare(self._rows, size.height):
                self._held = self._rows
                return ""
            return self._encoder.update(self._rows)
        except UnknownUpdateError:
            self.stale = True
            return None
        finally:
            self._rows = {}

    def _take_layout(self, update: LayoutUpdate) -> None:
        for y, line in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in line:
                self._take(y, x, x + strip.cell_length, strip)
                x += strip.cell_length

    def _take_chops(self, update: ChopsUpdate) -> None:
        """What Textual itself would send of the strips: from where one begins to where a span ends."""
        for y, left, right in update.spans:
            for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if strip is not None and x <= right and end > left:
                    self._take(y, x, min(end, right), strip)

    def _take(self, y: int, x: int, end: int, strip: Strip) -> None:
        """A strip that shall stand from `x` up to `end`."""
        if end <= x:
            return
        encoder = self._encoder
        if y >= encoder.height or end > encoder.width:
            raise UnknownUpdateError
        shown = self._strips[y]
        known = shown.get(x)
        if known is not None and known[0] is strip and known[1] == end:
            return
        part = self._cells(strip if strip.cell_length == end - x else strip.crop(0, end - x))
        if len(part.text) != end - x:
            raise UnknownUpdateError
        if x == 0 and end == encoder.width:
            row = part
        else:
            row = (self._rows.get(y) or encoder.rows[y]).over(x, part)
        self._rows[y] = row
        for other, (_, stop) in list(shown.items()):
            if other < end and stop > x:
                del shown[other]
        shown[x] = (strip, end)

    def _cells(self, strip: Strip) -> Row:
        texts: list[str] = []
        pens: list[str] = []
        known = self._pens
        for text, style, control in strip._segments:
            if control:
                raise UnknownUpdateError
            if not _NARROW.issuperset(text):
                text = self._split(text)
            texts.append(text)
            pen = PLAIN if style is None else known.get(style) or self._pen(style)
            pens.append(pen * len(text))
        return Row("".join(texts), "".join(pens))

    def _split(self, text: str) -> str:
        """A text in cells: one is put behind a wide character; what has no width joins the one before."""
        cells: list[str] = []
        for char in text:
            width = 1 if char in _NARROW else get_character_cell_size(char)
            if width == 1 and not "\ud800" <= char <= "\udfff":
                cells.append(char)
            elif width == 2:
                cells += (char, BEHIND)
            elif width or not char.isprintable() or not cells:
                raise UnknownUpdateError
            else:
                cells[-2 if cells[-1] == BEHIND else -1] += char
        for n, cell in enumerate(cells):
            if len(cell) > 1:
                one = self._encoder.stand_in(cell)
                if one is None:
                    raise UnknownUpdateError
                cells[n] = one
        return "".join(cells)

    def _pen(self, style: Style) -> str:
        if style._link:
            raise UnknownUpdateError
        colors = self._colors
        fore, back = style._color, style._bgcolor
        look = Look(
            style._attributes & style._set_attributes,
            "" if fore is None else shortest(fore.downgrade(colors).get_ansi_codes()),
            "" if back is None else shortest(back.downgrade(colors).get_ansi_codes(foreground=False)),
        )
        pen = self._encoder.pens.pen(
            look._replace(
                fore="" if look.fore == "39" else look.fore, back="" if look.back == "49" else look.back
            )
        )
        if len(self._pens) >= STYLES:
            self._pens.clear()
        self._pens[style] = pen
        return pen


def fills(env: Mapping[str, str]) -> bool:
    """Whether the terminal fills what it erases with the background colour, as xterm and its kind do.

    GNU screen does not, whatever name its user makes it take.
    """
    return env.get("TERM", "").startswith(FILLING) and "STY" not in env


def _is_bare(rows: dict[int, Row], height: int) -> bool:
    """Whether these are all the lines of a screen, and blank."""
    return len(rows) == height and all(row.text.isspace() for row in rows.values())


class Painting(App[int], inherit_bindings=False):
    """An app that paints frugally, on a driver that says it may (`frugal`)."""

    frugal = True
    over = False
    """Whether the run is over: nothing more is painted, and nothing that was typed counts."""
    _inked = False
    _owes = False

    @property
    def shadow(self) -> Shadow:
        """What is known of the terminal."""
        made = self.__dict__.get("_shadow")
        if made is None:
            made = self.__dict__["_shadow"] = Shadow()
            if fills(os.environ):
                made.fill()
        return made

    @property
    def bytes_sent(self) -> int:
        """To the terminal since the start; 0 on a driver that does not count."""
        return int(getattr(self._driver, "sent", 0))

    def forget_terminal(self) -> None:
        """The terminal may show anything: whatever is painted next is sent whole."""
        self.shadow.forget()

    def let_go(self) -> str:
        """What to send before somebody else writes to the terminal: they take its pen for a plain one."""
        self.forget_terminal()
        inked, self._inked = self._inked, False
        return "\x1b[m" if inked else ""

    def puts_off(self) -> bool:
        """Whether nothing is to be painted now: the line takes nothing; what it misses is made up for."""
        if getattr(self._driver, "behind", False):
            self._owes = True
            return True
        return self.over

    def stop_painting(self) -> None:
        """Lay out and paint nothing more until the end."""
        self.over = True
        self._begin_batch()

    def redraw_terminal(self) -> None:
        """Send the whole screen anew."""
        self.forget_terminal()
        self.screen.refresh(layout=True)

    def on_resize(self, event: events.Resize) -> None:
        if self._size != event.size:
            self.forget_terminal()
        elif not getattr(self._driver, "_in_band_window_resize", False):
            # Made small and large again between two looks at its size: what stood outside is lost. A terminal
            # that reports its sizes itself leaves none out, but tells the first one twice.
            self.redraw_terminal()

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        driver = self._driver
        if (
            renderable is None
            or driver is None
            or self._batch_count
            or self._closed
            or self.is_headless
            or not self._running
        ):
            super()._display(screen, renderable)
            return
        if self.puts_off():
            return
        if not self.frugal or driver.is_inline or not getattr(driver, "frugal", False):
            text = None
        else:
            colors = self.console._color_system or ColorSystem.TRUECOLOR
            waited = self.shadow.holds
            text = self.shadow.encode(renderable, screen._compositor.size, colors, hold=True)
            if self.shadow.holds:
                # Textual paints the ground alone before the first widgets are there.
                self.set_timer(GROUND, self._send_held)
            elif text is None and waited:
                screen.refresh(layout=True)
        if text is None:
            if reset := self.let_go():
                driver.write(reset)
            super()._display(screen, renderable)
            return
        self._send(screen, text)
        self.post_display_hook()

    def caught_up(self) -> None:
        """The line has taken what was sent: what was not painted meanwhile is painted as it is now."""
        if self._owes:
            self._owes = False
            with self._context():
                self.screen.refresh(layout=True)

    def _send_held(self) -> None:
        if self.shadow.holds and self._driver is not None:
            self._send(self.screen, self.shadow.held())

    def _send(self, screen: Screen[Any], text: str) -> None:
        driver = self._driver
        if text and driver is not None:
            self._inked = True
            if self.cursor_position:
                # Where a reading aid or an input method looks, though nobody sees it.
                at = screen.outer_size.clamp_offset(self.cursor_position)
                text += f"\x1b[{at.y + 1};{at.x + 1}H"
            if self._sync_available and len(text) > AT_ONCE:
                text = f"{SYNC_START}{text}{SYNC_END}"
            driver.write(text)
            driver.flush()
