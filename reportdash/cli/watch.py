"""`watch`: the dashboard's own polling without a screen, one line a change."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

from reportdash.board.health import key_trouble
from reportdash.board.terms import Query
from reportdash.cli.after import with_key_step
from reportdash.cli.asking import query
from reportdash.cli.context import chain_of, engine_at, place, say_rescued
from reportdash.cli.endings import asynchronous
from reportdash.cli.output import NoOutput, data, line_json, say
from reportdash.cli.private import warn
from reportdash.cli.prompts import unlocked
from reportdash.clock import Clock, SystemClock
from reportdash.engine.runtime import Engine
from reportdash.errors import Exit, Problem, UsageProblem
from reportdash.ledger.problems import DamagedLedger, remote
from reportdash.logins import in_a_shell
from reportdash.model import HAS_FILE, SETTLED, ArtifactState, Health, Job, JobState
from reportdash.plain import clean

FAILED = frozenset({JobState.FAILED, JobState.LOST})
TICK = 1.0
"""Seconds between two looks at the clock when nothing changes; changes themselves wake at once."""
OPEN_AGAIN = 2.0
"""Seconds before a ledger that could not be used is opened anew."""
SOON = 0.02
"""The same while the engine has yet to see what changed."""


@asynchronous
async def watch(args: argparse.Namespace) -> int:
    """Poll until every matching job is settled (or ready), or for ever."""
    return await run(args, SystemClock())


async def run(args: argparse.Namespace, clock: Clock) -> int:
    """The command, by this clock. A ledger that was damaged or replaced meanwhile is opened anew; one that
    can not be used now is tried again, where the watch is for ever.
    """
    asked, here = query(args.query), place(args)
    warn(here)
    followed: dict[str, Job] = {}
    began, said = clock.monotonic(), ""
    chain = chain_of(here)  # one for all of it: what was unlocked stays so
    opening = partial(engine_at, here, clock=clock, chain=chain)
    try:
        await unlocked(chain, here.settings.accounts)
        while True:
            try:
                return await _watch(args, asked, opening, clock, followed, began)
            except Problem as problem:
                lasts = args.until == "never" and not isinstance(problem, UsageProblem | NoOutput)
                if not lasts and not isinstance(problem, DamagedLedger):
                    raise
                if not lasts and problem.text == said:
                    raise
                if problem.text != said:
                    say(problem.text)
                said = problem.text
                await clock.sleep(OPEN_AGAIN)
    finally:
        await chain.aclose()


async def _watch(
    args: argparse.Namespace,
    asked: Query,
    opening: Callable[..., AbstractAsyncContextManager[Engine]],
    clock: Clock,
    followed: dict[str, Job],
    began: float,
) -> int:
    health: dict[str, Health] = {}

    def wanted(job: Job) -> bool:
        return job.id in followed or asked.matches(job, health.get(job.account, Health.OK), clock.now())

    async with opening(download_ready=wanted if args.download else False) as running:
        say_rescued(running)

        async def refresh() -> None:
            health.update({account.name: account.shown for account in await running.ledger.accounts()})

        if running.ledger.networked:
            say(remote(running.ledger.networked))
        await refresh()
        return int(
            await follow(
                running,
                wanted,
                followed=followed,
                until=args.until,
                timeout=args.timeout,
                began=began,
                download=args.download,
                as_json=args.json,
                print_changes=True,
                on_accounts=refresh,
            )
        )


async def follow(
    running: Engine,
    wanted: Callable[[Job], bool],
    *,
    until: str,
    followed: dict[str, Job] | None = None,
    timeout: float | None = None,
    began: float | None = None,
    download: bool = False,
    as_json: bool = False,
    print_changes: bool = False,
    on_accounts: Callable[[], object] | None = None,
) -> Exit:
    """Poll and print until the wanted jobs are where `until` wants them.

    A job that matched once stays followed, so that `state:running` follows a job to its end; `followed` is
    filled with them. Downloads of theirs that started by themselves are waited for. `timeout` counts from
    `began`, a moment of the engine's clock, else from now.
    Returns OK, FAILED (reached, but a job failed or a file was not saved), UNREACHABLE (timed out) or
    CREDENTIALS (only jobs of refused accounts are left).
    """
    started = running.clock.monotonic() if began is None else began
    followed = {} if followed is None else followed
    shown: dict[str, tuple[object, ...]] = {}
    rev = 0
    first = True
    troubles: dict[str, str | None] = {}

    def tell() -> None:
        """What goes wrong now, once, or that it is over."""
        for over, now in (
            ("the ledger answers again", running.ledger.mute),
            ("the disk of the reports answers again", running.downloads.hangs),
            ("there is room on the disk again", running.ledger.full or running.downloads.notice),
        ):
            if now != troubles.get(over):
                troubles[over] = now
                say(now or over)

    running.ledger.on_trouble = tell
    running.poll()
    while True:
        tell()
        changes = await running.ledger.changed_since(rev)
        rev = changes.rev
        if changes.accounts and on_accounts is not None:
            result = on_accounts()
            if hasattr(result, "__await__"):
                await result
        health = {account.name: account.shown for account in await running.ledger.accounts()}
        for job in changes.jobs:
            if job.forgotten_at is not None:
                followed.pop(job.id, None)
                continue
            if job.id not in followed and not wanted(job):
                continue
            followed[job.id] = job
            face = _face(job, health.get(job.account, Health.OK))
            if shown.get(job.id) != face:
                before = shown.get(job.id)
                shown[job.id] = face
                if print_changes and not first:
                    _print(job, before, health.get(job.account, Health.OK), as_json)
        first = False
        told = running.told(rev)
        verdict = await _verdict(running, _own(followed), until, download, told)
        if verdict is not None:
            return verdict
        left = None if timeout is None else timeout - (running.clock.monotonic() - started)
        if timeout is not None and left is not None and left <= 0:
            count = sum(not _reached(job, until) for job in _own(followed))
            say(f"timed out after {_seconds(timeout)} s with {count} of {len(followed)} jobs not {until}")
            return Exit.UNREACHABLE
        tick = TICK if told else SOON
        await running.ledger.wait(rev, tick if left is None else min(tick, left))


def _seconds(limit: float) -> str:
    """The limit that was given, without more figures than anybody reads."""
    return f"{limit:.0f}" if limit >= 100 else f"{limit:.3g}"


_FILE = {
    ArtifactState.FETCHING: "[file: fetching]",
    ArtifactState.FAILED: "[file: not saved]",
    ArtifactState.SAVED: "[file: saved]",
}
"""Our copy, in a line for people: it says whose state it is."""


def _face(job: Job, health: Health) -> tuple[object, ...]:
    """What makes a line worth printing when it changes."""
    artifact = job.artifact.state if job.artifact else ArtifactState.NONE
    shown_health = health if health is not Health.OK else job.health
    return (job.state, job.vendor_status, job.message, shown_health, artifact, job.reference)


def _print(job: Job, before: tuple[object, ...] | None, health: Health, as_json: bool) -> None:
    if as_json:
        line_json(job.as_json(health))
        return
    state = str(job.state)
    if before is not None and before[0] != job.state:
        state = f"{before[0]} → {job.state}"
    words = [
        time.strftime("%H:%M:%S"),
        job.id,
        job.account,
        job.name,
        state,
        job.vendor_status or "",
        job.message or "",
    ]
    shown = health if health is not Health.OK else job.health
    if shown is not Health.OK:
        words.append(f"[{shown}]")
    if job.artifact is not None and job.artifact.state is not ArtifactState.NONE:
        path = job.artifact.path
        words.append(f"[saved: {path}]" if job.saved and path else _FILE.get(job.artifact.state, ""))
    data("  ".join(clean(in_a_shell(word), 300) for word in words if word))


def _reached(job: Job, until: str) -> bool:
    if until == "never":
        return False
    return job.state in SETTLED


def _own(followed: dict[str, Job]) -> list[Job]:
    """The jobs that count: a group stands for its reports, unless only they were asked for."""
    return [job for job in followed.values() if job.parent is None or job.parent not in followed]


async def _hopeless(running: Engine, accounts: set[str]) -> dict[str, str] | None:
    """Why nobody will look at the jobs of these accounts, if that holds for each of them."""
    refused = running.refused_here()
    reasons: dict[str, str] = {}
    for account in sorted(accounts):
        left = running.settings.left_out.get(account)
        if left is not None:
            if await running.ledger.held_elsewhere(account):
                return None
            reasons[account] = f"this account is left out: {left.text}"
        elif account in refused:
            trouble = key_trouble(await running.ledger.account(account), refused[account])
            reasons[account] = await with_key_step(running, account, refused[account], trouble)
        elif account in running.accounts or await running.ledger.held_elsewhere(account):
            return None
        else:
            reasons[account] = "this account is not in the config, so nothing asks for its jobs"
    return reasons


async def _verdict(running: Engine, own: list[Job], until: str, download: bool, told: bool) -> Exit | None:
    """The exit code, or None while there is something left to wait for.

    `told`: what these jobs' changes start by themselves, downloads, is under way.
    """
    if until == "never":
        return None
    waiting = [job for job in own if not _reached(job, until)]
    if waiting:
        hopeless = await _hopeless(running, {job.account for job in waiting})
        if hopeless is None:
            return None
        for account, reason in hopeless.items():
            say(reason if reason.startswith(f"{account}: ") else f"{account}: {reason}")
        return Exit.CREDENTIALS
    under_way = {job for job, progress in running.downloads.progress().items() if not progress.rests}
    if not told or any(job.id in under_way for job in own):
        return None
    failed = [job for job in own if job.state in FAILED]
    if until == "ready":
        no_report = SETTLED - HAS_FILE - {JobState.EMPTY}
        failed += [job for job in own if job.state in no_report and not job.saved and job not in failed]
    if download:
        failed += [
            job
            for job in own
            if job not in failed
            and job.state in (JobState.READY, JobState.READY_WITH_WARNINGS)
            and running.can_download(job)
            and not await running.is_saved(job)
        ]
    return Exit.FAILED if failed else Exit.OK
