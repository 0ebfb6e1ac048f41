"""The dashboard: first paint from the ledger and a glance at the config, everything else after it.

Before the first paint only the config's look and the ledger's rows are read; validation, vendors, keyring and
network are opened by the screen once it stands.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from reportdash.cli import later
from reportdash.cli.endings import LastResort, orderly
from reportdash.errors import Exit, Problem, UsageProblem
from reportdash.ledger import FILE_NAME
from reportdash.settings import FirstLook, config_path, data_dir, first_look, memory

if TYPE_CHECKING:
    import argparse

    from reportdash.credentials import Chain
    from reportdash.engine.runtime import Engine
    from reportdash.model import Account, Job
    from reportdash.settings import View
    from reportdash.tui.ports import Look, OpenEngine
    from reportdash.tui.theme import Palette
    from reportdash.tui.widgets.filter import SavedView

T = TypeVar("T")

AT_ONCE = 2_000
"""Rows read before the first paint; the rest of a larger table follows with the engine."""

PATIENCE = 2.0
"""Seconds to wait for each file before the first paint; none is worth a screen that stays empty."""

SWITCH = 0.0005
"""Seconds another thread may go on computing while a key waits; Python's own are ten times as many."""

DUMB = ("dumb", "unknown")
"""Values of TERM that promise nothing: no colour, and the plainest signs."""


def dashboard(args: argparse.Namespace) -> int:
    """The board over the config's accounts; from its first page the demo, and back to it."""
    _need_terminal()
    with orderly():
        return _boards(args)


def _boards(args: argparse.Namespace) -> int:
    looked, said = False, ""
    while True:
        code, wants_demo = _board(args, looked, said)
        if not wants_demo:
            return code
        looked, said = True, ""
        try:
            code, told_to_end = visit(args)
        except Problem as problem:
            said = problem.text
        else:
            if code or told_to_end:
                return code


def _board(args: argparse.Namespace, looked: bool, said: str) -> tuple[int, bool]:
    """One run of the board: its exit code, and whether the demo is wanted. `said`: a notice to begin with."""
    path = config_path(args.config, os.environ)
    folder = data_dir(args.data_dir, os.environ)
    stopped: list[Problem] = []
    chain: Chain | None = None  # one for all of it: what was unlocked, or typed, outlives a ledger
    farewell: list[str] = []  # too long for the screen's one line, and not to be missed

    @asynccontextmanager
    async def open_engine() -> AsyncIterator[Engine | None]:
        nonlocal chain
        await asyncio.to_thread(load_engine)
        from reportdash.board.states import Role
        from reportdash.cli.context import chain_again, chain_of, engine_at, place
        from reportdash.ledger.problems import remote
        from reportdash.ledger.thread import MUTE_SECONDS

        running: Engine | None = None
        async with AsyncExitStack() as opened:
            try:
                here = await asyncio.to_thread(partial(place, args, screen=True))
                app.settle(here.settings.keys, _views(here.settings.views))
                if here.settings.accounts or here.settings.left_out:
                    hangs = asyncio.get_running_loop().call_later(MUTE_SECONDS, app.live.hangs)
                    try:
                        chain = chain_again(chain, here) if chain else chain_of(here)
                        opened.push_async_callback(close, chain)  # after the engine, which still asks it
                        running = await opened.enter_async_context(engine_at(here, chain=chain))
                    finally:
                        hangs.cancel()
            except UsageProblem as problem:
                # A config or a data folder that can not be used ends the run with its sentence.
                stopped.append(problem)
                app.leave()
            if running is not None:
                running.poll()
                for warning in here.settings.warnings():
                    app.board.say(warning)
                if running.ledger.networked:
                    app.board.say(remote(running.ledger.networked), role=Role.WARN)
                if running.ledger.rescued is not None:
                    app.board.say(running.ledger.rescued.text, role=Role.WARN)
                    farewell.append(running.ledger.rescued.text)
            yield running

    async def close(chain: Chain) -> None:
        if app.life.leaving:
            await chain.aclose()

    first = first_look(path, os.environ)
    look = _look(first, path, folder / memory.FILE_NAME, os.environ)
    look.show_bytes = args.debug
    with _same_terminal():
        app = _app(
            look,
            folder / FILE_NAME,
            open_engine,
            config=path,
            configured=bool(first.accounts),
            read_only=bool(args.read_only or first.read_only),
            looked=looked,
            said=said,
        )
        code = _run(app, first.mouse, args.data_dir, goes_on=lambda: app.wants_demo)
    if farewell:
        from reportdash.cli.output import say

        for sentence in farewell:
            say(sentence)
    if stopped:
        raise stopped[0]
    return code, bool(app.wants_demo and not app.life.told_to_end and not code)


def visit(args: argparse.Namespace) -> tuple[int, bool]:
    """The demo, opened from the board: its exit code, and whether a signal ended it."""
    from reportdash.cli.demo import opened

    words = {"jobs": 100, "changes": None, "seed": 1, "chaos": False}
    return opened(SimpleNamespace(**{**vars(args), **words}), visited=True)


def show(
    ledger: Path,
    open_engine: OpenEngine,
    *,
    changes: bool,
    debug: bool,
    visited: bool,
    tidy: Callable[[], None],
) -> tuple[int, bool]:
    """The board on a ledger and an engine of the caller's, without any config: the demo.

    Gives the exit code, and whether a signal ended it. `visited`: from another board, which comes back after
    it. `tidy` is called only if the end hangs.
    """
    _need_terminal()
    first = FirstLook()
    look = _look(first, None, None, os.environ)
    look.show_changes = changes
    look.show_bytes = debug
    with _same_terminal():
        app = _app(look, ledger, open_engine)
        return _run(app, first.mouse, None, tidy, lambda: visited), bool(app.life.told_to_end)


def load_engine() -> None:
    """Import what keys need, then what polls, in a thread: keys are answered meanwhile."""
    later.end()
    for keys in ("reportdash.tui.commands", "reportdash.board.query"):
        import_module(keys)
    import_module("reportdash.cli.context")
    import_module("reportdash.engine.runtime")


UNFINISHED = (
    "the ledger or a vendor did not answer in time, so what was asked for last may not have been done; the "
    "next start looks after what was begun"
)


def _need_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageProblem(
            "the dashboard needs a terminal; `reportdash jobs` prints the table, "
            "`reportdash watch` polls without one"
        )


def _app(
    look: Look,
    ledger: Path,
    open_engine: OpenEngine,
    *,
    config: Path | None = None,
    configured: bool = True,
    read_only: bool = False,
    looked: bool = False,
    said: str = "",
) -> Any:
    from reportdash.board.facts import Run
    from reportdash.board.states import Role
    from reportdash.tui.app import Dashboard
    from reportdash.tui.widgets.header import HANGS

    hangs, rows = False, None
    try:
        rows = _in_time(partial(_first_rows, ledger))
    except TimeoutError:
        hangs = True
    if term_of(os.environ) in DUMB:
        # Rich takes such a terminal for 80×25 whatever its size is, and Textual never rests between the two.
        os.environ["TERM"] = "vt100"
    app = Dashboard(
        look,
        rows,
        open_engine,
        config=str(config) if config else "",
        # The first page is the right one from the first paint on.
        configured=configured,
        read_only=read_only,
        looked=looked,
    )
    if hangs:
        app.board.mode = HANGS
    if said:
        app.board.status.notice = (Run(said, Role.TEXT),)
    return app


@contextmanager
def _same_terminal() -> Iterator[None]:
    """What TERM becomes for one run of the screen is not what the next run sees."""
    term = os.environ.get("TERM")
    try:
        yield
    finally:
        if term is not None:
            os.environ["TERM"] = term


def _run(
    app: Any,
    mouse: str | bool,
    folder: str | None,
    tidy: Callable[[], None] = lambda: None,
    goes_on: Callable[[], bool] = lambda: False,
) -> int:
    """Run it; its exit code. Raises the fault that ended it. `folder`: where a note of one goes.

    `goes_on`: whether the process has something to do after it, unless it was told to end.
    """
    # The ledger's thread, and what imports the engine, give way to a key at once.
    sys.setswitchinterval(SWITCH)
    over_ssh = bool(os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"))

    def last_words() -> int:
        tidy()
        tell_unfinished()
        if app.life.fault is None:
            return int(app.return_code or Exit.OK)
        from reportdash.cli.crash import report

        return report(app.life.fault, folder)

    def tell_unfinished() -> None:
        if app.life.unfinished and not getattr(app._driver, "stuck", False):
            app.life.unfinished = False
            from reportdash.cli.output import say

            say(UNFINISHED)

    last = LastResort(last_words)

    def left() -> None:
        # A thread that still imports is waited for by whatever follows, not cut off with it.
        if app.life.told_to_end or app.life.fault is not None or not goes_on():
            last.arm()

    app.life.on_left = left
    try:
        code = app.run(mouse=mouse if isinstance(mouse, bool) else not over_ssh)
    finally:
        last.disarm()
        if getattr(app._driver, "stuck", False):
            from reportdash.cli.output import mute

            mute()
    tell_unfinished()
    if app.life.fault is not None:
        raise app.life.fault
    if code is None:
        code = app.return_code
    return int(Exit.OK) if code is None else int(code)


def _look(first: FirstLook, config: Path | None, kept: Path | None, environ: Mapping[str, str]) -> Look:
    """How the board looks at first: the config's wishes, then what was last on the screen (`kept`)."""
    from reportdash.tui import glyphs
    from reportdash.tui.actions import Keymap
    from reportdash.tui.ports import Look

    try:
        remembered = _in_time(partial(memory.recall, kept))
    except TimeoutError:
        remembered = memory.Memory()
    own = config.parent / "themes" if config else None
    colors = colors_of(environ)
    # A choice made in a terminal with many colours is none for a poor one. Without any colour nothing else is
    # ever started with, and so nothing remembered.
    kind = {0: "", 16: "few"}.get(colors, "many")
    worn = remembered.theme(kind, first.theme) if kind else first.theme
    return Look(
        _palette((worn, first.theme), own, colors),
        glyphs.choose(first.glyphs, environ),
        Keymap(first.keys),
        _views(first.views),
        themes=own,
        memory=remembered,
        memory_path=kept,
        kind=kind,
        theme=first.theme,
        colors=colors,
        wire=first.wire,
    )


def _palette(names: Sequence[str], own: Path | None, colors: int) -> Palette:
    """The first of these themes that can be used here: the board must stand to say what is wrong with one."""
    from reportdash.tui import theme

    if not colors:
        return theme.load("reportdash-mono")
    for name in names:
        try:
            palette = theme.load(name, own)
        except theme.ThemeError:
            continue
        if colors > 16 or not palette.exact:
            return palette
    # What a terminal of sixteen makes of other colours is anybody's guess, down to the unreadable.
    return theme.load("reportdash-ansi" if colors == 16 else theme.DEFAULT)


def _views(views: Mapping[str, View]) -> list[SavedView]:
    from reportdash.tui.widgets.filter import SavedView

    return [SavedView(name, view.filter, view.sort, view.columns) for name, view in views.items()]


def colors_of(environ: Mapping[str, str]) -> int:
    """How many colours may be used: 0, 16, or 256 and more. It is what Rich makes of the same environment."""
    term = term_of(environ)
    if environ.get("NO_COLOR") or term in DUMB:
        return 0
    true = environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit")
    return 256 if true or term.rpartition("-")[2] in ("256color", "kitty") else 16


def term_of(environ: Mapping[str, str]) -> str:
    return environ.get("TERM", "").lower()


def _in_time(read: Callable[[], T]) -> T:
    """What a file holds. Raises TimeoutError when its disk hangs: the board stands all the same."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(read())
        except BaseException as error:  # handed to the waiter, whatever it is
            outcome.set_exception(error)

    # A daemon: what hangs in it is not waited for at the end either.
    Thread(target=run, name="first look", daemon=True).start()
    return outcome.result(PATIENCE)


class _Rows(NamedTuple):
    rev: int
    jobs: list[Job]
    accounts: list[Account]


def _first_rows(path: Path) -> _Rows | None:
    """What the ledger holds, for the first paint; None when there is none, or the engine has to say why."""
    # Not the Store, which brings all that writes.
    from reportdash.ledger.opening import connect_readonly, there
    from reportdash.ledger.problems import explained
    from reportdash.ledger.reads import Reads

    try:
        if not there(path):
            return None
        with explained(path), closing(connect_readonly(path, time.time())[0]) as db:
            ledger = Reads(db)
            rev = ledger.rev()
            jobs = ledger.jobs(AT_ONCE)
            # Of a larger table the rest has to follow: then the engine reads from the beginning.
            whole = sum(job.parent is None for job in jobs) < AT_ONCE
            return _Rows(rev if whole else 0, jobs, ledger.accounts())
    except Problem:
        return None
