"""The twelve situations a server's keyring can be in, through the real command line.

For each: the sentence, the exit code, that nothing hangs, what is on the disk afterwards, and that nothing
comes onto the terminal but what the command itself says: its words go into files here, and the terminal,
which is there to be painted on, stays empty.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import stat
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import pytest
import pytest_asyncio

from reportdash.credentials.files import PINS
from reportdash.credentials.vault import FILE_NAME
from reportdash.simulator import Simulator
from tests.cli.warm import Run, can_fork
from tests.credentials.conftest import IN_PASS, PASSPHRASE, Environ, Pass
from tests.faults.canaries import files, hits

ROOT = Path(__file__).parent.parent.parent
CANARY = "canary/of+the.key=31"
VAULT_PASSPHRASE = "canary of seven blue herons"
NOT_HANGING = 3.5 + 20
"""Seconds: what a store may take to be looked at, and a start of Python on a machine that is busy."""


@dataclass
class Told:
    """What one command did. `painted`: what came onto its terminal. `took`: seconds."""

    code: int
    out: str
    err: str
    painted: bytes
    took: float


class Server:
    """A home with an account at a simulated vendor; commands run on a terminal, their words in files."""

    def __init__(self, folder: Path, sim: Simulator) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.data = folder / "home" / "data"
        self.passphrase = folder / "passphrase"
        self.settings = sim.accounts()["main"]["settings"]
        self.configure()

    def configure(self, *more: str) -> None:
        lines = [f'download_dir = "{self.home}/reports"', "[accounts.main]", 'vendor = "webadmit"', *more]
        lines += [f"{key} = {json.dumps(value)}" for key, value in self.settings.items()]
        config = self.home / "config.toml"
        config.touch(mode=0o600)
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def opened_by(self, environ: Environ, passphrase: str) -> Environ:
        """With a file that holds the vault's passphrase."""
        self.passphrase.touch(mode=0o600)
        self.passphrase.write_text(f"{passphrase}\n", encoding="utf-8")
        return {**environ, "REPORTDASH_VAULT_PASSPHRASE_FILE": str(self.passphrase)}

    async def run(self, environ: Environ, *words: str, stdin: str = "") -> Told:
        master, slave = os.openpty()
        began = time.monotonic()
        env = {
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "GPG_TTY": os.ttyname(slave),
            "REPORTDASH_CONFIG": str(self.home / "config.toml"),
            "REPORTDASH_DATA_DIR": str(self.data),
            **environ,
        }
        assert can_fork(env)
        try:
            with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
                given.write(stdin.encode())
                given.seek(0)
                streams = [stream.fileno() for stream in (given, out, err)]
                run = await asyncio.to_thread(Run, words, env, ROOT, streams, slave)
                try:
                    code = await asyncio.wait_for(asyncio.to_thread(run.wait), 120)
                except BaseException:
                    os.kill(run.pid, signal.SIGKILL)
                    raise
                took = time.monotonic() - began
                painted = b""
                while select.select([master], [], [], 0.05)[0]:
                    painted += os.read(master, 65_536)
                out.seek(0)
                err.seek(0)
                return Told(code, out.read().decode(), err.read().decode(), painted, took)
        finally:
            os.close(slave)
            os.close(master)

    async def login(self, environ: Environ, *words: str) -> Told:
        return await self.run(environ, "login", "main", "--stdin", *words, stdin=f"api_key={CANARY}\n")

    async def sign_in(self, environ: Environ) -> Told:
        """A command that needs the credential."""
        return await self.run(environ, "track", "main", "--all")

    async def home_of_the_key(self, environ: Environ) -> str:
        told = await self.run(environ, "accounts", "--json")
        assert (told.code, told.painted) == (0, b"")
        return str(json.loads(told.out)["credential"])

    def check(self, told: Told, *more: Path) -> None:
        """Nothing was painted, took for ever, lies about in plain, or can be read by others."""
        assert told.painted == b""
        assert told.took < NOT_HANGING
        secrets = (CANARY, VAULT_PASSPHRASE, IN_PASS, PASSPHRASE)
        assert hits([("stdout", told.out.encode()), ("stderr", told.err.encode())], secrets) == []
        # gpg's key and pass's entries are the operator's; they are encrypted, so nothing may be found either.
        assert hits(files(self.home, *more), secrets) == []
        for path in self.home.rglob("*"):
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) or path.is_relative_to(self.data):
                wanted = 0o700 if stat.S_ISDIR(mode) else 0o600
                assert stat.S_IMODE(mode) == wanted, f"{path} {stat.S_IMODE(mode):o}"

    def stores(self) -> set[str]:
        """The files of ours that can hold a credential or where it is."""
        return {name for path in self.data.iterdir() if (name := path.name).startswith("credential")}


@pytest_asyncio.fixture
async def server(bare: Environ, tmp_path: Path) -> AsyncIterator[Server]:
    async with Simulator(seed=7, accounts={"main": "webadmit"}) as sim:
        sim.add_account("webadmit", "main", api_key=CANARY)
        yield Server(tmp_path, sim)


def named_in_the_config_of_keyring(bare: Environ) -> Environ:
    folder = Path(bare["HOME"]) / "keyring-config" / "python_keyring"
    folder.mkdir(parents=True)
    file = folder / "keyringrc.cfg"
    file.touch(mode=0o600)
    file.write_text("[backend]\ndefault-keyring=keyrings.alt.file.PlaintextKeyring\n")
    return {**bare, "XDG_CONFIG_HOME": str(folder.parent)}


def with_keyrings_alt(bare: Environ) -> Environ:
    """As `pip install keyrings.alt` leaves it: its plain-text keyring says that it works here."""
    package = Path(bare["HOME"]).parent / "site"
    (package / "keyrings" / "alt").mkdir(parents=True)
    (package / "keyrings" / "alt" / "__init__.py").write_text("")
    (package / "keyrings" / "alt" / "file.py").write_text(
        "import os\n"
        "class PlaintextKeyring:\n"
        "    priority = 9\n"
        "    def get_password(self, service, user): return None\n"
        "    def set_password(self, service, user, value):\n"
        "        with open(os.path.expanduser('~/plain'), 'w') as file: file.write(value)\n"
    )
    info = package / "keyrings_alt-5.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: keyrings.alt\nVersion: 5.0\n")
    (info / "entry_points.txt").write_text("[keyring.backends]\nfile = keyrings.alt.file\n")
    return {**bare, "PYTHONPATH": str(package)}


NO_KEYRING = {
    "no D-Bus": "no keyring can be reached",
    "a bus without secrets service": "no keyring runs on this session's D-Bus",
    "gnome-keyring never unlocked": "the keyring was never unlocked in this session",
    "wrong unlock password": "the keyring is locked and its prompt cannot be shown here",
    "a mute Secret Service": "the keyring does not answer, so it was left alone",
    "keyrings.alt installed": "no keyring can be reached",
    "null backend in the environment": (
        "PYTHON_KEYRING_BACKEND names keyring.backends.null.Keyring, which stores nothing"
    ),
    "backend in keyringrc.cfg": (
        "keyringrc.cfg names keyrings.alt.file.PlaintextKeyring, which can keep secrets as plain text"
    ),
}
"""Situation -> what `login` says of the keyring."""


@pytest.fixture
def arranged(request: pytest.FixtureRequest) -> Environ:
    """The environment of a situation in which no keyring can be used."""
    situation = str(request.param)
    if situation == "a bus without secrets service":
        found: Environ = request.getfixturevalue("bus")
    elif situation == "a mute Secret Service":
        found = request.getfixturevalue("mute")
    elif situation == "gnome-keyring never unlocked":
        found = request.getfixturevalue("unlock")(None)
    elif situation == "wrong unlock password":
        unlock: Callable[[str], Environ] = request.getfixturevalue("unlock")
        unlock("right")
        found = unlock("wrong")
    else:
        found = request.getfixturevalue("bare")
        if situation == "keyrings.alt installed":
            found = with_keyrings_alt(found)
        elif situation == "null backend in the environment":
            found = {**found, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        elif situation == "backend in keyringrc.cfg":
            found = named_in_the_config_of_keyring(found)
    return found


@pytest.mark.parametrize(("arranged", "said"), NO_KEYRING.items(), ids=NO_KEYRING, indirect=["arranged"])
async def test_without_a_keyring_nothing_is_kept_unasked_and_the_ways_out_are_named(
    server: Server, arranged: Environ, said: str
) -> None:
    told = await server.login(arranged)
    assert told.code == 3
    ways_out = (
        "REPORTDASH_VAULT_PASSPHRASE_FILE",
        "credential_command",
        "REPORTDASH_SECRET__MAIN__API_KEY",
    )
    for words in (said, *ways_out):
        assert words in told.err
    server.check(told)
    assert server.stores() == set()


async def test_without_a_keyring_a_vault_takes_it_where_a_file_has_its_passphrase(
    server: Server, bare: Environ
) -> None:
    environ = server.opened_by(with_keyrings_alt(bare), VAULT_PASSPHRASE)
    told = await server.login(environ)
    assert (told.code, "stored in vault" in told.err) == (0, True), told.err
    server.check(told)
    assert {FILE_NAME, PINS} <= server.stores()
    doctor = await server.run(environ, "doctor", "--json")
    assert "keyrings.alt is installed, but it can keep secrets as plain text" in doctor.out
    server.check(doctor)


async def test_an_unlocked_keyring_takes_it(server: Server, unlock: Callable[..., Environ]) -> None:
    environ = unlock("pw")
    told = await server.login(environ)
    assert (told.code, "stored in keyring (SecretService)" in told.err) == (0, True), told.err
    server.check(told)
    assert FILE_NAME not in server.stores()
    assert await server.home_of_the_key(environ) == "keyring (SecretService)"


@pytest.mark.parametrize(
    ("passphrase", "code", "said", "home"),
    [
        (VAULT_PASSPHRASE, 0, "", "vault"),
        ("not the one it is", 3, "does not open the vault", "vault, wrong passphrase"),
        (None, 3, "is locked in this session", "vault, locked"),
    ],
    ids=["right", "wrong", "missing"],
)
async def test_a_vault_opens_to_the_right_passphrase_alone(
    server: Server, bare: Environ, passphrase: str | None, code: int, said: str, home: str
) -> None:
    told = await server.login(server.opened_by(bare, VAULT_PASSPHRASE), "--store", "vault")
    assert told.code == 0, told.err
    before = (server.data / FILE_NAME).read_bytes()
    environ = bare if passphrase is None else server.opened_by(bare, passphrase)
    told = await server.sign_in(environ)
    assert told.code == code, told.err
    assert said in told.err
    server.check(told)
    assert await server.home_of_the_key(environ) == home
    assert (server.data / FILE_NAME).read_bytes() == before


async def test_pass_that_would_ask_ends_with_a_sentence_and_works_once_gpg_agent_remembers(
    server: Server, store: Pass
) -> None:
    server.configure(f'credential_command = ["pass", "show", "{store.entry}"]')
    told = await server.sign_in(store.environ)
    assert told.code == 3
    assert "main: credential_command ended with exit code" in told.err
    assert "without a terminal to ask on: run it by hand to see why" in told.err
    place = Path(store.environ["GNUPGHOME"])
    server.check(told, Path(store.environ["PASSWORD_STORE_DIR"]), place)
    assert server.stores() == set()

    store.remember()
    told = await server.sign_in(store.environ)
    # The vendor was asked, and does not know this key.
    assert (told.code, "main: HTTP 401" in told.err) == (3, True), told.err
    server.check(told, Path(store.environ["PASSWORD_STORE_DIR"]), place)


async def test_a_command_that_hangs_is_said(server: Server, bare: Environ) -> None:
    server.configure('credential_command = ["sleep", "600"]')
    told = await server.sign_in(bare)
    assert told.code == 3
    assert "main: credential_command gave no answer within 10 seconds and was ended" in told.err
    server.check(told)
    assert server.stores() == set()
