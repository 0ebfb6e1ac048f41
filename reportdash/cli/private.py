"""Files that hold a secret and that others may read or replace: who names them, and what to do about it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reportdash.cli.output import say
from reportdash.credentials import variable
from reportdash.credentials.handed import PASSPHRASE_FILE, SYSTEMD_PASSPHRASE

if TYPE_CHECKING:
    from reportdash.cli.context import Place
    from reportdash.vendors.contract import AccountSettings

_DIRECTORY = "CREDENTIALS_DIRECTORY"
_BY_SYSTEMD = Path("/run")
"""Where systemd keeps the credentials it hands in; it sees to their rights itself."""


class Exposed(NamedTuple):
    """What others may do with a file, and the command that ends it."""

    what: str
    step: str


def exposed(path: Path, name: str, environ: Mapping[str, str]) -> Exposed | None:
    """Whether others may read the file that `name` names, or put another one in its place.

    None as well where it cannot be looked at: to read it says why.
    """
    folder = environ.get(_DIRECTORY)
    try:
        path = path.expanduser()
        if folder and path.is_relative_to(folder) and Path(folder).resolve().is_relative_to(_BY_SYSTEMD):
            return None
        mode, above = path.stat().st_mode, path.parent.stat().st_mode
    except (OSError, RuntimeError):
        return None
    if stat.S_ISDIR(mode):
        return None
    if mode & 0o077:
        return Exposed(f"others may read {path}, which {name} names", f"`chmod 600 {path}`")
    if above & 0o022 and not above & stat.S_ISVTX:
        what = f"others may write in {path.parent}, and so replace {path}, which {name} names"
        return Exposed(what, f"`chmod go-w {path.parent}`")
    return None


def of_vault(environ: Mapping[str, str]) -> list[Exposed]:
    """What others may do with the file of the vault's passphrase."""
    return list(_exposures({PASSPHRASE_FILE: SYSTEMD_PASSPHRASE}, environ))


def of_accounts(accounts: Mapping[str, AccountSettings], environ: Mapping[str, str]) -> list[Exposed]:
    """What others may do with files of the accounts' secrets."""
    names = {
        f"{variable(name, field)}__FILE": f"reportdash.{name}.{field}"
        for name, account in accounts.items()
        for wanted in account.secret_fields()
        for field in wanted
    }
    return list(_exposures(names, environ))


def _exposures(names: Mapping[str, str], environ: Mapping[str, str]) -> Iterator[Exposed]:
    """`names`: variable -> the systemd credential that stands for the same."""
    folder = environ.get(_DIRECTORY)
    for name, credential in names.items():
        if environ.get(name):
            found = exposed(Path(environ[name]), name, environ)
        else:
            found = exposed(Path(folder) / credential, _DIRECTORY, environ) if folder else None
        if found is not None:
            yield found


def warn(here: Place) -> None:
    """Say it on stderr, once a run; `doctor` tells it as a finding."""
    found = [*of_vault(os.environ), *of_accounts(here.settings.accounts, os.environ)]
    for each in dict.fromkeys(found):
        say(f"{each.what}; {each.step}")
