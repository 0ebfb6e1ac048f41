"""A fake vendor: a real HTTP server on loopback that answers what a test scripts and keeps its requests."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qsl

from aiohttp import web

HOST = "127.0.0.1"


@dataclass(slots=True, frozen=True)
class Answer:
    """What goes back. `body`: bytes and text as they are, anything else as JSON.

    `cut`: the connection closes after so many bytes of the body, with its full length announced.
    """

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None

    @property
    def raw(self) -> bytes:
        """The body's bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    @property
    def kind(self) -> str:
        """The Content-Type, unless `headers` has one."""
        return (
            "application/octet-stream"
            if isinstance(self.body, bytes)
            else ("text/plain; charset=utf-8" if isinstance(self.body, str) else "application/json")
        )


@dataclass(slots=True, frozen=True)
class Trouble:
    """Something that goes wrong on the way: RESET, LOST, HALF or STUCK."""

    name: str


RESET = Trouble("reset")
"""The connection is reset before the vendor does anything."""
LOST = Trouble("lost")
"""The vendor does what was asked; its answer is lost, the connection reset."""
HALF = Trouble("half")
"""The vendor does what was asked; the first half of its body comes back as if it were whole."""
STUCK = Trouble("stuck")
"""Every one of these calls is answered as the first of them was."""


@dataclass(frozen=True)
class Received:
    """One request as it came in. `raw` is the target byte for byte (path and query), `origin` where it came
    to; header names are lower case.
    """

    method: str
    raw: str
    origin: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query, percent-encodings untouched."""
        return self.raw.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's fields, decoded; of a repeated one the last."""
        return dict(parse_qsl(self.raw.partition("?")[2], keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        """The body read as an urlencoded form; empty when it is none."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Any:
        """The body read as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.method} {self.raw}"


Maker: TypeAlias = Callable[[Received], "Answer | Trouble"]
Fault: TypeAlias = Answer | Trouble
Scripted: TypeAlias = Answer | Trouble | Maker


class _Script:
    """Answers for a call, in order. `times`: how often before it is used up; None: the last one stays."""

    def __init__(self, call: str, answers: tuple[Scripted, ...], times: int | None) -> None:
        if not answers:
            raise ValueError(f"{call}: a script needs at least one answer")
        self.method, _, self.pattern = call.partition(" ")
        if not self.pattern.startswith(("/", "*")):
            raise ValueError(f"a call is METHOD /path, as in 'GET /v1/jobs/*', not {call!r}")
        self.answers = answers
        self.left = times
        self.used = 0

    def takes(self, request: Received) -> bool:
        return (
            self.left != 0
            and self.method in ("*", request.method)
            and any(fnmatchcase(text, self.pattern) for text in (request.path, request.raw))
        )

    def next(self) -> Scripted:
        answer = self.answers[min(self.used, len(self.answers) - 1)]
        self.used += 1
        if self.left is not None:
            self.left -= 1
        return answer


class FakeVendor:
    """Use as `async with FakeVendor() as fake`.

    `origins`: how many addresses it listens at, for a vendor that hands files out at a second one.
    `requests` has everything that came, oldest first; `unexpected` what nothing was scripted for.
    """

    def __init__(self, origins: int = 1) -> None:
        self.requests: list[Received] = []
        self.unexpected: list[Received] = []
        self.urls: list[str] = []
        self._count = origins
        self._scripts: list[_Script] = []
        self._faults: list[_Script] = []
        self._first: dict[_Script, Answer | Trouble] = {}
        self._runners: list[web.ServerRunner] = []

    @property
    def url(self) -> str:
        """The first origin, without a slash at its end: an account's base_url."""
        return self.urls[0]

    # what a test arranges

    def on(self, call: str, *answers: Scripted) -> None:
        """Answer `METHOD /path` (a shell pattern, with or without the query; METHOD may be *) with these in
        order; the last one stays. An answer may be a function of the request. Of two scripts that fit the
        later one counts. What fits none is answered with 404 and kept in `unexpected`.
        """
        self._scripts.insert(0, _Script(call, answers, None))

    def once(self, call: str, fault: Scripted, times: int | None = 1) -> None:
        """Lay `fault` over what is scripted, for the next `times` requests (None: from now on)."""
        self._faults.append(_Script(call, (fault,), times))

    def calls(self, call: str = "* *") -> list[Received]:
        """The requests that fit, oldest first."""
        wanted = _Script(call, (RESET,), None)
        return [request for request in self.requests if wanted.takes(request)]

    # life

    async def __aenter__(self) -> Self:
        try:
            for _ in range(self._count):
                await self._listen()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Close its addresses; later connections are refused."""
        runners, self._runners = self._runners, []
        for runner in runners:
            await runner.cleanup()

    async def _listen(self) -> None:
        place = len(self.urls)

        async def answer(raw: web.BaseRequest) -> web.StreamResponse:
            return await self._serve(raw, self.urls[place])

        runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, HOST, 0).start()
        self.urls.append(f"http://{HOST}:{runner.addresses[0][1]}")

    async def _serve(self, raw: web.BaseRequest, origin: str) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in raw.headers.items()}
        body = await raw.read() if raw.body_exists else b""
        request = Received(raw.method, raw.raw_path, origin, headers, body)
        self.requests.append(request)
        fault = next((script for script in self._faults if script.takes(request)), None)
        answer = self._scripted(request) if fault is None else self._made(fault.next(), request)
        if fault is not None and answer is STUCK:
            answer = self._first.setdefault(fault, self._scripted(request))
        if isinstance(answer, Trouble):
            done = None if answer is RESET else self._scripted(request)
            if answer is not HALF or not isinstance(done, Answer):
                return _reset(raw)
            answer = replace(done, body=done.raw[: len(done.raw) // 2], headers={"Content-Type": done.kind})
        return await _send(raw, answer)

    def _scripted(self, request: Received) -> Answer | Trouble:
        script = next((script for script in self._scripts if script.takes(request)), None)
        if script is None:
            self.unexpected.append(request)
            return Answer(404, f"nothing is scripted for {request.method} {request.path}")
        return self._made(script.next(), request)

    def _made(self, scripted: Scripted, request: Received) -> Answer | Trouble:
        return scripted if isinstance(scripted, (Answer, Trouble)) else scripted(request)


def _reset(raw: web.BaseRequest) -> web.StreamResponse:
    """Drop the connection with RST, so that the client sees a reset and no clean end."""
    if raw.transport is not None:
        connection = raw.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.transport.abort()
    return web.Response(status=500)


async def _send(raw: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    headers = {"Content-Type": answer.kind, **answer.headers}
    if answer.cut is None:
        return web.Response(status=answer.status, body=answer.raw, headers=headers)
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_length = len(answer.raw)
    await response.prepare(raw)
    await response.write(answer.raw[: answer.cut])
    if raw.transport is not None:
        raw.transport.close()
    return response
