"""Answers of every kind read by the parsers alone: a record, or a failure of the right family; no crash."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.errors import AuthFailed, BadPayload, CallFailed, NotFound, VendorRefused
from reportdash.model import Body, Credential, Job, JobState, Seen, Signed
from reportdash.net.http import Reply, Request, Session
from reportdash.vendors import answers, registry, seveng_answers, sigma_answers, talkdesk_answers, webadmit
from reportdash.vendors.seveng import SevenG, SevenGAccount
from reportdash.vendors.sigma import fill
from reportdash.vendors.talkdesk import Talkdesk, TalkdeskAccount

JSON = {"content-type": "application/json"}


def reply(data: Any, status: int = 200, **headers: str) -> Reply:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Reply(status, {**JSON, **headers}, body, "https://api.example.org/data/reports/calls/jobs/1")


def sigma_status(answer: Reply) -> Seen:
    return sigma_answers.parse_report(sigma_answers.look(answer))


def sigma_group(answer: Reply) -> Seen:
    return sigma_answers.parse_group(sigma_answers.look(answer), "REF")


def webadmit_status(answer: Reply) -> Seen:
    return webadmit.parse_file(webadmit.one_file(answer, look=True))


PARSERS: dict[str, Callable[[Reply], Any]] = {
    "7g status": seveng_answers.parse_status,
    "7g submit": seveng_answers.parse_submit,
    "7g report": seveng_answers.parse_report,
    "sigma status": sigma_status,
    "sigma group": sigma_group,
    "sigma submit": lambda answer: sigma_answers.parse_submit(answer, group=False),
    "webadmit status": webadmit_status,
    "talkdesk status": talkdesk_answers.parse_status,
    "talkdesk submit": lambda answer: talkdesk_answers.parse_submit(answer, "calls"),
    "talkdesk file": talkdesk_answers.parse_download,
}
KEYS = st.sampled_from(
    [
        "data",
        "result",
        "message",
        "headerMap",
        "replyType",
        "reportStatus",
        "statusCode",
        "reports",
        "errorMsg",
        "noOfReports",
        "referenceNumber",
        "export_files",
        "status",
        "id",
        "job",
        "entries",
        "total",
        "download_url",
    ]
)
WORDS = st.sampled_from(
    ["complete", "SUCCESS", "FAILURE", "PUBLISHED", "available", "done", "true", "200", "400"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
@given(data=ANYTHING, status=st.sampled_from([200, 201, 202, 204, 300, 302, 400, 404, 422, 500]))
def test_any_json_is_a_record_or_a_failure(parser: Callable[[Reply], Any], data: Any, status: int) -> None:
    failure: CallFailed | None = None
    try:
        parser(reply(data, status))
    except CallFailed as error:
        failure = error
    if failure is not None:
        assert failure.text == answers.text(failure.text)  # clean, and never empty
        assert not isinstance(failure, AuthFailed) or "sigma" in parser.__name__


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"<html>busy</html>",
        b'{"data": NaN}',
        b'{"data": "\\ud800"}',
        b"[" * 100_000,
        b'{"data":' * 50_000,
        b"null",
        b"9" * 5000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_json_is_bad_payload(parser: Callable[[Reply], Any], body: bytes) -> None:
    with pytest.raises(BadPayload):
        parser(reply(body))


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422])
def test_the_vendors_words_are_found_wherever_they_stand(status: int) -> None:
    for data, said in (
        ({"message": "Not\u202e so"}, "Not� so"),
        ({"errors": {"schema": ["is missing", "is long"]}}, "is missing; is long"),
        (
            {"error": "invalid_client", "error_description": "No such client"},
            "No such client; invalid_client",
        ),
        (
            {"code": "4001", "message": "Bad", "fields": [{"name": "from", "description": "too old"}]},
            "Bad; from: too old",
        ),
        ({}, "HTTP"),
    ):
        assert answers.words(reply(data, status)).startswith(said)
    assert answers.words(Reply(status, {"content-type": "text/html"}, b"<html>x")).startswith(
        f"HTTP {status}"
    )


# 7G


def test_7g_an_answer_that_is_neither_true_nor_false_is_not_a_lost_report() -> None:
    with pytest.raises(BadPayload):
        seveng_answers.parse_status(reply({"message": "Service is starting"}))
    with pytest.raises(BadPayload):
        seveng_answers.parse_status(reply({"result": True, "data": {}}))
    with pytest.raises(NotFound):
        seveng_answers.parse_status(reply({"result": "false", "data": {}}))


def test_7g_a_word_decides_whatever_result_says() -> None:
    for result in (True, False, None):
        seen = seveng_answers.parse_status(reply({"result": result, "data": " Suspended "}))
        assert (seen.state, seen.vendor_status) == (JobState.UNKNOWN, "Suspended")
        assert (
            seveng_answers.parse_status(reply({"Result": result, "Data": "COMPLETE"})).state is JobState.READY
        )


def test_7g_a_submit_said_to_have_failed_counts_only_with_a_guid() -> None:
    guid = "A1B2C3D4-E5F6-7890-ABCD-EF1234567890"
    assert seveng_answers.parse_submit(reply({"result": False, "data": guid})).reference == guid.lower()
    with pytest.raises(VendorRefused, match="no such report"):
        seveng_answers.parse_submit(reply({"result": False, "message": "no such report", "data": "x-1"}))
    with pytest.raises(BadPayload):
        seveng_answers.parse_submit(reply({"result": True, "message": "ok", "data": {"id": 7}}))


@pytest.mark.parametrize(
    ("token", "expiry"),
    [
        ({"exp": 1_790_000_000}, 1_790_000_000.0),
        ({"exp": 1.5e9}, 1.5e9),
        ({"exp": "soon"}, None),
        ({"exp": True}, None),
        ({"exp": -1}, None),
        ([], None),
    ],
)
def test_7g_the_end_of_a_token_is_read_from_it(token: Any, expiry: float | None) -> None:
    body = base64.urlsafe_b64encode(json.dumps(token).encode()).rstrip(b"=").decode()
    assert seveng_answers.jwt_expiry(f"eyJh.{body}.sig") == expiry
    assert seveng_answers.jwt_expiry("opaque") is None
    assert seveng_answers.jwt_expiry("a.%%%.c") is None


async def test_7g_the_file_is_utf_8_json_and_stays_the_same_value() -> None:
    data = {"results": [{"name": "Zoë\u2028", "n": [1, 2.5, True, None, 1e300]}], "summary": {}}
    file = seveng_answers.parse_report(reply({"result": True, "data": data}))
    assert isinstance(file, Body) and file.extension == "json" and file.note is None
    body = b"".join([chunk async for chunk in file.chunks])
    assert body == json.dumps(data, ensure_ascii=False).encode() and file.total == len(body)


@given(st.decimals(allow_nan=False, allow_infinity=False).map(str).filter(lambda text: "." in text))
async def test_7g_no_number_of_a_report_changes(number: str) -> None:
    raw = f'{{"result": true, "data": {{"results": [{number}]}}}}'.encode()
    file = seveng_answers.parse_report(reply(raw))
    assert isinstance(file, Body)
    body = b"".join([chunk async for chunk in file.chunks])
    assert json.loads(body, parse_float=Decimal)["results"] == [Decimal(number)]


def test_7g_a_link_beside_rows_is_part_of_the_report() -> None:
    both = {"url": "https://x.example.org/a", "results": [1]}
    assert isinstance(seveng_answers.parse_report(reply({"result": True, "data": both})), Body)
    assert isinstance(seveng_answers.parse_report(reply({"result": True, "data": both["url"]})), Signed)


async def test_7g_a_login_answer_is_read_with_and_without_an_envelope() -> None:
    class Bare:
        def __init__(self, answer: Reply) -> None:
            self.answer, self.sent = answer, list[Request]()

        async def send(self, request: Request) -> Reply:
            self.sent.append(request)
            return self.answer

    credential = Credential({"username": "u", "password": "p"}, None, "memory")
    for data in ({"accessToken": "t", "refreshToken": "r"}, {"result": True, "data": {"accessToken": "t"}}):
        bare = Bare(reply(data))
        vendor = SevenG(SevenGAccount(), bare)
        session = await vendor.sign_in(credential, None, bare)
        assert (session.token, session.lifetime) == ("t", 1200)
        assert bare.sent[0].headers["Version"] == "2.0" and bare.sent[0].public
    for no in (reply({"result": False, "message": "Locked."}), reply({"message": "Locked."}, 401)):
        with pytest.raises(AuthFailed, match="Locked"):
            await SevenG(SevenGAccount(), Bare(no)).sign_in(credential, None, Bare(no))
    for bad in (reply(b"<html>", 200), reply({}, 500), reply({"accessToken": "a\r\nb"})):
        with pytest.raises(BadPayload):
            await SevenG(SevenGAccount(), Bare(bad)).sign_in(credential, None, Bare(bad))


# Sigma


def header(**fields: Any) -> Reply:
    return reply({"headerMap": fields})


def test_sigma_success_is_read_in_any_case_and_a_bare_map_too() -> None:
    for kind in ("SUCCESS", "success", " Success "):
        assert sigma_status(header(replyType=kind, reportStatus="published")).state is JobState.READY
        assert sigma_status(header(replyType=kind, reportStatus="")).state is JobState.RUNNING
    assert sigma_status(reply({"REPLYTYPE": "SUCCESS", "ReportStatus": "FAILED"})).state is JobState.FAILED


def test_sigma_an_answer_that_says_nothing_is_not_running() -> None:
    for empty in (header(), header(reportName="x"), reply({})):
        with pytest.raises(BadPayload):
            sigma_status(empty)


@pytest.mark.parametrize("status", ["FAILED", "PUBLISHED", ""])
def test_sigma_a_failed_check_is_never_a_state(status: str) -> None:
    for failed in (
        header(replyType="FAILURE", reportStatus=status),
        header(replyType="SUCCESS", success="false", reportStatus=status),
        header(replyType="SUCCESS", statusCode="500", reportStatus=status),
        header(replyType="FAILURE", statusCode="204", reportStatus=status),
    ):
        with pytest.raises(BadPayload):
            sigma_status(failed)


def test_sigma_an_unreadable_member_of_a_group_is_unknown_not_over() -> None:
    seen = sigma_group(
        header(replyType="SUCCESS", noOfReports="2", reports=[{"reportStatus": "PUBLISHED"}, "odd"])
    )
    assert [child.state for child in seen.children] == [JobState.READY, JobState.UNKNOWN]
    assert seen.state is JobState.RUNNING


def test_sigma_a_group_without_end_makes_no_rows() -> None:
    most = sigma_answers.MOST_MEMBERS
    assert len(sigma_group(header(replyType="SUCCESS", reports=[1] * most)).children) == most
    for endless in ({"reports": [1] * (most + 1)}, {"noOfReports": 10**30}, {"noOfReports": str(most + 1)}):
        with pytest.raises(BadPayload, match="more than"):
            sigma_group(header(replyType="SUCCESS", **endless))


def test_sigma_a_title_names_a_report_of_a_group() -> None:
    one = {"reportStatus": "PUBLISHED", "reportName": " R1 ", "reportTitle": " Month end "}
    seen = sigma_group(header(replyType="SUCCESS", reports=one))
    assert [child.name for child in seen.children] == ["Month end"]
    assert (seen.state, seen.children_total) == (JobState.READY, 1)


def matches(pattern: str) -> list[str]:
    return sorted(str(path) for path in Path("/").glob(pattern.lstrip("/")))


def test_sigma_names_are_taken_literally_in_the_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "sigma"
    folder.mkdir()
    for name in ("a[1]*_R.csv", "a1x_R.csv", "secret"):
        (folder / name).write_text("x")
    pattern = f"{folder}/{{reportName}}*{{referenceNumber}}*"
    assert matches(fill(pattern, " a[1]* ", "R", "")) == [str(folder / "a[1]*_R.csv")]
    assert matches(fill(pattern, "../sigma/secret", "", "")) == []
    assert matches(fill(f"{folder}/{{reportName}}", "../../etc/passwd", "", "")) == []
    assert matches(fill(f"{folder}/{{reportName}}", "", "", "")) != []
    for dots in ("..", ".", "..."):
        with pytest.raises(VendorRefused):
            fill(f"{folder}/{{reportName}}/passwd", dots, "R", "")


# Talkdesk


@pytest.mark.parametrize(
    ("target", "resolved"),
    [
        ("/data/reports/calls/files/1", "https://api.example.org/data/reports/calls/files/1"),
        ("../files/1", "https://api.example.org/data/reports/calls/files/1"),
        ("//s3.example.org/x", "https://s3.example.org/x"),
        ("https://s3.example.org/x?sig=%7E", "https://s3.example.org/x?sig=%7E"),
        ("javascript:alert(1)", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_talkdesk_a_location_is_resolved_against_the_asked_address(target: str, resolved: str | None) -> None:
    assert talkdesk_answers.location(reply({}, 303, location=target)) == resolved


def test_talkdesk_a_done_redirect_without_location_is_read_by_its_job() -> None:
    job = {"job": {"id": "1", "status": "processing"}}
    assert talkdesk_answers.parse_status(reply(job, 300)).state is JobState.RUNNING
    for bad in (reply({}, 300), reply(job, 302), reply(job, 301, location="/x")):
        with pytest.raises(BadPayload):
            talkdesk_answers.parse_status(bad)


@pytest.mark.parametrize("number", ["../../x", "", "a/b", "..", "a b", "x" * 200])
def test_talkdesk_a_job_id_that_could_leave_its_path_is_not_taken(number: str) -> None:
    with pytest.raises(BadPayload):
        talkdesk_answers.parse_submit(reply({"id": number, "status": "created"}, 202), "calls")
    jobs = [{"id": number, "status": "done"}]
    assert list(talkdesk_answers.parse_list(jobs, "calls", reply({}))) == []


@pytest.mark.parametrize(
    ("answer", "token", "life"),
    [
        ({"access_token": "t", "token_type": "Bearer", "expires_in": 100}, "Bearer t", 100),
        ({"access_token": "t", "token_type": "bearer", "expires_in": "100"}, "Bearer t", 100),
        ({"access_token": "t"}, "Bearer t", 599),
        ({"access_token": "t", "token_type": "STS", "expires_in": 0}, "t", 599),
    ],
)
async def test_talkdesk_the_kind_of_token_decides_the_word_before_it(
    answer: dict[str, Any], token: str, life: float
) -> None:
    class Bare:
        async def send(self, request: Request) -> Reply:
            assert request.path == "https://acme.talkdeskid.eu/oauth/token"
            assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"i:s:x"
            assert request.form == {
                "grant_type": "client_credentials",
                "scope": "data-reports:read data-reports:write",
            }
            return reply(answer)

    vendor = Talkdesk(TalkdeskAccount(account="acme", region="eu"), Bare())
    credential = Credential({"client_id": "i", "client_secret": "s:x"}, None, "memory")
    session = await vendor.sign_in(credential, None, Bare())
    assert (session.token, session.lifetime) == (token, life)
    assert vendor.sign(Request("GET", "/x"), session).headers["Authorization"] == token


# All of them


async def test_a_job_without_a_reference_is_asked_nowhere() -> None:
    class Nowhere:
        async def send(self, request: Request) -> Reply:
            raise AssertionError("nothing may be sent")

    for name in ("7g", "sigma", "webadmit", "talkdesk"):
        kind = registry.load(name)
        config: dict[str, Any] = {"vendor": name, "base_url": "http://127.0.0.1:1"}
        if name == "talkdesk":
            config["identity_url"] = "http://127.0.0.1:1"
        vendor = kind(kind.Account(**config), Nowhere())
        job = Job("abc234", "a", name, "r", None, JobState.SUBMITTING)
        with pytest.raises(VendorRefused, match="reference"):
            await vendor.status(job)
        assert "secret" not in repr(Session("secret"))
