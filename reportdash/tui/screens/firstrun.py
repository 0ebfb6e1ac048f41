"""What stands where the table would be: the first run, a filter that finds nothing, a window too small."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import NamedTuple, TypeAlias

from textual.geometry import Size
from textual.strip import Strip

from reportdash.board.counts import Counts
from reportdash.board.facts import Run
from reportdash.board.health import KeyTrouble, key_trouble
from reportdash.board.states import Role
from reportdash.board.units import plural
from reportdash.model import NO_KEY, Account, Health
from reportdash.settings.first import ALL_JOBS
from reportdash.tui.actions import Keymap
from reportdash.tui.columns import LEAST, LEAST_HEIGHT
from reportdash.tui.text import Pen, cut, cut_middle, key_run, length, muted, strong, text_run

Pieces: TypeAlias = Sequence[tuple[int, Iterable[Run]]]

STEPS = {1: "demo", 2: "add_account", 3: "login", 4: "track"}
"""What each numbered step does: an action of the registry."""
WORDS = {1: "look around", 2: "write the config", 3: "log in", 4: "follow a report"}
"""What the footer calls it."""
SMALLEST = ("[accounts.main]", 'vendor = "7g"', 'base_url = "https://api.7g.com.au"')
BLOCK = 66
"""Cells the steps take where there is room for them."""
WHAT, GAP = 18, 2


class Stage(NamedTuple):
    """How far the first run has come. `config`: where the file belongs; `configured`: it names an account;
    `accounts`: those the ledger knows of; `looked`: the demo was opened before."""

    config: str
    configured: bool
    accounts: Sequence[Account] = ()
    looked: bool = False

    @property
    def shut(self) -> list[Account]:
        """Accounts without a key that works."""
        return [account for account in self.accounts if account.health is Health.AUTH_FAILED]

    @property
    def next(self) -> int:
        """The step that is next; 0 while it is not known yet whether an account has a key."""
        if not self.configured:
            return 2 if self.looked else 1
        well = [account for account in self.accounts if account.health is not Health.AUTH_FAILED]
        # Whoever polls an account had its key; of a paused one nobody asks.
        if any(account.owner or account.paused or account.health is not Health.OK for account in well):
            return 4
        return 3 if self.accounts and not well else 0

    def done(self, number: int) -> bool:
        """Whether a step is behind us."""
        return self.looked if number == 1 else self.configured if number == 2 else self.next > number

    def steps(self, keymap: Keymap) -> list[tuple[int, str, str, str]]:
        """Number, key, what it is, and the command that does the same."""
        accounts = self.shut or self.accounts if self.next == 3 else self.accounts
        name = accounts[0].name if accounts else "ACCOUNT"
        key = {number: keymap.shown(f"view_{number}") for number in STEPS}
        return [
            (1, key[1], "Look around first", "reportdash demo"),
            (2, key[2], "Write the config", "reportdash config init"),
            (3, key[3], "Log in", f"reportdash login {name}"),
            (4, key[4], "Follow a report", f"reportdash track {name} REFERENCE"),
            (5, keymap.shown("submit"), "or submit one", f"reportdash submit {name} REPORT"),
        ]


def first_run(cells: int, height: int, stage: Stage, keymap: Keymap, pen: Pen) -> list[Strip]:
    """The page without a job, in `height` lines: what is next, what is done, and how to do it elsewhere."""
    steps = stage.steps(keymap)
    left = max(1, (cells - BLOCK) // 2)
    at = left + 2 + max(len(key) for _, key, _, _ in steps) + 1
    title: list[Pieces] = [[(left + 2, _title(stage, cells - left - 3, keymap))]]
    lines = [_step(step, stage, left, at) for step in steps]
    where: list[Pieces] = []
    if stage.config:
        room = cells - left - 16
        where = [[(left + 2, (muted("The config: "), text_run(cut_middle(stage.config, room))))]]
    last = "The table comes with the first job." if stage.configured else "This page changes by itself."
    end: list[Pieces] = [[(left + 2, (muted(f"{last} More in docs/."),))]]
    example: list[Pieces] = []
    if not stage.configured:
        example = [[], [(left + 2, (muted("The smallest config, for one 7G account:"),))], []]
        example += [[(left + 2, (Run("▌", Role.LINE),)), (left + 4, (text_run(text),))] for text in SMALLEST]
    heads: Pieces = [(at + WHAT + GAP, (muted("the same in a shell"),))]
    whole = [*title, [], heads, *lines, [], *where, *example, [], *end]
    if height < len(whole):
        whole = [*title, heads, *lines, [], *where, *end]
    if height < len(whole):
        whole = [*title, *lines, *where, *end]
    above = max(0, (height - len(whole)) // 2)
    return _filled([[]] * above + whole, cells, height, pen)


def _title(stage: Stage, room: int, keymap: Keymap) -> list[Run]:
    if not stage.configured:
        return [strong("No account yet")]
    said = [strong("No jobs yet.")]
    if stage.next == 3:
        first, *others = stage.shut
        names = f"{first.name} and {plural(len(others), 'other')} have" if others else f"{first.name} has"
        trouble = key_trouble(first)
        lacks = NO_KEY if trouble is KeyTrouble.NONE else "no key that works"
        store = "vault" if trouble is KeyTrouble.VAULT else "keyring"
        locked = f"The {store} with the key is locked" if trouble.locked else ""
        rest = [text_run(f"  {locked or f'{names} {lacks}'}")]
    else:
        rest = [text_run("  "), key_run(keymap.shown("submit")), text_run(" submits one, ")]
        rest += [key_run(keymap.shown("track")), text_run(" follows one that runs already")]
    return [*said, *rest] if length([*said, *rest]) <= room else said


def _step(step: tuple[int, str, str, str], stage: Stage, left: int, at: int) -> Pieces:
    number, key, what, command = step
    ticked = number in STEPS and stage.done(number)
    here = number == stage.next
    sign = Run("▌", Role.ACCENT) if here else muted("✓") if ticked else text_run(" ")
    words = muted if ticked else strong if here else text_run
    return [
        (left, (sign,)),
        (left + 2, (muted(key) if ticked else key_run(key),)),
        (at, (words(what),)),
        (at + WHAT + GAP, (muted(command) if ticked else strong(command),)),
    ]


def nothing_found(
    cells: int, height: int, query: str, view: str, counts: Counts, keymap: Keymap, pen: Pen
) -> list[Strip]:
    """A filter, or a saved view, without any job."""
    total = plural(counts.total, "job")
    if query:
        where = "" if view == ALL_JOBS else f" in the view {view}"
        shown = cut(query, max(10, cells - 50 - len(where)))
        said = [text_run("No job matches "), strong(shown), text_run(f"{where}.  ")]
        said += [key_run(keymap.named("back")), text_run(f" clears the filter, {total} in all")]
    else:
        said = [text_run("No job in the view "), strong(view), text_run(".  ")]
        said += [key_run(keymap.named("view_1")), text_run(f" shows all jobs, {total} in all")]
    return _filled([[], [(3, said)]], cells, height, pen)


def unread(cells: int, height: int, pen: Pen) -> list[Strip]:
    """A ledger that can not be read: nobody knows whether there is a job. Why, the status line says."""
    said = "The ledger can not be read now. The table comes as soon as it can."
    return _filled([[], [(3, (text_run(said),))]], cells, height, pen)


def is_too_small(size: Size) -> bool:
    """Whether the window has no room for anything but a sentence."""
    return size.width < LEAST or size.height < LEAST_HEIGHT


def too_small(cells: int, height: int, pen: Pen, words: str = "") -> list[Strip]:
    """One sentence for a window that is too small: `words`, else what would be enough."""
    words = words or f"reportdash needs {LEAST}×{LEAST_HEIGHT}, this window is {cells}×{height}"
    lines: list[Pieces] = [[(0, (text_run(line),))] for line in wrap(words, max(1, cells))]
    return _filled(lines, cells, height, pen)


def _filled(lines: Sequence[Pieces], cells: int, height: int, pen: Pen) -> list[Strip]:
    made = [pen.strip(pieces, cells) for pieces in lines[:height]]
    return made + [pen.blank(cells)] * (height - len(made))
