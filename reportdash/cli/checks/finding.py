"""A finding of `doctor`: what was looked at, how it is, and what to do. And how findings are printed."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reportdash.cli.output import columns_of, data, line_json, told_once, wrapped
from reportdash.cli.output import note as remark
from reportdash.errors import Exit
from reportdash.logins import in_a_shell
from reportdash.plain import clean

LONGEST = 1000
_WIDEST = 20
"""Columns the names of the checks take on a terminal, at most; a longer name has a line of its own."""
_NARROWEST = 40
_PARTS = re.compile(r"; |: |\. ")
MARKS = {"ok": "ok", "note": "note", "problem": "PROBLEM"}


@dataclass(slots=True, frozen=True)
class Finding:
    """One thing looked at. `text` is the whole sentence, its last part `next`: what to do, where there is
    something. `code`: what the command ends with because of it. `noted`: no failure, but worth knowing.
    """

    check: str
    text: str
    code: Exit = Exit.OK
    next: str | None = None
    noted: bool = False

    @property
    def ok(self) -> bool:
        return self.code is Exit.OK

    @property
    def level(self) -> str:
        """ok, note or problem."""
        return "problem" if not self.ok else "note" if self.noted else "ok"


def note(check: str, what: str, step: str | None = None) -> Finding:
    """What is no failure, but worth knowing."""
    return Finding(check, f"{what}; {step}" if step else what, Exit.OK, step, noted=True)


def problem(check: str, code: Exit, what: str, step: str) -> Finding:
    """What is wrong, and what to do about it."""
    what = what.rstrip(".")
    return Finding(check, f"{what}{'' if what.endswith('?') else ';'} {step}", code, step)


def said(check: str, code: Exit, sentence: str) -> Finding:
    """What is wrong, in a sentence of ours, whose last part is what to do."""
    sentence = in_a_shell(sentence)
    return Finding(check, sentence, code, step_of(sentence))


def step_of(sentence: str) -> str:
    """The last part of a sentence that says what, why and what next."""
    return _PARTS.split(sentence.rstrip("."))[-1]


def show(findings: Sequence[Finding], *, json: bool) -> None:
    """One line each; on a terminal a long one goes on below, under its own beginning, and is told once."""
    if json:
        for found in findings:
            line_json(
                {
                    "check": found.check,
                    "ok": found.ok,
                    "level": found.level,
                    "text": clean(found.text, LONGEST),
                    "next": None if found.next is None else clean(found.next, LONGEST),
                }
            )
        return
    columns = columns_of(sys.stdout)
    width = max(len(found.check) for found in findings)
    if columns:
        texts = told_once(((found.check, found.text) for found in findings), columns)
        findings = [replace(found, text=text) for found, text in zip(findings, texts, strict=True)]
    for found in findings:
        for line in lines(found, min(width, _WIDEST) if columns else width, columns):
            data(line)
    if columns:
        # What scrolled away is named once more, where the eye is.
        wrong = list(dict.fromkeys(found.check for found in findings if not found.ok))
        remark(f"reportdash: look at {', '.join(wrong)}" if wrong else "reportdash: all is well")


def lines(found: Finding, width: int, columns: int | None) -> list[str]:
    """The finding as it is printed, the check's name `width` wide; `columns` None: in one line."""
    check, text = clean(found.check, 100), clean(found.text, LONGEST)
    head = f"{MARKS[found.level]:7}  {check:{width}}  "
    if columns is None:
        return [head + text]
    indent = " " * (7 + 2 + width + 2)
    if columns - len(indent) < _NARROWEST:
        indent = "  "
    above = [head.rstrip()] if len(head) > len(indent) else []
    return [*above, *wrapped(text, columns, head=indent if above else head, indent=indent)]
