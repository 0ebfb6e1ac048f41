"""What an operator can do after an act that did not go well: the last clause of its sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportdash.board.health import KeyTrouble, key_trouble
from reportdash.engine.seat import another_key
from reportdash.errors import Exit
from reportdash.lifecycle import unsure_submit
from reportdash.model import Job

if TYPE_CHECKING:
    from reportdash.engine.runtime import Engine


async def with_next_step(running: Engine, text: str, code: Exit, job: Job, again: str) -> str:
    """The sentence with what to do next, unless it says that itself. `again` does the act once more."""
    if code is Exit.OK or not text or "`reportdash " in text:
        return text
    if code is Exit.CREDENTIALS:
        row = await running.ledger.account(job.account)
        step = await key_step(running, row.name, key_trouble(row, text))
    elif unsure_submit(job):
        step = (
            f"ask the vendor whether it runs: `reportdash track {job.account} REFERENCE --for {job.id}` "
            f"follows it, `{again}` sends it once more"
        )
    elif code is Exit.UNREACHABLE:
        step = f"`{again}` tries again"
    else:
        step = f"`reportdash show {job.id}` tells more, `{again}` tries again"
    return _joined(text, step)


async def with_key_step(running: Engine, account: str, said: str, trouble: KeyTrouble | None) -> str:
    """`said` of an account that lets no call in, with what to do about its key where it does not tell."""
    return said if "`reportdash " in said else _joined(said, await key_step(running, account, trouble))


async def key_step(running: Engine, account: str, trouble: KeyTrouble | None) -> str:
    """What to do about an account's key; empty: what is said of this trouble tells it."""
    match trouble:
        case KeyTrouble.NONE:
            return f"`reportdash login {account}` stores one"
        case KeyTrouble.REFUSED:
            return await another_key(running.seat(account))
    return ""


def _joined(text: str, step: str) -> str:
    return f"{text.rstrip('.')}; {step}" if step else text
