"""The transport's exceptions put into our own words, with the one question that matters: did a byte leave?

httpx-aiohttp reports a broken connection as `ConnectTimeout`, so the aiohttp exception behind it decides.
The texts name host and port, never a path, a query or a header.
"""

from __future__ import annotations

import socket
import ssl

import aiohttp

from reportdash.errors import BadPayload, CallFailed, Unreachable
from reportdash.net.offloop import looking_up


class Dropped(aiohttp.ClientError):
    """The connection broke and aiohttp must not send the request again by itself."""


def explain(error: BaseException, origin: str, seconds: float) -> CallFailed:
    """The failure to raise instead of `error`; `origin` is where it went, `seconds` the connect limit."""
    scheme, _, where = origin.partition("://")
    cause = error
    if not isinstance(cause, aiohttp.ClientError) and isinstance(error.__cause__, BaseException):
        cause = error.__cause__
    if isinstance(cause, aiohttp.ClientConnectorError):
        return _not_connected(cause, where, scheme == "https")
    if isinstance(cause, aiohttp.ConnectionTimeoutError):
        name = where.rpartition(":")[0]
        if looking_up(name):
            text = f"no answer of the name server about {name} within {seconds:g} s; check this server's DNS"
            return Unreachable(text, sent=False)
        return Unreachable(f"no connection to {where} within {seconds:g} s", sent=False)
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return Unreachable(f"the proxy refused to connect to {where} (HTTP {cause.status})", sent=False)
    if isinstance(cause, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return Unreachable("this is no address that can be asked", sent=False)
    if isinstance(cause, aiohttp.ClientPayloadError):
        return Unreachable(f"the answer of {where} was cut off")
    if isinstance(cause, aiohttp.ClientResponseError):
        return BadPayload(f"{where} answered with something that is not HTTP")
    if isinstance(cause, TimeoutError):
        return Unreachable(f"{where} fell silent")
    if isinstance(cause, aiohttp.ClientError | OSError):
        return Unreachable(f"{where} closed the connection without an answer")
    return Unreachable(f"the call to {where} failed ({type(cause).__name__})")


def _not_connected(error: aiohttp.ClientConnectorError, where: str, secure: bool) -> Unreachable:
    text: str
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        text = f"the name {where.rpartition(':')[0]} is not known; check base_url and this server's DNS"
    elif isinstance(error, aiohttp.ClientProxyConnectionError):
        text = f"the proxy for {where} cannot be reached; check the proxy variables of the environment"
    elif isinstance(error, aiohttp.ClientConnectorCertificateError):
        text = _certificate(error.certificate_error, where)
    elif isinstance(error, aiohttp.ClientSSLError) or isinstance(error.os_error, ssl.SSLError):
        text = _handshake(error.os_error, where)
    elif isinstance(error.os_error, ConnectionRefusedError):
        text = f"{where} refuses connections; is it running, and is the port right?"
    elif isinstance(error.os_error, ConnectionResetError | BrokenPipeError):
        text = f"{where} closed the connection while it was being set up"
        if secure:
            # OpenSSL's alert is often lost to the reset that follows it.
            text += "; perhaps it offers nothing newer than TLS 1.1, and at least 1.2 is needed"
    elif isinstance(error.os_error, socket.gaierror):
        text = f"the name {where.rpartition(':')[0]} is not known; check base_url and this server's DNS"
    else:
        reason = error.os_error.strerror if error.os_error is not None else None
        text = f"no connection to {where} ({reason or type(error.os_error).__name__})"
    return Unreachable(text, sent=False)


def _certificate(error: BaseException, where: str) -> str:
    code = getattr(error, "verify_code", None)
    if code == 10:
        return f"the certificate of {where} has expired; the vendor must renew it"
    if code == 9:
        return f"the certificate of {where} is not valid yet; check this server's clock"
    if code in (62, 64):
        return f"the certificate of {where} belongs to another name; check base_url"
    if code in (18, 19, 20, 21, 2):
        return f"the certificate of {where} comes from a CA this server does not trust; name it with ca_file"
    reason = getattr(error, "verify_message", None) or type(error).__name__
    return f"the certificate of {where} is not accepted ({reason})"


def _handshake(error: BaseException | None, where: str) -> str:
    reason = (getattr(error, "reason", None) or "").upper()
    if "WRONG_VERSION_NUMBER" in reason or "HTTP_REQUEST" in reason or "PACKET_LENGTH" in reason:
        return f"{where} does not speak TLS; is the scheme or the port of the address wrong?"
    if "PROTOCOL" in reason or "VERSION" in reason:
        return f"{where} offers nothing newer than TLS 1.1, which is not safe; at least 1.2 is needed"
    plain = reason.replace("_", " ").lower()
    return f"no TLS connection to {where} ({plain or 'the handshake was broken off'})"
