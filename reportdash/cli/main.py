"""The command line's door: one place for exit codes, nothing heavy imported.

The words are in `words`. Each command lives in a module of its own group and is imported only when it is
called; headless commands import no screen.
"""

from __future__ import annotations

import gc
import io
import os
import resource
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from types import SimpleNamespace
from typing import Any, NoReturn

from reportdash.errors import Exit, Problem

ALONE = {
    "run": "dash:dashboard",
    "command": None,
    "config": None,
    "data_dir": None,
    "read_only": False,
    "debug": False,
}
"""What the words of the bare command come to: the dashboard starts without a parser."""

UNSWEPT = ("dash:dashboard", "demo:demo", "jobs:jobs", "jobs:show")
"""Commands without garbage collection: done at once, or, on the screen, begun once the board stands."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. No exception leaves it."""
    try:
        args = _parsed(list(sys.argv[1:] if argv is None else argv))
        if args.run == ALONE["run"]:
            from reportdash.cli import later

            later.put_off()
        module, _, function = args.run.partition(":")
        handler: Callable[[Any], int] = getattr(import_module(f"reportdash.cli.{module}"), function)
        if args.run not in UNSWEPT:
            gc.enable()
        code = int(handler(args))
        sys.stdout.flush()
    except Problem as problem:
        from reportdash.cli.output import NoOutput, mute, say

        say(problem.text)
        code = int(problem.exit_code)
        if isinstance(problem, NoOutput):
            mute(1)
    except KeyboardInterrupt:
        code = int(Exit.INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has gone.
        from reportdash.cli.output import mute

        mute(1)
        code = int(Exit.OK)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(Exit.OK)
    except BaseException as error:
        from reportdash.cli.crash import report

        code = report(error, _data_dir_of(argv))
    return code


def _parsed(words: list[str]) -> Any:
    if not words:
        return SimpleNamespace(**ALONE)
    from reportdash.cli.words import build_parser

    return build_parser().parse_args(words)


def _data_dir_of(argv: Sequence[str] | None) -> str | None:
    """The data folder for a crash note, found without the parser that may be what crashed."""
    words = list(sys.argv[1:] if argv is None else argv)
    for index, text in enumerate(words):
        if text == "--data-dir" and index + 1 < len(words):
            return words[index + 1]
        if text.startswith("--data-dir="):
            return text.partition("=")[2]
    return None


def _streams() -> None:
    """Streams that are there and take every text: closed ones lead nowhere, scripts get UTF-8."""
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY), encoding="utf-8")
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="replace")
        else:  # a path may hold bytes that are no text: they come out as they are
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def _nobody_caught(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """Python's own words for what leaves even `main`, or a thread, would quote values."""
    from reportdash.cli.crash import report

    if not isinstance(error, KeyboardInterrupt):
        report(error, _data_dir_of(None))


def run() -> NoReturn:
    """Entry point of the installed command."""
    sys.excepthook = _nobody_caught
    sys.unraisablehook = lambda lost: None  # in a destructor, on the way out: nothing depends on it
    # Everything we write is private: ledger, parts, reports, logs.
    os.umask(0o077)
    # No core dump of a process, nor of one it starts, that holds secrets.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Nothing that is imported ever becomes garbage; looking for it would take a tenth of the start.
    gc.disable()
    _streams()
    sys.exit(main())
