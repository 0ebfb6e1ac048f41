"""What an operator can do after an act that did not go well: the last clause of its sentence."""

from __future__ import annotations

from reportdash.errors import Exit
from reportdash.lifecycle import unsure_submit
from reportdash.model import Job


def with_next_step(text: str, code: Exit, job: Job, again: str) -> str:
    """The sentence with what to do next, unless it names a command. `again` does the act once more."""
    if code is Exit.OK or not text or "`reportdash " in text:
        return text
    if code is Exit.CREDENTIALS:
        step = f"`reportdash login {job.account}` stores another credential"
    elif unsure_submit(job):
        step = (
            f"ask the vendor whether it runs: `reportdash track {job.account} REFERENCE --for {job.id}` "
            f"follows it, `{again}` sends it once more"
        )
    elif code is Exit.UNREACHABLE:
        step = f"`{again}` tries again"
    else:
        step = f"`reportdash show {job.id}` tells more, `{again}` tries again"
    return f"{text.rstrip('.')}; {step}"
