"""Which proxy the environment names for an address. Reads the environment, asks nobody."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from reportdash.errors import Unreachable


@dataclass(slots=True, frozen=True)
class Proxy:
    """An HTTP proxy: its address without userinfo, and the header that signs in to it, if any."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def proxy_for(scheme: str, host: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy for `scheme`://`host` by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; None: go straight.

    Lower-case names come first, as with curl; the upper-case HTTP_PROXY is ignored under CGI. Whether `host`
    is loopback is for the caller: such calls never take a proxy. Raises Unreachable for a SOCKS proxy,
    and for an address that is none.
    """
    names = [f"{scheme}_proxy", "all_proxy"]
    found = ""
    for name in names:
        found = environ.get(name) or environ.get(name.upper()) or ""
        if name == "http_proxy" and "REQUEST_METHOD" in environ:
            found = environ.get(name) or ""
        if found:
            break
    if not found or _passed_by(host, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    parts: SplitResult | None
    try:
        parts = urlsplit(found if "://" in found else f"http://{found}")
        _ = parts.port  # looked at here: whoever connects would only say that it is no address
    except ValueError:
        parts = None
    if parts is None:  # outside the handler: what was caught quotes the address, password included
        raise Unreachable(
            f"{name} of the environment names a proxy whose address cannot be read; correct it", sent=False
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unreachable(
            f"the environment names a {parts.scheme or 'nameless'} proxy; only http:// and https:// work",
            sent=False,
        )
    headers = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    return Proxy(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", headers)


def _passed_by(host: str, no_proxy: str) -> bool:
    host = host.lower().rstrip(".")
    for entry in no_proxy.replace(",", " ").lower().split():
        entry = entry.rsplit(":", 1)[0] if entry.count(":") == 1 else entry
        bare = entry.lstrip("*").lstrip(".")
        if entry == "*" or (bare and (host == bare or host.endswith("." + bare))):
            return True
    return False
