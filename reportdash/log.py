"""The debug log: JSON lines in the data folder, off unless `--debug`; every text goes through a redactor.

`debug.log` is 0600 and turns over at a fixed size. Several processes may write to it. Logging never raises
and never stops the work; on a full disk lines are lost, nothing else.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from reportdash.clock import rfc3339
from reportdash.errors import CallFailed, Problem

if TYPE_CHECKING:
    import logging

NAME = "debug.log"
LIMIT = 5 * 1024 * 1024
KEEP = 3
_LONGEST = 4000


class Log:
    """One open log file. `redact` makes any text fit to be kept."""

    def __init__(
        self, path: Path, redact: Callable[[str], str], *, limit: int = LIMIT, keep: int = KEEP
    ) -> None:
        self.path = path
        self._redact = redact
        self._limit = limit
        self._keep = keep
        self._file: int | None = None
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open()

    def event(self, what: str, **fields: Any) -> None:
        """One line: `at` (UTC), `pid`, `what`, and the fields that are not None."""
        line: dict[str, Any] = {"at": rfc3339(time.time()), "pid": os.getpid(), "what": what}
        for key, value in fields.items():
            if value is not None:
                plain = isinstance(value, bool | int | float)
                line[key] = value if plain else self._fit(value)
        text = json.dumps(line, ensure_ascii=True) + "\n"
        with suppress(OSError):
            self._turn_over(len(text))
            if self._file is not None:
                os.write(self._file, text.encode())  # one write: lines of several processes do not mix

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _fit(self, value: object) -> str:
        try:
            return self._redact(str(value))[:_LONGEST]
        except Exception as error:  # a redactor that fails must not let the text through
            return f"({type(error).__name__} while redacting)"

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)
        os.fchmod(self._file, 0o600)

    def _turn_over(self, more: int) -> None:
        if self._file is None:
            self._open()
        assert self._file is not None
        mine = os.fstat(self._file)
        try:
            there = self.path.stat()
        except FileNotFoundError:
            there = None
        if there is None or there.st_ino != mine.st_ino:
            self.close()  # another process turned it over
            self._open()
            return
        if mine.st_size + more <= self._limit:
            return
        for age in range(self._keep - 1, 0, -1):
            older = self.path.with_name(f"{NAME}.{age}")
            newer = self.path.with_name(f"{NAME}.{age - 1}") if age > 1 else self.path
            with suppress(FileNotFoundError):
                newer.replace(older)
        self.close()
        self._open()


_log: Log | None = None


def start(folder: Path, redact: Callable[[str], str]) -> Path:
    """Begin to log into `folder`: calls, what our modules log, the libraries' warnings.

    Raises OSError when the file cannot be made.
    """
    global _log
    stop()
    _log = Log(folder / NAME, redact)
    _catch_logging(_log)
    return _log.path


def stop() -> None:
    """Stop logging and close the file."""
    global _log, _handler
    if _handler is not None:
        import logging

        logging.getLogger().removeHandler(_handler)
        logging.getLogger("reportdash").setLevel(logging.NOTSET)
        _handler = None
    if _log is not None:
        _log.close()
        _log = None


def quiet() -> None:
    """Keep what our modules and the libraries log away from the terminal, where a screen may stand.

    Without any handler Python writes warnings to stderr. Whoever sets up logging still gets all of it.
    """
    import logging

    for name in ("reportdash", "asyncio", "aiohttp", "httpx"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def on() -> bool:
    """Whether anything is kept; ask before making an expensive text."""
    return _log is not None


def event(what: str, **fields: Any) -> None:
    """One line if the log is on; see `Log.event`."""
    if _log is not None:
        _log.event(what, **fields)


def failure(what: str, error: BaseException, **fields: Any) -> None:
    """An unexpected exception: its kind and places, without its text and any local variable."""
    if _log is not None:
        _log.event(what, error=type(error).__name__, cause=cause(error), places=places(error), **fields)


def cause(error: BaseException) -> str | None:
    """The words of an error that was foreseen; of any other, which may quote anything, none."""
    return str(error) if isinstance(error, (OSError, Problem, CallFailed)) else None


def places(error: BaseException) -> str:
    """`file:line` of each frame, the outermost first."""
    found: list[str] = []
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        found.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " ".join(found)


_handler: logging.Handler | None = None


def _catch_logging(log: Log) -> None:
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            # The HTTP libraries write whole addresses at INFO and whole header blocks at DEBUG.
            if record.levelno < logging.WARNING and record.name.partition(".")[0] != "reportdash":
                return
            error = record.exc_info[1] if record.exc_info else None
            log.event(
                "log",
                logger=record.name,
                level=record.levelname,
                text=_message(record),
                error=type(error).__name__ if error is not None else None,
                cause=cause(error) if error is not None else None,
                places=places(error) if error is not None else None,
            )

    global _handler
    _handler = Handler(logging.INFO)
    logging.getLogger().addHandler(_handler)
    logging.getLogger("reportdash").setLevel(logging.INFO)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # wrong arguments of a library's own call
        return f"({type(error).__name__} in a log call)"
