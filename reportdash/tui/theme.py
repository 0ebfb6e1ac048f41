"""Themes: twelve roles from a TOML file, turned into styles. Reads theme files; touches nothing else."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from rich.color import Color
from rich.style import Style

from reportdash.board.states import Role

DEFAULT = "reportdash-dark"
_SWITCHES = ("bold", "dim", "reverse")
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


def parse(data: Mapping[str, object], source: str) -> Palette:
    """A theme from its TOML: `name`, `dark` and the twelve `[roles]`. Raises ThemeError."""
    given = data.get("roles")
    if not isinstance(given, Mapping):
        raise ThemeError(f"{source}: a theme has a table [roles]")
    known = {str(role) for role in Role}
    for name in given:
        if name not in known:
            raise ThemeError(f"{source}: there is no role {name}; the roles are {', '.join(sorted(known))}")
    missing = [str(role) for role in Role if role not in given]
    if missing:
        raise ThemeError(f"{source}: the role {missing[0]} is missing")
    roles = {role: _paint(str(given[role]), f"{source}: {role}") for role in Role}
    return Palette(str(data.get("name", source)), bool(data.get("dark", True)), roles)


def _paint(text: str, where: str) -> Paint:
    words = text.split()
    switches = {word: True for word in words if word in _SWITCHES}
    colors = [word for word in words if word not in _SWITCHES]
    if len(colors) > 1:
        raise ThemeError(f"{where}: one colour, not {text}")
    if not colors or colors[0] == "default":
        return Paint(None, **switches)
    color = colors[0]
    if color not in _NAMES and not (color.startswith("#") and len(color) == 7):
        raise ThemeError(f"{where}: a colour is #rrggbb or one of {', '.join(_NAMES)}, not {color}")
    try:
        Color.parse(color)
    except Exception as error:
        raise ThemeError(f"{where}: {color} is not a colour") from error
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
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ThemeError(f"{path.name}: {error}") from error
        return parse(data, name)
    known = ", ".join(names(user_folder))
    raise ThemeError(f"there is no theme {name}; there are {known}")


def names(user_folder: Path | None = None) -> list[str]:
    """Every theme there is, by name."""
    folders = [folder for folder in (user_folder, shipped_folder()) if folder is not None and folder.is_dir()]
    return sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
