"""`download`, `delete` and `forget`: what happens to reports, here and at the vendor."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from reportdash.cli.after import with_next_step
from reportdash.cli.asking import query
from reportdash.cli.context import engine
from reportdash.cli.endings import asynchronous
from reportdash.cli.output import data, note, say
from reportdash.cli.prompts import prompting, unlock
from reportdash.engine.outcome import Outcome
from reportdash.engine.runtime import Engine
from reportdash.errors import Exit, Problem, SafetyProblem, UsageProblem, worst
from reportdash.model import Job, JobState
from reportdash.vendors.contract import No

_MAY_BE_READY = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING, JobState.UNKNOWN})
"""States of which the ledger may be the last to learn that they are over."""


async def _find(running: Engine, texts: Sequence[str]) -> list[Job]:
    """The named jobs, each once, in the order given."""
    jobs: dict[str, Job] = {}
    for text in texts:
        job = await running.ledger.find(text)
        jobs[job.id] = job
    return list(jobs.values())


@asynchronous
async def download(args: argparse.Namespace) -> int:
    """Save reports; print the path of each saved file."""
    if not args.all_ready and not args.jobs:
        raise UsageProblem("download takes job ids, or --all-ready; `reportdash jobs state:ready` lists them")
    to = _folder(args.to)
    async with engine(args) as running:
        if args.all_ready:
            jobs = await _all_ready(running, args.jobs)
        else:
            jobs = await _find(running, args.jobs)
        if args.all_ready and not jobs:
            say("no ready report is unsaved")
        await unlock(running, {job.account for job in jobs if not await running.is_saved(job)})
        outcomes = await asyncio.gather(*(_one(running, job, to) for job in jobs))
        return int(worst([outcome.exit_code for outcome in outcomes]))


def _folder(text: str | None) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


async def _all_ready(running: Engine, words: Sequence[str]) -> list[Job]:
    """Ready reports that are not saved and whose vendor hands out a file; the rest are named on stderr."""
    wanted = query(words)
    now = running.clock.now()
    health = {account.name: account.shown for account in await running.ledger.accounts()}
    chosen: list[Job] = []
    for job in await running.ledger.jobs():
        if job.state not in (JobState.READY, JobState.READY_WITH_WARNINGS) or job.parent is not None:
            continue
        if not wanted.matches(job, health[job.account], now) or await running.is_saved(job):
            continue
        can = running.can_download(job)
        if isinstance(can, No):
            say(f"{job.id} {job.name}: {can.reason}")
        else:
            chosen.append(job)
    return chosen


async def _one(running: Engine, job: Job, to: Path | None) -> Outcome:
    try:
        if job.state in _MAY_BE_READY and job.reference is not None and job.parent is None:
            job = await running.look(job.id)
        outcome = await running.downloads.fetch(job.id, to=to)
    except Problem as problem:
        outcome = Outcome(job, problem.exit_code, problem.text)
    for path in await running.downloads.paths(outcome.job):
        data(str(path))
    if outcome.text:
        again = f"reportdash download {job.id}"
        said = await with_next_step(running, outcome.text, outcome.exit_code, outcome.job, again)
        say(f"{job.id} {job.name}: {said}")
    return outcome


@asynchronous
async def delete(args: argparse.Namespace) -> int:
    """Delete at the vendor, after asking."""
    async with engine(args) as running:
        jobs = await _find(running, args.jobs)
        allowed: list[Job] = []
        codes: list[Exit] = []
        for job in jobs:
            try:
                await running.check_delete(job, unsaved=args.unsaved)
            except (SafetyProblem, UsageProblem) as problem:
                say(f"{job.id} {job.name}: {_as_command(problem.text, job)}")
                codes.append(problem.exit_code)
            else:
                allowed.append(job)
        if allowed and not args.yes:
            await _ask(running, allowed)
        await unlock(running, {job.account for job in allowed})
        for job in allowed:
            try:
                outcome = await running.delete(job.id, unsaved=args.unsaved)
            except Problem as problem:
                outcome = Outcome(job, problem.exit_code, problem.text)
            codes.append(outcome.exit_code)
            again = f"reportdash delete {job.id}"
            text = await with_next_step(running, outcome.text, outcome.exit_code, outcome.job, again)
            say(f"{job.id} {job.name}: {_as_command(text or 'deleted at the vendor', job)}")
        return int(worst(codes))


def _as_command(reason: str, job: Job) -> str:
    """A reason that names the screen's key, with the command that does the same."""
    return re.sub(r"\bf forgets\b", f"`reportdash forget {job.id}` forgets", reason)


async def _ask(running: Engine, jobs: list[Job]) -> None:
    """Ask on the terminal; the friction grows with what would be lost. Raises UsageProblem off a terminal."""
    if not sys.stdin.isatty():
        raise UsageProblem("delete asks before it acts, and there is no terminal to ask on; give --yes")
    unsaved = [job for job in jobs if await running.is_unsaved(job)]
    careful = sorted({job.account for job in jobs if running.seat(job.account).settings.careful})
    note(f"Delete at the vendor, cannot be undone ({len(jobs)}):")
    for job in jobs:
        note(
            f"  {job.id}  {job.state}  {job.name}  {job.account}" + ("  NOT SAVED" if job in unsaved else "")
        )
    words = [*(["delete"] if unsaved else []), *careful] or ["yes"]
    with prompting("nothing was deleted"):
        for word in words:
            if _read(f"Type {word} to go on: ") != word:
                raise SafetyProblem(f"nothing was deleted: run it again and type {word}, or give --yes")


def _read(prompt: str) -> str:
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


@asynchronous
async def forget(args: argparse.Namespace) -> int:
    """Take jobs out of the table; a tombstone stays in the ledger, the vendor hears nothing."""
    async with engine(args) as running:
        codes: list[Exit] = []
        for job in await _find(running, args.jobs):
            try:
                await running.forget(job.id, unsaved=args.unsaved)
            except Problem as problem:
                say(f"{job.id} {job.name}: {problem.text}")
                codes.append(problem.exit_code)
            else:
                say(f"{job.id} {job.name}: forgotten here; nothing was sent")
        return int(worst(codes))
