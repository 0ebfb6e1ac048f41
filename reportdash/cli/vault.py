"""`vault`: what is known of the encrypted file of credentials, and its passphrase anew."""

from __future__ import annotations

import argparse
import os

from reportdash.cli.context import ask_secret, asynchronous, chain_of, on_terminal, opened, place, prompting
from reportdash.cli.output import note, say, words
from reportdash.credentials import Chain, VaultState, VaultTrouble
from reportdash.credentials.handed import passphrase_source
from reportdash.credentials.unlocking import Unlocking
from reportdash.credentials.vault import SHORTEST
from reportdash.errors import CredentialProblem, Exit, UsageProblem
from reportdash.logins import VAULT


@asynchronous
async def vault(args: argparse.Namespace) -> int:
    """The vault's file, its state and whose credentials are in it; or a new passphrase. Nothing is sent."""
    here = place(args)
    if args.what and not on_terminal():
        raise UsageProblem(
            "vault passphrase asks on a terminal, and there is none; run it where you can type both"
        )
    chain = chain_of(here)
    try:
        assert chain.vault is not None
        return int(await (_passphrase(chain.vault) if args.what else _state(chain, chain.vault)))
    finally:
        await chain.aclose()


async def _state(chain: Chain, kept: Unlocking) -> Exit:
    """Raises CredentialProblem: damaged, or a passphrase file that does not open it."""
    owners = sorted(name for name, store in (await chain.pins()).items() if store == VAULT)
    words(f"path      {kept.path}")
    ready = await kept.ready()
    if await kept.state() is VaultState.ABSENT:
        words("state     absent; `reportdash login ACCOUNT --store vault` makes it")
    elif ready:
        words(f"state     opened by {passphrase_source(os.environ)}")
    else:
        words("state     locked; its passphrase is asked for when it is needed")
    words(f"accounts  {', '.join(owners) or 'none'}")
    return Exit.OK


async def _passphrase(kept: Unlocking) -> Exit:
    """Ask for the old one, then for the new one. Raises CredentialProblem, UsageProblem."""
    if await kept.state() is VaultState.ABSENT:
        raise CredentialProblem(f"there is no vault yet: `reportdash login ACCOUNT` makes {kept.path}")
    old = await opened(kept, "Old passphrase of the vault: ")
    if old is None:
        raise CredentialProblem("the passphrase was left as it is: run it again and type the old one first")
    new = new_passphrase("left as it is")
    await kept.change_passphrase(old, new)
    source = passphrase_source(os.environ)
    also = f", and {source} has to hold it from now on" if source else ""
    say(f"the vault has a new passphrase; sessions that are open, and services, need it from now on{also}")
    return Exit.OK


def new_passphrase(otherwise: str) -> str:
    """A passphrase that was typed twice and is long enough; both are asked for until it is.

    Raises UsageProblem for an empty one, which ends the questions: what is meant is `otherwise`.
    """
    while True:
        with prompting():
            first = ask_secret(f"New passphrase of the vault, at least {SHORTEST} characters: ")
            if first and len(first) < SHORTEST:
                note(f"This is too short: take at least {SHORTEST} characters, best some words.")
                continue
            second = ask_secret("The same once more: ") if first else ""
        if not first:
            raise UsageProblem(
                f"no passphrase was typed, so the vault was {otherwise}: run it again to choose one"
            )
        if first == second:
            return first
        note("The two are not the same.")


async def made(kept: Unlocking) -> None:
    """Make the vault: with the passphrase of a file where one is named, else with one asked for twice.

    Raises CredentialProblem, UsageProblem.
    """
    if await kept.made_by_file():
        return
    passphrase = new_passphrase("not made and nothing was stored; log in again and type one")
    try:
        await kept.open(passphrase, create=True)
    except VaultTrouble as trouble:
        if trouble.code != "exists":
            raise
        # Made by another session while we asked: its passphrase is the one that counts.
        if await opened(kept, "Passphrase of the vault that was made meanwhile: ") is None:
            raise
