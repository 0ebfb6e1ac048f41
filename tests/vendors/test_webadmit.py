"""WebAdMIT's words over generated spellings: what is documented is known however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.errors import BadPayload
from reportdash.model import HAS_FILE, SETTLED, JobState
from reportdash.vendors.contract import word
from reportdash.vendors.webadmit import STATES, WebAdmitAccount, parse_file


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    """A documented word, and one of the ways to write it."""
    documented = draw(st.sampled_from(sorted(STATES)))
    gap = st.sampled_from(["_", "-", " ", "  ", " - ", "\t"])
    parts = [
        "".join(draw(st.sampled_from((letter.lower(), letter.upper()))) for letter in part)
        for part in documented.split("_")
    ]
    written = parts[0] + "".join(draw(gap) + part for part in parts[1:])
    blank = st.sampled_from(["", " ", "\n"])
    return documented, draw(blank) + written + draw(blank)


@given(spellings())
def test_each_word_is_known_however_it_is_written(spelling: tuple[str, str]) -> None:
    documented, written = spelling
    seen = parse_file({"id": 1, "status": written})
    assert seen.state is STATES[documented]
    assert word(seen.vendor_status) == documented  # the raw word stays beside ours


@given(st.text(min_size=1, max_size=40).filter(lambda text: word(text) not in STATES))
def test_any_other_word_is_unknown_and_never_over(text: str) -> None:
    try:
        seen = parse_file({"id": 1, "status": text})
    except BadPayload:
        return  # nothing that can be seen was in it
    assert seen.state is JobState.UNKNOWN
    assert seen.state not in SETTLED | HAS_FILE


@pytest.mark.parametrize("status", [None, "", "  ", [], {"word": "available"}])
def test_a_file_without_a_word_is_no_state(status: object) -> None:
    with pytest.raises(BadPayload):
        parse_file({"id": 1, "status": status, "download_url": "https://s3.example.org/x"})


def test_an_organization_may_have_an_address_of_its_own() -> None:
    account = WebAdmitAccount(base_url="https://myorg.webadmit.org/")
    assert account.base_url == "https://myorg.webadmit.org"
    assert account.origins() == ("https://myorg.webadmit.org:443",)
