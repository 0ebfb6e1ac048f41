"""Themes: twelve roles from a TOML file, turned into styles. Reads theme files; touches nothing else."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, NoReturn

from rich.style import Style

from reportdash.board.states import Role

DEFAULT = "reportdash-dark"
_SWITCHES = ("bold", "dim", "reverse")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_NAMES = ("default", "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


class ThemeError(ValueError):
    """A theme file that cannot be used; its text is a sentence."""


class Paint(NamedTuple):
    """One role's colour (None: the terminal's own) and attributes."""

    color: str | None = None
    bold: bool = False
    dim: bool = False
    reverse: bool = False


class Palette:
    """A theme. `style()` is what every segment on the screen is made with."""

    def __init__(self, name: str, dark: bool, roles: Mapping[Role, Paint]) -> None:
        self.name = name
        self.dark = dark
        self.roles = roles
        self._made: dict[tuple[Role, Role, bool, bool], Style] = {}

    @property
    def ansi(self) -> bool:
        """Whether it rests on the terminal's own colours."""
        return any(paint.color is None or not paint.color.startswith("#") for paint in self.roles.values())

    @property
    def exact(self) -> bool:
        """Whether it names a colour that a terminal of sixteen does not have."""
        return any(paint.color is not None and paint.color.startswith("#") for paint in self.roles.values())

    def style(
        self, role: Role, ground: Role = Role.BG, *, bold: bool = False, underline: bool = False
    ) -> Style:
        """The style of words in `role` on `ground`."""
        made = self._made.get((role, ground, bold, underline))
        if made is None:
            made = self._made[(role, ground, bold, underline)] = self._make(role, ground, bold, underline)
        return made

    def _make(self, role: Role, ground: Role, bold: bool, underline: bool) -> Style:
        if ground is Role.CURSOR and role is Role.MUTED:
            role = Role.TEXT
        paint, under = self.roles[role], self.roles[ground]
        heavy = bold or paint.bold or role is Role.STRONG
        if under.reverse:
            # On a reversed row no colour holds what it promises.
            return Style(reverse=True, bold=heavy or None, underline=underline or None)
        return Style(
            color=paint.color,
            bgcolor=under.color,
            bold=heavy or None,
            dim=paint.dim or None,
            underline=underline or None,
        )

    def hex(self, role: Role) -> str:
        """A role's colour as Textual's style sheets want it."""
        return self.roles[role].color or "ansi_default"


def parse(data: Mapping[str, object], source: str, text: str = "") -> Palette:
    """A theme from its TOML: `name`, `dark` and the twelve `[roles]`. `source`: its file; `text`: what stands
    in it, for the lines. Raises ThemeError."""
    known = [str(role) for role in Role]
    for key in data:
        if key not in _KEYS:
            _fail(source, text, (key,), f"{key} is not a key of a theme; {_nearest(key, _KEYS)}")
    given = data.get("roles")
    if not isinstance(given, Mapping):
        _fail(source, text, (), 'a theme has a table [roles]: write [roles], text = "#d0d0d0"')
    for name in given:
        if name not in known:
            _fail(source, text, ("roles", name), f"roles.{name} is not a role; {_nearest(name, known)}")
    for name in known:
        if name not in given:
            _fail(source, text, ("roles",), f'the role {name} is missing: write {name} = "{_EXAMPLE}"')
    roles = {}
    for role in Role:
        value = given[role]
        try:
            roles[role] = _paint(value)
        except ValueError as error:
            _fail(source, text, ("roles", role), f'roles.{role} {error}; write {role} = "{_EXAMPLE}"')
    dark = data.get("dark", True)
    if not isinstance(dark, bool):
        _fail(source, text, ("dark",), "dark takes true or false: write dark = true")
    return Palette(str(data.get("name", source)), dark, roles)


_KEYS = ("name", "dark", "roles")
_EXAMPLE = "#5fafff"


def _fail(source: str, text: str, path: tuple[str, ...], sentence: str) -> NoReturn:
    # Only for a theme that can not be used: the first paint does without.
    from reportdash.settings.lines import key_lines, line_of

    line = line_of(key_lines(text), path)
    raise ThemeError(f"{source}, line {line}: {sentence}" if line else f"{source}: {sentence}")


def _nearest(word: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    found = get_close_matches(word.casefold(), known, n=1)
    if not found:
        return f"take it away: there are {', '.join(known)}"
    write = {"roles": "[roles]", "dark": "dark = true", "name": 'name = "…"'}
    colored = f'{found[0]} = "{_EXAMPLE}"'
    return f"the nearest is {found[0]}: write {write.get(found[0], colored)}"


def _paint(value: object) -> Paint:
    """A role's colour and attributes. Raises ValueError with what is wrong."""
    if not isinstance(value, str):
        raise ValueError("takes text in quotes")
    words = value.split()
    switches = {word: True for word in words if word in _SWITCHES}
    colors = [word for word in words if word not in _SWITCHES]
    if len(colors) > 1:
        raise ValueError(f"takes one colour, and {', '.join(_SWITCHES)} beside it")
    if not colors or colors[0] == "default":
        return Paint(None, **switches)
    color = colors[0]
    if color not in _NAMES and not _HEX.fullmatch(color):
        raise ValueError(f"is no colour: a colour is #rrggbb or one of {', '.join(_NAMES)}")
    return Paint(color, **switches)


@cache
def shipped_folder() -> Path:
    """Where our own themes lie: in the wheel beside the code, in a checkout beside the package."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "themes"
    return inside if inside.is_dir() else package.parent / "themes"


def load(name: str, user_folder: Path | None = None) -> Palette:
    """The theme called `name`: a user's own first, else a shipped one. Raises ThemeError."""
    for folder in (user_folder, shipped_folder()):
        if folder is None or not name or "/" in name:
            continue
        path = folder / f"{name}.toml"
        try:
            text = path.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ThemeError(f"{path} can not be read ({error.strerror}): name another theme") from error
        except (ValueError, RecursionError) as error:
            raise ThemeError(f"{path}: {error}; write TOML, as in the shipped themes") from error
        palette = parse(data, str(path), text)
        # The name it is asked for by is its file's.
        palette.name = name
        return palette
    known = ", ".join(names(user_folder))
    raise ThemeError(f"there is no theme {name}; there are {known}")


def names(user_folder: Path | None = None) -> list[str]:
    """Every theme there is, by name."""
    folders = [folder for folder in (user_folder, shipped_folder()) if folder is not None and _open(folder)]
    return sorted({path.stem for folder in folders for path in folder.glob("*.toml")})


def _open(folder: Path) -> bool:
    """Whether there is such a folder; one that we may not look for is none of ours."""
    try:
        return folder.is_dir()
    except OSError:
        return False
