"""A shell around the command: its own config, data folder and environment, against the simulator."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest_asyncio

from reportdash.simulator import Simulator
from tests.cli.warm import Run, can_fork


@dataclass
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def row(self) -> dict[str, Any]:
        (row,) = self.rows
        return row


@dataclass
class Shell:
    """`await shell("jobs", "--json")` runs the real command in a process of its own; `start` does so from its
    first import on."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    def environment(self) -> dict[str, str]:
        # A size in the environment would hold for a terminal of another one.
        out = ("REPORTDASH_", "COLUMNS", "LINES")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(out)}
        return {
            **clean,
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "xdg"),
            "XDG_DATA_HOME": str(self.folder / "xdg-data"),
            "REPORTDASH_CONFIG": str(self.config),
            "REPORTDASH_DATA_DIR": str(self.data),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "NO_COLOR": "1",
            "TZ": "UTC",
            **self.env,
        }

    async def start(self, *words: str, stdin: int = asyncio.subprocess.DEVNULL) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "reportdash",
            *words,
            env=self.environment(),
            cwd=self.folder,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    def begin(self, words: Sequence[str], streams: Sequence[int]) -> Run | subprocess.Popen[bytes]:
        """Start a command; one whose Python is told something of its own can not be forked from another."""
        if can_fork(self.env):
            return Run(words, self.environment(), self.folder, streams)
        command, folder = [sys.executable, "-m", "reportdash", *words], self.folder
        given, out, err = streams
        return subprocess.Popen(
            command, env=self.environment(), cwd=folder, stdin=given, stdout=out, stderr=err
        )

    async def __call__(self, *words: str, stdin: str | None = None, timeout: float = 120) -> Ran:
        with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
            given.write((stdin or "").encode())
            given.seek(0)
            streams = [stream.fileno() for stream in (given, out, err)]
            run = await asyncio.to_thread(self.begin, words, streams)
            try:
                code = await asyncio.wait_for(asyncio.to_thread(run.wait), timeout)
            except BaseException:
                os.kill(run.pid, signal.SIGKILL)
                raise
            out.seek(0)
            err.seek(0)
            return Ran(code, out.read().decode(), err.read().decode())

    def write(self, text: str) -> None:
        self.config.write_text(f'download_dir = "{self.reports}"\n{text}', encoding="utf-8")


ACCOUNTS = {"main": "7g", "billing": "sigma", "admissions": "webadmit", "calls": "talkdesk"}


def toml(accounts: dict[str, dict[str, Any]], **more: dict[str, Any]) -> str:
    """The simulator's accounts as config text; `more` adds keys to an account."""
    lines: list[str] = []
    for name, account in accounts.items():
        if name not in ACCOUNTS:
            continue
        lines += ["", f"[accounts.{name}]", f"vendor = {json.dumps(account['vendor'])}"]
        keys = {"poll_min": 0.05, "poll_max": 0.2, **account["settings"], **more.get(name, {})}
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def secrets(accounts: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Each account's credential as environment variables."""
    return {
        f"REPORTDASH_SECRET__{name.upper()}__{key.upper()}": value
        for name, account in accounts.items()
        if name in ACCOUNTS
        for key, value in account["secrets"].items()
    }


@pytest_asyncio.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(seed=7) as simulator:
        yield simulator


@pytest_asyncio.fixture
async def shell(sim: Simulator, tmp_path: Path) -> Shell:
    """A shell with the simulator's four accounts configured and their credentials in the environment."""
    made = Shell(tmp_path, secrets(sim.accounts()))
    made.write(toml(sim.accounts()))
    return made


@pytest_asyncio.fixture
async def bare(tmp_path: Path) -> Shell:
    """A shell without config file, accounts or credentials."""
    made = Shell(tmp_path)
    made.env = {"REPORTDASH_CONFIG": ""}
    return made
