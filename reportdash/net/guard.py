"""Which addresses a signed link may lead to. Pure rules and one name lookup; opens no connection.

A link comes from a vendor's answer, so it is not trusted: it could name a service inside our own network.
An address passes when it is https, its host is on the account's `download_hosts`, it carries no user name and
is no bare IP number, and when every IP address its name stands for is public. The caller connects to the
address that was looked at here, so a second, different answer of the name server changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

from reportdash.errors import CallFailed, Unreachable
from reportdash.plain import clean

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

MAX_URL = 16 * 1024
LOOKUP_SECONDS = 10.0

_PARTS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<target>[^#]*)")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{1,5}")
# What ends in an IPv4 address: NAT64 (RFC 6052, 8215), translated (RFC 2765), compatible (RFC 4291).
_ENDS_IN_IPV4 = tuple(
    map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96"))
)
# Not public, which an older Python does not know: local NAT64, routing within a network, examples.
_LOCAL = tuple(map(ipaddress.IPv6Network, ("64:ff9b:1::/48", "5f00::/16", "3fff::/20")))
# A cloud's own service for its machines, at addresses that are not link-local as 169.254.169.254 is.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "192.0.0.192")))
_DEFAULT_PORT = {"https": 443, "http": 80}


ASK = "ask the vendor for a plain https link"


class AddressRefused(CallFailed):
    """The link leads somewhere this account may not fetch from; nothing was connected to.

    `remedy`: what to do about it; the address itself is never repeated beyond its host.
    """

    def __init__(self, text: str, remedy: str = ASK) -> None:
        super().__init__(f"{text}: {remedy}" if remedy else text)


@dataclass(slots=True, frozen=True)
class Vetted:
    """A link that passed. `addresses` are what its host stands for, each looked at; connect only to these.

    `host` is lower case, for TLS; `authority` what the Host header says; `target` path and query to the byte.
    """

    scheme: str
    host: str
    port: int
    authority: str
    target: str
    addresses: tuple[str, ...]

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    def __repr__(self) -> str:
        return f"Vetted({self.origin}/…)"


class Guard:
    """The rule of one account.

    `hosts`: names (`files.example.org`), `*.` patterns for any depth below a name, each with `:port` where it
    is not 443. `allow_private`: names on the list may stand for private addresses. `loopback`: the account
    itself lives on this machine, so links to loopback pass whatever the list says, as http and IP number too.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        allow_private: bool = False,
        loopback: bool = False,
        resolver: Resolver | None = None,
    ) -> None:
        self._hosts = tuple(host.strip().lower().rstrip(".") for host in hosts if host.strip())
        self._private = allow_private or loopback
        self._loopback = loopback
        self._resolve = resolver or resolve

    async def check(self, url: str) -> Vetted:
        """The link, looked at. Raises AddressRefused, or Unreachable when its name cannot be looked up."""
        scheme, host, port, authority, target = _split(url)
        literal = _literal(host)
        if literal is not None:
            if self._loopback and literal.is_loopback:
                return Vetted(scheme, str(literal), port, authority, target, (str(literal),))
            raise AddressRefused("the link names a bare IP address instead of a host")
        here = self._loopback and (host == "localhost" or host.endswith(".localhost"))
        if not here:
            if scheme != "https":
                raise AddressRefused(f"the link is not https but {scheme}://{clean(host, 80)}")
            if not self._listed(host, port):
                shown = host if port == 443 else f"{host}:{port}"
                raise AddressRefused(
                    f"{clean(shown, 80)} is not in download_hosts of this account",
                    "add it there if the vendor hands its files out from it",
                )
        addresses = [_address(text) for text in await self._resolve(host, port)]
        if not addresses:
            raise Unreachable(f"no address for {clean(host, 80)}", sent=False)
        for address in addresses:
            if here and not address.is_loopback:
                raise AddressRefused(
                    f"{clean(host, 80)} does not stand for this machine", "look at /etc/hosts on this server"
                )
            if not here and not _reachable(address, self._private):
                raise AddressRefused(
                    f"{clean(host, 80)} stands for an address inside a private network",
                    "set allow_private_hosts for this account if that is meant",
                )
        return Vetted(scheme, host, port, authority, target, tuple(dict.fromkeys(map(str, addresses))))

    def lists(self, url: str) -> bool:
        """Whether the list has its host, or it may lead to this machine; its name is not looked up."""
        try:
            _, host, port, _, _ = _split(url)
        except AddressRefused:
            return False
        return self._listed(host, port) or (self._loopback and is_loopback(url))

    def _listed(self, host: str, port: int) -> bool:
        for pattern in self._hosts:
            name, _, wanted = pattern.partition(":")
            if port != (int(wanted) if _PORT.fullmatch(wanted) else 443):
                continue
            if name in ("*", host) or (name.startswith("*.") and host.endswith(name[1:])):
                return True
        return False


def is_loopback(url: str) -> bool:
    """Whether an address names this machine: `localhost`, a name below it, or a loopback IP number."""
    try:
        _, host, _, _, _ = _split(url)
    except AddressRefused:
        return False
    literal = _literal(host)
    if literal is not None:
        return literal.is_loopback
    return host == "localhost" or host.endswith(".localhost")


def join(base: Vetted, location: str) -> str:
    """The address a redirect leads to, its bytes left as they were sent. Raises AddressRefused."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", location):
        return location
    if location.startswith("//"):
        return f"{base.scheme}:{location}"
    if location.startswith("/"):
        return base.origin + location
    if location.startswith("?"):
        return base.origin + base.target.partition("?")[0] + location
    if not location:
        raise AddressRefused("the storage redirects to nowhere")
    return base.origin + base.target.partition("?")[0].rpartition("/")[0] + "/" + location


async def resolve(host: str, port: int) -> Sequence[str]:
    """The IP addresses of a name, looked up beside the loop. Raises Unreachable."""
    from reportdash.net.offloop import look_up

    shown = clean(host, 80)
    try:
        # No `wait_for`: in Python 3.11 it forgets a cancel that comes in the turn of the answer.
        async with asyncio.timeout(LOOKUP_SECONDS):
            rows = await look_up(host, port)
    except TimeoutError:
        raise Unreachable(f"no answer of the name server about {shown}", sent=False) from None
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"no address for {shown}: {clean(error, 120)}", sent=False) from None
    return [str(row[4][0]) for row in rows]


def _split(url: str) -> tuple[str, str, int, str, str]:
    """scheme, host, port, Host header, target. Raises AddressRefused for what is not plainly an address."""
    if len(url) > MAX_URL:
        raise AddressRefused("the link is longer than any real one")
    if any(ord(c) < 0x21 or ord(c) == 0x7F or c == "\\" for c in url):
        raise AddressRefused("the link has a blank, a control character or a backslash in it")
    match = _PARTS.fullmatch(url.partition("#")[0])
    if match is None:
        raise AddressRefused("the link is not an address")
    scheme, authority = match["scheme"].lower(), match["authority"]
    if scheme not in _DEFAULT_PORT:
        raise AddressRefused(f"the link is not https but {clean(scheme, 20)}")
    if "@" in authority:
        raise AddressRefused("the link carries a user name")
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise AddressRefused("the link has no readable host")
        colon, digits = rest[:1], rest[1:]
        host = f"[{host.lower()}]"
    else:
        host, colon, digits = authority.partition(":")
        host = host.lower()
    if digits and not _PORT.fullmatch(digits):
        raise AddressRefused("the link has no readable port")
    port = int(digits) if colon and digits else _DEFAULT_PORT[scheme]
    if not 0 < port < 65_536:
        raise AddressRefused("the link has no readable port")
    bare = host[:-1] if host.endswith(".") else host
    if _literal(bare) is None and not (
        len(bare) <= 253 and all(_LABEL.fullmatch(label) for label in bare.split("."))
    ):
        raise AddressRefused("the link has no readable host")
    target = match["target"]
    if not target.startswith("/"):
        target = "/" + target
    # Only what cannot stand in a request line is encoded; a signature covers every other byte as it is.
    target = "".join(c if c.isascii() else quote(c) for c in target)
    shown = host if port == _DEFAULT_PORT[scheme] else f"{host}:{port}"
    return scheme, bare, port, shown, target


def _literal(host: str) -> Address | None:
    """The IP number a host is written as, in any of the spellings a C library takes; None for a name."""
    if host.startswith("["):
        try:
            return ipaddress.IPv6Address(host[1:-1].partition("%")[0])
        except ValueError:
            raise AddressRefused("the link has no readable host") from None
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return ipaddress.IPv4Address(host)
    except ValueError:
        # 127.1, 0x7f000001, 2130706433, 0177.0.0.1: numbers all the same, and never passed on.
        raise AddressRefused("the link names a bare IP address instead of a host") from None


def _address(text: str) -> Address:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise AddressRefused("the name server answered with something that is no address") from None


def _reachable(address: Address, private: bool) -> bool:
    """Whether an address may be connected to; `private` lets private and loopback ones pass too."""
    for inner in (address, *_embedded(address)):
        if inner.is_multicast or inner.is_unspecified or inner.is_link_local or inner in _METADATA:
            return False
        if not private and any(inner in network for network in _LOCAL):
            return False
        if isinstance(inner, ipaddress.IPv6Address) and inner.is_site_local and not private:
            return False
        mapped = isinstance(inner, ipaddress.IPv6Address) and inner.ipv4_mapped is not None
        if mapped or inner.is_global:
            continue  # a mapped address is as good as the one inside, which has its own turn
        if not (private and (inner.is_private or inner.is_loopback)):
            return False
    return True


def _embedded(address: Address) -> tuple[Address, ...]:
    """IPv4 addresses that an IPv6 address leads to: mapped, 6to4, Teredo, and those that end in one."""
    if not isinstance(address, ipaddress.IPv6Address):
        return ()
    found: list[Address] = [a for a in (address.ipv4_mapped, address.sixtofour) if a is not None]
    found += list(address.teredo or ())
    if int(address) > 1 and any(address in network for network in _ENDS_IN_IPV4):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return tuple(found)
