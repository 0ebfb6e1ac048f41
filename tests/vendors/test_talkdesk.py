"""Talkdesk's words, addresses and lists over generated input, read by the pure functions alone."""

from __future__ import annotations

import json
import zoneinfo
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.errors import BadPayload, UsageProblem
from reportdash.model import HAS_FILE, SETTLED, JobState, Spec
from reportdash.net.http import Reply
from reportdash.vendors import talkdesk_answers as answers
from reportdash.vendors.contract import word
from reportdash.vendors.talkdesk import Talkdesk, TalkdeskAccount

API: Any = None
TALKDESK = Talkdesk(TalkdeskAccount(account="acme", region="eu"), API)
ASKED = "https://gateway.example.org/td/data/reports/calls/jobs/1?page=2"
SEGMENT = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-_~%", min_size=1, max_size=8)
QUERY = st.text("abcABC019-._~%&=+/?:;,@!$'()*", max_size=60)
WHOLE = st.builds(
    "https://{}.s3.amazonaws.com/{}?{}".format, st.text("abc", min_size=1, max_size=5), SEGMENT, QUERY
)


def reply(data: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, {"content-type": "application/json", **headers}, json.dumps(data).encode(), ASKED)


def status_of(status: object) -> JobState:
    return answers.parse_status(reply({"job": {"id": "1", "status": status}})).state


@given(st.data())
def test_each_word_is_known_in_any_case(data: st.DataObject) -> None:
    documented = data.draw(st.sampled_from(sorted(answers.STATES)))
    letters = [data.draw(st.sampled_from((letter.lower(), letter.upper()))) for letter in documented]
    assert status_of(f" {''.join(letters)}\n") is answers.STATES[documented]


@given(st.text(min_size=1, max_size=40).filter(lambda text: word(text) not in answers.STATES))
def test_any_other_word_is_unknown_and_never_over(text: str) -> None:
    try:
        state = status_of(text)
    except BadPayload:
        return  # nothing that can be seen was in it
    assert state is JobState.UNKNOWN
    assert state not in SETTLED | HAS_FILE


@given(WHOLE, st.sampled_from([300, 302, 303]))
def test_a_whole_location_is_handed_out_byte_for_byte(target: str, status: int) -> None:
    assert answers.location(reply({}, status, location=target)) == target


@given(st.lists(SEGMENT, min_size=1, max_size=5), QUERY.filter(bool))
def test_a_rooted_location_keeps_the_origin_and_nothing_of_base_url(path: list[str], query: str) -> None:
    target = f"/{'/'.join(path)}?{query}"
    assert answers.location(reply({}, 303, location=target)) == f"https://gateway.example.org{target}"


@given(st.lists(SEGMENT, min_size=1, max_size=3), st.integers(0, 3))
def test_a_relative_location_counts_from_the_asked_address(path: list[str], up: int) -> None:
    target = "../" * up + "/".join(path)
    asked = ["td", "data", "reports", "calls", "jobs"]
    resolved = answers.location(reply({}, 303, location=f"./{target}"))
    assert resolved == "https://gateway.example.org/" + "/".join(asked[: len(asked) - up] + path)


@given(st.text(max_size=60))
def test_no_location_leads_out_of_http(text: str) -> None:
    resolved = answers.location(reply({}, 300, location=text))
    assert resolved is None or urlsplit(resolved).scheme in ("http", "https")


@pytest.mark.parametrize("status", [200, 201, 301, 304, 307, 308, 400])
def test_a_location_beside_any_other_status_means_nothing(status: int) -> None:
    assert answers.location(reply({}, status, location="/data/reports/calls/files/1")) is None


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ({"_embedded": {"jobs": [{}, {}]}}, 2),
        ({"executions": [{}], "total": 1}, 1),
        ({"_embedded": {"jobs": []}}, 0),
        ({"total": 0, "_links": {}}, 0),
    ],
)
def test_a_page_is_read_in_each_shape(answer: dict[str, Any], count: int) -> None:
    assert len(answers.listed(answer)) == count


@pytest.mark.parametrize(
    "answer", [{}, {"_embedded": {}}, {"job": {"id": "1"}}, {"entries": [], "total": 1}, {"executions": {}}]
)
def test_what_is_no_list_is_no_empty_list(answer: dict[str, Any]) -> None:
    with pytest.raises(BadPayload):
        answers.listed(answer)


def test_every_iana_zone_may_be_given() -> None:
    names = zoneinfo.available_timezones()
    if not names:
        pytest.skip("this machine has no time zone data")
    for name in names:
        spec = Spec("calls", {"timezone": name}, None, "2026-11-01", "2026-11-02")
        assert TALKDESK.check(spec).params["timezone"] == name


@pytest.mark.parametrize("name", ["", "Europe/", "Europe/Lisbon ", "+01:00", "5EST", "a\nb", "Zoë/Dublin"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(UsageProblem, match="IANA"):
        TALKDESK.check(Spec("calls", {"timezone": name}, None, "2026-11-01", "2026-11-02"))


def test_the_token_call_follows_an_identity_address_with_a_path() -> None:
    account = TalkdeskAccount(
        base_url="https://gateway.example.org/td", identity_url="https://id.example.org/t/"
    )
    assert account.identity_url == "https://id.example.org/t"
    assert account.origins() == ("https://gateway.example.org:443", "https://id.example.org:443")
