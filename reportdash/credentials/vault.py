"""The vault: credentials in one file, encrypted with a passphrase, for servers without a keyring.

`docs/vault.md` specifies the file. Every call may block (the key takes half a second and 64 MiB, the lock
some seconds): call it from a thread. Nothing here asks anybody anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import struct
import threading
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from reportdash import durable
from reportdash.errors import CredentialProblem
from reportdash.logins import ON_THE_SCREEN
from reportdash.model import VAULT_LOCKED

FILE_NAME = "credentials.vault"
MAGIC = b"RDVAULT\0"
VERSION = 1
ARGON2ID = 1
SHORTEST = 8
"""Characters of a new passphrase, at least."""
LARGEST = 16 << 20
"""Bytes of a vault file; a thousand accounts are a hundredth of it."""
_HEADER = struct.Struct(">8sBBHIII16s12s")
_TAG = 16
_CHECKSUM = 32
PROBE = "reportdash:probe"
PROBE_USER = "probe"

Entries = dict[str, dict[str, str]]


@dataclass(slots=True, frozen=True)
class Cost:
    """What the key costs to derive. `memory` in KiB. The default is the second choice of RFC 9106."""

    memory: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4

    @property
    def sane(self) -> bool:
        """A header is read before it can be trusted: it must not make us take all memory, or all day."""
        right = 1 <= self.lanes <= 16 and 1 <= self.iterations <= 16
        return (
            right
            and 8 * self.lanes <= self.memory <= 256 * 1024
            and self.memory * self.iterations <= 16 * 64 * 1024
        )


class VaultState(StrEnum):
    """ABSENT: no file yet. LOCKED: a file, whose key this process does not have. OPEN: it has it."""

    ABSENT = "absent"
    LOCKED = "locked"
    OPEN = "open"


class VaultTrouble(CredentialProblem):
    """The vault cannot be used, and why.

    `code`: absent, locked, wrong (passphrase), weak (passphrase), unreadable (a passphrase file), damaged,
    newer, exists, busy, failed. `why`: of a locked one, what keeps it so, besides that nobody opened it yet.
    """

    def __init__(self, code: str, text: str, why: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.why = why


@dataclass(slots=True, frozen=True)
class _Sealed:
    """A file's parts as read: sound by its checksum, not yet proved to be ours."""

    header: bytes
    cost: Cost
    salt: bytes
    nonce: bytes
    body: bytes

    @property
    def lock(self) -> tuple[bytes, Cost]:
        """What a key belongs to: another salt needs another key."""
        return self.salt, self.cost


class Vault:
    """The vault at `path`. `patience`: seconds to wait for another process that writes."""

    def __init__(self, path: Path, *, cost: Cost | None = None, patience: float = 2.5) -> None:
        self.path = path
        self._cost = cost or Cost()
        self._patience = patience
        self._key: tuple[tuple[bytes, Cost], bytes] | None = None
        self._wrong: tuple[tuple[bytes, Cost], bytes] | None = None
        self._seen = False  # there was a file: one that is missing now is gone, not yet to be made
        self._mutex = threading.RLock()

    def state(self) -> VaultState:
        """Raises VaultTrouble: damaged, newer, failed."""
        with self._mutex:
            sealed = self._read()
            if sealed is None:
                return VaultState.ABSENT
            known = self._key is not None and self._key[0] == sealed.lock
            return VaultState.OPEN if known else VaultState.LOCKED

    def changed(self) -> bool:
        """Whether the passphrase is another one since this process opened it. Raises VaultTrouble."""
        with self._mutex:
            sealed = self._read()
            return sealed is not None and self._key is not None and self._key[0] != sealed.lock

    def create(self, passphrase: str) -> None:
        """Make an empty vault, open in this process.

        Raises VaultTrouble: weak, exists, damaged, newer, busy, failed.
        """
        with self._mutex, self._locked():
            if self._read() is not None:
                raise VaultTrouble("exists", f"there is a vault already, {self.path}: give its passphrase")
            self._write({}, *self._new_key(passphrase))

    def unlock(self, passphrase: str) -> None:
        """Derive the key and keep it for this process. Raises VaultTrouble: absent, wrong, damaged, newer…"""
        with self._mutex:
            sealed = self._there()
            guess = hashlib.sha256(_bytes(passphrase)).digest()
            # What was wrong a moment ago is not worth another half second.
            known_wrong = self._wrong is not None and self._wrong[0] == sealed.lock
            if known_wrong and self._wrong is not None and hmac.compare_digest(self._wrong[1], guess):
                raise self._refused()
            key = _derive(passphrase, sealed.salt, sealed.cost)
            try:
                self._open(sealed, key)
            except VaultTrouble as trouble:
                if trouble.code == "wrong":
                    self._wrong = (sealed.lock, guess)
                raise
            self._key, self._wrong = (sealed.lock, key), None

    def forget_key(self) -> bool:
        """Lock it for this process. False: a thread is at the file. Never waits."""
        if not self._mutex.acquire(blocking=False):
            return False
        try:
            self._key = None
        finally:
            self._mutex.release()
        return True

    def get(self, service: str, user: str) -> str | None:
        """The value kept under (service, user), or None. Raises VaultTrouble: locked, damaged, newer…"""
        with self._mutex:
            sealed = self._read()
            if sealed is None:
                return None
            return self._entries(sealed).get(service, {}).get(user)

    def users(self) -> set[str]:
        """Who has a value in it, of whichever service. Raises VaultTrouble as `get` does."""
        with self._mutex:
            sealed = self._read()
            kept = {} if sealed is None else self._entries(sealed)
            return {user for service, users in kept.items() if service != PROBE for user in users}

    def set(self, service: str, user: str, value: str) -> None:
        """Keep a value and read it back. Raises VaultTrouble: absent, locked, damaged, newer, busy…"""

        def change(entries: Entries) -> bool:
            entries.setdefault(service, {})[user] = value
            return True

        self._change(change)

    def remove(self, service: str, user: str) -> bool:
        """Remove a value; False if there was none. Raises VaultTrouble as `set` does, but for absent."""
        if self.state() is VaultState.ABSENT:
            return False

        def change(entries: Entries) -> bool:
            users = entries.get(service, {})
            found = users.pop(user, None) is not None
            if not users:
                entries.pop(service, None)
            return found

        return self._change(change)

    def probe(self) -> None:
        """Write, read back and remove a dummy value. Raises VaultTrouble."""
        # One name for all of them: what a killed process leaves there, the next probe takes away.
        self.set(PROBE, PROBE_USER, secrets.token_hex(16))
        self.remove(PROBE, PROBE_USER)

    def discard(self) -> bool:
        """Remove the open vault's file if nothing is in it; False if something is. Raises VaultTrouble."""
        with self._mutex, self._locked():
            if self._entries(self._there()):
                return False
            try:
                target = self.path.resolve()
                target.unlink()
                durable.sync_folder(target.parent)
            except OSError as error:
                raise self._unwritable(error) from None
            self._key, self._seen = None, False
            return True

    def change_passphrase(self, old: str, new: str) -> None:
        """Encrypt everything under a new passphrase; other processes are locked out until they are told it.

        Raises VaultTrouble: absent, wrong (the old one), weak (the new one), damaged, newer, busy, failed.
        """
        with self._mutex, self._locked():
            sealed = self._there()
            entries = self._open(sealed, _derive(old, sealed.salt, sealed.cost))
            self._write(entries, *self._new_key(new))

    # the file

    def _change(self, change: Callable[[Entries], bool]) -> bool:
        """Apply `change` to what is in the file now; write it if it says so."""
        with self._mutex, self._locked():
            sealed = self._there()
            entries = self._entries(sealed)
            changed = change(entries)
            if changed:
                assert self._key is not None
                self._write(entries, *self._key)
            return changed

    def _there(self) -> _Sealed:
        sealed = self._read()
        if sealed is None and self._seen:
            raise gone(self.path)
        if sealed is None:
            raise VaultTrouble("absent", f"there is no vault yet: `reportdash login` makes {self.path}")
        return sealed

    def _entries(self, sealed: _Sealed) -> Entries:
        if self._key is None or self._key[0] != sealed.lock:
            raise locked(self.path, changed=self._key is not None)
        return self._open(sealed, self._key[1])

    def _new_key(self, passphrase: str) -> tuple[tuple[bytes, Cost], bytes]:
        if len(passphrase) < SHORTEST:
            raise VaultTrouble(
                "weak", f"the passphrase is too short: take at least {SHORTEST} characters, best some words"
            )
        salt = secrets.token_bytes(16)
        return (salt, self._cost), _derive(passphrase, salt, self._cost)

    def _read(self) -> _Sealed | None:
        """The file's parts; None where there is no file. Raises VaultTrouble: damaged, newer, failed."""
        try:
            data = durable.read_regular(self.path, LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            if self.path.is_dir():
                step = "rename it and log in again, which makes a new one"
            else:
                step = "give yourself the right, or put a copy of it back"
            raise VaultTrouble(
                "failed", f"the vault {self.path} cannot be read ({error.strerror}): {step}"
            ) from None
        self._seen = True
        return self._parse(data)

    def _parse(self, data: bytes) -> _Sealed:
        if not data.startswith(MAGIC) or len(data) < len(MAGIC) + 1:
            raise self._damaged()
        if data[len(MAGIC)] > VERSION and _sum_is_right(data):
            raise VaultTrouble(
                "newer",
                f"the vault {self.path} is of a newer reportdash and was left alone: upgrade this one",
            )
        if len(data) < _HEADER.size + _TAG + _CHECKSUM or not _sum_is_right(data):
            raise self._damaged()
        header, body = data[: _HEADER.size], data[_HEADER.size : -_CHECKSUM]
        _, version, kdf, reserved, memory, iterations, lanes, salt, nonce = _HEADER.unpack(header)
        cost = Cost(memory, iterations, lanes)
        if version != VERSION or kdf != ARGON2ID or reserved or not cost.sane:
            raise self._damaged()
        return _Sealed(header, cost, salt, nonce, body)

    def _open(self, sealed: _Sealed, key: bytes) -> Entries:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            plain = AESGCM(key).decrypt(sealed.nonce, sealed.body, sealed.header)
        except InvalidTag:
            raise self._refused() from None
        return json.loads(plain)["entries"]  # type: ignore[no-any-return]  # authentic: it is as we wrote it

    def _write(self, entries: Entries, lock: tuple[bytes, Cost], key: bytes) -> None:
        """Write the file, and read it back. Raises VaultTrouble: failed."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        (salt, cost), nonce = lock, os.urandom(12)
        header = _HEADER.pack(
            MAGIC, VERSION, ARGON2ID, 0, cost.memory, cost.iterations, cost.lanes, salt, nonce
        )
        plain = json.dumps({"entries": entries}, sort_keys=True).encode()
        sealed = header + AESGCM(key).encrypt(nonce, plain, header)
        if len(sealed) + _CHECKSUM > LARGEST:
            raise VaultTrouble(
                "failed",
                f"the vault {self.path} would be larger than the {LARGEST >> 20} MiB that are read back, and "
                "was left as it was: check which accounts are no longer used and log out of them",
            )
        try:
            durable.replace(self.path, sealed + hashlib.sha256(sealed).digest())
        except OSError as error:
            raise self._unwritable(error) from None
        self._key = (lock, key)
        with contextlib.suppress(VaultTrouble):
            if self._entries(self._there()) == entries:
                return
        raise VaultTrouble("failed", f"the vault {self.path} lacks what was written: check its disk")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with durable.locked(self.path, self._patience):
                yield
        except durable.Busy:
            raise VaultTrouble(
                "busy", f"another process has been writing the vault {self.path} for long: try again"
            ) from None
        except OSError as error:
            raise self._unwritable(error) from None

    # sentences

    def _refused(self) -> VaultTrouble:
        return VaultTrouble("wrong", f"this passphrase does not open the vault {self.path}: try again")

    def _damaged(self) -> VaultTrouble:
        return VaultTrouble(
            "damaged",
            f"the vault {self.path} is damaged and was left as it is: put a copy of it back, or rename it "
            "and log in again, which makes a new one",
        )

    def _unwritable(self, error: OSError) -> VaultTrouble:
        return VaultTrouble(
            "failed",
            f"the vault {self.path} cannot be written ({error.strerror}): mend that, then try again; "
            "what was in it is whole",
        )


def gone(path: Path) -> VaultTrouble:
    """What is said of a vault that had credentials and is not there."""
    return VaultTrouble(
        "absent",
        f"the vault {path} is gone: put a copy of it back, or log in again, which makes a new one; without "
        "a copy what was in it is lost",
    )


def locked(path: Path, *, changed: bool = False) -> VaultTrouble:
    """What is said of a vault whose passphrase this process does not have, or no longer: it was `changed`."""
    why = "another session changed its passphrase" if changed else ""
    since = f", for {why}" if changed else ""
    return VaultTrouble(
        "locked",
        f"{VAULT_LOCKED} in this session{since} ({path.name}): {ON_THE_SCREEN}",
        why,
    )


def _sum_is_right(data: bytes) -> bool:
    return hashlib.sha256(data[:-_CHECKSUM]).digest() == data[-_CHECKSUM:]


def _bytes(passphrase: str) -> bytes:
    # One keyboard composes what another sends precomposed: NFC makes them the same passphrase.
    return unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")


def _derive(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        return Argon2id(
            salt=salt, length=32, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory
        ).derive(_bytes(passphrase))
    except (ImportError, UnsupportedAlgorithm):
        raise VaultTrouble(
            "failed",
            "the vault needs Argon2id, which this system's cryptography lacks: install cryptography 44 or "
            "newer from its wheel",
        ) from None
    except MemoryError:
        raise VaultTrouble(
            "failed",
            f"the vault's key needs {cost.memory >> 10} MiB of memory for a moment: make room for them",
        ) from None
