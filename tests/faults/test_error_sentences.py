"""Every error says what, why and what next: a catalogue of all places that make a sentence, from the code.

A sentence counts when it has a next step in it: a command, a key, a setting to change, the form a word has. A
place that hands on a sentence made elsewhere is named with where that is.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import reportdash
from reportdash.errors import Problem
from reportdash.net.guard import AddressRefused

ROOT = Path(reportdash.__file__).parent
FREE = ("simulator", "testing", "__main__.py")
"""What has no operator before it."""

NEXT = re.compile(
    r"`reportdash |`\{self.prog\}|\bgive |\bset |\bname |\bwrite |\buse |\brun |\blog in|\btry again|"
    r"\btake |\bwait|\blook at |\blook whether|\bask |make room|[Ff]ree some|\bsave it|\bcheck |"
    r"\bsubmit |\btrack |\b[Pp]ut |\bleave |\bcorrect |\bupgrade |\binstall |\bmove |\buninstall |"
    r"another folder| as in |save the file|knows the parameters|\bas Sigma's own pages|\btell whoever|"
    r"download it again|\bmake `|\bkeep it |fetches it again|opens the form|\badd it|ask for a shorter|"
    r"\bit must |must be |\bneeds |\bhas at most|\btakes |field=value with one of|\(accounts:|"
    r"`\{whose\} --help`|\(there are|\bmakes \{|\bGive more|goes on by itself|\bset it"
)  # fmt: skip
"""What a next step looks like."""

ELSEWHERE = {
    "{str(error)}": "a ThemeError, which has its own test of line, key and nearest key",
    "{can.reason}": "a vendor's No, below",
    "{able.reason}": "a vendor's No, below",
    "{blocked}": "the two sentences of a read-only run, which name the setting",
    "{_READ_ONLY}": "the same",
    "{words}": "`Engine.look` makes them, below",
    "{wrong}": "the pager's sentences",
    "{reason}": "`writing.why_not`",
    "{line}": "an outcome's text; the screen explains it with its keys",
    "{told}: {problem.text}": "tells the command to follow the job with",
    "{said}; {others}": "a store's sentence, with what to do",
    "{said}": "the same of a key at the vendor: the credentials' own words, or `seat.another_key`",
    "{cause}; nothing was stored. {step[:1].upper()}{step[1:]}; or {otherwise}": "the same, and what else",
    "the vault {kept.path} is gone, and with it the credential of {', '.join(owners)}: {GONE_STEP}": "so",
    "locked // {VAULT_LOCKED} in this session{since} ({path.name}): {ON_THE_SCREEN} // {why}": "a key",
    "unreadable // {VAULT_LOCKED}, for {why} // {why}": "the file's own sentence",
    "wrong // {text} // {wrong}: {then}": "{then}: write the right one there",
    "{account} // {store}": "the class names `reportdash login`",
    "{account} // {vendor} // {pin} // {place}": "so does this one",
    "{code} // {text}": "the keyring's sentences, held in one table with what to do",
    "{_without_place(problem.text, path, old)}": "a config error, with what to write",
    "{path}{_spot(str(error), text)}": "TOML's own words with line and column of the file",
    "failed // the vault {self.path} cannot be read ({error.strerror}): {step}": "{step}: what to do with it",
    "{named}: {step}": "{step}: what to write, or `reportdash config init`",
    "{_taken(path)}": "`writing._taken`: which file to name, or what checks it",
    "{self.app.live.problem or OPENING}": "a ledger's own sentence, or that it is being opened: try again",
    "cannot look for the ledger {clean(path, 300)}: {error.strerror or clean(error)}. {_ELSEWHERE}": (
        "{_ELSEWHERE}: another folder"
    ),
    "{self.place(path)}: {sentence}": "a config error; `settings.sentences` says what to write",
    "an account of this vendor would be left out: {left.text}": "a plug-in's own remedy",
    "{account} is left out: {left.text}": "a plug-in's own remedy",
    "{what} ({type(error).__name__}) // install a version without it": "the second argument is the remedy",
    "the query can not be read at the arrow, `{here}`: {error.text}": "the arrow shows the place",
    "the ledger {clean(self.path, 300)} is open for reading only.": "nobody writes through such a ledger",
    "job {job.id} was forgotten on {rfc3339(job.forgotten_at)}.{again}": "{again} names `reportdash track`",
}
"""Sentences that are made elsewhere, and where."""


class Said(NamedTuple):
    where: str
    kind: str
    text: str


def kinds() -> set[str]:
    """Every class of sentence there is, found by importing all rooms."""
    for module in pkgutil.walk_packages(reportdash.__path__, "reportdash."):
        if not module.name.endswith("__main__") and not module.name.startswith("reportdash.testing"):
            importlib.import_module(module.name)

    def below(kind: type[Problem]) -> Iterator[str]:
        yield kind.__name__
        lower: type
        for lower in kind.__subclasses__():
            yield from below(lower)

    return set(below(Problem))


def words(node: ast.expr) -> str:
    """The text an expression makes, what is only known later in braces."""
    match node:
        case ast.Constant():
            return str(node.value)
        case ast.JoinedStr():
            return "".join(map(words, node.values))
        case ast.FormattedValue():
            return "{" + ast.unparse(node.value) + "}"
        case ast.BinOp(left=left, right=right):
            return words(left) + words(right)
        case ast.IfExp(body=body):
            return words(body)
    return "{" + ast.unparse(node) + "}"


def catalogue(made_by: set[str]) -> list[Said]:
    """Each call of one of these classes, with the sentence it is given."""
    found: list[Said] = []
    for path in sorted(ROOT.rglob("*.py")):
        if set(path.relative_to(ROOT).parts) & set(FREE):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in made_by:
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                remedy = [named.value for named in node.keywords if named.arg == "remedy"]
                text = " // ".join(map(words, [*node.args, *remedy]))
                found.append(Said(where, name, text))
    return found


def test_every_sentence_for_an_operator_says_what_next() -> None:
    said = catalogue(kinds())
    assert len(said) > 120
    silent = [one for one in said if one.text not in ELSEWHERE and not NEXT.search(one.text)]
    silent = [one for one in silent if not (one.kind == "PlugInBroken" and one.text.endswith(" // {remedy}"))]
    assert silent == [], "\n".join(f"{one.where} {one.kind}: {one.text}" for one in silent)
    texts = {one.text for one in said}
    gone = [text for text in ELSEWHERE if text not in texts and "able" not in text and "can" not in text]
    assert gone == [], "no longer said anywhere"


def test_no_sentence_is_more_than_a_few_lines_or_shouts() -> None:
    for one in catalogue(kinds()):
        assert len(one.text) < 400, one
        assert "!" not in re.sub(r"\{.*?\}", "", one.text), one
        assert not re.search(r"\b(please|oops|successfully)\b", one.text, re.IGNORECASE), one


def test_what_a_vendor_cannot_do_names_what_can_be_done() -> None:
    """The reason beside a key that is off, and of a command that is refused."""
    said = [one for one in catalogue({"No"}) if one.where.startswith("vendors/")]
    assert len(said) >= 6
    step = re.compile(r"\bf forgets|\btrack each|\bname the folder|_NO_IDENTITY")
    assert [one for one in said if not step.search(one.text)] == []


def test_a_link_that_is_refused_says_what_to_do_about_it() -> None:
    said = [one for one in catalogue({"AddressRefused"}) if one.where.startswith("net/guard")]
    assert len(said) > 10
    assert ": ask the vendor" in AddressRefused("the link is not an address").text
    for one in said:
        what, _, remedy = one.text.partition(" // ")
        assert what and (not remedy or NEXT.search(remedy) or "/etc/hosts" in remedy), one
