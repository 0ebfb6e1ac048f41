"""The vault while several write it, and when a write is cut off, is lost, or has no room."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from reportdash import durable
from reportdash.credentials.vault import Vault, VaultTrouble
from tests.credentials.test_vault import CHEAP, PASSPHRASE, code_of, entries_by_the_book, made, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "credentials.vault"


_WRITER = """
import sys
from pathlib import Path
from reportdash.credentials.vault import Vault
path, passphrase, name, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
vault = Vault(path, patience=60)
vault.unlock(passphrase)
print("ready", flush=True)
sys.stdin.readline()
for n in range(count):
    vault.set("s", f"{name}-{n}", str(n))
"""


def test_two_processes_that_write_at_once_lose_nothing(path: Path) -> None:
    made(path)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), PASSPHRASE, name, "20"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:  # both are let go before either is waited for
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    wanted = {f"{name}-{n}": str(n) for name in "ab" for n in range(20)}
    assert entries_by_the_book(path.read_bytes(), PASSPHRASE)["s"] == wanted


def test_threads_of_one_process_lose_nothing_either(path: Path) -> None:
    vault = made(path)
    threads = [
        threading.Thread(target=vault.set, args=("s", f"{n}", "x"), name=f"writer {n}") for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entries_by_the_book(path.read_bytes(), PASSPHRASE)["s"]) == 16


def test_a_lock_that_is_not_given_back_is_waited_for_only_so_long(path: Path) -> None:
    made(path)
    vault = Vault(path, patience=0)
    vault.unlock(PASSPHRASE)
    with durable.locked(path, 0):
        assert code_of(vault.set, "s", "main", "x") == "busy"
    vault.set("s", "main", "x")


def test_whoever_changes_the_passphrase_waits_for_whoever_writes(path: Path) -> None:
    made(path)
    vault = Vault(path, cost=CHEAP, patience=0)
    with durable.locked(path, 0):
        assert code_of(vault.change_passphrase, PASSPHRASE, "a good new one") == "busy"
    vault.change_passphrase(PASSPHRASE, "a good new one")


def test_two_names_of_one_file_have_one_lock_and_stay_names(path: Path, tmp_path: Path) -> None:
    vault = made(path, main="x")
    link = tmp_path / "link.vault"
    link.symlink_to(path)
    with durable.locked(link, 0), pytest.raises(durable.Busy), durable.locked(path, 0):
        pass
    opened(link).set("s", "other", "y")
    assert link.is_symlink()
    assert vault.get("s", "other") == "y"


def test_a_lock_that_leads_elsewhere_is_not_followed(path: Path, tmp_path: Path) -> None:
    vault = made(path)
    lock = path.with_name(f"{path.name}.lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    assert code_of(vault.set, "s", "main", "x") == "failed"
    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_file_that_was_removed_meanwhile_is_not_the_lock(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(path)
    lock, real = path.with_name(f"{path.name}.lock"), fcntl.flock

    def removed_first(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        lock.unlink()
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    with durable.locked(path, 60), pytest.raises(durable.Busy), durable.locked(path, 0):
        pass


def lost(path: Path, content: bytes) -> None:
    """A disk that says it wrote."""


@pytest.mark.parametrize("doing", ["set", "change"])
def test_what_was_not_written_is_noticed(path: Path, doing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = made(path, main="old")
    before = path.read_bytes()
    monkeypatch.setattr(durable, "replace", lost)
    write = vault.set if doing == "set" else vault.change_passphrase
    words = ("s", "main", "new") if doing == "set" else (PASSPHRASE, "a good new one")
    with pytest.raises(VaultTrouble, match="lacks what was written: check its disk") as caught:
        write(*words)
    assert caught.value.code == "failed"
    assert path.read_bytes() == before


def test_more_than_can_be_read_back_is_not_written(path: Path) -> None:
    vault = made(path, main="old")
    before = path.read_bytes()
    with pytest.raises(VaultTrouble, match="would be larger than the 16 MiB") as caught:
        vault.set("s", "other", "x" * (16 << 20))
    assert caught.value.code == "failed"
    assert path.read_bytes() == before
    assert vault.get("s", "main") == "old"


@pytest.mark.parametrize("step", ["mkstemp", "write", "fsync", "rename", "fsync of the folder"])
def test_a_process_killed_at_any_step_leaves_the_old_file_or_the_new_one(path: Path, step: str) -> None:
    vault = made(path, main="old")
    child = os.fork()
    if child == 0:

        def killed(*args: object, **kwargs: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        reads = os.fdopen
        ends: dict[str, tuple[object, str, object]] = {
            "mkstemp": (tempfile, "mkstemp", killed),
            "write": (os, "fdopen", lambda *args: killed() if "wb" in args else reads(*args)),
            "fsync": (os, "fsync", killed),
            "rename": (Path, "replace", killed),
            "fsync of the folder": (durable, "sync_folder", killed),
        }
        try:
            setattr(*ends[step])
            vault.set("s", "main", "new")
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert opened(path).get("s", "main") == ("new" if step == "fsync of the folder" else "old")
    vault.set("s", "main", "newer")
    assert opened(path).get("s", "main") == "newer"
    left = sorted(file.name for file in path.parent.iterdir())
    assert left == [path.name, f"{path.name}.lock"], "the next write removes what a killed one left"


def test_bytes_are_durable_before_the_name_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault, calls = made(path), []
    fsync, rename = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_rename(source: Path, target: Path) -> Path:
        calls.append("rename")
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_rename)
    vault.set("s", "main", "x")
    assert calls == ["file", "rename", "folder"]


def test_a_full_disk_leaves_the_vault_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = made(path, main="old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(VaultTrouble, match=r"cannot be written \(No space left on device\)"):
            vault.set("s", "main", "new")
    assert opened(path).get("s", "main") == "old"
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]
