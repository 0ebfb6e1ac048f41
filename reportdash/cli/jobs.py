"""`jobs` and `show`: what the ledger knows, without any network."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from reportdash.board import facts
from reportdash.board.states import face
from reportdash.cli.asking import query as wanted_by
from reportdash.cli.context import place
from reportdash.cli.output import data, json_text, line_json, say, table, words
from reportdash.clock import SystemClock, rfc3339
from reportdash.errors import Exit
from reportdash.ledger.opening import known_here, there
from reportdash.ledger.problems import explained
from reportdash.ledger.store import Store
from reportdash.model import Event, Exchange, Health, Job, LastError

FILE_WIDTH = 21
NONE_YET = "no jobs yet: `reportdash submit` starts one, `reportdash track` follows one that runs already"


def jobs(args: argparse.Namespace) -> int:
    """The table, once; with --json one job a line."""
    query = wanted_by(args.query)
    here = place(args)
    if not there(here.ledger) and not known_here(here.ledger):
        if not args.json:
            say(NONE_YET)
        return int(Exit.OK)
    with Store.open(here.ledger, clock=SystemClock(), readonly=True) as store, explained(here.ledger):
        if args.json and not args.query:
            for line in store.json_lines():
                json_text(line)
            return int(Exit.OK)
        now = time.time()
        health = {account.name: account.shown for account in store.accounts()}
        rows = [job for job in store.jobs() if query.matches(job, health.get(job.account, Health.OK), now)]
    if args.json:
        for job in rows:
            line_json(job.as_json(health.get(job.account, Health.OK)))
    elif rows:
        head = ("Id", "State", "Report", "Account", "Vendor says", "Age", "Next", "File")
        table(head, [_row(job, now) for job in rows], right=frozenset({5}))
    else:
        say("no job matches" if args.query else NONE_YET)
    return int(Exit.OK)


def _row(job: Job, now: float) -> tuple[str, ...]:
    indent = "  " if job.parent else ""
    sight, look = facts.Sight(now), face(job)
    next_run = facts.next_run(job, sight)
    return (
        job.id,
        look.word,
        indent + job.name,
        job.account,
        facts.says(job),
        facts.age(job, now),
        next_run.text if next_run else "",
        "".join(run.text for run in facts.file_runs(job, look, sight, FILE_WIDTH)).strip(),
    )


def show(args: argparse.Namespace) -> int:
    """Everything known of one job: its row, history, last error, last exchanges."""
    here = place(args)
    store = Store.open(here.ledger, clock=SystemClock(), readonly=True) if there(here.ledger) else None
    if store is None:
        from reportdash.errors import UsageProblem

        raise UsageProblem(
            f"no job `{args.job}`: there is no ledger in {here.data} yet; "
            "`reportdash submit` or `reportdash track` starts one"
        )
    with store, explained(here.ledger):
        job = store.find(args.job)
        health = store.account(job.account).shown
        history = store.history(job.id)
        error = store.last_error(job.id)
        exchanges = store.exchanges(job.id)
        children = store.children(job.id)
    if args.json:
        line_json(
            {
                **job.as_json(health),
                "drift": job.drift,
                "children": [child.id for child in children],
                "history": [_event(event) for event in history],
                "last_error": _error(error) if error else None,
                "exchanges": [_exchange(exchange) for exchange in exchanges],
            }
        )
        return int(Exit.OK)
    _show_text(job, health, history, error, exchanges)
    for child in children:
        words(f"  child {child.id}  {child.state}  {child.name}")
    return int(Exit.OK)


def _show_text(
    job: Job, health: Health, history: list[Event], error: LastError | None, exchanges: list[Exchange]
) -> None:
    for key, value in job.as_json(health).items():
        if isinstance(value, Mapping):
            value = "  ".join(f"{k} {v}" for k, v in value.items() if v is not None)
        if value is not None:
            words(f"{key:14} {value}")
    if job.drift:
        words(f"{'drift':14} {job.drift}")
    if error:
        status = f" (HTTP {error.status})" if error.status else ""
        words(f"{'last error':14} {rfc3339(error.at)} {error.kind}{status}: {error.text}")
    if history:
        data("history")
        for event in history:
            told = [
                rfc3339(event.at) or "",
                event.who,
                event.what,
                event.vendor_status or "",
                event.message or "",
            ]
            words("  " + "  ".join(word for word in told if word))
    if exchanges:
        data("exchanges")
        for item in exchanges:
            outcome = str(item.status) if item.status is not None else (item.error or "no answer")
            words(
                f"  {rfc3339(item.at)}  {item.method} {item.url}  {outcome}  {item.ms} ms  {item.size} bytes"
            )


def _event(event: Event) -> dict[str, Any]:
    return {
        "at": rfc3339(event.at),
        "who": event.who,
        "what": event.what,
        "state": str(event.state),
        "vendor_status": event.vendor_status,
        "message": event.message,
    }


def _error(error: LastError) -> dict[str, Any]:
    return {
        "at": rfc3339(error.at),
        "kind": error.kind,
        "text": error.text,
        "status": error.status,
        "code": error.code,
    }


def _exchange(item: Exchange) -> dict[str, Any]:
    return {
        "at": rfc3339(item.at),
        "method": item.method,
        "url": item.url,
        "status": item.status,
        "ms": item.ms,
        "request": item.request,
        "response": item.response,
        "size": item.size,
        "error": item.error,
    }
