"""The fifteen quirks the vendors document, each as it shows over real HTTP."""

from __future__ import annotations

import json

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import AuthFailed, BadPayload, NotFound, SlotsFull, Throttled, VendorRefused
from reportdash.lifecycle import fold_error
from reportdash.model import HAS_FILE, SETTLED, JobState, LocalFile, Signed, Spec
from reportdash.simulator import Reply, Simulator, Stage
from reportdash.simulator.wire import json_reply
from reportdash.vendors.contract import Action, No
from reportdash.vendors.seveng import SevenG
from reportdash.vendors.webadmit import WebAdmit
from tests.contract.conftest import DeskAt, LinkRefused, content_of

GUID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
RUN = Spec("TransactionSummary", {"ProductID": "A01"})
CALLS = Spec("calls", {}, "csv", "2026-08-01", "2026-09-01")
FILE = "86446/74780"
JOB = "calls/6f1b2a90c3d4"


async def test_01_7g_result_false_with_incomplete_stays_running(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main")
    desk.sim.script("7g", GUID, [Stage("incomplete", "Still generating.")])
    seen = await desk.vendor.status(desk.job(GUID))
    assert (seen.state, seen.vendor_status, seen.message) == (
        JobState.RUNNING,
        "incomplete",
        "Still generating.",
    )
    assert '"result": false' in desk.exchanges[-1].response


async def test_02_7g_unknown_guid_is_not_found_although_http_says_200(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    with pytest.raises(NotFound, match="could not be found") as missing:
        await desk.vendor.status(desk.job(GUID))
    assert missing.value.certain
    assert desk.exchanges[-1].status == 200


@pytest.mark.parametrize("data", [{}, None, [], 7, "", "  "], ids=repr)
async def test_02_7g_false_without_a_word_is_not_found_whatever_stands_there(
    desk_at: DeskAt, data: object
) -> None:
    desk = await desk_at("main")
    desk.sim.inject(
        "7g", json_reply({"result": False, "message": "gone", "data": data}), path="/Report/Status"
    )
    with pytest.raises(NotFound, match="gone"):
        await desk.vendor.status(desk.job(GUID))


async def test_03_7g_sends_the_bare_token_and_rotates_both_before_twenty_minutes(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="running")
    await desk.vendor.status(desk.job(GUID))
    first = desk.calls("GET")[-1].header("authorization")
    assert first.count(".") == 2 and " " not in first

    await clock.advance(19 * 60 + 31)
    await desk.vendor.status(desk.job(GUID))
    renewal = desk.calls("POST", "/User/RefreshToken")[-1]
    assert renewal.header("authorization") == first
    second = desk.calls("GET")[-1].header("authorization")
    assert second != first

    await clock.advance(19 * 60 + 31)
    await desk.vendor.status(desk.job(GUID))
    assert renewal.json() != desk.calls("POST", "/User/RefreshToken")[-1].json()
    assert len(desk.calls("POST", "/User/Login")) == 1
    assert all(call.header("version") == "2.0" for call in desk.calls())


async def test_03_7g_a_refresh_that_fails_costs_one_login(desk_at: DeskAt, clock: ManualClock) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="running")
    await desk.vendor.status(desk.job(GUID))
    desk.sim.inject("7g", Reply(401), path="/User/RefreshToken")
    await clock.advance(19 * 60 + 31)
    await desk.vendor.status(desk.job(GUID))
    assert len(desk.calls("POST", "/User/Login")) == 2


async def test_03_7g_an_instance_that_wants_bearer_is_found_out_once(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.auth_prefix = "Bearer "
    desk.sim.add("7g", GUID, "main", stage="running")
    for _ in range(2):
        await desk.vendor.status(desk.job(GUID))
    refused = [call for call in desk.calls("GET") if call.status == 401]
    assert len(refused) == 1
    assert desk.calls("GET")[-1].header("authorization").startswith("Bearer ")


async def test_03_7g_a_user_without_report_access_is_refused_not_tried_forever(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.inject("7g", Reply(401), path="/Report*", times=None)
    with pytest.raises(AuthFailed):
        await desk.vendor.status(desk.job(GUID))
    assert len(desk.calls("GET")) == 3  # bare, Bearer as a question, bare again
    with pytest.raises(AuthFailed):
        await desk.vendor.status(desk.job(GUID))
    assert len(desk.calls("GET")) == 3


async def test_03_7g_a_configured_prefix_is_used_as_it_is(desk_at: DeskAt) -> None:
    desk = await desk_at("main", {"auth_prefix": "Bearer"})
    desk.sim.seveng.auth_prefix = "Bearer "
    desk.sim.add("7g", GUID, "main", stage="running")
    await desk.vendor.status(desk.job(GUID))
    assert [call.status for call in desk.calls("GET")] == [200]


@pytest.mark.parametrize("full", ["result", 409])
async def test_04_7g_the_eleventh_submit_waits_for_a_slot(desk_at: DeskAt, full: str | int) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.full = full
    for number in range(10):
        await desk.vendor.submit(RUN, f"key-{number}")
    with pytest.raises(SlotsFull, match="Maximum of 10"):
        await desk.vendor.submit(RUN, "key-11")


async def test_04_7g_the_eleventh_submit_answered_by_429_is_throttled(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.full = 429
    for number in range(10):
        await desk.vendor.submit(RUN, f"key-{number}")
    with pytest.raises(Throttled):
        await desk.vendor.submit(RUN, "key-11")


async def test_04_7g_a_409_waits_whatever_it_says(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.inject("7g", Reply(409, b""), method="POST", path="/Report")
    with pytest.raises(SlotsFull):
        await desk.vendor.submit(RUN, "key")


async def test_04_7g_another_refusal_does_not_wait(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    no = json_reply({"result": False, "message": "ProductID is required.", "data": {}})
    desk.sim.inject("7g", no, method="POST", path="/Report")
    with pytest.raises(VendorRefused, match="ProductID is required") as refused:
        await desk.vendor.submit(RUN, "key")
    assert not isinstance(refused.value, SlotsFull)


@pytest.mark.parametrize("shape", ["text", "reference", "Reference", "guid"])
async def test_04_7g_the_reference_is_found_in_each_shape(desk_at: DeskAt, shape: str) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.submit_data = shape
    submitted = await desk.vendor.submit(RUN, "key")
    assert SevenG.reference(submitted.reference) == submitted.reference
    assert desk.sim.job("7g", submitted.reference).params == {"ProductID": "A01"}


async def test_04_7g_a_replayed_answer_makes_resending_safe(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.seveng.idempotent = True
    first = await desk.vendor.submit(RUN, "one-key")
    assert not desk.vendor.replays_safely
    second = await desk.vendor.submit(RUN, "one-key")
    assert second.reference == first.reference
    assert desk.vendor.replays_safely
    assert (await desk_at("main", {"idempotent": True})).vendor.replays_safely


async def test_05_sigma_reads_text_numbers_padding_and_either_case(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.sigma.reference_key = "ReferenceNumber"
    submitted = await desk.vendor.submit(Spec("AccountTransaction"), "key")
    desk.sim.script("sigma", submitted.reference, ["PUBLISHED"])
    seen = await desk.vendor.status(desk.job(submitted.reference))
    assert (seen.state, seen.name) == (JobState.READY, "AccountTransaction")
    assert '"statusCode": "200"' in desk.exchanges[-1].response
    assert '" AccountTransaction "' in desk.exchanges[-1].response


async def test_05_sigma_a_groups_reference_stands_one_level_deeper(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    submitted = await desk.vendor.submit(Spec("group:MonthEndPack"), "key")
    assert submitted.reference.startswith("group:sim-")
    assert desk.vendor.group(submitted.reference)
    desk.sim.script(
        "sigma",
        submitted.reference,
        [["PUBLISHED", "NOTIFIED", Stage("FAILED", "No such table.", "208"), "GENERATED", ""]],
    )
    seen = await desk.vendor.status(desk.job(submitted.reference))
    assert (seen.state, seen.children_total, seen.vendor_status) == (JobState.RUNNING, 5, "3 of 5 done")
    assert [child.reference for child in seen.children] == [f"{submitted.reference}#{n}" for n in range(1, 6)]
    assert [child.name for child in seen.children][:2] == ["AgedDebtors", "GeneralLedger"]
    assert seen.children[1].note == "e-mailed"
    assert (seen.children[2].message, seen.children[2].error_code) == ("No such table.", "208")
    assert seen.message == "FixedAssets: No such table."


async def test_05_sigma_a_group_that_lists_fewer_than_announced_still_runs(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "group:abc", "billing", stage="ready", children=[{"name": "A"}, {"name": "A"}])
    desk.sim.script("sigma", "group:abc", [Stage(children=(Stage("PUBLISHED"), Stage("PUBLISHED")), total=3)])
    seen = await desk.vendor.status(desk.job("group:abc"))
    assert (seen.state, len(seen.children), seen.children_total) == (JobState.RUNNING, 2, 3)
    assert [child.name for child in seen.children] == ["A", "A"]


@pytest.mark.parametrize("where", ["query", "json", "form"])
async def test_05_sigma_parameters_travel_where_the_installation_wants_them(
    desk_at: DeskAt, where: str
) -> None:
    desk = await desk_at("billing", {"params_in": where})
    desk.sim.sigma.params_in = where
    spec = Spec("AccountTransaction", {"bindParams.branch": "12", "STR_IN:currency": "EUR|USD"})
    submitted = await desk.vendor.submit(spec, "key")
    await desk.vendor.status(desk.job(submitted.reference))
    sent = desk.calls("POST", "*/generate*")[-1]
    found = {"query": sent.query, "json": sent.json(), "form": sent.form}[where]
    wanted = found["reportFilter"]
    wanted = wanted if where == "json" else json.loads(wanted)
    assert wanted["bindParams"] == {"branch": "12"}
    assert wanted["filterDef"][0]["filterValues"] == ["EUR", "USD"]
    recorded = json.dumps([(e.url, e.request, e.response) for e in desk.exchanges])
    assert found["accessToken"] not in recorded


async def test_05_sigma_signs_in_with_name_and_password_too(desk_at: DeskAt, simulator: Simulator) -> None:
    desk = await desk_at("billing", {"auth": "basic"}, simulator.accounts()["billing"]["basic"])
    desk.sim.add("sigma", "REF", "billing")
    await desk.vendor.status(desk.job("REF"))
    assert desk.vendor.account.secret_fields() == (("username", "password"),)


async def test_06_sigma_generated_is_not_downloadable_and_notification_failed_is_its_own_state(
    desk_at: DeskAt,
) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing")
    desk.sim.script("sigma", "REF", ["GENERATED", Stage("NOTIFICATION_FAILED", "Mailbox full.")])
    generated = await desk.vendor.status(desk.job("REF"))
    assert generated.state is JobState.FINALIZING and generated.state not in HAS_FILE
    told = await desk.vendor.status(desk.job("REF"))
    assert (told.state, told.message) == (JobState.NOTIFY_FAILED, "Mailbox full.")
    assert told.state in HAS_FILE


async def test_06_sigma_without_a_published_folder_hands_nothing_out_and_says_why(desk_at: DeskAt) -> None:
    desk = await desk_at("billing", {"published": None})
    able = desk.vendor.can(Action.DOWNLOAD)
    assert isinstance(able, No) and "published" in able.reason
    with pytest.raises(VendorRefused, match="published"):
        await desk.vendor.artifact(desk.job("REF", JobState.READY))


async def test_06_sigma_each_report_of_a_group_has_its_own_file(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    children = [{"name": "Aged[1]", "stage": "ready"}, {"name": "Ledger", "stage": "notified"}]
    desk.sim.add("sigma", "group:abc", "billing", children=children)
    files = [await desk.vendor.artifact(desk.job(f"group:abc#{n}", JobState.READY)) for n in (1, 2)]
    assert all(isinstance(file, LocalFile) for file in files)
    first, second = [await content_of(file) for file in files]
    assert first != second and first.startswith(b"AccountNo")
    with pytest.raises(NotFound):
        await desk.vendor.status(desk.job("group:abc#3"))


async def test_06_sigma_the_file_goes_by_sigmas_name_not_by_ours(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing", name="CashPosition", stage="ready")
    file = await desk.vendor.artifact(desk.job("REF", JobState.READY, name="cash, our own name for it"))
    assert isinstance(file, LocalFile)
    assert file.pattern.endswith("/CashPosition*REF*")
    assert await content_of(file)


@pytest.mark.parametrize("http_errors", [False, True])
@pytest.mark.parametrize(("code", "kind"), [(400, NotFound), (500, BadPayload)])
async def test_07_sigma_a_failure_reply_is_no_state(
    desk_at: DeskAt, http_errors: bool, code: int, kind: type[Exception]
) -> None:
    desk = await desk_at("billing")
    job = desk.job("REF")
    header = {"replyType": "FAILURE", "success": "false", "statusCode": str(code), "errorMsg": "No."}
    header["reportStatus"] = "FAILED"
    no = json_reply({"headerMap": header}, code if http_errors else 200)
    desk.sim.inject("sigma", no, path="*/report-status*")
    with pytest.raises(kind) as failure:
        await desk.vendor.status(job)
    assert getattr(failure.value, "certain", False) is False
    assert fold_error(job, 0.0, bad_payload=True).state is job.state


async def test_07_sigma_a_401_in_the_body_signs_in_again_once(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing", stage="running")
    await desk.vendor.status(desk.job("REF"))
    desk.sim.sigma.expire_tokens()
    await desk.vendor.status(desk.job("REF"))
    assert len(desk.calls("POST", "*/generate-token*")) == 2

    no = json_reply(
        {"headerMap": {"replyType": "FAILURE", "statusCode": 401, "errorMsg": "Unauthorized API."}}
    )
    desk.sim.inject("sigma", no, path="*/report-status*", times=None)
    with pytest.raises(AuthFailed, match="Unauthorized API"):
        await desk.vendor.status(desk.job("REF"))


async def test_07_sigma_204_in_body_or_http_means_still_running(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing")
    desk.sim.script("sigma", "REF", [Stage("", code="204")])
    assert (await desk.vendor.status(desk.job("REF"))).state is JobState.RUNNING
    desk.sim.inject("sigma", Reply(204), path="*/report-status*")
    assert (await desk.vendor.status(desk.job("REF"))).state is JobState.RUNNING


async def test_08_webadmit_both_spellings_of_a_status_are_equal(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions")
    words = ["In Progress", "in_progress", "IN-PROGRESS", " in  progress "]
    desk.sim.script("webadmit", FILE, words)
    states = {(await desk.vendor.status(desk.job(FILE))).state for _ in words}
    assert states == {JobState.RUNNING}


async def test_09_webadmit_an_empty_401_is_a_refused_key(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions", secrets={"api_key": "0" * 32})
    with pytest.raises(AuthFailed) as refused:
        await desk.vendor.status(desk.job(FILE))
    assert refused.value.status == 401


async def test_09_webadmit_a_404_on_a_post_is_a_refused_submit(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    with pytest.raises(VendorRefused, match="Not Found"):
        await desk.vendor.submit(Spec("11"), "key")
    other = await desk_at("admissions", {"user_identity": 999})
    with pytest.raises(VendorRefused, match="User identity '999' not found"):
        await other.vendor.submit(Spec("86446"), "key")


async def test_09_webadmit_a_404_on_a_look_has_to_repeat(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    with pytest.raises(NotFound, match="Not Found") as missing:
        await desk.vendor.status(desk.job(FILE))
    assert not missing.value.certain


async def test_10_webadmit_a_second_submit_returns_the_running_file(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    first = await desk.vendor.submit(Spec("86446"), "one")
    second = await desk.vendor.submit(Spec("86446"), "two")
    assert first.reference == second.reference
    assert WebAdmit.resubmit_is_safe and desk.vendor.replays_safely


async def test_11_webadmit_an_expired_link_is_minted_anew_and_the_bytes_are_latin_1(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions", stage="ready", size=60_000)
    old = await desk.vendor.artifact(desk.job(FILE, JobState.READY))
    assert isinstance(old, Signed) and "Signature" not in repr(old)
    await clock.advance(26)
    with pytest.raises(LinkRefused):
        await content_of(old)
    got = await content_of(await desk.vendor.artifact(desk.job(FILE, JobState.READY)))
    made = desk.sim.vendors["webadmit"].content(desk.sim.job("webadmit", FILE)).all()
    assert got == made and "Montréal".encode("latin-1") in got
    assert all(not call.header("x-api-key") for call in desk.sim.calls("storage"))
    assert all("Signature" not in exchange.response for exchange in desk.exchanges)


async def test_11_webadmit_a_ready_file_is_looked_at_without_minting_a_link(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions", stage="ready")
    seen = await desk.vendor.status(desk.job(FILE, JobState.READY))
    assert seen.state is JobState.READY
    assert [call.path for call in desk.calls()] == ["/api/v1/user_identities/4242/export_files"]
    assert not desk.sim.storage.links


async def test_11_webadmit_a_ready_file_missing_from_the_list_is_asked_for_itself(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    with pytest.raises(NotFound):
        await desk.vendor.status(desk.job(FILE, JobState.READY))
    assert [call.path for call in desk.calls()][-1] == f"/api/v1/exports/86446/export_files/{74780}"


async def test_11_webadmit_without_an_identity_a_ready_file_is_asked_for_itself(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions", {"user_identity": None})
    desk.sim.add("webadmit", FILE, "admissions", stage="ready")
    assert (await desk.vendor.status(desk.job(FILE, JobState.READY))).state is JobState.READY
    for action in (Action.SUBMIT, Action.LIST):
        able = desk.vendor.can(action)
        assert isinstance(able, No) and "user_identity" in able.reason


@pytest.mark.parametrize("link", [True, False])
async def test_11_webadmit_success_with_errors_is_handed_out_if_there_is_a_link(
    desk_at: DeskAt, link: bool
) -> None:
    desk = await desk_at("admissions")
    desk.sim.vendors["webadmit"].link_with_errors = link  # type: ignore[attr-defined]
    desk.sim.add("webadmit", FILE, "admissions", stage="ready_with_warnings")
    job = desk.job(FILE, JobState.READY_WITH_WARNINGS)
    if link:
        assert await content_of(await desk.vendor.artifact(job))
    else:
        with pytest.raises(VendorRefused, match="Success With Errors"):
            await desk.vendor.artifact(job)


@pytest.mark.parametrize("status", [300, 302, 303])
@pytest.mark.parametrize("absolute", [False, True])
async def test_12_talkdesk_each_kind_of_redirect_means_done(
    desk_at: DeskAt, status: int, absolute: bool
) -> None:
    desk = await desk_at("calls")
    talkdesk = desk.sim.vendors["talkdesk"]
    talkdesk.done_status, talkdesk.absolute_location = status, absolute  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", name="October calls", report="calls", stage="ready")
    seen = await desk.vendor.status(desk.job(JOB))
    assert (seen.state, seen.vendor_status, seen.name) == (JobState.READY, "done", "October calls")
    assert await content_of(await desk.vendor.artifact(desk.job(JOB, JobState.READY)))


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_12_talkdesk_a_gateways_redirect_means_nothing(desk_at: DeskAt, status: int) -> None:
    desk = await desk_at("calls")
    desk.sim.inject(
        "talkdesk", Reply(status, b"", {"Location": "/data/reports/calls/files/1"}), path="*/jobs/*"
    )
    with pytest.raises(BadPayload):
        await desk.vendor.status(desk.job(JOB))


async def test_12_talkdesk_a_relative_location_is_resolved_against_the_asked_address(desk_at: DeskAt) -> None:
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
async def test_12_talkdesk_the_job_id_is_found_flat_and_nested(desk_at: DeskAt, shape: str) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].submit_shape = shape  # type: ignore[attr-defined]
    submitted = await desk.vendor.submit(CALLS, "key")
    assert submitted.reference.startswith("calls/")
    assert submitted.seen.vendor_status == "created"
    assert (await desk.vendor.status(desk.job(submitted.reference))).state is JobState.QUEUED


async def test_12_talkdesk_upper_case_words_and_204_are_understood(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    talkdesk = desk.sim.vendors["talkdesk"]
    talkdesk.upper = True  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="running")
    assert (await desk.vendor.status(desk.job(JOB))).vendor_status == "PROCESSING"
    talkdesk.polling_204 = True  # type: ignore[attr-defined]
    assert (await desk.vendor.status(desk.job(JOB))).state is JobState.RUNNING


@pytest.mark.parametrize("code", [401, 403])
async def test_12_talkdesk_an_expired_token_is_renewed_on_401_and_403(desk_at: DeskAt, code: int) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].expired_status = code  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="running")
    await desk.vendor.status(desk.job(JOB))
    desk.sim.vendors["talkdesk"].expire_tokens()
    await desk.vendor.status(desk.job(JOB))
    assert len(desk.calls("POST", "/oauth/token")) == 2


async def test_13_talkdesk_the_report_itself_on_the_status_address_means_ready(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].entries_in_status = True  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready", size=5_000)
    assert (await desk.vendor.status(desk.job(JOB))).state is JobState.READY


async def test_13_talkdesk_a_report_too_large_for_an_answer_is_ready_by_its_file(
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


async def test_13_talkdesk_only_a_total_of_zero_in_that_reply_means_empty(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    for body, state in (
        ({"type": "calls", "entries": [], "total": 0}, JobState.EMPTY),
        ({"type": "calls", "entries": []}, JobState.READY),
        ({"type": "calls", "entries": [{"call_id": 1}], "total": 1}, JobState.READY),
    ):
        desk.sim.inject("talkdesk", json_reply(body), path="*/jobs/*")
        assert (await desk.vendor.status(desk.job(JOB))).state is state


async def test_13_talkdesk_a_file_call_that_answers_with_the_report_is_saved_as_it_came(
    desk_at: DeskAt,
) -> None:
    desk = await desk_at("calls")
    raw = b'{"type": "calls",  "entries": [{"n": 1.50}], "total": 1}\n'
    desk.sim.inject("talkdesk", Reply(200, raw, {"Content-Type": "application/json"}), path="*/files/*")
    assert await content_of(await desk.vendor.artifact(desk.job(JOB, JobState.READY))) == raw


async def test_14_talkdesk_a_second_delete_is_refused_about_the_job_not_the_account(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready")
    job = desk.job(JOB, JobState.READY)
    await desk.vendor.delete(job, "key")
    with pytest.raises(VendorRefused, match="already deleted or finished") as refused:
        await desk.vendor.delete(job, "key")
    assert refused.value.status == 403
    assert (await desk.vendor.status(job)).state is JobState.DELETED  # the account still works


async def test_14_talkdesk_a_running_job_cannot_be_deleted(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    able = desk.vendor.can(Action.DELETE, desk.job(JOB, JobState.RUNNING))
    assert isinstance(able, No) and "still runs" in able.reason


async def test_14_7g_a_refused_delete_of_a_report_still_there_is_not_taken_for_deleted(
    desk_at: DeskAt,
) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="ready")
    no = json_reply({"result": False, "message": "Deletion is disabled for audit.", "data": {}})
    desk.sim.inject("7g", no, method="DELETE")
    with pytest.raises(VendorRefused, match="disabled for audit"):
        await desk.vendor.delete(desk.job(GUID, JobState.READY), "key")


@pytest.mark.parametrize(
    ("account", "reference"),
    [("main", GUID), ("billing", "REF"), ("admissions", FILE), ("calls", JOB)],
)
async def test_15_an_unknown_word_never_counts_as_over(desk_at: DeskAt, account: str, reference: str) -> None:
    desk = await desk_at(account)
    name = desk.vendor.name
    desk.sim.add(name, reference, account, report="calls" if name == "talkdesk" else "")
    desk.sim.script(name, reference, ["complete_ish"])
    seen = await desk.vendor.status(desk.job(reference))
    assert seen.state is JobState.UNKNOWN and seen.vendor_status == "complete_ish"
    assert seen.state not in SETTLED | HAS_FILE
    assert not desk.calls("DELETE") and not desk.sim.calls("storage")


async def test_15_sigma_an_unknown_word_with_an_error_beside_it_is_a_failure(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing")
    desk.sim.script("sigma", "REF", [Stage("Out of memory", "", "ORA-4031")])
    seen = await desk.vendor.status(desk.job("REF"))
    assert (seen.state, seen.message, seen.error_code) == (JobState.FAILED, "Out of memory", "ORA-4031")


async def test_talkdesk_lists_page_by_page_and_skips_types_it_does_not_know(desk_at: DeskAt) -> None:
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


async def test_talkdesk_the_older_list_shape_is_read_too(desk_at: DeskAt) -> None:
    desk = await desk_at("calls")
    desk.sim.vendors["talkdesk"].list_key = "executions"  # type: ignore[attr-defined]
    desk.sim.add("talkdesk", JOB, "calls", report="calls", stage="ready")
    assert [seen.reference async for seen in desk.vendor.list()] == [JOB]


async def test_7g_keeps_letters_and_long_numbers_of_a_report_as_they_are(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    raw = (
        b'{"result": true, "message": "", "data": {"reportName": "Z\\u00fcrich \\u2014 fees", '
        b'"results": [{"price": 1.2345678901234567890123, "id": 12345678901234567890, "x": 0.10}]}}'
    )
    desk.sim.inject("7g", Reply(200, raw, {"Content-Type": "application/json"}), path="/Report")
    got = await content_of(await desk.vendor.artifact(desk.job(GUID, JobState.READY)))
    assert "Zürich — fees".encode() in got
    assert b"1.2345678901234567890123" in got and b"12345678901234567890" in got


async def test_7g_a_large_report_is_read_and_written_like_a_small_one(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="ready", size=3_000_000)
    got = await content_of(await desk.vendor.artifact(desk.job(GUID, JobState.READY)))
    made = desk.sim.vendors["7g"].content(desk.sim.job("7g", GUID)).all()
    assert got == json.dumps(json.loads(made)["data"], ensure_ascii=False).encode()


async def test_webadmit_a_listed_file_has_its_templates_name_if_there_is_one(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions", stage="ready")
    assert [seen.name async for seen in desk.vendor.list()] == ["Applicants, Fall 2027"]
    desk.sim.inject("webadmit", Reply(404), path="*/exports")
    assert [seen.name async for seen in desk.vendor.list()] == [None]


async def test_7g_says_when_a_report_has_no_rows(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="empty")
    assert (await desk.vendor.status(desk.job(GUID))).state is JobState.READY
    file = await desk.vendor.artifact(desk.job(GUID, JobState.READY))
    assert getattr(file, "note", None) == "no rows in the file"


async def test_7g_a_link_in_place_of_the_report_is_followed_as_a_link(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    link = "https://files.example.org/r.json?sig=abc"
    for data in (link, {"downloadUrl": link}):
        desk.sim.inject("7g", json_reply({"result": True, "message": "", "data": data}), path="/Report")
        file = await desk.vendor.artifact(desk.job(GUID, JobState.READY))
        assert isinstance(file, Signed) and file.url == link


async def test_7g_a_status_word_in_place_of_the_report_is_no_report(desk_at: DeskAt) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="running")
    instead: tuple[object, ...] = ("incomplete", {}, None)
    for data in instead:
        desk.sim.inject("7g", json_reply({"result": False, "message": "Wait.", "data": data}), path="/Report")
        with pytest.raises(VendorRefused, match="not ready"):
            await desk.vendor.artifact(desk.job(GUID, JobState.READY))
    with pytest.raises(NotFound):
        await desk.vendor.artifact(desk.job("00000000-0000-4000-8000-000000000001", JobState.READY))


async def test_7g_a_purged_report_is_not_found_after_a_day(desk_at: DeskAt, clock: ManualClock) -> None:
    desk = await desk_at("main")
    desk.sim.add("7g", GUID, "main", stage="ready")
    await clock.advance(86_401)
    with pytest.raises(NotFound):
        await desk.vendor.status(desk.job(GUID, JobState.READY))
    assert desk.vendor.policy.ttl == 86_400
