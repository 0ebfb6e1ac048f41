"""`login` and `logout`: a secret is asked for, tried, kept where it was said that it will be, and removed."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from reportdash.cli.context import engine
from reportdash.cli.endings import asynchronous
from reportdash.cli.output import note, say
from reportdash.cli.prompts import ask_secret, on_terminal, opened, prompting, unlocked_store
from reportdash.cli.vault import NOT_STORED, TRIES, in_vault, made
from reportdash.credentials import Chain, StoreChoice, variable
from reportdash.credentials.handed import PASSPHRASE_FILE, passphrase_source, vault_passphrase
from reportdash.credentials.values import unfit
from reportdash.engine.runtime import Engine, Seat
from reportdash.errors import (
    CallFailed,
    CredentialProblem,
    Exit,
    SafetyProblem,
    UnreachableProblem,
    UsageProblem,
)
from reportdash.logins import KEYRING, MEMORY, NEW, PLAINTEXT, VAULT, is_refused, outside, refusal

_MOST = 1 << 20
"""Bytes that are read of stdin: more than the longest credential that can be kept."""
_OTHERWISE = {
    KEYRING: "`--store keyring` keeps it in the keyring",
    VAULT: "`--store vault` keeps it in a file with a passphrase",
}


@asynchronous
async def login(args: argparse.Namespace) -> int:
    """Say where an account's secret will live, ask for it, try it at the vendor, keep it, read it back."""
    async with engine(args) as running:
        seat = running.seat(args.account)
        _refuse_unanswerable(args)
        asking = not args.stdin and on_terminal()
        async with _prepared(running.chain, seat, args.store, asking=asking) as store:
            values = await _tried(args, running, seat)
            where = await running.chain.keep(
                seat.name, seat.vendor.name, values, seat.settings.origins(), store
            )
        await running.logged_in(seat.name)
        fields = seat.settings.secret_fields()
        first = _outside(seat, await running.chain.where(seat.name, seat.vendor.name, fields))
        more = f"; it is not used yet: {first}" if first else ""
        say(f"{seat.name}: accepted by {seat.vendor.title}, stored in {where}{more}")
        return int(Exit.OK)


async def _tried(args: argparse.Namespace, running: Engine, seat: Seat) -> dict[str, str]:
    """The secret that was given, which the vendor took. Raises UsageProblem, CredentialProblem,
    UnreachableProblem."""
    sets = seat.settings.secret_fields()
    with prompting(NOT_STORED):
        values = _from_stdin(sets, seat) if args.stdin else _from_terminal(sets[0], seat)
    wrong = unfit(values)
    if wrong:
        raise UsageProblem(f"{wrong}: {NOT_STORED}; log in again with the right one")
    try:
        await running.try_credential(seat.name, values)
    except CallFailed as error:
        said = f"{seat.name}: {refusal(error, seat.vendor.title)}"
        if is_refused(error):
            raise CredentialProblem(
                f"{said}; nothing was stored, check the fields and log in again"
            ) from error
        raise UnreachableProblem(f"{said}; nothing was stored, try again later") from error
    return values


def _refuse_unanswerable(args: argparse.Namespace) -> None:
    """Raises UsageProblem for a way of asking that would show the secret, or that nobody could answer."""
    if args.store == PLAINTEXT and (args.stdin or not on_terminal()):
        raise UsageProblem(
            "--store plaintext takes a word typed on a terminal, so that no script chooses it: leave --stdin "
            "away and run it on one, or take --store vault"
        )
    if args.stdin and sys.stdin.isatty():
        raise UsageProblem(
            "login --stdin would show the secret on this terminal: leave --stdin away to be asked unseen"
        )
    if not args.stdin and not sys.stdin.isatty():
        raise UsageProblem("login asks on a terminal, and there is none; give --stdin and field=value lines")


async def _unlocked(chain: Chain, stores: Mapping[str, StoreChoice], wish: str | None) -> bool:
    """Where the store that comes first is only locked, offer to unlock it; whether it was. Raises
    CredentialProblem."""
    for name, choice in stores.items():
        if wish not in (None, name):
            continue
        if choice.usable:
            return False
        if choice.unlockable and await unlocked_store(chain, name):
            return True
    return False


async def _stores(chain: Chain) -> dict[str, StoreChoice]:
    return {choice.name: choice for choice in await chain.stores() if choice.name != MEMORY}


@asynccontextmanager
async def _prepared(chain: Chain, seat: Seat, wanted: str | None, *, asking: bool) -> AsyncIterator[str]:
    """The store to use, said on stderr, opened, and proved before anything secret is asked.

    A vault that is made for it is taken away again when the login comes to nothing: nobody would expect it.
    `asking`: somebody is there to type a passphrase. Raises CredentialProblem, UsageProblem, SafetyProblem.
    """
    stores = await _stores(chain)
    before = (await chain.pins()).get(seat.name)
    if asking and await _unlocked(chain, stores, wanted or before):
        stores = await _stores(chain)
    if wanted == PLAINTEXT:
        others = _others(PLAINTEXT, stores)
        note(
            f"The key of {seat.name} will be kept in {chain.plaintext_path} in plain text: anybody who can "
            "read this file, or a copy of it, has the key" + (f"; {others}." if others else ".")
        )
        _confirm_plaintext()
        yield PLAINTEXT
        return
    gone = await in_vault(chain) if VAULT in stores and stores[VAULT].passphrase == NEW else []
    choice = _choice(chain, seat, stores, wanted, before, asking=asking, gone=bool(gone))
    if choice.passphrase == NEW:
        await asyncio.to_thread(vault_passphrase, os.environ)  # where a file has it, a bad one is the trouble
        if gone and chain.vault is not None:
            note(
                f"The vault {chain.vault.path} is gone, and with it the credential of {', '.join(gone)}; "
                "this login makes a new one, unless a copy of it is put back there first."
            )
    note(f"The key of {seat.name} will be kept in {_home(chain, choice, stores, before, wanted)}.")
    fresh = False
    if choice.passphrase:
        assert chain.vault is not None
        if choice.passphrase == NEW:
            fresh = await made(chain.vault)
        elif await opened(chain.vault, "Passphrase of the vault: ", NOT_STORED) is None:
            raise CredentialProblem(
                "the vault stays locked and nothing was stored: log in again with its passphrase; where "
                f"nobody knows it any more, rename {chain.vault.path} and log in to each account again"
            )
        if choice.passphrase != NEW:
            # Before the vendor hears of it: a vault that can only be read takes no key.
            await chain.vault.probe()
    try:
        yield choice.name
    except BaseException:
        if fresh and chain.vault is not None and await chain.vault.discard():
            note("The vault was not made, because there is nothing to keep in it.")
        raise


def _choice(
    chain: Chain,
    seat: Seat,
    stores: Mapping[str, StoreChoice],
    wanted: str | None,
    before: str | None,
    *,
    asking: bool,
    gone: bool,
) -> StoreChoice:
    """The named store, else the last login's, else the first that works. `gone`: there was a vault once.

    Raises CredentialProblem.
    """
    named = wanted or (before if before in stores else None)
    able = [one for one in stores.values() if one.usable and named in (None, one.name)]
    for one in able:
        if asking or not _needs_somebody(one):
            return one
    otherwise = f"name a credential_command in the account, or set {_variables(seat)} in the environment"
    if able:
        lacking = [_short(one) for one in stores.values() if not one.usable and named is None]
        assert chain.vault is not None
        made_yet = "is gone" if gone else "is not made yet"
        state = made_yet if stores[VAULT].passphrase == NEW else "is locked"
        lacking.append(f"the vault {chain.vault.path} {state}")
        raise CredentialProblem(
            f"no store works without somebody to ask: {'; '.join(lacking)}; name a file that holds the "
            f"vault's passphrase in {PASSPHRASE_FILE}, or {otherwise}"
        )
    broken = stores[named or VAULT]
    # What is broken can be mended: it comes first, and what to do about it after that.
    cause, _, step = broken.sentence.rpartition(": ")
    # A store's sentence speaks of any account; here the variables of this one can be named.
    step = step.replace(variable("<account>", "<field>"), _variables(seat))
    if named is None:
        cause = ", and ".join([cause, *(_short(one) for one in stores.values() if one.name != VAULT)])
        raise CredentialProblem(f"{cause}; nothing was stored. {step[:1].upper()}{step[1:]}; or {otherwise}")
    said = f"{cause}: {step}"
    if wanted is None:
        said += f"; {seat.name} is kept in the {named} since its last login, and nothing weaker stands in"
    others = _others(named, stores)
    raise CredentialProblem(f"{said}; {others}" if others else said)


def _needs_somebody(choice: StoreChoice) -> bool:
    """A vault that is there was opened by the file already, where one is named."""
    return bool(choice.passphrase) and not (choice.passphrase == NEW and passphrase_source(os.environ))


def _home(
    chain: Chain,
    choice: StoreChoice,
    stores: Mapping[str, StoreChoice],
    before: str | None,
    wanted: str | None,
) -> str:
    """Where the key will be, why not elsewhere, and what the choices are."""
    left = ", no longer in plain text" if before == PLAINTEXT else ""
    others = _others(choice.name, stores)
    if choice.name == KEYRING:
        title = choice.sentence.partition(":")[0]
        return f"the {title}, encrypted on this server{left}" + (f"; {others}" if others else "")
    assert chain.vault is not None
    source = passphrase_source(os.environ)
    whose = f"the passphrase in {source}" if source else "a passphrase"
    home = f"the vault {chain.vault.path}, a file encrypted with {whose}{left}"
    keyring = stores.get(KEYRING)
    # Where the vault was asked for, or has it already, no keyring is the reason.
    if keyring is not None and not keyring.usable and VAULT not in (wanted, before):
        home += f", because {_short(keyring)}"
    return f"{home}; {others or 'a credential_command or the environment can hand it in instead'}"


def _others(but: str, stores: Mapping[str, StoreChoice]) -> str:
    """The other stores that work, each with the words that choose it."""
    return ", ".join(_OTHERWISE[one.name] for one in stores.values() if one.usable and one.name != but)


def _short(choice: StoreChoice) -> str:
    """Why a store cannot be used, without what to do about it."""
    return choice.sentence.partition(":")[0]


def _variables(seat: Seat) -> str:
    return " and ".join(variable(seat.name, field) for field in seat.settings.secret_fields()[0])


def _confirm_plaintext() -> None:
    """Raises SafetyProblem unless the word was typed."""
    with prompting("nothing was asked or stored"):
        sys.stderr.write(f"Type {PLAINTEXT} to go on: ")
        sys.stderr.flush()
        if sys.stdin.readline().strip() != PLAINTEXT:
            raise SafetyProblem(
                f"nothing was asked or stored: log in again and type {PLAINTEXT}, or leave it away"
            )


def _from_stdin(sets: Sequence[Sequence[str]], seat: Seat) -> dict[str, str]:
    known = {field for fields in sets for field in fields}
    values: dict[str, str] = {}
    try:
        text = sys.stdin.buffer.read(_MOST).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageProblem("stdin is not UTF-8 text; save it as UTF-8, nothing was stored") from None
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        key, found, value = line.partition("=")
        field = key.strip()
        # As a credential_command's: with blanks around the = those after it are no part of the secret.
        value = value.strip(" \t") if key[-1:].isspace() else value
        if not found or field not in known:
            # The line itself may hold the secret: only its number is repeated.
            raise UsageProblem(
                f"line {number} of stdin is not field=value with one of {', '.join(sorted(known))} "
                f"({seat.vendor.title}); nothing was stored"
            )
        values[field] = value
    for fields in sets:
        if all(values.get(field) for field in fields):
            return {field: values[field] for field in fields}
    wanted = " or ".join(" and ".join(fields) for fields in sets)
    raise UsageProblem(f"{seat.name} needs {wanted} as field=value lines on stdin; nothing was stored")


def _from_terminal(fields: Sequence[str], seat: Seat) -> dict[str, str]:
    note(f"Log in to {seat.name} ({seat.vendor.title}, {seat.settings.base_url})")
    values: dict[str, str] = {}
    for field in fields:
        name = field.replace("_", " ").capitalize()
        for left in range(TRIES - 1, -1, -1):
            values[field] = _typed(field, f"{name}: ")
            if values[field]:
                break
            if not left:
                raise UsageProblem(f"{field} is empty and {NOT_STORED}; log in again and give it")
            note(f"{name} is empty: type it, or ctrl+c to leave.")
    return values


def _typed(field: str, prompt: str) -> str:
    """What is typed for a field, unseen where it is a secret. Raises EOFError at the input's end."""
    if field not in ("username", "client_id"):
        return ask_secret(prompt)
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()


@asynchronous
async def logout(args: argparse.Namespace) -> int:
    """Remove the stored credential from every store; the vendor hears nothing."""
    async with engine(args) as running:
        if args.account not in running.accounts and await _has_left_one(running.chain, args.account):
            return await _clear(running, args.account)
        seat = running.seat(args.account)
        await _open_for_removal(running, seat.name)
        removed, where = await running.log_out(seat.name)
        told = "removed" if removed else "nothing was stored"
        still = _outside(seat, where)
        say(f"{seat.name}: {told}" + (f"; {still}" if still else ""))
        return int(Exit.OK)


async def _has_left_one(chain: Chain, name: str) -> bool:
    """Whether an account that is not in the config (any more) logged in once."""
    return name in await chain.pins() or name in await chain.in_plain_text()


async def _clear(running: Engine, name: str) -> int:
    """Remove the credential of an account that is not in the config: of whichever vendor it was."""
    await _open_for_removal(running, name)
    removed, _ = await running.log_out(name)
    say(f"{name}: {'removed' if removed else 'nothing was stored'}; it is not in the config")
    return int(Exit.OK)


async def _open_for_removal(running: Engine, account: str) -> None:
    """Where its credential is in a locked vault or keyring and somebody is there, ask for what opens it."""
    chain, seat = running.chain, running.accounts.get(account)
    vault = chain.vault
    if vault is None or not on_terminal():
        return
    if (await chain.pins()).get(account) == VAULT and await vault.locked():
        await opened(vault, "Passphrase of the vault: ", "nothing was removed")
    elif await chain.locks_away(account, seat.vendor.name if seat is not None else ""):
        await unlocked_store(chain, KEYRING)


def _outside(seat: Seat, where: str) -> str:
    """What goes before every store, and how it is ended; empty where nothing does."""
    found = outside(where)
    if found is None:
        return ""
    return f"{found.source} still hands one in; {found.end([variable(seat.name, '…')])} to end it"
