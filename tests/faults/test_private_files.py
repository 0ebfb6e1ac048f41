"""Files and state are private: a whole journey under the loosest umask, then a look at every file it left.

Once as installed, where the command sets its own umask first, and once without that: then each place that
makes a file has to ask for the right mode itself.
"""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reportdash.settings import memory
from reportdash.simulator import Simulator
from tests.faults.test_downloads_under_fire import ROOT
from tests.net.lying import Asked, Liar, Peer
from tests.terminal.pty import Terminal
from tests.terminal.test_dashboard import environment

INSTALLED = [sys.executable, "-m", "reportdash"]
_NO_UMASK = (
    "import os, sys; os.umask = lambda mask: 0; sys.argv[0] = 'x'; from reportdash.cli.main import run; run()"
)
UNMASKED = [sys.executable, "-c", _NO_UMASK]
CRASH = "from reportdash.cli.crash import report; report(ValueError('x'), {!r})"


@contextmanager
def loosest_umask() -> Iterator[None]:
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """What others may do with the files below `folder`: those that are not private, by their paths."""
    found = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if path.is_symlink() or path.is_socket():
            continue
        if stat.S_IMODE(mode) != (0o700 if stat.S_ISDIR(mode) else 0o600):
            found[str(path.relative_to(folder))] = oct(stat.S_IMODE(mode))
    return found


DOWNLOAD = """
import asyncio, sys
from pathlib import Path
from tests.faults.downloader import main
sys.exit(asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])))
"""


class Journey:
    def __init__(self, folder: Path, program: list[str], base: str) -> None:
        self.folder, self.program, self.base = folder, program, base
        self.config = folder / "config" / "reportdash" / "config.toml"
        self.data = folder / "data" / "reportdash"
        self.env = {
            **environment(folder),
            "REPORTDASH_ACCOUNTS__MAIN__POLL_MIN": "0.05",
            "REPORTDASH_ACCOUNTS__MAIN__POLL_MAX": "0.1",
        }

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.program, "--debug", *words],
            env={**os.environ, **self.env, "REPORTDASH_DOWNLOAD_DIR": str(self.folder / "made" / "reports")},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def first_run(self) -> None:
        """The config is written by the dialog of an empty board."""
        with Terminal([], columns=80, lines=24, env=self.env, program=self.program) as terminal:
            terminal.until(lambda text: "Write the config" in text and "q quit" in text)
            terminal.send("2")
            terminal.until("Add an account")
            terminal.send(f"\t\t\x15{self.base}\r\r")
            terminal.until(lambda text: "Add an account" not in text and "main" in text)
            terminal.send("q")
            assert terminal.finish() == 0, terminal.text

    def board(self) -> dict[str, str]:
        """A theme is chosen and a view saved; what is not private while the board runs."""
        with Terminal(["--debug"], env=self.env, program=self.program) as terminal:
            terminal.until(lambda text: "live" in text and "TransactionSummary" in text)
            terminal.send(":theme\r")
            terminal.until("reportdash-light")
            terminal.send("\x1b[B\r\x1b")
            terminal.until(lambda text: "reportdash-light" not in text)
            found = modes(self.data)
            terminal.send("q")
            assert terminal.finish() == 0, terminal.text
        return found


@pytest.mark.parametrize("program", [INSTALLED, UNMASKED], ids=["as installed", "no umask of ours"])
async def test_whatever_a_journey_leaves_is_private(tmp_path: Path, program: list[str]) -> None:
    async def cut(asked: Asked, peer: Peer) -> None:
        await peer.raw(
            b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: 900000\r\nContent-Type: text/csv\r\n\r\n'
        )
        await peer.raw(b"1,2,3\n" * 50_000)
        await asyncio.sleep(60)

    home = tmp_path / "home"
    home.mkdir()
    async with Simulator(seed=7) as sim, Liar(cut) as storage:
        sim.script("7g", None, ["pending", "complete"])
        base = sim.accounts()["main"]["settings"]["base_url"]
        secrets = sim.accounts()["main"]["secrets"]
        journey = Journey(home, program, base)
        journey.env |= {f"REPORTDASH_SECRET__MAIN__{key.upper()}": value for key, value in secrets.items()}
        with loosest_umask():
            await asyncio.to_thread(journey.first_run)
            made = await asyncio.to_thread(journey.command, "submit", "main", "TransactionSummary")
            assert made.returncode == 0, made.stderr
            words = ("watch", "--until", "ready", "--timeout", "90", "--download")
            done = await asyncio.to_thread(journey.command, *words)
            assert done.returncode == 0, done.stderr
            running = await asyncio.to_thread(journey.board)
            await asyncio.to_thread(journey.command, "forget", made.stdout.strip())
            # A download that is killed: its part and sidecar stay.
            (home / "killed").mkdir(mode=0o700)
            part = await asyncio.create_subprocess_exec(
                sys.executable, "-c", DOWNLOAD, str(home / "killed"), storage.base, "aaaaaa",
                cwd=ROOT, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            while not list(home.rglob("*.part.json")):
                assert part.returncode is None
                await asyncio.sleep(0.02)
            part.kill()
            await part.wait()
            subprocess.run(
                [sys.executable, "-c", CRASH.format(str(journey.data))], check=True, capture_output=True
            )
            # A damaged ledger is set aside, and another one begun.
            ledger = journey.data / "ledger.db"
            raw = bytearray(ledger.read_bytes())
            raw[4096 : 4096 + 9000] = b"\xff" * min(9000, max(0, len(raw) - 4096))
            ledger.write_bytes(raw)
            await asyncio.to_thread(journey.command, "watch", "--timeout", "1")
    (home / "tmp").chmod(0o700)  # ours: the place for temporary files
    assert running == {}
    # Folders above ours are not ours to say; with our umask they are private as well.
    theirs = {"config": "0o777", "data": "0o777"} if program is UNMASKED else {}
    assert modes(home) == theirs
    names = {path.name for path in home.rglob("*")}
    assert {
        "config.toml",
        "ledger.db",
        "ledger.backup.db",
        "jobs.log",
        "debug.log",
        memory.FILE_NAME,
    } <= names, names
    for ending in (".part", ".part.json", ".json"):
        assert any(name.endswith(ending) for name in names), (ending, names)
    assert any(name.startswith("crash-") for name in names)
    assert any(name.startswith("ledger.db.") or "damaged" in name for name in names), names
