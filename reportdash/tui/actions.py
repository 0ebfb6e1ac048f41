"""The one registry of what the operator can do. Keys, footer, help and palette are all made from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Setting: TypeAlias = str | Sequence[str] | bool
"""A `[keys]` value: a key, several, or false for none."""


class Part(StrEnum):
    """The part of the help an action stands in."""

    MOVE = "Move"
    FIND = "Find"
    CHOOSE = "Choose"
    ACT = "Act"
    APP = "reportdash"


class Action(NamedTuple):
    """Something the operator can do.

    `word` is the verb of the footer and the palette; `says` its line in the help. `on_jobs`: it takes the
    selection, else the cursor's row, and is off (with a reason) when there is neither. `changes`: it is off
    in a read-only dashboard.
    """

    id: str
    keys: tuple[str, ...]
    word: str
    says: str
    part: Part
    on_jobs: bool = False
    changes: bool = False


ACTIONS: tuple[Action, ...] = (
    Action("up", ("up", "k"), "up", "one row up", Part.MOVE),
    Action("down", ("down", "j"), "down", "one row down", Part.MOVE),
    Action("page_up", ("pageup",), "page up", "one page up", Part.MOVE),
    Action("page_down", ("pagedown",), "page down", "one page down", Part.MOVE),
    Action("first", ("home",), "first", "the first row", Part.MOVE),
    Action("last", ("end",), "last", "the last row", Part.MOVE),
    Action("details", ("enter",), "details", "the details of the job, then their lines", Part.MOVE),
    Action("next_tab", ("tab",), "next tab", "the next tab of the details", Part.MOVE),
    Action("last_tab", ("shift+tab",), "previous tab", "the tab before", Part.MOVE),
    Action(
        "back",
        ("escape",),
        "back",
        "back: out of the details, the selection, the filter",
        Part.MOVE,
    ),
    Action("fold", ("left", "right"), "fold", "close or open the group", Part.MOVE),
    Action("filter", ("/",), "filter", "filter the table while you type", Part.FIND),
    Action("sort", ("s",), "sort", "sort by the next column", Part.FIND),
    Action("reverse", ("S",), "reverse the order", "the same column, the other way round", Part.FIND),
    *(
        Action(f"view_{n}", (str(n),), f"view {n}", "the saved view of this number", Part.FIND)
        for n in range(1, 10)
    ),
    Action("save_view", ("w",), "save the view", "keep filter, order and columns as a view", Part.FIND),
    Action("news", ("c",), "what changed", "the jobs that changed since you last looked", Part.FIND),
    Action("select", ("space",), "select", "select the row, or not", Part.CHOOSE),
    Action("range", ("v",), "select a range", "select from the last selected row to here", Part.CHOOSE),
    Action("select_all", ("*",), "select all shown", "select every job the table shows", Part.CHOOSE),
    Action("download", ("d",), "download", "save the report on this server", Part.ACT, on_jobs=True),
    Action("delete", ("x",), "delete", "delete at the vendor, after a question", Part.ACT, True, True),
    Action("forget", ("f",), "forget", "take the row out of this table only", Part.ACT, True, True),
    Action("results", ("e",), "results", "how the last act ended for each job, and retry", Part.ACT),
    Action("poll", ("r",), "poll now", "look at the job now", Part.ACT, on_jobs=True),
    Action("pause", ("p",), "pause", "pause or resume polling of the account", Part.ACT, True, True),
    Action(
        "submit",
        ("n",),
        "submit",
        "a new report; on a row: again, with its form filled",
        Part.ACT,
        changes=True,
    ),
    Action("track", ("t",), "track", "follow a report that was started elsewhere", Part.ACT),
    Action("open", ("o",), "open", "read the saved file in $PAGER", Part.ACT, on_jobs=True),
    Action("copy", ("y",), "copy", "copy the ids, in the details the words", Part.ACT, on_jobs=True),
    Action("accounts", ("a",), "accounts", "accounts, their credentials and their health", Part.APP),
    Action("login", ("l",), "log in", "give an account its key", Part.APP),
    Action("add_account", (), "add an account", "write an account into the config", Part.APP, changes=True),
    Action("passphrase", (), "new passphrase", "another passphrase for the vault", Part.APP),
    Action("demo", (), "look around", "the demo, until you leave it", Part.APP),
    Action("theme", (), "theme", "another theme, now and from now on", Part.APP),
    Action("help", ("?",), "help", "this page", Part.APP),
    Action("palette", ("ctrl+p", ":"), "all actions", "every action, by name", Part.APP),
    Action("suspend", ("ctrl+z",), "to the shell", "to the shell, and back with fg", Part.APP),
    Action("redraw", ("ctrl+l",), "redraw", "paint the whole screen anew", Part.APP),
    Action("quit", ("q",), "quit", "leave; asks while downloads run", Part.APP),
)

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}

_NAMES = {
    "escape": "esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}
_SPELLED = {
    "esc": "escape",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "return": "enter",
    "slash": "/",
    "question_mark": "?",
    "asterisk": "*",
    "colon": ":",
    "del": "delete",
    "ins": "insert",
    " ": "space",
    "ctrl+space": "ctrl+@",
    "ctrl+\\": "ctrl+backslash",
    "ctrl+]": "ctrl+right_square_bracket",
    "ctrl+^": "ctrl+circumflex_accent",
    "ctrl+_": "ctrl+underscore",
}


def key_name(key: str) -> str:
    """A key as the footer writes it."""
    return _NAMES.get(key, key)


def normal_key(key: str) -> str:
    """A key of the config in the form the registry uses: a printed character, or its name."""
    return key if len(key) == 1 and key != " " else _SPELLED.get(key.casefold(), key.casefold())


class Keymap:
    """Which key does what: the registry's keys, with the config's `[keys]` over them."""

    def __init__(self, settings: Mapping[str, Setting] | None = None) -> None:
        self.set(settings or {})

    def set(self, settings: Mapping[str, Setting]) -> None:
        """Other settings, for everyone who holds this keymap."""
        self.keys: dict[str, tuple[str, ...]] = {action.id: action.keys for action in ACTIONS}
        self.unknown: list[str] = []
        for name, value in settings.items():
            if name not in BY_ID:
                self.unknown.append(name)
            else:
                self.keys[name] = tuple(map(normal_key, _listed(value, self.keys[name])))
        given = {name for name in settings if name in BY_ID}
        taken = {key for name in given for key in self.keys[name]}
        for name, keys in self.keys.items():
            if name not in given:
                # A key given to one action is taken from the one that had it.
                self.keys[name] = tuple(key for key in keys if key not in taken)
        self._action = {key: name for name, keys in self.keys.items() for key in keys}

    def action(self, key: str, character: str | None) -> Action | None:
        """What a key press means, by its printed character first; a chord with alt by its name first."""
        name = self._action.get(key) if key.startswith("alt+") else None
        if name is None and character is not None and character.isprintable() and character != " ":
            name = self._action.get(character)
        name = name or self._action.get(key)
        return BY_ID[name] if name else None

    def chord(self, character: str) -> bool:
        """Whether alt with this character means something."""
        return f"alt+{character}" in self._action

    def shown(self, name: str) -> str:
        """The first key of an action as the footer writes it; empty when it has none."""
        keys = self.keys[name]
        return key_name(keys[0]) if keys else ""

    def named(self, name: str) -> str:
        """What a sentence calls for an action: its key, or without one its place in the palette, or its
        verb."""
        if self.keys[name]:
            return self.shown(name)
        palette = self.shown("palette")
        return f"{palette} {BY_ID[name].word}" if palette else BY_ID[name].word

    def shown_all(self, name: str) -> str:
        """Every key of an action, for the help."""
        return " ".join(map(key_name, self.keys[name]))


def _listed(value: Setting, default: Iterable[str]) -> Iterable[str]:
    if value is False:
        return ()
    if value is True:
        return default
    return (value,) if isinstance(value, str) else tuple(value)
