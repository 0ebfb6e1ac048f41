"""A signal while the vault is written: it is as it was said to be, and nothing half-made is left."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from reportdash.cli import vault as command
from reportdash.credentials import Chain
from reportdash.credentials.unlocking import Unlocking
from reportdash.credentials.vault import FILE_NAME, Vault, VaultState
from tests.cli.asked import CHEAP, PASSPHRASE

OTHER = "nine red canaries"


class Slow(Vault):
    """A vault whose key takes until it is told to go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, cost=CHEAP)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def _new_key(self, passphrase: str) -> Any:
        self.begun.set()
        self.go_on.wait()
        return super()._new_key(passphrase)


async def interrupted(slow: Slow, task: asyncio.Task[Any]) -> None:
    """The signal's cancel comes while the thread is at work, which goes on."""
    await asyncio.to_thread(slow.begun.wait)
    task.cancel()
    await asyncio.sleep(0)
    slow.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("by_file", [True, False])
async def test_a_vault_made_while_a_signal_says_to_leave_is_taken_away_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_file: bool
) -> None:
    slow, file = Slow(tmp_path / FILE_NAME), tmp_path / "passphrase"
    file.write_text(PASSPHRASE)
    monkeypatch.setattr(command, "new_passphrase", lambda *_: PASSPHRASE)
    kept = Unlocking(slow, {"REPORTDASH_VAULT_PASSPHRASE_FILE": str(file)} if by_file else {})
    await interrupted(slow, asyncio.create_task(command.made(kept)))
    assert await kept.state() is VaultState.ABSENT


async def test_a_passphrase_that_is_changed_while_a_signal_says_to_leave_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Vault(tmp_path / FILE_NAME, cost=CHEAP).create(PASSPHRASE)
    slow = Slow(tmp_path / FILE_NAME)
    chain = Chain(environ={}, folder=tmp_path, vault=slow, use_keyring=False)
    assert chain.vault is not None

    async def typed(*_: object) -> str:
        return PASSPHRASE

    monkeypatch.setattr(command, "opened", typed)
    monkeypatch.setattr(command, "new_passphrase", lambda *_: OTHER)
    await interrupted(slow, asyncio.create_task(command._passphrase(chain, chain.vault)))
    assert "the vault has a new passphrase" in capsys.readouterr().err
    Vault(tmp_path / FILE_NAME, cost=CHEAP).unlock(OTHER)
