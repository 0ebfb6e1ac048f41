"""The engine of a config with accounts left out: it says why, not that they are nowhere in the config."""

from __future__ import annotations

from reportdash.engine.runtime import Engine, Seat
from reportdash.errors import UsageProblem
from reportdash.model import Job
from reportdash.vendors.contract import Can, No


class WithoutSome(Engine):
    """Refuses what is asked of an account left out with the reason: its vendor's plug-in."""

    def seat(self, account: str) -> Seat:
        left = self.settings.left_out.get(account)
        if left is not None:
            raise UsageProblem(f"{account} is left out: {left.text}")
        return super().seat(account)

    def can(self, action: str, job: Job) -> Can:
        return self._why(job, super().can(action, job))

    def can_download(self, job: Job) -> Can:
        return self._why(job, super().can_download(job))

    def _why(self, job: Job, able: Can) -> Can:
        left = self.settings.left_out.get(job.account)
        return No(f"{job.account} is left out: {left.text}") if left is not None and not able else able
