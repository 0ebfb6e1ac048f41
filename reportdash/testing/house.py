"""The rules of the house a vendor's file must keep, read from its source: no clock, no file, no socket."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator

from reportdash.vendors.contract import Vendor

MODULES = {
    "time": "a clock",
    "socket": "a network of its own",
    "ssl": "a network of its own",
    "requests": "a network of its own",
    "httpx": "a network of its own",
    "aiohttp": "a network of its own",
    "sqlite3": "a database",
    "subprocess": "another program",
    "threading": "a thread",
    "textual": "the screen",
}
"""Modules a vendor has no use for, and what they would bring."""
ROOMS = ("cli", "tui", "engine", "board", "ledger", "credentials", "settings", "simulator", "testing")
"""Rooms above and beside a vendor."""
CLOCKS = frozenset({"now", "utcnow", "today", "monotonic", "perf_counter"})
FILES = frozenset({"read_text", "read_bytes", "write_text", "write_bytes"})


def broken_rules(kind: type[Vendor]) -> list[str]:
    """What the module of this class does and should not: `line 7 imports time: a clock`."""
    source = inspect.getsource(sys.modules[kind.__module__])
    return [f"line {line} {what}" for line, what in sorted(_findings(ast.parse(source)))]


def _findings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _imported(node.lineno, name.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from _imported(node.lineno, node.module)
        elif isinstance(node, ast.Call):
            yield from _called(node)


def _imported(line: int, module: str) -> Iterator[tuple[int, str]]:
    root, _, rest = module.partition(".")
    if root in MODULES:
        yield line, f"imports {module}: {MODULES[root]}"
    elif module == "urllib.request":
        yield line, f"imports {module}: a network of its own"
    elif root == "reportdash" and rest.partition(".")[0] in ROOMS:
        yield line, f"imports {module}: a room that knows vendors, not the other way round"


def _called(node: ast.Call) -> Iterator[tuple[int, str]]:
    called = node.func
    if isinstance(called, ast.Name) and called.id in ("open", "print", "input"):
        yield node.lineno, f"calls {called.id}(): a vendor reads and writes nothing but the Api"
    elif isinstance(called, ast.Attribute) and called.attr in CLOCKS:
        yield node.lineno, f"calls .{called.attr}(): it reads a clock"
    elif isinstance(called, ast.Attribute) and called.attr in FILES:
        yield node.lineno, f"calls .{called.attr}(): it opens a file"
