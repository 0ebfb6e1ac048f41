"""The table as it stands: filtered, sorted, with a cursor and a selection. Pure; `now` is handed in.

`rows` is a permutation of slots (groups as blocks: the parent, then its children in the vendor's order). A
changed job moves by a binary search in it; nothing walks all rows but a new filter or a new order, and those
work in slices (`rebuild`), so that a key between two slices is answered at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from reportdash.board import blocks
from reportdash.board.counts import Counts
from reportdash.board.delta import Delta
from reportdash.board.facts import next_moment
from reportdash.board.order import DESCENDING, SLICE, Column, Key, Maker, maker, place, portions, urgency
from reportdash.board.records import Records
from reportdash.board.selection import Selection
from reportdash.board.sieve import Sieve
from reportdash.model import Account, Job

if TYPE_CHECKING:
    # The language is read when the first filter comes.
    from reportdash.board.terms import Query

FLOOD = 250
"""Changes taken in between two chances for a key."""
NEAR = 200
"""Rows above and below in which the cursor looks for one that stays."""
MANY = 400
"""More moves than this at once, and the whole order is built anew."""


class View:
    """Records, and the rows they make under one filter and one order."""

    def __init__(self) -> None:
        self.records = Records()
        self.rows = array("I")
        self.sieve = Sieve(self.records)
        self.column = Column.STATE
        self.reverse = False
        self._make: Maker = urgency
        self.closed: set[int] = set()
        self.selection = Selection()
        self.cursor: int | None = None
        self._stood: int | None = None  # where it was when no row was left
        self.shown = 0
        self.now = 0.0
        self._keys: list[Any] = []
        self._keys_fit = False
        self._matched = bytearray()
        self._held: set[int] = set()
        self._generation = 0
        self._rebuilding = False

    # Taking in.

    def load(self, jobs: Iterable[Job], accounts: Iterable[Account], now: float) -> None:
        """The first rows: everything at once."""
        self.now = now
        self.records.load(jobs, accounts, now)
        for _ in self.rebuild():
            pass

    def apply(
        self, jobs: Iterable[Job], accounts: Iterable[Account], now: float, *, hold: bool = False
    ) -> Delta:
        """Take changes in. `hold`: rows that are shown stay where they are until `settle`.

        Forgotten rows leave at once in any case.
        """
        self.now = now
        records = self.records
        delta = Delta()
        for account in accounts:
            records.accounts[account.name] = account
            delta.rebuild |= self.sieve.by_health
        moves: set[int] = set()
        for job in sorted(jobs, key=lambda job: job.parent is not None):
            before = records.slot_of.get(job.id, -1)
            group = self.group_of(before) if before >= 0 else -1
            if job.forgotten_at is not None:
                if before >= 0:
                    self._forget(before, group, delta)
                    records.put(job, now)
                    if group != before and group >= 0:
                        moves.add(group)
                continue
            if before < 0:
                # Children that came before their parent join its block.
                for child in records.orphans(job.id):
                    self._take_out(child, delta)
            slot, new = records.put(job, now)
            if new:
                self._grow()
            delta.touched.add(slot)
            group = self.group_of(slot)
            delta.touched.add(group)
            if self._places_anew(slot, group, new):
                moves.add(group)
        moves = {slot for slot in moves if records.jobs[slot] is not None}
        self._move(moves, delta, hold=hold)
        return delta

    def flood(self, jobs: Sequence[Job], accounts: Iterable[Account], now: float) -> Iterator[None]:
        """Take very many changes in, in slices: iterate to the end. The rows stay as they are until then."""
        self._keys_fit = False
        self._rebuilding = True
        for start in range(0, len(jobs), FLOOD):
            self.apply(jobs[start : start + FLOOD], accounts if start == 0 else (), now)
            yield
        yield from self.rebuild()

    def tick(self, now: float, *, hold: bool = False) -> Delta:
        """Let time pass: what expires soon rises, and a filter by time is looked at again."""
        self.now = now
        delta = Delta(rebuild=self.sieve.by_time)
        rang = set(self.records.rung(now))
        delta.touched |= rang
        self._move({self.group_of(slot) for slot in rang}, delta, hold=hold)
        return delta

    def settle(self) -> Delta:
        """Put the rows that were held where they belong."""
        delta = Delta()
        held, self._held = self._held, set()
        self._move({slot for slot in held if self.records.jobs[slot] is not None}, delta, hold=False)
        return delta

    @property
    def holding(self) -> bool:
        """Whether rows wait for `settle`."""
        return bool(self._held)

    # The order.

    def group_of(self, slot: int) -> int:
        """The slot that decides where a slot's row stands: its parent's, else its own."""
        parent = self.records.parent_of.get(slot, -1)
        return parent if parent >= 0 else slot

    def set_query(self, query: Query | None) -> None:
        """Another filter, None for none; `rebuild` carries it out."""
        self.sieve.set(query)
        self._rebuilding = True

    def set_order(self, column: Column, reverse: bool = False) -> None:
        """Another order; `rebuild` carries it out."""
        self.column = column
        self.reverse = reverse
        self._make = maker(column)
        self._keys_fit = False
        self._rebuilding = True

    @property
    def descending(self) -> bool:
        """Whether the sorted column's title carries `↓`."""
        return (self.column in DESCENDING) is not self.reverse

    def _key(self, slot: int) -> Key:
        records = self.records
        job = records.job(slot)
        if self.column is Column.NEXT:
            return next_moment(job, lambda: records.sight(slot, self.now))
        return self._make(job, records.order_kind(slot))

    def rebuild(self) -> Iterator[None]:
        """Filter and sort anew, in slices: iterate to the end. A second call makes the first one stop.

        The old rows stay as they are until the last slice; changes in between are placed after it.
        """
        self._generation += 1
        mine = self._generation
        self._rebuilding = True
        for _ in self._steps():
            yield
            if self._generation != mine:
                return

    def _steps(self) -> Generator[None, None, None]:
        records = self.records
        if not self._keys_fit:
            # Every key is made anew from here, so nothing is held back any more.
            self._held = set()
        self._grow()
        # What is new from here on is placed after the last slice.
        count = len(records.jobs)
        yield from self._match(count)
        keys = self._keys
        if not self._keys_fit:
            keys = yield from self._make_keys(count)
        else:  # a row that is held back since it came has no place in the order yet
            for slot in self._held:
                if keys[slot] is None and records.jobs[slot] is not None:
                    keys[slot] = self._key(slot)
        forgotten = records.forgotten
        tops, own = yield from blocks.tops(records, self._matched, count)
        parts = yield from portions(self.column, tops, keys)
        runs: list[int] = []
        for part in reversed(parts) if self.reverse else parts:
            runs += sorted(part, key=keys.__getitem__, reverse=self.reverse)
            yield
        rows = yield from blocks.with_parts(runs, records, self._shown_children)
        if forgotten != records.forgotten:
            rows = array("I", [slot for slot in rows if records.jobs[slot] is not None])
            own = sum(self._matched[slot] for slot in rows if records.parent_of.get(slot, -1) < 0)
        cursor, before = self.cursor_row, self.rows
        self.rows, self._keys, self._keys_fit = rows, keys, True
        self.shown = own
        self._rebuilding = False
        self._grow()
        self._keep_near(cursor, before)
        late = list(self._held)
        for start in range(0, len(late), FLOOD):
            part = late[start : start + FLOOD]
            self._held.difference_update(part)
            self._move({slot for slot in part if records.jobs[slot]}, Delta(), hold=False)
            yield

    def _match(self, count: int) -> Iterator[None]:
        """Which of the first `count` slots pass the filter."""
        for start in range(0, count, SLICE):
            end = min(start + SLICE, count)
            self._matched[start:end] = self.sieve.passing(start, end, self.now)
            yield

    def _make_keys(self, count: int) -> Generator[None, None, list[Any]]:
        """The place of each of the first `count` slots in the order."""
        records = self.records
        jobs, soon, kinds = records.jobs, records.expiring, records.kinds
        make, by_next = self._make, self.column is Column.NEXT
        keys: list[Any] = []
        for start in range(0, count, SLICE):
            part = enumerate(jobs[start : min(start + SLICE, count)], start)
            if by_next:
                keys += [None if job is None else self._key(slot) for slot, job in part]
            else:
                keys += [
                    None if job is None else make(job, 1 if slot in soon else kinds[slot])
                    for slot, job in part
                ]
            yield
        return keys

    def _grow(self) -> None:
        missing = len(self.records.jobs) - len(self._matched)
        self._matched.extend(bytes(max(0, missing)))
        self._keys.extend([None] * (len(self.records.jobs) - len(self._keys)))

    def _stands(self, top: int) -> bool:
        """Whether a row stands in the table: it matches, or a child of it does."""
        if self._matched[top]:
            return True
        return any(self._matched[child] for child in self.records.children.get(top, ()))

    def _shown_children(self, top: int) -> list[int]:
        if top in self.closed:
            return []
        whole = self._matched[top]
        return [child for child in self.records.children.get(top, ()) if whole or self._matched[child]]

    # Moving single rows.

    def _places_anew(self, slot: int, group: int, new: bool) -> bool:
        """Whether a changed slot's block has to be placed again; brings its match up to date."""
        if self._rebuilding:
            self._held.add(group)
            return False
        matched = self.sieve.passes(slot, self.now)
        if new or slot != group or matched != self._matched[slot]:
            return True
        return bool(matched) and self._keys[slot] != self._key(slot)

    def _move(self, groups: set[int], delta: Delta, *, hold: bool) -> None:
        if hold or self._rebuilding:
            self._held |= groups
            return
        if len(groups) > MANY:
            self._keys_fit = False
            self._rebuilding = delta.rebuild = True
            return
        cursor = self.cursor_row
        for group in groups:
            delta.moved |= self._place(group)
        self._held -= groups
        self._keep_cursor(cursor)

    def _place(self, group: int) -> bool:
        """Put one block where it belongs. Whether any row changed its place."""
        at = self._row_of_group(group)
        old = self._block_at(at, group)
        self._keys[group] = self._key(group)
        was = bool(old) and bool(self._matched[group])
        for slot in (group, *self.records.children.get(group, ())):
            self._matched[slot] = self.sieve.passes(slot, self.now)
        block = [group, *self._shown_children(group)] if self._stands(group) else []
        self.shown += (bool(block) and bool(self._matched[group])) - was
        if old:
            del self.rows[at : at + len(old)]
        to = self._row_of_group(group)
        if block:
            self.rows[to:to] = array("I", block)
        return at != to or block != old

    def _row_of_group(self, group: int) -> int:
        """Where a block with this group's key stands, or would stand: a binary search."""
        if group >= len(self._keys) or self._keys[group] is None:
            return len(self.rows)
        return place(self.rows, self._keys, self.group_of, group, self.reverse)

    def _block_at(self, at: int, group: int) -> list[int]:
        block: list[int] = []
        while at < len(self.rows) and self.group_of(self.rows[at]) == group:
            block.append(self.rows[at])
            at += 1
        return block

    def _forget(self, slot: int, group: int, delta: Delta) -> None:
        """Take a row out, and with a group its children's rows."""
        job = self.records.job(slot)
        cursor = self.cursor_row
        self.selection.discard(job.id)
        self._take_out(slot, delta)
        self._held.discard(slot)
        self._matched[slot] = 0
        if self.cursor is not None and self.row_of(self.cursor) is None:
            self._keep_cursor(cursor)

    def _take_out(self, slot: int, delta: Delta) -> None:
        """Take a slot's row, and its children's, out of the rows."""
        at = self.row_of(slot)
        if at is None:
            return
        top = self.group_of(slot) == slot
        count = len(self._block_at(at, slot)) if top else 1
        del self.rows[at : at + count]
        delta.moved = True
        self.shown -= top and bool(self._matched[slot])

    # Groups, cursor.

    def toggle_group(self, slot: int) -> Delta:
        """Open or close the group a row belongs to."""
        group = self.group_of(slot)
        delta = Delta(touched={group})
        if self.records.job(group).is_group:
            self.closed ^= {group}
            if self.cursor is not None and self.group_of(self.cursor) == group:
                self.cursor = group
            self._move({group}, delta, hold=False)
        return delta

    def row_of(self, slot: int) -> int | None:
        """The row a slot stands in, or None."""
        group = self.group_of(slot)
        at = self._row_of_group(group)
        block = self._block_at(at, group)
        return at + block.index(slot) if slot in block else None

    @property
    def cursor_row(self) -> int | None:
        """The row the cursor is on."""
        return None if self.cursor is None else self.row_of(self.cursor)

    def move_to(self, row: int) -> None:
        """Put the cursor on a row, or the nearest there is."""
        if not self.rows:
            self._stood = self.cursor if self.cursor is not None else self._stood
            self.cursor = None
            return
        stood, self._stood = self._stood, None
        if self.cursor is None and stood is not None and (back := self.row_of(stood)) is not None:
            row = back
        self.cursor = self.rows[max(0, min(row, len(self.rows) - 1))]

    def _keep_near(self, row: int | None, before: array[int]) -> None:
        """After the rows were made anew: the cursor stays on its job, or goes to the nearest that stays."""
        if self.cursor is None or row is None or self.row_of(self.cursor) is not None:
            self._keep_cursor(row)
            return
        for away in range(1, NEAR):
            for at in (row + away, row - away):
                if 0 <= at < len(before) and self.records.jobs[before[at]] is not None:
                    there = self.row_of(before[at])
                    if there is not None:
                        self.move_to(there)
                        return
        self.move_to(0)

    def _keep_cursor(self, row: int | None) -> None:
        """After rows have changed: the cursor stays on its job, or on its line when the job has left."""
        if self.cursor is not None and self.records.jobs[self.cursor] is None:
            self.cursor = None
        if self.cursor is None or self.row_of(self.cursor) is None:
            self.move_to(row or 0)

    def job_at(self, row: int) -> Job:
        """The job a row shows."""
        return self.records.job(self.rows[row])

    def matching_ids(self) -> Iterator[list[str]]:
        """The jobs that pass the filter themselves, in slices, in the order of the rows; no parts."""
        jobs, parent_of, matched = self.records.jobs, self.records.parent_of, self._matched
        rows = self.rows
        for start in range(0, len(rows), SLICE):
            slots = (slot for slot in rows[start : start + SLICE] if matched[slot] and slot not in parent_of)
            yield [job.id for slot in slots if (job := jobs[slot]) is not None]

    @property
    def cursor_job(self) -> Job | None:
        """The job under the cursor."""
        if self.cursor is None or not self.rows:
            return None
        return self.records.jobs[self.cursor]

    def counts(self) -> Counts:
        """The header's numbers."""
        return self.records.counts(self.shown)
