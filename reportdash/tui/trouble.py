"""What keeps the ledger or a download from being written, as line 1 and the status line say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reportdash.tui.widgets.header import HANGS, Mode

if TYPE_CHECKING:
    from reportdash.tui.ports import EnginePort

FULL = Mode("disk full", bad=True)
DISK = Mode("disk hangs", bad=True)


class Trouble(NamedTuple):
    """`mode`: what line 1 says; `words`: what is said when it begins; `after`: when it is over."""

    mode: Mode
    words: str
    after: str = ""


MUTE = Trouble(
    HANGS,
    "the ledger does not answer: its disk hangs, or another process holds it; until then nothing is polled",
    "the ledger answers again: polling goes on",
)
READ_ONLY = Trouble(
    FULL,
    "the disk is full: read-only until there is room, then it goes on by itself",
    "there is room on the disk again: polling goes on",
)


def trouble(engine: EnginePort) -> Trouble | None:
    """The worst there is now."""
    if engine.ledger.mute:
        return MUTE
    if engine.ledger.full:
        return READ_ONLY
    if engine.downloads.hangs:
        return Trouble(DISK, engine.downloads.hangs)
    if engine.downloads.notice:
        return Trouble(FULL, engine.downloads.notice)
    return None
