"""A command in a process of its own that has its imports behind it: one process imports and forks for each.

What a command does is under test where this is used, and its imports were most of the time it took; how it
starts is under test elsewhere (`Shell.start`, the terminal, the benchmarks). Arguments, environment, folder
and the three streams are the caller's; it ends as any process does.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import TextIO

_LENGTH = 8
_MODULES = (
    *("cli.accounts", "cli.after", "cli.config", "cli.context", "cli.doctor", "cli.jobs", "cli.main"),
    *("cli.output", "cli.prompts", "cli.submit", "cli.watch"),
    "engine.runtime",
    "net.client",
    "net.storage",
    "vendors.seveng",
    "vendors.sigma",
    "vendors.webadmit",
    "vendors.talkdesk",
)
_SCREENS = (
    *_MODULES,
    *("cli.dash", "cli.crash", "cli.words", "engine.compare", "engine.preview"),
    *("tui.app", "tui.live", "tui.ahead", "tui.reading", "tui.returning", "tui.stores", "tui.wire.painting"),
    *("tui.screens.board", "tui.screens.detail", "tui.screens.firstrun", "tui.widgets.edit"),
)
_starting = threading.Lock()
_servers: dict[str, tuple[subprocess.Popen[bytes], str]] = {}


class Run:
    """One command under way, much as a Popen: `pid`, `returncode`, `poll`, `wait`, `send_signal`, `kill`.

    `streams`: where it reads, writes and complains. `terminal`: it leads a session of its own on this one.
    """

    def __init__(
        self,
        words: Sequence[str],
        env: Mapping[str, str],
        folder: Path,
        streams: Sequence[int],
        terminal: int | None = None,
    ) -> None:
        kind = "screens" if _is_screen(words) else "commands"
        self.returncode: int | None = None
        self._reading = threading.Lock()
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(_address(kind))
        asked = json.dumps({"words": list(words), "env": dict(env), "folder": str(folder)}).encode()
        handed = [*streams, terminal] if terminal is not None else list(streams)
        socket.send_fds(self._line, [len(asked).to_bytes(_LENGTH)], handed)
        self._line.sendall(asked)
        self.pid = int.from_bytes(_exactly(self._line, _LENGTH))

    def wait(self, timeout: float | None = None) -> int:
        """Block until it has ended; its exit code as a Popen gives it. Raises TimeoutExpired."""
        with self._reading:
            if self.returncode is None:
                if not select.select([self._line], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired("reportdash", timeout or 0)
                with self._line:
                    self.returncode = int.from_bytes(_exactly(self._line, _LENGTH), signed=True)
            return self.returncode

    def poll(self) -> int | None:
        ended = self.returncode is None and select.select([self._line], [], [], 0)[0]
        return self.wait() if ended else self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def can_fork(env: Mapping[str, str]) -> bool:
    """Whether in this environment a fork is as good as a start: of what Python itself is told only where to
    look for modules can be told later."""
    told = {name for name in env if name.startswith("PYTHON")} - {"PYTHON_KEYRING_BACKEND", "PYTHONPATH"}
    folders = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    return not told and not any(Path(folder, "sitecustomize.py").exists() for folder in folders)


def ran(words: Sequence[str], env: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    """A command that has ended: as `subprocess.run` with its output captured and nothing to read."""
    with Path(os.devnull).open("rb") as none, TemporaryFile() as out, TemporaryFile() as err:
        code = Run(words, env, folder, [none.fileno(), out.fileno(), err.fileno()]).wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), err.read())


def _is_screen(words: Sequence[str]) -> bool:
    """Whether the dashboard is what these words start."""
    values = {word for option, word in pairwise(words) if option in ("--config", "--data-dir")}
    return all(word.startswith("-") or word in values or word == "demo" for word in words)


def _address(kind: str) -> str:
    """Where the importing process listens; it is started when it is first needed and ends with this one."""
    with _starting:
        if kind not in _servers:
            path = str(Path(tempfile.mkdtemp(prefix="rd")) / "s")
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, kind, path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(__file__).parents[2],
            )
            assert process.stdout is not None and process.stdout.readline() == b"listening\n"
            _servers[kind] = process, path
        return _servers[kind][1]


def _exactly(line: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        more = line.recv(length - len(found))
        if not more:
            raise EOFError("the process that runs commands has ended")
        found += more
    return found


def _serve(kind: str, path: str) -> None:
    for name in _SCREENS if kind == "screens" else _MODULES:
        import_module(f"reportdash.{name}")
    gc.freeze()  # else a command that ends looks through all that was imported, and copies its pages for it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for a command
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        print("listening", flush=True)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            line, _ = listener.accept()
            if not os.fork():
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _attend(line)
                return
            line.close()
    Path(path).unlink()
    Path(path).parent.rmdir()


def _attend(line: socket.socket) -> None:
    """Fork once more: one of the two is the command, the other tells how it ended."""
    length, streams, _, _ = socket.recv_fds(line, _LENGTH, 4)
    asked = json.loads(_exactly(line, int.from_bytes(length)))
    child = os.fork()
    if child:
        line.sendall(child.to_bytes(_LENGTH))
        _, status = os.waitpid(child, 0)
        line.sendall(os.waitstatus_to_exitcode(status).to_bytes(_LENGTH, signed=True))
        os._exit(0)
    line.close()
    if terminal := streams[3:]:
        os.setsid()
        fcntl.ioctl(terminal[0], termios.TIOCSCTTY, 0)
        os.close(terminal[0])
    for number, stream in enumerate(streams[:3]):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    folders = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[1:1] = [folder for folder in folders if folder not in sys.path]
    said = sys.stdout
    sys.stdin = _opened(0, "r", said.encoding)
    sys.stdout = _opened(1, "w", said.encoding, said.errors)
    sys.stderr = _opened(2, "w", said.encoding, "backslashreplace", buffering=1)
    sys.argv = ["reportdash", *asked["words"]]
    import_module("reportdash.cli.main").run()


def _opened(
    number: int, mode: str, encoding: str, errors: str | None = None, *, buffering: int = -1
) -> TextIO:
    """A standard stream on what stands behind its number by now."""
    stream = os.fdopen(number, mode, buffering, encoding, errors, closefd=False)
    assert isinstance(stream, TextIOWrapper)
    return stream


if __name__ == "__main__":
    _serve(*sys.argv[1:])
