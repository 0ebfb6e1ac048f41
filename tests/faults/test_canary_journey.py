"""One journey with canaries for secrets, and then a search for them wherever something could have stayed.

Four accounts whose keys come from the vault, a file, a command and the environment; a sign-in whose refusal
repeats the key in every writing, a redirect that carries one, a signed link whose refusal repeats it,
downloads, the dashboard with its exchanges, a crash. All with the debug log on.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote

import pytest

from reportdash.simulator import Simulator
from reportdash.simulator.faults import Serve
from reportdash.simulator.wire import Reply, Request
from tests.cli.conftest import Ran, Shell, toml
from tests.faults.canaries import files, hits
from tests.terminal.pty import Terminal, wait_for

ROOT = Path(__file__).parent.parent.parent
KEYS = {
    "main": ("7g", "password", "canary/main+pass=71"),
    "admissions": ("webadmit", "api_key", "canary/admissions+key=72"),
    "billing": ("sigma", "client_token", "canary/billing+token=73"),
    "calls": ("talkdesk", "client_secret", "canary/calls+secret=74"),
}
"""Account -> vendor, secret field, value."""
PASSPHRASE = "canary of seven herons 75"
CRASH = "canary-crash-76"
REPORTS = {
    "main": ("TransactionSummary",),
    "admissions": ("86446",),
    "billing": ("CashPosition",),
    "calls": ("calls", "--from", "2026-10-01T00:00:00Z", "--to", "2026-10-02T00:00:00Z"),
}
PICTURE = """
import os
from reportdash.cli import later, main

put_off = later.put_off


def put_off_and_patch():
    put_off()
    from textual.app import App

    leave = App.exit

    def with_a_picture(app, *args, **options):
        with open(os.environ["PICTURE"], "w") as file:
            file.write(app.export_screenshot())
        leave(app, *args, **options)

    App.exit = with_a_picture


later.put_off = put_off_and_patch
main.run()
"""
"""The dashboard, which leaves its screenshot behind."""


class Processes:
    """What every process of this journey shows of itself in /proc, looked at all the time.

    `lines`: command lines; `environs`: environments of those that a process of ours started.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.lines: dict[str, bytes] = {}
        self.environs: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        me = str(os.getpid())
        proc = Path("/proc")
        before = set(proc.iterdir())
        while not self._over.wait(0.01):
            for folder in set(proc.iterdir()) - before:
                try:
                    environ = (folder / "environ").read_bytes()
                    if self._mark not in environ:
                        continue
                    line = (folder / "cmdline").read_bytes()
                    parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                except OSError:  # it has ended since
                    continue
                what = f"{folder.name} {line[-60:]!r}"
                self.lines[what] = line
                # What we start gets its keys that way, on purpose; its own children must not. Between fork
                # and exec a child still is its parent.
                if parent != me and b"-m\0reportdash" not in line and b"PICTURE" not in line:
                    self.environs[what] = environ


class Journey:
    def __init__(self, folder: Path, sim: Simulator) -> None:
        self.sim = sim
        self.home = folder / "home"
        self.outside = folder / "outside"
        for path in (self.home, self.home / "tmp", self.outside):
            path.mkdir(mode=0o700)
        self.said: list[tuple[str, bytes]] = []
        known = sim.accounts()
        self.shell = Shell(self.home, self.environment())
        text = toml(known, billing={"credential_command": [self.command()]})
        self.shell.write(text)
        self.shell.config.chmod(0o600)

    def environment(self) -> dict[str, str]:
        return {
            "TMPDIR": str(self.home / "tmp"),
            "REPORTDASH_VAULT_PASSPHRASE_FILE": self.hand_in("passphrase", PASSPHRASE),
            "REPORTDASH_SECRET__ADMISSIONS__API_KEY__FILE": self.hand_in("key", KEYS["admissions"][2]),
            "REPORTDASH_SECRET__CALLS__CLIENT_ID": "demo-calls",
            "REPORTDASH_SECRET__CALLS__CLIENT_SECRET": KEYS["calls"][2],
        }

    def hand_in(self, name: str, text: str) -> str:
        path = self.outside / name
        path.touch(mode=0o600)
        path.write_text(f"{text}\n")
        return str(path)

    def command(self) -> str:
        """A credential_command that also notes what it was given."""
        path = self.outside / "command"
        lines = f"client_id=demo-billing\nclient_token={KEYS['billing'][2]}\n"
        printed = self.hand_in("printed", lines)
        path.write_text(f"#!/bin/sh\ncat /proc/self/environ >>{self.outside}/given\ncat {printed}\n")
        path.chmod(0o700)
        return str(path)

    def log_in_lines(self) -> str:
        return f"username=demo-main\npassword={KEYS['main'][2]}\n"

    async def run(self, *words: str, code: int = 0, stdin: str | None = None) -> Ran:
        ran = await self.shell("--debug", *words, stdin=stdin)
        self.said += [(f"stdout of {words}", ran.out.encode()), (f"stderr of {words}", ran.err.encode())]
        assert ran.code == code, (words, ran.out, ran.err)
        return ran

    def look(self) -> None:
        """The dashboard: a job, its exchanges, then a picture of the screen and the end."""
        env = {**self.shell.environment(), "NO_COLOR": "", "PICTURE": str(self.home / "picture.svg")}
        with Terminal(["--debug"], env=env, program=[sys.executable, "-c", PICTURE], cwd=ROOT) as terminal:
            terminal.until(lambda text: "live" in text and "Exchanges" in text)
            terminal.send("\t")
            terminal.until(lambda text: "the vendor says" not in text)
            terminal.send("\t")
            terminal.until("GET http")
            terminal.send("q")
            assert terminal.finish() == 0, terminal.text
            self.said.append(("the terminal", bytes(terminal.bytes)))

    def crash(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.blown", "a command", "jobs", "--debug"],
            env={**self.shell.environment(), "CANARY": CRASH},
            cwd=ROOT,
            capture_output=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 70
        self.said += [("stdout of the crash", done.stdout), ("stderr of the crash", done.stderr)]

    def secrets(self) -> list[str]:
        """The canaries, and what the vendors gave out on the way: tokens and signatures."""
        found = {PASSPHRASE, CRASH, *(value for _, _, value in KEYS.values())}
        for request in self.sim.requests:
            scheme, _, value = request.header("authorization").partition(" ")
            found |= {value or scheme, request.header("x-api-key")}
            if request.vendor == "storage":
                query = parse_qsl(request.raw.partition("?")[2])
                found |= {value for name, value in query if "ignature" in name or "Token" in name}
        return sorted(secret for secret in found if len(secret) > 7)


async def echo(request: Request, serve: Serve) -> Reply:
    """The sign-in is refused in words that repeat what came, in every writing."""
    secret = KEYS["main"][2]
    words = [
        request.body.decode(),
        secret,
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode(),
    ]
    basic = base64.b64encode(f"demo-main:{secret}".encode()).decode()
    return Reply(401, json.dumps({"message": " ".join([*words, basic])}).encode())


async def refuse_the_link(request: Request, serve: Serve) -> Reply:
    return Reply(403, f"<Error><Message>Request has expired: {request.raw}</Message></Error>".encode())


async def test_after_a_journey_no_secret_is_anywhere(tmp_path: Path) -> None:
    accounts = {name: vendor for name, (vendor, _, _) in KEYS.items()}
    async with Simulator(seed=7, accounts=accounts) as sim:
        for name, (vendor, field, value) in KEYS.items():
            sim.vendors[vendor].accounts[name].secrets[field] = value
        journey = Journey(tmp_path, sim)
        run = journey.run
        with Processes(str(journey.shell.data)) as processes:
            sim.inject("7g", echo, path="/User/Login", times=1)
            await run("login", "main", "--stdin", code=3, stdin=journey.log_in_lines())
            await run("login", "main", "--stdin", stdin=journey.log_in_lines())
            jobs = {}
            for account, report in REPORTS.items():
                sim.script(accounts[account], None, [sim.vendors[accounts[account]].finals["ready"]])
                jobs[account] = (await run("submit", account, *report)).lines[0]
            moved = {"Location": f"https://cdn.example/x?sig={KEYS['calls'][2]}&token={KEYS['calls'][2]}"}
            sim.inject("talkdesk", Reply(302, KEYS["calls"][2].encode(), moved), method="GET", times=1)
            sim.inject("storage", refuse_the_link, times=1)
            # The redirect leads away from the vendor's storage: that download ends there, and comes anew.
            await run("watch", "--until", "settled", "--timeout", "60", "--download", "--json", code=1)
            await run("download", jobs["calls"])
            await run("show", jobs["main"])
            for job in jobs.values():
                assert (await run("show", job, "--json")).row["exchanges"]
            await run("doctor", "--json")
            await asyncio.to_thread(journey.look)
            await asyncio.to_thread(journey.crash)
        secrets = journey.secrets()

    # What could have repeated them is there.
    kept = dict(files(journey.home))
    names = {Path(path).name for path in kept}
    assert len(list((journey.shell.reports).iterdir())) >= len(KEYS)
    assert len(secrets) > 10
    assert {"debug.log", "credentials.vault", "picture.svg", "ledger.db"} <= names
    assert any(name.startswith("crash-") for name in names)
    assert b"(hidden)" in kept[str(journey.shell.data / "debug.log")]
    assert any("keyring_child.py" in line for line in processes.lines)
    assert sum(request.status == 403 for request in sim.requests if request.vendor == "storage") == 1

    given = (journey.outside / "given").read_bytes()
    shown = [*processes.lines.items(), *processes.environs.items(), ("what the command was given", given)]
    assert hits([*kept.items(), *journey.said, *shown], secrets) == []
    for path in journey.home.rglob("*"):
        if stat.S_ISREG(path.lstat().st_mode) and path.name != "picture.svg":
            assert stat.S_IMODE(path.lstat().st_mode) == 0o600, path


def _limits() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGQUIT, signal.SIGSEGV])
def test_a_watch_that_dies_of_a_signal_leaves_no_core_dump(tmp_path: Path, number: signal.Signals) -> None:
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
        pytest.skip("no process may leave a core dump here")
    folder = tmp_path / "here"
    folder.mkdir()

    def killed(words: list[str], ready: Callable[[], bool]) -> list[str]:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            preexec_fn=_limits,
        )
        wait_for(ready, "it never started")
        process.send_signal(number)
        assert process.wait(240) == -number
        return [path.name for path in folder.iterdir() if "core" in path.name]

    sleep = shutil.which("sleep") or "sleep"
    if not killed([sleep, "100"], lambda: True):
        pytest.skip("core dumps go elsewhere here")
    for path in folder.iterdir():
        path.unlink()
    data = tmp_path / "data"
    config = tmp_path / "config.toml"
    config.write_text('[accounts.main]\nvendor = "7g"\nbase_url = "http://127.0.0.1:9"\n')
    words = ["--config", str(config), "--data-dir", str(data), "watch", "--until", "never"]
    program = [sys.executable, "-m", "reportdash", *words]
    assert killed(program, (data / "ledger.db").exists) == []
