"""`submit` and `track`: start a report, or follow one that runs already."""

from __future__ import annotations

import argparse

from reportdash.cli.after import with_next_step
from reportdash.cli.context import engine
from reportdash.cli.endings import asynchronous
from reportdash.cli.output import data, say
from reportdash.cli.prompts import unlock
from reportdash.errors import Exit, UsageProblem
from reportdash.model import Spec
from reportdash.plain import clean


def _params(pairs: list[str]) -> dict[str, str]:
    params: dict[str, str] = {}
    for pair in pairs:
        key, found, value = pair.partition("=")
        if not found or not key.strip():
            raise UsageProblem(f"-p takes key=value, as in -p ProductID=17; `{pair}` has no key or no `=`")
        params[_sendable("-p", key.strip())] = _sendable("-p", value)
    return params


def _sendable(what: str, text: str) -> str:
    """The text, if it is one: bytes that are no UTF-8 can be sent to no vendor. Raises UsageProblem."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageProblem(
            f"{what} is not UTF-8 text; set the terminal to UTF-8 and write it again"
        ) from None
    return text


def _name(text: str | None) -> str | None:
    """A name for the table: one line, printable; None if nothing is left."""
    return clean(text, 200) or None if text else None


@asynchronous
async def submit(args: argparse.Namespace) -> int:
    """Submit a report, or the same one again; print the job id."""
    params = _params(args.params)
    again = bool(args.again)
    if again and (args.account or args.report or args.format or args.time_from or args.time_to):
        raise UsageProblem("submit --again JOB takes -p key=value and --name only; the rest comes from JOB")
    if not again and not (args.account and args.report):
        raise UsageProblem(
            "submit takes ACCOUNT and REPORT, or --again JOB; `reportdash accounts` lists accounts"
        )
    if args.report and not args.report.isprintable():
        raise UsageProblem(
            f"{clean(args.report, 60)!r} is no report's name: it has characters nobody can see; write it anew"
        )
    async with engine(args) as running:
        if again:
            job = await running.ledger.find(args.again)
            await unlock(running, [job.account])
            outcome = await running.submit_again(job.id, params, name=_name(args.name))
        else:
            spec = Spec(
                report=args.report,
                params=params,
                format=args.format,
                time_from=args.time_from,
                time_to=args.time_to,
            )
            await unlock(running, [args.account])
            outcome = await running.submit(args.account, spec, name=_name(args.name))
        data(outcome.job.id)
        if outcome.text:
            once_more = f"reportdash submit --again {outcome.job.id}"
            say(await with_next_step(running, outcome.text, outcome.exit_code, outcome.job, once_more))
        if not args.wait or outcome.exit_code is not Exit.OK:
            return int(outcome.exit_code)
        from reportdash.cli.watch import follow

        return int(await follow(running, lambda job: job.id == outcome.job.id, until="settled"))


@asynchronous
async def track(args: argparse.Namespace) -> int:
    """Follow a job by its reference, without any request; or adopt all that the vendor lists."""
    if args.all == bool(args.reference):
        raise UsageProblem("track takes ACCOUNT and either a REFERENCE or --all")
    async with engine(args) as running:
        if args.all:
            await unlock(running, [args.account])
            adopted = await running.adopt(args.account)
            for job in adopted:
                data(job.id)
            say(
                f"{len(adopted)} adopted from {args.account}" if adopted else f"nothing new at {args.account}"
            )
            return int(Exit.OK)
        for_ = (await running.ledger.find(args.for_)).id if args.for_ else None
        job = await running.track(args.account, args.reference, name=_name(args.name), for_=for_)
        data(job.id)
        return int(Exit.OK)
