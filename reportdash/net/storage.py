"""The bare client for signed addresses: it carries nothing of ours and follows a redirect only after a look.

A new client for each hop, closed after it: no cookie, credential or connection survives. The address goes out
byte for byte, since a signature covers its spelling. No exception and no log line made here holds an address.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from reportdash import __version__
from reportdash.errors import BadPayload, Unreachable
from reportdash.net import tls
from reportdash.net.guard import AddressRefused, Guard, Vetted, join
from reportdash.plain import clean

if TYPE_CHECKING:
    from ssl import SSLContext

    from httpx import Response

MAX_HOPS = 5
CONNECT_SECONDS = 15.0
_LOCATION = "reportdash.location"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

# At DEBUG it prints whole header blocks, signed Location headers included.
logging.getLogger("httpcore").setLevel(logging.INFO)


class Stream:
    """One open answer. Header names are lower case; `raw()` yields the body's bytes as they came."""

    def __init__(self, response: Response, hops: int) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in reversed(response.headers.multi_items())
        }
        self.hops = hops

    async def raw(self) -> AsyncIterator[bytes]:
        """The body, undecoded. Raises Unreachable when it is cut before its announced end."""
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
        except httpx.HTTPError as error:
            raise Unreachable(_reason("the transfer was cut", error)) from None

    async def start(self, limit: int = 4096) -> bytes:
        """The first bytes of the body, for reading an error; the stream is used up after it."""
        found = b""
        async for chunk in self.raw():
            found += chunk
            if len(found) >= limit:
                break
        return found[:limit]


@asynccontextmanager
async def open(
    url: str, *, headers: Mapping[str, str], guard: Guard, ca_file: str | None = None
) -> AsyncIterator[Stream]:
    """GET a signed address, following at most five redirects, each of them looked at by `guard`.

    Raises AddressRefused, Unreachable (`sent` False when no connection was made) and BadPayload for an answer
    with an encoding that was not asked for, or with too many redirects. Every other status is handed out.
    """
    context = await tls.load(ca_file)
    async with AsyncExitStack() as stack:
        for hops in range(MAX_HOPS + 1):
            vetted = await guard.check(url)
            hop = await stack.enter_async_context(AsyncExitStack())
            response = await _get(hop, vetted, headers, context)
            location = response.extensions.get(_LOCATION)
            if response.status_code not in _REDIRECTS or location is None:
                encoding = response.headers.get("content-encoding", "identity").strip().lower()
                if encoding not in ("", "identity"):
                    raise BadPayload(f"the storage sent {clean(encoding, 20)} data that nobody asked for")
                yield Stream(response, hops)
                return
            url = join(vetted, location)
            await hop.aclose()
        raise BadPayload(f"the storage redirects more than {MAX_HOPS} times")


async def _get(
    stack: AsyncExitStack, vetted: Vetted, headers: Mapping[str, str], context: SSLContext
) -> Response:
    """One request, to the first of the looked-at addresses that takes the connection."""
    last: Exception | None = None
    for address in vetted.addresses:
        client = httpx.AsyncClient(
            verify=context,
            trust_env=False,  # a proxy would do the name lookup again, and elsewhere
            follow_redirects=False,
            event_hooks={"response": [_take_location]},
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
        )
        request = httpx.Request(
            "GET",
            # Without path and query: what the library logs is this, what it sends is `target`.
            httpx.URL(scheme=vetted.scheme, host=address, port=vetted.port, path="/"),
            headers={
                "Host": vetted.authority,
                "User-Agent": f"reportdash/{__version__}",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                **headers,
            },
            extensions={
                "sni_hostname": vetted.host.strip("[]"),
                "target": vetted.target.encode("ascii"),
                "timeout": {"connect": CONNECT_SECONDS, "read": None, "write": 30.0, "pool": None},
            },
        )
        await stack.enter_async_context(client)
        try:
            response = await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            last = error
            continue
        except httpx.HTTPError as error:
            raise Unreachable(_reason("the storage did not answer", error)) from None
        stack.push_async_callback(response.aclose)
        return response
    raise Unreachable(_reason(f"no connection to {vetted.host}", last), sent=False)


async def _take_location(response: Response) -> None:
    """Where a redirect leads is for the guard alone to read; the library reads it as well, and quotes it."""
    location = response.headers.pop("location", None)
    if location is not None:
        response.extensions[_LOCATION] = location


def _reason(what: str, error: Exception | None) -> str:
    """What happened and the library's words for it; those never quote the address, which it does not know."""
    words = clean(str(error), 160) if error is not None else ""
    return f"{what}: {words}" if words else what


__all__ = ["AddressRefused", "Stream", "open"]
