"""Two sessions of one user, each with a bus and a gnome-keyring of its own, on one home folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from reportdash.credentials import Chain, KeyringProcess, KeyringTrouble, keyring_child
from tests.credentials.conftest import Environ, bus_at, keyring_at

KEY = (("api_key",),)
HERE = ["https://api.example:443"]


@contextmanager
def session(bare: Environ) -> Iterator[Environ]:
    """What `dbus-run-session` with a gnome-keyring gives to a shell."""
    folder = Path(tempfile.mkdtemp(prefix="reportdash-bus-", dir=os.path.realpath("/tmp")))
    try:
        with bus_at(folder, {**bare, "XDG_RUNTIME_DIR": str(folder)}) as bus, keyring_at(bus, "pw"):
            yield bus
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def two(bare: Environ) -> Iterator[tuple[Environ, Environ]]:
    if shutil.which("gnome-keyring-daemon") is None or shutil.which("dbus-daemon") is None:
        pytest.skip("gnome-keyring or dbus-daemon is not installed")
    with ExitStack() as both:
        yield both.enter_context(session(bare)), both.enter_context(session(bare))


def chain_of(environ: Environ, folder: Path) -> Chain:
    keyring = KeyringProcess(environ, folder=folder, patience=60, total=120)
    return Chain(environ=environ, folder=folder, keyring=keyring)


async def test_two_keyrings_on_one_home_folder_lose_no_login(
    two: tuple[Environ, Environ], bare: Environ, tmp_path: Path
) -> None:
    chains = [chain_of(environ, tmp_path) for environ in two]

    async def log_in(chain: Chain, *accounts: str) -> None:
        assert (await chain.stores())[0].usable
        for account in accounts:
            await chain.keep(account, "webadmit", {"api_key": f"key of {account}"}, HERE, "keyring")

    await asyncio.gather(log_in(chains[0], "a1"), log_in(chains[1], "b1"))
    for chain in chains:
        await chain.aclose()
    with session(bare) as later:
        chain = chain_of(later, tmp_path)
        for account in ("a1", "b1"):
            found = await chain.find(account, "webadmit", KEY, HERE)
            assert found is not None
            assert found.fields["api_key"] == f"key of {account}"
        await chain.aclose()


@pytest.mark.parametrize(
    ("last", "passed", "waits"),
    [("there", 0.5, [0.75]), ("here", 0.5, []), ("there", 2.0, []), ("there", -3600.0, []), ("", 0.5, [])],
)
def test_between_the_writes_of_two_sessions_a_whole_second_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str, passed: float, waits: list[float]
) -> None:
    slept: list[float] = []
    lock = tmp_path / "keyring.lock"
    lock.write_text(last)
    os.utime(lock, (1000.0, 1000.0))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "here")
    monkeypatch.setattr(
        keyring_child, "time", SimpleNamespace(time=lambda: 1000.0 + passed, sleep=slept.append)
    )
    keyring_child.wrote(keyring_child.turn(str(lock)))
    assert slept == waits
    assert (lock.read_text(), lock.stat().st_mtime > 1000.0) == ("here", True)


async def test_an_entry_that_another_sessions_keyring_put_into_the_file_is_said_to_need_a_new_start(
    fake: Callable[[str], Environ], tmp_path: Path
) -> None:
    """As gnome-keyring does: it lists the entry, and when it is read, it does not exist."""
    body = (
        "class ItemNotFoundException(Exception): pass\n"
        "def get_password(self, s, u): raise self.ItemNotFoundException"
    )
    chain = chain_of(fake(body), tmp_path)
    with pytest.raises(KeyringTrouble, match=r"another session's keyring changed the file .* start it anew"):
        await chain.find("main", "webadmit", KEY, HERE)
    assert await chain.where("main", "webadmit", KEY) == "unknown: keyring changed by another session"
