"""What WebAdMIT documents and we rely on, fact by fact, as it shows over real HTTP.

Sources: the pages named in `vendors.webadmit`."""

from __future__ import annotations

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import AuthFailed, BadPayload, NotFound, Throttled, VendorRefused
from reportdash.model import Credential, JobState, Signed, Spec
from reportdash.net import storage
from reportdash.net.guard import Guard
from reportdash.simulator import Reply
from reportdash.simulator.wire import json_reply
from reportdash.vendors.contract import Action, No
from reportdash.vendors.webadmit import WebAdmit
from tests.contract.conftest import DeskAt, LinkRefused, content_of

FILE = "86446/74780"
STATUS = f"/api/v1/exports/86446/export_files/{74780}"
LIST = "/api/v1/user_identities/4242/export_files"


# The key and the hosts [S2] C1


async def test_every_call_carries_the_key_as_x_api_key_and_is_a_get_or_a_post(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    submitted = await desk.vendor.submit(Spec("86446"), "key")
    await desk.vendor.status(desk.job(submitted.reference))
    await desk.vendor.statuses([desk.job(submitted.reference)])
    assert [seen async for seen in desk.vendor.list()]
    await desk.vendor.prove()
    assert {call.header("x-api-key") for call in desk.calls()} == {desk.secrets["api_key"]}
    assert {call.method for call in desk.calls()} == {"GET", "POST"}
    assert not any(call.header("authorization") for call in desk.calls())


async def test_a_key_has_no_end(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    session = await desk.vendor.sign_in(Credential(desk.secrets, None, "memory"), None, desk.client)
    assert (session.lifetime, session.expires_at, session.refresh) == (None, None, None)


async def test_a_key_is_proved_by_its_own_identities(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions", {"user_identity": None})
    await desk.vendor.prove()
    assert [call.path for call in desk.calls()] == ["/api/v1/user_identities"]
    for page in (Reply(200, b"<html>Sign in</html>"), json_reply({"message": "Hello"})):
        desk.sim.inject("webadmit", page, path="/api/v1/user_identities")
        with pytest.raises(BadPayload):
            await desk.vendor.prove()


async def test_calls_are_appended_to_an_address_with_a_path(desk_at: DeskAt) -> None:
    plain = await desk_at("admissions")
    desk = await desk_at("admissions", {"base_url": plain.sim.url("webadmit") + "/gateway"})
    body = {"export_files": {"id": 74780, "export_id": 86446, "status": "Queued"}}
    desk.sim.inject("webadmit", json_reply(body), path=f"/gateway{STATUS}")
    assert (await desk.vendor.status(desk.job(FILE))).state is JobState.QUEUED


async def test_fields_that_are_added_without_notice_change_nothing(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    file = {"id": 74780, "status": "Available", "state": "failed", "errors": [1], "job": {"status": "failed"}}
    desk.sim.inject("webadmit", json_reply({"status": "failed", "export_files": file}), path=STATUS)
    seen = await desk.vendor.status(desk.job(FILE))
    assert (seen.state, seen.vendor_status) == (JobState.READY, "Available")


# The hour's calls C1


async def test_with_fewer_than_50_calls_left_the_vendor_is_left_alone_for_a_minute(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("admissions")
    desk.sim.webadmit.limit = 1_000  # not the documented 5,000: the header is trusted, not the number
    desk.sim.add("webadmit", FILE, "admissions", stage="running")
    for _ in range(2):
        await desk.vendor.status(desk.job(FILE))
    desk.sim.webadmit._windows["admissions"] = (clock.now(), 950)
    await desk.vendor.status(desk.job(FILE))
    with pytest.raises(Throttled) as throttled:
        await desk.vendor.status(desk.job(FILE))
    assert throttled.value.retry_after == pytest.approx(60)
    assert len(desk.calls()) == 3
    await clock.advance(60)
    await desk.vendor.status(desk.job(FILE))
    assert len(desk.calls()) == 4


async def test_past_the_hours_calls_the_account_is_throttled(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.webadmit.limit = 0
    with pytest.raises(Throttled, match="Too Many Requests") as throttled:
        await desk.vendor.status(desk.job(FILE))
    assert throttled.value.retry_after == 3600


# Submit C1


async def test_a_submit_posts_to_the_identitys_export_and_names_no_callback(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    submitted = await desk.vendor.submit(Spec("86446"), "key")
    (call,) = desk.calls("POST")
    assert (call.raw, call.body, call.status) == (
        "/api/v1/user_identities/4242/exports/86446/export_files",
        b"",
        201,
    )
    assert (submitted.seen.state, submitted.seen.vendor_status) == (JobState.QUEUED, "Initializing")


async def test_the_export_in_href_is_never_believed(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    assert desk.sim.webadmit.odd_href
    submitted = await desk.vendor.submit(Spec("86446"), "key")
    assert submitted.reference.startswith("86446/")
    assert (await desk.vendor.status(desk.job(submitted.reference))).state is JobState.QUEUED
    assert [seen.reference async for seen in desk.vendor.list()] == [submitted.reference]


async def test_a_422_speaks_in_the_words_of_its_schema(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    no = json_reply({"errors": {"schema": ["The property callback is not a URI."]}}, 422)
    desk.sim.inject("webadmit", no, method="POST")
    with pytest.raises(VendorRefused, match=r"^The property callback is not a URI\.$"):
        await desk.vendor.submit(Spec("86446"), "key")


# The object, the array, and what they lack


async def test_one_key_holds_an_object_of_a_status_and_an_array_of_a_list(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    file = {"id": 74780, "export_id": 86446, "status": "queued"}
    desk.sim.inject("webadmit", json_reply({"export_files": [file]}), path=STATUS)
    assert (await desk.vendor.status(desk.job(FILE))).state is JobState.QUEUED  # an array of one, by mistake
    desk.sim.inject("webadmit", json_reply({"export_files": [file, file]}), path=STATUS)
    with pytest.raises(BadPayload):
        await desk.vendor.status(desk.job(FILE))
    desk.sim.inject("webadmit", json_reply({"export_files": file}), path=LIST)
    with pytest.raises(BadPayload):
        await desk.vendor.statuses([desk.job(FILE)])


async def test_files_carry_no_times(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions", stage="ready")
    seen = await desk.vendor.status(desk.job(FILE))
    listed = [seen async for seen in desk.vendor.list()]
    assert [(one.submitted_at, one.expires_at) for one in (seen, *listed)] == [(None, None)] * 2
    assert WebAdmit.policy.ttl is None and WebAdmit.policy.slots is None


# Status words [S2] C2


async def test_both_spellings_of_a_status_are_equal(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions")
    words = ["In Progress", "in_progress", "IN-PROGRESS", " in  progress "]
    desk.sim.script("webadmit", FILE, words)
    states = {(await desk.vendor.status(desk.job(FILE))).state for _ in words}
    assert states == {JobState.RUNNING}


async def test_an_empty_401_is_a_refused_key(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions", secrets={"api_key": "0" * 32})
    with pytest.raises(AuthFailed) as refused:
        await desk.vendor.status(desk.job(FILE))
    assert refused.value.status == 401


async def test_a_404_on_a_post_is_a_refused_submit(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    with pytest.raises(VendorRefused, match="Not Found"):
        await desk.vendor.submit(Spec("11"), "key")
    other = await desk_at("admissions", {"user_identity": 999})
    with pytest.raises(VendorRefused, match="User identity '999' not found"):
        await other.vendor.submit(Spec("86446"), "key")


async def test_the_documents_old_spelling_is_understood_everywhere(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.webadmit.snake_case = True
    submitted = await desk.vendor.submit(Spec("86446"), "key")
    assert (submitted.seen.state, submitted.seen.vendor_status) == (JobState.QUEUED, "initializing")
    desk.sim.script("webadmit", submitted.reference, ["in_progress", "success_with_errors"])
    job = desk.job(submitted.reference)
    states = [(await desk.vendor.status(job)).state for _ in range(2)]
    states += [seen.state for seen in (await desk.vendor.statuses([job])).values()]
    assert states == [JobState.RUNNING, JobState.READY_WITH_WARNINGS, JobState.READY_WITH_WARNINGS]


async def test_a_404_on_a_look_has_to_repeat(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    with pytest.raises(NotFound, match="Not Found") as missing:
        await desk.vendor.status(desk.job(FILE))
    assert not missing.value.certain


async def test_a_second_submit_returns_the_running_file(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    first = await desk.vendor.submit(Spec("86446"), "one")
    second = await desk.vendor.submit(Spec("86446"), "two")
    assert first.reference == second.reference
    assert WebAdmit.resubmit_is_safe and desk.vendor.replays_safely


async def test_an_expired_link_is_minted_anew_and_the_bytes_are_latin_1(
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


async def test_a_ready_file_is_looked_at_without_minting_a_link(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions", stage="ready")
    seen = await desk.vendor.status(desk.job(FILE, JobState.READY))
    assert seen.state is JobState.READY
    assert [call.path for call in desk.calls()] == ["/api/v1/user_identities/4242/export_files"]
    assert not desk.sim.storage.links


async def test_a_ready_file_missing_from_the_list_is_asked_for_itself(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    with pytest.raises(NotFound):
        await desk.vendor.status(desk.job(FILE, JobState.READY))
    assert [call.path for call in desk.calls()][-1] == f"/api/v1/exports/86446/export_files/{74780}"


async def test_without_an_identity_a_ready_file_is_asked_for_itself(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions", {"user_identity": None})
    desk.sim.add("webadmit", FILE, "admissions", stage="ready")
    assert (await desk.vendor.status(desk.job(FILE, JobState.READY))).state is JobState.READY
    for action in (Action.SUBMIT, Action.LIST):
        able = desk.vendor.can(action)
        assert isinstance(able, No) and "user_identity" in able.reason


@pytest.mark.parametrize("link", [True, False])
async def test_success_with_errors_is_handed_out_if_there_is_a_link(desk_at: DeskAt, link: bool) -> None:
    desk = await desk_at("admissions")
    desk.sim.vendors["webadmit"].link_with_errors = link  # type: ignore[attr-defined]
    desk.sim.add("webadmit", FILE, "admissions", stage="ready_with_warnings")
    job = desk.job(FILE, JobState.READY_WITH_WARNINGS)
    if link:
        assert await content_of(await desk.vendor.artifact(job))
    else:
        with pytest.raises(VendorRefused, match="Success With Errors"):
            await desk.vendor.artifact(job)


async def test_a_listed_file_has_its_templates_name_if_there_is_one(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions", stage="ready")
    assert [seen.name async for seen in desk.vendor.list()] == ["Applicants, Fall 2027"]
    desk.sim.inject("webadmit", Reply(404), path="*/exports")
    assert [seen.name async for seen in desk.vendor.list()] == [None]


# The list C1


async def test_any_number_of_files_is_looked_at_by_one_request_that_makes_no_link(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    jobs = []
    for number, stage in enumerate(["running", "ready", "failed", "empty", "ready_with_warnings"] * 30, 1):
        desk.sim.add("webadmit", f"86446/{number}", "admissions", stage=stage)
        jobs.append(desk.job(f"86446/{number}", JobState.READY if stage == "ready" else JobState.RUNNING))
    found = await desk.vendor.statuses(jobs)
    assert [call.path for call in desk.calls()] == [LIST]
    assert not desk.sim.storage.links
    assert set(found) == {job.reference for job in jobs}
    for number in range(1, 6):
        assert found[f"86446/{number}"] == await desk.vendor.status(desk.job(f"86446/{number}"))


async def test_the_list_holds_recent_files_only_and_the_others_are_left_to_be_asked_for(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("admissions")
    desk.sim.webadmit.recent = 2
    jobs = []
    for number in range(1, 5):
        await clock.advance(1)
        desk.sim.add("webadmit", f"86446/{number}", "admissions", stage="running")
        jobs.append(desk.job(f"86446/{number}"))
    assert set(await desk.vendor.statuses(jobs)) == {"86446/3", "86446/4"}


async def test_two_references_to_one_file_are_both_told(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions", stage="ready")
    found = await desk.vendor.statuses([desk.job(FILE), desk.job("86466/74780")])  # as its href has it
    assert {reference: seen.state for reference, seen in found.items()} == {
        FILE: JobState.READY,
        "86466/74780": JobState.READY,
    }


async def test_a_listed_file_without_a_word_is_asked_for_itself(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions", stage="ready")
    mute = json_reply({"export_files": [{"id": 74780, "export_id": 86446, "status": None}, "odd"]})
    desk.sim.inject("webadmit", mute, path=LIST, times=2)
    assert await desk.vendor.statuses([desk.job(FILE)]) == {}
    assert (await desk.vendor.status(desk.job(FILE, JobState.READY))).state is JobState.READY


async def test_a_missing_identity_says_nothing_of_a_ready_file(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions", {"user_identity": 999})
    desk.sim.add("webadmit", FILE, "admissions", stage="ready")
    assert (await desk.vendor.status(desk.job(FILE, JobState.READY))).state is JobState.READY
    for listing in (desk.vendor.statuses([desk.job(FILE)]), desk.vendor.list().__anext__()):
        with pytest.raises(VendorRefused, match="User identity '999' not found"):
            await listing


# The file [S2]


async def test_each_look_for_the_file_makes_another_link_and_none_is_kept(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions", stage="ready")
    job = desk.job(FILE, JobState.READY)
    one, two = await desk.vendor.artifact(job), await desk.vendor.artifact(job)
    assert isinstance(one, Signed) and isinstance(two, Signed)
    assert one.url != two.url
    assert {one.url, two.url} == {desk.sim.url("storage") + raw for raw in desk.sim.storage.links}
    kept = "".join(exchange.response + exchange.url for exchange in desk.exchanges)
    assert "download_url" in kept and "AWSAccessKeyId" not in kept and "/export_files/reports/" not in kept


async def test_the_link_names_the_file_and_its_bytes_are_latin_1(desk_at: DeskAt) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions", name="Applicants, Fall", stage="ready", size=4_000)
    file = await desk.vendor.artifact(desk.job(FILE, JobState.READY))
    assert isinstance(file, Signed) and file.filename is None
    async with storage.open(file.url, headers={}, guard=Guard((), loopback=True)) as stream:
        assert stream.headers["content-disposition"] == "attachment; filename=Applicants-Fall.csv"
        assert stream.headers["content-type"] == "text/csv;charset=iso-8859-1"
        body = b"".join([chunk async for chunk in stream.raw()])
    assert "Montréal" in body.decode("latin-1")


@pytest.mark.parametrize(("stage", "word"), [("empty", "Empty List"), ("failed", "Failed")])
async def test_an_empty_list_and_a_failed_file_hand_out_nothing(
    desk_at: DeskAt, stage: str, word: str
) -> None:
    desk = await desk_at("admissions")
    desk.sim.add("webadmit", FILE, "admissions", stage=stage)
    with pytest.raises(VendorRefused, match=word):
        await desk.vendor.artifact(desk.job(FILE))
    assert not desk.sim.storage.links
