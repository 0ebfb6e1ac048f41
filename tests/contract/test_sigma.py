"""What Sigma documents and we rely on, fact by fact, as it shows over real HTTP.

Sources: the pages named in `vendors.sigma`."""

from __future__ import annotations

import json

import pytest

from reportdash.errors import AuthFailed, BadPayload, NotFound, VendorRefused
from reportdash.lifecycle import fold_error
from reportdash.model import HAS_FILE, JobState, LocalFile, Spec
from reportdash.simulator import Reply, Simulator, Stage
from reportdash.simulator.wire import json_reply
from reportdash.vendors.contract import Action, No
from tests.contract.conftest import DeskAt, content_of


async def test_reads_text_numbers_padding_and_either_case(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.sigma.reference_key = "ReferenceNumber"
    submitted = await desk.vendor.submit(Spec("AccountTransaction"), "key")
    desk.sim.script("sigma", submitted.reference, ["PUBLISHED"])
    seen = await desk.vendor.status(desk.job(submitted.reference))
    assert (seen.state, seen.name) == (JobState.READY, "AccountTransaction")
    assert '"statusCode": "200"' in desk.exchanges[-1].response
    assert '" AccountTransaction "' in desk.exchanges[-1].response


async def test_a_groups_reference_stands_one_level_deeper(desk_at: DeskAt) -> None:
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


async def test_a_group_that_lists_fewer_than_announced_still_runs(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "group:abc", "billing", stage="ready", children=[{"name": "A"}, {"name": "A"}])
    desk.sim.script("sigma", "group:abc", [Stage(children=(Stage("PUBLISHED"), Stage("PUBLISHED")), total=3)])
    seen = await desk.vendor.status(desk.job("group:abc"))
    assert (seen.state, len(seen.children), seen.children_total) == (JobState.RUNNING, 2, 3)
    assert [child.name for child in seen.children] == ["A", "A"]


@pytest.mark.parametrize("where", ["query", "json", "form"])
async def test_parameters_travel_where_the_installation_wants_them(desk_at: DeskAt, where: str) -> None:
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


async def test_signs_in_with_name_and_password_too(desk_at: DeskAt, simulator: Simulator) -> None:
    desk = await desk_at("billing", {"auth": "basic"}, simulator.accounts()["billing"]["basic"])
    desk.sim.add("sigma", "REF", "billing")
    await desk.vendor.status(desk.job("REF"))
    assert desk.vendor.account.secret_fields() == (("username", "password"),)


async def test_generated_is_not_downloadable_and_notification_failed_is_its_own_state(
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


async def test_without_a_published_folder_hands_nothing_out_and_says_why(desk_at: DeskAt) -> None:
    desk = await desk_at("billing", {"published": None})
    able = desk.vendor.can(Action.DOWNLOAD)
    assert isinstance(able, No) and "published" in able.reason
    with pytest.raises(VendorRefused, match="published"):
        await desk.vendor.artifact(desk.job("REF", JobState.READY))


async def test_each_report_of_a_group_has_its_own_file(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    children = [{"name": "Aged[1]", "stage": "ready"}, {"name": "Ledger", "stage": "notified"}]
    desk.sim.add("sigma", "group:abc", "billing", children=children)
    files = [await desk.vendor.artifact(desk.job(f"group:abc#{n}", JobState.READY)) for n in (1, 2)]
    assert all(isinstance(file, LocalFile) for file in files)
    first, second = [await content_of(file) for file in files]
    assert first != second and first.startswith(b"AccountNo")
    with pytest.raises(NotFound):
        await desk.vendor.status(desk.job("group:abc#3"))


async def test_the_file_goes_by_sigmas_name_not_by_ours(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing", name="CashPosition", stage="ready")
    file = await desk.vendor.artifact(desk.job("REF", JobState.READY, name="cash, our own name for it"))
    assert isinstance(file, LocalFile)
    assert file.pattern.endswith("/CashPosition*REF*")
    assert await content_of(file)


@pytest.mark.parametrize("http_errors", [False, True])
@pytest.mark.parametrize(("code", "kind"), [(400, NotFound), (500, BadPayload)])
async def test_a_failure_reply_is_no_state(
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


async def test_a_401_in_the_body_signs_in_again_once(desk_at: DeskAt) -> None:
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


async def test_204_in_body_or_http_means_still_running(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing")
    desk.sim.script("sigma", "REF", [Stage("", code="204")])
    assert (await desk.vendor.status(desk.job("REF"))).state is JobState.RUNNING
    desk.sim.inject("sigma", Reply(204), path="*/report-status*")
    assert (await desk.vendor.status(desk.job("REF"))).state is JobState.RUNNING


async def test_an_unknown_word_with_an_error_beside_it_is_a_failure(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing")
    desk.sim.script("sigma", "REF", [Stage("Out of memory", "", "ORA-4031")])
    seen = await desk.vendor.status(desk.job("REF"))
    assert (seen.state, seen.message, seen.error_code) == (JobState.FAILED, "Out of memory", "ORA-4031")
