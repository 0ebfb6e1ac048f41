"""Who polls an account: one owner at a time, with an epoch that makes every older fence worthless.

Each method runs inside the write transaction of `Store.commit`.
"""

from __future__ import annotations

from reportdash.clock import Clock
from reportdash.ledger.owner import lives_here
from reportdash.ledger.verbs import Verbs
from reportdash.model import Account, Fence, replace

LONGEST = 120.0
"""No lease is given for longer: one that ends later was given on a clock that has gone back since."""


class Leases:
    """Leases and heartbeats of one owner."""

    def __init__(self, verbs: Verbs, clock: Clock, owner: str) -> None:
        self.verbs = verbs
        self.reads = verbs.reads
        self.clock = clock
        self.owner = owner

    def take(self, account: str, seconds: float = 30.0) -> Fence | None:
        """The right to poll the account; None while another live owner holds it. KeyError: no such account.

        Taking it, even again by its owner, begins a new epoch: writes under the old one are refused.
        """
        now = self.clock.now()
        row = self.reads.account(account)
        if self._held(row, now):
            return None
        taken = replace(row, owner=self.owner, epoch=row.epoch + 1, lease_until=now + seconds)
        self.verbs.put_account(taken)
        return Fence(account, self.owner, taken.epoch)

    def held_elsewhere(self, account: str) -> bool:
        """Whether another live owner polls the account. KeyError: no such account."""
        return self._held(self.reads.account(account), self.clock.now())

    def _held(self, row: Account, now: float) -> bool:
        if row.owner is None or row.owner == self.owner or not 0 < (row.lease_until or 0.0) - now <= LONGEST:
            return False
        # A process that was killed gave nothing back: whoever sees that need not wait for the lease's end.
        return lives_here(row.owner) is not False

    def renew(self, fence: Fence, seconds: float = 30.0) -> None:
        """Hold the lease for another `seconds`. Raises LeaseLost."""
        self.verbs.check(fence)
        row = self.reads.account(fence.account)
        self.verbs.put_account(replace(row, lease_until=self.clock.now() + seconds))

    def release(self, fence: Fence) -> None:
        """Give the lease back; one that is lost already is none of ours."""
        row = self.reads.account(fence.account)
        if row.owner == fence.owner and row.epoch == fence.epoch:
            self.verbs.put_account(replace(row, owner=None, lease_until=None))

    def release_all(self) -> None:
        """Give back every lease of this owner, and its heartbeat."""
        for row in self.reads.accounts():
            if row.owner == self.owner:
                self.verbs.put_account(replace(row, owner=None, lease_until=None))
        self.verbs.db.execute("DELETE FROM owners WHERE owner = ?", (self.owner,))

    def beat(self) -> None:
        """Tell other hosts that this owner lives."""
        now = self.clock.now()
        self.verbs.db.execute(
            "INSERT INTO owners (owner, opened_at, beat_at) VALUES (?1, ?2, ?2) "
            "ON CONFLICT (owner) DO UPDATE SET beat_at = ?2",
            (self.owner, now),
        )
        # Long silent ones have ended without a word.
        self.verbs.db.execute("DELETE FROM owners WHERE beat_at < ?", (now - 86_400,))
