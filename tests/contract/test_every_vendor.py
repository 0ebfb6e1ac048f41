"""What every vendor must do, the same for all: one suite against the simulator over real HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from reportdash.errors import (
    AuthFailed,
    BadPayload,
    NotFound,
    Throttled,
    Unreachable,
    UsageProblem,
    VendorRefused,
)
from reportdash.model import HAS_FILE, SETTLED, JobState, Spec
from reportdash.simulator import Half, Reply, Reset
from reportdash.vendors import registry
from reportdash.vendors.contract import Action, No, Yes
from tests.contract.conftest import Desk, DeskAt, content_of

HTML = Reply(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"})
BROKEN = Reply(500, b'{"oops":', {"Content-Type": "application/json"})
UNREADABLE = [
    pytest.param(HTML, id="html"),
    pytest.param(BROKEN, id="500"),
    pytest.param(Half(), id="half"),
    pytest.param(Reply(502, b"Bad Gateway"), id="502"),
    pytest.param(Reply(200, b'[{"data": "complete"}]'), id="list"),
]


@dataclass
class Case:
    """One vendor: an account of the simulator, a job of its own form, what is typed to run a report."""

    account: str
    reference: str
    other: str
    report: str
    spec: Spec
    secret: str  # the field to get wrong
    status_path: str
    submit_path: str
    words: dict[str, JobState] = field(default_factory=dict)
    list_path: str = ""  # where the vendor lists


CASES = {
    "7g": Case(
        "main",
        "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
        "00000000-1111-4222-8333-444444444444",
        "TransactionSummary",
        Spec("TransactionSummary", {"ProductID": "A01", "FromDate": "2026-11-01"}),
        "password",
        "/Report/Status",
        "/Report",
        {
            "pending": JobState.QUEUED,
            "incomplete": JobState.RUNNING,
            "complete": JobState.READY,
            "error": JobState.FAILED,
            "suspended": JobState.UNKNOWN,
        },
    ),
    "sigma": Case(
        "billing",
        "2djj-6c394d0e",
        "2djj-ffffffff",
        "AccountTransaction",
        Spec("AccountTransaction", {"bindParams.branch": "12"}),
        "client_token",
        "*/report-status*",
        "*/generate[?]*",
        {
            "": JobState.RUNNING,
            "GENERATED": JobState.FINALIZING,
            "PUBLISHED": JobState.READY,
            "NOTIFIED": JobState.READY,
            "NOTIFICATION_FAILED": JobState.NOTIFY_FAILED,
            "NO_DATA_AVAILABLE": JobState.EMPTY,
            "FAILED": JobState.FAILED,
            "ARCHIVED": JobState.UNKNOWN,
        },
    ),
    "webadmit": Case(
        "admissions",
        "86446/74780",
        "86446/99999",
        "86446",
        Spec("86446"),
        "api_key",
        "/api/v1/*export_files*",
        "*/export_files",
        {
            "Initializing": JobState.QUEUED,
            "Queued": JobState.QUEUED,
            "In Progress": JobState.RUNNING,
            "Available": JobState.READY,
            "Success With Errors": JobState.READY_WITH_WARNINGS,
            "Empty List": JobState.EMPTY,
            "Failed": JobState.FAILED,
            "On Hold": JobState.UNKNOWN,
        },
        "/api/v1/user_identities/*/export_files",
    ),
    "talkdesk": Case(
        "calls",
        "calls/6f1b2a90c3d4",
        "calls/ffffffffffff",
        "calls",
        Spec("calls", {}, "csv", "2026-08-01", "2026-09-01"),
        "client_secret",
        "/data/reports/*/jobs/*",
        "/data/reports/*/jobs",
        {
            "created": JobState.QUEUED,
            "processing": JobState.RUNNING,
            "uploading": JobState.FINALIZING,
            "sending": JobState.FINALIZING,
            "done": JobState.READY,
            "failed": JobState.FAILED,
            "canceled": JobState.CANCELLED,
            "cancelled": JobState.CANCELLED,
            "deleted": JobState.DELETED,
            "archiving": JobState.UNKNOWN,
        },
        "/data/reports/calls/jobs",
    ),
}
WORDS = [(name, word, state) for name, case in CASES.items() for word, state in case.words.items()]


@pytest.fixture(params=list(CASES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def case(name: str) -> Case:
    return CASES[name]


@pytest.fixture
async def desk(case: Case, desk_at: DeskAt) -> Desk:
    return await desk_at(case.account)


def put(desk: Desk, case: Case, stage: str = "running", **more: Any) -> None:
    """A job the vendor knows already."""
    desk.sim.add(desk.vendor.name, case.reference, case.account, stage=stage, report=case.report, **more)


# Signing in


async def test_one_sign_in_serves_many_calls(desk: Desk, case: Case) -> None:
    put(desk, case)
    for _ in range(3):
        await desk.vendor.status(desk.job(case.reference))
    signing = [call for call in desk.sim.requests if call.path.endswith(("Login", "token"))]
    assert len(signing) == (0 if desk.vendor.name == "webadmit" else 1)


async def test_a_wrong_credential_is_refused_in_the_vendors_words(desk_at: DeskAt, case: Case) -> None:
    desk = await desk_at(case.account, secrets={case.secret: "0123456789abcdef-wrong"})
    put(desk, case)
    with pytest.raises(AuthFailed) as refused:
        await desk.vendor.status(desk.job(case.reference))
    assert refused.value.text
    assert "0123456789abcdef-wrong" not in refused.value.text


async def test_an_expired_token_is_renewed_and_the_call_sent_again(desk: Desk, case: Case) -> None:
    put(desk, case)
    await desk.vendor.status(desk.job(case.reference))
    desk.sim.vendors[desk.vendor.name].expire_tokens()
    assert (await desk.vendor.status(desk.job(case.reference))).state is JobState.RUNNING


async def test_no_secret_stands_in_what_is_recorded(desk: Desk, case: Case) -> None:
    put(desk, case, "ready")
    await desk.vendor.status(desk.job(case.reference))
    await desk.vendor.artifact(desk.job(case.reference, JobState.READY))
    recorded = json.dumps([[e.url, e.request, e.response, e.error] for e in desk.exchanges])
    assert desk.exchanges
    for value in desk.secrets.values():
        assert value not in recorded
    assert "Signature=" not in recorded and "X-Amz-Sig" not in recorded


# Status


@pytest.mark.parametrize(("name", "word", "state"), WORDS)
async def test_each_documented_word_has_its_state(
    name: str, word: str, state: JobState, desk_at: DeskAt
) -> None:
    case = CASES[name]
    desk = await desk_at(case.account)
    put(desk, case)
    desk.sim.script(name, case.reference, [word])
    seen = await desk.vendor.status(desk.job(case.reference))
    assert seen.state is state
    assert (seen.vendor_status or "") == word


async def test_an_unknown_word_is_unknown_and_never_over(desk: Desk, case: Case) -> None:
    put(desk, case)
    desk.sim.script(desk.vendor.name, case.reference, ["Teleported \x1b[31m"])
    seen = await desk.vendor.status(desk.job(case.reference))
    assert seen.state is JobState.UNKNOWN
    assert seen.state not in SETTLED and seen.state not in HAS_FILE
    assert seen.vendor_status is not None and seen.vendor_status.startswith("Teleported")
    assert "\x1b" not in seen.vendor_status
    assert not desk.calls("DELETE") and not desk.sim.calls("storage")


async def test_a_job_the_vendor_does_not_know_is_not_found(desk: Desk, case: Case) -> None:
    with pytest.raises(NotFound) as missing:
        await desk.vendor.status(desk.job(case.other))
    assert missing.value.certain is (desk.vendor.name in ("7g", "talkdesk"))
    assert missing.value.text


@pytest.mark.parametrize("fault", UNREADABLE)
async def test_an_unreadable_answer_is_no_state(desk: Desk, case: Case, fault: Any) -> None:
    put(desk, case)
    desk.sim.inject(desk.vendor.name, fault, path=case.status_path, times=None)
    with pytest.raises(BadPayload) as bad:
        await desk.vendor.status(desk.job(case.reference))
    assert "HTTP" in bad.value.text


async def test_a_gateways_404_page_is_not_a_lost_job(desk: Desk, case: Case) -> None:
    put(desk, case)
    page = Reply(404, b"<!DOCTYPE html><title>404</title>", {"Content-Type": "text/html"})
    desk.sim.inject(desk.vendor.name, page, path=case.status_path)
    with pytest.raises(BadPayload):
        await desk.vendor.status(desk.job(case.reference))


@pytest.mark.parametrize("status", [429, 503])
async def test_too_many_requests_is_throttled_with_the_wait_asked_for(
    desk: Desk, case: Case, status: int
) -> None:
    put(desk, case)
    busy = Reply(status, b"{}", {"Retry-After": "7"})
    desk.sim.inject(desk.vendor.name, busy, path=case.status_path)
    with pytest.raises(Throttled) as throttled:
        await desk.vendor.status(desk.job(case.reference))
    assert throttled.value.retry_after == 7


async def test_a_reset_connection_is_unreachable(desk: Desk, case: Case) -> None:
    put(desk, case)
    desk.sim.inject(desk.vendor.name, Reset(), path=case.status_path, times=None)
    with pytest.raises(Unreachable):
        await desk.vendor.status(desk.job(case.reference))


# Submit


async def test_a_submit_gives_a_reference_that_can_be_followed(desk: Desk, case: Case) -> None:
    submitted = await desk.vendor.submit(case.spec, "11111111-2222-4333-8444-555555555555")
    assert desk.vendor.reference(submitted.reference) == submitted.reference
    assert submitted.seen.state is JobState.QUEUED
    seen = await desk.vendor.status(desk.job(submitted.reference))
    assert seen.state in (JobState.QUEUED, JobState.RUNNING)


@pytest.mark.parametrize("fault", UNREADABLE)
async def test_a_submit_with_an_unreadable_answer_stays_unsure(desk: Desk, case: Case, fault: Any) -> None:
    desk.sim.inject(desk.vendor.name, fault, method="POST", path=case.submit_path, times=None)
    with pytest.raises(BadPayload):
        await desk.vendor.submit(case.spec, "key")


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_refused_submit_speaks_in_the_vendors_words(desk: Desk, case: Case, status: int) -> None:
    body = b'{"message": "Column accountNo is unknown."}'
    no = Reply(status, body, {"Content-Type": "application/json"})
    desk.sim.inject(desk.vendor.name, no, method="POST", path=case.submit_path)
    with pytest.raises(VendorRefused, match="Column accountNo is unknown"):
        await desk.vendor.submit(case.spec, "key")


# Download


async def test_the_whole_report_is_handed_out(desk: Desk, case: Case) -> None:
    put(desk, case, "ready", size=50_000)
    await desk.vendor.status(desk.job(case.reference))
    known = desk.sim.job(desk.vendor.name, case.reference)
    made = desk.sim.vendors[desk.vendor.name].content(known).all()
    got = await content_of(await desk.vendor.artifact(desk.job(case.reference, JobState.READY)))
    if desk.vendor.name == "7g":
        assert json.loads(got) == json.loads(made)["data"]
    else:
        assert got == made


async def test_no_report_is_handed_out_while_the_job_runs(desk: Desk, case: Case) -> None:
    put(desk, case)
    desk.sim.script(desk.vendor.name, case.reference, [desk.sim.vendors[desk.vendor.name].words[-1]])
    if desk.vendor.name == "sigma":  # a published file is looked for in its folder: there is none
        file = await desk.vendor.artifact(desk.job(case.reference))
        with pytest.raises(AssertionError):
            await content_of(file)
        return
    with pytest.raises(VendorRefused, match=r"not ready|no link"):
        await desk.vendor.artifact(desk.job(case.reference))


# Delete


async def test_delete_is_done_or_refused_with_a_reason(desk: Desk, case: Case) -> None:
    put(desk, case, "ready")
    job = desk.job(case.reference, JobState.READY)
    able = desk.vendor.can(Action.DELETE, job)
    if isinstance(able, No):
        assert desk.vendor.name in ("sigma", "webadmit")
        assert "delete" in able.reason and "forgets" in able.reason
        return
    assert isinstance(able, Yes) and able.note
    await desk.vendor.delete(job, "key")
    assert desk.sim.job(desk.vendor.name, case.reference).deleted


@pytest.mark.parametrize("fault", UNREADABLE)
async def test_a_delete_with_an_unreadable_answer_is_not_confirmed(
    desk: Desk, case: Case, fault: Any
) -> None:
    if not desk.vendor.can(Action.DELETE):
        pytest.skip("no such call here")
    if desk.vendor.name == "talkdesk" and isinstance(fault, Half):
        pytest.skip("the confirmation is 204: there is no body to cut")
    put(desk, case, "ready")
    desk.sim.inject(desk.vendor.name, fault, method="DELETE")
    with pytest.raises(BadPayload):
        await desk.vendor.delete(desk.job(case.reference, JobState.READY), "key")


async def test_a_delete_of_an_unknown_job_is_not_found(desk: Desk, case: Case) -> None:
    if not desk.vendor.can(Action.DELETE):
        pytest.skip("no such call here")
    with pytest.raises(NotFound):
        await desk.vendor.delete(desk.job(case.other, JobState.READY), "key")


# List


async def test_list_gives_references_or_a_reason(desk: Desk, case: Case) -> None:
    put(desk, case, "ready")
    able = desk.vendor.can(Action.LIST)
    if isinstance(able, No):
        assert desk.vendor.name in ("7g", "sigma")
        assert "lists no reports" in able.reason
        return
    found = {seen.reference: seen async for seen in desk.vendor.list()}
    assert found[case.reference].state is JobState.READY


@pytest.mark.parametrize("fault", UNREADABLE)
async def test_an_unreadable_list_is_no_empty_list(desk: Desk, case: Case, fault: Any) -> None:
    if not desk.vendor.can(Action.LIST):
        pytest.skip("no such call here")
    put(desk, case)
    desk.sim.inject(desk.vendor.name, fault, path=case.list_path, times=None)
    with pytest.raises(BadPayload):
        [seen async for seen in desk.vendor.list()]
    with pytest.raises(BadPayload):
        await desk.vendor.statuses([desk.job(case.reference), desk.job(case.other)])


@pytest.mark.parametrize(("name", "word", "state"), WORDS)
async def test_a_list_says_of_each_word_what_a_look_says(
    name: str, word: str, state: JobState, desk_at: DeskAt
) -> None:
    case = CASES[name]
    desk = await desk_at(case.account)
    if not desk.vendor.can(Action.LIST):
        pytest.skip("no such call here")
    put(desk, case)
    desk.sim.script(name, case.reference, [word])
    found = await desk.vendor.statuses([desk.job(case.reference), desk.job(case.other)])
    assert {reference: (seen.state, seen.vendor_status) for reference, seen in found.items()} == {
        case.reference: (state, word)
    }
    assert len(desk.calls("GET")) == 1


# References


@pytest.mark.parametrize(
    "text", ["", " ", "../../x", "a b", "calls/../../oauth", "x\x1b[0m", "a/b/c", "%2e%2e/1", "calls/.."]
)
def test_a_reference_cannot_leave_its_place(text: str, case: Case, name: str) -> None:
    kind = registry.load(name)
    if name == "sigma" and text and not any(c.isspace() or not c.isprintable() for c in text):
        assert (
            kind.reference(text) == text
        )  # any text without spaces; it travels as a parameter, never a path
        return
    with pytest.raises(UsageProblem, match=r"GUID|REF|EXPORT_ID/FILE_ID|TYPE/ID"):
        kind.reference(text)


async def test_a_hostile_reference_reaches_no_other_path(desk: Desk, case: Case) -> None:
    for hostile in ("../../User/Login", "x?y=1&z=2", "calls/..%2f..%2foauth", "86446/1/../../2"):
        with pytest.raises((NotFound, VendorRefused, BadPayload)):
            await desk.vendor.status(desk.job(hostile))
    rooms = (
        "/report/status",
        "/user/login",
        "/sigma/rest/reports/",
        "/api/v1/exports/",
        "/data/reports/",
        "/oauth",
    )
    assert all(call.path.lower().startswith(rooms) and ".." not in call.path for call in desk.calls())
