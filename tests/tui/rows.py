"""A small set of jobs that shows every look a row can have, at a fixed moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reportdash.board.facts import Fetch
from reportdash.model import (
    Account,
    Artifact,
    ArtifactState,
    Event,
    Exchange,
    Health,
    Intent,
    IntentKind,
    Job,
    JobState,
    LastError,
    Spec,
    Stage,
    Verified,
)

NOW = datetime(2026, 11, 22, 14, 31).timestamp()  # noqa: DTZ001 - local on purpose
"""14:31 in whatever zone the tests run in: clock times on the screen are local."""

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
S = JobState


def saved(size: int, verified: Verified = Verified.LENGTH) -> Artifact:
    return Artifact(
        ArtifactState.SAVED,
        path="/srv/reports/file.csv",
        bytes=size,
        total=size,
        sha256="9f" * 32,
        verified=verified,
    )


def job(
    id: str,
    account: str,
    name: str,
    state: JobState,
    age: float,
    word: str | None = None,
    *,
    message: str | None = None,
    expires_in: float | None = None,
    seen_ago: float | None = 20.0,
    artifact: Artifact | None = None,
    note: str | None = None,
    took: float = 7 * MINUTE,
    parent: str | None = None,
    ordinal: int = 0,
    children_total: int | None = None,
    intent: Intent | None = None,
    error_code: str | None = None,
    attempts: int = 0,
    spec: Spec | None = None,
) -> Job:
    """A job submitted `age` seconds ago."""
    at = NOW - age
    settled = state.value not in ("submitting", "queued", "running", "finalizing", "deleting", "unknown")
    return Job(
        id=id,
        account=account,
        vendor=VENDORS[account],
        name=name,
        reference=None if state is S.SUBMITTING else f"{id}-49ae-4c1b-9d0e-9802d431",
        state=state,
        vendor_status=word,
        message=message,
        submitted_at=at,
        updated_at=at + took,
        settled_at=at + took if settled else None,
        expires_at=None if expires_in is None else NOW + expires_in,
        next_poll_at=None if settled else NOW + 20,
        attempts=attempts,
        parent=parent,
        ordinal=ordinal,
        children_total=children_total,
        artifact=artifact,
        note=note,
        seen_at=None if seen_ago is None else NOW - seen_ago,
        checks=14,
        intent=intent,
        error_code=error_code,
        spec=spec,
    )


VENDORS = {"main": "7g", "billing": "sigma", "admissions": "webadmit", "calls": "talkdesk"}


def jobs() -> list[Job]:
    """The rows of the board, newest first as the ledger gives them, children after their parent."""
    waiting = Intent(IntentKind.SUBMIT, Stage.WAITING, NOW - MINUTE, "k1")
    sending = Intent(IntentKind.SUBMIT, Stage.SENDING, NOW - 5, "k2")
    rows = [
        job(
            "k3f9ta",
            "billing",
            "AccountTransaction",
            S.FAILED,
            HOUR + 7 * MINUTE,
            "FAILED",
            message="Invalid object name 'dbo.Accounts'.",
            error_code="208",
            spec=Spec("AccountTransaction", {"month": "2026-10"}),
        ),
        job(
            "p07xwa",
            "main",
            "DistributionReconciliation",
            S.FAILED,
            26 * MINUTE,
            "error",
            message="No product",
        ),
        job(
            "m4q2ca",
            "main",
            "EntityBalanceReport 2026-10",
            S.READY,
            23.4 * HOUR,
            "complete",
            expires_in=38.5 * MINUTE,
        ),
        job(
            "b81zna",
            "admissions",
            "Applicants, Fall 2027",
            S.READY_WITH_WARNINGS,
            41 * MINUTE,
            "success_with_errors",
        ),
        job("t5h0va", "billing", "CashPosition", S.NOTIFY_FAILED, 2.5 * HOUR, "NOTIFICATION_FAILED"),
        job("w2d6ra", "calls", "calls_inbound 16 Nov", S.UNKNOWN, 8 * MINUTE, "archiving"),
        job("c9j4ea", "main", "TransactionSummary", S.READY, 12 * MINUTE, "complete", expires_in=23.5 * HOUR),
        job("h6y3sa", "admissions", "Enrolled students", S.READY, 4 * MINUTE, "Available"),
        job("g1n8ba", "billing", "Month-end pack", S.RUNNING, 9 * MINUTE, None, children_total=5),
        job("g1n8b1", "billing", "AgedDebtors", S.RUNNING, 9 * MINUTE, None, parent="g1n8ba", ordinal=1),
        job(
            "g1n8b2",
            "billing",
            "GeneralLedger",
            S.FINALIZING,
            9 * MINUTE,
            "GENERATED",
            parent="g1n8ba",
            ordinal=2,
        ),
        job("g1n8b3", "billing", "FixedAssets", S.READY, 9 * MINUTE, "NOTIFIED", parent="g1n8ba", ordinal=3),
        job(
            "g1n8b4",
            "billing",
            "TrialBalance",
            S.READY,
            9 * MINUTE,
            "PUBLISHED",
            parent="g1n8ba",
            ordinal=4,
            artifact=saved(1_100_000, Verified.CHECKSUM),
        ),
        job(
            "g1n8b5",
            "billing",
            "Intercompany",
            S.EMPTY,
            9 * MINUTE,
            "NO_DATA_AVAILABLE",
            parent="g1n8ba",
            ordinal=5,
        ),
        job(
            "d3k7aa",
            "main",
            "EntityBalanceReport 2026-11",
            S.SUBMITTING,
            10,
            None,
            message="sending",
            intent=sending,
        ),
        job(
            "r8s2ma",
            "main",
            "UnitHolderRegister 2026-11",
            S.SUBMITTING,
            MINUTE + 5,
            None,
            message="waits for a slot (1st)",
            intent=waiting,
        ),
        job("y5t1ja", "main", "TransactionSummary 2026-11", S.RUNNING, 3 * MINUTE, "incomplete"),
        job(
            "q0v9fa",
            "calls",
            "audit_logs 1–30 Nov",
            S.RUNNING,
            52 * MINUTE,
            "PROCESSING",
            seen_ago=47 * MINUTE,
        ),
        job(
            "z7c4ga",
            "admissions",
            "Applicants, Spring 2027",
            S.READY,
            3 * HOUR,
            "Available",
            artifact=saved(18_400_000, Verified.CHECKSUM),
        ),
        job(
            "n2b6ha",
            "main",
            "UnitHolderRegister",
            S.READY,
            5 * HOUR,
            "complete",
            expires_in=19.2 * HOUR,
            artifact=saved(2_000_000),
        ),
        job(
            "f9m5ka",
            "main",
            "EntityBalanceReport 2026-09",
            S.READY,
            20 * HOUR,
            "complete",
            expires_in=4.1 * HOUR,
            artifact=saved(6_300_000),
        ),
        job(
            "x4e8qa",
            "main",
            "TransactionSummary 2026-09",
            S.EXPIRED,
            2.2 * DAY,
            None,
            note="gone",
            artifact=saved(912_000),
        ),
    ]
    tops = sorted((row for row in rows if row.parent is None), key=lambda row: -(row.submitted_at or 0))
    return [row for top in tops for row in (top, *(child for child in rows if child.parent == top.id))]


def accounts() -> list[Account]:
    return [
        Account("main", "7g", accepted_at=NOW - HOUR),
        Account("billing", "sigma", accepted_at=NOW - HOUR),
        Account("admissions", "webadmit", health=Health.THROTTLED, since=NOW - 60, until=NOW + 2 * MINUTE),
        Account("calls", "talkdesk", health=Health.AUTH_FAILED, since=NOW - HOUR, message="invalid_client"),
    ]


FETCHES = {"h6y3sa": Fetch(24_400_000, 42_000_000), "g1n8b3": Fetch(0, None, queued=2)}


@dataclass
class Rows:
    """What a store gives at the start."""

    jobs: list[Job]
    accounts: list[Account]
    rev: int = 1


def history(of: str) -> list[Event]:
    at = NOW - HOUR - 7 * MINUTE
    return [
        Event(at, "submitted", "operator", S.SUBMITTING),
        Event(at + 1, "submitting → queued", "vendor", S.QUEUED),
        Event(at + 60, "queued → running", "vendor", S.RUNNING, "GENERATED"),
        Event(
            at + 420, "running → failed", "vendor", S.FAILED, "FAILED", "Invalid object name 'dbo.Accounts'."
        ),
    ]


def exchanges(of: str) -> list[Exchange]:
    at = NOW - HOUR
    return [
        Exchange(
            at + n * 60,
            "POST",
            "https://sigma.example.org/sigma/rest/reports/report-status?accessToken=•••",
            200,
            41 + n,
            "action=REPORT_INSTANCE_STATUS_CHECK",
            '{"headerMap":{"replyType":"success","reportStatus":"FAILED"}}',
            61,
        )
        for n in range(7)
    ]


def last_error(of: str) -> LastError | None:
    return None
