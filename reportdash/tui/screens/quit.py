"""The question before leaving while downloads run."""

from __future__ import annotations

from reportdash.board.states import Role
from reportdash.board.units import plural
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.form import paragraph
from reportdash.tui.screens.parts import Button, Row, words
from reportdash.tui.text import Pen, strong, text_run


class Quit(Dialog[bool]):
    """True: leave."""

    def __init__(self, pen: Pen, downloads: int) -> None:
        super().__init__(pen, "Quit reportdash", cells=76)
        self.downloads = downloads

    def rows(self, cells: int) -> list[Row]:
        verb = "runs" if self.downloads == 1 else "run"
        return [
            words(strong(plural(self.downloads, "download")), text_run(f" still {verb}.")),
            *paragraph(
                "The parts stay on disk; the next download goes on where they end.", cells, Role.MUTED
            ),
        ]

    def sentence(self) -> str:
        verb = "runs" if self.downloads == 1 else "run"
        return f"{plural(self.downloads, 'download')} still {verb}. q leaves, a larger window asks again."

    def leave(self) -> None:
        self.dismiss(True)

    def buttons(self) -> list[Button]:
        return [Button("Quit", "quit")]

    def pressed(self, value: str) -> None:
        self.dismiss(True)
