"""Sigma on loopback: generate-token, generate and report-status under /sigma/rest/reports.

Vendor pages: [S1] status, B2 tokens, B3 run report, B4 run group. A published file is really written, to a
folder handed in; how it is fetched is stated nowhere, so no call serves it. What no page shows is refused:
a parameter more, parameters in two places, a filter of another shape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from reportdash.simulator import catalog
from reportdash.simulator.accounts import Account
from reportdash.simulator.content import Content, csv_content
from reportdash.simulator.storage import Storage
from reportdash.simulator.vendor import Vendor
from reportdash.simulator.wire import Reply, Request, json_reply
from reportdash.simulator.world import Job, Stage, Step, World

WITH_FILE = ("PUBLISHED", "NOTIFIED", "NOTIFICATION_FAILED")
UNHAPPY = ("FAILED", "NOTIFICATION_FAILED")
TOKEN = {
    "APIKEY": {"action", "authType", "clientId", "clientToken"},
    "BASIC": {"action", "authType", "username", "password"},
}
ACTIONS = {
    ("generate", "RUN_REPORT"): {"action", "accessToken", "reportId", "reportFilter"},
    ("generate", "EXEC_REPORT_GROUP"): {"action", "accessToken", "reportGroupId"},
    ("report-status", "REPORT_INSTANCE_STATUS_CHECK"): {"action", "accessToken", "referenceNumber"},
    ("report-status", "REPORT_GROUP_INSTANCE_STATUS_CHECK"): {"action", "accessToken", "referenceNumber"},
}
"""The parameters of each call (B2, B3, B4, [S1])."""
FILTER = {"filterDef", "preHookParams", "procedureParams", "additionalParams", "bindParams"}
ENTRY = {"columnId", "filterId", "filterDataType", "filterValues", "filterDescriptions"}
SETTLING_S = 5.0
"""For so long after a submit (at pace 1) the answer is 204, and a group lists only half of its reports."""


class Sigma(Vendor):
    """Knobs: `params_in` (`query`, `json`, `form`; None takes all); `padded` ids and names; `http_errors`
    (the HTTP status says what statusCode says); `token_life_s`; `reference_key` in the answer to a submit.
    """

    name = "sigma"
    words = ("", "GENERATED")
    shares = (0.75, 0.25)
    actives: ClassVar[Mapping[str, str]] = {"queued": "", "running": "", "finalizing": "GENERATED"}
    finals: ClassVar[Mapping[str, str]] = {
        "ready": "PUBLISHED",
        "ready_with_warnings": "PUBLISHED",
        "notify_failed": "NOTIFICATION_FAILED",
        "empty": "NO_DATA_AVAILABLE",
        "failed": "FAILED",
        "cancelled": "FAILED",
        "notified": "NOTIFIED",
    }
    fates = (
        ("ready", 55), ("notified", 18), ("failed", 11), ("notify_failed", 7), ("empty", 8), ("lost", 1),
    )  # fmt: skip
    odd_word = "ARCHIVED"
    failures = catalog.SIGMA_FAILURES
    notes: ClassVar[Mapping[str, str]] = {
        "notify_failed": "SMTP server refused the message: mailbox is full."
    }

    def __init__(self, world: World, storage: Storage) -> None:
        super().__init__(world, storage)
        self.params_in: str | None = None
        self.padded = True
        self.http_errors = False
        self.token_life_s = 1_800.0
        self.reference_key = "referenceNumber"
        self.published: Path | None = None
        self._tokens: dict[str, tuple[str, float]] = {}

    def handle(self, request: Request) -> Reply | Step:
        params = self._params(request)
        calls: dict[tuple[str, object], Callable[[dict[str, Any], Account], Reply | Step]] = {
            ("generate", "RUN_REPORT"): self._run,
            ("generate", "EXEC_REPORT_GROUP"): self._run_group,
            ("report-status", "REPORT_INSTANCE_STATUS_CHECK"): self._status,
            ("report-status", "REPORT_GROUP_INSTANCE_STATUS_CHECK"): self._group_status,
        }
        _, found, call = request.path.rpartition("/sigma/rest/reports/")
        if not found or call not in ("generate-token", "generate", "report-status"):
            return Reply(404, b"<html><body><h1>404</h1></body></html>", {"Content-Type": "text/html"})
        if request.method != "POST":
            return Reply(405, b"<html><body><h1>405</h1></body></html>", {"Content-Type": "text/html"})
        action = params.get("action")
        if call == "generate-token":
            return self._sign_in(params)
        perform = calls.get((call, action))
        if perform is None:
            return self._failure(400, "Invalid action.")
        if not set(params) <= ACTIONS[call, str(action)]:
            return self._failure(400, "Invalid parameters.")
        user, expires = self._tokens.get(str(params.get("accessToken", "")), ("", 0.0))
        if user not in self.accounts or self.now >= expires:
            return self._failure(401, "Unauthorized API.")
        return perform(params, self.accounts[user])

    def _params(self, request: Request) -> dict[str, Any]:
        """The call's parameters, all in one place; the page says query, its prose payload (B3), so by default
        any place will do. None from two places at once.
        """
        places: dict[str, dict[str, Any]] = {"query": dict(request.query)}
        kind = request.header("content-type").partition(";")[0].strip()
        if kind == "application/json":
            body = request.json()
            places["json"] = body if isinstance(body, dict) else {}
        if kind == "application/x-www-form-urlencoded":
            places["form"] = dict(request.form)
        given = [place for place, found in places.items() if found]
        if len(given) != 1 or self.params_in not in (None, given[0]):
            return {}
        return places[given[0]]

    # sign-in

    def _sign_in(self, params: Mapping[str, Any]) -> Reply:
        ways = {"APIKEY": {"clientId": "client_id", "clientToken": "client_token"},
                "BASIC": {"username": "username", "password": "password"}}  # fmt: skip
        way = ways.get(str(params.get("authType", "")))
        if params.get("action") != "GENERATE_TOKEN" or way is None:
            return self._failure(400, "Invalid action or authType.")
        if set(params) != TOKEN[str(params["authType"])]:
            return self._failure(400, "Invalid parameters.")
        for account in self.accounts.values():
            secrets = {**account.basic, **account.secrets}
            if all(params.get(sent) == secrets.get(field, "") != "" for sent, field in way.items()):
                number = self.world.ordinal("sigma-token", account.name)
                token = self.world.uuid("sigma-token", account.name, number)
                self._tokens[token] = (account.name, self.now + self.token_life_s)
                return json_reply(
                    {"headerMap": {"replyType": "success", "success": "true", "accessToken": token}}
                )
        return self._failure(401, "Unauthorized API.")

    def expire_tokens(self) -> None:
        self._tokens.clear()

    def expired(self, request: Request) -> Reply | None:
        return self._failure(401, "Unauthorized API.") if self._params(request).get("accessToken") else None

    # running

    def _run(self, params: Mapping[str, Any], account: Account) -> Reply:
        report = str(params.get("reportId") or "").strip()
        if not report:
            return self._failure(400, "reportId is mandatory.")
        given = params.get("reportFilter")
        if isinstance(given, str) and given:
            try:
                given = json.loads(given)
            except ValueError:
                given = "not JSON"
        if given and not isinstance(given, dict):
            return self._failure(400, "reportFilter is not a valid JSON object.")
        if given and not _is_filter(given):
            return self._failure(400, "reportFilter is not of the documented shape.")
        reference = self._reference(account)
        name = catalog.SIGMA_REPORTS.get(report, report)
        self.create(account, reference, name, report, given or {})
        return json_reply(
            {
                "headerMap": {
                    "replyType": "SUCCESS",
                    "reportId": self._pad(report),
                    self.reference_key: reference,
                    "success": "true",
                    "statusCode": 200,
                    "status": "SUCCESS",
                }
            }
        )

    def _run_group(self, params: Mapping[str, Any], account: Account) -> Reply:
        group = str(params.get("reportGroupId") or "").strip()
        members = catalog.SIGMA_GROUPS.get(group)
        if members is None:
            return self._failure(400, "reportGroupId is mandatory." if not group else "Unknown report group.")
        reference = self._reference(account)
        self.create(account, f"group:{reference}", group, group, group=True, members=members)
        inner = {"reportGroupId": self._pad(group), "statusCode": 200, "status": "SUCCESS"}
        inner[self.reference_key] = reference
        return json_reply(
            {"headerMap": {"replyType": "SUCCESS", "success": "true", "reportGroupStatus": inner}}
        )

    def _reference(self, account: Account) -> str:
        number = self.world.ordinal("sigma-job", account.name)
        return "sim-" + self.world.uuid("sigma-job", account.name, number)

    # status

    def _status(self, params: Mapping[str, Any], account: Account) -> Reply | Step:
        job = self.world.find(self.name, str(params.get("referenceNumber") or ""), account.name)
        stage = self.world.look(job) if job else Stage(gone=True)
        if not isinstance(stage, Stage):
            return stage
        if job is None or stage.gone:
            return self._failure(400, "Invalid reference number.")
        self.publish(job, stage)
        silent = stage.code == "204" or (not stage.word and self._settling(job))
        return json_reply(
            {
                "headerMap": {
                    "replyType": "SUCCESS",
                    "reportId": self._pad(job.report),
                    "reportName": self._pad(job.name),
                    "success": "true",
                    "reportStatus": stage.word,
                    "errorCode": "" if stage.code == "204" else stage.code,
                    "statusCode": "204" if silent else "200",
                    "errorMsg": stage.message,
                }
            }
        )

    def _group_status(self, params: Mapping[str, Any], account: Account) -> Reply | Step:
        reference = str(params.get("referenceNumber") or "")
        job = self.world.find(self.name, f"group:{reference}", account.name)
        stage = self.world.look(job) if job else Stage(gone=True)
        if not isinstance(stage, Stage):
            return stage
        if job is None or stage.gone:
            return self._failure(400, "Invalid reference number.")
        total = stage.total if stage.total is not None else max(len(stage.children), len(job.members))
        children = stage.children[: total // 2] if self._settling(job) else stage.children
        reports = [self._child(job, place, child) for place, child in enumerate(children)]
        good = sum(child.word in ("PUBLISHED", "NOTIFIED") for child in children)
        bad = sum(child.word in UNHAPPY for child in children)
        return json_reply(
            {
                "headerMap": {
                    "reportFailureCount": str(bad),
                    "reports": reports,
                    "replyType": "SUCCESS",
                    "reportSuccessCount": str(good),
                    "referenceNumber": reference,
                    "success": "true",
                    "reportGroupId": self._pad(job.report),
                    "noOfReports": str(total),
                    "statusCode": "200",
                }
            }
        )

    def _child(self, job: Job, place: int, stage: Stage) -> dict[str, str]:
        known = place < len(job.members)
        name = job.members[place].name if known else f"Report {place + 1}"
        if known:
            self.publish(job.members[place], stage)
        return {
            "reportId": self._pad(name),
            "reportName": self._pad(name),
            "reportTitle": "",
            "reportStatus": stage.word,
            "errorCode": stage.code,
            "reportGroupId": self._pad(job.report),
            "errorMsg": stage.message,
        }

    def _settling(self, job: Job) -> bool:
        """Just submitted: only for jobs that go by time, so that scripts say exactly what they say."""
        by_time = job.script is None and self.world.changes is None
        return by_time and job.fresh and (self.now - job.start) * self.world.pace < SETTLING_S

    # files

    def adopt(self, account: str, reference: str, **more: Any) -> Job:
        job = super().adopt(account, reference, **more)
        if job.group:
            pairs = [(member, self.world.peek(member)) for member in job.members]
        else:
            pairs = [(job, self.world.peek(job))]
        for one, stage in pairs:
            one.published = bool(more.get("saved"))
            self.publish(one, stage)
        return job

    def publish(self, job: Job, stage: Stage) -> None:
        """Write the file of a finished report, once, under `{reportName}_{referenceNumber}.csv`."""
        if job.published or stage.word not in WITH_FILE or self.published is None:
            return
        job.published = True
        path = self.published / self.filename(job)
        part = path.with_name(f".{path.name}.tmp")
        part.write_bytes(self.content(job).all())
        part.rename(path)

    def filename(self, job: Job) -> str:
        reference = job.reference.removeprefix("group:").partition("#")[0]
        return re.sub(r"[/\x00]", "_", f"{job.name}_{reference}.csv")

    def content(self, job: Job) -> Content:
        return csv_content(self.content_rng(job), "ledger", self.size(job, high=400_000))

    # replies

    def _pad(self, text: str) -> str:
        return f" {text} " if self.padded else text

    def _failure(self, code: int, message: str) -> Reply:
        """A refusal in the body; the HTTP status stays 200 unless `http_errors`."""
        body = {
            "replyType": "FAILURE",
            "success": "false",
            "errorCode": "",
            "statusCode": str(code),
            "errorMsg": message,
        }
        return json_reply({"headerMap": body}, code if self.http_errors else 200)


def _is_filter(given: Mapping[str, Any]) -> bool:
    """Whether this is a reportFilter as B3 shows it."""
    entries = given.get("filterDef", [])
    return (
        set(given) <= FILTER
        and all(isinstance(given[part], dict) for part in set(given) - {"filterDef"})
        and isinstance(entries, list)
        and all(
            isinstance(entry, dict)
            and set(entry) == ENTRY
            and str(entry["filterId"]).startswith(("STR_", "TDT_", "NUM_LONG_"))
            for entry in entries
        )
    )
