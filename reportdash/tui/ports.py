"""What the screen is handed: how it looks, the first rows, and how to open the engine.

The protocols of what lies below are in `below`; they are looked up here when somebody asks for one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from reportdash.settings.memory import Memory
from reportdash.tui.actions import Keymap
from reportdash.tui.glyphs import Glyphs
from reportdash.tui.theme import Palette
from reportdash.tui.widgets.filter import SavedView, saved_views

if TYPE_CHECKING:
    from reportdash.model import Account, Job
    from reportdash.tui.below import EnginePort as EnginePort
    from reportdash.tui.below import FirstRows as FirstRows
    from reportdash.tui.below import LedgerPort as LedgerPort


def __getattr__(name: str) -> Any:
    # A protocol costs time to make, and before the first paint nobody needs one.
    if name in ("EnginePort", "FirstRows", "LedgerPort"):
        from reportdash.tui import below

        return getattr(below, name)
    raise AttributeError(name)


OpenEngine: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens ledger, keyring and vendors and starts polling; closes them again at the end.

It gives an EnginePort, or None while no account is configured (it is asked again later), or raises Problem
with a sentence. It is called after the first paint; what it imports, it imports in a thread.
"""


class NoRows(NamedTuple):
    """An empty ledger, or none yet."""

    rev: int = 0
    jobs: Sequence[Job] = ()
    accounts: Sequence[Account] = ()


FIRST_TITLES = {"7g": "7G", "sigma": "Sigma", "webadmit": "WebAdMIT", "talkdesk": "Talkdesk"}
"""For the first paint, which comes before any vendor is imported."""


class Look:
    """What is known before the first paint, from a first glance at the config.

    `configured`: the config's views; `views`: these, ours and those saved on the screen, under 1 to 9.
    `titles`: vendors' names as people read them, by the name the config uses; the engine's own names follow.
    `themes`: the folder of the operator's own themes. `show_changes`: the header shows the changes seen each
    second in place of requests, as in the demo. `memory`: what was last on the screen, and the file it came
    from; None: nothing is remembered. `kind` is the terminal's, `theme` the config's own for it; `colors`:
    how many the terminal has: 0, 16 or 256 (or more). `wire`: only what changed is sent to the terminal;
    `show_bytes`: the header says how many bytes a second.
    """

    def __init__(
        self,
        palette: Palette,
        glyphs: Glyphs = "unicode",
        keymap: Keymap | None = None,
        configured: Sequence[SavedView] = (),
        *,
        titles: Mapping[str, str] = FIRST_TITLES,
        themes: Path | None = None,
        show_changes: bool = False,
        memory: Memory | None = None,
        memory_path: Path | None = None,
        kind: str = "",
        theme: str = "",
        colors: int = 256,
        wire: bool = True,
        show_bytes: bool = False,
    ) -> None:
        self.palette = palette
        self.glyphs = glyphs
        self.keymap = keymap if keymap is not None else Keymap()
        self.configured = tuple(configured)
        self.titles = titles
        self.themes = themes
        self.show_changes = show_changes
        self.memory_path = memory_path
        self.kind = kind
        self.theme = theme
        self.colors = colors
        self.wire = wire
        self.show_bytes = show_bytes
        self.take_memory(memory if memory is not None else Memory())

    def take_memory(self, memory: Memory) -> None:
        """What is remembered from now on; its views take the place of the config's of the same name."""
        self.memory = memory
        own = [SavedView(name, v.filter, v.sort, v.columns) for name, v in memory.views.items()]
        self.views = saved_views([*self.configured, *own])
