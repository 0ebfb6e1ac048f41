"""How the dashboard ends and stops: by a key, a signal, a fault or a line that is gone; and for a shell.

Leaving is asked for once, from anywhere, and then carried out in order: tasks, downloads, leases, terminal.
From that moment on nothing that was typed counts any more and nothing more is painted.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reportdash.board.states import Role
from reportdash.errors import Exit
from reportdash.tui.terminal import TerminalDriver, shell_waits

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard

LONGEST = 3.0
"""Seconds the orderly end may take; then it is cut short. The engine's own part of it is two."""


class Life:
    """The life of one run of the dashboard.

    `told_to_end`: a signal or the end of the line ended it; `fault`: the error that did; `unfinished`: its
    end was cut short. `on_left` is called when the terminal is back and only the loop's end is left.
    """

    def __init__(self, app: Dashboard) -> None:
        self.app = app
        self.told_to_end = False
        self.fault: BaseException | None = None
        self.unfinished = False
        self.on_left: Callable[[], None] = lambda: None
        self._interrupted = False
        self._going: asyncio.Task[None] | None = None

    @property
    def leaving(self) -> bool:
        """Whether the end has begun."""
        return self._going is not None

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Meanwhile a signal at any moment, and a fault in any callback, end the run in order."""
        # Left alone, a hang-up would end the process on the alternate screen with its leases kept.
        loop, held = asyncio.get_running_loop(), {}
        loop.set_exception_handler(self._unhandled)

        def told(number: int, _: object) -> None:
            self.app.over = True  # at once: the loop may be busy with what was typed
            loop.call_soon_threadsafe(self.end, number)

        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                held[number] = signal.signal(number, told)
        try:
            yield
        finally:
            for number, handler in held.items():
                # Once told to end we only tidy up: a terminal that closes may send three signals at once.
                signal.signal(number, (lambda *_: None) if self.told_to_end else handler)

    def end(self, number: int = signal.SIGHUP) -> None:
        """Leave because a signal says so, or because the line is gone: there is nobody to come back to."""
        self.told_to_end = True
        self._interrupted = number == signal.SIGINT
        self.leave()

    def leave(self) -> None:
        """End the dashboard in order: tasks, downloads, leases, terminal."""
        if self._going is None:
            if isinstance(self.app._driver, TerminalDriver):
                self.app._driver.stop_keys()  # those that were typed ahead would hold up the end
            self.app.stop_painting()
            self._going = asyncio.ensure_future(self._leave())

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(LONGEST):
                await self._end_all()
        except TimeoutError:
            self.unfinished = True  # a dead file system, for one; leases run out by themselves
        except Exception as error:
            self.fault = self.fault or error
        code = Exit.INTERRUPTED if self._interrupted else Exit.OK
        code = Exit.INTERNAL if self.fault is not None else code
        if not self.app._exit or self.fault is not None:
            self.app.exit(int(code), int(code))

    async def _end_all(self) -> None:
        app, made = self.app, vars(self.app)
        # What was never needed is not made only to be ended: its import would wait for those under way.
        if "operator" in made:
            await app.operator.stop()
        if "live" in made:
            if app.engine is not None:
                await app.remembering.keep()
            await app.live.stop()
        if "attention" in made:
            app.attention.stop()

    async def left(self) -> None:
        """Until all that runs behind the screen has ended, which may have ended by a fault of its own."""
        self.leave()
        if self._going is not None:
            await asyncio.wait({self._going})

    def fail(self, error: BaseException) -> None:
        """Something of ours ended with a fault: leave. Whoever runs the app reports it (`fault`)."""
        self.fault = self.fault or error
        self.leave()

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # Logged by asyncio itself, it would quote values.
        from reportdash.unhandled import unhandled

        error = unhandled(context)
        if error is not None and not (self._going is not None and self._going.done()):
            self.fail(error)

    def suspend(self) -> None:
        """To the shell, until it says `fg`; where no shell waits for that, say so."""
        driver = self.app._driver
        if isinstance(driver, TerminalDriver) and shell_waits():
            self.app._suspend_signal()
            driver.stop_job()
        else:
            self.app.board.say("there is no shell here to come back from", role=Role.WARN)
