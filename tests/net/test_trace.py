"""What is kept of an exchange holds no secret, whatever shape the secret comes in."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reportdash.net.http import Reply, Request
from reportdash.net.trace import HIDDEN, MAX_BODY, SIGNED, Known, exchange, redact_body, redact_url

CANARY = "cAnAry-7Kq2-secret"
S3 = (
    "https://bucket.s3.us-east-1.amazonaws.com/exports/99/list.csv?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    f"&X-Amz-Credential=AKIAEXAMPLE%2F20260101&X-Amz-Expires=30&X-Amz-Signature={CANARY}"
)
OLD_S3 = f"https://bucket.s3.amazonaws.com/a.csv?AWSAccessKeyId=AKIA&Expires=1767225630&Signature={CANARY}"

NAMES = [
    "accessToken", "access_token", "refreshToken", "refresh-token", "id_token", "token", "password", "passwd",
    "client_secret", "clientSecret", "clientToken", "clitentToken", "client_token", "apiKey", "api_key",
    "x-api-key", "X-API-KEY", "secret", "Authorization", "signature", "private_key",
    "passphrase", "Set-Cookie", "X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Credential",
    "AWSAccessKeyId", "credential",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape",
    [
        '{{"{n}": "{v}"}}',
        '{{"a": [{{"b": {{"{n}":"{v}", "c": 1}}}}]}}',
        '{{"headerMap": {{"{n}": ["{v}"]}}}}',
        '{{"{n}": {{"value": "{v}"}}}}',
        '{{"result": true, "{n}": "{v}", "data": "compl',  # half JSON
        '{{"result": true, "{n}": "{v}',  # cut within the value
        '{{"text": "{{\\"{n}\\": \\"{v}\\"}}"}}',  # JSON in a text
        '{{"text": "see {n}={v}&x=1"}}',
        "{n}={v}&other=1",
        "a=1&{n}={v}",
        "<html><body>{n}: {v}</body></html>",
        "<p>{n} = '{v}'</p>",
        "<{n}>{v}</{n}>",
        '<input name="x" value="1"><b>{n}="{v}"</b>',
        "Traceback: KeyError {{'{n}': '{v}'}}",
        "{n}: {v}\r\nNext: 1",
    ],
)
def test_a_secret_field_is_hidden_in_every_writing(name: str, shape: str) -> None:
    shown = redact_body(shape.format(n=name, v=CANARY))
    assert CANARY not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize("address", [S3, OLD_S3])
@pytest.mark.parametrize(
    "shape",
    [
        '{{"export_files": {{"id": 1, "status": "Available", "download_url": "{v}"}}}}',
        '{{"elsewhere": "{v}"}}',
        '{{"list": ["{v}", "{v}"]}}',
        '{{"export_files": {{"download_url": "{v}',
        '{{"text": "go to {v} now"}}',
        "<a href='{v}'>here</a>",
        "<Error><HostId>x</HostId><Url>{v}</Url></Error>",
        "{v}",
    ],
)
@pytest.mark.parametrize("writing", ["plain", "slashes", "entities", "ampersands"])
def test_a_signed_address_is_hidden_in_every_writing(shape: str, address: str, writing: str) -> None:
    written = {
        "plain": address,
        "slashes": address.replace("/", "\\/"),
        "entities": address.replace("&", "&amp;"),
        "ampersands": address.replace("&", "\\u0026"),
    }[writing]
    shown = redact_body(shape.format(v=written))
    assert CANARY not in shown
    assert "AKIA" not in shown
    assert SIGNED in shown


@pytest.mark.parametrize("url", ["/files/1.csv", "https://host/plain/1.csv", "s3://bucket/x"])
def test_a_download_url_is_hidden_whatever_it_looks_like(url: str) -> None:
    assert json.loads(redact_body(json.dumps({"download_url": url}))) == {"download_url": SIGNED}


@pytest.mark.parametrize(
    "text",
    [
        '{"result": false, "message": "", "recordCount": 0, "data": "incomplete"}',
        '{"export_files": [{"id": 1, "href": "/api/v1/exports/1/export_files/1", "status": "In Progress"}]}',
        '{"job": {"id": "x", "timespan": {"from": "2026-01-01T00:00:00Z"}}, "_links": {"self": {"href": "https://api.example.org/data/1"}}}',
        '{"headerMap": {"reportStatus": "NOTIFIED", "errorCode": "", "statusCode": "200"}}',
        '{"accessToken": null, "password": ""}',
        "<html><body>Bad gateway: no author assigned, keyboard basics</body></html>",
        "",
        "é ü � 漢字",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays_as_it_came(text: str) -> None:
    assert redact_body(text) == text


def secrets_of(alphabet: str) -> st.SearchStrategy[str]:
    return st.text(alphabet=alphabet, min_size=8, max_size=40)


AWKWARD = "abcXYZ019-._~!*'()/+= %&\"\\<>;:@?#[]{}|^`äß€漢"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(secret=secrets_of(AWKWARD), around=json_values, name=st.text(max_size=10))
def test_a_known_value_is_hidden_under_any_name(secret: str, around: Any, name: str) -> None:
    known = Known([secret])
    for text in (
        json.dumps({"a": around, name: secret}),
        json.dumps([around, {name: [secret]}], ensure_ascii=False),
        json.dumps({name: f"prefix {secret} suffix"}),
        json.dumps({name: secret})[:-2],
        urlencode({name: secret}),
        f"<p>{secret}</p>",
        f"{name} {secret}",
        quote(secret, safe=""),
    ):
        shown = redact_body(text, known)
        for writing in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
            # A value that is part of our own mask proves nothing.
            assert writing not in shown.replace(HIDDEN, "").replace(SIGNED, "")


@pytest.mark.parametrize("around", [("", ""), ("op:", ""), ("x", "y"), ("ab", "cde"), ("äé", "")])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_credential_is_hidden_in_base64_wherever_it_stands_in_it(
    around: tuple[str, str], encode: Callable[[bytes], bytes]
) -> None:
    secret = "k\xff/+~?>value-7"
    text = encode(f"{around[0]}{secret}{around[1]}".encode()).decode()
    shown = redact_body(f'{{"you sent": "{text}"}}', Known([secret]))
    assert HIDDEN in shown
    kept = base64.b64decode(shown.partition('": "')[2].replace(HIDDEN, "AAAA").partition('"')[0] + "==")
    assert secret[3:-3].encode() not in kept


@settings(deadline=None)
@given(secret=secrets_of(AWKWARD), names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))
def test_a_named_secret_in_json_is_hidden_whatever_its_characters(secret: str, names: list[str]) -> None:
    data: Any = secret
    for name in names:
        data = {"x": [1, {name: data}]}
    for text in (json.dumps(data), json.dumps(data, ensure_ascii=False), json.dumps(data, indent=2)):
        assert json.loads(redact_body(text)) != data
        assert json.dumps(secret) not in redact_body(text)


@settings(deadline=None)
@given(secret=st.text(alphabet="abcXYZ019-._~/+=", min_size=12, max_size=40), cut=st.integers(0, 60))
def test_a_named_secret_is_hidden_however_the_json_is_cut(secret: str, cut: int) -> None:
    text = json.dumps({"message": "ok", "accessToken": secret, "data": {"more": [1, 2, 3]}})
    shown = redact_body(text[: len(text) - cut])
    assert not any(secret[:n] in shown for n in range(8, len(secret)))


@settings(deadline=None)
@given(st.text(max_size=300))
def test_redaction_never_fails_and_is_stable(text: str) -> None:
    once = redact_body(text)
    assert redact_body(once) == once


@given(st.text(max_size=200))
def test_any_text_makes_an_address_to_show(text: str) -> None:
    shown = redact_url(text)
    assert "\n" not in shown
    assert "\x1b" not in shown


def test_an_address_loses_userinfo_fragment_and_secret_fields() -> None:
    url = "https://user:pw@host.example:8443/a%20b?reference=R-1&accessToken=T&key=K&Signature=S&x=%20y#frag"
    assert redact_url(url) == (
        "https://host.example:8443/a%20b?reference=R-1&accessToken=(hidden)&key=(hidden)"
        "&Signature=(hidden)&x=%20y"
    )
    assert CANARY not in redact_url(S3)
    assert CANARY not in redact_url(f"https://h/x?next={quote(S3, safe='')}")
    assert CANARY not in redact_url(f"https://h/{CANARY}/x", Known([CANARY]))


def reply(body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> Reply:
    return Reply(status, headers or {}, body)


def kept(request: Request, answer: Reply | None = None, **more: Any) -> Any:
    return exchange(request, url="https://api.example.org/x", at=0.0, ms=1, reply=answer, **more)


def test_bodies_are_short_and_harmless() -> None:
    record = kept(Request("POST", "/x", json={"a": "é" * 9000}), reply(b"\x1b[2J\r\n<b>" + b"x" * 100_000))
    assert len(record.request) <= MAX_BODY
    assert len(record.response) == MAX_BODY
    assert "\x1b" not in record.response
    assert record.size == 100_000 + 9


def test_the_fields_a_vendor_names_are_hidden_in_query_form_json_and_answer() -> None:
    asked = Request("POST", "/x", secret=("pinCode",))
    for request in (
        asked,
        replace(asked, form={"pinCode": CANARY}),
        replace(asked, json={"deep": [{"PinCode": CANARY}]}),
    ):
        record = exchange(
            request,
            url=f"https://h/x?pinCode={CANARY}",
            at=0.0,
            ms=1,
            reply=reply(json.dumps({"pincode": CANARY}).encode()),
        )
        assert CANARY not in repr(record)


def test_a_location_to_elsewhere_is_not_shown() -> None:
    for location in (
        S3,
        OLD_S3,
        "//cdn.example/x?a=1",
        "https://cdn.example/one-time/" + CANARY,
        "http://[::1",
    ):
        record = kept(Request("GET", "/x"), reply(b"{}", {"location": location}, 303))
        assert record.response == f"Location: {SIGNED}\n{{}}"
    record = kept(Request("GET", "/x"), reply(b"", {"location": "/data/reports/calls/files/1"}, 300))
    assert record.response == "Location: /data/reports/calls/files/1\n"


def test_a_known_value_across_the_cut_leaves_no_beginning() -> None:
    known = Known([CANARY * 4])
    for offset in range(0, len(CANARY) * 4, 5):
        # Enough is hidden before it for the tail of what was looked at to be kept.
        hidden = json.dumps({"token": "t" * (4 * MAX_BODY - 40 - offset)})[:-1] + ', "x": "'
        body = (hidden + "y" * (4 * MAX_BODY - len(hidden) - offset) + CANARY * 40).encode()
        assert CANARY[:8] not in kept(Request("GET", "/x"), reply(body), known=known).response


def test_rotated_tokens_stay_hidden_for_a_while_and_nothing_reads_them_back() -> None:
    known = Known()
    known.credential(["first-password"])
    known.token("token-one-123", "refresh-one-123")
    known.credential(["second-password"])
    known.token("token-two-123", None)
    text = "first-password second-password token-one-123 refresh-one-123 token-two-123"
    assert known.hide(text) == " ".join([HIDDEN] * 5)
    assert repr(known) == "Known(…)"


def test_a_value_is_seen_through_escapes_and_what_is_unescaped_then_is_harmless() -> None:
    known = Known(["pass+word=71"])
    for written in (
        "pass\\u002Bword=71",
        "p%61ss%2bword%3D71",
        "pass&#43;word&#x3d;71",
        "pass\\\\u002bword=71",
    ):
        assert known.hide(f"not {written}, no") == f"not {HIDDEN}, no"
        told = known.hide(f"\\u001b[2J {written} %1b[2J &#155;\nand so on")
        assert HIDDEN in told and "\nand so on" in told
        assert not set(told) & {"\x1b", "\x9b"}
    assert known.hide("\\u002B 100 % &amp; more") == "\\u002B 100 % &amp; more"  # nothing to hide: as it was


def test_a_short_user_name_is_hidden_as_a_word_only() -> None:
    known = Known(["admin", "ab"])
    assert known.hide("admin, administrators, webadmin; ab") == f"{HIDDEN}, administrators, webadmin; ab"


@pytest.mark.parametrize(
    "text",
    [
        "a" * 16384,
        "token" * 3000,
        'token="' * 2000,
        '\\' * 16384,
        'token: "' + "\\" * 16000,
        "<a " * 5000,
        "<token>" * 2000,
        "http://" * 2300,
        "https:\\/\\/" + "?" * 16000,
        "eyJ" * 5000,
        "[" * 16384,
        '{"a":' * 3000,
        escape("<&>") * 2000,
    ],
)  # fmt: skip
def test_no_body_makes_redaction_slow(text: str) -> None:
    start = time.process_time()
    redact_body(text)
    assert time.process_time() - start < 2  # quadratic ways take minutes; this is no measurement


def test_a_value_that_is_no_text_is_hidden_and_breaks_nothing() -> None:
    secret = "canary-\udce4-9b21"
    known = Known([secret])
    assert secret not in known.hide(f"it was {secret}.")
    sent = kept(Request("POST", "/x", form={"name": secret}), known=known)
    assert "canary" not in sent.request
