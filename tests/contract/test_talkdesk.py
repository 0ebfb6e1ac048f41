"""What Talkdesk documents and we rely on, fact by fact, as it shows over real HTTP.

Sources: the pages named in `vendors.talkdesk`."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import AuthFailed, BadPayload, NotFound, Throttled, UsageProblem, VendorRefused
from reportdash.model import Job, JobState, Seen, Signed, Spec
from reportdash.simulator import Reply
from reportdash.simulator.wire import json_reply
from reportdash.vendors.contract import Action, No
from reportdash.vendors.talkdesk import FORMATS, Talkdesk
from tests.contract.conftest import Desk, DeskAt, LinkRefused, content_of

CALLS = Spec("calls", {}, "csv", "2026-08-01", "2026-09-01")
JOB = "calls/6f1b2a90c3d4"
NUMBER = JOB.partition("/")[2]


def running(desk: Desk, reference: str = JOB, **more: Any) -> Job:
    """A job Talkdesk still works on."""
    desk.sim.add("talkdesk", reference, "calls", stage="running", **more)
    desk.sim.script("talkdesk", reference, ["processing"])
    return desk.job(reference)


# Signing in D5 D6 E5


async def test_a_sign_in_is_basic_and_a_form_for_both_scopes(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    await desk.vendor.status(running(desk))
    signing, look = desk.calls()
    scheme, _, pair = signing.header("authorization").partition(" ")
    assert (signing.method, signing.raw, scheme) == ("POST", "/oauth/token", "Basic")
    assert base64.b64decode(pair).decode() == ":".join(
        desk.secrets[k] for k in ("client_id", "client_secret")
    )
    assert signing.header("content-type") == "application/x-www-form-urlencoded"
    assert signing.form == {
        "grant_type": "client_credentials",
        "scope": "data-reports:read data-reports:write",
    }
    assert look.header("authorization").startswith("Bearer ")


async def test_the_token_call_is_appended_to_the_identity_address(desk_at: DeskAt) -> None:
    plain = await desk_at("calls")
    desk = await desk_at("calls", {"identity_url": plain.sim.url("talkdesk") + "/identity/"})
    token = json_reply({"access_token": "t0ken", "token_type": "Bearer", "expires_in": 60})
    desk.sim.inject("talkdesk", token, path="/identity/oauth/token")
    desk.sim.inject("talkdesk", json_reply({"job": {"id": NUMBER, "status": "created"}}), path="*/jobs/*")
    assert (await desk.vendor.status(desk.job(JOB))).state is JobState.QUEUED
    assert [call.header("authorization") for call in desk.calls("GET")] == ["Bearer t0ken"]


@pytest.mark.parametrize("told", [True, False])
async def test_a_token_lives_as_long_as_is_said_and_else_599_seconds(
    desk_at: DeskAt, clock: ManualClock, told: bool
) -> None:
    desk = await desk_at("calls")
    desk.sim.talkdesk.tells_expiry = told
    job = running(desk)
    for seconds, sign_ins in ((0, 1), (560, 1), (20, 2)):  # renewed a little before its end
        await clock.advance(seconds)
        await desk.vendor.status(job)
        assert len(desk.calls("POST", "/oauth/token")) == sign_ins
    assert all(call.status == 200 for call in desk.calls("GET"))


async def test_an_sts_token_goes_without_the_word_bearer(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.talkdesk.sts = True
    assert (await desk.vendor.status(running(desk))).state is JobState.RUNNING
    assert " " not in desk.calls("GET")[0].header("authorization")


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (401, "invalid_client", "No such client"),
        (400, "invalid_scope", "data-reports:write is unknown"),
        (403, "access_denied", "The client is blocked"),
    ],
)
async def test_a_refused_sign_in_speaks_in_the_words_of_its_error(
    desk_at: DeskAt, status: int, error: str, said: str
) -> None:
    desk = await desk_at("calls")
    body = {"error": error, "error_description": said}
    desk.sim.inject("talkdesk", json_reply(body, status), path="/oauth/token")
    with pytest.raises(AuthFailed, match=f"{said}; {error}") as refused:
        await desk.vendor.status(desk.job(JOB))
    assert refused.value.status == status


@pytest.mark.parametrize(
    "answer", [Reply(502, b"Bad Gateway"), Reply(200, b"<html>"), json_reply({"token_type": "Bearer"})]
)
async def test_a_sign_in_without_a_token_is_no_refusal(desk_at: DeskAt, answer: Reply) -> None:
    desk = await desk_at("calls")
    desk.sim.inject("talkdesk", answer, path="/oauth/token")
    with pytest.raises(BadPayload):
        await desk.vendor.status(desk.job(JOB))


# Submit D2


async def test_a_submit_says_name_time_zone_format_and_time_span(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    params = {"timezone": "Europe/Lisbon", "name": "October calls"}
    await desk.vendor.submit(Spec("calls", params, "json_bulk", "2026-10-01", "2026-11-01"), "key")
    (call,) = desk.calls("POST", "/data/*")
    assert (call.raw, call.status) == ("/data/reports/calls/jobs", 202)
    assert json.loads(call.body) == {
        "name": "October calls",
        "timezone": "Europe/Lisbon",
        "format": "json_bulk",
        "timespan": {"from": "2026-10-01T00:00:00", "to": "2026-11-01T00:00:00"},
    }


async def test_a_month_in_which_the_clocks_change_is_a_month(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    params = {"timezone": "Europe/Lisbon"}
    span = ("2026-10-01T00:00:00+01:00", "2026-11-01T00:00:00+00:00")
    await desk.vendor.submit(Spec("calls", params, "csv", *span), "key")
    (call,) = desk.calls("POST", "/data/*")
    assert json.loads(call.body)["timespan"] == {"from": "2026-09-30T23:00:00Z", "to": "2026-11-01T00:00:00Z"}
    assert call.status == 202


async def test_more_than_a_month_is_refused_before_any_request(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    with pytest.raises(UsageProblem, match="at most one month"):
        await desk.vendor.submit(Spec("calls", {}, "csv", "2026-08-01", "2026-09-02"), "key")
    assert not desk.calls()


@pytest.mark.parametrize("format", FORMATS)
async def test_each_format_is_made_and_handed_out(desk_at: DeskAt, format: str) -> None:
    desk = await desk_at("calls")
    desk.sim.script("talkdesk", None, ["created", "done"])
    submitted = await desk.vendor.submit(Spec("calls", {}, format, "2026-08-01", "2026-09-01"), "key")
    job = desk.job(submitted.reference)
    states = [(await desk.vendor.status(job)).state for _ in range(2)]
    assert states == [JobState.QUEUED, JobState.READY]
    made = desk.sim.talkdesk.content(desk.sim.job("talkdesk", submitted.reference)).all()
    assert await content_of(await desk.vendor.artifact(job)) == made


async def test_a_type_talkdesk_does_not_export_is_refused_in_its_words(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    with pytest.raises(VendorRefused, match="Invalid report type; 'my_own' is not a report type"):
        await desk.vendor.submit(Spec("my_own", {}, "csv", "2026-08-01", "2026-09-01"), "key")


async def test_an_error_is_told_with_its_fields(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    body = {
        "code": "4000001",
        "message": "Bad request",
        "description": "Validation failed",
        "fields": [{"name": "to", "description": "must be at least an hour ago"}],
    }
    desk.sim.inject("talkdesk", json_reply(body, 400), method="POST", path="*/jobs")
    with pytest.raises(VendorRefused) as refused:
        await desk.vendor.submit(CALLS, "key")
    assert refused.value.text == "Bad request; Validation failed; to: must be at least an hour ago"


@pytest.mark.parametrize("status", [429, 503])
async def test_a_submit_is_told_to_wait(desk_at: DeskAt, status: int) -> None:
    desk = await desk_at("calls")
    desk.sim.inject("talkdesk", Reply(status, b"{}", {"Retry-After": "12"}), method="POST", path="*/jobs")
    with pytest.raises(Throttled) as throttled:
        await desk.vendor.submit(CALLS, "key")
    assert throttled.value.retry_after == 12
    assert not list(desk.sim.world.of("talkdesk", "calls"))


# Status [S4]


@pytest.mark.parametrize("status", [300, 302, 303])
@pytest.mark.parametrize("absolute", [False, True])
async def test_each_kind_of_redirect_means_done(desk_at: DeskAt, status: int, absolute: bool) -> None:
    desk = await desk_at("calls")
    talkdesk = desk.sim.vendors["talkdesk"]
    talkdesk.done_status, talkdesk.absolute_location = status, absolute  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", name="October calls", report="calls", stage="ready")
    seen = await desk.vendor.status(desk.job(JOB))
    assert (seen.state, seen.vendor_status, seen.name) == (JobState.READY, "done", "October calls")
    assert await content_of(await desk.vendor.artifact(desk.job(JOB, JobState.READY)))


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_a_gateways_redirect_means_nothing(desk_at: DeskAt, status: int) -> None:
    desk = await desk_at("calls")
    desk.sim.inject(
        "talkdesk", Reply(status, b"", {"Location": "/data/reports/calls/files/1"}), path="*/jobs/*"
    )
    with pytest.raises(BadPayload):
        await desk.vendor.status(desk.job(JOB))


@pytest.mark.parametrize("status", [300, 302, 303])
@pytest.mark.parametrize(
    "target",
    [
        "https://login.example.org/sso?back=https://api.example.org/data/reports/calls/jobs/1",
        "http://login.example.org/data/reports/calls/files/1",
        "/login?back=/data/reports/calls/jobs/1",
        "//user@login.example.org",
    ],
)
async def test_a_redirect_to_a_log_in_page_is_not_done(desk_at: DeskAt, status: int, target: str) -> None:
    desk = await desk_at("calls")
    page = b"<html><form>complete done</form></html>"
    headers = {"Location": target, "Content-Type": "text/html"}
    desk.sim.inject("talkdesk", Reply(status, page, headers), path="*/data/*", times=None)
    for state in (JobState.RUNNING, JobState.READY):
        with pytest.raises(BadPayload, match="where no file is"):
            await desk.vendor.status(desk.job(JOB, state))


async def test_a_redirect_to_the_accounts_storage_is_done(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    link = "https://bucket.s3.amazonaws.com/calls.csv?sig=x"
    desk.sim.inject("talkdesk", Reply(302, b"", {"Location": link}), path="*/jobs/*")
    assert (await desk.vendor.status(desk.job(JOB))).state is JobState.READY


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_a_gateways_redirect_is_no_file(desk_at: DeskAt, status: int) -> None:
    desk = await desk_at("calls")
    moved = Reply(status, b"", {"Location": desk.sim.url("storage") + "/file"})
    desk.sim.inject("talkdesk", moved, path="*/files/*")
    with pytest.raises(BadPayload):
        await desk.vendor.artifact(desk.job(JOB, JobState.READY))


async def test_300_without_a_location_is_as_ready_as_its_job_says(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    for word, state in (("processing", JobState.RUNNING), ("DONE", JobState.READY)):
        body = {"job": {"id": NUMBER, "status": word}}
        desk.sim.inject("talkdesk", json_reply(body, 300), path="*/jobs/*")
        assert (await desk.vendor.status(desk.job(JOB))).state is state


async def test_a_rooted_location_leaves_the_path_of_base_url(desk_at: DeskAt) -> None:
    plain = await desk_at("calls")
    plain.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready", size=2_000)
    desk = await desk_at("calls", {"base_url": plain.sim.url("talkdesk") + "/gateway/td/"})
    for room in ("jobs", "files"):
        done = Reply(303, b"", {"Location": f"/data/reports/calls/files/{NUMBER}"})
        desk.sim.inject("talkdesk", done, path=f"/gateway/td/data/reports/calls/{room}/{NUMBER}")
    assert (await desk.vendor.status(desk.job(JOB))).state is JobState.READY
    assert await content_of(await desk.vendor.artifact(desk.job(JOB, JobState.READY)))
    assert [call.path for call in desk.calls("GET")] == [
        f"/gateway/td/data/reports/calls/jobs/{NUMBER}",
        f"/gateway/td/data/reports/calls/files/{NUMBER}",
        f"/data/reports/calls/files/{NUMBER}",
    ]


async def test_a_file_that_leads_to_itself_ends(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    here = Reply(303, b"", {"Location": f"/data/reports/calls/files/{NUMBER}"})
    desk.sim.inject("talkdesk", here, path="*/files/*", times=None)
    with pytest.raises(BadPayload, match="circle"):
        await desk.vendor.artifact(desk.job(JOB, JobState.READY))
    assert len(desk.calls("GET")) == 3


async def test_a_relative_location_is_resolved_against_the_asked_address(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready", size=2_000)
    number = JOB.partition("/")[2]
    # As RFC 3986 has it: next to the asked file, not below base_url.
    desk.sim.inject("talkdesk", Reply(303, b"", {"Location": f"./{number}?again=1"}), path="*/files/*")
    assert await content_of(await desk.vendor.artifact(desk.job(JOB, JobState.READY)))
    assert [call.raw for call in desk.calls("GET", "*/files/*")] == [
        f"/data/reports/calls/files/{number}",
        f"/data/reports/calls/files/{number}?again=1",
    ]


@pytest.mark.parametrize("shape", ["flat", "nested"])
async def test_the_job_id_is_found_flat_and_nested(desk_at: DeskAt, shape: str) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].submit_shape = shape  # type: ignore[attr-defined]
    submitted = await desk.vendor.submit(CALLS, "key")
    assert submitted.reference.startswith("calls/")
    assert submitted.seen.vendor_status == "created"
    assert (await desk.vendor.status(desk.job(submitted.reference))).state is JobState.QUEUED


async def test_upper_case_words_and_204_are_understood(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    talkdesk = desk.sim.vendors["talkdesk"]
    talkdesk.upper = True  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="running")
    assert (await desk.vendor.status(desk.job(JOB))).vendor_status == "PROCESSING"
    talkdesk.polling_204 = True  # type: ignore[attr-defined]
    assert (await desk.vendor.status(desk.job(JOB))).state is JobState.RUNNING


@pytest.mark.parametrize("code", [401, 403])
async def test_an_expired_token_is_renewed_on_401_and_403(desk_at: DeskAt, code: int) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].expired_status = code  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="running")
    await desk.vendor.status(desk.job(JOB))
    desk.sim.vendors["talkdesk"].expire_tokens()
    await desk.vendor.status(desk.job(JOB))
    assert len(desk.calls("POST", "/oauth/token")) == 2


async def test_the_report_itself_on_the_status_address_means_ready(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].entries_in_status = True  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready", size=5_000)
    assert (await desk.vendor.status(desk.job(JOB))).state is JobState.READY


async def test_a_report_too_large_for_an_answer_is_ready_by_its_file(
    desk_at: DeskAt,
) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].entries_in_status = True  # type: ignore[attr-defined]
    for size in (2_000_000, 9_000_000):
        desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready", size=size)
        assert (await desk.vendor.status(desk.job(JOB))).state is JobState.READY
    big = Reply(200, b"x" * 9_000_000)
    desk.sim.inject("talkdesk", big, path="*/jobs/*")
    desk.sim.inject("talkdesk", json_reply({"job": {"status": "processing"}}), path="*/files/*")
    with pytest.raises(BadPayload):
        await desk.vendor.status(desk.job(JOB))


async def test_only_a_total_of_zero_in_that_reply_means_empty(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    for body, state in (
        ({"type": "calls", "entries": [], "total": 0}, JobState.EMPTY),
        ({"type": "calls", "entries": []}, JobState.READY),
        ({"type": "calls", "entries": [{"call_id": 1}], "total": 1}, JobState.READY),
    ):
        desk.sim.inject("talkdesk", json_reply(body), path="*/jobs/*")
        assert (await desk.vendor.status(desk.job(JOB))).state is state


async def test_a_file_call_that_answers_with_the_report_is_saved_as_it_came(
    desk_at: DeskAt,
) -> None:
    desk = await desk_at("calls")
    raw = b'{"type": "calls",  "entries": [{"n": 1.50}], "total": 1}\n'
    desk.sim.inject("talkdesk", Reply(200, raw, {"Content-Type": "application/json"}), path="*/files/*")
    assert await content_of(await desk.vendor.artifact(desk.job(JOB, JobState.READY))) == raw


async def test_a_link_is_made_anew_each_time_and_hears_nothing_of_the_token(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("calls")
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready", size=2_000)
    old = await desk.vendor.artifact(desk.job(JOB, JobState.READY))
    assert isinstance(old, Signed) and old.url.startswith(desk.sim.url("storage"))
    await clock.advance(61)
    with pytest.raises(LinkRefused):
        await content_of(old)
    assert await content_of(await desk.vendor.artifact(desk.job(JOB, JobState.READY)))
    assert not any(call.header("authorization") for call in desk.sim.calls("storage"))


@pytest.mark.parametrize(
    ("word", "failure", "said"),
    [
        ("uploading", VendorRefused, 'not ready: Talkdesk says "uploading"'),
        ("failed", VendorRefused, 'no file: Talkdesk says "failed"'),
        ("canceled", VendorRefused, 'no file: Talkdesk says "canceled"'),
        ("deleted", NotFound, 'Talkdesk says "deleted"'),
    ],
)
async def test_a_file_call_tells_why_there_is_no_file(
    desk_at: DeskAt, word: str, failure: type[Exception], said: str
) -> None:
    desk = await desk_at("calls")
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage=word)
    with pytest.raises(failure, match=said):
        await desk.vendor.artifact(desk.job(JOB, JobState.READY))


async def test_a_file_call_without_content_is_not_ready(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.inject("talkdesk", Reply(204), path="*/files/*")
    with pytest.raises(VendorRefused, match="not ready"):
        await desk.vendor.artifact(desk.job(JOB, JobState.READY))


async def test_dates_in_the_older_apis_way_are_no_trouble(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.talkdesk.odd_dates = True
    job = running(desk)
    assert (await desk.vendor.status(job)).state is JobState.RUNNING
    assert [seen.reference async for seen in desk.vendor.list()] == [JOB]
    assert b" UTC" in json.dumps(desk.exchanges[0].response).encode()


async def test_a_404_is_believed_at_once(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    with pytest.raises(NotFound, match="The report job does not exist") as missing:
        await desk.vendor.status(desk.job(JOB))
    assert missing.value.certain and missing.value.status == 404


# Delete E3 E7 D8


async def test_delete_takes_the_file_and_never_the_job(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.talkdesk.cancels = True
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready")
    await desk.vendor.delete(desk.job(JOB, JobState.READY), "key")
    (call,) = desk.calls("DELETE")
    assert (call.raw, call.status) == (f"/data/reports/calls/files/{NUMBER}", 204)
    for state in (JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING):
        assert isinstance(desk.vendor.can(Action.DELETE, desk.job(JOB, state)), No)


async def test_a_delete_with_an_expired_token_is_sent_again_with_a_fresh_one(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready")
    await desk.vendor.status(desk.job(JOB))
    desk.sim.talkdesk.expire_tokens()
    await desk.vendor.delete(desk.job(JOB, JobState.READY), "key")
    assert [call.status for call in desk.calls("DELETE")] == [403, 204]


async def test_a_second_delete_is_refused_about_the_job_not_the_account(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready")
    job = desk.job(JOB, JobState.READY)
    await desk.vendor.delete(job, "key")
    with pytest.raises(VendorRefused, match=r"Forbidden; .* already deleted") as refused:
        await desk.vendor.delete(job, "key")
    assert refused.value.status == 403
    assert (await desk.vendor.status(job)).state is JobState.DELETED  # the account still works


async def test_a_403_that_is_a_page_for_people_says_nothing_about_the_job(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    page = Reply(403, b"<html>Blocked</html>", {"Content-Type": "text/html"})
    desk.sim.inject("talkdesk", page, method="DELETE", times=2)
    with pytest.raises(BadPayload):
        await desk.vendor.delete(desk.job(JOB, JobState.READY), "key")


async def test_a_running_job_cannot_be_deleted(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    able = desk.vendor.can(Action.DELETE, desk.job(JOB, JobState.RUNNING))
    assert isinstance(able, No) and "still runs" in able.reason


# Lists E3 D9 D8


def pages(desk: Desk) -> list[str]:
    return [call.raw for call in desk.calls("GET", "/data/reports/*/jobs")]


async def test_the_jobs_of_a_type_cost_one_request_a_page_of_200(desk_at: DeskAt, clock: ManualClock) -> None:
    desk = await desk_at("calls")
    jobs = []
    for number in range(350):
        await clock.advance(1)
        jobs.append(running(desk, f"calls/id{number}"))
    one_page = await desk.vendor.statuses(jobs[-200:])
    assert set(one_page) == {job.reference for job in jobs[-200:]}
    assert pages(desk) == ["/data/reports/calls/jobs?page=1&per_page=200"]
    assert len(await desk.vendor.statuses(jobs)) == 350
    assert pages(desk)[1:] == [f"/data/reports/calls/jobs?page={page}&per_page=200" for page in (1, 2)]


async def test_the_list_ends_where_everything_asked_for_was_found(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("calls")
    jobs = []
    for number in range(450):
        await clock.advance(1)
        jobs.append(running(desk, f"calls/id{number}"))
    assert len(await desk.vendor.statuses(jobs[-2:])) == 2
    assert len(pages(desk)) == 1


async def test_pages_are_not_turned_for_what_costs_less_alone(desk_at: DeskAt, clock: ManualClock) -> None:
    desk = await desk_at("calls")
    jobs = []
    for number in range(450):
        await clock.advance(1)
        jobs.append(running(desk, f"calls/id{number}"))
    # The newest is on the first page, the oldest on the third: one look is less than two pages.
    assert set(await desk.vendor.statuses([jobs[0], jobs[-1]])) == {"calls/id449"}
    assert len(pages(desk)) == 1
    unknown = [desk.job(f"calls/x{number}") for number in range(2)]
    assert await desk.vendor.statuses(unknown) == {}
    assert len(pages(desk)) == 3


async def test_each_type_has_its_list_and_a_lone_job_has_none(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    names = ("calls/a", "calls/b", "contacts/a", "contacts/b", "csat/a")
    found = await desk.vendor.statuses([running(desk, name) for name in names])
    assert set(found) == set(names[:4])
    assert [path.partition("?")[0] for path in pages(desk)] == [
        "/data/reports/calls/jobs",
        "/data/reports/contacts/jobs",
    ]
    assert Talkdesk.lists_from == 2


async def test_a_type_that_cannot_be_listed_costs_the_others_nothing(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    jobs = [running(desk, name) for name in ("calls/a", "calls/b", "contacts/a", "contacts/b")]
    for no in (json_reply({"code": "1", "message": "Forbidden"}, 403), Reply(500, b"oops")):
        desk.sim.inject("talkdesk", no, path="/data/reports/calls/jobs", times=2 if no.status == 403 else 1)
        assert set(await desk.vendor.statuses(jobs)) == {"contacts/a", "contacts/b"}
    desk.sim.inject("talkdesk", Reply(500, b"oops"), path="/data/reports/calls/jobs")
    with pytest.raises(BadPayload):
        await desk.vendor.statuses(jobs[:2])


async def test_a_listed_job_is_told_as_a_look_would_tell_it(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    for word in (
        "CREATED",
        "Processing",
        "uploading",
        "sending",
        "DONE",
        "failed",
        "Cancelled",
        "deleted",
        "odd",
    ):
        job = {"id": NUMBER, "name": "October", "status": word, "message": "Too much."}
        desk.sim.inject("talkdesk", json_reply({"job": job}), path="*/jobs/*")
        looked = await desk.vendor.status(desk.job(JOB))
        for item in (job, {"job": job}):  # flat, or nested as elsewhere
            body = {"_embedded": {"jobs": [item]}, "total": 1}
            desk.sim.inject("talkdesk", json_reply(body), path="/data/reports/calls/jobs")
            told = await desk.vendor.statuses([desk.job(JOB), desk.job("calls/other")])
            seen = told[JOB]
            assert seen == Seen(looked.state, word, looked.message, reference=JOB, name="October"), word


async def test_lists_page_by_page_and_skips_types_it_does_not_know(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    for number in range(250):
        desk.sim.add("talkdesk", f"calls/id{number}", "calls", report="calls", name=f"n{number}")
    desk.sim.add("talkdesk", "contacts/one", "calls", report="contacts", stage="failed")
    no = json_reply({"code": "4000001", "message": "Invalid report type"}, 400)
    desk.sim.inject("talkdesk", no, path="/data/reports/csat/*")
    found = [seen async for seen in desk.vendor.list()]
    assert len(found) == len({seen.reference for seen in found}) == 251
    assert {seen.reference: seen.state for seen in found}["contacts/one"] is JobState.FAILED
    assert {call.query["per_page"] for call in desk.calls("GET")} == {"200"}


async def test_the_older_list_shape_is_read_too(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].list_key = "executions"  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready")
    assert [seen.reference async for seen in desk.vendor.list()] == [JOB]


async def test_a_page_of_odd_entries_does_not_end_the_list(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    full = [{"id": f"j{number}", "status": "done"} for number in range(199)] + [
        {"id": "../x", "status": "done"}
    ]
    rest = [{"id": "last", "status": "done"}]
    for nth, page in enumerate((full, rest), 1):
        answer = json_reply({"executions": page})
        desk.sim.inject("talkdesk", answer, path="/data/reports/calls/jobs", nth=nth)
    found = {seen.reference async for seen in desk.vendor.list()}
    assert len(found) == 200 and "calls/last" in found


async def test_a_list_that_knows_no_pages_ends(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    page = {"executions": [{"id": f"j{number}", "status": "done"} for number in range(200)]}
    desk.sim.inject("talkdesk", json_reply(page), path="/data/reports/calls/jobs", times=None)
    found = [seen.reference async for seen in desk.vendor.list()]
    assert len(found) == 200
    assert len(desk.calls("GET", "/data/reports/calls/jobs")) == 2


async def test_shorter_pages_are_turned_while_there_is_a_next_one(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    for number in range(3):
        links = {"next": {"href": "…"}} if number < 2 else {}
        page = {"_embedded": {"jobs": [{"id": f"j{number}", "status": "done"}]}, "_links": links}
        path = "/data/reports/calls/jobs"
        desk.sim.inject("talkdesk", json_reply(page), path=path, nth=number + 1)
    assert [seen.reference async for seen in desk.vendor.list()] == ["calls/j0", "calls/j1", "calls/j2"]


async def test_an_account_that_may_list_nothing_says_so(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    no = json_reply({"code": "1", "message": "Forbidden", "description": "No reports here."}, 403)
    desk.sim.inject("talkdesk", no, path="/data/reports/*/jobs", times=None)
    with pytest.raises(VendorRefused, match="No reports here"):
        [seen async for seen in desk.vendor.list()]
