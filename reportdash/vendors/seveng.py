"""7G: the registry platform's report queue. One report is one GUID; its file is the `data` of a JSON answer.

Pages: [S0] status, [S3] delete; A1 submit, A2 retrieve, A3 no list, A4-A6 sign-in, A7 hosts, A8 envelope,
A9 idempotency, A10 the vendor's own SDK.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from reportdash.errors import (
    AuthFailed,
    BadPayload,
    UsageProblem,
    VendorRefused,
)
from reportdash.model import Body, Credential, Job, JobState, Seen, Spec, Submitted
from reportdash.net.http import MAX_REPORT, Reply, Request, Session
from reportdash.vendors import answers
from reportdash.vendors.contract import (
    AccountSettings,
    Action,
    Api,
    Can,
    File,
    No,
    PollPolicy,
    Url,
    Vendor,
    Yes,
    pick,
)
from reportdash.vendors.seveng_answers import (
    GUID,
    canonical,
    jwt_expiry,
    parse_report,
    parse_status,
    parse_submit,
    unwrapped,
)

DAY = 86_400.0  # results are purged after it (A1 A2 A3); a key replays for as long (A9)
TOKEN_LIFE = 20 * 60.0  # of an access token that does not say so itself (A4)
VERSION = {"Version": "2.0"}  # on every call [S0][S3], sign-in and refresh included (A5 A6)
RETRIEVE_TIMEOUT = 180.0  # the page asks for 60 s at least (A2)

DELETE_NOTES = {  # what a delete does to a report at each stage [S3]
    JobState.QUEUED: "7G takes the report out of its queue before it starts, and the slot is free at once.",
    JobState.RUNNING: (
        "7G tries to stop the report; it may finish first, but its results are purged all the same."
    ),
    JobState.READY: (
        "The report is gone for good: 7G removes its results, and its reference stops working at once."
    ),
    JobState.FAILED: "7G clears the failed request and whatever partial results it left.",
}


def _prefix(value: str) -> str:
    if not value.isprintable() or len(value) > 40:
        raise ValueError('auth_prefix is one word, as in "Bearer"')
    return f"{value.strip()} " if value.strip() else ""


class SevenGAccount(AccountSettings):
    """A 7G user. `max_inflight` is the number of reports 7G lets one user run at once (10 by [S3] and A1).

    The address is production's (A7). `auth_prefix` stands before the token: nothing (A10), or `Bearer` as one
    table has it (A6). `idempotent`: the instance is enrolled and replays answers by their key (A9).
    """

    SECRETS: ClassVar = (("username", "password"),)

    vendor: Literal["7g"] = "7g"
    base_url: Url = "https://api.7g.com.au"
    auth_prefix: Annotated[
        str, AfterValidator(_prefix), Field(description="word before the token: none, or Bearer")
    ] = ""
    idempotent: Annotated[bool, Field(description="this instance replays answers by their key")] = False


class SevenG(Vendor):
    """7G bound to one account.

    Looks come 5 to 30 s apart [S0]; a result lives 24 h (A1 A2 A3); ten reports at once [S3].
    """

    name = "7g"
    title = "7G"
    Account = SevenGAccount
    policy = PollPolicy(poll_min=5.0, poll_max=30.0, ttl=DAY, slots=10, max_inflight=10)
    report_word = "report name"
    reference_word = "GUID"
    params_hint = "the report's own parameters, all text: ProductID=A01 FromDate=2026-11-01 ToDate=2026-11-30"
    key_needs = "It takes a 7G user who may run the reports; each user has its own slots."
    replay_window = DAY

    account: SevenGAccount

    def __init__(self, account: AccountSettings, api: Api) -> None:
        super().__init__(account, api)
        self.replays_seen = False
        self._prefix = self.account.auth_prefix
        self._prefix_known = bool(self.account.auth_prefix)
        self._bare_refused = False

    @property
    def replays_safely(self) -> bool:
        """Only on an instance known to honour the key: by config, or because it said so (A9)."""
        return self.account.idempotent or self.replays_seen

    def can(self, action: Action, job: Job | None = None) -> Can:
        """All but a list: the vendor tells clients to keep track themselves (A3). Delete as [S3] has it."""
        if action is Action.LIST:
            return No("7G lists no reports; track each one by its GUID")
        if action is Action.DELETE:
            general = "7G removes the request and whatever results it has; this cannot be undone."
            return Yes(DELETE_NOTES.get(job.state, general) if job else general)
        return Yes()

    @classmethod
    def reference(cls, text: str) -> str:
        """The GUID that a submit gave (A1), in lower case with its hyphens as in the samples [S0]."""
        found = GUID.fullmatch(text.strip())
        if found is None:
            raise UsageProblem(
                "a 7G reference is a GUID, as in a1b2c3d4-e5f6-7890-abcd-ef1234567890, "
                f"not {answers.text(text, 60) or 'an empty text'!r}"
            )
        return canonical(found[1])

    def check(self, spec: Spec) -> Spec:
        """A report has a name and parameters of its own, dates among them; its file is JSON (A1 A2)."""
        if not spec.report.strip():
            raise UsageProblem("name the 7G report, as in TransactionSummary")
        if spec.format is not None:
            raise UsageProblem("7G hands its reports out as JSON only; leave --format away")
        if spec.time_from is not None or spec.time_to is not None:
            raise UsageProblem(
                "7G takes dates as the report's parameters: -p FromDate=YYYY-MM-DD -p ToDate=YYYY-MM-DD "
                "instead of --from and --to"
            )
        return replace(spec, report=spec.report.strip())

    # signing in

    async def sign_in(self, credential: Credential, old: Session | None, bare: Api) -> Session:
        """A pair for user name and password, sent without Authorization (A5), or for the pair before (A6).

        A lost or refused pair costs one login.
        """
        if old is not None and old.refresh is not None:
            renewed = await self._renew(old, bare)
            if renewed is not None:
                return renewed
        fields = {key: credential.fields.get(key, "") for key in ("username", "password")}
        reply = await bare.send(
            Request(
                "POST",
                "/User/Login",
                json=fields,
                headers=VERSION,
                public=True,
                secret=("username", "password"),
            )
        )
        session = self._opened(reply)
        if self._bare_refused and not self._prefix_known:
            await self._try_bearer(session, bare)
        return session

    async def _try_bearer(self, session: Session, bare: Api) -> None:
        """Where the bare token (A10) never worked: ask once with the word "Bearer" before it, as in A6.

        The question is the status of a report that nobody has.
        """
        headers = {**VERSION, "Authorization": f"Bearer {session.token}"}
        nobody = {"reference": "00000000-0000-0000-0000-000000000000"}
        reply = await bare.send(Request("GET", "/Report/Status", query=nobody, headers=headers, public=True))
        if _let_in(reply):
            self._prefix, self._prefix_known = "Bearer ", True

    async def _renew(self, old: Session, bare: Api) -> Session | None:
        """A new pair for the old one, both tokens new (A6); None when 7G does not take the old one any more.

        The refresh token stands in the body, the access token it belongs to in Authorization.
        """
        request = Request(
            "POST",
            "/User/RefreshToken",
            json={"refreshToken": old.refresh},
            headers={**VERSION, "Authorization": self._prefix + old.token},
            public=True,
            secret=("refreshToken",),
        )
        try:
            return self._opened(await bare.send(request))
        except (AuthFailed, BadPayload):
            return None

    def _opened(self, reply: Reply) -> Session:
        """The pair of a sign-in's answer, which has no envelope around it (A5); with one it is read too.

        The access token is a JSON web token and says itself when it ends (A10), else after 20 minutes (A4).
        """
        if reply.status in (400, 401, 403, 422):
            raise AuthFailed(answers.words(reply), status=reply.status)
        if not answers.good(reply):
            raise BadPayload(reply.unreadable(), status=reply.status)
        answer = reply.object()
        inner = pick(answer, "data")
        pair = answer if pick(answer, "accessToken") else inner if isinstance(inner, dict) else {}
        access = answers.token(pick(pair, "accessToken"))
        if access is None:
            if answers.truth(pick(answer, "result")) is False:
                raise AuthFailed(answers.words(reply), status=reply.status)
            raise BadPayload("the sign-in answer carries no access token", status=reply.status)
        expires = jwt_expiry(access)
        return Session(
            access,
            refresh=answers.token(pick(pair, "refreshToken")),
            expires_at=expires,
            lifetime=TOKEN_LIFE if expires is None else None,
        )

    def sign(self, request: Request, session: Session) -> Request:
        """Authorization with the token, bare unless another form is known as wanted; Version [S0][S3]."""
        return replace(
            request,
            headers={**request.headers, **VERSION, "Authorization": self._prefix + session.token},
        )

    def refused(self, reply: Reply) -> bool:
        """401 and 403, whose bodies no page shows. Until 7G has let a call in, a 401 may mean the prefix."""
        if reply.status == 401:
            self._bare_refused = True
        elif _let_in(reply):
            self._prefix_known = True
        return super().refused(reply)

    async def _send(self, request: Request) -> Reply:
        """Send, and notice an instance that replays by key: it says so in a header (A9)."""
        reply = await self.api.send(request)
        if answers.truth(reply.headers.get("idempotent-replayed", "")):
            self.replays_seen = True
        return reply

    # the calls

    async def status(self, job: Job) -> Seen:
        """GET /Report/Status?reference=GUID [S0]."""
        return parse_status(await self._send(_about("GET", "/Report/Status", job)))

    async def submit(self, spec: Spec, key: str) -> Submitted:
        """POST /Report with the report's name and its parameters, each value text (A1); the key as in A9."""
        spec = self.check(spec)
        body: dict[str, Any] = {"reportName": spec.report}
        if spec.params:
            body["parameters"] = {str(name): str(value) for name, value in spec.params.items()}
        return parse_submit(
            await self._send(Request("POST", "/Report", json=body, headers={"Idempotency-Key": key}))
        )

    async def artifact(self, job: Job) -> File:
        """GET /Report?reference=GUID, only when complete; it may take a minute and more (A2).

        A large report is written anew while it comes.
        """
        request = replace(
            _about("GET", "/Report", job), timeout=RETRIEVE_TIMEOUT, cap=MAX_REPORT, stream=True
        )
        reply = await self._send(request)
        if not answers.good(reply):
            raise answers.failure(reply)
        if reply.rest is not None:
            return Body(unwrapped(reply), "json", framed=True)
        try:
            return await asyncio.to_thread(parse_report, reply)
        except VendorRefused as refused:
            # A refusal is the same for "not finished" as for "gone": the status call tells which.
            seen = await self.status(job)
            if seen.state is JobState.READY:
                raise
            raise VendorRefused(f"not ready: {seen.vendor_status}", code=refused.code) from None

    async def delete(self, job: Job, key: str) -> None:
        """DELETE /Report?reference=GUID, at any stage [S3], with a key (A9); then the GUID is unknown."""
        request = _about("DELETE", "/Report", job)
        reply = await self._send(replace(request, headers={"Idempotency-Key": key}))
        if reply.status == 204:
            return
        if not answers.good(reply):
            raise answers.failure(reply)
        result = answers.truth(pick(reply.object(), "result"))
        if result is None:
            raise BadPayload(reply.unreadable(), status=reply.status)
        if not result:
            # "No such report" and a plain no look alike: only a report that is gone may count as deleted.
            await self.status(job)
            raise VendorRefused(answers.words(reply), status=reply.status)


def _let_in(reply: Reply) -> bool:
    """Whether 7G itself answered a signed call: in its JSON (A8); a gateway says nothing of the token."""
    ours = answers.good(reply) or reply.status == 404
    return ours and reply.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _about(method: str, path: str, job: Job) -> Request:
    if job.reference is None:
        raise VendorRefused("this job has no reference yet")
    return Request(method, path, query={"reference": job.reference}, job=job.id)
