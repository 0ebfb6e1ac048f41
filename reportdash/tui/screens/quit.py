"""The question before leaving while downloads run."""

from __future__ import annotations

from reportdash.board.units import plural
from reportdash.tui.screens.dialog import Button, Dialog, Row, words
from reportdash.tui.text import Pen, muted, strong, text_run


class Quit(Dialog[bool]):
    """True: leave."""

    def __init__(self, pen: Pen, downloads: int) -> None:
        super().__init__(pen, "Quit reportdash", cells=76)
        self.downloads = downloads

    def rows(self, cells: int) -> list[Row]:
        verb = "runs" if self.downloads == 1 else "run"
        return [
            words(strong(plural(self.downloads, "download")), text_run(f" still {verb}.")),
            words(muted("The parts stay on disk; the next download goes on where they end.")),
        ]

    def buttons(self) -> list[Button]:
        return [Button("Quit", "quit")]

    def pressed(self, value: str) -> None:
        self.dismiss(True)
