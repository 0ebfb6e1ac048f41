"""Sigma as its pages have it: tokens as parameters, stringly codes, failures under 200, published files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from reportdash.simulator import Simulator, Stage

from .conftest import Clock


class Client:
    """A signed-in client of Sigma."""

    def __init__(self, sim: Simulator, http: httpx.AsyncClient, account: str = "billing") -> None:
        self.sim, self.http = sim, http
        self.account = sim.accounts()[account]
        self.token = ""
        self.way = "params"

    async def call(self, path: str, **params: Any) -> dict[str, Any]:
        where = {self.way: params}
        reply = await self.http.post(f"{self.sim.url('sigma')}/sigma/rest/reports/{path}", **where)  # type: ignore[arg-type]
        assert reply.status_code == 200
        head: dict[str, Any] = reply.json()["headerMap"]
        return head

    async def sign_in(self) -> dict[str, Any]:
        secrets = self.account["secrets"]
        head = await self.call(
            "generate-token",
            action="GENERATE_TOKEN",
            authType="APIKEY",
            clientId=secrets["client_id"],
            clientToken=secrets["client_token"],
        )
        self.token = head.get("accessToken", "")
        return head

    async def run(self, *steps: Any, report: str = "AccountTransaction", **more: Any) -> str:
        if steps:
            self.sim.script("sigma", None, steps)
        head = await self.call(
            "generate", action="RUN_REPORT", reportId=report, accessToken=self.token, **more
        )
        reference: str = head["referenceNumber"]
        return reference

    async def status(self, reference: str, kind: str = "REPORT") -> dict[str, Any]:
        return await self.call(
            "report-status",
            action=f"{kind}_INSTANCE_STATUS_CHECK",
            referenceNumber=reference,
            accessToken=self.token,
        )

    @property
    def files(self) -> list[Path]:
        assert self.sim.published is not None
        return sorted(self.sim.published.iterdir())


@pytest.fixture
async def client(sim: Simulator, http: httpx.AsyncClient) -> Client:
    client = Client(sim, http)
    await client.sign_in()
    return client


async def test_tokens_are_given_for_a_key_or_a_password_in_lower_case_success(client: Client) -> None:
    head = await client.sign_in()
    assert (head["replyType"], head["success"]) == ("success", "true")
    basic = await client.call(
        "generate-token", action="GENERATE_TOKEN", authType="BASIC", **client.account["basic"]
    )
    assert basic["accessToken"] != head["accessToken"]


async def test_a_wrong_key_is_a_failure_under_http_200(client: Client) -> None:
    client.account["secrets"]["client_token"] = "wrong"
    head = await client.sign_in()
    assert (head["replyType"], head["statusCode"]) == ("FAILURE", "401")


@pytest.mark.parametrize("way", ["params", "json", "data"])
async def test_parameters_are_taken_from_query_json_and_form(client: Client, way: str) -> None:
    client.way = way
    await client.sign_in()
    reference = await client.run("GENERATED")
    assert (await client.status(reference))["reportStatus"] == "GENERATED"


async def test_a_strict_installation_takes_them_from_one_place(client: Client) -> None:
    client.sim.sigma.params_in = "json"
    assert "accessToken" not in await client.sign_in()
    client.way = "json"
    assert "accessToken" in await client.sign_in()


async def test_parameters_in_two_places_are_none(client: Client) -> None:
    url = f"{client.sim.url('sigma')}/sigma/rest/reports/report-status"
    query = {"action": "REPORT_INSTANCE_STATUS_CHECK", "referenceNumber": await client.run("PUBLISHED")}
    token = {"accessToken": client.token}
    for body in ({"json": token}, {"data": token}, {"headers": token}):
        answer = (await client.http.post(url, params=query, **body)).json()  # type: ignore[arg-type]
        assert answer["headerMap"]["replyType"] == "FAILURE"


async def test_a_parameter_that_no_page_names_is_refused(client: Client) -> None:
    secrets = client.account["secrets"]
    key = {"action": "GENERATE_TOKEN", "authType": "APIKEY", "clientId": secrets["client_id"]}
    for more in (
        {"clitentToken": secrets["client_token"]},
        {"clientToken": secrets["client_token"], "x": "1"},
    ):
        assert (await client.call("generate-token", **key, **more))["statusCode"] == "400"
    run = {"action": "RUN_REPORT", "accessToken": client.token}
    assert (await client.call("generate", **run, reportId="X", format="csv"))["statusCode"] == "400"
    assert (await client.call("generate", **run, reportID="X"))["statusCode"] == "400"
    swapped = {"action": "REPORT_INSTANCE_STATUS_CHECK", "accessToken": client.token, "referenceNumber": "R"}
    assert (await client.call("generate", **swapped))["statusCode"] == "400"


@pytest.mark.parametrize(
    "given",
    [
        '{"filters": []}',
        '{"bindParams": "12"}',
        '{"filterDef": {"columnId": "a"}}',
        '{"filterDef": [{"columnId": "a", "filterId": "STR_IN"}]}',
        '{"filterDef": [{"columnId": "a", "filterId": "EQUALS", "filterDataType": "STRING",'
        ' "filterValues": [], "filterDescriptions": []}]}',
    ],
)
async def test_a_filter_of_another_shape_is_refused(client: Client, given: str) -> None:
    head = await client.call(
        "generate", action="RUN_REPORT", reportId="X", accessToken=client.token, reportFilter=given
    )
    assert head["statusCode"] == "400"


async def test_an_unknown_or_expired_token_is_401_in_the_body(client: Client, clock: Clock) -> None:
    reference = await client.run("PUBLISHED")
    clock.advance(client.sim.sigma.token_life_s)
    assert (await client.status(reference))["statusCode"] == "401"
    client.sim.sigma.http_errors = True
    url = f"{client.sim.url('sigma')}/sigma/rest/reports/report-status"
    params = {"action": "REPORT_INSTANCE_STATUS_CHECK", "referenceNumber": reference, "accessToken": "x"}
    assert (await client.http.post(url, params=params)).status_code == 401


async def test_codes_are_a_number_on_submit_and_text_in_status(client: Client) -> None:
    head = await client.call(
        "generate", action="RUN_REPORT", reportId="AccountTransaction", accessToken=client.token
    )
    assert (head["statusCode"], head["success"], head["status"]) == (200, "true", "SUCCESS")
    status = await client.status(head["referenceNumber"])
    assert status["statusCode"] == "204"
    assert status["reportName"] == " AccountTransaction "
    assert status["reportStatus"] == ""


async def test_status_follows_the_script_with_code_and_words(client: Client) -> None:
    reference = await client.run(
        "", Stage("", code="204"), "GENERATED", Stage("FAILED", "Invalid object name 'dbo.Accounts'.", "208")
    )
    seen = [await client.status(reference) for _ in range(4)]
    assert [(head["reportStatus"], head["statusCode"]) for head in seen] == [
        ("", "200"),
        ("", "204"),
        ("GENERATED", "200"),
        ("FAILED", "200"),
    ]
    assert (seen[3]["errorCode"], seen[3]["errorMsg"]) == ("208", "Invalid object name 'dbo.Accounts'.")
    assert seen[3]["replyType"] == "SUCCESS"


async def test_an_unknown_reference_is_400_in_the_body(client: Client) -> None:
    head = await client.status("nothing")
    assert (head["replyType"], head["statusCode"]) == ("FAILURE", "400")
    foreign = Client(client.sim, client.http, "treasury")
    await foreign.sign_in()
    assert (await foreign.status(await client.run()))["statusCode"] == "400"


async def test_a_filter_must_be_a_json_object(client: Client) -> None:
    await client.run(reportFilter='{"filterDef": []}')
    head = await client.call(
        "generate", action="RUN_REPORT", reportId="X", accessToken=client.token, reportFilter="{"
    )
    assert head["statusCode"] == "400"


async def test_a_file_is_published_when_the_status_says_so(client: Client) -> None:
    reference = await client.run("GENERATED", "PUBLISHED")
    await client.status(reference)
    assert client.files == []
    await client.status(reference)
    assert [path.name for path in client.files] == [f"AccountTransaction_{reference}.csv"]
    assert client.files[0].read_bytes().startswith(b"AccountNo,")


@pytest.mark.parametrize(("word", "count"), [("NOTIFIED", 1), ("NOTIFICATION_FAILED", 1), ("FAILED", 0)])
async def test_only_generated_reports_leave_a_file(client: Client, word: str, count: int) -> None:
    await client.status(await client.run(word))
    assert len(client.files) == count


async def test_a_group_nests_its_reference_and_counts_in_text(client: Client) -> None:
    client.sim.script(
        "sigma", None, [["", ""], Stage(children=(Stage("PUBLISHED"), Stage("FAILED", "No.")), total=5)]
    )
    head = await client.call(
        "generate", action="EXEC_REPORT_GROUP", reportGroupId="MonthEndPack", accessToken=client.token
    )
    assert "referenceNumber" not in head
    reference = head["reportGroupStatus"]["referenceNumber"]
    first = await client.status(reference, "REPORT_GROUP")
    assert (len(first["reports"]), first["noOfReports"]) == (2, "5")
    second = await client.status(reference, "REPORT_GROUP")
    assert (second["reportSuccessCount"], second["reportFailureCount"]) == ("1", "1")
    assert second["reports"][0]["reportName"] == " AgedDebtors "
    assert second["reports"][1]["errorMsg"] == "No."
    assert [path.name for path in client.files] == [f"AgedDebtors_{reference}.csv"]
    assert (await client.status(reference))["statusCode"] == "400", "a group is not a report"


async def test_a_group_by_time_lists_all_members_in_the_end(client: Client, clock: Clock) -> None:
    head = await client.call(
        "generate", action="EXEC_REPORT_GROUP", reportGroupId="MonthEndPack", accessToken=client.token
    )
    reference = head["reportGroupStatus"]["referenceNumber"]
    early = await client.status(reference, "REPORT_GROUP")
    assert len(early["reports"]) < int(early["noOfReports"]) == 5
    clock.advance(600)
    late = await client.status(reference, "REPORT_GROUP")
    assert len(late["reports"]) == 5
    assert all(child["reportStatus"] in client.sim.sigma.finals.values() for child in late["reports"])


async def test_reports_known_before_are_published_unless_saved(client: Client) -> None:
    client.sim.add("sigma", "R1", "billing", name="CashPosition", stage="ready")
    client.sim.add("sigma", "R2", "billing", name="CashPosition", stage="ready", saved=True)
    children = [{"name": "AgedDebtors", "stage": "ready"}, {"name": "FixedAssets", "stage": "running"}]
    client.sim.add("sigma", "group:G1", "billing", report="MonthEndPack", children=children)
    assert [path.name for path in client.files] == ["AgedDebtors_G1.csv", "CashPosition_R1.csv"]
    group = await client.status("G1", "REPORT_GROUP")
    assert [child["reportStatus"] for child in group["reports"]] == ["PUBLISHED", ""]


async def test_the_published_folder_is_removed_with_the_simulator() -> None:
    async with Simulator() as sim:
        folder = sim.published
        assert folder is not None
        assert folder.is_dir()
    assert not folder.exists()


async def test_a_folder_handed_in_stays(tmp_path: Path) -> None:
    async with Simulator(published_dir=tmp_path) as sim:
        sim.add("sigma", "R1", name="CashPosition")
    assert [path.name for path in tmp_path.iterdir()] == ["CashPosition_R1.csv"]
