"""One TLS context for each CA file: made once, off the loop, shared by every client of the process."""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path

from reportdash.errors import Unreachable
from reportdash.net.offloop import aside

_contexts: dict[str | None, ssl.SSLContext] = {}
_making = threading.Lock()


async def load(ca_file: str | None = None) -> ssl.SSLContext:
    """`context` without blocking the loop (making one takes some 30 ms)."""
    ready = _contexts.get(ca_file)
    return ready if ready is not None else await aside(lambda: context(ca_file))


def context(ca_file: str | None = None) -> ssl.SSLContext:
    """The shared context: TLS 1.2 or newer, names checked, the system's CAs and those of `ca_file`.

    Raises Unreachable (nothing sent) with a sentence when a named CA file is missing or is no CA file.
    """
    with _making:
        if ca_file not in _contexts:
            _contexts[ca_file] = _make(ca_file)
        return _contexts[ca_file]


def _make(ca_file: str | None) -> ssl.SSLContext:
    # OpenSSL passes over a missing SSL_CERT_FILE in silence and then trusts nobody.
    for name, check in (("SSL_CERT_FILE", Path.is_file), ("SSL_CERT_DIR", Path.is_dir)):
        value = os.environ.get(name)
        if value and not check(Path(value)):
            raise Unreachable(f"{name} names {value}, which is not there; correct or unset it", sent=False)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    made.set_default_verify_paths()
    if not _system_has_cas(made):
        import certifi  # comes with httpx; only where Python's OpenSSL does not know the system's store

        made.load_verify_locations(cafile=certifi.where())
    if ca_file is not None:
        path = Path(ca_file).expanduser()
        try:
            made.load_verify_locations(cafile=path)
        except FileNotFoundError:
            raise Unreachable(f"ca_file {path} is not there", sent=False) from None
        except ssl.SSLError:
            raise Unreachable(f"ca_file {path} holds no CA certificate in PEM form", sent=False) from None
        except OSError as error:
            raise Unreachable(f"ca_file {path} cannot be read ({error.strerror})", sent=False) from None
    return made


def _system_has_cas(made: ssl.SSLContext) -> bool:
    if made.cert_store_stats()["x509_ca"]:
        return True
    folder = ssl.get_default_verify_paths().capath
    try:
        # A folder of CAs is read on demand, so the store looks empty.
        return folder is not None and next(Path(folder).iterdir(), None) is not None
    except OSError:
        return False
