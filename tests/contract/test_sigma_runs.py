"""How Sigma lets us in, and what is sent to run a report or a group, fact by fact, over real HTTP.

Sources: B1-B4 and B7, as named in `vendors.sigma`."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from reportdash.clock import ManualClock
from reportdash.errors import AuthFailed, BadPayload, CallFailed, VendorRefused
from reportdash.model import Spec
from reportdash.simulator import Reply, Simulator
from reportdash.vendors.sigma import Sigma
from tests.contract.conftest import DeskAt
from tests.contract.sigma_answers import RUN, STATUS, TOKEN, failure, header, looked

# Signing in


async def test_a_key_is_exchanged_for_a_token_under_its_corrected_name(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing", stage="running")
    await desk.vendor.status(desk.job("REF"))
    (asked,) = desk.calls("POST", TOKEN)
    assert asked.path == "/sigma/rest/reports/generate-token"
    assert asked.query == {
        "action": "GENERATE_TOKEN",
        "authType": "APIKEY",
        "clientId": desk.secrets["client_id"],
        "clientToken": desk.secrets["client_token"],
    }


async def test_the_token_is_a_parameter_and_no_header(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing", stage="running")
    await desk.vendor.status(desk.job("REF"))
    asked = desk.calls("POST", STATUS)[-1]
    token = asked.query["accessToken"]
    assert token and all(token not in value for value in asked.headers.values())
    assert "authorization" not in asked.headers and asked.body == b""


async def test_a_token_is_generated_anew_after_a_quarter_of_an_hour(
    desk_at: DeskAt, clock: ManualClock
) -> None:
    desk = await desk_at("billing")
    desk.sim.add("sigma", "REF", "billing", stage="running")
    await desk.vendor.status(desk.job("REF"))
    await clock.advance(15 * 60 - 31)
    await desk.vendor.status(desk.job("REF"))
    assert len(desk.calls("POST", TOKEN)) == 1
    await clock.advance(2)
    await desk.vendor.status(desk.job("REF"))
    assert len(desk.calls("POST", TOKEN)) == 2
    assert [call.status for call in desk.calls("POST", STATUS)] == [200, 200, 200]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failure("401"), AuthFailed),
        (failure(401, 401), AuthFailed),
        (failure(None), AuthFailed),
        (header(statusCode="401", errorMsg="Branch 12 is closed."), AuthFailed),
        (failure("500"), BadPayload),
        (failure("500", 500), BadPayload),
        (header(replyType="success", success="true"), BadPayload),
    ],
    ids=["401", "http-401", "no-code", "code-alone", "500", "http-500", "no-token"],
)
async def test_a_sign_in_is_refused_by_sigmas_word_and_not_by_its_troubles(
    desk_at: DeskAt, answer: Reply, kind: type[CallFailed]
) -> None:
    desk = await desk_at("billing")
    desk.sim.inject("sigma", answer, path=TOKEN, times=None)
    with pytest.raises(kind) as refused:
        await desk.vendor.status(desk.job("REF"))
    if kind is AuthFailed:
        assert "Branch 12 is closed" in refused.value.text
    assert not desk.calls("POST", STATUS)


async def test_a_token_is_read_in_whichever_case_success_is_written(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    desk.sim.inject("sigma", header(replyType="SUCCESS", Success="TRUE", accesstoken=" t-1 "), path=TOKEN)
    await looked(desk, header(replyType="SUCCESS", reportStatus=""))
    assert desk.calls("POST", STATUS)[-1].query["accessToken"] == "t-1"


async def test_signs_in_with_name_and_password_too(desk_at: DeskAt, simulator: Simulator) -> None:
    desk = await desk_at("billing", {"auth": "basic"}, simulator.accounts()["billing"]["basic"])
    desk.sim.add("sigma", "REF", "billing")
    await desk.vendor.status(desk.job("REF"))
    assert desk.vendor.account.secret_fields() == (("username", "password"),)
    (asked,) = desk.calls("POST", TOKEN)
    basic = simulator.accounts()["billing"]["basic"]
    assert asked.query == {"action": "GENERATE_TOKEN", "authType": "BASIC", **basic}


@pytest.mark.parametrize("way", ["arxoauth", "ARXOAUTH"])
def test_the_third_way_in_is_refused_for_no_page_has_its_parameters(way: str) -> None:
    with pytest.raises(ValidationError, match="'apikey' or 'basic'"):
        Sigma.Account.model_validate({"base_url": "http://localhost:9081", "auth": way})


# What is sent


async def test_running_and_asking_send_the_documented_parameters_and_no_others(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    single = await desk.vendor.submit(Spec("AccountTransaction"), "key")
    group = await desk.vendor.submit(Spec("group:MonthEndPack"), "key")
    await desk.vendor.status(desk.job(single.reference))
    await desk.vendor.status(desk.job(group.reference))
    sent = [
        (call.path.rpartition("/")[2], dict(call.query))
        for call in desk.calls()
        if TOKEN[2:-1] not in call.path
    ]
    token = {"accessToken": sent[0][1]["accessToken"]}
    bare = group.reference.removeprefix("group:")
    assert sent == [
        ("generate", {"action": "RUN_REPORT", "reportId": "AccountTransaction", **token}),
        ("generate", {"action": "EXEC_REPORT_GROUP", "reportGroupId": "MonthEndPack", **token}),
        (
            "report-status",
            {"action": "REPORT_INSTANCE_STATUS_CHECK", "referenceNumber": single.reference, **token},
        ),
        ("report-status", {"action": "REPORT_GROUP_INSTANCE_STATUS_CHECK", "referenceNumber": bare, **token}),
    ]
    assert all(call.method == "POST" for call in desk.calls())


async def test_the_address_of_an_installation_may_carry_a_path(desk_at: DeskAt, simulator: Simulator) -> None:
    desk = await desk_at("billing", {"base_url": simulator.url("sigma") + "/tenant/a/"})
    desk.sim.add("sigma", "REF", "billing", stage="running")
    await desk.vendor.status(desk.job("REF"))
    assert desk.calls("POST", STATUS)[-1].path == "/tenant/a/sigma/rest/reports/report-status"


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


async def test_filters_take_the_documented_shape(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    params = {
        "STR_IN:currency": "EUR|USD",
        "TDT_AFTER:valueDate": "2026-11-01",
        "NUM_LONG_LT:amount": "5",
        "bindParams.branch": "12",
        "procedureParams.p": "1",
        "preHookParams.h": "2",
        "additionalParams.a": "3",
    }
    await desk.vendor.submit(Spec("AccountTransaction", params), "key")
    wanted = json.loads(desk.calls("POST", RUN)[-1].query["reportFilter"])
    assert set(wanted) == {"filterDef", "bindParams", "procedureParams", "preHookParams", "additionalParams"}
    assert [entry["filterDataType"] for entry in wanted["filterDef"]] == ["STRING", "DATE", "LONG"]


# What a run answers


@pytest.mark.parametrize("group", [False, True])
async def test_a_run_the_vendor_refuses_is_refused_in_its_words(desk_at: DeskAt, group: bool) -> None:
    desk = await desk_at("billing")
    spec = Spec("group:NoSuchPack" if group else "AccountTransaction")
    for answer in (failure("400"), failure(400, 400), failure(400, 500), failure(None)):
        desk.sim.inject("sigma", answer, path=RUN)
        with pytest.raises(VendorRefused, match="Branch 12 is closed") as refused:
            await desk.vendor.submit(spec, "key")
        assert refused.value.code == "SIG-7"
    if group:
        with pytest.raises(VendorRefused, match="Unknown report group"):
            await desk.vendor.submit(spec, "key")


@pytest.mark.parametrize(
    "answer",
    [
        failure("500"),
        failure("500", 400),
        failure(None, 500),
        header(replyType="SUCCESS", success="true", statusCode=200),
        header(replyType="SUCCESS", referenceNumber="a b"),
        header(replyType="SUCCESS", referenceNumber=True),
    ],
    ids=["500", "500-under-400", "http-500", "none", "spaces", "bool"],
)
async def test_a_run_without_a_number_to_follow_is_unsure(desk_at: DeskAt, answer: Reply) -> None:
    desk = await desk_at("billing")
    desk.sim.inject("sigma", answer, path=RUN)
    with pytest.raises(BadPayload):
        await desk.vendor.submit(Spec("AccountTransaction"), "key")


@pytest.mark.parametrize(
    ("name", "number", "read"),
    [
        ("referenceNumber", "2djj-6c", "2djj-6c"),
        ("ReferenceNumber", " 2djj-6c ", "2djj-6c"),
        ("REFERENCENUMBER", 4711, "4711"),
    ],
)
async def test_a_reference_number_is_read_in_either_case_padded_or_as_a_number(
    desk_at: DeskAt, name: str, number: object, read: str
) -> None:
    desk = await desk_at("billing")
    desk.sim.inject("sigma", header(replyType="SUCCESS", statusCode="200", **{name: number}), path=RUN)
    assert (await desk.vendor.submit(Spec("AccountTransaction"), "key")).reference == read
    nested = {"replyType": "SUCCESS", "reportGroupStatus": {name: number, "statusCode": 200}}
    desk.sim.inject("sigma", header(**nested), path=RUN)
    assert (await desk.vendor.submit(Spec("group:Pack"), "key")).reference == f"group:{read}"


async def test_a_run_with_an_old_token_signs_in_again_and_starts_one_report(desk_at: DeskAt) -> None:
    desk = await desk_at("billing")
    await desk.vendor.submit(Spec("AccountTransaction"), "key")
    desk.sim.sigma.expire_tokens()
    await desk.vendor.submit(Spec("AccountTransaction"), "key-2")
    assert len(desk.calls("POST", TOKEN)) == 2
    assert len(list(desk.sim.world.of("sigma", "billing"))) == 2
