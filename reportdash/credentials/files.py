"""Two small files of the data folder: which store each account's credential is in, and the plain-text store.

The plain-text store exists only where an operator typed that it shall. Every call may block on the disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from reportdash import durable
from reportdash.errors import CredentialProblem

PINS = "credential-stores.json"
PLAIN = "credentials-PLAIN-TEXT.json"
_LIMIT = 4 << 20
_PATIENCE = 5.0


class Table:
    """Text -> text in a JSON file, read anew each time: another process may have written it.

    `what`: its name in sentences.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self._what = what

    def read(self) -> dict[str, str]:
        """What the file holds, empty where there is none. Raises CredentialProblem: it cannot be read."""
        try:
            data = json.loads(durable.read_regular(self.path, _LIMIT))
            entries = data["entries"]
            if not all(isinstance(text, str) for pair in entries.items() for text in pair):
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
        if name not in self.read():
            return False
        self._change(lambda entries: entries.pop(name, None))
        return True

    def _change(self, change: Callable[[dict[str, str]], object]) -> None:
        try:
            with durable.locked(self.path, _PATIENCE):
                entries = self.read()
                change(entries)
                text = json.dumps({"v": 1, "entries": entries}, indent=1, sort_keys=True)
                durable.replace(self.path, text.encode() + b"\n")
        except OSError as error:
            raise CredentialProblem(
                f"{self.path}, {self._what}, cannot be written ({error.strerror}): mend that, then try again"
            ) from None

    def _problem(self, reason: str) -> CredentialProblem:
        return CredentialProblem(
            f"{self.path}, {self._what}, cannot be read ({reason}): mend it, or rename it and log in again"
        )


def pins(folder: Path) -> Table:
    """Account -> the store its operator chose."""
    return Table(folder / PINS, "where it stands which store each credential is in")


def plain(folder: Path) -> Table:
    """Account -> its credential, in plain text."""
    return Table(folder / PLAIN, "the plain-text credentials")
