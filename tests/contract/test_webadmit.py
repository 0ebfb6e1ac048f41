"""What WebAdMIT documents and we rely on, fact by fact, as it shows over real HTTP.

Sources: the pages named in `vendors.webadmit`."""

from __future__ import annotations

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import AuthFailed, NotFound, VendorRefused
from reportdash.model import JobState, Signed, Spec
from reportdash.simulator import Reply
from reportdash.vendors.contract import Action, No
from reportdash.vendors.webadmit import WebAdmit
from tests.contract.conftest import DeskAt, LinkRefused, content_of

FILE = "86446/74780"


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
