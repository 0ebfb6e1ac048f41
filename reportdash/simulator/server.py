"""The simulator as a whole: the vendors and their storage, each a real HTTP server on its own port."""

from __future__ import annotations

import asyncio
import shutil
import socket
import struct
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from reportdash.simulator.accounts import DEFAULT, Account, make_account
from reportdash.simulator.chaos import Chaos
from reportdash.simulator.faults import Fault, Rule, Sleep
from reportdash.simulator.seveng import SevenG
from reportdash.simulator.sigma import Sigma
from reportdash.simulator.storage import Storage
from reportdash.simulator.talkdesk import Talkdesk
from reportdash.simulator.vendor import Vendor
from reportdash.simulator.webadmit import WebAdmit
from reportdash.simulator.wire import Reply, Request
from reportdash.simulator.world import Job, Step, World

HOST = "127.0.0.1"
CHUNK = 64 * 1024


Weather = Callable[[Request], Fault | None]
"""Faults by chance, asked for each request that no rule takes."""


class Simulator:
    """The four vendors on loopback; use as `async with Simulator(...) as sim`.

    `now` gives epoch seconds, `sleep` lets them pass. `ports` None takes free ones; a number P takes P … P+4
    in the order 7g, sigma, webadmit, talkdesk, storage. `published_dir` is where Sigma publishes; without it
    a temporary folder, gone at the end. `accounts` maps account names to vendors. `chaos` lets things go
    wrong by chance. `requests` holds the last `log` requests.
    """

    def __init__(
        self,
        seed: int = 1,
        pace: float = 1.0,
        now: Callable[[], float] = time.time,
        published_dir: str | Path | None = None,
        ports: int | None = None,
        *,
        changes: float | None = None,
        accounts: Mapping[str, str] | None = None,
        chaos: bool = False,
        log: int = 10_000,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.world = World(seed=seed, pace=pace, changes=changes, now=now)
        self.storage = Storage(self.world)
        self.seveng = SevenG(self.world, self.storage)
        self.sigma = Sigma(self.world, self.storage)
        self.webadmit = WebAdmit(self.world, self.storage)
        self.talkdesk = Talkdesk(self.world, self.storage)
        self.vendors: dict[str, Vendor] = {
            vendor.name: vendor for vendor in (self.seveng, self.sigma, self.webadmit, self.talkdesk)
        }
        self.requests: deque[Request] = deque(maxlen=log)
        self.published = Path(published_dir) if published_dir is not None else None
        self.weather: Weather | None = Chaos(seed, self.vendors, sleep) if chaos else None
        self._sleep = sleep
        self._own_folder: Path | None = None
        self._ports = ports
        self._rules: list[Rule] = []
        self._runners: list[web.ServerRunner] = []
        self._urls: dict[str, str] = {}
        for name, vendor in (DEFAULT if accounts is None else accounts).items():
            self.add_account(vendor, name)

    # life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises OSError with one sentence when a port is taken; nothing is left open then."""
        if self.published is None:
            self._own_folder = self.published = Path(tempfile.mkdtemp(prefix="reportdash-sigma-"))
        self.sigma.published = self.published
        sites: list[Vendor | Storage] = [*self.vendors.values(), self.storage]
        try:
            for offset, site in enumerate(sites):
                await self._listen(site, self._ports + offset if self._ports else 0)
        except BaseException:
            await self.stop()
            raise

    async def _listen(self, site: Vendor | Storage, port: int) -> None:
        async def answer(raw: web.BaseRequest) -> web.StreamResponse:
            return await self._answer(site, raw)

        runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        try:
            await web.TCPSite(runner, HOST, port).start()
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot listen on {HOST}:{port} for {site.name}: the port is taken or not allowed",
            ) from None
        site.origin = self._urls[site.name] = f"http://{HOST}:{runner.addresses[0][1]}"

    async def stop(self) -> None:
        runners, self._runners = self._runners, []
        await asyncio.gather(*(runner.cleanup() for runner in runners))
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)
            self._own_folder = self.published = None

    # addresses and accounts

    def url(self, name: str) -> str:
        """Origin of `7g`, `sigma`, `webadmit`, `talkdesk` or `storage`, without a slash at its end."""
        return self._urls[name]

    @property
    def urls(self) -> dict[str, str]:
        return dict(self._urls)

    def add_account(self, vendor: str, name: str, **secrets: str) -> Account:
        """One more account; `secrets` replace the made-up credentials."""
        room = self.vendors[vendor].accounts
        account = room[name] = make_account(name, vendor, len(room), secrets)
        return account

    def accounts(self) -> dict[str, dict[str, Any]]:
        """Account name → `{vendor, settings, secrets}`: settings as in a config, secrets as fields.

        Sigma's second way in stands under `basic`.
        """
        return {
            account.name: {
                "vendor": account.vendor,
                "settings": self._settings(account),
                "secrets": dict(account.secrets),
                **({"basic": dict(account.basic)} if account.basic else {}),
            }
            for vendor in self.vendors.values()
            for account in vendor.accounts.values()
        }

    def _settings(self, account: Account) -> dict[str, Any]:
        settings: dict[str, Any] = {"base_url": self.url(account.vendor)}
        match account.vendor:
            case "sigma":
                settings["published"] = f"{self.published}/{{reportName}}*{{referenceNumber}}*"
            case "webadmit":
                settings["user_identity"] = account.identity
            case "talkdesk":
                settings["identity_url"] = self.url("talkdesk")
        return settings

    # what a test arranges

    def script(
        self, vendor: str, reference: str | None, steps: Iterable[Step], account: str | None = None
    ) -> None:
        """Let a job go by `steps` instead of by time: each status call takes the next, the last one stays.

        `reference` None means the next job submitted (by `account`, if given).
        """
        script = list(steps)
        if not script:
            raise ValueError("a script needs at least one step")
        if reference is None:
            self.vendors[vendor].scripts.append((account, script))
            return
        self.job(vendor, reference).script = deque(script)

    def job(self, vendor: str, reference: str) -> Job:
        """The job with this reference, in the vendor's own form; KeyError if there is none."""
        return self.world.jobs[vendor, reference]

    def add(
        self,
        vendor: str,
        reference: str,
        account: str | None = None,
        *,
        name: str | None = None,
        report: str = "",
        stage: str = "ready",
        **more: Any,
    ) -> Job:
        """Make a job known that was submitted earlier.

        `stage`: one of our state names or the vendor's own word. Also `age_s`, `message`, `code`, `size`,
        `format`, `params`, `children` (Sigma group: `[{name, stage, …}]`), `saved` (nothing is published).
        """
        room = self.vendors[vendor]
        user = account if account is not None else next(iter(room.accounts))
        if user not in room.accounts:
            raise KeyError(f"{vendor} has no account {user}")
        return room.adopt(
            user, reference, name=name or report or reference, report=report, stage=stage, **more
        )

    def inject(
        self,
        vendor: str,
        fault: Fault,
        *,
        method: str | None = None,
        path: str | None = None,
        nth: int = 1,
        times: int | None = 1,
    ) -> None:
        """Answer the `nth` matching request from now on (and `times` - 1 more; None: all) with `fault`.

        `path` is a shell pattern, matched against the path and against path and query.
        """
        self._rules.append(Rule(vendor, fault, method, path, nth, times))

    def calls(self, vendor: str, method: str | None = None, path: str | None = None) -> list[Request]:
        """The logged requests to `vendor` that match, oldest first."""
        rule = Rule(vendor, None, method, path, times=None)
        return [request for request in self.requests if rule.takes(request)]

    # serving

    async def _answer(self, site: Vendor | Storage, raw: web.BaseRequest) -> web.StreamResponse:
        request = Request(
            site.name,
            raw.method,
            raw.raw_path,
            {name.lower(): value for name, value in raw.headers.items()},
            await raw.read() if raw.body_exists else b"",
            self.world.now(),
        )
        self.requests.append(request)

        async def serve() -> Reply | None:
            return await perform(site.handle(request))

        async def perform(result: Any) -> Reply | None:
            """The reply itself, or what a fault makes of the call."""
            if isinstance(result, Reply):
                return result
            reply: Reply | None = await result(request, serve)
            return reply

        fault = self._fault(request)
        reply = await serve() if fault is None else await perform(fault)
        if reply is None:
            request.status = 0
            _reset(raw)
            return web.Response(status=500)
        request.status = reply.status
        return await _send(raw, reply, self._sleep)

    def _fault(self, request: Request) -> Fault | None:
        taken = [rule for rule in self._rules if rule.takes(request)]
        if taken:
            return taken[0].fault  # type: ignore[no-any-return]
        return self.weather(request) if self.weather is not None else None


def _reset(raw: web.BaseRequest) -> None:
    """Drop the connection with RST, so that the client sees a reset and no clean end."""
    if raw.transport is None:
        return
    connection = raw.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.transport.abort()


async def _send(raw: web.BaseRequest, reply: Reply, sleep: Sleep) -> web.StreamResponse:
    if reply.stream is None and reply.cut is None and not reply.pause:
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = reply.length
    await response.prepare(raw)
    if raw.method == "HEAD":
        return response
    end = reply.length if reply.cut is None else min(reply.cut, reply.length)
    chunk = CHUNK if reply.rate is None else max(1, min(CHUNK, int(reply.rate / 10)))
    silent = end // 2 if reply.pause else end
    at = 0
    while at < end:
        if at == silent:
            await sleep(reply.pause)
        stop = min(at + chunk, silent if at < silent else end)
        await response.write(_slice(reply, at, stop))
        if reply.rate is not None:
            await sleep((stop - at) / reply.rate)
        at = stop
    if end < reply.length:
        if raw.transport is not None:
            raw.transport.close()
        return response
    await response.write_eof()
    return response


def _slice(reply: Reply, start: int, stop: int) -> bytes:
    if reply.stream is None:
        return reply.body[start:stop]
    content, first, _ = reply.stream
    return content.read(first + start, first + stop)
