"""What Sigma says of its reports, and where it publishes them, fact by fact, over real HTTP.

Sources: [S1], B4 and B5, as named in `vendors.sigma`."""

from __future__ import annotations

import pytest

from reportdash.errors import AuthFailed, BadPayload, CallFailed, NotFound, VendorRefused
from reportdash.lifecycle import fold_error
from reportdash.model import HAS_FILE, JobState, LocalFile, Spec
from reportdash.simulator import Reply, Stage
from reportdash.simulator.wire import json_reply
from reportdash.vendors.contract import Action, No
from reportdash.vendors.sigma import Sigma
from tests.contract.conftest import DeskAt, content_of
from tests.contract.sigma_answers import STATUS, TOKEN, failure, header, looked


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


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("400", NotFound),
        (400, NotFound),
        ("401", AuthFailed),
        (401, AuthFailed),
        ("500", BadPayload),
        (500, BadPayload),
    ],
)
async def test_a_failure_reply_is_no_state_under_whichever_http_status(
    desk_at: DeskAt, status: int, code: int | str, kind: type[CallFailed]
) -> None:
    desk = await desk_at("billing")
    job = desk.job("REF")
    desk.sim.inject("sigma", failure(code, status), path=STATUS, times=None)
    with pytest.raises(kind) as no:
        await desk.vendor.status(job)
    assert getattr(no.value, "certain", False) is False
    assert "Branch 12 is closed" in no.value.text
    assert len(desk.calls("POST", TOKEN)) == (2 if kind is AuthFailed else 1)
    assert fold_error(job, 0.0, bad_payload=True).state is job.state


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failure(None), BadPayload),
        (failure("200"), BadPayload),
        (failure("204"), BadPayload),
        (failure(None, 400), NotFound),
        (failure(None, 500), BadPayload),
        (failure("200", 500), BadPayload),
        (header(replyType="SUCCESS", success="false", reportStatus="PUBLISHED"), BadPayload),
        (header(replyType="SUCCESS", success="true", reportStatus="PUBLISHED", statusCode=500), BadPayload),
        (header(replyType="SUCCESS", success="true", reportStatus="PUBLISHED", statusCode="400"), NotFound),
        (header(reportName="AccountTransaction"), BadPayload),
    ],
    ids=[
        "no code", "200", "204", "http 400", "http 500", "200 under 500", "no success", "500 beside success",
        "400 beside success", "nothing told",
    ],
)  # fmt: skip
async def test_a_check_that_failed_in_any_way_is_no_state(
    desk_at: DeskAt, answer: Reply, kind: type[CallFailed]
) -> None:
    desk = await desk_at("billing")
    with pytest.raises(kind):
        await looked(desk, answer)


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


@pytest.mark.parametrize("code", [204, "204"])
@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("", JobState.RUNNING),
        (None, JobState.RUNNING),
        ("PUBLISHED", JobState.RUNNING),
        ("ARCHIVED", JobState.RUNNING),
        ("NO_DATA_AVAILABLE", JobState.EMPTY),
        ("FAILED", JobState.FAILED),
    ],
)
async def test_204_says_no_data_yet_unless_the_word_says_there_will_be_none(
    desk_at: DeskAt, word: str | None, state: JobState, code: object
) -> None:
    desk = await desk_at("billing")
    seen = await looked(desk, header(replyType="SUCCESS", reportStatus=word, statusCode=code))
    assert seen.state is state


@pytest.mark.parametrize("answer", [Reply(204), header(replyType="SUCCESS", statusCode="204")])
async def test_a_group_without_data_runs_and_its_reports_stay_counted_as_they_were(
    desk_at: DeskAt, answer: Reply
) -> None:
    desk = await desk_at("billing")
    seen = await looked(desk, answer, "group:REF")
    assert (seen.state, seen.children, seen.children_total) == (JobState.RUNNING, (), None)
    assert seen.vendor_status is None


@pytest.mark.parametrize("status", ["", None, "missing"])
async def test_success_without_a_word_means_still_running(desk_at: DeskAt, status: str | None) -> None:
    desk = await desk_at("billing")
    fields = {} if status == "missing" else {"reportStatus": status}
    seen = await looked(desk, header(replyType="SUCCESS", success="true", statusCode="200", **fields))
    assert (seen.state, seen.vendor_status) == (JobState.RUNNING, None)


async def test_notified_is_ready_and_says_that_it_was_mailed(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    sample = {  # as [S1] has it
        "replyType": "SUCCESS", "reportId": " samplejk34-0925bccf", "reportName": " AccountTransaction ",
        "success": "true", "reportStatus": "NOTIFIED", "errorCode": "", "statusCode": "200", "errorMsg": "",
    }  # fmt: skip
    seen = await looked(desk, header(**sample))
    assert (seen.state, seen.note, seen.vendor_status) == (JobState.READY, "e-mailed", "NOTIFIED")
    assert (seen.name, seen.message, seen.error_code) == ("AccountTransaction", None, None)


async def test_a_group_answer_as_the_page_shows_it(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    sample = {
        "reportFailureCount": "0",
        "reports": [
            {
                "reportId": "samplejk34-0925bccf", "reportName": " AccountTransaction ", "reportTitle": "",
                "reportStatus": "NOTIFIED", "errorCode": "", "reportGroupId": " AccountTransaction ",
                "errorMsg": "",
            }
        ],
        "replyType": "SUCCESS", "reportSuccessCount": "1", "referenceNumber": "sample2djj-6c394d0e",
        "success": "true", "reportGroupId": " AccountTransaction ", "noOfReports": "1", "statusCode": "200",
    }  # fmt: skip
    seen = await looked(desk, header(**sample), "group:sample2djj-6c394d0e")
    assert (seen.state, seen.children_total, seen.name) == (JobState.READY, 1, "AccountTransaction")
    (child,) = seen.children
    assert (child.reference, child.name) == ("group:sample2djj-6c394d0e#1", "AccountTransaction")
    assert (child.state, child.note) == (JobState.READY, "e-mailed")


@pytest.mark.parametrize("word", ["FAILED", "Report engine: out of memory"])
async def test_a_failure_tells_code_and_words(desk_at: DeskAt, word: str) -> None:
    desk = await desk_at("billing")
    seen = await looked(
        desk, header(replyType="SUCCESS", reportStatus=word, errorCode=" 208 ", errorMsg=" No table. ")
    )
    assert (seen.state, seen.message, seen.error_code) == (JobState.FAILED, "No table.", "208")
    assert seen.vendor_status == word


async def test_an_unknown_word_without_an_error_is_unknown(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    seen = await looked(desk, header(replyType="SUCCESS", reportStatus="PAUSED", errorCode="", errorMsg=" "))
    assert (seen.state, seen.vendor_status) == (JobState.UNKNOWN, "PAUSED")


async def test_an_unknown_word_with_an_error_beside_it_is_a_failure(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing")
    desk.sim.script("sigma", "REF", [Stage("Out of memory", "", "ORA-4031")])
    seen = await desk.vendor.status(desk.job("REF"))
    assert (seen.state, seen.message, seen.error_code) == (JobState.FAILED, "Out of memory", "ORA-4031")


# What it has no call for


async def test_delete_and_list_are_refused_with_the_reason_and_no_figure_is_invented(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    for action, said in ((Action.DELETE, "no delete"), (Action.LIST, "lists no reports")):
        able = desk.vendor.can(action, desk.job("REF", JobState.READY))
        assert isinstance(able, No) and said in able.reason
    policy = Sigma.policy
    assert (policy.poll_min, policy.poll_max, policy.ttl, policy.slots) == (10, 60, None, None)
    assert not desk.vendor.replays_safely and not desk.calls()
