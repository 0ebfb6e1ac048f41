"""One of several values in a field's place: arrows change it, a letter goes to the next that begins so."""

from __future__ import annotations

from collections.abc import Mapping

from reportdash.board.facts import Run
from reportdash.tui.text import muted, strong
from reportdash.tui.widgets.edit import LineEdit


class Pick(LineEdit):
    """`options`: value -> the text shown. `value` is the one chosen."""

    def __init__(self, options: Mapping[str, str], value: str = "") -> None:
        self.options = dict(options)
        self.value = value if value in self.options else next(iter(self.options))
        super().__init__(self.options[self.value])

    def choose(self, value: str) -> None:
        """Another value; one that is not among the options is passed over."""
        if value in self.options:
            self.value = value
            self.text = self.options[value]
            self.at = len(self.text)

    def insert(self, text: str) -> None:
        """Pasted text chooses the option it names."""
        self.choose(text.strip())

    def set(self, text: str) -> None:
        self.choose(text)

    def key(self, key: str, character: str | None) -> bool:
        if key in ("left", "right", "space"):
            self._step(-1 if key == "left" else 1)
        elif character is not None and character.isprintable():
            self._jump(character.casefold())
        else:
            return False
        return True

    def _step(self, by: int) -> None:
        values = list(self.options)
        self.choose(values[(values.index(self.value) + by) % len(values)])

    def _jump(self, letter: str) -> None:
        values = list(self.options)
        at = values.index(self.value)
        after = [*values[at + 1 :], *values[: at + 1]]
        self.choose(next((value for value in after if value.casefold().startswith(letter)), self.value))

    def runs(self) -> list[Run]:
        """Every value in a line, the chosen one marked."""
        runs: list[Run] = []
        for value in self.options:
            runs += [muted("  ")] if runs else []
            runs.append(strong(value) if value == self.value else muted(value))
        return runs
