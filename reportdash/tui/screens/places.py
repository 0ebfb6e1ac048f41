"""Where a secret can live on this server, in the words of the login form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reportdash.board.facts import Run
from reportdash.board.health import KeyTrouble, key_trouble, trouble_said
from reportdash.board.states import Role
from reportdash.board.units import clock_text
from reportdash.logins import COMMAND, KEYRING, MEMORY, NEW, NO_KEYRING_NEEDED, UNKNOWN, VAULT, outside
from reportdash.model import Account, Health
from reportdash.tui.screens.form import paragraph
from reportdash.tui.screens.parts import Row, Words
from reportdash.tui.text import cut_middle, muted


def store_words(store: Any) -> tuple[str, str]:
    """A store's label and what it means."""
    if store.name == MEMORY:
        return "Until I quit", "in memory only; each start asks again"
    if store.name == VAULT:
        new = store.passphrase == NEW
        return (
            "Vault",
            f"encrypted file, {'a passphrase of your choice' if new else 'a passphrase once a session'}",
        )
    if store.name == KEYRING and store.unlockable:
        return "Keyring", "locked; its password unlocks it for all your programs"
    title, _, rest = store.sentence.partition(": ")
    name, _, backend = title.partition(" (")
    return _capital(name), f"{backend.rstrip(')')}: {rest}" if backend else rest


def broken(sentence: str, cells: int, *, brief: bool) -> list[Row]:
    """A store that cannot be used: the cause, then what would help; `brief`: the cause alone."""
    head, _, rest = sentence.partition(": ")
    # The form offers the vault, and has its own line for the environment.
    more = rest.partition(f", {NO_KEYRING_NEEDED}")[0].strip()
    if brief:
        more = more.partition(";")[0]
    if brief:
        return paragraph(f"{_capital(head)}: {more}." if more else f"{_capital(head)}.", cells, sign="▲")
    lines = paragraph(f"{_capital(head)}.", cells, Role.STRONG, at=2)
    if isinstance(lines[0], Words):
        lines[0] = Words([(0, (Run("▲", Role.WARN),)), *lines[0].pieces])
    return [*lines, *(paragraph(f"{_capital(more)}.", cells, Role.MUTED, at=2) if more else [])]


def before(row: Account | None, now: float, account: str, vendor: str, where: str, problem: str) -> str:
    """What there is before a login, in one sentence: of the vendor its last word, of the stores what was just
    seen in them.

    `where`: the place of the key, empty while that is looked for; `problem`: why the key there is no use.
    """
    shut = row is not None and row.health is Health.AUTH_FAILED
    if row is not None and shut and key_trouble(row) is KeyTrouble.REFUSED:
        at = clock_text(row.since, now) if row.since is not None else ""
        return f"{vendor} refused the last key at {at}: {(row.message or '').rstrip('.')}."
    if problem:
        place = {KeyTrouble.VAULT: "vault", KeyTrouble.KEYRING: "keyring"}.get(trouble_said(account, problem))
        if place is not None:
            return f"The key of {account} is in the {place}, which is locked."
        text = problem if problem.startswith(account) else _capital(problem)
        return f"No key of {account} can be used. {text.rstrip('.')}."
    if shut and where == "none":
        return f"There is no key for {account} yet."
    if where in ("", "none"):
        return f"The key for {account} at {vendor}."
    if where.startswith(UNKNOWN):
        return f"Whether {account} has a key cannot be seen: {where.removeprefix(UNKNOWN)}."
    first = where != COMMAND and outside(where) is not None
    return f"{account} has a key ({where}){'' if first else '; a new one takes its place'}."


def lives(store: str, vault: Path | None, cells: int) -> list[Row]:
    """In one sentence where the secret will live."""
    if store == VAULT and vault is not None:
        said = f"It will live in the vault, encrypted: {cut_middle(str(vault), cells)}"
    elif store == MEMORY:
        said = "It will live in memory until you quit; the next start asks again."
    else:
        said = "It will live in this server's keyring, encrypted."
    return paragraph(said, cells)


def environment(account: str, fields: Sequence[str], where: str, cells: int) -> list[Row]:
    """What the operator can hand in instead; of a key that comes from outside, that it goes first."""
    from reportdash.credentials import variable

    names = [variable(account, field) for field in fields]
    found = outside(where)
    if where == COMMAND:
        said = "The account's credential_command goes before what is kept: keep this key until you quit."
        return paragraph(said, cells, Role.WARN, sign="▲")
    if found is not None:
        # A key that is kept would not be used.
        said = f"{_capital(found.source)} has a key, which goes first: {found.end(names)} to use this one."
        return paragraph(said, cells, Role.WARN, sign="▲")
    return [Words([(4, (muted("Environment"),)), (20, (muted(f"set by you: {names[-1]}"),))])]


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
