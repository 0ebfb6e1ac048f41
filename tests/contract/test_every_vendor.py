"""The suite that is shipped for plug-ins, on our own four vendors: the simulator stands in for the stage."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from reportdash.model import JobState, Spec
from reportdash.simulator import Half, Lost, Reply, Reset, Simulator
from reportdash.testing import HALF, LOST, RESET, START, STUCK, Answer, Fault, Received, Stage, VendorContract
from reportdash.vendors.seveng import SevenG
from reportdash.vendors.sigma import Sigma
from reportdash.vendors.talkdesk import Talkdesk
from reportdash.vendors.webadmit import WebAdmit

TROUBLES: dict[Fault, Callable[[], Any]] = {
    RESET: Reset,
    LOST: Lost,
    HALF: Half,
    STUCK: lambda: Stuck(),
}


class Stuck:
    """A fault: every request is answered as the first was."""

    def __init__(self) -> None:
        self.first: Reply | None = None

    async def __call__(self, request: Any, serve: Callable[[], Awaitable[Reply | None]]) -> Reply | None:
        if self.first is None:
            self.first = await serve()
        return self.first


class Simulated(Stage):
    """An account of the simulator."""

    def __init__(
        self, sim: Simulator, vendor: str, account: str, report: str, calls: Mapping[str, str]
    ) -> None:
        known = sim.accounts()[account]
        self.settings: Mapping[str, Any] = known["settings"]
        self.secrets: Mapping[str, str] = known["secrets"]
        self.sim, self.vendor, self.account, self.report, self.calls = sim, vendor, account, report, calls

    def know(self, reference: str, word: str, *, message: str = "", content: bytes | None = None) -> bytes:
        size = None if content is None else len(content)
        self.sim.add(
            self.vendor, reference, self.account, stage=word, report=self.report, message=message, size=size
        )
        if not message:  # as the vendor spells it, whatever the simulator calls the stage
            self.sim.script(self.vendor, reference, [word])
        return self.sim.vendors[self.vendor].content(self.sim.job(self.vendor, reference)).all()

    def spoil(self, call: str, fault: Fault, *, times: int | None = 1) -> None:
        method, _, path = self.calls[call].partition(" ")
        if isinstance(fault, Answer):
            made: Any = Reply(fault.status, fault.raw, {"Content-Type": fault.kind, **fault.headers})
        else:
            made = TROUBLES[fault]()
        self.sim.inject(self.vendor, made, method=method, path=path, times=times)

    def expire(self) -> None:
        self.sim.vendors[self.vendor].expire_tokens()

    def deleted(self, reference: str) -> bool:
        return self.sim.job(self.vendor, reference).deleted

    def requests(self) -> Sequence[Received]:
        here = self.sim.url(self.vendor)
        return [
            Received(one.method, one.raw, here, one.headers, one.body) for one in self.sim.calls(self.vendor)
        ]


class OnTheSimulator(VendorContract):
    account: ClassVar[str]
    report: ClassVar[str]

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[Stage]:
        with TemporaryDirectory() as folder:
            async with Simulator(seed=1, now=lambda: START, published_dir=Path(folder)) as sim:
                yield Simulated(sim, self.kind.name, self.account, self.report, self.calls)


class TestSevenG(OnTheSimulator):
    kind = SevenG
    account = "main"
    report = "TransactionSummary"
    secrets: ClassVar = {"username": "somebody", "password": "something"}
    reference = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
    other = "00000000-1111-4222-8333-444444444444"
    spec = Spec("TransactionSummary", {"ProductID": "A01", "FromDate": "2026-11-01"})
    words: ClassVar = {
        "pending": JobState.QUEUED,
        "incomplete": JobState.RUNNING,
        "complete": JobState.READY,
        "error": JobState.FAILED,
    }
    running, ready, explains = "incomplete", "complete", "error"
    sign_in = "POST /User/Login"
    calls: ClassVar = {
        "status": "GET /Report/Status",
        "submit": "POST /Report",
        "download": "GET /Report",
        "delete": "DELETE /Report",
    }

    def same(self, got: bytes, made: bytes) -> bool:
        return bool(json.loads(got) == json.loads(made)["data"])


class TestSigma(OnTheSimulator):
    kind = Sigma
    account = "billing"
    report = "AccountTransaction"
    secrets: ClassVar = {"client_id": "somebody", "client_token": "something"}
    reference = "2djj-6c394d0e"
    other = "2djj-ffffffff"
    spec = Spec("AccountTransaction", {"bindParams.branch": "12"})
    words: ClassVar = {
        "": JobState.RUNNING,
        "GENERATED": JobState.FINALIZING,
        "PUBLISHED": JobState.READY,
        "NOTIFIED": JobState.READY,
        "NOTIFICATION_FAILED": JobState.NOTIFY_FAILED,
        "NO_DATA_AVAILABLE": JobState.EMPTY,
        "FAILED": JobState.FAILED,
    }
    running, ready, explains = "GENERATED", "PUBLISHED", "FAILED"
    sign_in = "POST /sigma/rest/reports/generate-token"
    missing_is_certain = False
    free_references = True
    calls: ClassVar = {"status": "POST */report-status*", "submit": "POST */generate[?]*"}


class TestWebAdmit(OnTheSimulator):
    kind = WebAdmit
    account = "admissions"
    report = "86446"
    secrets: ClassVar = {"api_key": "something"}
    reference, other = "86446/74780", "86446/99999"
    spec = Spec("86446")
    words: ClassVar = {
        "Initializing": JobState.QUEUED,
        "Queued": JobState.QUEUED,
        "In Progress": JobState.RUNNING,
        "Available": JobState.READY,
        "Success With Errors": JobState.READY_WITH_WARNINGS,
        "Empty List": JobState.EMPTY,
        "Failed": JobState.FAILED,
    }
    running, ready = "In Progress", "Available"
    missing_is_certain = False
    calls: ClassVar = {
        "status": "GET /api/v1/exports/*/export_files/*",
        "download": "GET /api/v1/exports/*/export_files/*",
        "submit": "POST /api/v1/*/export_files",
        "list": "GET /api/v1/user_identities/*/export_files",
    }


class TestTalkdesk(OnTheSimulator):
    kind = Talkdesk
    account = report = "calls"
    secrets: ClassVar = {"client_id": "somebody", "client_secret": "something"}
    reference, other = "calls/6f1b2a90c3d4", "calls/ffffffffffff"
    spec = Spec("calls", {}, "csv", "2026-08-01", "2026-09-01")
    words: ClassVar = {
        "created": JobState.QUEUED,
        "processing": JobState.RUNNING,
        "uploading": JobState.FINALIZING,
        "sending": JobState.FINALIZING,
        "done": JobState.READY,
        "failed": JobState.FAILED,
        "canceled": JobState.CANCELLED,
        "cancelled": JobState.CANCELLED,
        "deleted": JobState.DELETED,
    }
    running, ready = "processing", "done"
    sign_in = "POST /oauth/token"
    delete_answers_nothing = True
    calls: ClassVar = {
        "status": "GET /data/reports/*/jobs/*",
        "submit": "POST /data/reports/*/jobs",
        "download": "GET /data/reports/*/files/*",
        "delete": "DELETE /data/reports/*/files/*",
        "list": "GET /data/reports/*/jobs",
    }

    def numbered(self, number: int) -> str:
        return f"calls/{number:012x}"
