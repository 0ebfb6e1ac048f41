"""The command in a process of its own that has its imports behind it: one process imports, and forks for each run.

What a command does is under test where this is used; how it starts is under test elsewhere (`Shell.start`, the
terminal, the benchmarks), and importing anew for hundreds of commands was most of what their tests took.
Arguments, environment, folder and the three streams are the caller's; the run ends as any process does.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

_LENGTH = 8
_MODULES = (
    *(f"cli.{name}" for name in "accounts after config context doctor jobs main output submit watch".split()),
    "engine.runtime",
    "net.client",
    "net.storage",
    "vendors.seveng",
    "vendors.sigma",
    "vendors.webadmit",
    "vendors.talkdesk",
)
_starting = threading.Lock()
_server: tuple[subprocess.Popen[bytes], str] | None = None


class Run:
    """One command under way. `wait()` blocks until it has ended and gives its exit code as a Popen would."""

    def __init__(
        self, words: Sequence[str], env: Mapping[str, str], folder: Path, streams: Sequence[int]
    ) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(_address())
        asked = json.dumps({"words": list(words), "env": dict(env), "folder": str(folder)}).encode()
        socket.send_fds(self._line, [len(asked).to_bytes(_LENGTH)], list(streams))
        self._line.sendall(asked)
        self.pid = int.from_bytes(_exactly(self._line, _LENGTH))

    def wait(self) -> int:
        with self._line:
            return int.from_bytes(_exactly(self._line, _LENGTH), signed=True)


def _address() -> str:
    """Where the importing process listens; it is started when it is first needed and ends with this one."""
    global _server
    with _starting:
        if _server is None:
            path = os.path.join(tempfile.mkdtemp(prefix="rd"), "s")
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(__file__).parents[2],
            )
            assert process.stdout is not None and process.stdout.readline() == b"listening\n"
            _server = process, path
        return _server[1]


def _exactly(line: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        more = line.recv(length - len(found))
        if not more:
            raise EOFError("the process that runs commands has ended")
        found += more
    return found


def _serve(path: str) -> None:
    for name in _MODULES:
        import_module(f"reportdash.{name}")
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
    os.unlink(path)
    os.rmdir(os.path.dirname(path))


def _attend(line: socket.socket) -> None:
    """Fork once more: one of the two is the command, the other tells how it ended."""
    length, streams, _, _ = socket.recv_fds(line, _LENGTH, 3)
    asked = json.loads(_exactly(line, int.from_bytes(length)))
    child = os.fork()
    if child:
        line.sendall(child.to_bytes(_LENGTH))
        _, status = os.waitpid(child, 0)
        line.sendall(os.waitstatus_to_exitcode(status).to_bytes(_LENGTH, signed=True))
        os._exit(0)
    line.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    said = sys.stdout
    sys.stdin = open(0, encoding=said.encoding, closefd=False)
    sys.stdout = open(1, "w", encoding=said.encoding, errors=said.errors, closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding=said.encoding, errors="backslashreplace", closefd=False)
    sys.argv = ["reportdash", *asked["words"]]
    import_module("reportdash.cli.main").run()


if __name__ == "__main__":
    _serve(sys.argv[1])
