"""The demo's table as it stands at the start: a cast of typical jobs, then as many more as were asked for.

Pure but for the few small files of jobs that count as saved. The same seed gives the same rows.
"""

# ruff: noqa: S311 - chance here makes repeatable demo rows, nothing secret

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reportdash.model import (
    ID_ALPHABET,
    SETTLED,
    Artifact,
    ArtifactState,
    Job,
    JobState,
    Spec,
    Verified,
)

LIVE = 300
"""Rows the simulator knows and the dashboard polls, at most."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
S = JobState


@dataclass(frozen=True)
class Role:
    """One row of the cast. `size` of a saved file in bytes; `children` of a group as (name, state)."""

    account: str
    name: str
    state: JobState
    age: float
    report: str = ""
    message: str = ""
    code: str = ""
    size: int | None = None
    saved: bool = False
    children: tuple[tuple[str, JobState], ...] = ()


VENDOR = {
    "main": "7g",
    "funds": "7g",
    "billing": "sigma",
    "treasury": "sigma",
    "admissions": "webadmit",
    "graduate": "webadmit",
    "calls": "talkdesk",
    "support": "talkdesk",
}
"""The demo's accounts."""

WORDS: dict[str, dict[JobState, str]] = {
    "7g": {S.QUEUED: "pending", S.RUNNING: "incomplete", S.READY: "complete", S.FAILED: "error"},
    "sigma": {
        S.RUNNING: "",
        S.FINALIZING: "GENERATED",
        S.READY: "PUBLISHED",
        S.NOTIFY_FAILED: "NOTIFICATION_FAILED",
        S.EMPTY: "NO_DATA_AVAILABLE",
        S.FAILED: "FAILED",
    },
    "webadmit": {
        S.QUEUED: "Queued",
        S.RUNNING: "In Progress",
        S.READY: "Available",
        S.READY_WITH_WARNINGS: "Success With Errors",
        S.EMPTY: "Empty List",
        S.FAILED: "Failed",
    },
    "talkdesk": {
        S.QUEUED: "created",
        S.RUNNING: "processing",
        S.FINALIZING: "uploading",
        S.READY: "done",
        S.FAILED: "failed",
        S.CANCELLED: "canceled",
        S.DELETED: "deleted",
        S.UNKNOWN: "archiving",
    },
}
"""Each vendor's own words for the states it has."""

CAST = (
    Role(
        "billing",
        "AccountTransaction",
        S.FAILED,
        HOUR,
        message="Invalid object name 'dbo.Accounts'.",
        code="208",
    ),
    Role(
        "main",
        "DistributionReconciliation",
        S.FAILED,
        26 * MINUTE,
        message="The unit price for 2026-11-14 is missing.",
    ),
    Role(
        "main", "EntityBalanceReport 2026-10", S.READY, 23 * HOUR + 22 * MINUTE, report="EntityBalanceReport"
    ),
    Role("admissions", "Applicants, Fall 2027", S.READY_WITH_WARNINGS, 41 * MINUTE, report="86446"),
    Role(
        "billing",
        "CashPosition",
        S.NOTIFY_FAILED,
        2 * HOUR,
        message="SMTP server did not accept the message.",
    ),
    Role("calls", "calls_inbound 16 Nov", S.UNKNOWN, 8 * MINUTE, report="calls"),
    Role("main", "TransactionSummary", S.READY, 12 * MINUTE),
    Role("admissions", "Enrolled students", S.READY, 4 * MINUTE, report="86448", size=42_000_000),
    Role(
        "billing",
        "Month-end pack",
        S.RUNNING,
        9 * MINUTE,
        report="group:MonthEndPack",
        children=(
            ("AgedDebtors", S.RUNNING),
            ("GeneralLedger", S.FINALIZING),
            ("FixedAssets", S.READY),
            ("TrialBalance", S.READY),
            ("Intercompany", S.EMPTY),
        ),
    ),
    Role("main", "EntityBalanceReport 2026-11", S.QUEUED, 20.0, report="EntityBalanceReport"),
    Role("main", "UnitHolderRegister 2026-11", S.QUEUED, 70.0, report="UnitHolderRegister"),
    Role("main", "TransactionSummary 2026-11", S.RUNNING, 3 * MINUTE, report="TransactionSummary"),
    Role("calls", "audit_logs 1–30 Oct", S.RUNNING, 52 * MINUTE, report="audit_logs"),
    Role("treasury", "CashPosition daily", S.RUNNING, 2 * MINUTE, report="CashPosition"),
    Role("graduate", "Test scores, all cycles", S.QUEUED, 40.0, report="86449"),
    Role("support", "user_status October", S.RUNNING, 5 * MINUTE, report="user_status"),
    Role("funds", "UnitPricing 2026-11", S.RUNNING, 90.0, report="UnitPricing"),
    Role("support", "csat October", S.FINALIZING, 6 * MINUTE, report="csat"),
    Role("graduate", "Letters of evaluation", S.EMPTY, 33 * MINUTE, report="86450"),
    Role(
        "admissions", "Applicants, Spring 2027", S.READY, 3 * HOUR, report="86447", size=184_000, saved=True
    ),
    Role("main", "UnitHolderRegister", S.READY, 5 * HOUR, size=20_400, saved=True),
    Role(
        "main",
        "EntityBalanceReport 2026-09",
        S.READY,
        20 * HOUR,
        report="EntityBalanceReport",
        size=63_000,
        saved=True,
    ),
    Role(
        "main",
        "TransactionSummary 2026-09",
        S.EXPIRED,
        2 * DAY,
        report="TransactionSummary",
        size=9_120,
        saved=True,
    ),
    Role("calls", "ring_attempts 3 Nov", S.CANCELLED, 3 * DAY, report="ring_attempts"),
    Role(
        "support", "feedback_flow October", S.DELETED, 4 * DAY, report="feedback_flow", size=4_410, saved=True
    ),
)

NAMES = {
    "7g": ("EntityBalanceReport", "TransactionSummary", "DistributionReconciliation", "UnitHolderRegister"),
    "sigma": ("AccountTransaction", "CashPosition", "AgedDebtors", "GeneralLedger", "TrialBalance"),
    "webadmit": ("86446", "86447", "86448", "86449", "86450"),
    "talkdesk": ("calls", "audit_logs", "user_status", "ring_attempts", "csat"),
}
TITLES = {
    "86446": "Applicants, Fall 2027",
    "86447": "Applicants, Spring 2027",
    "86448": "Enrolled students",
    "86449": "Test scores, all cycles",
    "86450": "Letters of evaluation",
}
REGULARS = (("main", "TransactionSummary"), ("calls", "audit_logs"))
FEWEST_TOLD = 22
"""Reports that have run so often that it is known how long they take: these first, as many of each."""
PAST = ((S.DELETED, 160), (S.CANCELLED, 14), (S.EMPTY, 20), (S.EXPIRED, 3), (S.FAILED, 3))
"""What became of the older rows."""
PRESENT = ((S.RUNNING, 60), (S.QUEUED, 20), (S.FINALIZING, 12), (S.READY, 8))
"""How the live rows beyond the cast stand."""


@dataclass(frozen=True)
class Row:
    """A job with what the simulator has to know of it (None: nothing, it is history)."""

    job: Job
    known: dict[str, Any] | None
    children: tuple[Job, ...] = ()


def rows(count: int, seed: int, now: float, folder: Path, *, only_working: bool = False) -> Iterator[Row]:
    """`count` rows, newest matters first; saved ones get a small file in `folder`.

    `only_working`: all live rows are at work, for a table that changes at a given rate.
    """
    rng = random.Random(f"demo/{seed}")
    ids: set[str] = set()
    made = live = 0
    for role in CAST:
        if made >= count:
            return
        row = _row(role, rng, ids, now, folder)
        live += row.known is not None
        made += 1
        yield row
    weight = max(1, min(LIVE, count) - live) if count > len(CAST) else 0
    # Of a small table about a third is at work; of a large one no more than the simulator is asked to carry.
    share = weight if only_working else min(weight, max(12, (count - made) // 3))
    slots = {"main": 3, "funds": 6}
    past = 0
    while made < count:
        working = share > 0
        share -= 1
        account = rng.choice(list(VENDOR))
        vendor = VENDOR[account]
        if working and vendor == "7g":
            # 7G runs ten at a time for a user; more would be a picture of something that can not be.
            if slots[account] <= 0:
                account, vendor = "calls", "talkdesk"
            else:
                slots[account] -= 1
        report = rng.choice(NAMES[vendor])
        if not working:
            if past < FEWEST_TOLD * len(REGULARS) or rng.random() < 0.5:
                account, report = REGULARS[past // FEWEST_TOLD % len(REGULARS)]
                vendor = VENDOR[account]
            past += 1
        state = _choose(rng, PRESENT if working else PAST)
        if state not in WORDS[vendor] and state not in (S.DELETED, S.EXPIRED):
            state = S.RUNNING if working else S.DELETED
        if only_working and working and state is S.READY:
            state = S.RUNNING
        month = f"{rng.randint(2024, 2026)}-{rng.randint(1, 12):02}"
        age = rng.uniform(20, 1800) if working else rng.uniform(DAY, 80 * DAY)
        role = Role(account, f"{TITLES.get(report, report)} {month}", state, age, report=report)
        if state is S.FAILED:
            role = replace(role, message="The data source was not reachable in time.")
        row = _row(role, rng, ids, now, folder, live=working)
        made += 1
        yield row


def _choose(rng: random.Random, table: tuple[tuple[JobState, int], ...]) -> JobState:
    return rng.choices([state for state, _ in table], [weight for _, weight in table])[0]


def _row(
    role: Role, rng: random.Random, ids: set[str], now: float, folder: Path, live: bool | None = None
) -> Row:
    vendor = VENDOR[role.account]
    report = role.report or role.name
    reference = _reference(vendor, report, rng)
    submitted = now - role.age
    settled = role.state in SETTLED
    gone = role.state in (S.DELETED, S.EXPIRED)
    took = min(role.age * 0.5, rng.lognormvariate(5.5, 0.25)) if settled else None
    word = None if gone and role.state not in WORDS[vendor] else WORDS[vendor].get(role.state)
    job = Job(
        id=_id(rng, ids),
        account=role.account,
        vendor=vendor,
        name=role.name,
        reference=reference,
        state=role.state,
        vendor_status=word or None,
        message=role.message or None,
        error_code=role.code or None,
        submitted_at=submitted,
        updated_at=now - role.age * 0.2,
        settled_at=submitted + took if took is not None else None,
        expires_at=submitted + DAY if vendor == "7g" else None,
        spec=Spec(report=report),
        note="gone" if role.state is S.EXPIRED else None,
        deleted_by_us=role.state is S.DELETED,
        seen_at=now - role.age * 0.2,
        checks=1,
        children_total=len(role.children) or None,
        took=(took * 0.9, took) if took is not None and role.state is not S.CANCELLED else None,
    )
    if role.saved and role.size:
        job = replace(job, artifact=_saved(job, role.size, folder))
    known = None
    if live if live is not None else not gone:
        # Due at once: the poller spreads its first looks by itself.
        job = replace(job, next_poll_at=now if not settled or role.state is S.READY else None)
        known = {
            "vendor": vendor,
            "account": role.account,
            "reference": reference,
            "name": role.name,
            "report": report.removeprefix("group:"),
            "stage": str(role.state),
            "age_s": role.age,
            "message": role.message,
            "code": role.code,
            "children": [{"name": name, "stage": str(state)} for name, state in role.children],
        }
        if role.size:
            known["size"] = role.size
    children = tuple(
        _child(job, place, name, state, rng, ids) for place, (name, state) in enumerate(role.children, 1)
    )
    return Row(job, known, children)


def _child(parent: Job, place: int, name: str, state: JobState, rng: random.Random, ids: set[str]) -> Job:
    return replace(
        parent,
        id=_id(rng, ids),
        name=name,
        reference=f"{parent.reference}#{place}",
        state=state,
        vendor_status=WORDS[parent.vendor].get(state) or None,
        settled_at=parent.updated_at if state in SETTLED else None,
        next_poll_at=None,
        parent=parent.id,
        ordinal=place,
        children_total=None,
        spec=None,
        artifact=None,
    )


def _id(rng: random.Random, ids: set[str]) -> str:
    while True:
        text = "".join(rng.choices(ID_ALPHABET, k=6))
        if text not in ids:
            ids.add(text)
            return text


def _reference(vendor: str, report: str, rng: random.Random) -> str:
    number = uuid.UUID(int=rng.getrandbits(128), version=4)
    if vendor == "webadmit":
        # Wide enough that two of a million rows do not meet.
        return f"{report}/{rng.getrandbits(53)}"
    if vendor == "talkdesk":
        return f"{report}/{number}"
    return f"group:{number}" if report.startswith("group:") else str(number)


def _saved(job: Job, size: int, folder: Path) -> Artifact:
    extension = "json" if job.vendor == "7g" else "csv"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{job.account}_{job.id}.{extension}"
    line = b'{"demo": true}\n' if extension == "json" else b"id,amount\n17,42.00\n"
    body = (line * (size // len(line) + 1))[:size]
    path.write_bytes(body)
    return Artifact(
        ArtifactState.SAVED,
        path=str(path),
        bytes=size,
        total=size,
        sha256=hashlib.sha256(body).hexdigest(),
        verified=Verified.LENGTH,
    )
