"""Taking up an intent: the one step that makes sure an act has exactly one process behind it.

An intent is claimed inside a write transaction and durably, before its request leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reportdash.engine.core import Core
from reportdash.errors import Problem
from reportdash.model import Fence, Intent, Job, Stage, replace

PATIENCE = 60.0
"""Seconds a one-shot command goes on with what is safe to repeat."""
REPEATS = 3
"""Times an unanswered request that is safe to repeat is sent again, at most."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
LET_GO_TRIES = 40


def pause_before(repeat: int) -> float:
    """Seconds before the `repeat`-th repeat of a one-shot command (1 first)."""
    return float(min(FIRST_PAUSE * 2.0 ** (repeat - 1), LONGEST_PAUSE))


class Intents:
    """Claims intents for this process and lets go of them again."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._active: set[str] = set()

    def active(self, job_id: str) -> bool:
        """Whether this process is carrying out an act on the job right now."""
        return job_id in self._active

    def begin(self, job_id: str) -> bool:
        """Mark the job as being acted on here; False when it is already."""
        if job_id in self._active:
            return False
        self._active.add(job_id)
        return True

    def end(self, job_id: str) -> None:
        self._active.discard(job_id)

    @contextmanager
    def ending(self, job_id: str) -> Iterator[None]:
        """`end` after the block. When it breaks off, the intent is let go of: whoever polls settles it."""
        try:
            yield
        except BaseException:
            self._core.spawn(self._let_go(job_id))
            raise
        finally:
            self.end(job_id)

    async def _let_go(self, job_id: str) -> None:
        """This process lives on, but does nothing more about the job: its name would keep others away."""
        me = self._core.ledger.owner

        def change(row: Job) -> Job | None:
            if row.intent is None or row.intent.owner != me or self.active(job_id):
                return None
            return replace(row, intent=replace(row.intent, owner=None))

        for _ in range(LET_GO_TRIES):
            try:
                await self._core.ledger.change(job_id, change, durable=True)
            except KeyError:
                return
            except Problem:  # a full disk, a lock: the reason, perhaps, why it broke off
                await self._core.clock.sleep(LONGEST_PAUSE)
            else:
                return

    async def held_elsewhere(self, job: Job) -> bool:
        """Whether a live process, this one included, has the job's intent in its hands."""
        intent = job.intent
        if intent is None or intent.owner is None:
            return False
        if intent.owner == self._core.ledger.owner:
            return self.active(job.id)
        return await self._core.ledger.owner_alive(intent.owner)

    async def claim(
        self, job: Job, fold: Callable[[Job, Intent], Job], *, what: str, fence: Fence | None = None
    ) -> Job | None:
        """The job with its intent in stage sending and this process as owner, durably; None: it was taken.

        `fold` dresses the row (state, message) around the new intent.
        """
        expected = job.intent
        assert expected is not None
        now = self._core.clock.now()
        sending = replace(
            expected,
            stage=Stage.SENDING,
            at=now,
            owner=self._core.ledger.owner,
            tries=expected.tries + 1,
            not_before=None,
        )

        def change(row: Job) -> Job | None:
            if row.intent != expected or row.forgotten_at is not None:
                return None
            return fold(replace(row, intent=sending), sending)

        claimed = await self._core.ledger.change(job.id, change, what=what, durable=True, fence=fence)
        return claimed if claimed.intent == sending else None
