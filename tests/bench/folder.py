"""The data folder of a measured dashboard: a config, its secrets, and a ledger with so many rows."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from reportdash.cli.demo_rows import VENDOR, rows
from reportdash.ledger.store import Store
from reportdash.model import Exchange, Job, JobState, Spec, new_id, replace

CONFIG = "config.toml"
POLLED = "main"
"""The account that is polled, where any is; the others are paused."""
_SECRETS = {
    "7g": ("username", "password"),
    "sigma": ("client_id", "client_token"),
    "webadmit": ("api_key",),
    "talkdesk": ("client_id", "client_secret"),
}
_BATCH = 5_000
MANY = 100_000
"""Rows of the large folder; fewer in a quick run, where the names of the figures say so."""


def prepare(
    folder: Path, count: int, *, port: int = 9, live: int = 0, every: float = 5.0, inflight: int = 10
) -> dict[str, str]:
    """Make the folder; gives the environment of a dashboard on it.

    `live` of the rows run at the vendor on `port` and are looked at each `every` seconds; without them no
    account is polled.
    """
    config = folder / CONFIG
    config.write_text(_config(folder, port, every, inflight), encoding="utf-8")
    with Store.open(folder / "data" / "ledger.db") as store:
        store.write(lambda: store.verbs.ensure_accounts(VENDOR), durable=False)
        batch: list[Job] = []
        for job in _jobs(count, live, folder):
            batch.append(job)
            if len(batch) >= _BATCH:
                store.add_many(batch)
                batch = []
        store.add_many(batch)
        for name in VENDOR:
            if not live or name != POLLED:
                _pause(store, name)
    return environment(folder)


def environment(folder: Path) -> dict[str, str]:
    """Of a dashboard on a folder that was made."""
    env = {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "REPORTDASH_CONFIG": str(folder / CONFIG),
        "REPORTDASH_DATA_DIR": str(folder / "data"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    for name, vendor in VENDOR.items():
        for secret in _SECRETS[vendor]:
            env[f"REPORTDASH_SECRET__{name.upper()}__{secret.upper()}"] = "bench-secret"
    return env


def look(folder: Path) -> None:
    """Give every job history and exchanges, as looks leave them: their numbers are on the screen."""
    with Store.open(folder / "data" / "ledger.db") as store:
        change, acts = store.verbs.change, []
        for number, job in enumerate(store.jobs()):
            some = [Exchange(job.updated_at or 0.0, "GET", "/status", 200, 80)] * (1 + number % 23)
            for event in range(1 + number % 12):
                how: dict[str, Any] = {"what": f"look {event + 1}", "exchanges": [] if event else some}
                acts.append(partial(change, job.id, lambda found: found, who="vendor", **how))
        store.commit(acts)


def many() -> str:
    """How many rows that is, in the name of a figure."""
    return f"{MANY // 1000}k jobs"


@cache
def begin() -> subprocess.Popen[bytes]:
    """Begin to write the large folder, in another process, beside what no load moves."""
    return subprocess.Popen([sys.executable, "-m", "tests.bench.folder", _place().name, str(MANY)])


@cache
def large() -> dict[str, str]:
    """One folder with `MANY` rows for the whole run: it takes long to write. Gives the environment."""
    assert begin().wait() == 0
    return environment(Path(_place().name))


@cache
def _place() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="bench-large-")


def _pause(store: Store, name: str) -> None:
    store.write(
        lambda: store.verbs.change_account(name, lambda account: replace(account, paused=True)), durable=False
    )


def _config(folder: Path, port: int, every: float, inflight: int) -> str:
    lines = [f'download_dir = "{folder / "reports"}"', "bell = false", "title = false"]
    for name, vendor in VENDOR.items():
        base = f"http://127.0.0.1:{port}"
        lines += [f"[accounts.{name}]", f'vendor = "{vendor}"', f'base_url = "{base}"']
        lines += [f"poll_min = {every}", f"poll_max = {every}", f"max_inflight = {inflight}"]
        if vendor == "talkdesk":
            lines.append(f'identity_url = "{base}"')
        if vendor == "webadmit":
            lines.append("user_identity = 4242")
    return "\n".join(lines) + "\n"


def _jobs(count: int, live: int, folder: Path) -> Iterator[Job]:
    """The demo's rows, at rest, with the polled ones before them; `count` in all."""
    now, draw, made = time.time(), random.Random(7), 0
    for number in range(live):
        made += 1
        yield Job(
            id=new_id(),
            account=POLLED,
            vendor=VENDOR[POLLED],
            name=f"TransactionSummary {number:04}",
            reference=f"00000000-0000-4000-8000-{number:012d}",
            state=JobState.RUNNING,
            vendor_status="incomplete",
            submitted_at=now - draw.uniform(60, 1800),
            updated_at=now,
            next_poll_at=now + draw.uniform(0, 5),
            spec=Spec("TransactionSummary"),
            checks=1,
            seen_at=now,
        )
    for row in rows(count, 1, now, folder / "reports"):
        for job in (row.job, *row.children):
            if made >= count:
                return
            made += 1
            # Most rest already, and a copy costs more than anything else here.
            yield job if job.next_poll_at is None else replace(job, next_poll_at=None)


def ids(folder: Path) -> set[str]:
    """The ids of every row."""
    with Store.open(folder / "data" / "ledger.db", readonly=True) as store:
        return {job.id for job in store.jobs()}


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), int(sys.argv[2]))
