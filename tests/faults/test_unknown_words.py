"""Any status word that no page documents is shown as it came and is neither done nor over: generated words.

What follows, or does not follow, from one such word over a whole engine stands in
`tests/engine/test_unknown_is_never_done.py`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reportdash.errors import Exit, SafetyProblem
from reportdash.ledger import thread
from reportdash.model import ArtifactState, Health, JobState
from reportdash.plain import clean
from reportdash.vendors.answers import STATUS_WORD
from reportdash.vendors.contract import Action, No, word
from tests.faults.test_bad_answers import CASES, Desk, desk_of

DOCUMENTED = {
    "7g": {"pending", "incomplete", "complete", "error"},
    "sigma": {"generated", "published", "notified", "failed", "notification_failed", "no_data_available"},
    "webadmit": {
        "initializing", "queued", "in_progress", "available", "success_with_errors", "empty_list", "failed",
    },
    "talkdesk": {
        "created", "processing", "uploading", "sending", "done", "failed", "canceled", "cancelled", "deleted",
    },
}  # fmt: skip
"""As the vendors' pages have them, spelt the way they are compared; not read from the code under test."""
EVERY = sorted(set().union(*DOCUMENTED.values()))
MARKS = [
    "",
    "d",
    "s",
    ".",
    "!",
    "…",
    "\x00",
    "\x1b[0m",
    "\u200b",
    "\u202e",
    "?",
    "_",
    "_2",
    "é",
    "\ufe0f",
    "0",
]
near = st.builds(
    lambda known, before, after, change: change(before + known + after),
    st.sampled_from(EVERY),
    st.sampled_from(["", "not ", "in", "un", "nearly_", "\x1b[31m", "\ufeff", "x"]),
    st.sampled_from(MARKS),
    st.sampled_from(
        [str, str.upper, str.title, str.swapcase, lambda text: text[::-1], lambda text: text[1:]]
    ),
)
plain_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120)
words = st.one_of(st.sampled_from(EVERY), near, plain_text, st.text("adenorstu_- ", min_size=1, max_size=12))


def unknown_to(vendor: str, raw: str) -> bool:
    """Whether this word, spelt as this vendor may spell it, is none of its own; blank is no word at all."""
    shown = clean(raw, STATUS_WORD)
    return bool(shown) and not {word(raw), word(shown)} & DOCUMENTED[vendor]


def answer(vendor: str, raw: str) -> bytes:
    """A status answer with this word in it, all else as documented."""
    true = CASES[vendor].status
    match vendor:
        case "7g":
            told = {**true, "data": raw}
        case "sigma":
            told = {"headerMap": {**true["headerMap"], "reportStatus": raw}}
        case "webadmit":
            told = {"export_files": {**true["export_files"], "status": raw}}
        case _:
            told = {**true, "job": {**true["job"], "status": raw}}
    return json.dumps(told).encode()


@pytest.fixture(params=list(CASES))
async def desk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    monkeypatch.setattr(thread, "BATCH_SECONDS", 0.0)
    async with desk_of(request.param, tmp_path, auto_download=True) as made:
        made.engine.core.chance = lambda: 0.5
        yield made


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(data=st.data())
async def test_it_is_unknown_shown_raw_looked_at_at_poll_max_and_touched_by_nothing(
    desk: Desk, data: st.DataObject
) -> None:
    raw = data.draw(words.filter(lambda text: unknown_to(desk.name, text)))
    engine = desk.engine
    job = await desk.job()
    desk.answer = (200, answer(desk.name, raw), {})
    row = await desk.look(job)
    assert row.state is JobState.UNKNOWN
    assert row.vendor_status == clean(raw, STATUS_WORD)
    assert row.health is Health.OK
    assert row.next_poll_at == engine.clock.now() + engine.seat("main").policy.poll_max
    asked = len(desk.liar.asked)
    # By itself: an account that downloads what is ready, whoever finds the row.
    engine._poller._offer(row, waited=True)
    assert engine.downloads.busy() == 0
    # By name.
    assert isinstance(engine.can("download", row), No)
    outcome = await engine.downloads.fetch(job.id, patience=0)
    assert outcome.exit_code is Exit.REFUSED
    # Unless it is said that it may be lost.
    with pytest.raises(SafetyProblem):
        await engine.delete(job.id)
    with pytest.raises(SafetyProblem):
        await engine.forget(job.id)
    assert len(desk.liar.asked) == asked
    after = await engine.ledger.job(job.id)
    assert after is not None
    assert (after.state, after.intent, after.forgotten_at) == (JobState.UNKNOWN, None, None)
    assert after.artifact is None or after.artifact.state is ArtifactState.NONE


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_a_list_and_a_submit_tell_such_a_word_the_same_way(desk: Desk, data: st.DataObject) -> None:
    raw = data.draw(words.filter(lambda text: unknown_to(desk.name, text)))
    case, name = desk.case, desk.name
    if name not in ("webadmit", "talkdesk"):
        pytest.skip("neither tells a status")
    kind = "export_files" if name == "webadmit" else "jobs"
    held = case.list if name == "webadmit" else case.list["_embedded"]
    items = [{**held[kind][0], "status": raw}]
    listed = {**case.list, kind: items} if name == "webadmit" else {**case.list, "_embedded": {kind: items}}
    desk.answer = (200, json.dumps(listed).encode(), {})
    job = await desk.job()
    others = [replace(job, id=f"abc23{n}", reference=f"{job.reference}{n}") for n in range(3)]
    assert desk.vendor.can(Action.LIST)
    found = await desk.vendor.statuses([job, *others])
    assert {(seen.state, seen.vendor_status) for seen in found.values()} <= {
        (JobState.UNKNOWN, clean(raw, STATUS_WORD))
    }
    desk.answer = (200, answer(name, raw), {})
    submitted = await desk.vendor.submit(case.spec, "a-key")
    assert submitted.seen.state is JobState.UNKNOWN
