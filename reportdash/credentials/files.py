"""Two small files of the data folder: which store each account's credential is in, and the plain-text store.

The plain-text store exists only where an operator typed that it shall. Every call may block on the disk, but
for `turn`, which waits beside the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from reportdash import durable
from reportdash.errors import CredentialProblem

PINS = "credential-stores.json"
PLAIN = "credentials-PLAIN-TEXT.json"
TURN = 15.0
"""Seconds to wait for another session that keeps or removes a credential; a keyring may take some of them."""
_VERSION = 1
_BEGUN_ANEW = "*"  # no account has this name
_LIMIT = 4 << 20
_PATIENCE = 2.5
_PAUSE = 0.05


@contextlib.asynccontextmanager
async def turn(folder: Path) -> AsyncIterator[None]:
    """One session at a time moves credentials between stores: the other would remove the only copy.

    Raises CredentialProblem: the lock is held for long, or cannot be made.
    """
    end = time.monotonic() + TURN
    with contextlib.ExitStack() as held:
        while True:
            lock = durable.locked(folder / "credentials", 0)
            try:
                await asyncio.to_thread(held.enter_context, lock)
                break
            except durable.Busy:
                if time.monotonic() >= end:
                    raise CredentialProblem(
                        f"another session has been storing or removing a credential in {folder} for long: "
                        "try again"
                    ) from None
            except OSError as error:
                raise CredentialProblem(
                    f"{folder} cannot be written ({error.strerror}): mend that, then try again"
                ) from None
            await asyncio.sleep(_PAUSE)
        yield


class Table:
    """Text -> text in a JSON file, read anew each time: another process may have written it.

    `what`: its name in sentences.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self._what = what

    def read(self) -> dict[str, str]:
        """What the file holds, empty where there is none. Raises CredentialProblem: it cannot be read."""
        return self._read()

    def _read(self) -> dict[str, str]:
        try:
            data = json.loads(durable.read_regular(self.path, _LIMIT))
            version, entries = data["v"], data["entries"]
            if isinstance(version, int) and version > _VERSION:
                raise CredentialProblem(
                    f"{self.path}, {self._what}, is of a newer reportdash and was left alone: "
                    "upgrade this one"
                )
            if version != _VERSION or not all(
                isinstance(text, str) for pair in entries.items() for text in pair
            ):
                raise ValueError
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._problem(error.strerror or "no file") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._problem("damaged") from None
        return dict(entries)

    def put(self, name: str, value: str) -> None:
        """Set one entry. Raises CredentialProblem; the old file is whole then."""
        self._change(lambda entries: entries.__setitem__(name, value))

    def drop(self, name: str) -> bool:
        """Take one entry away; False if there was none. Raises CredentialProblem."""
        found = name in self._read()
        if found or durable.leftovers(self.path):
            self._change(lambda entries: entries.pop(name, None))
        return found

    def _change(self, change: Callable[[dict[str, str]], object]) -> None:
        try:
            with durable.locked(self.path, _PATIENCE):
                entries = self._read()
                change(entries)
                text = json.dumps({"v": _VERSION, "entries": entries}, indent=1, sort_keys=True).encode()
                if len(text) >= _LIMIT:
                    raise CredentialProblem(
                        f"{self.path}, {self._what}, would be larger than the {_LIMIT >> 20} MiB that are "
                        "read back, and was left as it was: check which accounts are no longer used and log "
                        "out of them"
                    )
                durable.replace(self.path, text + b"\n")
        except OSError as error:
            raise CredentialProblem(
                f"{self.path}, {self._what}, cannot be written ({error.strerror}): mend that, then try again"
            ) from None

    def _problem(self, reason: str) -> CredentialProblem:
        return CredentialProblem(
            f"{self.path}, {self._what}, cannot be read ({reason}): mend it, or rename it and log in again"
        )


class Pins(Table):
    """Account -> the store its operator chose.

    A file that was begun anew although the vault has keys says so: then an account it does not name may have
    one there.
    """

    def read(self) -> dict[str, str]:
        """As any table's, accounts alone."""
        entries = self._read()
        entries.pop(_BEGUN_ANEW, None)
        return entries

    def incomplete(self) -> bool:
        """Whether an account that is not named may have a key in the vault: no file, or one begun anew."""
        return not self.path.exists() or _BEGUN_ANEW in self._read()

    def note_incomplete(self, incomplete: bool) -> None:
        """Remember that for every session, in a file that begins or has it. Raises CredentialProblem."""
        if not incomplete:
            self.drop(_BEGUN_ANEW)
        elif _BEGUN_ANEW not in self._read():
            self.put(_BEGUN_ANEW, "vault")


def pins(folder: Path) -> Pins:
    """Account -> the store its operator chose."""
    return Pins(folder / PINS, "where it stands which store each credential is in")


def plain(folder: Path) -> Table:
    """Account -> its credential, in plain text."""
    return Table(folder / PLAIN, "the plain-text credentials")
