"""Pictures and tables are made from the program; a stale one fails here."""

from __future__ import annotations

import pytest

from tests import generate


def test_the_readmes_tables_of_keys_and_commands_are_those_of_the_program() -> None:
    text = (generate.ROOT / "README.md").read_text(encoding="utf-8")
    assert generate.readme(text) == text, "stale: run `python -m tests.generate`"


@pytest.mark.parametrize(("name", "size", "palette", "keys"), generate.PICTURES)
async def test_each_picture_is_what_the_program_paints(
    name: str, size: tuple[int, int], palette: str, keys: tuple[str, ...]
) -> None:
    path = generate.ROOT / "screenshots" / f"{name}.svg"
    assert path.exists(), "missing: run `python -m tests.generate`"
    painted = await generate._picture(size, palette, keys)
    # Compared as a whole: a diff of two pictures helps nobody and takes a minute.
    same = painted == path.read_text(encoding="utf-8")
    assert same, "stale: run `python -m tests.generate`, then look at it"
