"""Talkdesk Explore: report jobs by type; the finished file hides behind a redirect to a signed link.

Pages: [S4] status; D1-D3 status, submit, download, D4 regions, D5 D6 sign-in, D7 limits, D8 D9 the older API;
E1-E7 what clients report.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from reportdash.errors import AuthFailed, BadPayload, CallFailed, NotFound, UsageProblem, VendorRefused
from reportdash.model import Credential, Job, JobState, Seen, Signed, Spec, Submitted
from reportdash.net.guard import Guard, is_loopback
from reportdash.net.http import MAX_REPORT, Reply, Request, Session
from reportdash.vendors import answers
from reportdash.vendors.contract import (
    AccountSettings,
    Action,
    Api,
    Can,
    File,
    Hosts,
    No,
    PollPolicy,
    Url,
    Vendor,
    Yes,
    origin,
    pick,
    word,
)
from reportdash.vendors.talkdesk_answers import (
    PART,
    has_next,
    job_in,
    listed,
    location,
    parse_download,
    parse_list,
    parse_status,
    parse_submit,
)

# Region → API host, identity host (D4 D5).
REGIONS = {
    "us": ("https://api.talkdeskapp.com", "https://{account}.talkdeskid.com"),
    "eu": ("https://api.talkdeskapp.eu", "https://{account}.talkdeskid.eu"),
    "ca": ("https://api.talkdeskappca.com", "https://{account}.talkdeskidca.com"),
}
TOKEN_LIFE = 599.0  # where `expires_in` is missing (E5)
# Read to look [S4] and to fetch (D3), write to run (D2) and to delete (E3).
SCOPES = "data-reports:read data-reports:write"
FORMATS = ("csv", "json", "json_bulk")  # [S4] D2
LONGEST = timedelta(days=31)  # at most one month a request (D7)
PER_PAGE = 200  # the most a page holds (E3)
MAX_PAGES = 100
DOWNLOAD_TIMEOUT = 120.0
HOPS = 3

# Jobs are listed type by type; these are the documented ones, and one an instance does not know is skipped.
TYPES = (
    "calls",
    "explore_calls",
    "audit_logs",
    "contacts",
    "ring_attempts",
    "user_status",
    "studio_flow_execution",
    "feedback_flow",
    "csat",
)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[/_+-][A-Za-z0-9]+)*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII | re.IGNORECASE)


class TalkdeskAccount(AccountSettings):
    """One Talkdesk account: `account` and `region` (D4), or `base_url` and `identity_url` written out.

    `/oauth/token` (D5) is appended to `identity_url`.
    """

    SECRETS: ClassVar = (("client_id", "client_secret"),)

    vendor: Literal["talkdesk"] = "talkdesk"
    account: Annotated[str | None, Field(description="the name before .talkdeskid in your address")] = None
    region: Annotated[Literal["us", "eu", "ca"] | None, Field(description="where the account is")] = None
    base_url: Url = ""
    identity_url: Url = ""
    download_hosts: Hosts = ("*.amazonaws.com",)

    @model_validator(mode="before")
    @classmethod
    def _addresses(cls, data: Any) -> Any:
        """Fill in the addresses a region stands for (D4 D5); what is written out wins."""
        if not isinstance(data, Mapping) or (data.get("base_url") and data.get("identity_url")):
            return data
        account, region = data.get("account"), data.get("region")
        if region is not None and not (isinstance(region, str) and region in REGIONS):
            return {"base_url": "https://unset.invalid", "identity_url": "https://unset.invalid", **data}
        if region is None or (not account and not data.get("identity_url")):
            raise ValueError(
                'Talkdesk needs account and region ("us", "eu" or "ca"), as in account = "acme" '
                'region = "eu", or base_url and identity_url'
            )
        if account and not (isinstance(account, str) and _LABEL.fullmatch(account)):
            raise ValueError('account is the name before .talkdeskid in your address, as in account = "acme"')
        base, identity = REGIONS[region]
        filled = {"base_url": base, "identity_url": identity.format(account=account)}
        return {**filled, **{key: value for key, value in data.items() if value or key not in filled}}

    def origins(self) -> tuple[str, ...]:
        return (origin(self.base_url), origin(self.identity_url))


class Talkdesk(Vendor):
    """Talkdesk Explore bound to one account.

    Nothing is known of retention, of a limit of running jobs, or of how often to ask (clients: each 3 to
    10 s, E2 E4 E6): no `ttl`, no `slots`, 5 to 30 s. The call that cancels a job (D8 D9) is deprecated, and
    unknown below /data/: it is never made.
    """

    name = "talkdesk"
    title = "Talkdesk"
    Account = TalkdeskAccount
    policy = PollPolicy(poll_min=5.0, poll_max=30.0)
    lists_from = 2
    report_word = "report type"
    reference_word = "TYPE/ID"
    params_hint = (
        "timezone=Europe/Lisbon (default UTC) name=… · format csv, json, json_bulk · at most 31 days"
    )
    formats = FORMATS
    takes_span = True
    key_needs = "A key needs the scopes data-reports:read and data-reports:write."

    account: TalkdeskAccount

    def can(self, action: Action, job: Job | None = None) -> Can:
        """What is deleted is a finished job's file (E3 E7); a running job is not cancelled (D9)."""
        if action is not Action.DELETE:
            return Yes()
        if job is not None and job.state in (JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING):
            return No("Talkdesk deletes finished files only, and this job still runs; f forgets the row here")
        return Yes("The report's file is gone for good: Talkdesk deletes it, and no new link can be had.")

    @classmethod
    def reference(cls, text: str) -> str:
        kind, slash, number = text.strip().partition("/")
        if not slash or not PART.fullmatch(kind) or not PART.fullmatch(number):
            raise UsageProblem(
                "a Talkdesk reference is TYPE/ID, as in calls/6f1b2a90c3d4, "
                f"not {answers.text(text, 60) or 'an empty text'!r}"
            )
        return f"{kind}/{number}"

    def check(self, spec: Spec) -> Spec:
        """`{name, timezone, format, timespan}` as D2 wants them; the time zone is an IANA name [S4]."""
        kind = spec.report.strip()
        if not PART.fullmatch(kind):
            raise UsageProblem(
                f"a Talkdesk report type is one word, as in calls, not {answers.text(kind, 60)!r}"
            )
        params = {"timezone": "UTC", **spec.params}
        if odd := next((name for name in params if name not in ("timezone", "name")), None):
            raise UsageProblem(
                f"Talkdesk knows the parameters timezone and name, not {answers.text(odd, 60)!r}"
            )
        if not _ZONE.fullmatch(params["timezone"]):
            raise UsageProblem("timezone is an IANA name, as in Europe/Lisbon or UTC")
        wanted = spec.format or "csv"
        if wanted not in FORMATS:
            raise UsageProblem(f"Talkdesk makes {', '.join(FORMATS)}, not {answers.text(wanted, 40)!r}")
        timespan(spec, params["timezone"])
        return replace(spec, report=kind, params=params, format=wanted)

    # signing in

    async def sign_in(self, credential: Credential, old: Session | None, bare: Api) -> Session:
        """HTTP Basic and a form for client credentials, at the identity host (D5)."""
        pair = f"{credential.fields.get('client_id', '')}:{credential.fields.get('client_secret', '')}"
        reply = await bare.send(
            Request(
                "POST",
                f"{self.account.identity_url}/oauth/token",
                form={"grant_type": "client_credentials", "scope": SCOPES},
                headers={"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"},
                public=True,
            )
        )
        if reply.status in (400, 401, 403):  # {error, error_description} (D6)
            raise AuthFailed(answers.words(reply), status=reply.status)
        if not answers.good(reply):
            raise BadPayload(reply.unreadable(), status=reply.status)
        answer = reply.object()
        token = answers.token(pick(answer, "access_token"))
        if token is None:
            raise BadPayload("the sign-in answer carries no access token", status=reply.status)
        life = answers.integer(pick(answer, "expires_in"))
        # STS tokens go without the word Bearer (D6).
        kind = word(pick(answer, "token_type") or "bearer")
        return Session(
            f"Bearer {token}" if kind == "bearer" else token,
            lifetime=float(life) if life and life > 0 else TOKEN_LIFE,
            scope=answers.text(pick(answer, "scope")),
        )

    def sign(self, request: Request, session: Session) -> Request:
        """The token on every call [S4]; an expired one is answered by 401 or 403 (D8), both `refused`."""
        return replace(request, headers={**request.headers, "Authorization": session.token})

    # the calls

    async def status(self, job: Job) -> Seen:
        """GET …/jobs/{id} [S4]. The report itself may come here (E4), larger than an answer may be: then the
        file call (D3) tells.
        """
        try:
            reply = await self.api.send(_about("GET", "jobs", job))
        except BadPayload:
            file = await self.api.send(_about("GET", "files", job))
            if location(file) is None:
                raise
            self._mind_the_way(file)
            return Seen(JobState.READY, f"HTTP {file.status}")
        self._mind_the_way(reply)
        return parse_status(reply)

    def _mind_the_way(self, reply: Reply) -> None:
        """Raises BadPayload for a redirect that leads to no file, as a gateway's to its log-in page: it says
        nothing of the job, unless there is one in its body."""
        target = location(reply)
        if target is None or job_in(reply):
            return
        ours = origin(target) == origin(self.account.base_url)
        settings = self.account
        guard = Guard(settings.download_hosts, loopback=is_loopback(settings.base_url))
        if not (self._own(target) if ours else guard.lists(target)):
            host = answers.text(urlsplit(target).hostname, 80)
            raise BadPayload(
                f"HTTP {reply.status} leads to {host}, where no file is: neither is it Talkdesk's address of "
                "one, nor is it in download_hosts",
                status=reply.status,
            )

    async def statuses(self, jobs: Sequence[Job]) -> Mapping[str, Seen]:
        """The list (E3 D9) of each type that has more than one job here, as far as pages cost fewer requests
        than single looks at what is still missing. A type that cannot be listed costs the others nothing.
        """
        wanted: dict[str, set[str]] = {}
        for job in jobs:
            wanted.setdefault((job.reference or "").partition("/")[0], set()).add(job.reference or "")
        found: dict[str, Seen] = {}
        refused: CallFailed | None = None
        for kind, left in wanted.items():
            if len(left) < self.lists_from or not PART.fullmatch(kind):
                continue
            pages = 0
            try:
                async with aclosing(self._pages(kind, jobs[0])) as listed:
                    async for page in listed:
                        told = {seen.reference: seen for seen in page if seen.reference in left}
                        found.update((reference, seen) for reference, seen in told.items() if reference)
                        left.difference_update(found)
                        pages += 1
                        if len(left) <= pages:
                            break
            except (NotFound, VendorRefused, BadPayload) as failure:
                refused = failure
        if not found and refused is not None:
            raise refused
        return found

    async def submit(self, spec: Spec, key: str) -> Submitted:
        """POST …/jobs → 202 (D2); 429 and 503 (D2) are the client's to tell.

        What no one can know before (custom reports D2, times too recent D7 D8) Talkdesk refuses in its words.
        """
        spec = self.check(spec)
        body = {
            "name": spec.params.get("name") or spec.report,
            "timezone": spec.params["timezone"],
            "format": spec.format,
            "timespan": timespan(spec, spec.params["timezone"]),
        }
        path = f"/data/reports/{answers.segment(spec.report)}/jobs"
        return parse_submit(await self.api.send(Request("POST", path, json=body)), spec.report)

    async def artifact(self, job: Job) -> File:
        """GET …/files/{id} (D3): a new short-lived link each time (D9), fetched by another client."""
        request = replace(_about("GET", "files", job), timeout=DOWNLOAD_TIMEOUT, cap=MAX_REPORT, stream=True)
        for _ in range(HOPS):
            reply = await self.api.send(request)
            target = location(reply)
            if target is None:
                return parse_download(reply)
            if not self._own(target):
                return Signed(target)
            request = replace(request, path=target, query={})
        raise BadPayload("the file's address leads in a circle")

    def _own(self, url: str) -> bool:
        """Whether an address is one of the API's own report paths, which only a signed request may ask."""
        return origin(url) == origin(self.account.base_url) and "/data/reports/" in urlsplit(url).path

    async def delete(self, job: Job, key: str) -> None:
        """DELETE …/files/{id} (E3 E7): 204. A 403 with a fresh token is about this file (D8): deleted
        already, or not there yet; which of them, its status tells.
        """
        reply = await self.api.send(replace(_about("DELETE", "files", job), refusal_is_answer=True))
        if reply.status == 204:
            return
        raise answers.failure(reply)  # any other 2xx as well: it confirms nothing, the status call will tell

    def unlisted(self, reference: str) -> str | None:
        return super().unlisted(reference) if reference.partition("/")[0] in TYPES else None

    async def list(self) -> AsyncIterator[Seen]:
        """Every job of the types that this account knows, type by type: there is no list of all (E3)."""
        refused: CallFailed | None = None
        known = False
        for kind in TYPES:
            try:
                async for page in self._pages(kind):
                    for seen in page:
                        yield seen
                known = True
            except (NotFound, VendorRefused) as failure:
                refused = failure
        if not known and refused is not None:
            raise VendorRefused(refused.text, status=refused.status)

    async def _pages(self, kind: str, job: Job | None = None) -> AsyncGenerator[Sequence[Seen], None]:
        """GET …/jobs?page&per_page (E3), page by page, one request each."""
        path = f"/data/reports/{kind}/jobs"
        last: list[str | None] = []
        for number in range(1, MAX_PAGES + 1):
            query = {"page": str(number), "per_page": str(PER_PAGE)}
            request = Request("GET", path, query=query, refusal_is_answer=True, job=job.id if job else None)
            reply = await self.api.send(request)
            if not answers.good(reply):
                raise answers.failure(reply)
            answer = reply.object()
            items = listed(answer)
            page = [*parse_list(items, kind, reply)]
            references = [seen.reference for seen in page]
            if items and references == last:  # a list that ignores `page` would never end
                return
            last = references
            yield page
            if len(items) < PER_PAGE and not (items and has_next(answer)):
                return


def _about(method: str, room: str, job: Job) -> Request:
    kind, _, number = (job.reference or "").partition("/")
    if not PART.fullmatch(kind) or not PART.fullmatch(number):
        raise VendorRefused("this job has no Talkdesk reference (TYPE/ID)")
    path = f"/data/reports/{answers.segment(kind)}/{room}/{answers.segment(number)}"
    return Request(method, path, job=job.id)


def timespan(spec: Spec, zone: str) -> dict[str, str]:
    """`from` (inclusive) and `to` (exclusive) as Talkdesk wants them (D2), at most a month apart (D7);
    checked before anything is sent.

    ISO 8601 dates or times; without an offset they are meant in `zone`. Raises UsageProblem.
    """
    if not spec.time_from or not spec.time_to:
        raise UsageProblem("Talkdesk reports need --from and --to, as in --from 2026-11-01 --to 2026-12-01")
    start, end = _moment("--from", spec.time_from), _moment("--to", spec.time_to)
    if (start.tzinfo is None) is not (end.tzinfo is None):
        raise UsageProblem("write --from and --to both with an offset or both without")
    if end <= start:
        raise UsageProblem("--to must be later than --from (it is the first moment not in the report)")
    # A month with a change of the clocks in it is still one: then the dials differ by less than the time.
    dials = end.replace(tzinfo=None) - start.replace(tzinfo=None)
    if min(end - start, dials) > LONGEST:
        raise UsageProblem("Talkdesk reports span at most one month (31 days); ask for a shorter time")
    return {"from": _written(start, zone), "to": _written(end, zone)}


def _moment(option: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageProblem(
            f"{option} is an ISO date or time, as in 2026-11-01 or 2026-11-01T08:00:00, "
            f"not {answers.text(text, 40) or 'an empty text'!r}"
        ) from None


def _written(moment: datetime, zone: str) -> str:
    if moment.tzinfo is None:
        return moment.isoformat(timespec="seconds") + ("Z" if zone == "UTC" else "")
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
