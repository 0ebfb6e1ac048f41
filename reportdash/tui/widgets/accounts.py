"""Line 2: the accounts, the troubled ones coloured and with words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from textual.strip import Strip

from reportdash.board.facts import Run
from reportdash.board.health import BROKEN, KeyTrouble, face_of, health_words, key_trouble, slots_full
from reportdash.board.states import HealthFace, Role
from reportdash.model import Account, Health
from reportdash.tui.columns import ROOMY
from reportdash.tui.text import Pen, key_run, length, muted
from reportdash.tui.widgets.lines import Lines

LONG, WORDS, BRIEF, SHORT = 3, 2, 1, 0
"""How much is said of an account: all, its name and all words, those but for the next try, the least."""


PLAIN_TEXT = "▲ PLAIN TEXT"
"""The badge of an account whose key lies in a file as it is, for as long as it does."""


class Slots(NamedTuple):
    """Jobs an account has at its vendor, of those the vendor runs at once."""

    used: int
    limit: int


class Accounts(Lines):
    """Line 2."""

    def __init__(self, pen: Pen) -> None:
        super().__init__(pen, id="accounts")
        self._made_of: tuple[object, ...] = ()

    def update(
        self,
        accounts: Sequence[Account],
        now: float,
        *,
        titles: Mapping[str, str],
        slots: Mapping[str, Slots],
        login_key: str,
        left_out: Collection[str] = (),
        read_only: Collection[str] = (),
        plain_text: Collection[str] = (),
        broken: Mapping[str, KeyTrouble] = MappingProxyType({}),
        accounts_key: str = "",
        plain: str = "",
    ) -> None:
        """Show the accounts. `titles`: how people read a vendor's name; `left_out`: accounts whose plug-in
        can not be used, the page behind `accounts_key` says why; `read_only`: those in which nothing is
        changed; `plain_text`: those whose key lies in plain text; `broken`: those whose next sign-in finds
        no key, and why; `plain` stands alone.
        """
        cells = self.size.width
        # Asked with every flush, and mostly the same; what time does to it is told in whole seconds.
        told = (tuple(accounts), int(now), tuple(titles.items()), tuple(slots.items()))
        marked = (tuple(left_out), tuple(read_only), tuple(plain_text), tuple(broken.items()))
        made_of = (self.pen, cells, *told, login_key, *marked, accounts_key, plain)
        if made_of == self._made_of:
            return
        self._made_of = made_of
        if plain:
            self.show([self.pen.strip([(1, (muted(plain),))], cells, Role.BAR)])
            return
        kept = [account for account in accounts if account.name not in left_out]
        shown = line(
            kept,
            now,
            cells,
            self.pen,
            titles=titles,
            slots=slots,
            login_key=login_key,
            unusable=[_unusable(name, accounts_key) for name in left_out],
            read_only=read_only,
            plain_text=plain_text,
            broken=broken,
        )
        self.show([shown])


def line(
    accounts: Sequence[Account],
    now: float,
    cells: int,
    pen: Pen,
    *,
    titles: Mapping[str, str],
    slots: Mapping[str, Slots],
    login_key: str,
    unusable: Sequence[tuple[Run, ...]] = (),
    read_only: Collection[str] = (),
    plain_text: Collection[str] = (),
    broken: Mapping[str, KeyTrouble] = MappingProxyType({}),
) -> Strip:
    """Line 2 in `cells`. What does not fit is folded: healthy accounts, then vendors' names, then times."""
    roomy = cells >= ROOMY
    gap = 5 if roomy else 2
    room = cells - 2

    def item(account: Account, much: int) -> tuple[Run, ...]:
        if account.name in broken and account.shown is Health.OK:
            found = _at_risk(account, titles, broken[account.name], much, login_key)
        elif account.shown is Health.OK:
            found = _healthy(account, titles, slots.get(account.name), much, now)
        else:
            found = _troubled(account, titles, now, much, login_key)
        if account.name in read_only and much is not SHORT:
            found = (*found, Run(" · read-only" if much is LONG else " read-only", Role.TEXT))
        if account.name in plain_text:
            found = (*found, Run(f" {PLAIN_TEXT}", Role.WARN))
        return found

    def folded(kept: Sequence[Account], count: int, much: int) -> list[tuple[Run, ...]]:
        items = [*unusable, *(item(account, much) for account in kept)]
        if count:
            items.append((muted(f"{count} account{'' if count == 1 else 's'} ok"),))
        return items

    def taken(items: Sequence[Sequence[Run]], gap: int) -> int:
        return sum(map(length, items)) + gap * (len(items) - 1)

    # A badge for ever is not folded into those that are well.
    marked = {*plain_text, *broken}
    troubled = [one for one in accounts if one.shown is not Health.OK or one.name in marked]
    healthy = len(accounts) - len(troubled)
    # An account whose slots are taken is worth its place when all of them do not fit.
    busy = [one for one in accounts if one in troubled or (one.name in slots and slots[one.name].used)]
    # Made one after the other: mostly the first fits.
    tries = (
        (folded(kept, count, much), gap if much is LONG else 2)
        for much in (LONG, WORDS, BRIEF, SHORT)
        if roomy or much is not LONG
        for kept, count in (
            (accounts, 0),
            *([(busy, len(accounts) - len(busy))] if much is LONG else []),
            (troubled, healthy),
        )
    )
    counts = (
        ([*unusable, *_counted(accounts, plain_text, broken, merged=merged)], 2) for merged in (False, True)
    )
    found = [*unusable, *_counted(accounts, plain_text, broken, merged=True)]
    items, gap = next((one for one in chain(tries, counts) if taken(*one) <= room), (found, 2))
    pieces: list[tuple[int, Sequence[Run]]] = []
    at = 1
    for runs in items:
        pieces.append((at, runs))
        at += length(runs) + gap
    return pen.strip(pieces, cells, Role.BAR)


def _counted(
    accounts: Sequence[Account],
    plain_text: Collection[str],
    broken: Mapping[str, KeyTrouble],
    *,
    merged: bool,
) -> list[tuple[Run, ...]]:
    """Where there is no room for names: how many are in which trouble. `merged`: whatever is wrong with a
    key is one of them."""

    def seen(account: Account) -> tuple[Health, HealthFace]:
        # Not known as well: its next sign-in will fail.
        risk = broken.get(account.name) if account.shown is Health.OK else None
        if risk is not None:
            return Health.BAD_PAYLOAD, HealthFace("▲", str(risk), Role.WARN)
        face = face_of(account)
        if merged and account.shown is Health.AUTH_FAILED:
            face = face._replace(word=str(KeyTrouble.UNUSABLE))
        return account.shown, face

    found = Counter(map(seen, accounts))
    items: list[tuple[Run, ...]] = []
    for (health, face), count in sorted(found.items(), key=lambda item: item[0][0] is Health.OK):
        if health is Health.OK:
            items.append((muted(f"{count} ok"),))
        else:
            heavy = face.role is not Role.MUTED
            head = Run(f"{face.glyph} {count}", face.role, bold=heavy)
            items.append((head, Run(f" {face.word}", Role.TEXT if heavy else Role.MUTED)))
    if plain_text:
        sign, _, words = PLAIN_TEXT.partition(" ")
        # Before those that are well, whose count is the last.
        at = len(items) - any(health is Health.OK for health, _ in found)
        items.insert(at, (Run(f"{sign} {len(plain_text)} {words}", Role.WARN),))
    return items


def _unusable(name: str, key: str) -> tuple[Run, ...]:
    """An account that is left out: nobody looks at its jobs, and the whole sentence is too long for here."""
    head = Run(f"✗ {name}", Role.BAD, bold=True)
    said = Run(" plug-in broken: ", Role.TEXT) if key else Run(" plug-in broken", Role.TEXT)
    return (head, said, key_run(key)) if key else (head, said)


def _healthy(
    account: Account, titles: Mapping[str, str], slots: Slots | None, much: int, now: float
) -> tuple[Run, ...]:
    if much is not LONG:
        return (muted(account.name),)
    words = titles.get(account.vendor, account.vendor)
    if slots is not None:
        words += f" · {slots_words(account, slots, now)}"
    return Run(account.name, Role.TEXT), muted(f" {words}")


def _at_risk(
    account: Account, titles: Mapping[str, str], trouble: KeyTrouble, much: int, login_key: str
) -> tuple[Run, ...]:
    """It is looked at still: with the session there is, until the next sign-in."""
    head = Run(f"▲ {account.name}", Role.WARN, bold=True)
    if much is not LONG:
        return head, Run(f" {trouble}", Role.TEXT)
    vendor = muted(f" {titles.get(account.vendor, account.vendor)}")
    said = Run(f" · {trouble}, ", Role.TEXT)
    return head, vendor, said, key_run(login_key), Run(f" {trouble.login}", Role.TEXT)


def slots_words(account: Account, slots: Slots, now: float) -> str:
    """`7 of 10 slots`; when the vendor said full lately while we counted fewer, that."""
    if slots_full(account, now) and slots.used < slots.limit:
        return "slots full (vendor)"
    return f"{slots.used} of {slots.limit} slots"


def _troubled(
    account: Account, titles: Mapping[str, str], now: float, much: int, login_key: str
) -> tuple[Run, ...]:
    health = account.shown
    face = face_of(account)
    heavy = face.role is not Role.MUTED
    head = Run(f"{face.glyph} {account.name}", face.role, bold=heavy)
    key = key_run(login_key)
    trouble = key_trouble(account)
    words = health_words(account, now, next_try=much is not BRIEF) if much is not SHORT else face.word
    if much is not LONG:
        if health is Health.AUTH_FAILED:
            verb = " unlock" if trouble.locked else " log in"
            # What helps is not the login alone.
            verb = f" {trouble}" if trouble in BROKEN else verb
            return (head, Run(f"{verb}: ", Role.TEXT), key) if login_key else (head, Run(verb, Role.TEXT))
        return head, Run(f" {words}", Role.TEXT if heavy else Role.MUTED)
    vendor = muted(f" {titles.get(account.vendor, account.vendor)}")
    if health is Health.AUTH_FAILED:
        return (head, vendor, Run(f" · {words}, ", Role.TEXT), key, Run(f" {trouble.login}", Role.TEXT))
    return head, vendor, Run(f" · {words}", Role.TEXT if heavy else Role.MUTED)
