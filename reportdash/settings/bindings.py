"""Checks of `[keys]` and `[views]`: keys that no terminal sends, conflicts, columns and filters.

What actions, keys, columns and filters there are is known above this room; it is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from reportdash.settings.first import ALL_JOBS, MOST_VIEWS, KeyBinding
from reportdash.settings.lines import Path as KeyPath
from reportdash.settings.sentences import dotted, toml_value
from reportdash.settings.view import View

if TYPE_CHECKING:
    from reportdash.settings.checking import Checker


class KeyRules(NamedTuple):
    """What the dashboard knows of keys.

    `defaults`: action -> the keys it has where the config is silent. `name`: a key as the config may write it
    -> its one name. `fault`: action, key -> what is wrong with that key there (empty: nothing), and a key to
    write in its place (empty: none comes near).
    """

    defaults: Mapping[str, Sequence[str]]
    name: Callable[[str], str]
    fault: Callable[[str, str], tuple[str, str]]


def check_keys(checker: Checker, keys: Mapping[str, KeyBinding], rules: KeyRules) -> None:
    """Every key can be sent, and no key means two things. Raises UsageProblem."""
    owner: dict[str, str] = {}
    for action, value in keys.items():
        for path, key in _given(action, value):
            wrong, better = rules.fault(action, key)
            if wrong:
                hint = f"the nearest is {better}: write {_assignment(action, better)}" if better else _ANY_KEY
                checker.fail(path, f"{dotted(path[:2])} {wrong}; {hint}")
            other = owner.setdefault(rules.name(key), action)
            if other != action:
                # The later line is the one to change, or what only the environment says.
                here, there = (("keys", name) in checker.from_environment for name in (action, other))
                late, early = (other, action) if there and not here else (action, other)
                checker.fail(
                    path if late == action else ("keys", late),
                    f"keys.{late} and keys.{early} are both {toml_value(key)}: "
                    f"give {late} another key, or write {late} = false",
                )
    for action, held in rules.defaults.items():
        if action in keys:
            continue
        for key in held:
            taker = owner.get(key)
            if taker is not None:
                left = [other for other in held if other not in owner]
                write = f"{action} = {toml_value(left) if left else 'false'}"
                checker.fail(
                    ("keys", taker),
                    f"keys.{taker} takes {toml_value(key)}, which is the key of {action}: "
                    f"write {write} below [keys] as well, or give {taker} another key",
                )


_ANY_KEY = 'write one character, or a name as in "ctrl+d", "f5", "pageup"'


def _given(action: str, value: KeyBinding) -> list[tuple[KeyPath, str]]:
    """Each key of an action, and where it stands."""
    if isinstance(value, str):
        return [(("keys", action), value)]
    return [(("keys", action, n), key) for n, key in enumerate(value)] if isinstance(value, list) else []


def _assignment(action: str, key: str) -> str:
    return f"{action} = {toml_value(key)}"


def check_views(
    checker: Checker,
    views: Mapping[str, View],
    columns: Collection[str] | None,
    filter_fault: Callable[[str], tuple[int, str] | None] | None,
) -> None:
    """Columns that there are, filters that can be read, a digit for each view. Raises UsageProblem.

    `columns`: what a view may call a column, lower case. `filter_fault`: text -> None, or the place of the
    first character that can not be read (from 0) and why.
    """
    for name, view in views.items():
        path: KeyPath = ("views", name)
        if columns is not None:
            if view.sort is not None:
                back = "-" if view.sort.startswith("-") else ""
                _check_column(
                    checker, (*path, "sort"), view.sort.removeprefix("-"), columns, f'sort = "{back}'
                )
            for place, column in enumerate(view.columns or ()):
                _check_column(checker, (*path, "columns", place), column, columns, '"')
        found = filter_fault(view.filter) if filter_fault is not None else None
        if found is not None:
            at, why = found
            where = dotted((*path, "filter"))
            checker.fail((*path, "filter"), f"{where} can not be read from character {at + 1} on: {why}")
    most = MOST_VIEWS if ALL_JOBS in views else MOST_VIEWS - 1
    for name in list(views)[most:]:
        checker.fail(
            ("views", name),
            f"{dotted(('views', name))} has no digit left: there are {MOST_VIEWS}, and 1 shows {ALL_JOBS}; "
            f"write at most {most} views",
        )


def _check_column(checker: Checker, path: KeyPath, name: str, columns: Collection[str], write: str) -> None:
    if name.casefold() not in columns:
        checker.unknown(path, "names no column", columns, lambda like: f'{write}{like}"', name)
