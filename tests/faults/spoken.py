"""A vendor that says the payloads, and a ledger in which they stand as they came: what a sink has to bear."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from reportdash.ledger.rows import _spec_text
from reportdash.ledger.store import Store
from reportdash.model import Job, JobState, Spec
from tests.faults.payloads import SAYABLE, packed
from tests.net.lying import Asked, Liar, Peer

NOW = 1_790_000_000.0
STATES = (
    JobState.FAILED,
    JobState.READY,
    JobState.UNKNOWN,
    JobState.READY_WITH_WARNINGS,
    JobState.LOST,
    JobState.EXPIRED,
)
SHORT = [text[:3000] for text in SAYABLE.values()]
"""Each payload as a row of a table can hold it."""
TOLD = packed([text for text in SAYABLE.values() if len(text) < 400], 400)
"""All of them in few texts that no cut of ours shortens."""


def job_id(number: int) -> str:
    """`aaaaaa`, `aaaaab` and so on, in the ledger's own letters."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(letters[number // 26**place % 26] for place in range(5, -1, -1))


def fill(path: Path, account: str = "main", vendor: str = "7g", texts: Sequence[str] = SHORT) -> list[str]:
    """A ledger with a job for each text, said in every field a vendor's words reach; the ids.

    It is written past the ledger's own door, as another program would: each sink stands for itself. The first
    job's history, exchanges and last error hold all payloads.
    """
    ids = [job_id(number) for number in range(len(texts))]
    with Store.open(path) as store:
        store.write(lambda: store.verbs.ensure_accounts({account: vendor}))
        store.add_many(
            [
                Job(
                    one, account, vendor, "plain", f"r{n}", STATES[n % len(STATES)], submitted_at=NOW - 60 * n
                )
                for n, one in enumerate(ids)
            ]
        )
    with closing(sqlite3.connect(path)) as db, db:
        for number, (one, text) in enumerate(zip(ids, texts, strict=True)):
            spec = _spec_text(Spec(text, {text[:50]: text[:500]}, text[:30], text[:30]))
            db.execute(
                "UPDATE jobs SET name = ?, reference = ?, vendor_status = ?, message = ?, note = ?, "
                "error_code = ?, "
                "drift = ?, spec = ?, settled_at = ?, artifact_state = 'failed', artifact_error = ?, "
                "artifact_verified = 'none' WHERE id = ?",
                (text, f"{text[:200]}{number}", text, text, text, text, text, spec, NOW,
                  text, one),
            )  # fmt: skip
        for at, text in enumerate(TOLD):
            db.execute(
                "INSERT INTO history (job, at, what, who, state, vendor_status, message) "
                "VALUES (?,?,?,?,?,?,?)",
                (ids[0], NOW + at, text[:60], "vendor", "failed", text[:100], text),
            )
        for n, group in enumerate(packed(TOLD, 3000)):
            db.execute(
                "INSERT INTO exchanges (job, n, at, method, url, status, ms, request, response, size, error) "
                "VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (ids[0], n, NOW, "GET" + group[:20], f"https://vendor.example/{group[:300]}", 400, 5,
                 group, group,
                 len(group), group[:300]),
            )  # fmt: skip
        db.execute(
            "INSERT INTO last_errors (job, at, kind, text, status, code) VALUES (?,?,?,?,?,?)",
            (ids[0], NOW, "refused", "\x1b]0;owned\x07".join(TOLD)[:3000], 400, "\x9b31m"),
        )
        db.execute(
            "UPDATE accounts SET message = ?, health = 'auth_failed', only_there = ?, only_there_count = 3",
            (TOLD[0], json.dumps(TOLD[:3])),
        )
    return ids


def make_ready(path: Path) -> None:
    """Every job of the ledger is ready and not saved, with a reference that a vendor is asked for; its
    account is well."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "UPDATE jobs SET state = 'ready', artifact_state = 'none', artifact_error = NULL, reference = id"
        )
        db.execute("UPDATE accounts SET health = 'ok', message = NULL")


def name_accounts(path: Path, names: Sequence[str]) -> None:
    """A ledger without a job, whose accounts have these names and say payloads."""
    with Store.open(path) as store:
        store.write(lambda: store.verbs.ensure_accounts({f"a{n}": "7g" for n in range(len(names))}))
    with closing(sqlite3.connect(path)) as db, db:
        for n, name in enumerate(names):
            db.execute(
                "UPDATE accounts SET name = ?, message = ?, health = 'auth_failed' WHERE name = ?",
                (name, TOLD[n % len(TOLD)], f"a{n}"),
            )


@contextmanager
def vendor(texts: Sequence[str], *, reports: bool = False) -> Iterator[str]:
    """The address of a vendor that refuses whatever is asked, each time in the next of these words.

    `reports`: but a report it hands out, with these words in its rows.
    """
    said = itertools.cycle(texts)
    header = "\x9b31m\x85x".encode("latin-1").decode("latin-1")

    async def script(asked: Asked, peer: Peer) -> None:
        if "Login" in asked.path:
            await peer.answer(200, {"accessToken": "access-1234", "refreshToken": "refresh-1234"})
            return
        if reports and asked.method == "GET" and asked.path.endswith("/Report"):
            await peer.answer(200, {"result": True, "data": {"results": [{"Note": text} for text in texts]}})
            return
        text = next(said)
        words = {
            "message": text,
            "error": text,
            "result": False,
            "data": text,
            "headerMap": {"errorMsg": text},
        }
        await peer.answer(400, words, {"X-Said": header})

    loop = asyncio.new_event_loop()
    liar = Liar(script)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(liar.__aenter__(), loop).result(10)
        yield liar.base
    finally:
        asyncio.run_coroutine_threadsafe(liar.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
