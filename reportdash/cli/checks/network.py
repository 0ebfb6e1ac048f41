"""The way to the vendors: each account's sign-in, the clock, proxies, certificates."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from reportdash.board.units import plural
from reportdash.cli.checks.finding import Finding, note, problem, said
from reportdash.clock import rfc3339
from reportdash.engine.seat import Seat, another_key
from reportdash.errors import AuthFailed, CallFailed, Exit, NoCredential, Problem, Throttled, Unreachable
from reportdash.net import tls
from reportdash.net.dates import Offset
from reportdash.net.proxy import proxy_for
from reportdash.net.wire import is_loopback
from reportdash.plain import clean

OFF = 60.0
"""Seconds our clock may be away from a vendor's: tokens, links and time spans bear no more."""
SOON = 30 * 86_400.0
"""Seconds before a certificate's end from which on it is told."""
_CLOCK_STEP = "`timedatectl` shows whether NTP sets it, `timedatectl set-ntp true` has it set"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
PROXIES = ("https_proxy", "http_proxy", "all_proxy", "no_proxy")


async def account(seat: Seat, patience: float, for_command: float = 0.0) -> Finding:
    """Whether the vendor takes the account's credential now, within `patience` seconds; `for_command`:
    seconds on top of them for a `credential_command`."""
    check, login = f"account {seat.name}", f"`reportdash login {seat.name}`"
    loop = asyncio.get_running_loop()
    extra = for_command if seat.settings.credential_command else 0.0
    end = loop.time() + patience
    late = f"no answer within {patience:g} s"
    try:
        try:
            async with asyncio.timeout_at(end + extra):
                credential = await seat.find_credential()
        except TimeoutError:
            step = "look at what its credential comes from, a credential_command or a keyring"
            return problem(
                check, Exit.CREDENTIALS, f"its credential: no answer within {patience + extra:g} s", step
            )
        if extra:
            end = loop.time() + patience
        if credential is None:
            return problem(check, Exit.CREDENTIALS, "no credential", f"{login} stores one")
        async with asyncio.timeout_at(end):
            await seat.client.sign_in()
            await seat.vendor.prove()
    except TimeoutError:
        what = f"{seat.settings.base_url}: {late}"
        return problem(check, Exit.UNREACHABLE, what, "look at base_url and network")
    except Problem as trouble:
        return said(check, trouble.exit_code, clean(trouble.text, 600))
    except (AuthFailed, NoCredential) as error:
        words = f"{seat.vendor.title} refused the credential: {clean(error.text, 200)}"
        return problem(check, Exit.CREDENTIALS, words, await another_key(seat))
    except Throttled as error:
        words = f"{seat.settings.base_url} asks to be left alone for now: {clean(error.text, 200)}"
        return problem(check, Exit.UNREACHABLE, words, "wait, then run `reportdash doctor` again")
    except CallFailed as error:
        words = f"{seat.settings.base_url}: {clean(error.text, 200)}"
        return problem(check, Exit.UNREACHABLE, words, "look at base_url and network")
    token = seat.client.token
    parts = [
        f"{seat.vendor.title} takes the credential ({clean(credential.source, 60)}), {seat.settings.base_url}"
    ]
    if token is not None and token.expires_at is not None:
        parts.append(f"token until {rfc3339(token.expires_at)}")
    if token is not None and token.scope is not None:
        parts.append(f"scope {token.scope}")
    return Finding(check, ", ".join(parts))


def clock(seats: Iterable[Seat]) -> Finding:
    """Our clock against those of the vendors that have answered; to be asked after the sign-ins."""
    seen = {seat.name: (seat.client.clock_offset, is_loopback(seat.settings.base_url)) for seat in seats}
    offsets = {name: found for name, (found, _) in seen.items() if found is not None}
    if not offsets:
        return Finding("clock", "not compared: no vendor has told its time")
    off = {name: found for name, found in offsets.items() if found.beyond(OFF)}
    if not off:
        apart = max(abs(found.seconds) + found.uncertainty for found in offsets.values())
        return Finding("clock", f"within {apart:.1f} s of that of {', '.join(offsets)}")
    # What runs on this server has this server's clock.
    agreeing = [name for name in offsets if name not in off and not seen[name][1]]
    worst = max(off, key=lambda name: abs(off[name].seconds))
    what = f"this server's clock is {_apart(off[worst])} of the vendor's at {worst}"
    if agreeing:
        others = f"the vendor's must be wrong, for {', '.join(agreeing)} agrees with ours"
        return note("clock", f"{what}; {others}", "tell whoever runs it")
    return problem("clock", Exit.FAILED, what, _CLOCK_STEP)


def _apart(offset: Offset) -> str:
    way = "ahead" if offset.seconds > 0 else "behind"
    seconds = abs(offset.seconds)
    for unit, name in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name} {way}"
    return f"{seconds:.0f} s (±{offset.uncertainty:.1f}) {way}"


def proxy(seats: Iterable[Seat], environ: Mapping[str, str]) -> list[Finding]:
    """Which proxy variables are set, and what they mean for each account, by the rules its client goes by."""
    names = [variable for name in PROXIES for variable in (name, name.upper()) if environ.get(variable)]
    if not names:
        return [Finding("proxy", "no proxy variable is set; accounts are reached directly")]
    found: list[Finding] = []
    ways: dict[str, list[str]] = {}
    for seat in seats:
        for origin in dict.fromkeys(seat.settings.origins()):
            parts = urlsplit(origin)
            told = seat.name if origin == seat.settings.origins()[0] else f"{seat.name} ({parts.hostname})"
            if is_loopback(origin):
                ways.setdefault("go straight, on this server", []).append(told)
                continue
            try:
                used = proxy_for(parts.scheme, parts.hostname or "", environ)
            except Unreachable as error:
                step = f"name an http:// proxy, or put {parts.hostname} into NO_PROXY"
                found.append(problem("proxy", Exit.UNREACHABLE, f"{told}: {clean(error.text, 200)}", step))
                continue
            way = "go straight" if used is None else f"go through {clean(used.url, 200)}"
            ways.setdefault(way, []).append(told)
    set_to = ", ".join(f"{name}={clean(masked(environ[name]), 100)}" for name in names)
    applied = "; ".join(f"{', '.join(told)}: {way}" for way, told in ways.items()) or "no account to use it"
    return [*found, note("proxy", f"{set_to}; {applied}")]


def masked(address: str) -> str:
    """A proxy's address without the user name and password in it."""
    scheme = _SCHEME.match(address)  # a second :// is a part of the password
    start = scheme[0] if scheme else ""
    userinfo, at, host = address.removeprefix(start).rpartition("@")
    return f"{start}{'***' if userinfo else ''}{at}{host}"


def certificates(seats: Iterable[Seat], environ: Mapping[str, str], now: float) -> list[Finding]:
    """The CAs that vouch for vendors: the system's, or what the environment and `ca_file` name. Blocks."""
    found: list[Finding] = []
    try:
        tls.context()
    except Unreachable as error:
        return [said("certificates", Exit.UNREACHABLE, error.text)]
    name = "SSL_CERT_FILE"
    if environ.get(name) and not _holds_some(environ[name]):
        what = f"{name} names {environ[name]}, which holds no certificate that can be read"
        found.append(problem("certificates", Exit.UNREACHABLE, what, f"correct or unset {name}"))
    accounts: dict[str, list[str]] = {}
    for seat in seats:
        if seat.settings.ca_file is not None:
            accounts.setdefault(seat.settings.ca_file, []).append(seat.name)
    for path, names in accounts.items():
        found.append(_ca_file(path, names, now))
    if found:
        return found
    named = [f"{name}={environ[name]}" for name in (name, "SSL_CERT_DIR") if environ.get(name)]
    return [Finding("certificates", ", ".join(named) or "the system's CAs")]


def _holds_some(path: str) -> bool:
    try:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(cafile=path)
    except OSError:  # an SSLError is one
        return False
    return bool(made.cert_store_stats()["x509"])


def _ca_file(path: str, accounts: list[str], now: float) -> Finding:
    of = f"ca_file of {', '.join(accounts)}"
    try:
        tls.context(path)
        ends = _ends(Path(path).expanduser())
    except Unreachable as error:
        step = f"correct ca_file of {', '.join(accounts)}, or put the CA's certificate there in PEM form"
        return problem("certificates", Exit.UNREACHABLE, error.text, step)
    except (OSError, ValueError):
        return note("certificates", f"{of}, {path}: read by OpenSSL, but its dates are not readable")
    count = plural(len(ends), "certificate")
    first, last = rfc3339(min(ends)), max(ends)
    if last < now:
        what = f"{of}, {path}: {count}, expired at {rfc3339(last)}"
        return problem("certificates", Exit.UNREACHABLE, what, "put the CA's new certificate there")
    if min(ends) < now + SOON:
        said_so = "the first has expired" if min(ends) < now else "the first expires soon"
        return note(
            "certificates",
            f"{of}, {path}: {count}, {said_so}, at {first}",
            "put the CA's new certificate there",
        )
    return Finding("certificates", f"{of}, {path}: {count}, valid until {first} at least")


def _ends(path: Path) -> list[float]:
    """When each certificate of a PEM file expires. Raises OSError, ValueError."""
    from cryptography.x509 import load_pem_x509_certificates

    return [found.not_valid_after_utc.timestamp() for found in load_pem_x509_certificates(path.read_bytes())]
