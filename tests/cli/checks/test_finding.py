"""How findings are printed: lined up, wrapped under themselves on a terminal, one line each elsewhere."""

from __future__ import annotations

import pytest

from reportdash.cli.checks import finding
from reportdash.cli.checks.finding import Finding, lines, note, problem, said
from reportdash.errors import Exit

LONG = (
    "a sentence of many words that goes on and on, " * 3
    + "and names /a/path/that/nobody/may/cut/in/two-or-more"
)


def test_a_finding_is_a_problem_by_its_code_and_a_note_by_its_maker() -> None:
    assert Finding("x", "well").level == "ok"
    assert (note("x", "odd").level, note("x", "odd").ok, note("x", "odd").next) == ("note", True, None)
    wrong = problem("x", Exit.FAILED, "it is wrong", "mend it")
    assert (wrong.level, wrong.ok, wrong.text, wrong.next) == (
        "problem",
        False,
        "it is wrong; mend it",
        "mend it",
    )


def test_the_step_of_a_sentence_of_ours_is_its_last_part() -> None:
    assert said("x", Exit.FAILED, "the vault is locked: unlock it, or wait").next == "unlock it, or wait"
    assert (
        said("x", Exit.FAILED, "a: b; nothing was done. Give another folder.").next == "Give another folder"
    )
    assert problem("x", Exit.FAILED, "is it running?", "look at it").text == "is it running? look at it"


def test_off_a_terminal_a_finding_is_one_line_however_long() -> None:
    (line,) = lines(Finding("ledger", LONG), 10, None)
    assert line == f"ok       ledger      {LONG}"


def test_on_a_terminal_a_long_finding_goes_on_under_its_own_beginning() -> None:
    made = lines(problem("ledger", Exit.FAILED, LONG, "mend it"), 10, 80)
    assert made[0].startswith("PROBLEM  ledger      a sentence")
    assert len(made) > 3 and all(line.startswith(" " * 21) and line[21] != " " for line in made[1:])
    assert all(len(line) <= 80 for line in made)
    assert any("/a/path/that/nobody/may/cut/in/two-or-more" in line for line in made)
    assert " ".join(" ".join(made).split()).endswith("mend it")
    path = "/a/longer/path" * 6
    assert any(path in line for line in lines(Finding("x", f"it is {path}, all of it"), 10, 80))


def test_a_long_name_has_a_line_of_its_own_and_a_narrow_terminal_a_small_indent() -> None:
    made = lines(Finding("account of-a-very-long-name", LONG), 20, 80)
    assert made[0] == "ok       account of-a-very-long-name"
    assert all(line.startswith(" " * 31) for line in made[1:])
    narrow = lines(Finding("ledger", LONG), 20, 50)
    assert all(line.startswith("  ") and line[2] != " " for line in narrow[1:])


def test_on_a_terminal_what_is_wrong_with_several_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [problem(f"account {name}", Exit.CREDENTIALS, LONG, "mend it") for name in ("main", "billing")]
    monkeypatch.setattr(finding, "columns_of", lambda stream: 80)
    finding.show(found, json=False)
    told = capsys.readouterr().out
    assert told.count("mend it") == 1
    assert told.splitlines()[-1].split() == ["PROBLEM", "account", "billing", "as", "account", "main"]
    monkeypatch.setattr(finding, "columns_of", lambda stream: None)
    finding.show(found, json=False)
    assert capsys.readouterr().out.count("mend it") == 2


def test_a_terminal_gets_nothing_it_would_obey() -> None:
    hostile = Finding("account \x1b]0;x", "said \x1b[2J\u202e and\nmore")
    for columns in (None, 80):
        text = "\n".join(lines(hostile, 10, columns))
        assert text.replace("\n", "").isprintable()
