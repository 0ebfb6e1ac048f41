"""Questions on a real terminal and their answers; and a shell whose credentials lie in a vault."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import textwrap
from dataclasses import dataclass
from typing import Any

from reportdash.credentials import Chain
from reportdash.credentials.vault import FILE_NAME, Cost, Vault
from reportdash.settings import load
from reportdash.simulator import Simulator
from reportdash.vendors import registry
from tests.cli.conftest import Shell, toml
from tests.cli.warm import can_fork
from tests.terminal.pty import Terminal

CHEAP = Cost(memory=64, iterations=1, lanes=1)
PASSPHRASE = "seven blue herons"
NEW = "New passphrase of the vault, at least 8 characters: "
AGAIN = "The same once more: "
KNOWN = "Passphrase of the vault: "
LOCKED = "Passphrase of the vault (enter: leave it locked): "

_KEYRING = """
import json, os

class DBusKeyring:
    priority = 5

    def _all(self):
        try:
            with open(os.environ["STORE"]) as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def _write(self, entries):
        with open(os.environ["STORE"], "w") as file:
            json.dump(entries, file)

    def get_password(self, service, user):
        return self._all().get(f"{service} {user}")

    def set_password(self, service, user, value):
        self._write({**self._all(), f"{service} {user}": value})

    def delete_password(self, service, user):
        entries = self._all()
        del entries[f"{service} {user}"]
        self._write(entries)
"""


@dataclass
class Talk:
    """What came of a command that asked. `at`: the screen when each answer was due."""

    code: int
    text: str
    at: list[str]
    sent: bytes
    restored: bool


async def talk(shell: Shell, words: tuple[str, ...], *turns: tuple[str, str | signal.Signals]) -> Talk:
    """Run a command on a terminal; answer each prompt when it stands there. An answer ends with enter."""

    def run() -> Talk:
        seen: dict[str, int] = {}
        at: list[str] = []
        # As wide as it must be for no sentence to be broken.
        how: dict[str, Any] = {"columns": 600, "lines": 50, "warm": can_fork(shell.env)}
        with Terminal(words, env=shell.environment(), cwd=shell.folder, **how) as terminal:
            for prompt, answer in turns:
                seen[prompt] = seen.get(prompt, 0) + 1
                at.append(terminal.until(lambda text, p=prompt: text.count(p.rstrip()) >= seen[p]))  # type: ignore[misc]
                if isinstance(answer, str):
                    terminal.send(answer if answer == "\x03" else f"{answer}\r")
                else:
                    terminal.signal(answer)
            code = terminal.finish()
            assert b"Traceback" not in terminal.bytes
            return Talk(code, terminal.text, at, bytes(terminal.bytes), terminal.tty_is_as_before())

    return await asyncio.to_thread(run)


def keyless(shell: Shell, sim: Simulator) -> None:
    """The simulator's accounts, and no credential anywhere."""
    shell.env = {}
    shell.write(toml(sim.accounts()))


def lines(sim: Simulator, account: str) -> str:
    """An account's secret as `login --stdin` reads it."""
    return "".join(f"{key}={value}\n" for key, value in sim.accounts()[account]["secrets"].items())


def passphrase_file(shell: Shell, text: str = PASSPHRASE) -> dict[str, str]:
    """A file with the vault's passphrase, and the variable that names it."""
    file = shell.folder / "passphrase"
    file.touch(mode=0o600)
    file.write_text(f"{text}\n")
    return {"REPORTDASH_VAULT_PASSPHRASE_FILE": str(file)}


def vault(shell: Shell) -> Vault:
    """The shell's vault, as another process would open it."""
    return Vault(shell.data / FILE_NAME, cost=CHEAP)


async def kept(shell: Shell, sim: Simulator, *accounts: str) -> None:
    """Let the credentials of these accounts lie in a vault, which is locked for whoever comes next."""
    keyless(shell, sim)
    chain = Chain(environ={}, folder=shell.data, vault=vault(shell), use_keyring=False)
    assert chain.vault is not None
    await chain.vault.open(PASSPHRASE, create=True)
    configured = load(shell.config, account_class=registry.account_class, environ={}, required=True).accounts
    for name in accounts:
        one, values = configured[name], sim.accounts()[name]["secrets"]
        await chain.keep(name, one.vendor, values, one.origins(), "vault")
    await chain.aclose()


def with_keyring(shell: Shell) -> None:
    """Let there be a keyring that works; its content is the file `keyring.json`."""
    package = shell.folder / "fake"
    backends = package / "keyring" / "backends"
    backends.mkdir(parents=True)
    (package / "keyring" / "__init__.py").write_text("")
    (backends / "__init__.py").write_text("")
    (backends / "kwallet.py").write_text(textwrap.dedent(_KEYRING))
    shell.env |= {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH")))),
        "STORE": str(shell.folder / "keyring.json"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.kwallet.DBusKeyring",
    }


async def home(shell: Shell, account: str) -> Any:
    """What `accounts --json` says of where the account's credential is."""
    ran = await shell("accounts", "--json")
    return {row["account"]: row["credential"] for row in ran.rows}[account]


def pins(shell: Shell) -> dict[str, str]:
    """Which store each account's credential is in, as written down."""
    path = shell.data / "credential-stores.json"
    entries: dict[str, str] = json.loads(path.read_text())["entries"] if path.exists() else {}
    return entries
