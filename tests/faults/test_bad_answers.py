"""Over real HTTP, each call of each vendor meets hundreds of bodies nobody expects: none crashes or fools.

A look that met one leaves the job as it was; nothing is taken for ready, empty, failed or deleted, no file is
handed out, no session begun. With `REPORTDASH_FAULTS` above 1 each call meets each body, else looks do.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.credentials import Chain
from reportdash.engine.runtime import Engine
from reportdash.errors import BadPayload, CallFailed, Exit, NotFound, VendorRefused
from reportdash.ledger import Ledger, thread
from reportdash.model import Body, Health, Job, JobState, Spec, replace
from reportdash.plain import clean
from reportdash.settings import Settings
from reportdash.vendors import registry
from reportdash.vendors.contract import Action, Vendor
from tests.engine.rig import START
from tests.faults import bodies
from tests.net.lying import Asked, Liar, Peer

STATUSES = [
    200,
    201,
    202,
    206,
    226,
    300,
    301,
    302,
    303,
    304,
    307,
    308,
    400,
    402,
    403,
    404,
    405,
    409,
    410,
    418,
]
STATUSES += [422, 451, 500, 501, 502, 504, 520, 599, 429, 503, 401]
SOME = 1 if int(os.environ.get("REPORTDASH_FAULTS", "1")) > 1 else 6
OPEN = {JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING, JobState.UNKNOWN}
HTML = {"Content-Type": "text/html"}


@dataclass(frozen=True)
class Case:
    """One vendor: a reference, what is typed, and what it truly answers while a job is at work."""

    reference: str
    spec: Spec
    secrets: dict[str, str]
    sign_in: str  # where one signs in; empty: nowhere
    session: dict[str, Any]
    status: dict[str, Any]
    submit: dict[str, Any]
    artifact: dict[str, Any]  # of a job that has no file yet
    list: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)


GUID = "00000000-0000-4000-8000-000000000001"
FILE = {
    "id": 74780,
    "href": "/api/v1/exports/86446/export_files/74780",
    "export_id": 86446,
    "status": "Queued",
}
JOB = {
    "id": "6f1b2a90c3d4", "name": "calls", "timezone": "UTC", "status": "processing", "format": "csv",
    "timespan": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
}  # fmt: skip
SIGMA = {
    "replyType": "SUCCESS", "reportId": " 12 ", "reportName": "Ledger", "success": "true",
    "reportStatus": "GENERATED", "errorCode": "", "statusCode": "200", "errorMsg": "",
}  # fmt: skip
CASES = {
    "7g": Case(
        GUID,
        Spec("TransactionSummary", {"ProductID": "A01"}),
        {"username": "operator", "password": "s3cret-word"},
        "/User/Login",
        {"accessToken": "access-1234", "refreshToken": "refresh-1234"},
        {"result": False, "message": "The report is still being generated", "data": "incomplete"},
        {"result": True, "message": "Accepted", "data": GUID},
        {"result": False, "message": "The report is not ready", "data": "incomplete"},
        {},
    ),
    "sigma": Case(
        "2djj-6c394d0e",
        Spec("AccountTransaction"),
        {"client_id": "client", "client_token": "s3cret-word"},
        "generate-token",
        {"headerMap": {"replyType": "success", "success": "true", "accessToken": "access-1234"}},
        {"headerMap": SIGMA},
        {
            "headerMap": {
                "replyType": "SUCCESS",
                "referenceNumber": "2djj-1",
                "success": "true",
                "statusCode": 200,
            }
        },
        {"headerMap": SIGMA},
        {},
    ),
    "webadmit": Case(
        "86446/74780",
        Spec("86446"),
        {"api_key": "s3cret-word"},
        "",
        {},
        {"export_files": FILE},
        {"export_files": FILE},
        {"export_files": FILE},
        {"href": "/api/v1/user_identities/4242/export_files", "export_files": [FILE]},
        {"user_identity": 4242},
    ),
    "talkdesk": Case(
        "calls/6f1b2a90c3d4",
        Spec("calls", {}, "csv", "2026-01-01", "2026-01-02"),
        {"client_id": "client", "client_secret": "s3cret-word"},
        "/oauth/token",
        {
            "access_token": "access-1234",
            "token_type": "bearer",
            "expires_in": 600,
            "scope": "data-reports:read",
        },
        {"job": JOB, "_links": {"self": {"href": "/data"}, "files": {"href": "/data"}}},
        {"job": JOB},
        {"job": JOB},
        {"total": 1, "_embedded": {"jobs": [JOB]}, "_links": {"self": {"href": "/data"}}},
    ),
}
Answer = tuple[int, bytes, dict[str, str]]


class Desk:
    """An engine with one account, whose vendor answers with `answer`, or at `sign_in` alone."""

    def __init__(self, name: str, engine: Engine, liar: Liar) -> None:
        self.name, self.case, self.engine, self.liar = name, CASES[name], engine, liar
        self.answer: Answer = (200, b"", {})
        self.at_sign_in = False

    @property
    def vendor(self) -> Vendor:
        return self.engine.seat("main").vendor

    async def anew(self) -> None:
        """Neither session nor refusal nor hold is left of the call before."""
        seat = self.engine.accounts["main"]
        await seat.client.aclose()
        self.engine.accounts["main"] = self.engine._make_seat("main", seat.settings)

    async def job(self, state: JobState = JobState.RUNNING) -> Job:
        """The one job, as if nothing had been seen since it was in this state."""
        now = self.engine.clock.now()
        row = await self.engine.track("main", self.case.reference)
        return await self.engine.ledger.change(
            row.id,
            lambda row: replace(
                row, state=state, vendor_status="as before", message=None, health=Health.OK, attempts=0,
                gone_since=None, gone_count=0, settled_at=now, seen_at=now,
            ),
            clear_error=True,
        )  # fmt: skip

    async def look(self, job: Job) -> Job:
        return await self.engine._looker.look(self.engine.seat("main"), job, None, lambda: None)


@pytest.fixture(params=list(CASES))
async def desk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    monkeypatch.setattr(thread, "BATCH_SECONDS", 0.0)  # one write at a time has no company to wait for
    async with desk_of(request.param, tmp_path) as made:
        yield made


@asynccontextmanager
async def desk_of(name: str, folder: Path, **keys: Any) -> AsyncIterator[Desk]:
    case, clock = CASES[name], ManualClock(START)
    made: Desk

    async def script(asked: Asked, peer: Peer) -> None:
        signing = bool(case.sign_in) and case.sign_in in asked.path
        if signing is made.at_sign_in:
            status, body, headers = made.answer
            await peer.answer(status, body, headers)
        else:
            await peer.answer(200, case.session if signing else case.status)

    async with Liar(script) as liar:
        settings: dict[str, Any] = {"vendor": name, "base_url": liar.base, **case.settings, **keys}
        if name == "talkdesk":
            settings["identity_url"] = liar.base
        account = registry.account_class(name).model_validate(settings)
        chosen = Settings.model_validate({"download_dir": folder / "reports", "accounts": {"main": account}})
        ledger = await Ledger.open(folder / "ledger.db", clock=clock)
        secrets = {f"REPORTDASH_SECRET__MAIN__{key.upper()}": value for key, value in case.secrets.items()}
        engine = Engine(chosen, ledger, Chain(environ=secrets, use_keyring=False), clock=clock, paced=False)
        await engine.start()
        made = Desk(name, engine, liar)
        try:
            yield made
        finally:
            await engine.stop()
            await ledger.close()


def worst(answer: dict[str, Any], each: int = 1) -> Iterator[tuple[str, bytes]]:
    """The bodies of the corpus, those made of this true answer too; of the many of these each how-manieth."""
    yield from bodies.unreadable().items()
    yield from list(bodies.bent(answer))[::each]
    yield from list(bodies.cut(answer))[::each]
    yield from bodies.dressed(answer)


async def outcome(call: Awaitable[Any]) -> Any:
    """What a call gives, or the failure it ends with. Nothing but that family may come out of it."""
    try:
        return await call
    except CallFailed as error:
        found = error
    assert clean(found.text), "no words"
    return found


async def assert_clean(desk: Desk, job: Job) -> None:
    """What the ledger keeps of it may be shown, and is small."""
    row = await desk.engine.ledger.job(job.id)
    assert row is not None
    error = await desk.engine.ledger.last_error(job.id)
    for text in (row.message, row.vendor_status, row.name, row.note, error and error.text):
        assert text is None or (text == clean(text) and len(text) <= 500)
    kept = await desk.engine.ledger.exchanges(job.id)
    assert len(kept) <= 20
    assert all(len(one.response) <= 4096 for one in kept)
    for secret in desk.case.secrets.values():
        assert all(secret not in one.request + one.response + one.url for one in kept if len(secret) > 6)


def test_the_corpus_is_what_the_promise_says() -> None:
    every = set(bodies.unreadable().values())
    assert len(every) >= 100
    for case in CASES.values():
        assert len({body for _, body in worst(case.status)} - every) >= 100


# Looks.


async def test_a_look_that_met_no_answer_leaves_the_job_as_it_was(desk: Desk) -> None:
    for state in (JobState.RUNNING, JobState.READY):
        for name, body in bodies.unreadable().items():
            job = await desk.job(state)
            desk.answer = (200, body, {})
            row = await desk.look(job)
            assert (row.state, row.vendor_status) == (state, "as before"), name
            assert (row.health, row.artifact) == (Health.BAD_PAYLOAD, None), name
            await assert_clean(desk, job)
    assert await desk.engine.ledger.jobs() == [await desk.engine.ledger.job(job.id)]


async def test_a_look_at_a_bent_answer_never_ends_a_job_that_runs(desk: Desk) -> None:
    for name, body in worst(desk.case.status):
        job = await desk.job()
        desk.answer = (200, body, {})
        row = await desk.look(job)
        lost = desk.name == "7g" and b'"result": false' in body and row.state is JobState.LOST
        assert row.state in OPEN or lost, name
        assert row.artifact is None, name
        if row.state is JobState.UNKNOWN:
            assert row.vendor_status, name
        await assert_clean(desk, job)


async def test_no_status_makes_a_body_the_vendors_word(desk: Desk) -> None:
    some = [b"", b"{}", b"null", b"complete", b"<html>done</html>", b"\x1b[2J", b"[" * 5000, b"\xff\xfe"]
    some += [b'{"error": "x"}', b'{"status": "failed"}', b'{"message": "gone"}']
    for status in STATUSES:
        for body in some:
            if status in (304,) and body:
                continue  # it has none
            await desk.anew()
            job = await desk.job()
            headers = {"Location": "https://login.example.org/"} if status in (301, 307, 308) else {}
            desk.answer = (status, body, {**headers, **(HTML if body.startswith(b"<") else {})})
            row = await desk.look(job)
            assert row.artifact is None
            # A plain "not found" is the vendor's word on the job; a page for people is a gateway's.
            gone = status in (404, 410) and not body.startswith(b"<") and desk.name in ("7g", "talkdesk")
            assert row.state is (JobState.LOST if gone else JobState.RUNNING), (status, body)


async def test_a_list_full_of_nonsense_tells_of_no_job_that_it_has_ended(desk: Desk) -> None:
    if not desk.vendor.can(Action.LIST):
        pytest.skip("it has no list")
    job = await desk.job()
    others = [replace(job, id=f"abc23{n}", reference=f"{job.reference}{n}") for n in range(3)]
    for name, body in worst(desk.case.list, SOME):
        desk.answer = (200, body, {})
        if isinstance(found := await outcome(desk.vendor.statuses([job, *others])), CallFailed):
            assert isinstance(found, BadPayload), name
        else:
            assert {seen.state for seen in found.values()} <= OPEN, name
        seen = await outcome(everything(desk.vendor))
        if not isinstance(seen, CallFailed):
            assert {one.state for one in seen} <= OPEN, name


async def everything(vendor: Vendor) -> list[Any]:
    return [seen async for seen in vendor.list()]


async def test_endless_strings_do_not_stay_in_memory(desk: Desk) -> None:
    huge = [body for body in bodies.unreadable().values() if len(body) > bodies.MEGABYTE]
    assert len(huge) >= 3
    if desk.name in ("sigma", "talkdesk"):
        # Numbers, of which each costs its note here, are read as WebAdMIT's are; 7G's in a way of its own.
        huge = [body for body in huge if b"x" in body]
    gc.collect()
    gc.freeze()  # what is there already is not looked through again and again
    tracemalloc.start()
    try:
        for body in huge:
            desk.answer = (200, body, {})
            await desk.look(await desk.job())
        desk.answer = (200, b"", {})
        for _ in range(1000):  # the server's own buffers go when it has seen that nobody reads on
            gc.collect()
            held = tracemalloc.get_traced_memory()[0]
            if held < bodies.MEGABYTE:
                break
            await asyncio.sleep(0.01)
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    assert held < bodies.MEGABYTE


# Acts.


async def test_a_submit_is_taken_only_where_a_reference_comes(desk: Desk) -> None:
    for name, body in worst(desk.case.submit, SOME):
        desk.answer = (200, body, {})
        found = await outcome(desk.vendor.submit(desk.case.spec, "a-key"))
        if isinstance(found, CallFailed):
            assert isinstance(found, BadPayload | VendorRefused), name
            continue
        assert found.seen.state in OPEN, name
        assert " " not in found.reference, name
        # The others' are any word; a GUID is none.
        assert desk.name != "7g" or any(letter.isdigit() for letter in found.reference), name
        assert found.reference == clean(found.reference), name


async def test_a_submit_that_met_no_answer_is_unsure_and_not_refused(desk: Desk) -> None:
    for name, body in bodies.unreadable().items():
        desk.answer = (200, body, {})
        if desk.name == "sigma" and b'"success": false' in body:
            continue  # a map without its wrapping says no
        assert isinstance(await outcome(desk.vendor.submit(desk.case.spec, "k")), BadPayload), name


async def test_a_delete_is_confirmed_by_the_documented_answer_alone(desk: Desk) -> None:
    if not desk.vendor.can(Action.DELETE):
        pytest.skip("it has no delete")
    job = await desk.job(JobState.FAILED)
    true = (
        {"result": False, "message": "It is being generated", "data": {}}
        if desk.name == "7g"
        else {"job": JOB}
    )
    for status in (200, 202):
        for name, body in worst(true, SOME):
            desk.answer = (status, body, {})
            failed = await outcome(desk.vendor.delete(job, "a-key"))
            confirmed = desk.name == "7g" and json_of(body).get("result") in (True, "true")
            assert failed is None if confirmed else isinstance(failed, CallFailed), name
            # What counts as done for whoever asked: only 7G's own "no such report".
            if isinstance(failed, NotFound):
                assert desk.name == "7g" and json_of(body).get("result") in (False, "false"), name


async def test_an_engines_delete_of_an_unreadable_vendor_ends_unsure(desk: Desk) -> None:
    if not desk.vendor.can(Action.DELETE):
        pytest.skip("it has no delete")
    for body in (b"", b"{}", b"<html>", b'{"error": "x"}', b'{"status": "deleted"}', b"null"):
        job = await desk.job(JobState.FAILED)
        desk.answer = (200, body, {})
        seat = desk.engine.seat("main")
        tried = await desk.engine._deletes._try(seat, await desk.engine._deletes._intend(seat, job, False))
        assert tried.outcome.exit_code is Exit.UNREACHABLE
        assert tried.outcome.job.state is JobState.DELETING
        await desk.engine.ledger.change(job.id, lambda row: replace(row, state=JobState.FAILED, intent=None))


async def test_no_file_is_handed_out_for_what_is_no_report(desk: Desk) -> None:
    job = await desk.job(JobState.READY)
    for name, body in worst(desk.case.artifact, SOME):
        if (
            desk.name == "7g"
            and json_of(body).get("data")
            and json_of(body).get("result") not in (False, "false")
        ):
            continue  # whatever stands in `data` of a good answer is the report
        desk.answer = (200, body, {})
        found = await outcome(read_out(desk, job))
        assert isinstance(found, CallFailed), name


async def read_out(desk: Desk, job: Job) -> Any:
    """The report to its end: of a large one the answer is looked at while it comes."""
    found = await desk.vendor.artifact(job)
    if isinstance(found, Body):
        async for _ in found.chunks:
            pass
    return found


async def test_nothing_is_saved_of_an_answer_that_is_no_report(desk: Desk, tmp_path: Path) -> None:
    chosen = [body for name, body in bodies.unreadable().items() if len(body) < 500][::3]
    for body in chosen:
        job = await desk.job(JobState.READY)
        desk.answer = (200, body, {})
        desk.engine.clock.jump(1)  # type: ignore[attr-defined]
        ended = await desk.engine.downloads.fetch(job.id, patience=0)
        assert ended.exit_code is not Exit.OK, body
        assert ended.text == clean(ended.text)
        row = await desk.engine.ledger.job(job.id)
        assert row is not None
        assert row.state is JobState.READY, body
        assert not row.saved
        await desk.engine.ledger.change(job.id, lambda row: replace(row, artifact=None))
    folder = tmp_path / "reports"
    assert not folder.exists() or not [path for path in folder.rglob("*") if not path.name.startswith(".")]


# Signing in.


async def test_no_session_begins_with_nonsense_and_the_job_stays_as_it_was(desk: Desk) -> None:
    if not desk.case.sign_in:
        pytest.skip("it has no sign-in")
    desk.at_sign_in = True
    for name, body in worst(desk.case.session, SOME):
        await desk.anew()
        job = await desk.job()
        desk.answer = (200, body, {})
        asked = len(desk.liar.asked)
        row = await desk.look(job)
        assert row.state in OPEN, name
        went_on = [one for one in desk.liar.asked[asked:] if desk.case.sign_in not in one.path]
        token = re.search(rb"access_?token", body.replace(b"\0", b""), re.IGNORECASE)
        assert token or not went_on, name
        for one in went_on:
            assert "\x1b" not in one.headers.get("authorization", "") + one.target
        await assert_clean(desk, job)


def json_of(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
