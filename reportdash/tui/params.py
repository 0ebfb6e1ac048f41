"""Parameters as one line of text, as an operator writes them: `key=value key="two words"`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reportdash.errors import UsageProblem

_BLANKS = re.compile(r"\s+")
_KEY = re.compile(r"[^\s=]+")
_QUOTES = ("'", '"')


def read_params(text: str) -> dict[str, str]:
    """The parameters in the order they stand. A value that begins with a quote ends with the same one; inside
    it, the quote is written twice. Raises UsageProblem with what to write.
    """
    params: dict[str, str] = {}
    at = 0
    while True:
        blanks = _BLANKS.match(text, at)
        at = blanks.end() if blanks else at
        if at >= len(text):
            return params
        key = _KEY.match(text, at)
        if key is None or text[key.end() : key.end() + 1] != "=":
            found = (key.group() if key else text[at:])[:40]
            raise UsageProblem(f"parameters are key=value, as in ProductID=17; {found} has no key or no =")
        value, at = _value(text, key.end() + 1, key.group())
        if key.group() in params:
            raise UsageProblem(f"the parameter {key.group()[:40]} stands there twice; write it once")
        params[key.group()] = value


def _value(text: str, at: int, key: str) -> tuple[str, int]:
    """The value that begins at `at`, and where it ends."""
    quote = text[at : at + 1]
    if quote not in _QUOTES:
        end = _BLANKS.search(text, at)
        stop = end.start() if end else len(text)
        return text[at:stop], stop
    out, start = "", at + 1
    while True:
        close = text.find(quote, start)
        if close < 0:
            raise UsageProblem(
                f"the value of {key[:40]} begins with {quote} and does not end with one; write it there"
            )
        out += text[start:close]
        if text[close + 1 : close + 2] != quote:
            break
        out, start = out + quote, close + 2
    if text[close + 1 : close + 2].strip():
        raise UsageProblem(f"a blank has to follow the value of {key[:40]}; inside it, write {quote}{quote}")
    return out, close + 1


def write_params(params: Mapping[str, str]) -> str:
    """The line that `read_params` reads back as `params`."""
    return " ".join(f"{key}={_quoted(value)}" for key, value in params.items())


def _quoted(value: str) -> str:
    if not value.startswith(_QUOTES) and not _BLANKS.search(value):
        return value
    quote = '"' if "'" in value and '"' not in value else "'"
    return quote + value.replace(quote, quote * 2) + quote
