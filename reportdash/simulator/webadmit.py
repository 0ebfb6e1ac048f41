"""WebAdMIT on loopback: identities, export templates, export files and their signed links, under /api/v1.

Vendor pages: [S2] status and errors, C1 the other calls and the rate limit, C2 the capitalised status words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from reportdash.simulator import catalog
from reportdash.simulator.accounts import Account
from reportdash.simulator.content import Content, csv_content
from reportdash.simulator.storage import Storage
from reportdash.simulator.vendor import Vendor
from reportdash.simulator.wire import Reply, Request, json_reply
from reportdash.simulator.world import Job, Stage, Step, World

FIRST_FILE = 74_779
HOUR = 3_600.0
_PATH = re.compile(
    r"/api/v1(?:/user_identities(?:/(?P<user>\d+))?)?(?:/exports(?:/(?P<export>\d+))?)?"
    r"(?:/export_files(?:/(?P<file>\d+))?)?"
)


class WebAdmit(Vendor):
    """Knobs: `limit` calls an hour and key; `snake_case` status words; `odd_href` (an id in `href` that is
    not the export's, as in the vendor's own sample); `link_with_errors`; `recent` files in a list.
    """

    name = "webadmit"
    words = ("Initializing", "Queued", "In Progress")
    shares = (0.1, 0.2, 0.7)
    actives: ClassVar[Mapping[str, str]] = {
        "queued": "Queued",
        "running": "In Progress",
        "finalizing": "In Progress",
    }
    finals: ClassVar[Mapping[str, str]] = {
        "ready": "Available",
        "ready_with_warnings": "Success With Errors",
        "notify_failed": "Available",
        "empty": "Empty List",
        "failed": "Failed",
        "cancelled": "Failed",
    }
    fates = (("ready", 72), ("ready_with_warnings", 9), ("empty", 8), ("failed", 10), ("lost", 1))
    odd_word = "On Hold"
    failures = catalog.WEBADMIT_FAILURES

    def __init__(self, world: World, storage: Storage) -> None:
        super().__init__(world, storage)
        self.limit = 5_000
        self.snake_case = False
        self.odd_href = True
        self.link_with_errors = True
        self.recent = 200
        self._windows: dict[str, tuple[float, int]] = {}

    def live(self, stage: Stage) -> bool:
        return not stage.gone and _plain(stage.word) not in map(_plain, self.finals.values())

    def handle(self, request: Request) -> Reply | Step:
        key = request.header("x-api-key")
        account = next((one for one in self.accounts.values() if one.secrets["api_key"] == key), None)
        if account is None:
            return Reply(401)
        left, wait = self._spend(account)
        if left < 0:
            reply: Reply | Step = json_reply({"message": "Too Many Requests"}, 429, Retry_After=str(wait))
        else:
            reply = self._call(request, account)
        if isinstance(reply, Reply):
            limits = {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(max(left, 0))}
            return replace(reply, headers={**reply.headers, **limits})
        return reply

    def _spend(self, account: Account) -> tuple[int, int]:
        """One call of the hour's allowance: how many are left (below 0: refused), seconds to the next."""
        start, used = self._windows.get(account.name, (self.now, 0))
        if self.now >= start + HOUR or self.now < start:
            start, used = self.now, 0
        self._windows[account.name] = (start, used + 1)
        return self.limit - used - 1, math.ceil(start + HOUR - self.now)

    def _call(self, request: Request, account: Account) -> Reply | Step:
        place = _PATH.fullmatch(request.path)
        if place is None:
            return _missing()
        user, export, file = place["user"], place["export"], place["file"]
        if user is not None and int(user) != account.identity:
            return _missing(f"User identity '{user}' not found.")
        tail = re.sub(r"/\d+", "/#", request.path.removeprefix("/api/v1"))
        match request.method, tail:
            case "GET", "/user_identities":
                return self._identities(account)
            case "GET", "/exports" | "/user_identities/#/exports":
                return self._exports(request.path)
            case "GET", "/user_identities/#/export_files":
                return self._list(request.path, account)
            case "POST", "/user_identities/#/exports/#/export_files":
                return self._submit(int(export), account)
            case "GET", "/exports/#/export_files/#":
                return self._status(f"{int(export)}/{int(file)}", account)
        return _missing()

    def adopt(self, account: str, reference: str, **more: Any) -> Job:
        """A reference is `EXPORT_ID/FILE_ID`; raises ValueError for another."""
        export, _, file = reference.partition("/")
        return super().adopt(account, f"{int(export)}/{int(file)}", **{**more, "report": str(int(export))})

    # what there is

    def _identities(self, account: Account) -> Reply:
        identity = {
            "id": account.identity,
            "type": "WebAdMIT",
            "association": "Demo Association",
            "institution": "Demo University",
            "organization": account.name.capitalize(),
            "cycle": "2026 - 2027",
        }
        return json_reply({"href": "/api/v1/user_identities", "user_identities": [identity]})

    def _exports(self, path: str) -> Reply:
        exports = [
            {"id": number, "name": name, "list_type": "Applicants", "format": "CSV",
             "mime_type": "text/csv; charset=iso-8859-1"}
            for number, name in catalog.WEBADMIT_EXPORTS
        ]  # fmt: skip
        return json_reply({"href": path, "exports": exports})

    # files

    def _submit(self, export: int, account: Account) -> Reply:
        """201; while a file of this export is being made, the same one again."""
        names = dict(catalog.WEBADMIT_EXPORTS)
        if export not in names:
            return _missing()
        for job in self.world.of(self.name, account.name):
            if job.report == str(export) and self.live(self.world.peek(job)):
                return json_reply({"export_files": self._body(job, self.world.peek(job))}, 201)
        number = FIRST_FILE
        while number == FIRST_FILE or (self.name, f"{export}/{number}") in self.world.jobs:
            number = FIRST_FILE + self.world.ordinal("webadmit-file")
        job = self.create(account, f"{export}/{number}", names[export], str(export))
        return json_reply({"export_files": self._body(job, self.world.peek(job))}, 201)

    def _status(self, reference: str, account: Account) -> Reply | Step:
        job = self.world.find(self.name, reference, account.name)
        stage = self.world.look(job) if job else Stage(gone=True)
        if not isinstance(stage, Stage):
            return stage
        if job is None or stage.gone:
            return _missing()
        body = self._body(job, stage)
        word = _plain(stage.word)
        if word == "available" or (word == "success_with_errors" and self.link_with_errors):
            body["download_url"] = self._link(job)
        return json_reply({"export_files": body})

    def _list(self, path: str, account: Account) -> Reply:
        """The newest files, without their links."""
        own = [job for job in self.world.of(self.name, account.name) if not self.world.peek(job).gone]
        own.sort(key=lambda job: job.submitted_at, reverse=True)
        files = [self._body(job, self.world.glance(job)) for job in own[: self.recent]]
        return json_reply({"href": path, "export_files": files})

    def _body(self, job: Job, stage: Stage) -> dict[str, Any]:
        export, file = map(int, job.reference.split("/"))
        shown = export + 20 if self.odd_href else export
        return {
            "id": file,
            "href": f"/api/v1/exports/{shown}/export_files/{file}",
            "export_id": export,
            "status": _plain(stage.word) if self.snake_case else stage.word,
        }

    def _link(self, job: Job) -> str:
        number = f"{int(job.reference.split('/')[1]):09}"
        folder = "/".join((number[:3], number[3:6], number[6:]))
        stem = self.world.uuid("webadmit-key", job.reference).replace("-", "")
        key = f"/webadmit-production/export_files/reports/{folder}/~{stem}_original.csv"
        filename = re.sub(r"[^A-Za-z0-9]+", "-", job.name).strip("-") + ".csv"
        return self.storage.sign_v2(self.name, key, filename, self.content(job))

    def content(self, job: Job) -> Content:
        rows = self.world.peek(job).rows
        return csv_content(self.content_rng(job), "applicants", self.size(job) if rows else 0, "latin-1")


def _plain(word: str) -> str:
    return word.casefold().replace(" ", "_")


def _missing(message: str = "Not Found") -> Reply:
    return json_reply({"message": message}, 404)
