"""Keys in a real vault, as a session before this one left them; its passphrase takes no time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from reportdash.credentials import Chain, KeyringProcess
from reportdash.credentials.vault import FILE_NAME, Vault
from tests.credentials.keyrings import CHEAP, PASSPHRASE, Absent
from tests.engine.rig import Rig
from tests.tui.desk import Desk


def chain_in(rig: Rig, *, keyring: KeyringProcess | None = None) -> Chain:
    """One process's chain in the rig's folder; its vault is locked until it is opened."""
    folder = rig.folder / "data"
    folder.mkdir(exist_ok=True)
    vault = Vault(folder / FILE_NAME, cost=CHEAP)
    return Chain(environ=rig.environ, folder=folder, keyring=keyring or Absent({}), vault=vault)


def keys_in_vault(*names: str, plain: tuple[str, ...] = ()) -> Callable[[Rig], Awaitable[None]]:
    """Furnish a desk: the keys of `names` are in a vault, those of `plain` in plain text, none in the
    environment."""

    async def furnish(rig: Rig) -> None:
        rig.make_chain = lambda: chain_in(rig)
        before = chain_in(rig)
        assert before.vault is not None
        if names:
            await before.vault.open(PASSPHRASE, create=True)
        for name in (*names, *plain):
            settings = rig.accounts[name]
            store = "vault" if name in names else "plaintext"
            await before.keep(name, settings.vendor, rig.forget_key(name), settings.origins(), store)
        await before.aclose()

    return furnish


def vault_file(at: Desk) -> Path:
    """Where the desk's vault is."""
    return at.rig.folder / "data" / FILE_NAME
