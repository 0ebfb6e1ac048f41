"""What the operator or systemd hands in from outside: variables, files named by them, systemd's credentials.

For a field of an account, in this order: REPORTDASH_SECRET__<ACCOUNT>__<FIELD>, the file named by the same
with __FILE after it, the file `reportdash.<account>.<field>` in $CREDENTIALS_DIRECTORY
(systemd.exec(5), LoadCredential=). Reads files: may block for as long as a disk takes, never for a pipe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reportdash import durable
from reportdash.credentials.values import LONGEST, Secrets, choose, is_text, variable
from reportdash.errors import CredentialProblem
from reportdash.logins import ENVIRONMENT, ENVIRONMENT_FILE, SYSTEMD

PASSPHRASE_FILE = "REPORTDASH_VAULT_PASSPHRASE_FILE"  # noqa: S105  # a name
SYSTEMD_PASSPHRASE = "reportdash.vault-passphrase"  # noqa: S105  # a name
_DIRECTORY = "CREDENTIALS_DIRECTORY"


@dataclass(slots=True, frozen=True)
class Handed:
    """An account's secrets from outside. `source`: the kind of the first field that was found."""

    values: Secrets
    source: str


def find(environ: Mapping[str, str], account: str, fields: Sequence[Sequence[str]]) -> Handed | None:
    """The account's secrets from outside; None if there are none.

    Raises CredentialProblem: a file that cannot be read, a field said twice, or only a part of a set: half a
    credential is a slip, not a wish. Contents are never repeated.
    """
    names = dict.fromkeys(field for wanted in fields for field in wanted)
    present, sources = {}, {}
    for field in names:
        found = _field(environ, account, field)
        if found is not None:
            present[field], sources[field] = found
    if not present:
        return None
    chosen = choose(fields, present)
    if chosen is not None:
        return Handed(chosen, sources[next(iter(chosen))])
    closest = max(fields, key=lambda wanted: sum(field in present for field in wanted))
    missing = " and ".join(variable(account, field) for field in closest if field not in present)
    have = " and ".join(_name(environ, account, field, sources[field]) for field in present)
    raise CredentialProblem(
        f"{account}: the environment has {have} but not {missing}: set it too, or unset what is there "
        f"and run `reportdash login {account}`"
    )


def anything(environ: Mapping[str, str], account: str, fields: Sequence[Sequence[str]]) -> bool:
    """Whether something is handed in for the account, good or not."""
    try:
        return find(environ, account, fields) is not None
    except CredentialProblem:
        return True


def vault_passphrase(environ: Mapping[str, str]) -> str | None:
    """The vault's passphrase for unattended use, from a file; None where none is named.

    Raises CredentialProblem when the file cannot be read or is empty.
    """
    if environ.get(PASSPHRASE_FILE):
        return _content(environ[PASSPHRASE_FILE], PASSPHRASE_FILE)
    path = _credential(environ, SYSTEMD_PASSPHRASE)
    return None if path is None else _content(path, f"the systemd credential {SYSTEMD_PASSPHRASE}")


def passphrase_source(environ: Mapping[str, str]) -> str:
    """Who hands in the vault's passphrase, in words; empty: nobody."""
    if environ.get(PASSPHRASE_FILE):
        return f"{PASSPHRASE_FILE} ({environ[PASSPHRASE_FILE]})"
    path = _credential(environ, SYSTEMD_PASSPHRASE)
    return "" if path is None else f"the systemd credential {SYSTEMD_PASSPHRASE}"


def _field(environ: Mapping[str, str], account: str, field: str) -> tuple[str, str] | None:
    """The value and its kind of source; None if the field is handed in nowhere."""
    name = variable(account, field)
    direct, path = environ.get(name), environ.get(f"{name}__FILE")
    if direct and path:
        raise CredentialProblem(f"{account}: {name} and {name}__FILE are both set: leave one of them away")
    if direct and not is_text(direct):
        raise CredentialProblem(f"{account}: {name} is not UTF-8 text: set it again, encoded as UTF-8")
    if direct:
        return direct, ENVIRONMENT
    if path:
        return _content(path, f"{name}__FILE"), ENVIRONMENT_FILE
    credential = _credential(environ, f"reportdash.{account}.{field}")
    if credential is not None:
        return _content(credential, f"the systemd credential {credential.name}"), SYSTEMD
    return None


def _credential(environ: Mapping[str, str], name: str) -> Path | None:
    """systemd's file of this name, if it handed one in; as with variables, its case and - for _ are all one.

    Raises CredentialProblem: two files are alike but for that.
    """
    folder = environ.get(_DIRECTORY)
    if not folder:
        return None
    path = Path(folder) / name
    try:
        path.stat()
    except FileNotFoundError:
        return _alike(path)
    except NotADirectoryError:
        return None
    except OSError:
        pass  # whether it is there cannot be seen: to read it tells why
    return path


def _alike(path: Path) -> Path | None:
    """The file whose name differs from this one in case, - or _ alone."""
    try:
        found = [one for one in path.parent.iterdir() if _plain(one.name) == _plain(path.name)]
    except OSError:
        return None
    if len(found) > 1:
        names = " and ".join(sorted(one.name for one in found))
        raise CredentialProblem(f"the systemd credentials {names} are one to us: leave one of them away")
    return found[0] if found else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _content(path: str | Path, said_by: str) -> str:
    """A file's text without the line's end that editors put there. Raises CredentialProblem."""
    try:
        text = durable.read_regular(Path(path).expanduser(), LONGEST).decode("utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        reason = "not UTF-8 text" if isinstance(error, ValueError) else "no such home"
        reason = (error.strerror or "no file") if isinstance(error, OSError) else reason
        raise CredentialProblem(
            f"{said_by} names {path}, which cannot be read ({reason}): correct the name or the file"
        ) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise CredentialProblem(f"{said_by} names {path}, which is empty: put the secret in it, alone")
    return text


def _name(environ: Mapping[str, str], account: str, field: str, source: str) -> str:
    if source == SYSTEMD:
        return f"the systemd credential reportdash.{account}.{field}"
    return variable(account, field) + ("__FILE" if source == ENVIRONMENT_FILE else "")
