"""A documented answer in every writing that the pages allow, or show in samples, is the same answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.errors import CallFailed, NotFound
from reportdash.model import HAS_FILE, JobState, Seen
from reportdash.net.http import Reply
from reportdash.vendors import seveng_answers, sigma_answers

CASES: st.SearchStrategy[Callable[[str], str]] = st.sampled_from([str, str.upper, str.lower, str.swapcase])
SEVENG = {
    "pending": JobState.QUEUED,
    "incomplete": JobState.RUNNING,
    "complete": JobState.READY,
    "error": JobState.FAILED,
}
SIGMA = {
    "": JobState.RUNNING,
    "GENERATED": JobState.FINALIZING,
    "PUBLISHED": JobState.READY,
    "NOTIFIED": JobState.READY,
    "NOTIFICATION_FAILED": JobState.NOTIFY_FAILED,
    "NO_DATA_AVAILABLE": JobState.EMPTY,
    "FAILED": JobState.FAILED,
    "ARCHIVED": JobState.UNKNOWN,
}


def reply(data: Any) -> Reply:
    return Reply(200, {"content-type": "application/json"}, json.dumps(data).encode())


@st.composite
def written(draw: st.DrawFn, text: str) -> str:
    """The text in some case, padded or not."""
    before, after = draw(st.sampled_from(["", " ", "\n"])), draw(st.sampled_from(["", " ", "\t"]))
    return before + draw(CASES)(text) + after


@st.composite
def keys(draw: st.DrawFn, data: dict[str, Any]) -> dict[str, Any]:
    """The same object with its keys in some case each, in some order."""
    items = draw(st.permutations(list(data.items())))
    return {draw(CASES)(key): value for key, value in items}


# 7G


@given(st.data(), st.sampled_from(sorted(SEVENG)), st.sampled_from([True, False, "true", "False ", None]))
def test_7g_a_status_is_the_same_in_every_writing(data: st.DataObject, said: str, result: Any) -> None:
    answer = {"result": result, "message": " It is so. ", "data": data.draw(written(said))}
    seen = seveng_answers.parse_status(reply(data.draw(keys(answer))))
    assert (seen.state, seen.message) == (SEVENG[said], "It is so.")
    assert (seen.vendor_status or "").lower() == said


@given(st.text(min_size=1, max_size=20), st.booleans())
def test_7g_no_other_word_is_ever_done_or_gone(said: str, result: bool) -> None:
    try:
        seen = seveng_answers.parse_status(reply({"result": result, "message": "", "data": said}))
    except CallFailed:  # blank: no word at all
        assert not said.strip()
        return
    if said.strip().casefold() not in SEVENG:
        assert seen.state is JobState.UNKNOWN


@given(
    st.data(),
    st.uuids(),
    st.sampled_from(["text", "reference", "guid"]),
    st.sampled_from([True, "true", False, None]),
    st.booleans(),
    st.booleans(),
)
def test_7g_a_guid_is_found_in_every_writing(
    data: st.DataObject, guid: Any, where: str, result: Any, braces: bool, hyphens: bool
) -> None:
    text = str(guid) if hyphens else guid.hex
    text = data.draw(written(f"{{{text}}}" if braces else text))
    inner: Any = text if where == "text" else data.draw(keys({where: text}))
    answer = data.draw(keys({"result": result, "message": "", "data": inner}))
    assert seveng_answers.parse_submit(reply(answer)).reference == str(guid)


@given(st.sampled_from([{}, None, [], 0, 1, True, "", " "]), st.sampled_from([False, "false", "FALSE"]))
def test_7g_false_without_a_word_is_not_found_in_every_writing(data: Any, result: Any) -> None:
    with pytest.raises(NotFound, match="Gone") as missing:
        seveng_answers.parse_status(reply({"result": result, "message": "Gone.", "data": data}))
    assert missing.value.certain


# Sigma


def sigma(data: st.DataObject, said: str, code: Any, **more: Any) -> Seen:
    answer = {
        "replyType": data.draw(written("success")),
        "success": data.draw(st.sampled_from(["true", "TRUE", True])),
        "reportStatus": data.draw(written(said)) if said else data.draw(st.sampled_from(["", " ", None])),
        "reportName": " AccountTransaction ",
        "errorCode": "",
        "errorMsg": "",
        "statusCode": code,
        **more,
    }
    header = data.draw(keys(answer))
    return sigma_answers.parse_report(sigma_answers.look(reply(data.draw(keys({"headerMap": header})))))


@given(st.data(), st.sampled_from(sorted(SIGMA)), st.sampled_from([200, "200", " 200 ", None, ""]))
def test_sigma_a_status_is_the_same_in_every_writing(data: st.DataObject, said: str, code: Any) -> None:
    seen = sigma(data, said, code)
    assert (seen.state, seen.name) == (SIGMA[said], "AccountTransaction")
    assert (seen.vendor_status or "").upper() == said
    assert (seen.message, seen.error_code) == (None, None)
    assert (seen.note == "e-mailed") is (said == "NOTIFIED")


@given(
    st.data(),
    st.sampled_from([204, "204", " 204"]),
    st.sampled_from(["", "GENERATED", "PUBLISHED", "NOTIFIED"]),
)
def test_sigma_204_is_never_done_in_any_writing(data: st.DataObject, code: Any, said: str) -> None:
    assert sigma(data, said, code).state is JobState.RUNNING


@given(
    st.data(),
    st.booleans(),
    st.sampled_from(["referenceNumber", "ReferenceNumber"]),
    st.sampled_from([200, "200", None]),
)
def test_sigma_a_reference_number_is_found_in_every_writing(
    data: st.DataObject, group: bool, name: str, code: Any
) -> None:
    told = data.draw(keys({name: " 2djj-6c394d0e ", "statusCode": code, "status": "SUCCESS"}))
    outer = {"replyType": data.draw(written("SUCCESS")), "success": "true"}
    header = {**outer, data.draw(CASES)("reportGroupStatus"): told} if group else {**outer, **told}
    submitted = sigma_answers.parse_submit(reply({"headerMap": data.draw(keys(header))}), group=group)
    assert submitted.reference == ("group:" if group else "") + "2djj-6c394d0e"


def restated(children: list[JobState], announced: int) -> JobState:
    """The group's rule once more, read straight down."""
    active = {JobState.RUNNING, JobState.FINALIZING, JobState.QUEUED, JobState.UNKNOWN}
    if len(children) < announced or active & set(children) or not children:
        return JobState.RUNNING
    if set(children) == {JobState.FAILED}:
        return JobState.FAILED
    if JobState.FAILED in children:
        return JobState.READY_WITH_WARNINGS if HAS_FILE & set(children) else JobState.FAILED
    if JobState.NOTIFY_FAILED in children:
        return JobState.NOTIFY_FAILED
    if set(children) == {JobState.EMPTY}:
        return JobState.EMPTY
    return JobState.READY


@given(
    st.data(),
    st.lists(st.sampled_from(sorted(SIGMA)), max_size=5),
    st.integers(-1, 2),
    st.sampled_from([str, int, " {} ".format]),
)
def test_sigma_a_group_is_what_its_rule_says_of_its_reports(
    data: st.DataObject, said: list[str], missing: int, number: Any
) -> None:
    reports = [{"reportName": f" R{place} ", "reportStatus": word} for place, word in enumerate(said, 1)]
    announced = max(len(said) + missing, 0)
    answer = {
        "replyType": "SUCCESS",
        "reports": reports,
        "noOfReports": number(announced),
        "statusCode": "200",
    }
    seen = sigma_answers.parse_group(sigma_answers.look(reply({"headerMap": data.draw(keys(answer))})), "REF")
    children = [SIGMA[word] for word in said]
    assert [child.state for child in seen.children] == children
    assert [child.reference for child in seen.children] == [f"group:REF#{n + 1}" for n in range(len(said))]
    assert seen.state is restated(children, announced)
    if children or announced:
        assert seen.children_total == announced
