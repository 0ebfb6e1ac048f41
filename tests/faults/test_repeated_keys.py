"""Vendors that repeat the key they do not like: in no row, error, exchange, history or sentence does it stay.

Real HTTP, each vendor, each call that can be refused; the key written as JSON, forms and pages may write it.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from reportdash import log
from reportdash.ledger import thread
from reportdash.model import Job, JobState
from reportdash.net.trace import redact_body
from tests.faults import test_bad_answers
from tests.faults.test_bad_answers import CASES, Desk, desk_of

KEY = "cAnAry/pass+word=71"
WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in capitals": str.upper,
    "for an address": lambda key: quote(key, safe=""),
    "each byte for an address": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "in base64": lambda key: base64.b64encode(key.encode()).decode(),
    "as .NET writes JSON": lambda key: key.replace("+", "\\u002B"),
    "each character as JSON may": lambda key: "".join(f"\\u{ord(char):04x}" for char in key),
    "for a page": lambda key: "".join(f"&#{ord(char)};" for char in key),
}
TELLS = {
    "7g": '{"result": false, "message": "%s", "data": "error"}',
    "sigma": '{"headerMap": {"replyType": "SUCCESS", "reportStatus": "%s", "errorMsg": "%s"}}',
    "webadmit": '{"export_files": {"id": 74780, "export_id": 86446, "status": "%s"}}',
    "talkdesk": '{"job": {"id": "6f1b2a90c3d4", "status": "failed", "message": "%s"}}',
}
"""A status that carries the vendor's words."""


@pytest.fixture(params=list(CASES))
async def desk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    monkeypatch.setattr(thread, "BATCH_SECONDS", 0.0)
    case = CASES[request.param]
    secrets = dict.fromkeys(case.secrets, KEY)
    keyed = dataclasses.replace(case, secrets=secrets)
    monkeypatch.setitem(test_bad_answers.CASES, request.param, keyed)
    log.start(tmp_path / "log", redact_body)
    try:
        async with desk_of(request.param, tmp_path) as made:
            yield made
    finally:
        log.stop()


async def assert_kept_nowhere(desk: Desk, job: Job, folder: Path, *said: object) -> None:
    ledger = desk.engine.ledger
    kept = [
        *said,
        await ledger.job(job.id),
        await ledger.last_error(job.id),
        await ledger.exchanges(job.id),
        await ledger.history(job.id),
        await ledger.account("main"),
        desk.engine.accounts["main"].client.last_error,
        (folder / "log" / "debug.log").read_text(),
    ]
    for one in kept:
        text = repr(one).replace("\\\\", "\\").casefold()
        for name, writing in WRITINGS.items():
            assert writing(KEY).casefold() not in text, (name, one)
    assert any("(hidden)" in repr(one) for one in kept)


@pytest.mark.parametrize("writing", list(WRITINGS))
async def test_a_status_and_a_refusal_of_one_are_kept_without_the_key(
    desk: Desk, tmp_path: Path, writing: str
) -> None:
    key = WRITINGS[writing](KEY)
    refusal = json.dumps({"message": "the key @ is not known"}).replace("@", key)
    tell = TELLS[desk.name].replace("%s", f"no report for {key}")
    for status, body in ((200, tell), (200, tell[:-1]), (400, refusal), (404, refusal), (500, refusal)):
        job = await desk.job(JobState.RUNNING)
        desk.answer = (status, body.encode(), {"Content-Type": "application/json"})
        row = await desk.look(job)
        await assert_kept_nowhere(desk, row, tmp_path)


@pytest.mark.parametrize("writing", list(WRITINGS))
async def test_a_refused_submit_says_why_without_the_key(desk: Desk, tmp_path: Path, writing: str) -> None:
    body = json.dumps({"message": "the key @ may not"}).replace("@", WRITINGS[writing](KEY))
    desk.answer = (400, body.encode(), {"Content-Type": "application/json"})
    outcome = await desk.engine.submit("main", desk.case.spec)
    assert "may not" in outcome.text
    await assert_kept_nowhere(desk, outcome.job, tmp_path, outcome.text)


@pytest.mark.parametrize("desk", ["7g"], indirect=True)  # the others' reports carry no words of the vendor's
async def test_a_refusal_behind_a_report_that_was_coming_in_is_told_without_the_key(
    desk: Desk, tmp_path: Path
) -> None:
    job = await desk.job(JobState.READY)
    rows = json.dumps({"results": ["x" * 1000] * 400})
    body = f'{{"data": {rows}, "result": false, "message": "the key {KEY} may not"}}'
    desk.answer = (200, body.encode(), {"Content-Type": "application/json"})
    outcome = await desk.engine.downloads.fetch(job.id)
    assert "may not" in outcome.text
    await assert_kept_nowhere(desk, job, tmp_path, outcome.text, *outcome.job.as_json().values())
