"""The system's keyring, reached through a child process that can be killed.

A locked or mute Secret Service blocks its caller for ever, and a thread that hangs keeps a process from
ending. So each call runs in a child in its own session without a terminal; secrets pass through its stdin
and stdout only. Calls made at the same time share one child.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reportdash.credentials.ending import let_go
from reportdash.credentials.values import Secrets
from reportdash.errors import CredentialProblem
from reportdash.logins import NO_KEYRING_NEEDED
from reportdash.model import KEYRING_LOCKED, KEYRING_SHUT
from reportdash.plain import clean

_CHILD = Path(__file__).with_name("keyring_child.py")
_LINE = 4 << 20
_START, _TURN = "start", "turn"  # what is waited for is not the keyring
_FRESH = 10.0
"""Seconds for which a value that was read ahead is as good as one that is read now."""
# Not for the child: our operator's secrets, and the terminal a pinentry would paint on.
_WITHHELD = ("REPORTDASH_SECRET__", "GPG_TTY", "SSH_TTY", "SSH_ASKPASS", "PINENTRY_USER_DATA")


class KeyringTrouble(CredentialProblem):
    """The keyring cannot be used, and why. `code`: none, no_bus, no_service, locked (and takes its
    password here), locked_elsewhere, never_unlocked, wrong (password), mute, refused…"""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def absent(self) -> bool:
        """There is no keyring that could hold anything of ours."""
        return self.code in ("none", "no_bus", "no_service", "refused", "off")


class KeyringProcess:
    """Reads and writes the keyring. `patience`: seconds for one step of it; `total`: for a whole call.

    `folder`: the data folder, whose sessions take turns at writing; each folder's dummy value has a name of
    its own.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
        patience: float = 3.0,
        total: float = 10.0,
    ) -> None:
        whole = os.environ if environ is None else environ
        self._environ = {name: value for name, value in whole.items() if not name.startswith(_WITHHELD)}
        self._folder = folder.absolute() if folder is not None else None
        self._patience = patience
        self._total = total
        self._turn = asyncio.Lock()
        self._wanted: dict[tuple[str, str], asyncio.Future[str | None]] = {}
        self._batch: asyncio.Task[None] | None = None
        self._running: set[asyncio.subprocess.Process] = set()
        self._muted: tuple[float, KeyringTrouble] | None = None
        self._open = False
        self._ahead: tuple[float, dict[tuple[str, str], str | None]] = (0.0, {})
        self._writes = 0
        self._closed = False
        self.backend: str | None = None
        """Short name of the keyring in use (`SecretService`), once known."""

    async def find(self, service: str, user: str) -> str | None:
        """The value kept under (service, user), or None. Raises KeyringTrouble."""
        key = (service, user)
        read, ahead = self._ahead
        if key in ahead and time.monotonic() - read < _FRESH:
            return ahead.pop(key)
        future = self._wanted.get(key)
        if future is None:
            future = self._wanted[key] = asyncio.get_running_loop().create_future()
            if self._batch is None or self._batch.done():
                self._batch = asyncio.create_task(self._find_wanted())
        return await asyncio.shield(future)

    async def keep(self, service: str, user: str, value: str) -> None:
        """Store a value and read it back. Raises KeyringTrouble."""
        await self._call({"op": "keep", "service": service, "user": user, "value": value})

    async def remove(self, service: str, user: str) -> bool:
        """Remove a value; False if there was none. Raises KeyringTrouble."""
        return bool(await self._call({"op": "remove", "service": service, "user": user}))

    async def probe(self) -> str:
        """Write, read back and remove a dummy value; the keyring's name. Raises KeyringTrouble."""
        self._muted = None
        await self._call({"op": "probe", "user": str(self._folder or "probe")}, total=self._patience)
        return self.backend or "keyring"

    async def locked(self, items: Sequence[tuple[str, str]]) -> bool:
        """Whether it is locked and takes its password here; asked for `items` (service, user), unless it
        answered the last time. Never raises: any other trouble is told by whoever reads.

        The values are read ahead: each is there for one `find` soon after.
        """
        if self._open:
            return False
        writes = self._writes
        try:
            values = await asyncio.gather(*(self.find(*item) for item in items))
        except KeyringTrouble as trouble:
            return trouble.code == "locked"
        if writes == self._writes:  # else what was read may be what is being written over
            self._ahead = (time.monotonic(), dict(zip(items, values, strict=True)))
        return False

    async def unlock(self, password: Secrets) -> None:
        """Open the locked keyring with its `password`, a value of this name: for every program that uses it.

        Raises KeyringTrouble: wrong, locked_elsewhere, mute…
        """
        self._muted = None
        await self._call({"op": "unlock", "value": password["password"]})

    async def aclose(self) -> None:
        """Kill what still runs; later calls fail at once."""
        self._closed = True
        self._ahead = (0.0, {})
        for process in list(self._running):
            _kill(process)
        if self._batch is not None:
            self._batch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._batch
        for future in self._wanted.values():
            future.cancel()
        self._wanted.clear()

    async def _find_wanted(self) -> None:
        # One turn of the loop lets accounts that start together share the child.
        await asyncio.sleep(0.01)
        while self._wanted:
            async with self._turn:
                wanted, self._wanted = self._wanted, {}
                items = list(wanted)
                try:
                    values = await self._talk({"op": "find", "items": items}, self._total)
                    found = list(zip(items, values, strict=True))
                except Exception as error:
                    # Whatever it is: whoever waits is told, and the next one is asked for.
                    name = type(error).__name__
                    trouble = error if isinstance(error, KeyringTrouble) else _trouble("failed", name)
                    for future in wanted.values():
                        if not future.done():
                            future.set_exception(trouble)
                            # Somebody may have stopped waiting for it.
                            future.exception()
                except BaseException:
                    for future in wanted.values():
                        future.cancel()
                    raise
                else:
                    for key, value in found:
                        if not wanted[key].done():
                            wanted[key].set_result(value)

    async def _call(self, request: dict[str, Any], total: float | None = None) -> Any:
        lock = str(self._folder / "keyring.lock") if self._folder is not None else None
        self._ahead = (0.0, {})
        self._writes += 1
        async with self._turn:
            return await self._talk({**request, "lock": lock}, total or self._total)

    async def _talk(self, request: dict[str, Any], total: float) -> Any:
        if self._closed:
            raise _trouble("off", "")
        # A mute keyring would cost every sign-in the whole patience again.
        if self._muted is not None and time.monotonic() - self._muted[0] < 60:
            raise self._muted[1]
        process = await self._start()
        self._running.add(process)
        try:
            if self._closed:  # while the child was being started, where `aclose` could not see it
                raise _trouble("off", "")
            reply = await self._converse(process, request, total)
        finally:
            self._running.discard(process)
            _kill(process)
            await let_go(process)
        self._open = "trouble" not in reply
        if not self._open:
            raise _trouble(str(reply["trouble"]), str(reply.get("detail", "")))
        self.backend = str(reply["backend"]).removeprefix("keyring.backends.").partition(".")[0]
        return reply["ok"]

    async def _start(self) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                str(_CHILD),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environ,
                start_new_session=True,
                limit=_LINE,
            )
        except OSError as error:
            raise _trouble("failed", error.strerror or type(error).__name__) from None

    async def _converse(
        self, process: asyncio.subprocess.Process, request: dict[str, Any], total: float
    ) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        # Until the keyring is asked, time is Python's own start; a busy server is not a mute keyring.
        stage, deadline, step = _START, self._total, self._total
        try:
            async with asyncio.timeout(deadline) as whole:
                with contextlib.suppress(ConnectionError):
                    process.stdin.write(json.dumps(request).encode() + b"\n")
                    await process.stdin.drain()
                    process.stdin.close()
                while True:
                    async with asyncio.timeout(step):
                        line = await process.stdout.readline()
                    if not line:
                        raise _trouble("off" if self._closed else "failed", "no answer")
                    reply: dict[str, Any] = json.loads(line)
                    if "stage" not in reply:
                        return reply
                    before, stage = stage, str(reply["stage"])
                    if stage == _TURN:  # another session's
                        whole.reschedule(asyncio.get_running_loop().time() + self._total)
                        step = self._total
                    elif before in (_START, _TURN):
                        whole.reschedule(asyncio.get_running_loop().time() + total)
                        step = self._patience
        except TimeoutError:
            trouble = _trouble({_START: "slow", _TURN: "busy"}.get(stage, "mute"), stage)
            if trouble.code == "mute":
                self._muted = (time.monotonic(), trouble)
            raise trouble from None
        except (ValueError, asyncio.LimitOverrunError):
            raise _trouble("failed", "unreadable answer") from None


def _kill(process: asyncio.subprocess.Process) -> None:
    """The whole group: a backend may have started helpers of its own."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


_LOCKED_ELSEWHERE, _NEVER_UNLOCKED = KEYRING_SHUT
_UNLOCK = "gnome-keyring-daemon --replace --unlock --components=secrets"
_SENTENCES = {
    "none": "no keyring that encrypts works on this system: install gnome-keyring or KWallet, "
    f"{NO_KEYRING_NEEDED}",
    "no_bus": "no keyring can be reached: this session has no D-Bus; start reportdash under "
    f"`dbus-run-session` with gnome-keyring, {NO_KEYRING_NEEDED}",
    "no_service": "no keyring runs on this session's D-Bus: install and start gnome-keyring or KWallet, "
    f"{NO_KEYRING_NEEDED}",
    "locked": f"{KEYRING_LOCKED}: unlock it with its password on the screen (l), or by a command on a "
    f"terminal that signs in, {NO_KEYRING_NEEDED}",
    "locked_elsewhere": f"{_LOCKED_ELSEWHERE} (KWallet, KeePassXC), which alone takes its password: unlock "
    f"it there, {NO_KEYRING_NEEDED}",
    "never_unlocked": f"{_NEVER_UNLOCKED} in this session and its prompt cannot be shown here: "
    f"unlock it first (`{_UNLOCK}` reads its password from stdin), {NO_KEYRING_NEEDED}",
    "wrong": "this password does not unlock the keyring: try again",
    "mute": f"the keyring does not answer, so it was left alone: restart it, {NO_KEYRING_NEEDED}",
    "stale": "another session's keyring changed the file of this one, which does not see the change: "
    f"start it anew (`{_UNLOCK}` reads its password from stdin), log in again, or keep it in the vault",
    "slow": "the keyring helper did not start in time on this busy server: try again",
    "busy": "the keyring has been written to by another session for long: try again",
    "not_kept": "the keyring says it stored the value but does not have it: nothing is kept there; "
    f"repair the keyring, {NO_KEYRING_NEEDED}",
    "not_removed": "the keyring says it removed the value but still has it: remove it with its own tool",
    "off": "the keyring is switched off in this run",
}


def _trouble(code: str, detail: str) -> KeyringTrouble:
    detail = clean(detail, 200)
    if code == "refused":
        source, _, name = detail.rpartition(" ")
        text = (
            f"{source} names {name}, which {_why_refused(name)}: name keyring.backends.SecretService.Keyring "
            f"or take the line away, {NO_KEYRING_NEEDED}"
        )
    else:
        text = _SENTENCES.get(code, f"the keyring failed ({detail or code}): repair it, {NO_KEYRING_NEEDED}")
        if detail == "keyrings.alt":
            text += "; keyrings.alt is installed, but it can keep secrets as plain text and is never used"
    return KeyringTrouble(code, text)


def _why_refused(name: str) -> str:
    lower = name.lower()
    if ".null." in lower or ".fail." in lower:
        return "stores nothing"
    if "keyrings.alt" in lower or "plaintext" in lower:
        return "can keep secrets as plain text"
    if "cryptfile" in lower:
        return "is no longer maintained"
    return "is not a keyring known to encrypt"
