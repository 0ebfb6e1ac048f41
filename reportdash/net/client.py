"""One account's door to its vendor: signs in, paces, sends, and keeps redacted exchanges of its jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Protocol

from reportdash import __version__, log
from reportdash.clock import Clock
from reportdash.errors import (
    AuthFailed,
    BadPayload,
    CallFailed,
    NoCredential,
    Problem,
    Throttled,
    Unreachable,
)
from reportdash.model import Credential, Exchange
from reportdash.net import trace as tracing
from reportdash.net.dates import Offset, offset
from reportdash.net.http import Reply, Request, Session
from reportdash.net.pacing import Hold, Pacer
from reportdash.net.sessions import Sessions, Token
from reportdash.net.wire import Wire, with_query
from reportdash.net.words import words
from reportdash.plain import clean

log.quiet()  # from here on there are tasks and connections whose troubles libraries would print


_FOR: ContextVar[str | None] = ContextVar("signing_in_for", default=None)
"""The job whose request needs a session."""


class Sender(Protocol):
    """What sends a request and gives its answer."""

    async def send(self, request: Request) -> Reply: ...


class Signer(Protocol):
    """What the client needs of a vendor."""

    async def sign_in(self, credential: Credential, old: Session | None, bare: Sender) -> Session: ...

    def sign(self, request: Request, session: Session) -> Request: ...

    def refused(self, reply: Reply) -> bool: ...


class Client:
    """The `Api` a vendor is given.

    `base_url` may carry a path; `extra_origins` are further addresses the account's calls may go to.
    `credential` is asked at each sign-in. `trace` gets the job's id and the redacted exchange.
    """

    def __init__(
        self,
        *,
        account: str,
        base_url: str,
        extra_origins: Sequence[str] = (),
        ca_file: str | None = None,
        allow_insecure: bool = False,
        credential: Callable[[], Awaitable[Credential | None]],
        trace: Callable[[str, Exchange], None],
        clock: Clock,
        pacer: Pacer | None = None,
        user_agent: str = f"reportdash/{__version__}",
    ) -> None:
        self.account = account
        self.pacer = pacer if pacer is not None else Pacer(clock)
        self.requests = 0
        self.last_error: str | None = None
        self.clock_offset: Offset | None = None
        """Our clock against the vendor's, by the last answer that had a Date."""
        self._known = tracing.Known()
        self._wire = Wire(base_url, extra_origins, ca_file, allow_insecure, user_agent, self.hide, clock)
        self._credential = credential
        self._trace = trace
        self._clock = clock
        self._signer: Signer | None = None
        self._sessions = Sessions(self._sign_in, clock)
        self._bare = _Bare(self)
        self._sent = _Minute(clock)
        self._signing_in: list[Exchange] = []

    def __repr__(self) -> str:
        return f"Client({self.account})"

    def bind(self, signer: Signer) -> None:
        """The vendor that signs this account's requests."""
        self._signer = signer

    async def send(self, request: Request) -> Reply:
        """Send one request, signed unless it is public; see `vendors.contract.Api`.

        Raises NoCredential, AuthFailed, Throttled (429, 503), Unreachable, and BadPayload for an answer that
        is no HTTP, larger than `request.cap` or encoded unasked. Other statuses are handed back.
        """
        if request.public:
            return await self._exchange(request, request)
        signer = self._signer
        if signer is None:
            raise RuntimeError("bind() comes before send()")
        session = await self._session(request.job)
        reply = await self._exchange(signer.sign(request, session), request)
        if not signer.refused(reply):
            return reply
        self._sessions.drop(session)
        session = await self._session(request.job)
        reply = await self._exchange(signer.sign(request, session), request)
        if not signer.refused(reply) or (request.refusal_is_answer and reply.status == 403):
            return reply
        refusal = AuthFailed(self._words(reply), status=reply.status)
        self._sessions.refuse(session, refusal)
        self.last_error = refusal.text
        raise refusal

    async def sign_in(self) -> None:
        """Sign in now, with the credential as it is now. Raises what a sign-in ends with."""
        self.reset()
        await self._sessions.get()

    async def have_session(self, job: str | None = None) -> None:
        """Sign in, for this job, if there is no live session. Raises what that ends with, `sent` False."""
        await self._session(job)

    def drop_session(self) -> None:
        """Forget the session and a standing refusal; the next call signs in."""
        self._sessions.reset()

    def reset(self) -> None:
        """The credential changed: the same as `drop_session`."""
        self._sessions.reset()

    async def aclose(self) -> None:
        """Close connections and forget the session."""
        await self._sessions.aclose()
        await self._wire.aclose()

    def requests_last_minute(self) -> int:
        """Requests sent within the last 60 seconds."""
        return self._sent.count()

    @property
    def token(self) -> Token | None:
        """What is known of the session's token, without the token itself; None before a sign-in."""
        found = self._sessions.token
        if found is None or found.scope is None:
            return found
        return replace(found, scope=self.hide(found.scope))

    @property
    def until(self) -> float | None:
        """Wall time until which the vendor asked to be left alone; None when it did not."""
        return self.pacer.until

    @property
    def hold(self) -> Hold | None:
        """The pause the vendor imposes at the moment, and why; None when it may be asked."""
        return self.pacer.hold

    def hide(self, text: str) -> str:
        """`text` without this account's secrets, tokens or signed addresses."""
        return tracing.redact_body(text, self._known)

    # Signing in.

    async def _session(self, job: str | None) -> Session:
        """A live session. However the sign-in fails, the request it was for has not left (or was refused)."""
        asking = _FOR.set(job)
        try:
            return await self._sessions.get()
        except CallFailed as error:
            error.sent = False
            raise
        finally:
            _FOR.reset(asking)

    async def _sign_in(self, old: Session | None) -> Session:
        signer = self._signer
        assert signer is not None
        failure: CallFailed
        self._signing_in = []
        try:
            try:
                credential = await self._credential()
            except Problem as problem:
                raise NoCredential(problem.text) from None
            if credential is None:
                raise NoCredential(
                    f"no credential for {self.account}: `reportdash login {self.account}` stores one"
                )
            self._known.credential(credential.fields.values())
            session = await self._refresh(signer, credential, old) if old is not None else None
            if session is None:
                session = await self._ask(signer, credential, None)
            self._known.token(session.token, session.refresh)
            return session
        except AuthFailed as error:
            failure = AuthFailed(self._clean(error.text), status=error.status, code=error.code)
        except CallFailed as error:
            failure = error
        self.last_error = failure.text
        # One that went well is nobody's business; of one that did not, its job shows what was said.
        job = _FOR.get()
        if job is not None:
            for exchange in self._signing_in:
                # What could not be read for a token may hold one all the same.
                good = exchange.status is not None and exchange.status < 300
                self._trace(job, exchange._replace(response="") if good else exchange)
        raise failure

    async def _refresh(self, signer: Signer, credential: Credential, old: Session) -> Session | None:
        """The refreshed session; None when it takes a full sign-in."""
        try:
            return await self._ask(signer, credential, old)
        except (NoCredential, Throttled, Unreachable):
            raise
        except CallFailed:
            return None

    async def _ask(self, signer: Signer, credential: Credential, old: Session | None) -> Session:
        try:
            return await signer.sign_in(credential, old, self._bare)
        except CallFailed:
            raise
        except Exception as error:  # a vendor's own mistake, or an answer it did not foresee
            kind = type(error).__name__
        # Outside the handler: what was caught may quote the answer, tokens included.
        raise BadPayload(f"the answer to the sign-in is not as documented ({kind})")

    # One call.

    async def _exchange(self, signed: Request, asked: Request, *, bare: bool = False) -> Reply:
        base, where = self._wire.address(signed.path)
        url = with_query(base, signed)
        # What a vendor sees as the asked address carries no token, should one stand in the query.
        told = url if signed is asked else with_query(self._wire.address(asked.path)[0], asked)
        await self.pacer.turn()
        clock = self._clock
        at, start = clock.now(), clock.monotonic()
        reply: Reply | None = None
        failure: CallFailed | None = None
        self.requests += 1
        self._sent.add()
        try:
            reply = await self._wire.call(signed, url, where, told)
        except CallFailed as error:
            failure = error
        finally:
            self.pacer.over()
        if reply is not None:
            wait = self.pacer.answered(reply.status, reply.headers)
            seen = offset(reply.headers, at, clock.monotonic() - start)
            self.clock_offset = seen if seen is not None else self.clock_offset
            if reply.status in (429, 503):
                failure = Throttled(self._words(reply), status=reply.status, retry_after=wait)
        if asked.job is not None or bare or log.on():
            exchange = tracing.exchange(
                signed,
                url=url,
                at=at,
                ms=round((clock.monotonic() - start) * 1000),
                reply=reply,
                error=failure.text if failure is not None else None,
                known=self._known,
            )
            self._keep(asked.job, exchange)
            if bare:
                self._signing_in.append(exchange)
        if failure is not None:
            self.last_error = failure.text
            raise failure
        assert reply is not None
        return reply

    def _keep(self, job: str | None, exchange: Exchange) -> None:
        if job is not None:
            self._trace(job, exchange)
        log.event(
            "call",
            account=self.account,
            job=job,
            method=exchange.method,
            url=exchange.url,
            status=exchange.status,
            ms=exchange.ms,
            size=exchange.size,
            error=exchange.error,
        )

    def _words(self, reply: Reply) -> str:
        return self._clean(words(reply))

    def _clean(self, text: str) -> str:
        return clean(self.hide(text), 200)


class _Bare:
    """The unsigned way to send, for signing in."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send(self, request: Request) -> Reply:
        return await self._client._exchange(request, request, bare=True)


class _Minute:
    """How many within the last 60 seconds: one counter a second, no list that grows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts = [0] * 60
        self._second = int(clock.boottime())

    def add(self) -> None:
        self._move()
        self._counts[self._second % 60] += 1

    def count(self) -> int:
        self._move()
        return sum(self._counts)

    def _move(self) -> None:
        second = int(self._clock.boottime())
        for passed in range(max(self._second, second - 60) + 1, second + 1):
            self._counts[passed % 60] = 0
        self._second = max(second, self._second)
