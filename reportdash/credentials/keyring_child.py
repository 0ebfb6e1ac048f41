"""The other end of keyring_process: one request on stdin, the keyring's answer on stdout, then the end.

Run as a program, in its own session without a terminal, so that it can be killed when a keyring never
answers. Imports nothing of reportdash: starts fast, and no module from the working folder gets in its way.
Uses only backends that are known to encrypt; never asks the keyring to unlock by itself, which would open a
prompt, but hands it the password that somebody typed, where it takes one.

Lines written, JSON each: {"stage": …} before each step that may hang, then one {"ok": …} or {"trouble": …}.
"""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import importlib
import importlib.util
import json
import os
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any

SAFE = (
    "keyring.backends.macOS.Keyring",
    "keyring.backends.Windows.WinVaultKeyring",
    "keyring.backends.SecretService.Keyring",
    "keyring.backends.libsecret.Keyring",
    "keyring.backends.kwallet.DBusKeyring",
    "keyring.backends.kwallet.DBusKeyringKWallet4",
)
"""Backends that keep secrets encrypted, in the order they are tried."""
OVER_SECRET_SERVICE = ("keyring.backends.SecretService.Keyring", "keyring.backends.libsecret.Keyring")
CHAINER = "keyring.backends.chainer.ChainerBackend"
PROBE_SERVICE = "reportdash:probe"
SERVICE = "/org/freedesktop/secrets"
WITHOUT_PROMPT = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
"""How gnome-keyring takes a password. Its daemon's `--unlock` is no way: it ends well whatever the password
was, and starts a second daemon beside the one that stays locked, or in its place."""
DENIED = "org.gnome.keyring.Error.Denied"
PR_SET_DUMPABLE = 4
GAP = 1.25
"""Seconds between the writes of two sessions: more than the whole one that tells them apart."""
KNOWN = {
    "KeyringLocked": "locked",
    "LockedException": "locked",
    # gnome-keyring lists what another one put into its file, but does not have it.
    "ItemNotFoundException": "stale",
}
"""What a backend's error means, by its type."""

Say = Callable[[dict[str, Any]], None]


class Trouble(Exception):
    """Why the keyring cannot be used: a code, and a detail that holds no secret."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


def chosen_backend() -> tuple[str, str] | None:
    """The backend named by the environment or keyringrc.cfg, and which of the two; None: no choice made."""
    named = os.environ.get("PYTHON_KEYRING_BACKEND")
    if named:
        return named.strip(), "PYTHON_KEYRING_BACKEND"
    from keyring.util import platform_

    path = platform_.config_root() / "keyringrc.cfg"
    config = configparser.RawConfigParser()
    try:
        config.read(path, encoding="utf-8")
        named = config.get("backend", "default-keyring", fallback="").strip()
    except (configparser.Error, ValueError, OSError):
        return None
    return (named, str(path)) if named else None


def load_backend(name: str) -> Any | None:
    """An instance of a backend of SAFE, or None where it cannot work on this system."""
    module, _, cls = name.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), cls)
        # Reading the priority is how a backend says that it cannot work here.
        return kind() if kind.priority > 0 else None
    except Exception:
        return None


def backend(say: Say) -> tuple[str, Any]:
    """The keyring to use, as (class name, instance). Raises Trouble."""
    candidates: tuple[str, ...] = SAFE
    choice = chosen_backend()
    if choice is not None and choice[0] != CHAINER:
        name, source = choice
        if name not in SAFE:
            raise Trouble("refused", f"{source} {name}")
        candidates = (name,)
    say({"stage": "contact"})
    missing = Trouble("none", plaintext_installed())
    for name in candidates:
        if name in OVER_SECRET_SERVICE:
            trouble = secret_service_trouble(say)
            if trouble is not None and trouble.code in ("locked", "locked_elsewhere", "never_unlocked"):
                raise trouble
            if trouble is not None and trouble.code != "not_known":
                missing = trouble
                continue
        found = load_backend(name)
        if found is not None:
            return name, found
    raise missing


def plaintext_installed() -> str:
    try:
        return "keyrings.alt" if importlib.util.find_spec("keyrings.alt") else ""
    except (ImportError, ValueError):
        return ""


def secret_service_trouble(say: Say) -> Trouble | None:
    """Why the Secret Service cannot be used, found out without ever making it prompt; None: it is open."""
    try:
        import secretstorage
        from secretstorage import exceptions
    except ImportError:
        return Trouble("not_known")
    try:
        bus = secretstorage.dbus_init()
    except exceptions.SecretStorageException:
        return Trouble("no_bus", plaintext_installed())
    try:
        if not secretstorage.check_service_availability(bus):
            return Trouble("no_service", plaintext_installed())
        say({"stage": "service"})
        try:
            collection = secretstorage.Collection(bus)
            if collection.is_locked():
                return Trouble("locked" if takes_password(bus) else "locked_elsewhere")
        except exceptions.ItemNotFoundException:
            return Trouble("never_unlocked")
        return None
    except exceptions.SecretStorageException as error:
        return Trouble("failed", type(error).__name__)
    finally:
        bus.close()


def takes_password(bus: Any) -> bool:
    """Whether the Secret Service can be unlocked without showing a prompt; KWallet and KeePassXC cannot."""
    from jeepney import DBusAddress, MessageType, new_method_call  # type: ignore[import-untyped]

    service = DBusAddress(SERVICE, "org.freedesktop.secrets", "org.freedesktop.DBus.Introspectable")
    reply = bus.send_and_get_reply(new_method_call(service, "Introspect"))
    return reply.header.message_type is MessageType.method_return and WITHOUT_PROMPT in str(reply.body[0])


def unlock(password: str, say: Say) -> None:
    """Open the locked Secret Service; nothing where it is open. Raises Trouble: wrong, locked_elsewhere…"""
    try:
        backend(say)
    except Trouble as trouble:
        if trouble.code != "locked":
            raise
    else:
        return
    import secretstorage
    from jeepney import DBusErrorResponse
    from secretstorage.util import SERVICE_IFACE, DBusAddressWrapper, format_secret, open_session

    bus = secretstorage.dbus_init()
    try:
        (path,) = DBusAddressWrapper(SERVICE, SERVICE_IFACE, bus).call("ReadAlias", "s", "default")
        secret = format_secret(open_session(bus), password.encode(), "text/plain")
        say({"stage": "unlock"})
        try:
            DBusAddressWrapper(SERVICE, WITHOUT_PROMPT, bus).call(
                "UnlockWithMasterPassword", "o(oayays)", path, secret
            )
        except DBusErrorResponse as error:
            raise Trouble("wrong" if error.name == DENIED else "failed", error.name) from None
        if secretstorage.Collection(bus).is_locked():
            raise Trouble("failed", "still locked")
    finally:
        bus.close()


def turn(lock: str | None) -> int | None:
    """Wait until no other process of this data folder writes to the keyring; until the end it is our turn.

    Where two sessions run a gnome-keyring each on one home folder, one sees what the other wrote by the time
    of the file in whole seconds, and overwrites what it did not see: so there is a gap between two sessions.
    Gives the lock's file. Where none can be made there is no data folder, and nobody to disturb.
    """
    if lock is None:
        return None
    with contextlib.suppress(OSError):
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        since = time.time() - os.fstat(file).st_mtime
        last = os.pread(file, 4096, 0)
        if last and last != session() and 0 <= since < GAP:
            time.sleep(GAP - since)
        wrote(file)
        return file
    return None


def session() -> bytes:
    return os.fsencode(os.environ.get("DBUS_SESSION_BUS_ADDRESS", ""))[:4096]


def wrote(file: int | None) -> None:
    """Note that this session wrote just now."""
    if file is not None:
        with contextlib.suppress(OSError):
            os.ftruncate(file, 0)
            os.pwrite(file, session(), 0)


def answer(request: dict[str, Any], say: Say) -> dict[str, Any]:
    """What comes of a request. Raises Trouble."""
    if request["op"] == "unlock":
        unlock(request["value"], say)
    name, keyring = backend(say)
    if request["op"] in ("find", "unlock"):
        return done(request, say, name, keyring)
    say({"stage": "turn"})
    ours = turn(request["lock"])
    try:
        return done(request, say, name, keyring)
    finally:
        wrote(ours)


def done(request: dict[str, Any], say: Say, name: str, keyring: Any) -> dict[str, Any]:
    operation = request["op"]
    result: Any = True
    if operation == "unlock":
        pass  # that it can be used now is the answer
    elif operation == "find":
        result = []
        for service, user in request["items"]:
            say({"stage": "read"})
            result.append(keyring.get_password(service, user))
    elif operation == "keep":
        result = keep(keyring, request["service"], request["user"], request["value"], say)
    elif operation == "remove":
        result = remove(keyring, request["service"], request["user"], say)
    elif operation == "probe":
        # Always the same name: what a killed probe left there, the next one takes away.
        result = keep(keyring, PROBE_SERVICE, request["user"], secrets.token_hex(16), say)
        remove(keyring, PROBE_SERVICE, request["user"], say)
    else:
        raise Trouble("failed", "unknown request")
    return {"ok": result, "backend": name}


def keep(keyring: Any, service: str, user: str, value: str, say: Say) -> bool:
    say({"stage": "write"})
    keyring.set_password(service, user, value)
    # A keyring that stores nothing says that it did.
    say({"stage": "read"})
    if keyring.get_password(service, user) != value:
        raise Trouble("not_kept")
    return True


def remove(keyring: Any, service: str, user: str, say: Say) -> bool:
    say({"stage": "read"})
    if keyring.get_password(service, user) is None:
        return False
    say({"stage": "remove"})
    keyring.delete_password(service, user)
    if keyring.get_password(service, user) is not None:
        raise Trouble("not_removed")
    return True


def private() -> None:
    """No core dump of a process that holds secrets, and an end even if nobody kills it."""
    try:
        import resource
        import signal

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(30)
        with open("/proc/sys/kernel/core_pattern", "rb") as pattern:  # noqa: PTH123  # starts fast
            piped = pattern.read(1) == b"|"
        if piped:  # such a core heeds no limit
            import ctypes

            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (ImportError, ValueError, OSError, AttributeError):
        pass


def main() -> None:
    private()
    # Whatever a backend prints must not get between our lines, nor onto a screen.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)

    def say(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    try:
        reply = answer(json.loads(sys.stdin.readline()), say)
    except Trouble as trouble:
        reply = {"trouble": trouble.code, "detail": trouble.detail}
    except BaseException as error:
        # The type alone: a message may quote what was to be stored.
        name = type(error).__name__
        reply = {"trouble": KNOWN.get(name, "failed"), "detail": name}
    say(reply)


if __name__ == "__main__":
    main()
