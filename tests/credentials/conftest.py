"""Real buses, a real gnome-keyring, a mute Secret Service, a real pass, and keyrings that misbehave."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

Environ = dict[str, str]

_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

_MUTE = """\
import sys
from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.io.blocking import open_dbus_connection
from jeepney.bus_messages import message_bus
connection = open_dbus_connection("SESSION")
connection.send_and_get_reply(message_bus.RequestName("org.freedesktop.secrets"))
print("ready", flush=True)
while True:
    connection.receive()
"""


@pytest.fixture
def bare(tmp_path: Path) -> Environ:
    """An environment with a home of its own and no bus."""
    home = tmp_path / "home"
    run = tmp_path / "run"
    home.mkdir()
    run.mkdir(mode=0o700)
    return {"HOME": str(home), "PATH": os.environ.get("PATH", ""), "XDG_RUNTIME_DIR": str(run)}


@contextmanager
def bus_at(folder: Path, environ: Environ) -> Iterator[Environ]:
    """A session bus that starts no service by itself, with its socket in this folder."""
    config = folder / "bus.conf"
    config.write_text(_BUS.format(socket=folder / "bus"))
    daemon = subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
        text=True,
    )
    assert daemon.stdout is not None
    address = daemon.stdout.readline().strip()
    try:
        yield {**environ, "DBUS_SESSION_BUS_ADDRESS": address}
    finally:
        daemon.kill()
        daemon.wait()


@contextmanager
def keyring_at(bus: Environ, password: str | None) -> Iterator[None]:
    """gnome-keyring on the bus, unlocked with a password, or not unlocked at all."""
    command = ["gnome-keyring-daemon", "--foreground", "--components=secrets"]
    if password is not None:
        command.append("--unlock")
    daemon = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=bus,
    )
    try:
        assert daemon.stdin is not None
        daemon.stdin.write((password or "").encode())
        daemon.stdin.close()
        _wait_for_name(bus)
        yield
    finally:
        daemon.kill()
        daemon.wait()


@pytest.fixture
def bus(bare: Environ, tmp_path: Path) -> Iterator[Environ]:
    """A session bus of our own."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed")
    # The path of a socket has room for some hundred characters only.
    folder = Path(os.path.realpath("/tmp")) / f"reportdash-bus-{os.getpid()}-{abs(hash(tmp_path)) % 10**8}"
    folder.mkdir(mode=0o700)
    try:
        with bus_at(folder, bare) as made:
            yield made
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def unlock(bus: Environ) -> Iterator[Callable[..., Environ]]:
    """Start gnome-keyring on the bus, unlocked with a password, or not unlocked at all."""
    if shutil.which("gnome-keyring-daemon") is None:
        pytest.skip("gnome-keyring is not installed")
    with ExitStack() as running:

        def start(password: str | None) -> Environ:
            running.close()
            running.enter_context(keyring_at(bus, password))
            return bus

        yield start


def _wait_for_name(environ: Environ) -> None:
    code = """
    import time
    from jeepney.bus_messages import message_bus
    from jeepney.io.blocking import open_dbus_connection
    bus = open_dbus_connection("SESSION")
    for _ in range(200):
        if bus.send_and_get_reply(message_bus.NameHasOwner("org.freedesktop.secrets")).body[0]:
            break
        time.sleep(0.05)
    else:
        raise SystemExit("nobody owns org.freedesktop.secrets")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environ, check=True)


class Prompts:
    """Listens on a bus for calls that would show a prompt or unlock something."""

    def __init__(self, environ: Environ) -> None:
        self._environ = environ
        self._monitor = subprocess.Popen(
            ["dbus-monitor", "--profile"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
            text=True,
        )
        # A connection loses its name in the moment it becomes a monitor.
        self._until("NameLost")

    def seen(self) -> list[str]:
        """The calls since the beginning; what was sent before this moment is in."""
        self._signal("reportdash.End")
        lines = self._until("reportdash.End")
        self.stop()
        return [line for line in lines if "Secret.Prompt" in line or line.rstrip().endswith("Unlock")]

    def stop(self) -> None:
        self._monitor.kill()
        self._monitor.wait()

    def _signal(self, name: str) -> None:
        code = (
            "import sys\n"
            "from jeepney import DBusAddress, new_signal\n"
            "from jeepney.io.blocking import open_dbus_connection\n"
            "bus = open_dbus_connection('SESSION')\n"
            "bus.send(new_signal(DBusAddress('/', interface=sys.argv[1]), 'Here'))\n"
        )
        subprocess.run([sys.executable, "-c", code, name], env=self._environ, check=True)

    def _until(self, mark: str) -> list[str]:
        assert self._monitor.stdout is not None
        lines: list[str] = []
        while not lines or mark not in lines[-1]:
            line = self._monitor.stdout.readline()
            assert line, "the monitor ended"
            lines.append(line)
        return lines


@pytest.fixture
def prompts() -> Iterator[Callable[[Environ], Prompts]]:
    if shutil.which("dbus-monitor") is None:
        pytest.skip("dbus-monitor is not installed")
    made: list[Prompts] = []

    def watch(environ: Environ) -> Prompts:
        made.append(Prompts(environ))
        return made[-1]

    yield watch
    for one in made:
        one.stop()


@pytest.fixture
def mute(bus: Environ) -> Iterator[Environ]:
    """A Secret Service that takes every call and never answers one."""
    service = subprocess.Popen([sys.executable, "-c", _MUTE], stdout=subprocess.PIPE, env=bus, text=True)
    assert service.stdout is not None
    assert service.stdout.readline().strip() == "ready"
    try:
        yield bus
    finally:
        service.kill()
        service.wait()


@pytest.fixture
def fake(bare: Environ, tmp_path: Path) -> Callable[[str], Environ]:
    """A package `keyring` whose KWallet backend has these methods, in place of the real one."""

    def install(body: str) -> Environ:
        package = tmp_path / "fake"
        backends = package / "keyring" / "backends"
        backends.mkdir(parents=True)
        (package / "keyring" / "__init__.py").write_text("")
        (backends / "__init__.py").write_text("")
        (backends / "kwallet.py").write_text(
            "import os, sys, time\nSTORE = os.environ['STORE']\n\nclass DBusKeyring:\n    priority = 5\n"
            + textwrap.indent(textwrap.dedent(body), "    ")
        )
        return {
            **bare,
            "PYTHONPATH": str(package),
            "STORE": str(tmp_path / "store"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.kwallet.DBusKeyring",
        }

    return install


@dataclass
class Pass:
    """A password store of `pass` whose key has a passphrase; `entry` holds `canary`.

    `asked`: what gpg-agent told its pinentry, line by line. `environ`: what a program needs to use the store.
    """

    environ: Environ
    asked: Path
    entry: str = "vendors/main"

    def run(self, *words: str, say: str = "", **more: str) -> str:
        done = subprocess.run(
            words, input=say, env={**self.environ, **more}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def remember(self) -> None:
        """Let gpg-agent know the passphrase, as after a first `pass show` by hand."""
        path = f"{self.environ['PASSWORD_STORE_DIR']}/{self.entry}.gpg"
        self.run("gpg", "--batch", "--pinentry-mode=loopback", f"--passphrase={PASSPHRASE}", "-d", path)

    def forget(self, *conf: str) -> None:
        """End gpg-agent; the next one knows no passphrase, and has `conf` in its configuration."""
        self.run("gpgconf", "--kill", "gpg-agent")
        self.asked.unlink(missing_ok=True)
        pinentry = self.asked.with_name("pinentry")
        lines = [f"pinentry-program {pinentry}", "s2k-count 65536", *conf]
        (Path(self.environ["GNUPGHOME"]) / "gpg-agent.conf").write_text("\n".join(lines) + "\n")


PASSPHRASE = "canary-passphrase-51"
IN_PASS = "canary-in-pass-52"


@pytest.fixture(scope="module")
def made_store() -> Iterator[Pass]:
    for tool in ("pass", "gpg", "pinentry-curses"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    # The agent's socket stands in the folder, and its path has room for some hundred characters only.
    with tempfile.TemporaryDirectory(prefix="reportdash-pass-") as folder:
        place = Path(folder)
        (place / "gnupg").mkdir(mode=0o700)
        pinentry = place / "pinentry"
        pinentry.write_text(f'#!/bin/sh\ntee -a {place}/asked | pinentry-curses "$@"\n')
        pinentry.chmod(0o700)
        environ = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": folder,
            "GNUPGHOME": f"{place}/gnupg",
            "PASSWORD_STORE_DIR": f"{place}/store",
            "TERM": "xterm-256color",
        }
        store = Pass(environ, place / "asked")
        store.forget()
        batch = ("gpg", "--batch", "--pinentry-mode=loopback", f"--passphrase={PASSPHRASE}")
        store.run(*batch, "--quick-gen-key", "operator@example.test", "ed25519", "default", "never")
        key = store.run("gpg", "--list-keys", "--with-colons").partition("fpr:")[2].split(":")[8]
        store.run(*batch, "--quick-add-key", key, "cv25519", "encr", "never")
        store.run("pass", "init", "operator@example.test")
        store.run("pass", "insert", "-e", store.entry, say=f"{IN_PASS}\n")
        yield store
        store.forget()


@pytest.fixture
def store(made_store: Pass, bare: Environ) -> Pass:
    """A store of `pass`, and a home that is this test's own; no gpg-agent runs."""
    made_store.forget()
    return Pass({**made_store.environ, **bare}, made_store.asked)
