"""The same table on Textual's own DataTable: same columns, same data, changed at the same rate.

Run as `python -m tests.bench.datatable LEDGER [--rate R] [--wait]`; `--wait`: the rows come when a key does.
"""

from __future__ import annotations

import argparse
import gc
import random
import sqlite3
import time

gc.disable()

from textual.app import App, ComposeResult  # noqa: E402
from textual.widgets import DataTable  # noqa: E402

COLUMNS = ("Id", "State", "Report", "Account", "Vendor says", "Age", "Next", "File")
CURSOR = b"48;2;18;52;86m"
"""The SGR of the cursor's row, and of nothing else."""
_QUERY = (
    "SELECT id, state, name, account, coalesce(vendor_status, ''), submitted_at, next_poll_at, "
    "artifact_state FROM jobs WHERE forgotten_at IS NULL ORDER BY submitted_at DESC"
)


def rows(ledger: str) -> list[tuple[str, ...]]:
    """The ledger's jobs as words, newest first."""
    db, now = sqlite3.connect(ledger), time.time()
    try:
        return [
            (
                *row[:5],
                f"{(now - row[5]) // 60:.0f}m" if row[5] else "",
                time.strftime("%H:%M", time.localtime(row[6])) if row[6] else "",
                row[7] or "",
            )
            for row in db.execute(_QUERY)
        ]
    finally:
        db.close()


class Table(App[None]):
    """Nothing but the table. A cursor over whole rows, as ours."""

    CSS = """
    DataTable { height: 1fr; }
    DataTable > .datatable--cursor { background: #123456; color: #fedcba; }
    """

    def __init__(self, ledger: str, rate: float, wait: bool) -> None:
        super().__init__()
        self.ledger = ledger
        self.rate = rate
        self.wait = wait
        self.draw = random.Random(3)
        self.made = 0

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")

    @property
    def table(self) -> DataTable[str]:
        return self.query_one(DataTable)

    def on_mount(self) -> None:
        self.animation_level = "none"
        self.columns = self.table.add_columns(*COLUMNS)
        self.words = rows(self.ledger)
        if not self.wait:
            self.load()

    def on_ready(self) -> None:
        gc.enable()
        gc.freeze()

    def load(self) -> None:
        """Every row at once, then the changes."""
        self.keys = self.table.add_rows(self.words)
        self.words = []
        self.table.focus()
        if self.rate:
            self.begun = time.monotonic()
            self.set_interval(max(0.01, 1 / self.rate), self.change)

    def on_key(self) -> None:
        if self.wait:
            self.wait = False
            self.load()

    def change(self) -> None:
        """As many changes as are due."""
        due = int((time.monotonic() - self.begun) * self.rate) - self.made
        for _ in range(min(due, 200)):
            self.made += 1
            key = self.keys[self.draw.randrange(len(self.keys))]
            self.table.update_cell(key, self.columns[4], f"step {self.made % 97} of 97")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("ledger")
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--wait", action="store_true")
    args = parser.parse_args()
    Table(args.ledger, args.rate, args.wait).run()


if __name__ == "__main__":
    main()
