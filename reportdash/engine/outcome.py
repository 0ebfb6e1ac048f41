"""What an act ended with: the job as it stands now, the exit code it is worth, and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass

from reportdash.errors import Exit
from reportdash.model import Job


@dataclass(slots=True, frozen=True)
class Outcome:
    """The end of one verb on one job.

    `job` is the fresh row (another one than was asked for when a submit folded into a known job);
    `exit_code` what a command ends with; `text` one line for stderr or the pane, already clean. `passing`: of
    a download, that what stands in the way may go by itself.
    """

    job: Job
    exit_code: Exit
    text: str
    passing: bool = False

    @property
    def ok(self) -> bool:
        return self.exit_code is Exit.OK
