"""The encoder of differences: whatever stood on a terminal, its bytes make of it what shall stand there."""

from __future__ import annotations

import random
import re
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reportdash.tui.wire import encode
from reportdash.tui.wire.encode import BEHIND, Encoder, Row
from reportdash.tui.wire.pens import NO_PEN, Look, Pens, shortest
from tests.tui.screens import Cell, Erasing, Filling, Screen, Terminal, is_wide

LOOKS = (
    Look(),
    Look(0b1),
    Look(0b10, "31"),
    Look(0b1000, "38;2;1;2;3", "48;2;40;40;60"),
    Look(0, "38;2;200;200;200", "48;2;40;40;60"),
    Look(0b1000001),
    Look(0b100000000, "", "41"),
    Look(0b100, "38;5;120", ""),
    Look(0b11, "38;2;200;200;200", "48;2;40;40;60"),
)
TABLE = Encoder()
"""Its pens and stand-ins are those of every row here."""
PENS = TABLE.pens
PLACES = [PENS.pen(look) for look in LOOKS]
FILLED = Pens()
"""The same pens on a terminal that fills with the background colour."""
assert [FILLED.pen(look) for look in LOOKS] == PLACES
FILLED.fill()
TEXTS = ("abc", "  ", "          ", "x", "●─", "漢字", "e\u0301", "long words with blanks", "")


def row_of(pieces: list[tuple[int, int]], width: int) -> Row:
    """A line from numbers of texts and pens, filled up with blanks."""
    texts: list[str] = []
    pens: list[str] = []
    for text, pen in pieces:
        for char in TEXTS[text % len(TEXTS)]:
            if char == "\u0301":
                texts[-1] = TABLE.stand_in(texts[-1] + char) or ""
                continue
            room = 2 if is_wide(char) else 1
            if len(texts) + room > width:
                break
            texts += [char, BEHIND] if room == 2 else [char]
            pens += [PLACES[pen % len(PLACES)]] * room
    rest = width - len(texts)
    last = PLACES[pieces[-1][1] % len(PLACES)] if pieces else PLACES[0]
    return Row("".join(texts) + " " * rest, "".join(pens) + last * rest)


LINE = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=8)
SCREENS = st.tuples(st.integers(2, 40), st.lists(LINE, min_size=2, max_size=10))
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("line"), st.integers(0, 7), LINE),
        st.tuples(st.just("scroll"), st.integers(-3, 3), LINE),
        st.tuples(st.just("swap"), st.integers(0, 7), LINE),
    ),
    max_size=6,
)


def encoder_for(width: int, height: int, pens: Pens = PENS) -> Encoder:
    """An encoder that knows nothing of its terminal, with the pens and stand-ins of all."""
    encoder = Encoder()
    encoder.forget(width, height)
    encoder.pens = pens
    encoder.composed = TABLE.composed
    return encoder


def painted(rows: list[Row]) -> list[list[Cell]]:
    """What the terminal shows when it is painted whole, cell by cell, with no cleverness."""
    meant = {stand_in: text for text, stand_in in TABLE.composed.items()}
    screen = Screen(len(rows[0].text), len(rows))
    for y, row in enumerate(rows):
        for x, (text, pen) in enumerate(zip(row.text, row.pens, strict=True)):
            if text != BEHIND:
                said = meant.get(text, text)
                screen.feed(f"\x1b[{y + 1};{x + 1}H\x1b[m{PENS.change(NO_PEN, pen)}{said}")
    return screen.cells()


KINDS = st.sampled_from(
    [(Terminal, PENS), (Terminal, FILLED), (Erasing, PENS), (Filling, PENS), (Filling, FILLED)]
)
"""Terminals, and what is taken for granted of them."""


@settings(max_examples=250, deadline=None)
@given(SCREENS, MOVES, KINDS)
def test_the_bytes_make_the_old_screen_into_the_new_one(
    start: tuple[int, list[list[tuple[int, int]]]],
    moves: list[tuple[str, int, list[tuple[int, int]]]],
    kind: tuple[type[Terminal], Pens],
) -> None:
    width, lines = start
    rows = [row_of(line, width) for line in lines]
    terminal, pens = kind
    encoder = encoder_for(width, len(rows), pens)
    screen = Screen(width, len(rows), terminal)
    screen.scramble()

    def stands() -> None:
        # Scrolling is tried on small screens as well.
        with mock.patch.object(encode, "WORTH", 0):
            screen.feed(encoder.update(dict(enumerate(rows))))
        shown, wanted = screen.cells(), painted(rows)
        if terminal is not Terminal:
            shown, wanted = seen(shown), seen(wanted)
        assert shown == wanted

    stands()
    for what, number, line in moves:
        fresh = row_of(line, width)
        if what == "line":
            rows[number % len(rows)] = fresh
        elif what == "swap":
            rows[0], rows[number % len(rows)] = rows[number % len(rows)], fresh
        elif number:
            top = abs(number) % 2
            kept = rows[top:]
            kept = [*kept[number:], *[fresh] * number] if number > 0 else [*[fresh] * -number, *kept[:number]]
            rows = [*rows[:top], *kept][: len(rows)]
        stands()


def seen(cells: list[list[Cell]]) -> list[list[Cell]]:
    return [[cell.seen() for cell in line] for line in cells]


def text_rows(words: list[str], width: int, look: Look = LOOKS[4]) -> dict[int, Row]:
    pen = PENS.pen(look)
    return {y: Row(text.ljust(width), pen * width) for y, text in enumerate(words)}


def words(seed: int, count: int, length: int = 60) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choice("abcdefghij ") for _ in range(length)) for _ in range(count)]


def drawn(lines: list[str], width: int, look: Look = LOOKS[4]) -> Encoder:
    encoder = encoder_for(width, len(lines))
    encoder.update(text_rows(lines, width, look))
    return encoder


def test_what_stands_there_already_is_not_sent() -> None:
    lines = words(1, 10)
    encoder = drawn(lines, 80)
    assert encoder.update(text_rows(lines, 80)) == ""


def test_one_cell_costs_a_move_and_its_byte() -> None:
    lines = words(1, 10)
    encoder = drawn(lines, 80)
    lines[4] = lines[4][:20] + "X" + lines[4][21:]
    assert encoder.update(text_rows(lines, 80)) == "\x1b[5;21HX"


def test_another_colour_of_the_words_leaves_the_ground_alone() -> None:
    encoder = drawn(["abc"], 3)
    pen = PENS.pen(LOOKS[4]._replace(fore="31"))
    assert encoder.update({0: Row("abc", pen * 3)}) == "\x1b[H\x1b[31mabc"


def test_a_short_gap_is_sent_again_and_a_long_one_is_leapt_over() -> None:
    encoder = drawn(["abcdefghijklmnopqrstuvwxyz"], 26)
    assert encoder.update(text_rows(["AbcDefghijklmnopqrstuvwxyZ"], 26)) == "\x1b[HAbcD\x1b[26GZ"


def test_a_short_gap_of_another_look_is_leapt_over() -> None:
    one, other = PENS.pen(LOOKS[4]), PENS.pen(LOOKS[3])
    encoder = encoder_for(3, 1)
    encoder.update({0: Row("abc", one + other + one)})
    assert encoder.update({0: Row("AbC", one + other + one)}) == "\x1b[HA\x1b[CC"


@pytest.mark.parametrize("by", [1, 2, 5, -1, -3])
def test_lines_that_only_moved_are_scrolled(by: int) -> None:
    lines = words(2, 20, 100)
    encoder, screen = drawn(lines, 100), Screen(100, 20)
    screen.feed(encoder_for(100, 20).update(text_rows(lines, 100)))
    inner = lines[4:18]
    fresh = words(3, abs(by), 100)
    moved = [*inner[by:], *fresh] if by > 0 else [*fresh, *inner[:by]]
    sent = encoder.update(text_rows([*lines[:4], *moved, *lines[18:]], 100))
    screen.feed(sent)
    assert screen.cells() == painted([*text_rows([*lines[:4], *moved, *lines[18:]], 100).values()])
    assert "\x1b[5;18r" in sent
    assert sent.count("\x1b[r") == 1
    assert len(sent) < 100 * abs(by) + 60


@pytest.mark.parametrize(("last", "cells"), [(LOOKS[4], 80), (Look(), 3)], ids=["coloured", "plain"])
def test_a_line_that_scrolls_in_is_known_only_if_the_pen_leaves_the_terminals_own_ground(
    last: Look, cells: int
) -> None:
    lines = words(5, 10, 80)
    encoder = encoder_for(80, 11)
    below = {10: Row("status".ljust(80), PENS.pen(last) * 80)}
    encoder.update(text_rows(lines, 80, Look()) | below)
    sent = encoder.update(text_rows([*lines[1:], "new"], 80, Look()) | below)
    fresh = re.sub(r"\x1b\[K", " " * 77, sent.rpartition("\x1b[10H")[2])
    assert len(re.sub(r"\x1b\[[\d;]*m", "", fresh)) == cells


def test_bold_that_stays_is_said_again_when_dim_ends() -> None:
    """One number ends both."""
    both, bold = Look(0b11, "31", "41"), Look(0b1, "31", "41")
    assert PENS.change(PENS.pen(both), PENS.pen(bold)) == "\x1b[22;1m"


def test_blanks_on_the_terminals_own_ground_are_erased() -> None:
    encoder = drawn(["x" * 80], 80, Look())
    assert encoder.update(text_rows(["ab"], 80, Look())) == "\x1b[Hab\x1b[K"


def test_what_stands_before_a_blank_end_is_leapt_over() -> None:
    words_ = "b" * 30
    encoder = drawn([f"aX{words_}" + "x" * 48], 80, Look())
    assert encoder.update(text_rows([f"aY{words_}"], 80, Look())) == "\x1b[1;2HY\x1b[33G\x1b[K"


def test_blanks_on_a_coloured_ground_are_sent() -> None:
    """Terminals differ in what an erased cell looks like then."""
    encoder = drawn(["x" * 80], 80)
    sent = encoder.update(text_rows(["ab"], 80))
    assert sent == "\x1b[Hab" + " " * 78


def test_underlined_blanks_are_sent() -> None:
    encoder = drawn(["x" * 80], 80, Look(0b1000))
    assert "\x1b[K" not in encoder.update(text_rows(["ab"], 80, Look(0b1000)))


def test_behind_a_wide_character_the_column_is_said_anew() -> None:
    """A terminal may think another width of it."""
    encoder = drawn(["abcdef"], 6)
    pen = PENS.pen(LOOKS[4])
    assert encoder.update({0: Row(f"漢{BEHIND}字{BEHIND}xy", pen * 6)}) == "\x1b[H漢字\x1b[5Gxy"


def test_half_a_wide_character_that_is_left_over_is_not_taken_for_known() -> None:
    """Terminals blank it, or not."""
    pen = PENS.pen(LOOKS[4])
    encoder = encoder_for(4, 1)
    wide = Row(f"a漢{BEHIND}d", pen * 4)
    encoder.update({0: wide})
    for at in (2, 0):
        assert encoder.update({0: wide.over(at, Row("  ", pen * 2))})
        assert "漢" in encoder.update({0: wide})


def test_a_wide_character_between_two_changes_is_leapt_over() -> None:
    pen = PENS.pen(LOOKS[4])
    encoder = encoder_for(4, 1)
    encoder.update({0: Row(f"x漢{BEHIND}y", pen * 4)})
    assert encoder.update({0: Row(f"X漢{BEHIND}Y", pen * 4)}) == "\x1b[HX\x1b[4GY"


# On a terminal that fills with the background colour.


def test_blanks_in_colour_are_erased_where_that_fills() -> None:
    encoder = encoder_for(80, 1, FILLED)
    encoder.update(text_rows(["x" * 80], 80))
    assert encoder.update(text_rows(["ab"], 80)) == "\x1b[Hab\x1b[K"
    assert encoder.update(text_rows(["ab" + "x" * 78], 80)).endswith("x" * 78)
    assert encoder.update(text_rows(["ab" + " " * 20 + "x" * 58], 80)) == "\x1b[1;3H\x1b[20X"
    gap = encoder.update(text_rows(["cd" + "y" * 5 + " " * 15 + "z" * 58], 80))
    assert gap == "\x1b[Hcdyyyyy\x1b[23G" + "z" * 58


@pytest.mark.parametrize(("blanks", "sent"), [(10, " " * 10), (11, "\x1b[11X\x1b[11C")])
def test_blanks_between_words_are_erased_where_that_is_shorter(blanks: int, sent: str) -> None:
    encoder = encoder_for(80, 1, FILLED)
    encoder.update(text_rows(["x" * 80], 80))
    new = "a" + " " * blanks
    assert encoder.update(text_rows([new.ljust(80, "b")], 80)) == f"\x1b[Ha{sent}{'b' * (79 - blanks)}"


def test_underlined_blanks_are_sent_there_too() -> None:
    encoder = encoder_for(80, 1, FILLED)
    encoder.update(text_rows(["x" * 80], 80, LOOKS[3]))
    assert encoder.update(text_rows(["ab"], 80, LOOKS[3])) == "\x1b[Hab" + " " * 78


# Colours.


def test_a_colour_that_has_a_number_is_said_by_it() -> None:
    """The terminal shows the same: pyte names both alike."""
    for number in range(22, 256):
        screen = Screen(2, 1)
        screen.feed(f"\x1b[38;5;{number}ma")
        meant = screen.cells()[0][0].fore
        codes = [str(int(meant[at : at + 2], 16)) for at in (0, 2, 4)]
        said = shortest(["38", "2", *codes])
        assert len(said) <= 8
        screen.feed(f"\x1b[{said}mb")
        assert screen.cells()[0][1].fore == meant


@pytest.mark.parametrize("codes", [("31",), ("49",), ("38", "5", "7"), ("48", "2", "0", "0", "95")])
def test_other_colours_are_said_as_they_are(codes: tuple[str, ...]) -> None:
    """Numbers below 22 are given other colours by people's colour schemes."""
    assert shortest(codes) == ";".join(codes)
    assert shortest(["38", "2", "95", "135", "176"]) == "38;2;95;135;176"
