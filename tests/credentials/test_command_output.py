"""What a `credential_command` prints, taken to the letter."""

from __future__ import annotations

import shlex

import pytest

from reportdash.credentials import command
from reportdash.errors import CredentialProblem

KEY = (("api_key",),)
PAIR = (("username", "password"),)


def printing(text: str) -> list[str]:
    octal = "".join(f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogatepass"))
    return ["sh", "-c", f"printf {shlex.quote(octal)}"]


@pytest.mark.parametrize("rare", ["\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\r", " ", "\t", "="])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_a_value_keeps_all_its_characters(rare: str, end: str) -> None:
    value = f"{rare}ab{rare}cd{rare}"
    if rare == "\r":
        value = "ab\rcd"  # before a line's end it belongs to that
    for text, fields in (
        (f"username=me{end or chr(10)}password={value}{end}", PAIR),
        (f"api_key={value}{end}", KEY),
    ):
        found = await command.run("main", printing(text), fields, {"PATH": "/usr/bin:/bin"})
        assert found[fields[0][-1]] == value


async def test_a_bare_key_is_taken_without_the_lines_ends_around_it() -> None:
    found = await command.run("main", printing("\nab\u2028cd \r\n\n"), KEY, {"PATH": "/usr/bin:/bin"})
    assert found["api_key"] == "ab\u2028cd "


@pytest.mark.parametrize("text", ['{"api_key": "canary\\ud800"}', "api_key=canary\ud800\n"])
async def test_what_is_not_utf_8_is_no_credential_and_is_not_repeated(text: str) -> None:
    with pytest.raises(CredentialProblem, match=r"no complete credential: .* in UTF-8") as caught:
        await command.run("main", printing(text), KEY, {"PATH": "/usr/bin:/bin"})
    assert "canary" not in caught.value.text
