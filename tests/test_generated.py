"""Pictures and tables are made from the program; a stale one fails here."""

from __future__ import annotations

import pytest

from tests import generate


def test_the_readmes_tables_of_keys_and_commands_are_those_of_the_program() -> None:
    text = (generate.ROOT / "README.md").read_text(encoding="utf-8")
    assert generate.readme(text) == text, "stale: run `python -m tests.generate`"


def test_every_picture_is_one_of_those_that_are_made() -> None:
    found = {path.name for path in (generate.ROOT / "screenshots").iterdir()}
    assert found == {f"{picture.name}.svg" for picture in generate.PICTURES}


@pytest.mark.parametrize("picture", generate.PICTURES, ids=lambda picture: picture.name)
async def test_each_picture_is_what_the_program_paints(picture: generate.Picture) -> None:
    path = generate.ROOT / "screenshots" / f"{picture.name}.svg"
    assert path.exists(), "missing: run `python -m tests.generate`"
    # Compared as a whole: a diff of two pictures helps nobody and takes a minute.
    same = await generate.painted(picture) == path.read_text(encoding="utf-8")
    assert same, "stale: run `python -m tests.generate`, then look at it"
