"""Stripe Reporting: report runs, whose files are fetched with the secret key from a second host.

Public pages below docs.stripe.com: R1 api/reporting/report_run/object · R2 …/create · R3 …/list ·
R4 reports/api · F1 api/files/object · E1 api/errors · P1 api/pagination · I1 api/idempotent_requests ·
A1 api/authentication.

UNKNOWN: how long a run is kept, how many run at once, how often to ask; whether a key of the wrong mode gets
another answer than "no such run" (so "not found" must repeat); whether the file's address may redirect.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from reportdash.errors import AuthFailed, BadPayload, UsageProblem, VendorRefused
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
    origin,
    pick,
    word,
)

RUNS = "/v1/reporting/report_runs"
FILES = "/v1/files/"
PAGE = 100  # the most a page holds (P1)
MAX_PAGES = 100
DOWNLOAD_TIMEOUT = 300.0
DAY = 86_400.0

STATES = {"pending": JobState.RUNNING, "succeeded": JobState.READY, "failed": JobState.FAILED}  # R1
_REFERENCE = re.compile(
    r"frr_[A-Za-z0-9]{1,128}", re.ASCII
)  # the prefix of every sample; no page promises it
_WORD = re.compile(r"[A-Za-z0-9_.]{1,100}", re.ASCII)


class StripeAccount(AccountSettings):
    """One secret key. Files come from another host than the API (R4), and the same key opens both."""

    SECRETS: ClassVar = (("secret_key",),)

    vendor: Literal["stripe"] = "stripe"
    base_url: Url = "https://api.stripe.com"
    files_url: Url = "https://files.stripe.com"

    def origins(self) -> tuple[str, ...]:
        return (origin(self.base_url), origin(self.files_url))


class Stripe(Vendor):
    """Stripe bound to one account."""

    name = "stripe"
    title = "Stripe"
    Account = StripeAccount
    policy = PollPolicy(poll_min=5.0, poll_max=60.0)  # most runs take a few minutes (R4)
    report_word = "report type"
    reference_word = "frr_ID"
    params_hint = "columns connected_account currency payout reporting_category timezone"
    takes_span = True
    key_needs = "The key may write report runs and read files."
    lists_from = 2
    replay_window = DAY  # a key is kept for 24 hours at least (I1)

    account: StripeAccount

    @property
    def replays_safely(self) -> bool:
        return True  # the same Idempotency-Key gives the first answer again (I1)

    def can(self, action: Action, job: Job | None = None) -> Can:
        if action is Action.DELETE:
            return No("Stripe has no call to delete or cancel a report run; f forgets the row here")
        return Yes()

    @classmethod
    def reference(cls, text: str) -> str:
        found = text.strip()
        if not _REFERENCE.fullmatch(found):
            said = answers.text(found, 60) or "an empty text"
            raise UsageProblem(f"a Stripe reference is frr_ID, as in frr_1MwKqT2eZvKYlo2C, not {said!r}")
        return found

    def check(self, spec: Spec) -> Spec:
        for name in (spec.report, *spec.params):
            if not _WORD.fullmatch(name):
                raise UsageProblem(
                    f"{answers.text(name, 60)!r} is neither a report type nor a parameter of Stripe"
                )
        interval(spec)
        return spec

    # The key is the session: it is the user name of Basic, with no password (A1).

    async def sign_in(self, credential: Credential, old: Session | None, bare: Api) -> Session:
        key = answers.token(credential.fields.get("secret_key"))
        if key is None:
            raise AuthFailed("the stored secret key has a character no key has; log in again")
        return Session(f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}")

    def sign(self, request: Request, session: Session) -> Request:
        return replace(request, headers={**request.headers, "Authorization": session.token})

    def refused(self, reply: Reply) -> bool:
        return reply.status == 401  # 403 is a good key that lacks a permission (E1)

    async def prove(self) -> None:
        reply = await self.api.send(Request("GET", RUNS, query={"limit": "1"}))
        if reply.status == 403:
            raise AuthFailed(answers.words(reply), status=403)
        if not answers.good(reply):
            raise BadPayload(reply.unreadable(), status=reply.status)

    # the calls

    async def status(self, job: Job) -> Seen:
        return parse_run(await self._run(job))

    async def statuses(self, jobs: Sequence[Job]) -> Mapping[str, Seen]:
        """The newest runs, in one request (R3); older ones are looked at one by one."""
        wanted = {job.reference for job in jobs}
        found = {seen.reference: seen for seen in (await self._page(None, jobs[0]))[0]}
        return {reference: seen for reference, seen in found.items() if reference and reference in wanted}

    async def submit(self, spec: Spec, key: str) -> Submitted:
        form = {"report_type": spec.report, **parameters(self.check(spec))}
        reply = await self.api.send(Request("POST", RUNS, form=form, headers={"Idempotency-Key": key}))
        if reply.status == 409:
            # Our first request with this key may be under way (E1): no refusal, and nobody knows yet.
            raise BadPayload(answers.words(reply), status=409)
        if not answers.good(reply):
            raise answers.submit_failure(reply)
        seen = parse_run(reply.object())
        if seen.reference is None:
            raise BadPayload(f"no id in the answer: {reply.unreadable()}", status=reply.status)
        return Submitted(seen.reference, seen)

    async def artifact(self, job: Job) -> File:
        """The file's contents (R4). They need the key, so no bare `Signed` link will do: the signed API call
        reads them whole, which is why the engine gets a `Body`.
        """
        run = await self._run(job)
        result = pick(run, "result")
        if not isinstance(result, dict):
            raise VendorRefused(f"no file: Stripe says {parse_run(run).vendor_status}")
        url = pick(result, "url")
        if not isinstance(url, str) or not self._own(url):
            raise BadPayload("the file's address is not one of this account's file host")
        request = Request("GET", url, timeout=DOWNLOAD_TIMEOUT, cap=MAX_REPORT, stream=True, job=job.id)
        reply = await self.api.send(request)
        if not answers.good(reply):
            raise answers.failure(reply)
        return Body(
            reply.chunks(),
            extension=word(answers.text(pick(result, "type"), 8) or "csv"),
            total=answers.integer(pick(result, "size")),  # what Stripe says, not what came
            filename=answers.text(pick(result, "filename")),
        )

    async def list(self) -> AsyncIterator[Seen]:
        after: str | None = None
        for _ in range(MAX_PAGES):
            seen, more = await self._page(after, None)
            for one in seen:
                yield one
            last = seen[-1].reference if seen else None
            if not more or last is None or last == after:  # a list that does not move on would never end
                return
            after = last

    async def _page(self, after: str | None, job: Job | None) -> tuple[Sequence[Seen], bool]:
        """One page, newest first (R3 P1), and whether there are more."""
        query = {"limit": str(PAGE), **({"starting_after": after} if after else {})}
        reply = await self.api.send(Request("GET", RUNS, query=query, job=job.id if job else None))
        if not answers.good(reply):
            raise answers.failure(reply)
        answer = reply.object()
        found = pick(answer, "data")
        if not isinstance(found, list):
            raise BadPayload(f"no list of runs in the answer: {reply.unreadable()}", status=reply.status)
        runs = [
            parse_run(run) for run in found if isinstance(run, dict) and answers.text(pick(run, "status"))
        ]
        return [seen for seen in runs if seen.reference], answers.truth(pick(answer, "has_more")) is True

    async def _run(self, job: Job) -> Mapping[str, Any]:
        if not _REFERENCE.fullmatch(job.reference or ""):
            raise VendorRefused("this job has no Stripe reference (frr_ID)")
        reply = await self.api.send(Request("GET", f"{RUNS}/{job.reference}", job=job.id))
        if not answers.good(reply):
            raise answers.failure(reply, certain=False)
        answer = reply.object()
        if answers.text(pick(answer, "status")) is None:
            raise BadPayload(f"no status in the answer: {reply.unreadable()}", status=reply.status)
        return answer

    def _own(self, url: str) -> bool:
        parts = urlsplit(url)
        return origin(url) == origin(self.account.files_url) and parts.path.startswith(FILES)


def parse_run(run: Mapping[str, Any]) -> Seen:
    """One report run (R1). A word no page has is UNKNOWN: never done, and looked at again."""
    raw = answers.text(pick(run, "status"), answers.STATUS_WORD)
    reference = answers.text(pick(run, "id"))
    result = pick(run, "result")
    expires = answers.integer(pick(result, "expires_at")) if isinstance(result, dict) else None  # F1
    created = answers.integer(pick(run, "created"))
    return Seen(
        STATES.get(word(raw), JobState.UNKNOWN),
        raw,
        message=answers.text(pick(run, "error")),
        reference=reference if reference and _REFERENCE.fullmatch(reference) else None,
        name=answers.text(pick(run, "report_type"), 200),
        expires_at=None if expires is None else float(expires),
        submitted_at=None if created is None else float(created),
    )


def parameters(spec: Spec) -> dict[str, str]:
    """The form's fields: `parameters[currency]`; `columns` is a list, written with commas here (R2)."""
    given = {**spec.params, **interval(spec)}
    columns = [column.strip() for column in given.pop("columns", "").split(",") if column.strip()]
    form = {f"parameters[{name}]": value for name, value in given.items()}
    return {**form, **{f"parameters[columns][{place}]": column for place, column in enumerate(columns)}}


def interval(spec: Spec) -> dict[str, str]:
    """`--from` (inclusive) and `--to` (exclusive) as Unix seconds (R4). Raises UsageProblem."""
    ends = {"interval_start": ("--from", spec.time_from), "interval_end": ("--to", spec.time_to)}
    found = {name: _seconds(option, text) for name, (option, text) in ends.items() if text is not None}
    if len(found) == 2 and found["interval_start"] >= found["interval_end"]:
        raise UsageProblem("--to must be later than --from (it is the first moment not in the report)")
    return {name: str(seconds) for name, seconds in found.items()}


def _seconds(option: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageProblem(
            f"{option} is an ISO date or time, as in 2026-11-01 or 2026-11-01T08:00:00Z"
        ) from None
    # Without an offset UTC is meant: Stripe's `timezone` is about the file, not about the interval (R1).
    return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp())
