"""Records of the model to rows of the ledger and back. No I/O.

What leaves here for SQLite is safe for it: no lone surrogates, no control characters, no text without bound,
no integer past 64 bits. The net room has cleaned it before; this is the last door.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, TypeAlias, TypeVar

from reportdash.ledger.problems import UnreadableRow
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
from reportdash.plain import clean, clean_block
from reportdash.slots import differing, open_twin

Row: TypeAlias = tuple[Any, ...]
T = TypeVar("T")

JOB_COLUMNS = (
    "id",
    "account",
    "vendor",
    "name",
    "reference",
    "state",
    "vendor_status",
    "message",
    "health",
    "submitted_at",
    "updated_at",
    "settled_at",
    "expires_at",
    "next_poll_at",
    "attempts",
    "parent",
    "rev",
    "spec",
    "intent",
    "prior",
    "tracked",
    "ordinal",
    "children_total",
    "error_code",
    "note",
    "seen_at",
    "checks",
    "gone_since",
    "gone_count",
    "deleted_by_us",
    "forgotten_at",
    "adopted",
    "took_from",
    "took_to",
    "drift",
    "artifact_state",
    "artifact_path",
    "artifact_bytes",
    "artifact_total",
    "artifact_sha256",
    "artifact_verified",
    "artifact_owner",
    "artifact_error",
)
"""In the order of Job's fields, with the artifact's at the end."""
JOB = ", ".join(JOB_COLUMNS)
_JSON_COLUMNS = frozenset({JOB_COLUMNS.index("spec"), JOB_COLUMNS.index("intent")})
_PATH_COLUMN = JOB_COLUMNS.index("artifact_path")
_ARTIFACT_COLUMNS = JOB_COLUMNS[JOB_COLUMNS.index("artifact_state") :]
_NO_ARTIFACT = (None,) * len(_ARTIFACT_COLUMNS)

ACCOUNT_COLUMNS = (
    "name",
    "vendor",
    "health",
    "since",
    "until",
    "message",
    "paused",
    "failures",
    "accepted_at",
    "owner",
    "epoch",
    "lease_until",
    "slots_full_at",
    "listed_at",
    "only_there",
    "only_there_count",
    "refused_at",
    "refusal",
    "keyless",
    "rev",
)
ACCOUNT = ", ".join(ACCOUNT_COLUMNS)

MOST_TOLD = 10
"""References of an account's `only_there` that are kept: its column must stay below `_TEXT_LIMIT`."""
BODY_BYTES = 4096
_TEXT_LIMIT = 4000
_WHOLE_MAX = 2**63 - 1

_STATES: dict[str, JobState] = {str(s): s for s in JobState}
_HEALTHS: dict[str, Health] = {str(h): h for h in Health}
_ARTIFACTS: dict[str, ArtifactState] = {str(s): s for s in ArtifactState}
_VERIFIED: dict[str, Verified] = {str(v): v for v in Verified}


# A table opens with a hundred thousand rows, whose few accounts, reports and words repeat: each is kept once.
_OpenJob = open_twin(Job)
_new = object.__new__
_one = lru_cache(maxsize=4096)(str)


def _readable(make: Callable[[Row], T]) -> Callable[[Row], T]:
    """A damaged file may give any value: one that makes no record raises UnreadableRow."""

    @wraps(make)
    def made(row: Row) -> T:
        try:
            return make(row)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise UnreadableRow(f"unreadable row: {clean(error, 80)}") from error

    return made


@_readable
def job_of(row: Row) -> Job:
    """The job in a row of JOB_COLUMNS."""
    job = _new(_OpenJob)
    (
        job.id,
        account,
        vendor,
        name,
        job.reference,
        state,
        vendor_status,
        message,
        health,
        job.submitted_at,
        updated_at,
        settled_at,
        job.expires_at,
        job.next_poll_at,
        job.attempts,
        job.parent,
        job.rev,
        spec,
        intent,
        prior,
        tracked,
        job.ordinal,
        job.children_total,
        job.error_code,
        note,
        seen_at,
        job.checks,
        job.gone_since,
        job.gone_count,
        deleted_by_us,
        job.forgotten_at,
        adopted,
        took_from,
        took_to,
        job.drift,
        copy,
        path,
        size,
        total,
        sha256,
        verified,
        owner,
        error,
    ) = row
    job.account = _one(account)
    job.vendor = _one(vendor)
    job.name = _one(name)
    job.state = _STATES[state]
    job.vendor_status = None if vendor_status is None else _one(vendor_status)
    job.message = None if message is None else _one(message)
    job.note = None if note is None else _one(note)
    job.health = _HEALTHS[health]
    job.updated_at = updated_at
    job.settled_at = updated_at if settled_at == updated_at else settled_at
    job.seen_at = updated_at if seen_at == updated_at else seen_at
    job.spec = None if spec is None else _spec_of(spec)
    job.intent = None if intent is None else intent_of(intent)
    job.prior = None if prior is None else _STATES[prior]
    job.tracked = tracked == 1
    job.deleted_by_us = deleted_by_us == 1
    job.adopted = adopted == 1
    job.took = None if took_to is None else (took_from, took_to)
    job.artifact = (
        None if copy is None else _artifact_of((copy, path, size, total, sha256, verified, owner, error))
    )
    job.__class__ = Job
    return job  # type: ignore[no-any-return]


def row_of(job: Job) -> Row:
    """A job as values for JOB_COLUMNS, not yet made safe (see `safe`)."""
    artifact = job.artifact
    return (
        job.id,
        job.account,
        job.vendor,
        job.name,
        job.reference,
        job.state._value_,
        job.vendor_status,
        job.message,
        job.health._value_,
        job.submitted_at,
        job.updated_at,
        job.settled_at,
        job.expires_at,
        job.next_poll_at,
        job.attempts,
        job.parent,
        job.rev,
        None if job.spec is None else _spec_text(job.spec),
        None if job.intent is None else _intent_text(job.intent),
        None if job.prior is None else job.prior._value_,
        1 if job.tracked else 0,
        job.ordinal,
        job.children_total,
        job.error_code,
        job.note,
        job.seen_at,
        job.checks,
        job.gone_since,
        job.gone_count,
        1 if job.deleted_by_us else 0,
        job.forgotten_at,
        1 if job.adopted else 0,
        *(job.took or (None, None)),
        job.drift,
        *(_NO_ARTIFACT if artifact is None else _artifact_row(artifact)),
    )


def safe(value: Any) -> Any:
    """A column's value as SQLite and a terminal can bear it."""
    if isinstance(value, str):
        plain = value.isascii() and value.isprintable() and len(value) <= _TEXT_LIMIT
        return value if plain else _same_or(clean(value, _TEXT_LIMIT), value)
    if isinstance(value, int) and not -_WHOLE_MAX <= value <= _WHOLE_MAX:
        return _WHOLE_MAX if value > 0 else -_WHOLE_MAX
    return value


def _same_or(mended: str, value: str) -> str:
    """The very text that was handed in, where nothing had to be mended: `is` tells the two cases apart."""
    return value if mended == value else mended


def _safe_path(value: Any) -> Any:
    """A path leads to a file only as it is written, so what merely cannot be seen in it stays."""
    return value if isinstance(value, str) and value.isprintable() else safe(value)


def safe_job_row(row: Sequence[Any]) -> Row:
    # Spec and intent are our own JSON with everything escaped: safe as they are, and longer than other text.
    made = [value if i in _JSON_COLUMNS else safe(value) for i, value in enumerate(row)]
    made[_PATH_COLUMN] = _safe_path(row[_PATH_COLUMN])
    return tuple(made)


def differences(old: Job, new: Job) -> tuple[dict[str, Any], dict[str, Any]]:
    """What to write so that the row of `old` says what `new` says; `id` and `rev` are the ledger's own.

    Gives the columns that differ, with safe values, and the fields of `new` that had to be made safe for it.
    """
    columns: dict[str, Any] = {}
    mended: dict[str, Any] = {}
    for name, was, now in differing(old, new):
        if was == now:
            continue
        if now.__class__ is float:
            columns[name] = now
        elif (write := _WRITTEN.get(name)) is not None:
            columns |= write(now)
        else:
            value = safe(now)
            if value != was:
                columns[name] = value
            if value is not now:
                mended[name] = value
    if "artifact_state" in columns and new.artifact is not None:
        mended["artifact"] = _artifact_of(tuple(columns[name] for name in _ARTIFACT_COLUMNS))
    return columns, mended


def _artifact_of(row: Row) -> Artifact:
    state, path, size, total, sha256, verified, owner, error = row
    return Artifact(_ARTIFACTS[state], path, size, total, sha256, _VERIFIED[verified], owner, error)


def _artifact_row(artifact: Artifact) -> Row:
    return (
        artifact.state._value_,
        artifact.path,
        artifact.bytes,
        artifact.total,
        artifact.sha256,
        artifact.verified._value_,
        artifact.owner,
        artifact.error,
    )


def _safe_artifact_row(artifact: Artifact) -> Row:
    state, path, *rest = _artifact_row(artifact)
    return (state, _safe_path(path), *map(safe, rest))


@lru_cache(maxsize=1024)
def _spec_of(text: str) -> Spec:
    data = json.loads(text)
    return Spec(
        report=data["report"],
        params=data["params"],
        format=data["format"],
        time_from=data["from"],
        time_to=data["to"],
    )


def _spec_text(spec: Spec) -> str:
    return json.dumps(
        {
            "report": spec.report,
            "params": dict(spec.params),
            "format": spec.format,
            "from": spec.time_from,
            "to": spec.time_to,
        }
    )


def intent_of(text: str) -> Intent:
    """An intent from its column."""
    data = json.loads(text)
    return Intent(
        kind=IntentKind(data["kind"]),
        stage=Stage(data["stage"]),
        at=data["at"],
        key=data["key"],
        owner=data["owner"],
        tries=data["tries"],
        not_before=data["not_before"],
        unsaved=data.get("unsaved", False),  # an older reportdash did not write it
    )


def _intent_text(intent: Intent) -> str:
    return json.dumps(
        {
            "kind": str(intent.kind),
            "stage": str(intent.stage),
            "at": intent.at,
            "key": intent.key,
            "owner": intent.owner,
            "tries": intent.tries,
            "not_before": intent.not_before,
            "unsaved": intent.unsaved,
        }
    )


_WRITTEN: dict[str, Callable[[Any], dict[str, Any]]] = {
    "id": lambda _: {},
    "rev": lambda _: {},
    "state": lambda state: {"state": state._value_},
    "health": lambda health: {"health": health._value_},
    "prior": lambda prior: {"prior": None if prior is None else prior._value_},
    "spec": lambda spec: {"spec": None if spec is None else _spec_text(spec)},
    "intent": lambda intent: {"intent": None if intent is None else _intent_text(intent)},
    "tracked": lambda tracked: {"tracked": 1 if tracked else 0},
    "deleted_by_us": lambda deleted: {"deleted_by_us": 1 if deleted else 0},
    "adopted": lambda adopted: {"adopted": 1 if adopted else 0},
    "took": lambda took: dict(zip(("took_from", "took_to"), took or (None, None), strict=True)),
    "artifact": lambda artifact: dict(
        zip(
            _ARTIFACT_COLUMNS,
            _NO_ARTIFACT if artifact is None else _safe_artifact_row(artifact),
            strict=True,
        )
    ),
}
"""Field → its columns and their values, where a column is not simply the field made safe."""


@_readable
def account_of(row: Row) -> Account:
    """The account in a row of ACCOUNT_COLUMNS."""
    return Account(
        row[0],
        row[1],
        _HEALTHS[row[2]],
        row[3],
        row[4],
        row[5],
        row[6] == 1,
        row[7],
        row[8],
        row[9],
        row[10],
        row[11],
        row[12],
        row[13],
        () if row[14] is None else tuple(json.loads(row[14])),
        row[15],
        row[16],
        row[17],
        row[18] == 1,
        row[19],
    )


def account_row(account: Account) -> Row:
    return (
        account.name,
        account.vendor,
        account.health._value_,
        account.since,
        account.until,
        account.message,
        1 if account.paused else 0,
        account.failures,
        account.accepted_at,
        account.owner,
        account.epoch,
        account.lease_until,
        account.slots_full_at,
        account.listed_at,
        json.dumps([clean(one, 200) for one in account.only_there[:MOST_TOLD]])
        if account.only_there
        else None,
        account.only_there_count,
        account.refused_at,
        account.refusal,
        1 if account.keyless else 0,
        account.rev,
    )


@_readable
def event_of(row: Row) -> Event:
    """at, what, who, state, vendor_status, message."""
    return Event(row[0], row[1], row[2], _STATES[row[3]], row[4], row[5])


def exchange_of(row: Row) -> Exchange:
    """at, method, url, status, ms, request, response, size, error."""
    return Exchange(*row)


def exchange_row(exchange: Exchange) -> Row:
    """The same columns, bodies cut to 4 KiB each."""
    return (
        exchange.at,
        safe(exchange.method),
        safe(exchange.url),
        safe(exchange.status),
        safe(exchange.ms),
        _body(exchange.request),
        _body(exchange.response),
        safe(exchange.size),
        safe(exchange.error),
    )


def error_of(row: Row) -> LastError:
    """at, kind, text, status, code."""
    return LastError(*row)


def _body(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        text = clean_block(text, BODY_BYTES)
    if len(text) * 4 > BODY_BYTES:
        raw = text.encode("utf-8")
        if len(raw) > BODY_BYTES:
            text = raw[: BODY_BYTES - 3].decode("utf-8", "ignore") + "…"
    return text
