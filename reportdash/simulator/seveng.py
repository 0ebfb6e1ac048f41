"""7G on loopback: /User/Login, /User/RefreshToken, /Report, /Report/Status.

Vendor pages: [S0] status, [S3] delete, A1 submit, A2 retrieve, A4-A6 sign-in, A8 envelope, A9 idempotency.
What no page shows is refused: another writing of a path, a field more or less, a value that is no text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from reportdash.simulator import catalog
from reportdash.simulator.accounts import Account
from reportdash.simulator.content import Content, json_content
from reportdash.simulator.storage import Storage
from reportdash.simulator.vendor import Vendor
from reportdash.simulator.wire import JSON_TYPE, Reply, Request, json_reply
from reportdash.simulator.world import DAY, Job, Stage, Step, World

ACCESS_LIFE_S = 20 * 60.0
MESSAGES = {
    "pending": "Report is queued for processing.",
    "incomplete": "Report is still being generated.",
    "complete": "Report has been successfully completed!",
    "error": "Report generation failed.",
}


@dataclass
class Session:
    user: str
    access: str
    expires: float
    refresh: str


class SevenG(Vendor):
    """Knobs: `max_live` reports a user; `full` how the one too many is refused (`result`, or the status 409
    or 429); `finished_hold_slots`; `idempotent` (enrolled instance: keys demanded and replayed);
    `submit_data` the shape of the reference (`text`, `reference`, `Reference`, `guid`); `auth_prefix`
    (`Bearer ` or none); `refresh_expired` whether a pair is renewed once its access token is over.
    """

    name = "7g"
    words = ("pending", "incomplete")
    shares = (0.25, 0.75)
    actives: ClassVar[Mapping[str, str]] = {
        "queued": "pending",
        "running": "incomplete",
        "finalizing": "incomplete",
    }
    finals: ClassVar[Mapping[str, str]] = {
        "ready": "complete",
        "ready_with_warnings": "complete",
        "notify_failed": "complete",
        "empty": "complete",
        "failed": "error",
        "cancelled": "error",
    }
    fates = (("ready", 83), ("empty", 4), ("failed", 12), ("lost", 1))
    odd_word = "suspended"
    failures = catalog.SEVENG_FAILURES

    def __init__(self, world: World, storage: Storage) -> None:
        super().__init__(world, storage)
        self.max_live = 10
        self.full: str | int = "result"
        self.finished_hold_slots = False
        self.idempotent = False
        self.submit_data = "text"
        self.auth_prefix = ""
        self.refresh_expired = False
        self._sessions: dict[str, Session] = {}
        self._replays: dict[tuple[str, str], tuple[float, Reply]] = {}

    def handle(self, request: Request) -> Reply | Step:
        if request.header("version") != "2.0":
            return _envelope(False, "The Version header is missing or not supported.", status=400)
        match request.method, request.path:
            case "POST", "/User/Login":
                return self._login(request)
            case "POST", "/User/RefreshToken":
                return self._refresh(request)
            case "GET", "/Report/Status":
                return self._with_user(request, self._status)
            case "GET", "/Report":
                return self._with_user(request, self._retrieve)
            case "POST", "/Report":
                return self._with_user(request, self._once, self._submit)
            case "DELETE", "/Report":
                return self._with_user(request, self._once, self._delete)
        return json_reply({"message": "No HTTP resource was found that matches the request URI."}, 404)

    # sign-in

    def _login(self, request: Request) -> Reply:
        """A pair for exactly a user name and a password, sent without Authorization (A5)."""
        given = _body(request)
        if set(given) != {"username", "password"} or request.header("authorization"):
            return _envelope(False, "A login is a username and a password.", status=400)
        for account in self.accounts.values():
            if all(given[key] == account.secrets[key] for key in ("username", "password")):
                return self._open(account.name)
        return json_reply({"message": "The username or password is incorrect."}, 401)

    def _refresh(self, request: Request) -> Reply:
        """A new pair for a pair: the refresh token in the body, its access token in Authorization (A6)."""
        body = _body(request)
        if set(body) != {"refreshToken"}:
            return _envelope(False, "The refreshToken field is required.", status=400)
        token = body["refreshToken"]
        access = request.header("authorization").removeprefix("Bearer ")
        session = self._sessions.get(access)
        if session is None or session.refresh != token or not token:
            return _unauthorized()
        if self.now >= session.expires and not self.refresh_expired:
            return _unauthorized()
        session.refresh = ""  # used up; the access token itself stays good until its exp
        return self._open(session.user)

    def _open(self, user: str) -> Reply:
        number = self.world.ordinal("7g-session", user)
        expires = self.now + ACCESS_LIFE_S
        access = self._jwt({"sub": user, "jti": number, "iat": int(self.now), "exp": int(expires)})
        refresh = self.world.uuid("7g-refresh", user, number)
        for old in [token for token, session in self._sessions.items() if self.now >= session.expires + DAY]:
            del self._sessions[old]
        self._sessions[access] = Session(user, access, int(expires), refresh)
        return json_reply({"accessToken": access, "refreshToken": refresh})

    def _jwt(self, claims: dict[str, Any]) -> str:
        head = _b64(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        body = _b64(json.dumps(claims).encode())
        sign = hmac.digest(str(self.world.seed).encode(), f"{head}.{body}".encode(), hashlib.sha256)
        return f"{head}.{body}.{_b64(sign)}"

    def expire_tokens(self) -> None:
        for session in self._sessions.values():
            session.expires = min(session.expires, self.now)

    def expired(self, request: Request) -> Reply | None:
        return _unauthorized() if request.header("authorization") else None

    def _with_user(self, request: Request, then: Any, *more: Any) -> Reply | Step:
        given = request.header("authorization")
        if not given.startswith(self.auth_prefix):
            return _unauthorized()
        session = self._sessions.get(given.removeprefix(self.auth_prefix))
        if session is None or self.now >= session.expires or session.user not in self.accounts:
            return _unauthorized()
        return then(request, self.accounts[session.user], *more)

    # reports

    def _job(self, request: Request, account: Account) -> Job | None:
        """The user's job, unless deleted, lost, or purged (24 h after it was submitted)."""
        if set(request.query) != {"reference"}:
            return None
        job = self.world.find(self.name, request.query["reference"].lower(), account.name)
        if job is None or job.deleted or self.now >= job.submitted_at + DAY:
            return None
        return job

    def _status(self, request: Request, account: Account) -> Reply | Step:
        job = self._job(request, account)
        if job is None:
            return _unknown()
        stage = self.world.look(job)
        if not isinstance(stage, Stage):
            return stage
        if stage.gone:
            return _unknown()
        message = stage.message or MESSAGES.get(stage.word, f"Report is {stage.word}.")
        return _envelope(stage.word == "complete", message, stage.word)

    def _submit(self, request: Request, account: Account) -> Reply:
        body = _body(request)
        report = body.get("reportName")
        if not isinstance(report, str) or not report.strip():
            return _envelope(False, "The reportName field is required.")
        strange = set(body) - {"reportName", "parameters"}
        if strange:
            return _envelope(False, f"The field {min(strange)} is not known.")
        params = body.get("parameters", {})
        if not isinstance(params, dict):
            return _envelope(False, "The parameters field must be an object.")
        wrong = next((key for key, value in params.items() if not isinstance(value, str)), None)
        if wrong is not None:
            return _envelope(
                False, f"The value of parameter '{wrong}' could not be converted to System.String."
            )
        undated = next(
            (key for key, value in params.items() if key.endswith("Date") and not _is_date(value)), None
        )
        if undated is not None:
            return _envelope(False, f"The value of parameter '{undated}' is not a date (YYYY-MM-DD).")
        if self._taken(account) >= self.max_live:
            text = f"Maximum of {self.max_live} concurrent reports per user has been reached."
            return _envelope(False, text, status=self.full if isinstance(self.full, int) else 200)
        reference = self.world.uuid("7g-job", account.name, self.world.ordinal("7g-job", account.name))
        self.create(account, reference, report, report, params, "json")
        data = reference if self.submit_data == "text" else {self.submit_data: reference}
        return _envelope(True, "Report request has been accepted.", data)

    def _taken(self, account: Account) -> int:
        return sum(
            not job.deleted
            and self.now < job.submitted_at + DAY
            and (self.finished_hold_slots or self.live(self.world.peek(job)))
            for job in self.world.of(self.name, account.name)
        )

    def _retrieve(self, request: Request, account: Account) -> Reply:
        job = self._job(request, account)
        stage = self.world.peek(job) if job else Stage(gone=True)
        if job is None or stage.gone:
            return _unknown()
        if stage.word != "complete":
            return _envelope(False, "Report is not complete.")
        content = self.content(job)
        rate = self.storage.rate if content.size >= self.storage.throttle_from else None
        return Reply(200, b"", {"Content-Type": JSON_TYPE}, (content, 0, content.size), rate)

    def content(self, job: Job) -> Content:
        """The whole envelope of GET /Report; its `data` is the report."""
        rows = self.world.peek(job).rows
        before = json.dumps({"result": True, "message": "", "data": {"reportName": job.report}})[:-2] + ","
        meta = {"generatedDate": _iso(job.submitted_at), "parameters": job.params}
        before += json.dumps(meta)[1:-1] + ', "results": '
        after = ', "summary": {"rowCount": {total}}}, "recordCount": {total}}'
        size = self.size(job, high=3_000_000) if rows else 0
        return json_content(self.content_rng(job), "registry", size, before, after)

    def _delete(self, request: Request, account: Account) -> Reply:
        job = self._job(request, account)
        if job is None or self.world.peek(job).gone:
            return _unknown()
        job.deleted_at = self.now
        return _envelope(True, "Report request has been deleted.")

    # idempotency

    def _once(self, request: Request, account: Account, then: Any) -> Reply:
        """On an enrolled instance a key is demanded, and its 2xx answer replayed for 24 h (A9)."""
        if not self.idempotent:
            return then(request, account)  # type: ignore[no-any-return]
        key = request.header("idempotency-key")
        if not key:
            return _envelope(False, "The Idempotency-Key header is required.", status=400)
        kept = self._replays.get((account.name, key))
        if kept is not None and self.now < kept[0] + DAY:
            first = kept[1]
            return Reply(first.status, first.body, {**first.headers, "Idempotent-Replayed": "true"})
        reply: Reply = then(request, account)
        if reply.status < 300:
            self._replays[account.name, key] = (self.now, reply)
        return reply


def _envelope(result: bool, message: str, data: Any = None, status: int = 200) -> Reply:
    return json_reply({"result": result, "message": message, "data": {} if data is None else data}, status)


def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent, and not said to be something else; empty for the rest."""
    if request.header("content-type").partition(";")[0].strip() not in ("", "application/json"):
        return {}
    body = request.json()
    return body if isinstance(body, dict) else {}


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _unknown() -> Reply:
    return _envelope(False, "Report request could not be found.")


def _unauthorized() -> Reply:
    return json_reply({"message": "Authorization has been denied for this request."}, 401)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
