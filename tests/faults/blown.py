"""The program with a fault at one place: `python -m tests.faults.blown PLACE WORD...`.

The fault's words and its locals hold the secret in the environment variable CANARY; it must never come out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from reportdash.cli import later, main

PLACES = {
    "an import": "",
    "the start": "reportdash.cli.dash:_look",
    "the first painting": "reportdash.tui.wire.painting:Shadow.encode",
    "the first moment": "reportdash.tui.app:Dashboard.on_ready",
    "a key": "reportdash.tui.screens.board:BoardScreen.move_cursor",
    "a row": "reportdash.tui.text:Pen.strip",
    "a screen": "reportdash.tui.screens.help:Help.on_mount",
    "a callback": "reportdash.tui.resting:Resting.now",
    "a typed letter": "reportdash.tui.keyboard:Keyboard._give",
    "a task": "reportdash.tui.live:Live._rates",
    "the details": "reportdash.tui.reading:Reading._keep",
    "the engine": "reportdash.engine.runtime:Engine.start",
    "a worker": "reportdash.engine.worker:Worker._lead",
    "a worker's end": "reportdash.engine.worker:Worker.run",
    "the poller": "reportdash.engine.poller:Poller._follow",
    "a row of the ledger": "reportdash.ledger.reads:Reads.changed_since",
    "the ledger's thread": "reportdash.ledger.thread:LedgerThread._look",
    "a commit": "reportdash.ledger.store:Store.commit",
    "the end": "reportdash.engine.runtime:Engine.stop",
    "a command": "reportdash.ledger.store:Store.jobs",
    "the parser": "reportdash.cli.words:build_parser",
}
"""Where the fault is: module and name."""

AFTER = {"a row": 30}
"""Calls that go well before it."""


class BrokenImport:
    """Python's way to a module, broken for the command's own."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name in ("reportdash.cli.dash", "reportdash.cli.jobs"):
            blow()


def blow(*_: Any, **__: Any) -> Any:
    password = os.environ["CANARY"]
    try:
        raise KeyError(password)
    except KeyError as error:
        raise ValueError(f"{password} in https://files.example/x.csv?X-Amz-Signature={password}") from error


# As if it stood in a module of the program.
blow.__code__ = blow.__code__.replace(co_filename=str(Path(main.__file__).with_name("blown.py")))


async def blow_later(*_: Any, **__: Any) -> Any:
    blow()


def break_at(place: str) -> None:
    if place == "an import":
        sys.meta_path.insert(0, BrokenImport())
        return
    module, _, name = PLACES[place].partition(":")
    owner: Any = import_module(module)
    *within, last = name.split(".")
    for part in within:
        owner = getattr(owner, part)
    real: Callable[..., Any] = getattr(owner, last)
    left = AFTER.get(place, 0)

    def sometimes(*args: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        return real(*args, **options) if left >= 0 else blow()

    asynchronous = real.__code__.co_flags & 0x80
    setattr(owner, last, blow_later if asynchronous else sometimes)


if __name__ == "__main__":
    place = sys.argv.pop(1)
    put_off = later.put_off

    def put_off_and_break() -> None:
        # As late as possible: what stands in for a module meanwhile must not spoil the report.
        put_off()
        break_at(place)

    if (len(sys.argv) > 1 and not sys.argv[1].startswith("-")) or place == "the parser":
        break_at(place)
    else:
        later.put_off = put_off_and_break
    main.run()
