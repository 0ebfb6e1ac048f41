"""The config file as it is written: a new one, or an account's table at the end of one that is there.

Nothing is ever written over: what stands in a file stays, byte for byte. Private: mode 0600, folder 0700.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportdash.durable import FOLDER_MODE, MODE, beside, sync_folder
from reportdash.errors import UsageProblem
from reportdash.settings.text import account_table, starter

if TYPE_CHECKING:
    from pydantic import BaseModel

    from reportdash.settings.records import Settings


@dataclass(slots=True, frozen=True)
class Draft:
    """A config that has been checked as a whole and is not written yet. `old`: the file as it was read."""

    path: Path
    old: bytes | None
    new: bytes
    settings: Settings

    def write(self) -> None:
        """Write it. Raises UsageProblem when that can not be done, or the file is another one by now."""
        if self.old is None:
            write_new(self.path, self.new)
        else:
            _put_in_place(self.path, self.old, self.new)


def draft(
    path: Path,
    name: str,
    keys: Mapping[str, Any],
    *,
    download_dir: str | None,
    account_class: Callable[[str], type[BaseModel]],
    environ: Mapping[str, str],
) -> Draft:
    """The config with one more account. `keys`: its table, `vendor` first; `download_dir`: for a new file.

    Raises UsageProblem: the account's name is taken, or the whole would not be a config. Writes nothing.
    """
    from reportdash.settings.reading import load
    from reportdash.settings.sentences import plain_name

    old = read(path)
    if not name:
        raise UsageProblem("the account has no name: give it one, as in main")
    for known in known_names(old):
        if plain_name(known) == plain_name(name):
            raise UsageProblem(f"there is an account {known} already: give this one another name")
    table = account_table(name, keys)
    if old is None:
        new = f"{starter(download_dir)}\n{table}".encode()
    else:
        line = "\r\n" if b"\r\n" in old else "\n"
        start = "" if old.endswith(b"\n") or not old else line
        new = old + f"{start}{line}{table}".replace("\r\n", "\n").replace("\n", line).encode()
    try:
        _addable(path, old, new)
        settings = load(path, account_class=account_class, environ=environ, text=new.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UsageProblem(f"{path} is not UTF-8 text: save it as UTF-8, nothing was added") from None
    except UsageProblem as problem:
        raise UsageProblem(_without_place(problem.text, path, old)) from None
    left = settings.left_out.get(name)
    if left is not None:
        raise UsageProblem(f"an account of this vendor would be left out: {left.text}")
    return Draft(path, old, new, settings)


def _addable(path: Path, old: bytes | None, new: bytes) -> None:
    """Raises UsageProblem when the file is TOML and would no longer be."""
    try:
        tomllib.loads((old or b"").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return  # its own error is told by `load`
    try:
        tomllib.loads(new.decode("utf-8-sig"))
    except ValueError:
        raise UsageProblem(
            f"{path}: its accounts stand in braces, where none can be added: write them as [accounts.NAME]"
        ) from None


def known_names(old: bytes | None) -> list[str]:
    """The accounts a config names; none where it can not be read as one."""
    try:
        accounts = tomllib.loads((old or b"").decode("utf-8-sig")).get("accounts")
    except (ValueError, RecursionError):
        return []
    return list(accounts) if isinstance(accounts, dict) else []


def why_not(path: Path) -> str:
    """Why nothing can be written at `path`, in a sentence; empty when it can, as far as one can see."""
    place = path.parent
    while not place.exists() and place != place.parent:
        place = place.parent
    if path.is_dir():
        return f"{path} is a folder; name a file in it with --config"
    if not place.is_dir():
        return f"{path} can not be written: {place} is no folder"
    if not os.access(place, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.R_OK | os.W_OK)):
        return f"{path} can not be written: you may not write there; name another place with --config"
    return ""


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, whole or not at all. Raises UsageProblem; never writes over one."""
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        with beside(path, data) as made:
            try:
                os.link(made, path)
            except FileExistsError:
                raise
            except OSError:
                # A file system without hard links: the name is taken first, then filled.
                _fill(path, data)
        sync_folder(path.parent)
    except FileExistsError:
        raise UsageProblem(_taken(path)) from None
    except OSError as error:
        raise _not_written(path, error) from error


def _taken(path: Path) -> str:
    """What stands where the new file was to be, and what to do about it."""
    if path.is_dir():
        return f"{path} is a folder, not a config file: name the file in it, as in {path / 'config.toml'}"
    if path.is_symlink() and not path.exists():
        return f"{path} is a link to {path.readlink()}, which is not there: take the link away, or mend it"
    return f"{path} exists and was left alone; `reportdash config validate` checks it"


def _put_in_place(path: Path, old: bytes, new: bytes) -> None:
    """The longer file in the shorter one's place; a link keeps pointing where it points."""
    try:
        target = path.resolve()
        before = target.stat()
        with beside(target, new) as made:
            made.chmod(before.st_mode & 0o777)
            if before.st_uid != os.geteuid():
                os.chown(made, before.st_uid, before.st_gid)
            if read(path) != old:
                raise UsageProblem(f"{path} was changed meanwhile, and nothing was added: try again")
            made.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise _not_written(path, error) from error


def _fill(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise


def read(path: Path) -> bytes | None:
    """The file as it is; None when there is none. Raises UsageProblem when it can not be read."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageProblem(
            f"{path} can not be read ({error.strerror}) and nothing was added; give yourself the right"
        ) from error


def _without_place(sentence: str, path: Path, old: bytes | None) -> str:
    """The sentence without file and line, where the line is one that is not written yet."""
    match = re.match(rf"{re.escape(str(path))}, (?:line (\d+)(?:, column \d+)?|at its end): ", sentence)
    there = len((old or b"").splitlines())
    if match is None or (match[1] is not None and int(match[1]) <= there):
        return sentence
    return sentence[match.end() :]


def _not_written(path: Path, error: OSError) -> UsageProblem:
    return UsageProblem(
        f"{path} can not be written ({error.strerror}); name another place with --config FILE"
    )
