"""The bare command starts without a parser, and says the same as one would."""

from __future__ import annotations

from reportdash.cli.main import ALONE
from reportdash.cli.words import build_parser


def test_the_bare_command_is_what_the_parser_makes_of_no_words() -> None:
    assert vars(build_parser().parse_args([])) == ALONE
