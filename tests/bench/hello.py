"""The bare Textual application that start-up, memory and idling are held against.

Same settings of the garbage collector as the dashboard's: none before the first paint, frozen after it.
"""

import gc

gc.disable()

from textual.app import App, ComposeResult  # noqa: E402
from textual.widgets import Static  # noqa: E402


class Hello(App[None]):
    """One word on the screen."""

    def compose(self) -> ComposeResult:
        yield Static("hello")

    def on_ready(self) -> None:
        gc.enable()
        gc.freeze()


if __name__ == "__main__":
    Hello().run()
