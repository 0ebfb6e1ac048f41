"""Talkdesk Explore on loopback: /oauth/token, /data/reports/{type}/jobs, …/jobs/{id}, …/files/{id}.

Vendor pages: [S4] status, D1-D3 status, submit, download, D5 D6 sign-in, D8 D9 legacy delete and cancel.
What clients report (E1-E4: nested or flat job, 302 and 303, 204, `entries` in the status body) stands behind
knobs.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, ClassVar
from urllib.parse import unquote_plus

from reportdash.simulator import catalog
from reportdash.simulator.accounts import Account
from reportdash.simulator.content import Content, csv_content, json_content
from reportdash.simulator.storage import Storage
from reportdash.simulator.vendor import Vendor
from reportdash.simulator.wire import JSON_TYPE, Reply, Request, json_reply
from reportdash.simulator.world import Job, Stage, Step, World

TOKEN_LIFE_S = 599
READ, WRITE = "data-reports:read", "data-reports:write"
ODD_DATE = "%Y-%m-%d %H:%M:%S UTC"
FORM_TYPE = "application/x-www-form-urlencoded"
FORMATS = ("csv", "json", "json_bulk")
_PATH = re.compile(r"/data/reports/([^/]+)/(jobs|files)(?:/([^/]+))?")


@dataclass
class Token:
    user: str
    expires: float
    scopes: frozenset[str]


class Talkdesk(Vendor):
    """Knobs: `submit_shape` (`flat`, `nested`, `alternate`); `done_status` (300, 302, 303);
    `entries_in_status` gives the report itself from the status call; `polling_204`; `upper` status words;
    `expired_status` (403 or 401); `absolute_location`; `cancels` (DELETE on a job); `list_key` (`jobs`
    embedded, or `executions`); `sts` tokens, which go without the word Bearer; `tells_expiry` of a token;
    `odd_dates` in the older API's way.
    """

    name = "talkdesk"
    words = ("created", "processing", "uploading")
    shares = (0.15, 0.65, 0.2)
    actives: ClassVar[Mapping[str, str]] = {
        "queued": "created",
        "running": "processing",
        "finalizing": "uploading",
    }
    finals: ClassVar[Mapping[str, str]] = {
        "ready": "done",
        "ready_with_warnings": "done",
        "notify_failed": "done",
        "empty": "done",
        "failed": "failed",
        "cancelled": "canceled",
        "deleted": "deleted",
    }
    fates = (("ready", 79), ("empty", 5), ("failed", 10), ("cancelled", 4), ("deleted", 2))
    odd_word = "archiving"
    failures = catalog.TALKDESK_FAILURES

    def __init__(self, world: World, storage: Storage) -> None:
        super().__init__(world, storage)
        self.submit_shape = "alternate"
        self.done_status = 300
        self.entries_in_status = False
        self.polling_204 = False
        self.upper = False
        self.expired_status = 403
        self.absolute_location = False
        self.cancels = False
        self.list_key = "jobs"
        self.sts = False
        self.tells_expiry = True
        self.odd_dates = False
        self._tokens: dict[str, Token] = {}

    def live(self, stage: Stage) -> bool:
        return not stage.gone and stage.word.casefold() not in self.finals.values()

    def handle(self, request: Request) -> Reply | Step:
        if request.path == "/oauth/token":
            return self._token(request)
        place = _PATH.fullmatch(request.path)
        if place is None:
            return _error(404, "Not found", "No such resource.")
        refused, account = self._who(request)
        if refused is not None:
            return refused
        kind, room, number = place.groups()
        if kind not in catalog.TALKDESK_TYPES:
            return _error(400, "Invalid report type", f"'{kind}' is not a report type.", "type")
        if number is None:
            if room == "jobs" and request.method == "POST":
                return self._submit(request, account, kind)
            if room == "jobs" and request.method == "GET":
                return self._list(request, account, kind)
            return _error(404, "Not found", "No such resource.")
        job = self.world.find(self.name, f"{kind}/{number}", account.name)
        if job is None or self.world.peek(job).gone:
            return _error(404, "Job not found", "The report job does not exist.")
        match request.method, room:
            case "GET", "jobs":
                return self._status(job)
            case "GET", "files":
                return self._file(job)
            case "DELETE", "files":
                return self._delete(job)
            case "DELETE", "jobs" if self.cancels:
                return self._cancel(job)
        return _error(405, "Method not allowed", "The resource does not know this method.")

    # sign-in

    def _token(self, request: Request) -> Reply:
        """Client credentials (D5): Basic, urlencoded body; errors as D6 has them."""
        if request.method != "POST":
            return _oauth_error(405, "invalid_request", "POST is required.")
        if request.header("content-type").partition(";")[0].strip() != FORM_TYPE:
            return _oauth_error(400, "invalid_request", "The body must be an urlencoded form.")
        account = self._basic(request.header("authorization"))
        if account is None:
            return _oauth_error(401, "invalid_client", "Client authentication failed.")
        if request.form.get("grant_type") != "client_credentials":
            return _oauth_error(400, "unsupported_grant_type", "The grant type is not supported.")
        scopes = frozenset(request.form.get("scope", "").split())
        if not scopes or not scopes <= {READ, WRITE}:
            return _oauth_error(400, "invalid_scope", "The scope is unknown or missing.")
        number = self.world.ordinal("talkdesk-token", account.name)
        text = self.world.uuid("talkdesk-token", account.name, number).replace("-", "")
        for old in [key for key, token in self._tokens.items() if token.expires + 3600 < self.now]:
            del self._tokens[old]
        self._tokens[text] = Token(account.name, self.now + TOKEN_LIFE_S, scopes)
        body: dict[str, Any] = {"access_token": text, "token_type": "STS" if self.sts else "Bearer"}
        if self.tells_expiry:
            body["expires_in"] = TOKEN_LIFE_S
        return json_reply({**body, "scope": " ".join(sorted(scopes))})

    def _basic(self, header: str) -> Account | None:
        scheme, _, coded = header.partition(" ")
        if scheme.casefold() != "basic":
            return None
        try:
            given = base64.b64decode(coded, validate=True).decode()
        except (binascii.Error, ValueError):
            return None
        client, _, secret = given.partition(":")
        for account in self.accounts.values():
            pair = account.secrets["client_id"], account.secrets["client_secret"]
            if pair in ((client, secret), (unquote_plus(client), unquote_plus(secret))):
                return account
        return None

    def expire_tokens(self) -> None:
        for token in self._tokens.values():
            token.expires = min(token.expires, self.now)

    def expired(self, request: Request) -> Reply | None:
        return None if request.path == "/oauth/token" else self._expired()

    def _expired(self) -> Reply:
        return _error(self.expired_status, "Forbidden", "The access token is expired.")

    def _who(self, request: Request) -> tuple[Reply | None, Account]:
        """The account of the token, or the refusal. Before an STS token stands nothing (D6)."""
        header = request.header("authorization")
        before = "" if self.sts else "Bearer "
        token = self._tokens.get(header.removeprefix(before)) if header.startswith(before) else None
        if token is None or token.user not in self.accounts:
            return _error(401, "Unauthorized", "Authentication is required."), _NOBODY
        account = self.accounts[token.user]
        if self.now >= token.expires:
            return self._expired(), account
        needed = READ if request.method == "GET" else WRITE
        if needed not in token.scopes:
            return _error(403, "Forbidden", f"The scope {needed} is required."), account
        return None, account

    # jobs

    def adopt(self, account: str, reference: str, **more: Any) -> Job:
        """A reference is `TYPE/ID`; raises ValueError for another."""
        kind, _, identity = reference.partition("/")
        if not kind or not identity or "/" in identity:
            raise ValueError(f"not TYPE/ID: {reference}")
        return super().adopt(account, reference, **{**more, "report": kind})

    def _submit(self, request: Request, account: Account, kind: str) -> Reply:
        """202 (D2); a field that is missing or wrong is named in a 400 [S4]."""
        body = request.json()
        if not isinstance(body, dict) or not request.header("content-type").startswith("application/json"):
            return _error(400, "Bad request", "The body is not a JSON object.")
        fault = _fault_in(body)
        if fault is not None:
            return _error(400, "Bad request", fault[1], fault[0])
        number = self.world.ordinal("talkdesk-job", account.name)
        identity = self.world.uuid("talkdesk-job", account.name, number).replace("-", "")
        name = str(body["name"])
        params = {"timespan": body["timespan"], "timezone": body["timezone"]}
        job = self.create(account, f"{kind}/{identity}", name, kind, params, body["format"])
        full = self._body(job, self.world.peek(job))
        nested = self.submit_shape == "nested" or (self.submit_shape == "alternate" and number % 2 == 0)
        return json_reply(full if nested else {**full["job"], "_links": full["_links"]}, 202)

    def _status(self, job: Job) -> Reply | Step:
        stage = self.world.look(job)
        if not isinstance(stage, Stage):
            return stage
        if stage.gone:
            return _error(404, "Job not found", "The report job does not exist.")
        word = self._word(job, stage)
        if word == "done":
            if self.entries_in_status:
                return self._report(job)
            location = f"/data/reports/{job.report}/files/{_id(job)}"
            if self.absolute_location:
                location = self.origin + location
            return json_reply(self._body(job, stage), self.done_status, Location=location)
        if self.polling_204 and word in ("created", "processing"):
            return Reply(204)
        return json_reply(self._body(job, stage))

    def _file(self, job: Job) -> Reply:
        """303 to a fresh signed link, or the job while there is no file (D3)."""
        stage = self.world.peek(job)
        if self._word(job, stage) != "done":
            return json_reply(self._body(job, stage))
        extension = "csv" if job.format == "csv" else "json"
        key = f"/talkdesk-explore/~{job.user}/{job.report}/{_id(job)}.{extension}"
        link = self.storage.sign_v4(
            self.name, key, f"{job.report}-{_id(job)[:8]}.{extension}", self.content(job)
        )
        return Reply(303, b"", {"Location": link})

    def _delete(self, job: Job) -> Reply:
        """204; a file deleted already, or none yet, is 403 (D8)."""
        if self._word(job, self.world.peek(job)) != "done":
            return _error(403, "Forbidden", "The report file is not available or was already deleted.")
        job.deleted_at = self.now
        return Reply(204)

    def _cancel(self, job: Job) -> Reply:
        if job.deleted or not self.live(self.world.peek(job)):
            return _error(403, "Forbidden", "The job is already finished.")
        job.script, job.held = None, Stage("canceled")
        return Reply(204)

    def _list(self, request: Request, account: Account, kind: str) -> Reply:
        """A page of the jobs of one type, newest first; `per_page` up to 200 (E3)."""
        page, per_page = _number(request.query.get("page"), 1), _number(request.query.get("per_page"), 50)
        if page < 1 or not 1 <= per_page <= 200:
            return _error(400, "Bad request", "page must be at least 1, per_page 1 to 200.", "per_page")
        own = [job for job in self.world.of(self.name, account.name) if job.report == kind]
        own = [job for job in own if not self.world.peek(job).gone]
        own.sort(key=lambda job: job.submitted_at, reverse=True)
        shown = own[(page - 1) * per_page : page * per_page]
        jobs = [self._body(job, self.world.glance(job))["job"] for job in shown]
        here = f"/data/reports/{kind}/jobs?page={{}}&per_page={per_page}"
        links = {"self": {"href": here.format(page)}}
        if page * per_page < len(own):
            links["next"] = {"href": here.format(page + 1)}
        meta = {"total": len(own), "page": page, "per_page": per_page, "count": len(jobs), "_links": links}
        listed = {"executions": jobs} if self.list_key == "executions" else {"_embedded": {"jobs": jobs}}
        return json_reply({**meta, **listed})

    # bodies

    def _word(self, job: Job, stage: Stage) -> str:
        return "deleted" if job.deleted else stage.word.casefold()

    def _body(self, job: Job, stage: Stage) -> dict[str, Any]:
        word = "deleted" if job.deleted else stage.word
        here = f"/data/reports/{job.report}"
        span = job.params.get("timespan", {})
        if self.odd_dates:
            span = {key: datetime.fromtimestamp(self.now, UTC).strftime(ODD_DATE) for key in ("from", "to")}
        return {
            "job": {
                "id": _id(job),
                "name": job.name,
                "timezone": job.params.get("timezone", "UTC"),
                "status": word.upper() if self.upper else word,
                "format": job.format,
                "timespan": span,
            },
            "_links": {
                "self": {"href": f"{here}/jobs/{_id(job)}"},
                "files": {"href": f"{here}/files/{_id(job)}"},
            },
        }

    def _report(self, job: Job) -> Reply:
        content = self._as_json(job)
        return Reply(200, b"", {"Content-Type": JSON_TYPE}, (content, 0, content.size))

    def content(self, job: Job) -> Content:
        if job.format != "csv":
            return self._as_json(job)
        rows = self.world.peek(job).rows
        return csv_content(self.content_rng(job), "calls", self.size(job) if rows else 0)

    def _as_json(self, job: Job) -> Content:
        rows = self.world.peek(job).rows
        before = json.dumps({"type": job.report, "version": "1.0"})[:-1] + ', "entries": '
        size = self.size(job) if rows else 0
        return json_content(self.content_rng(job), "calls", size, before, ', "total": {total}}')


_NOBODY = Account("", "talkdesk", {})


def _id(job: Job) -> str:
    return job.reference.partition("/")[2]


def _fault_in(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """The field of a submit that is missing or wrong (D2), and why; at most one month a request (D7)."""
    if not isinstance(body.get("name"), str) or not body["name"].strip():
        return "name", "name is required."
    if body.get("format") not in FORMATS:
        return "format", f"format must be one of {', '.join(FORMATS)}."
    zone = _zone(body.get("timezone"))
    if zone is None:
        return "timezone", "timezone must be an IANA time zone."
    span = body.get("timespan")
    if not isinstance(span, dict):
        return "timespan", "timespan is required."
    try:
        start, end = (_moment(span.get(key), zone) for key in ("from", "to"))
    except ValueError:
        return "timespan", "from and to must be ISO 8601 times."
    if start >= end:
        return "timespan", "from must be before to."
    # By the dials of the zone: a month in which the clocks change is a month.
    if end.replace(tzinfo=None) - start.replace(tzinfo=None) > timedelta(days=31):
        return "timespan", "The time span must not exceed one month."
    return None


def _zone(name: object) -> tzinfo | None:
    if not isinstance(name, str) or not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # A machine without the zones' data knows UTC at least.
        return UTC if name == "UTC" else None


def _moment(value: object, zone: tzinfo) -> datetime:
    """A moment on the dials of `zone`, in which one without an offset is meant [S4]."""
    moment = datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


def _number(text: str | None, default: int) -> int:
    if text is None:
        return default
    return int(text) if text.isascii() and text.isdecimal() else 0


def _error(status: int, code: str, message: str, field: str | None = None) -> Reply:
    body: dict[str, Any] = {"code": f"{status}0001", "message": code, "description": message}
    body["fields"] = [{"name": field, "description": message}] if field else []
    return json_reply(body, status)


def _oauth_error(status: int, error: str, description: str) -> Reply:
    return json_reply({"error": error, "error_description": description}, status)
