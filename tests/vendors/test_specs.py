"""What is typed to run a report, checked and translated before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from reportdash.errors import UsageProblem
from reportdash.model import Spec
from reportdash.vendors.contract import Vendor
from reportdash.vendors.seveng import SevenG, SevenGAccount
from reportdash.vendors.sigma import Sigma, SigmaAccount, report_filter
from reportdash.vendors.talkdesk import Talkdesk, TalkdeskAccount, timespan
from reportdash.vendors.webadmit import WebAdmit, WebAdmitAccount

API: Any = None
SEVENG = SevenG(SevenGAccount(), API)
SIGMA = Sigma(SigmaAccount(base_url="http://localhost:9081"), API)
WEBADMIT = WebAdmit(WebAdmitAccount(user_identity=1), API)
TALKDESK = Talkdesk(TalkdeskAccount(account="acme", region="eu"), API)


def spec(
    report: str = "calls", start: str | None = "2026-11-01", end: str | None = "2026-12-01", **more: Any
) -> Spec:
    return Spec(report, time_from=start, time_to=end, **more)


def test_talkdesk_fills_in_csv_and_utc() -> None:
    checked = TALKDESK.check(spec())
    assert (checked.format, checked.params) == ("csv", {"timezone": "UTC"})


@pytest.mark.parametrize(
    ("start", "end", "zone", "sent"),
    [
        ("2026-11-01", "2026-12-01", "UTC", ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")),
        ("2026-11-01", "2026-11-02", "Europe/Lisbon", ("2026-11-01T00:00:00", "2026-11-02T00:00:00")),
        (
            "2026-11-01T02:00+02:00",
            "2026-11-02T00:00Z",
            "UTC",
            ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"),
        ),
    ],
)
def test_talkdesk_times_are_sent_as_iso_8601(start: str, end: str, zone: str, sent: tuple[str, str]) -> None:
    assert tuple(timespan(spec(start=start, end=end), zone).values()) == sent


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (spec(start=None), "--from and --to"),
        (spec(end=None), "--from and --to"),
        (spec(start="yesterday"), "--from is an ISO date"),
        (spec(end="2026-11-01"), "later than"),
        (spec(end="2026-10-01"), "later than"),
        (spec(end="2026-12-03"), "at most one month"),
        (spec(end="2026-11-02T00:00:00Z"), "both"),
        (spec(format="xlsx"), "csv, json, json_bulk"),
        (spec(params={"timezone": "Mars; DROP"}), "IANA"),
        (spec(params={"queue": "1"}), "timezone and name"),
        (spec("../oauth"), "report type"),
        (spec(".."), "report type"),
    ],
)
def test_talkdesk_refuses_before_the_request(given: Spec, said: str) -> None:
    with pytest.raises(UsageProblem, match=said):
        TALKDESK.check(given)


@pytest.mark.parametrize(
    "days",
    [
        "2026-02-01/2026-03-01",
        "2026-01-01/2026-02-01",
        "2024-02-01/2024-03-01",
        "2026-10-01T00:00:00+01:00/2026-11-01T00:00:00+00:00",
    ],
)
def test_talkdesk_takes_each_whole_month(days: str) -> None:
    start, _, end = days.partition("/")
    TALKDESK.check(spec(start=start, end=end))


def test_sigma_parameters_go_where_their_name_says() -> None:
    assert report_filter({}) is None
    assert report_filter(
        {
            "reportFilter": '{"additionalParams": {"a": "1"}, "filterDef": [{"columnId": "x"}]}',
            "bindParams.branch.code": "12",
            "procedureparams.P": "9",
            "additionalParams.b": "2",
            "NUM_LONG_LT:amount": "5",
            "STR_IN:currency": "EUR|USD",
        }
    ) == {
        "additionalParams": {"a": "1", "b": "2"},
        "bindParams": {"branch.code": "12"},
        "procedureParams": {"P": "9"},
        "filterDef": [
            {"columnId": "x"},
            {
                "columnId": "amount",
                "filterId": "NUM_LONG_LT",
                "filterDataType": "LONG",
                "filterValues": ["5"],
                "filterDescriptions": ["5"],
            },
            {
                "columnId": "currency",
                "filterId": "STR_IN",
                "filterDataType": "STRING",
                "filterValues": ["EUR", "USD"],
                "filterDescriptions": ["EUR", "USD"],
            },
        ],
    }


@pytest.mark.parametrize(
    "params",
    [
        {"branch": "12"},
        {"STR_IN": "x"},
        {"bindParams.": "x"},
        {"reportFilter": "[]"},
        {"reportFilter": "{"},
        {"reportFilter": '{"bindParams": 1}', "bindParams.a": "1"},
        {"reportFilter": '{"filterDef": {"a": 1}}', "STR_IN:a": "1"},
    ],
)
def test_sigma_names_what_it_takes_instead_of_a_strange_parameter(params: dict[str, str]) -> None:
    with pytest.raises(UsageProblem, match=r"bindParams|reportFilter"):
        SIGMA.check(Spec("R", params))


@pytest.mark.parametrize(
    ("vendor", "given", "said"),
    [
        (SEVENG, Spec("  "), "name the 7G report"),
        (SEVENG, Spec("R", format="csv"), "JSON only"),
        (SEVENG, Spec("R", time_from="2026-11-01"), "FromDate"),
        (SIGMA, Spec("group:"), "group:ID"),
        (SIGMA, Spec("group:pack", {"bindParams.a": "1"}), "no parameters"),
        (SIGMA, Spec("R", format="csv"), "--format"),
        (WEBADMIT, Spec("Applicants"), "a number"),
        (WEBADMIT, Spec("1/2"), "a number"),
        (WEBADMIT, Spec("1", {"a": "b"}), "no parameters"),
    ],
)
def test_what_a_vendor_cannot_take_is_refused_before_the_request(
    vendor: Vendor, given: Spec, said: str
) -> None:
    with pytest.raises(UsageProblem, match=said):
        vendor.check(given)


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        (SevenG, " A1B2C3D4-E5F6-7890-ABCD-EF1234567890 ", "a1b2c3d4-e5f6-7890-abcd-ef1234567890"),
        (SevenG, "{a1b2c3d4e5f67890abcdef1234567890}", "a1b2c3d4-e5f6-7890-abcd-ef1234567890"),
        (Sigma, " 2djj-6c39 ", "2djj-6c39"),
        (Sigma, "group:2djj", "group:2djj"),
        (WebAdmit, "086446/74780", "86446/74780"),
        (Talkdesk, "audit_logs/ab-1", "audit_logs/ab-1"),
    ],
)
def test_a_reference_has_one_written_form(kind: type[Vendor], given: str, kept: str) -> None:
    assert kind.reference(given) == kept


@pytest.mark.parametrize("given", ["group:abc#2", "group:", "a b", "a\tb", "a\u202eb"])
def test_sigma_a_report_of_a_group_is_not_tracked_alone(given: str) -> None:
    with pytest.raises(UsageProblem):
        Sigma.reference(given)
