"""`vault`: what is known of the encrypted file of credentials, and its passphrase anew."""

from __future__ import annotations

import argparse
import asyncio
import os

from reportdash.cli.context import chain_of, place
from reportdash.cli.endings import asynchronous, to_its_end
from reportdash.cli.output import entry, note, say
from reportdash.cli.private import warn
from reportdash.cli.prompts import ask_secret, on_terminal, opened, prompting
from reportdash.credentials import Chain, VaultState, VaultTrouble
from reportdash.credentials.handed import passphrase_source
from reportdash.credentials.unlocking import Unlocking
from reportdash.credentials.vault import SHORTEST
from reportdash.errors import CredentialProblem, Exit, UsageProblem
from reportdash.logins import VAULT

TRIES = 3
"""How often an empty answer is asked for again."""
NOT_STORED = "nothing was sent or stored"
NOT_MADE = "the vault was not made and nothing was stored"
GONE_STEP = "put a copy of it back there, or log in again with each account, which makes a new one"


@asynchronous
async def vault(args: argparse.Namespace) -> int:
    """The vault's file, its state and whose credentials are in it; or a new passphrase. Nothing is sent."""
    here = place(args)
    warn(here)
    if args.what and not on_terminal():
        raise UsageProblem(
            "vault passphrase asks on a terminal, and there is none; run it where you can type both"
        )
    chain = chain_of(here)
    try:
        assert chain.vault is not None
        return int(await (_passphrase(chain, chain.vault) if args.what else _state(chain, chain.vault)))
    finally:
        await chain.aclose()


async def _state(chain: Chain, kept: Unlocking) -> Exit:
    """Raises CredentialProblem: damaged, or a passphrase file that does not open it."""
    owners = await in_vault(chain)
    entry("path", str(kept.path))
    ready, code = await kept.ready(), Exit.OK
    if await kept.state() is not VaultState.ABSENT:
        asked = "locked; its passphrase is asked for when it is needed"
        entry("state", f"opened by {passphrase_source(os.environ)}" if ready else asked)
    elif owners:
        entry("state", f"gone, and with it what was in it; {GONE_STEP}")
        code = Exit.CREDENTIALS
    else:
        entry("state", "absent; `reportdash login ACCOUNT --store vault` makes it")
    entry("accounts", ", ".join(owners) or "none")
    return code


async def in_vault(chain: Chain) -> list[str]:
    """The accounts whose credential was put into the vault, by name."""
    return sorted(name for name, store in (await chain.pins()).items() if store == VAULT)


async def _passphrase(chain: Chain, kept: Unlocking) -> Exit:
    """Ask for the old one, then for the new one. Raises CredentialProblem, UsageProblem."""
    if await kept.state() is VaultState.ABSENT:
        owners = await in_vault(chain)
        raise CredentialProblem(
            f"the vault {kept.path} is gone, and with it the credential of {', '.join(owners)}: {GONE_STEP}"
            if owners
            else f"there is no vault yet: `reportdash login ACCOUNT --store vault` makes {kept.path}"
        )
    old = await opened(kept, "Old passphrase of the vault: ", "the passphrase was left as it is")
    if old is None:
        raise CredentialProblem("the passphrase was left as it is: run it again and type the old one first")
    new = new_passphrase("the passphrase was left as it is", old)
    await to_its_end(_changed(kept, old, new))
    return Exit.OK


async def _changed(kept: Unlocking, old: str, new: str) -> None:
    """Change it and say so, whatever was pressed meanwhile: nobody shall have to guess which one it has."""
    await kept.change_passphrase(old, new)
    source = passphrase_source(os.environ)
    also = f", and {source} has to hold it from now on" if source else ""
    say(f"the vault has a new passphrase; sessions that are open, and services, need it from now on{also}")


def new_passphrase(otherwise: str, old: str = "") -> str:
    """A passphrase that was typed twice, is long enough and not the `old` one; asked for until it is.

    Raises UsageProblem after a few empty ones: what that leaves undone is `otherwise`.
    """
    empty = 0
    while True:
        with prompting(otherwise):
            first = ask_secret(f"New passphrase of the vault, at least {SHORTEST} characters: ")
            if first and len(first) < SHORTEST:
                note(f"This is too short: take at least {SHORTEST} characters, best some words.")
                continue
            if first and first == old:
                note("This is the old one: choose another.")
                continue
            second = ask_secret("The same once more: ") if first else ""
        if not first:
            empty += 1
            if empty == TRIES:
                raise UsageProblem(f"no passphrase was typed, so {otherwise}: run it again to choose one")
            # Not at once: what is typed next would stand in the shell.
            note("Nothing was typed: choose a passphrase, or leave with ctrl+c.")
            continue
        if first == second:
            return first
        note("The two are not the same.")


async def made(kept: Unlocking) -> bool:
    """Make the vault: with the passphrase of a file where one is named, else with one asked for twice.

    False: another session made it while we asked. One that is made while a signal says to leave is taken
    away again. Raises CredentialProblem, UsageProblem.
    """
    try:
        return await _made(kept)
    except asyncio.CancelledError:
        await kept.discard()
        raise


async def _made(kept: Unlocking) -> bool:
    if await to_its_end(kept.made_by_file()):
        return True
    passphrase = new_passphrase(NOT_MADE)
    try:
        await to_its_end(kept.open(passphrase, create=True))
    except VaultTrouble as trouble:
        if trouble.code != "exists":
            raise
        # Its passphrase is the one that counts.
        if await opened(kept, "Passphrase of the vault that was made meanwhile: ", NOT_STORED) is None:
            raise
        return False
    return True
