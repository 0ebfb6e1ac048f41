"""docs/vendors.md tells the truth: its code stands in the example, its commands and its config are valid."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from reportdash.cli.words import build_parser
from reportdash.settings import load
from reportdash_stripe import StripeAccount

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "vendors.md"
FENCE = re.compile(r"(?:^<!-- (?P<mark>.+?) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
BLOCKS = [(found["kind"], found["mark"], found["text"]) for found in FENCE.finditer(GUIDE.read_text("utf-8"))]


def test_the_guide_has_code_of_each_kind() -> None:
    assert len([kind for kind, _, _ in BLOCKS if kind == "python"]) >= 6
    assert {kind for kind, _, _ in BLOCKS} == {"python", "toml", "sh"}
    assert GUIDE.read_text("utf-8").count("```") == 2 * len(BLOCKS)


@pytest.mark.parametrize(("kind", "mark", "text"), BLOCKS)
def test_each_piece_of_code_holds(kind: str, mark: str | None, text: str, tmp_path: Path) -> None:
    if mark == "config":
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        assert mark is not None
        settings = load(path, account_class={"stripe": StripeAccount}.__getitem__, environ={})
        assert settings.accounts["pay"].files_url == "https://files.stripe.com"
    elif kind == "sh":
        for line in text.splitlines():
            words = shlex.split(line)
            if words[0] == "reportdash":
                assert build_parser().parse_args(words[1:]).command == words[1]
            else:
                assert words[:2] == [".venv/bin/pip", "install"]
                assert (ROOT / words[2] / "pyproject.toml").is_file()
    else:
        assert mark is not None, "name the file this code stands in"
        source = (ROOT / mark).read_text("utf-8")
        assert f"\n{text}" in source


def test_each_name_the_guide_uses_is_one() -> None:
    """Names in `code` that look like ours exist in the contract, its helpers or the kit."""
    import reportdash.errors
    import reportdash.model
    import reportdash.testing
    import reportdash.vendors.answers
    import reportdash.vendors.contract
    from reportdash.vendors.contract import AccountSettings, PollPolicy, Vendor

    rooms = (
        reportdash.errors,
        reportdash.model,
        reportdash.testing,
        reportdash.vendors.contract,
        reportdash.testing.FakeJob,
    )
    known = (
        {name for room in rooms for name in dir(room)}
        | set(dir(Vendor))
        | set(Vendor.__annotations__)
        | set(AccountSettings.model_fields)
    )
    known |= (
        set(dir(AccountSettings)) | set(PollPolicy.__slots__) | {"content", "word", "message", "ValueError"}
    )
    text = FENCE.sub("", GUIDE.read_text("utf-8"))
    for name in re.findall(r"`([A-Z][A-Za-z]+)(?:\(|`)", text):
        assert name in known, name
    for name in re.findall(r"`answers\.(\w+)", text):
        assert hasattr(reportdash.vendors.answers, name), name
    for line in re.findall(r"^\| (`.*?) \|", text, re.M):
        for name in re.findall(r"`(\w+)", line):
            assert name in known or name == "class", name
