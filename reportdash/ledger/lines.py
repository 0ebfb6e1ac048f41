"""The contract's JSON lines straight from the rows: SQLite writes the text, no record is made of it.

`Job.as_json` is the definition; a test holds the two together.
"""
# ruff: noqa: S608 - the SQL is put together from constants of this room alone; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

_ARTIFACT = (
    "CASE WHEN artifact_state IS NULL THEN NULL ELSE json_object('state', artifact_state, "
    "'path', artifact_path, 'bytes', artifact_bytes, 'total', artifact_total, "
    "'sha256', artifact_sha256, 'verified', artifact_verified) END"
)


def _time(column: str) -> str:
    return f"'{column}', strftime('%Y-%m-%dT%H:%M:%SZ', CAST({column} AS INTEGER), 'unixepoch')"


def json_lines(db: sqlite3.Connection, health: Mapping[str, str]) -> list[str]:
    """One JSON object a job that is not forgotten, newest submitted first, children after their parent.

    `health` is what an account's rows show instead of their own, for accounts that are not well.
    """
    shown, args = "health", []
    if health:
        cases = "".join("WHEN ? THEN ? " for _ in health)
        shown = f"CASE account {cases}ELSE health END"
        args = [text for pair in health.items() for text in pair]
    line = (
        "json_object('id', id, 'account', account, 'vendor', vendor, 'name', name, 'reference', reference, "
        f"'state', state, 'vendor_status', vendor_status, 'message', message, 'health', {shown}, "
        f"{_time('submitted_at')}, {_time('updated_at')}, {_time('settled_at')}, {_time('expires_at')}, "
        f"{_time('next_poll_at')}, 'attempts', attempts, 'parent', parent, 'artifact', {_ARTIFACT})"
    )
    families: dict[str, list[str]] = {}
    children = f"SELECT parent, {line} FROM jobs WHERE parent IS NOT NULL AND forgotten_at IS NULL"
    for parent, text in db.execute(f"{children} ORDER BY parent, ordinal", args):
        families.setdefault(parent, []).append(text)
    key = "id" if families else "NULL"
    tops = (
        f"SELECT {key}, {line} FROM jobs WHERE parent IS NULL AND forgotten_at IS NULL "
        "ORDER BY coalesce(submitted_at, added_at) DESC, seq DESC"
    )
    found = db.execute(tops, args)
    if not families:
        return [text for _, text in found]
    listed: list[str] = []
    for job_id, text in found:
        listed.append(text)
        listed.extend(families.pop(job_id, ()))
    for orphans in families.values():
        listed.extend(orphans)
    return listed
