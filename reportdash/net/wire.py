"""The bytes of one call: where it may go, how it is written, how its answer is read within limits.

Drives httpx's transport over aiohttp directly: no redirects, no cookies, no decoding, no address in a log.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import httpx
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from httpx_aiohttp import AiohttpTransport

from reportdash.clock import Clock, SystemClock
from reportdash.errors import BadPayload, CallFailed, Unreachable
from reportdash.net import tls
from reportdash.net.failures import Dropped, explain
from reportdash.net.guard import AddressRefused
from reportdash.net.http import BEGINNING, MAX_REPLY, Reply, Request
from reportdash.net.offloop import Resolver
from reportdash.net.proxy import proxy_for

CONNECT = 10.0
"""Seconds for name lookup, connection and TLS; always less than the call's whole deadline."""
IDLE = 30.0
"""Seconds without a byte after which an answer that has begun is given up."""
KEEP = 15.0
"""Seconds an idle connection is kept for the next call."""
_MAX_HEADER = 32 * 1024  # a Location with a signed address is longer than aiohttp's 8 KiB now and then
_DOTS = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_UNFIT = re.compile(r"[\x00-\x20\x7f-\uffff#\\]|[\U00010000-\U0010ffff]")


class Wire:
    """Connections of one account. Made on first use; everything that blocks happens off the loop."""

    def __init__(
        self,
        base_url: str,
        extra_origins: Sequence[str],
        ca_file: str | None,
        allow_insecure: bool,
        agent: str,
        hide: Callable[[str], str] = str,
        clock: Clock | None = None,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._home = origin(self._base)
        self._origins = {self._home, *map(origin, extra_origins)}
        self._ca_file = ca_file
        self._allow_insecure = allow_insecure
        self._defaults = {"user-agent": agent, "accept": "application/json, */*;q=0.1"}
        self._hide = hide
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._asleep = self._sleep_so_far()
        self._session: aiohttp.ClientSession | None = None
        self._retired: aiohttp.ClientSession | None = None
        self._routes: dict[str, AiohttpTransport] = {}
        self._to_proxy: dict[str, Mapping[str, str]] = {}
        self._opening = asyncio.Lock()
        self._closed = False

    def address(self, path: str) -> tuple[str, str]:
        """The address of `path` and its origin. Raises AddressRefused for what is not this account's own."""
        if path[:8].lower().startswith(("http://", "https://")):
            url, where = path, origin(path)
            if where not in self._origins or "@" in urlsplit(url).netloc:
                raise AddressRefused("the vendor points to an address outside this account; it was not asked")
        else:
            url = self._base + (path if path.startswith("/") else f"/{path}")
            where = self._home
        if _UNFIT.search(url) or _DOTS.search(url.partition("?")[0].partition("://")[2]):
            raise AddressRefused("a path with unescaped characters or dots was not asked")
        if where.startswith("http:") and not self._allow_insecure and not is_loopback(where):
            raise AddressRefused(
                f"{where} is not encrypted; use https, or set allow_insecure = true if you accept that"
            )
        return url, where

    async def call(self, request: Request, url: str, where: str, told: str) -> Reply:
        """Send `request` to `url` (its query included) and read the answer: whole, or where it is streamed
        its beginning. `told` is its `url`.

        Raises Unreachable, and BadPayload for an answer that is too large, encoded unasked or no HTTP.
        """
        failure: CallFailed | None = None
        name = where.partition("://")[2]
        connect = min(CONNECT, request.timeout * 0.8)
        now = asyncio.get_running_loop().time
        end = now() + request.timeout
        try:
            if self._sleep_so_far() - self._asleep > KEEP:
                await self._start_over()
            transport = self._routes.get(where) or await self._open(where)
            outgoing = self._outgoing(request, url, connect, self._to_proxy.get(where))
            end = now() + request.timeout
            async with asyncio.timeout_at(end) as deadline:
                answer = await transport.handle_async_request(outgoing)
                incoming = _Incoming(answer, request, where)
                try:
                    body = await incoming.read(deadline)
                except BaseException:
                    await incoming.aclose()
                    raise
                rest = None if incoming.over else incoming
                if rest is None:
                    await incoming.aclose()
                return Reply(answer.status_code, incoming.headers, body, told, self._hide, rest)
        except TimeoutError:
            if now() < end:
                failure = Unreachable(f"{name} fell silent for {IDLE:g} s within its answer")
            else:
                failure = Unreachable(f"no complete answer from {name} within {request.timeout:g} s")
        except CallFailed as error:
            failure = error
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError) as error:
            failure = explain(error, where, connect)
        except (UnicodeError, ValueError) as error:
            # A header or address that cannot be written; the exception holds it, so only its kind is told.
            failure = Unreachable(f"the request cannot be written ({type(error).__name__})", sent=False)
        # Raised outside the handlers: what the library raised holds the request, tokens included.
        raise failure

    async def aclose(self) -> None:
        """Close all connections; later calls fail."""
        self._closed = True
        async with self._opening:
            sessions = (self._session, self._retired)
            self._session = self._retired = None
            self._routes = {}
        for session in sessions:
            if session is not None:
                await session.close()

    def _sleep_so_far(self) -> float:
        """Seconds the machine has slept since it was started."""
        return self._clock.boottime() - self._clock.monotonic()

    async def _start_over(self) -> None:
        """After a sleep use no connection of before: the other side has long forgotten it without our hearing
        of it, and what acts would be lost on it, unsure whether it arrived. Calls under way go on.
        """
        async with self._opening:
            asleep = self._sleep_so_far()
            if asleep - self._asleep <= KEEP:
                return  # another call was first
            self._asleep = asleep
            ended, self._retired, self._session = self._retired, self._session, None
            self._routes = {}
        if ended is not None:
            await ended.close()

    def _outgoing(
        self, request: Request, url: str, connect: float, to_proxy: Mapping[str, str] | None
    ) -> httpx.Request:
        headers = dict(self._defaults)
        content: bytes | None = None
        if request.json is not None:
            content = json.dumps(request.json, ensure_ascii=False, separators=(",", ":")).encode()
            headers["content-type"] = "application/json"
        elif request.form is not None:
            content = urlencode(request.form).encode()
            headers["content-type"] = "application/x-www-form-urlencoded"
        for header, value in request.headers.items():
            headers[header.lower()] = value
        headers["accept-encoding"] = "identity"
        if to_proxy:
            headers.update(to_proxy)
        return httpx.Request(
            request.method, url, headers=headers, content=content, extensions={"timeout": {"pool": connect}}
        )

    async def _open(self, where: str) -> AiohttpTransport:
        async with self._opening:
            if self._closed:
                raise Unreachable("this account's connections are closed", sent=False)
            if where in self._routes:
                return self._routes[where]
            if self._session is None:
                context: Any = None
                if any(o.startswith("https:") for o in self._origins):
                    context = await tls.load(self._ca_file)
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(
                        limit=0,  # callers are bounded above; waiting here would look like a slow vendor
                        ssl=context if context is not None else True,
                        resolver=Resolver(),
                        keepalive_timeout=KEEP,
                        ttl_dns_cache=60,
                    ),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    trust_env=False,
                    max_line_size=_MAX_HEADER,
                    max_field_size=_MAX_HEADER,
                    middlewares=(_once,),
                )
            self._routes[where] = self._route(where, self._session)
            return self._routes[where]

    def _route(self, where: str, session: aiohttp.ClientSession) -> AiohttpTransport:
        parts = urlsplit(where)
        proxy = None
        if not is_loopback(where):
            named = proxy_for(parts.scheme, parts.hostname or "", os.environ)
            if named is not None:
                proxy = httpx.Proxy(named.url, headers=dict(named.headers))
                if parts.scheme == "http":
                    # Without a tunnel the request itself reaches the proxy, and aiohttp adds nothing to it.
                    self._to_proxy[where] = named.headers
        # The session brings its own context; this one only keeps the transport from making another.
        return AiohttpTransport(verify=_unused_context(), client=session, proxy=proxy)


async def _once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from sending a request twice by itself: only what merely asks may be repeated."""
    try:
        return await handler(request)
    except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method in ("GET", "HEAD"):
            raise
        raise Dropped(type(error).__name__) from None


class _Incoming:
    """An answer that comes in: read whole, or its beginning at once and the rest chunk by chunk."""

    def __init__(self, answer: httpx.Response, request: Request, where: str) -> None:
        self.headers: dict[str, str] = {}
        for raw_key, raw_value in answer.headers.raw:
            key, value = raw_key.decode("latin-1").lower(), raw_value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {value}" if key in self.headers else value
        self.over = False
        self._answer = answer
        self._streams = request.stream and answer.is_success
        self._cap = request.cap if self._streams or not request.stream else min(request.cap, MAX_REPLY)
        self._where = where
        self._name = where.partition("://")[2]
        self._size = 0
        stream = answer.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        self._body = stream.__aiter__()

    async def read(self, deadline: asyncio.Timeout) -> bytes:
        """The whole body, or its beginning. `deadline` limits its silence, and moves with each byte."""
        status = self._answer.status_code
        encoding = self.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            raise BadPayload(f"{self._name} encoded its answer, which was not asked for", status=status)
        announced = self.headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > self._cap:
            raise self._too_large()
        end = deadline.when()
        now = asyncio.get_running_loop().time
        chunks: list[bytes] = []
        while not self._streams or self._size < BEGINNING:
            if end is not None:
                deadline.reschedule(min(end, now() + IDLE))
            try:
                chunks.append(await self._chunk())
            except StopAsyncIteration:
                self.over = True
                break
        return b"".join(chunks)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        failure: CallFailed
        try:
            async with asyncio.timeout(IDLE):
                return await self._chunk()
        except TimeoutError:
            failure = Unreachable(f"{self._name} fell silent for {IDLE:g} s within its answer")
        except CallFailed as error:
            failure = error
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            failure = explain(error, self._where, CONNECT)
        # Raised outside the handlers: what the library raised holds the request, tokens included.
        raise failure

    async def aclose(self) -> None:
        """Give the connection back, or close it where something was still to come."""
        close = getattr(self._body, "aclose", None)
        if close is not None:
            await close()
        await self._answer.aclose()

    async def _chunk(self) -> bytes:
        chunk = await anext(self._body)
        self._size += len(chunk)
        if self._size > self._cap:
            raise self._too_large()
        return chunk

    def _too_large(self) -> BadPayload:
        text = f"the answer of {self._name} is larger than {self._cap} bytes"
        return BadPayload(text, status=self._answer.status_code)


def with_query(url: str, request: Request) -> str:
    """`url` with the request's query, each name and value percent-encoded."""
    if not request.query:
        return url
    text = urlencode(request.query, quote_via=quote, safe="")
    return f"{url}{'&' if '?' in url else '?'}{text}"


def origin(url: str) -> str:
    """scheme://host:port, lower case, default port written out; empty when the address has none."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ""
    if ":" in host:
        host = f"[{host}]"
    return f"{parts.scheme}://{host}:{port or (443 if parts.scheme == 'https' else 80)}"


@lru_cache(maxsize=256)
def is_loopback(url: str) -> bool:
    """Whether the address is this very machine: localhost, or a loopback number."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _unused_context() -> Any:
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
