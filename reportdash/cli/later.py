"""What Textual and asyncio import on their first lines and only a later moment needs: it is put off.

A stand-in takes the place of such a module before they look for it. Whoever touches one gets the real module,
imported in the ordinary way: from any thread, for Python's own locks see to the order. Once the screen stands
`end` takes the stand-ins away again, before anything else is imported; what nobody touches is never loaded.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from threading import Lock
from types import ModuleType, new_class
from typing import Any

PUT_OFF: Mapping[str, tuple[str, ...]] = {
    "ssl": (),  # with its two large libraries: asyncio, before there is any connection
    "asyncio.sslproto": (),
    "asyncio.staggered": (),
    "traceback": ("extract_stack",),  # asyncio and logging, for a fault; its name: asyncio, in debug mode
    "tokenize": (),  # inspect and linecache, to read source code
    "ast": ("NodeVisitor", "literal_eval"),  # inspect; Rich and Textual, for actions in markup
    "ipaddress": (),  # urllib.parse, for [::1]
    "locale": (),  # subprocess, for text pipes
    "decimal": ("Decimal",),  # fractions, which layouts are counted in
    "pickle": ("dumps", "loads"),  # Rich and Textual, for a style that holds data
    "difflib": ("get_close_matches",),  # Textual, for a mistake in a style sheet
    "mimetypes": (),  # Textual, for files handed to a browser
    "platformdirs": ("user_downloads_path",),
    "uuid": ("uuid4",),  # the same, and notices in a corner
    "rich._emoji_replace": ("_emoji_replace",),  # Rich, for :names: in a text
    "rich.tree": ("Tree",),  # Textual, to print what stands on a screen
    "rich.align": ("Align", "AlignMethod"),  # Rich, for what it lays out itself: nothing here
    "rich.containers": ("Lines",),
    "rich.markup": ("render",),
    "rich.panel": ("Panel",),  # Textual, for a mistake in a style sheet
    "textual.markup": ("parse_style",),  # Textual, for words with markup: there are none
    "textual.design": ("ColorSystem",),  # Textual's own colours, and a table to show them
    "textual.canvas": ("Canvas", "Rectangle"),  # Textual, for lines between widgets
    "textual.renderables.text_opacity": (
        "TextOpacity",
    ),  # Textual, for what is faint or tinted: nothing here
    "textual.renderables.tint": ("Tint",),
    "textual._work_decorator": ("work",),  # Textual, for workers declared in a class
    "textual.command": (  # Textual's own palette, with six widgets; here another one opens
        "CommandListItem",
        "CommandPalette",
        "DiscoveryHit",
        "Hit",
        "Hits",
        "Provider",
        "SimpleProvider",
    ),
    "textual.pilot": ("Pilot",),  # Textual, for tests
    "textual.widgets._toast": ("ToastRack",),  # Textual, for notices in a corner
    "textual.widgets._tooltip": ("Tooltip",),
}
"""Modules, and the names that are taken from them at import: those get a stand-in each. Any other name loads
the module."""

TYPING = "typing_extensions"
FROM_TYPING = (
    "Final",
    "Literal",
    "ParamSpec",
    "Protocol",
    "Self",
    "TypeAlias",
    "TypeGuard",
    "TypedDict",
    "get_args",
    "runtime_checkable",
)
"""What Textual takes from `typing_extensions`; this Python's own `typing` has all of it."""

_lock = Lock()


def put_off() -> None:
    """From here on these modules are imported when they are touched; what is loaded already stays."""
    for name, names in PUT_OFF.items():
        if name not in sys.modules:
            sys.modules[name] = StandIn(name, {each: Name(partial(_taken, name, each)) for each in names})
    if TYPING not in sys.modules:
        sys.modules[TYPING] = StandIn(TYPING, {each: getattr(typing, each) for each in FROM_TYPING})


def end() -> None:
    """From here on every import is as ever. Who holds a stand-in has the real thing by a touch of it."""
    for name in (*PUT_OFF, TYPING):
        _clear(name)


def _clear(name: str) -> None:
    with _lock:
        # Nothing is imported under this lock, so that it can not wait for Python's own.
        if isinstance(sys.modules.get(name), StandIn):
            del sys.modules[name]


@cache
def _real(name: str) -> ModuleType:
    _clear(name)
    return import_module(name)


def _taken(module: str, name: str) -> Any:
    return getattr(_real(module), name)


class StandIn(ModuleType):
    """In the place of a module."""

    def __init__(self, name: str, names: Mapping[str, Any]) -> None:
        super().__init__(name)
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        if name in ("__file__", "__path__"):
            # Whoever looks through all modules for these does not need this one.
            raise AttributeError(name)
        return getattr(_real(self.__name__), name)


class Name:
    """In the place of a class or function of such a module: it can be called, asked and derived from."""

    def __init__(self, real: Callable[[], Any]) -> None:
        self.real = real

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.real()(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real(), name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self.real())

    def __subclasscheck__(self, other: type) -> bool:
        return issubclass(other, self.real())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (_Base,)


class _Derived(type):
    """Makes of a class whose base is put off a name of the same kind: the class waits for its base."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any) -> Any:
        if not bases:
            return super().__new__(mcs, name, bases, body)
        given = body.pop("__orig_bases__")

        made: list[type] = []

        def real() -> type:
            real_bases = tuple(base.real() if type(base) is Name else base for base in given)
            with _lock:
                if not made:
                    made.append(new_class(name, real_bases, options, lambda space: space.update(body)))
            return made[0]

        return Name(real)


class _Base(metaclass=_Derived):
    """What stands for a base that is put off."""
