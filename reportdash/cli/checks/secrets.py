"""Where credentials are kept and come from: keyring, its bus, vault, plain text, and the environment."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from reportdash.board.units import plural
from reportdash.cli import private
from reportdash.cli.checks.finding import Finding, note, problem, said, step_of
from reportdash.cli.vault import GONE_STEP
from reportdash.credentials import Chain, StoreChoice, files, handed, variable
from reportdash.credentials.vault import FILE_NAME
from reportdash.errors import CredentialProblem, Exit
from reportdash.logins import KEYRING, NEW, VAULT
from reportdash.settings.environment import ACCOUNTS, PREFIX, variables
from reportdash.settings.records import Settings, config_keys
from reportdash.vendors.contract import AccountSettings

BUS = "DBUS_SESSION_BUS_ADDRESS"
SECRET = "REPORTDASH_SECRET__"  # noqa: S105  # how names begin
_ELSE = "`reportdash login ACCOUNT --store vault` needs none"
Accounts = Mapping[str, AccountSettings]


async def stores(chain: Chain, folder: Path, accounts: Accounts, environ: Mapping[str, str]) -> list[Finding]:
    """Each place a credential can be kept: usable or not, and which accounts need it."""
    choices = {choice.name: choice for choice in await chain.stores()}
    return await asyncio.to_thread(_stores, choices, folder, accounts, environ)


def _stores(
    choices: Mapping[str, StoreChoice], folder: Path, accounts: Accounts, environ: Mapping[str, str]
) -> list[Finding]:
    found: list[Finding] = []
    try:
        pins = files.pins(folder).read()
    except CredentialProblem as trouble:
        found.append(said("stores", Exit.CREDENTIALS, trouble.text))
        pins = {}
    needed = [name for name, account in accounts.items() if not _from_elsewhere(name, account, environ)]
    in_keyring = [name for name in needed if pins.get(name) == KEYRING]
    keyring, vault = choices.get(KEYRING), choices.get(VAULT)
    if keyring is not None:
        found += [_keyring(keyring, in_keyring), _bus(keyring, in_keyring, environ)]
    if vault is not None:
        in_vault = [name for name, store in pins.items() if store == VAULT]
        found += _vault(vault, folder / FILE_NAME, in_vault, environ)
    return [*found, *plain_text(folder)]


def _from_elsewhere(name: str, account: AccountSettings, environ: Mapping[str, str]) -> bool:
    """Whether the account's credential comes from outside before any store is asked."""
    return bool(account.credential_command) or handed.anything(environ, name, account.secret_fields())


def _keyring(choice: StoreChoice, needed: Sequence[str]) -> Finding:
    """A missing keyring is no trouble by itself: credentials may come from elsewhere."""
    if choice.usable:
        return Finding("keyring", choice.sentence)
    if needed:
        words = f"the credential of {', '.join(needed)} is in the keyring, and {choice.sentence}"
        return Finding("keyring", words, Exit.CREDENTIALS, step_of(choice.sentence))
    return Finding("keyring", choice.sentence, Exit.OK, step_of(choice.sentence), noted=True)


_REACHED = {
    "no_service": "it answers, but no keyring runs on it",
    "locked": "it answers, and so does a keyring, which is locked",
    "never_unlocked": "it answers, and so does a keyring, which was never unlocked",
    "mute": "what is on it does not answer within 3 s",
}
"""What a keyring's trouble says of the bus."""


def _bus(choice: StoreChoice, needed: Sequence[str], environ: Mapping[str, str]) -> Finding:
    """The session's D-Bus, as far as the keyring's own process got."""
    address = environ.get(BUS, "")
    code = choice.trouble
    if not address:
        default = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") / "bus"
        if choice.usable:
            return Finding("bus", f"{BUS} is not set; the keyring works without it")
        what = f"{BUS} is not set"
        if default.exists():
            step = f"`export {BUS}=unix:path={default}`, where a bus lies"
        else:
            step = f"only a keyring needs it: start a shell by `dbus-run-session`; {_ELSE}"
    elif choice.usable:
        return Finding("bus", f"{address}: it answers")
    elif code in _REACHED:
        what = f"{address}: {_REACHED[code]}"
        step = f"restart the keyring on it; {_ELSE}" if code == "mute" else step_of(choice.sentence)
    elif code == "no_bus":
        what = f"{address}: nothing answers there"
        step = f"log in anew, or start a shell by `dbus-run-session`; {_ELSE}"
    else:
        return Finding("bus", f"{address}: not asked, because no keyring got so far")
    return problem("bus", Exit.CREDENTIALS, what, step) if needed else note("bus", what, step)


def _vault(
    choice: StoreChoice, path: Path, accounts: Sequence[str], environ: Mapping[str, str]
) -> list[Finding]:
    """The vault's file, whether this process can open it, and the passphrase file if one is named."""
    found = [*_passphrase_file(environ)]
    names = f"{plural(len(accounts), 'account')} in it"
    names += f": {', '.join(sorted(accounts))}" if accounts else ""
    if path.exists() and _others_read(path):
        found.append(problem("vault", Exit.FAILED, f"others may read {path}", f"`chmod 600 {path}`"))
    if choice.passphrase == NEW and accounts:
        gone = f"{path} is gone, and with it the credential of {', '.join(sorted(accounts))}"
        return [*found, problem("vault", Exit.CREDENTIALS, gone, GONE_STEP)]
    if choice.passphrase == NEW:
        step = "`reportdash login ACCOUNT --store vault` makes one"
        return [*found, Finding("vault", f"none yet; {step}")]
    if choice.passphrase:
        step = (
            "its passphrase is asked on the screen (l) and by the commands that sign in; for a run without a "
            f"terminal name a file with it in {handed.PASSPHRASE_FILE}"
        )
        return [*found, note("vault", f"{path}, locked, {names}", step)]
    if not choice.usable:
        return [*found, said("vault", Exit.CREDENTIALS, choice.sentence)]
    return [*found, Finding("vault", f"{path}, open, {names}")]


def _passphrase_file(environ: Mapping[str, str]) -> list[Finding]:
    try:
        handed.vault_passphrase(environ)
    except CredentialProblem as trouble:
        return [said("vault", Exit.CREDENTIALS, trouble.text)]
    return [problem("vault", Exit.FAILED, *found) for found in private.of_vault(environ)]


def plain_text(folder: Path) -> list[Finding]:
    """Said for as long as a credential lies there: it is the one place that protects nothing."""
    table = files.plain(folder)
    try:
        accounts = sorted(table.read())
    except CredentialProblem as trouble:
        return [said("plain text", Exit.CREDENTIALS, trouble.text)]
    if not accounts:
        return [Finding("plain text", "no credential is kept in plain text")]
    found = [
        note(
            "plain text",
            f"PLAIN TEXT: the credential of {', '.join(accounts)} is in {table.path}, for all who "
            "can read it or a copy of it",
            f"`reportdash login {accounts[0]} --store vault` takes it out of there",
        )
    ]
    if _others_read(table.path):
        what = f"others may read {table.path}"
        found.append(
            problem("plain text", Exit.FAILED, what, f"`chmod 600 {table.path}`, and new credentials")
        )
    return found


def _others_read(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    # A folder in a file's place is another trouble, which has its own sentence.
    return not stat.S_ISDIR(mode) and bool(stat.S_IMODE(mode) & 0o077)


def environment(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Variables of ours that nothing reads, half credentials, and secret files that others may read."""
    found: list[Finding] = []
    wanted: dict[str, str] = {}
    for name, account in settings.accounts.items():
        sets = account.secret_fields()
        for field in (field for fields in sets for field in fields):
            wanted[variable(name, field)] = wanted[f"{variable(name, field)}__FILE"] = name
        try:
            handed.find(environ, name, sets)
        except CredentialProblem as trouble:
            found.append(said("environment", Exit.CREDENTIALS, trouble.text))
    exposed = private.of_accounts(settings.accounts, environ)
    found += [problem("environment", Exit.FAILED, *each) for each in exposed]
    for name in sorted(name for name in wanted if environ.get(name) == ""):
        found.append(note("environment", f"{name} is empty, which counts as not set", "set it, or unset it"))
    secrets = [name for name in environ if name.startswith(SECRET) and environ[name]]
    # Nobody knows which fields an account has whose plug-in does not load.
    unsure = tuple(variable(name, "") for name in settings.left_out)
    unread = [name for name in sorted(secrets) if name not in wanted and not name.startswith(unsure)]
    found += [_unread(name, wanted) for name in unread]
    known = [f"{PREFIX}{key.upper()}" for key in config_keys()]
    for name in sorted(variables(environ)):
        if not name.startswith(ACCOUNTS) and not name.startswith(tuple(f"{key}__" for key in known)):
            found += [_unread(name, known)] if name.upper() not in known else []
    if found:
        return found
    count = sum(bool(value) and name.startswith(PREFIX) for name, value in environ.items())
    if not count:
        return [Finding("environment", "no variable of reportdash's is set")]
    return [Finding("environment", f"{plural(count, 'variable')} for reportdash, with no unknown name")]


def _unread(name: str, known: Mapping[str, str] | Sequence[str]) -> Finding:
    near = get_close_matches(name, list(known), n=1, cutoff=0.85)
    hint = f"did you mean {near[0]}? Else unset it" if near else "unset it, or correct its name"
    return note("environment", f"{name} is set, but nothing reads it", hint)
