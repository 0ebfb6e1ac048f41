"""The line to the terminal, which may be gone before we are: a dropped SSH session, a closed window.

Textual's writer thread dies with the first write that fails, and whoever writes next waits for it for ever.
Here a line that is gone swallows what is written, and says so once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Full
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key
from textual.message import Message

from reportdash.tui.keyboard import Keyboard
from reportdash.tui.output import PATIENCE, Output


class Line:
    """The terminal's file, as the driver uses it."""

    def __init__(self, file: IO[str], gone: Callable[[], None]) -> None:
        self._file = file
        self._gone = gone
        self.lost = False

    def write(self, text: str) -> None:
        if not self.lost:
            self._try(lambda: self._file.write(text))

    def flush(self) -> None:
        if not self.lost:
            self._try(self._file.flush)

    def _try(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except (OSError, ValueError):
            self.lost = True
            self._gone()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _screen() -> Any:
    """Where the screen is: stderr, as Textual has it, but stdout where stderr goes elsewhere (`2>errors`)."""
    error = sys.__stderr__
    return error if error is not None and error.isatty() else sys.__stdout__


class TerminalDriver(LinuxDriver):
    """Textual's driver on such a line. When it is gone, the app is told to leave, from any thread."""

    frugal = True
    """What is painted may come as a difference to what was."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._leave: Callable[[], None] = app.end
        self._let_go: Callable[[], str] = app.let_go
        self._answered: Callable[[Key], bool] = app.answered_now
        self.sent = 0
        """Bytes sent so far."""
        self.stuck = False
        """The terminal is gone, or did not take the last bytes: writing to it fails, or waits for ever."""
        self._file: Any = Line(_screen(), self._hung_up)
        self._drawing = False  # between the start and the stop of application mode
        self._resuming = False
        self._away = False  # the terminal is lent to another program
        self._told_again = False
        self._alone = False
        self._back_at_once = False  # the terminal was never anybody else's
        self._keyboard = Keyboard(self.fileno, self._typed, self._leave, app.chord)
        self._output: Output | None = None
        self._caught_up: Callable[[], None] = app.caught_up

    def _typed(self, message: Message, first: bool) -> None:
        # Of many keys at once, as on a slow line, the others stand in line, and the loop goes on between.
        self._alone = first
        self.process_message(message)

    def send_message(self, message: Message) -> None:
        """To the app at once, or to its queue; Textual, whose keys come from a thread, takes more turns."""
        if not (self._alone and isinstance(message, Key) and self._answered(message)):
            self._app.post_message(message)

    def run_input_thread(self) -> None:
        """Ends at once: the keyboard is read on the loop."""

    def disable_input(self) -> None:
        self._keyboard.stop()
        if self._back_at_once:
            self._disable_mouse_support()  # and what was typed meanwhile still counts
        else:
            super().disable_input()

    def stop_job(self) -> None:
        """What ctrl+z does to a job of a shell: the whole group stops, we after the terminal is as it was."""
        os.killpg(os.getpgrp(), signal.SIGTSTP)

    def start_application_mode(self) -> None:
        before = self._writer_thread
        # Whoever had the terminal meanwhile, nothing of ours stands there.
        self._let_go()
        if self._output is None:
            self._output = Output.open(self._file.fileno(), self._caught_up, self._leave)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # In the background of a shell nothing is started: the terminal is not ours.
        self._drawing = self._writer_thread is not before
        if self._drawing:
            self._keyboard.start()

    def stop_keys(self) -> None:
        """Take no more of what was typed."""
        self._keyboard.stop()

    def stop_application_mode(self) -> None:
        self._drawing = False
        if reset := self._let_go():
            self.write(reset)
        super().stop_application_mode()

    def _get_terminal_size(self) -> tuple[int, int]:
        # As Textual does it, by shutil, but that comes with all kinds of archives.
        if not {"COLUMNS", "LINES"} & os.environ.keys():
            try:
                columns, lines = os.get_terminal_size(sys.__stdout__.fileno())  # type: ignore[union-attr]
            except (AttributeError, ValueError, OSError):
                columns = lines = 0
            if columns and lines:
                return columns, lines
        return super()._get_terminal_size()

    def _sigtstp_application(self, *_: Any) -> None:
        if self._drawing:
            super()._sigtstp_application()
        else:  # before the screen or after it, there is nothing to put aside
            os.kill(os.getpid(), signal.SIGSTOP)

    def suspend_application_mode(self) -> None:
        super().suspend_application_mode()
        self._away = True
        self._keyboard.lend()

    def resume_application_mode(self) -> None:
        self._away = False
        super().resume_application_mode()
        self._away = not self._drawing  # stopped in the background of a shell, it is not ours yet

    def write(self, data: str) -> None:
        """What the board has to say while another program has the terminal is painted when it is back."""
        if not self._away:
            encoded = data.encode(self._file.encoding, "backslashreplace")
            self.sent += len(encoded)
            if self._output is not None:
                self._output.write(encoded)
            else:
                super().write(data)

    @property
    def behind(self) -> bool:
        """Whether the line is slower than what is painted: then no more is, for the moment."""
        return self._output is not None and self._output.behind

    def close(self) -> None:
        self._keyboard.stop()
        if self._output is not None:
            self._output.close()
            self.stuck = self._output.behind or self._output.lost
            self._output = None
        if (thread := self._writer_thread) is not None:
            # As Textual does it, but without waiting for a line that takes nothing.
            with suppress(Full):
                thread._queue.put(None, timeout=PATIENCE)
            thread.join(PATIENCE)
            self.stuck |= thread.is_alive()
        self.stuck |= self._file.lost

    def _sigcont_application(self, *_: Any) -> None:
        """Go on after a stop. The kernel sends this with every hang-up as well, and anybody may at any time.

        Textual would start its threads once more beside those that run, or after the last of them has ended:
        then nobody ever stops them, and the process never ends.
        """
        if self._resuming or not self._auto_restart:
            self._told_again = True
            return  # a handler can be interrupted by the next signal
        self._resuming = True
        try:
            if self._drawing:  # stopped by a signal that cannot be caught, perhaps
                self._back_at_once = True
                self.suspend_application_mode()
                self._must_signal_resume = True
            if self._must_signal_resume:
                self._told_again = False
                self.resume_application_mode()
                # `bg` stopped us in the middle of it, and `fg` has come since.
                while self._told_again and not self._drawing:
                    self._told_again = False
                    self.resume_application_mode()
        finally:
            self._resuming = self._back_at_once = False

    def _hung_up(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._leave)
        except RuntimeError:
            return  # the loop has ended: the app has left already


def shell_waits() -> bool:
    """Whether a shell with job control would go on when our group of processes stops, and could wake it.

    Without one (a terminal that runs nothing but us, a container's first process) nobody ever would.
    """
    try:
        group, session, parent = os.getpgrp(), os.getsid(0), os.getppid()
        while parent and os.getpgid(parent) == group:
            # A wrapper that started us stops with us; who started the wrapper?
            parent = int(Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[1])
        return bool(parent) and os.getsid(parent) == session
    except (OSError, ValueError, IndexError):
        return False
