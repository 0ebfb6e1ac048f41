"""The keys of each vendor's account: defaults, what is refused, and which origins a credential may reach."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from reportdash.errors import UsageProblem
from reportdash.settings import load
from reportdash.vendors import registry
from reportdash.vendors.seveng import SevenG, SevenGAccount
from reportdash.vendors.sigma import SigmaAccount
from reportdash.vendors.talkdesk import TalkdeskAccount
from reportdash.vendors.webadmit import WebAdmitAccount

SIGMA: dict[str, Any] = {"vendor": "sigma", "base_url": "http://localhost:9081"}


def words(kind: Any, config: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        kind(**config)
    return " ".join(error["msg"] for error in refused.value.errors())


def test_7g_needs_nothing_but_its_name() -> None:
    account = SevenGAccount(vendor="7g")
    assert account.base_url == "https://api.7g.com.au"
    assert account.origins() == ("https://api.7g.com.au:443",)
    assert (account.auth_prefix, account.idempotent, account.download_hosts) == ("", False, ())
    assert account.secret_fields() == (("username", "password"),)
    assert (SevenG.policy.slots, SevenG.policy.max_inflight, SevenG.policy.ttl) == (10, 10, 86_400)


def test_7g_a_prefix_is_one_word_with_one_space() -> None:
    assert SevenGAccount(auth_prefix="Bearer").auth_prefix == "Bearer "
    assert SevenGAccount(auth_prefix="Bearer  ").auth_prefix == "Bearer "
    assert "auth_prefix" in words(SevenGAccount, {"auth_prefix": "x\r\nHost: evil"})


@pytest.mark.parametrize("kind", [SevenGAccount, WebAdmitAccount])
def test_an_unknown_key_is_refused(kind: Any) -> None:
    assert "not permitted" in words(kind, {"pasword": "x"})


def test_sigma_asks_for_its_address_with_an_example() -> None:
    assert 'base_url = "http://HOST:9081"' in words(SigmaAccount, {"vendor": "sigma"})


def test_sigma_secrets_follow_the_way_to_sign_in() -> None:
    assert SigmaAccount(**SIGMA).secret_fields() == (("client_id", "client_token"),)
    assert SigmaAccount(**SIGMA, auth="basic").secret_fields() == (("username", "password"),)
    assert "apikey" in words(SigmaAccount, {**SIGMA, "auth": "oauth"})
    assert "query" in words(SigmaAccount, {**SIGMA, "params_in": "header"})


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("reports/{reportName}", "absolute"),
        ("/mnt/{reportname}", "{reportName}, {referenceNumber}, {reportId}"),
        ("/mnt/{reportName.__class__}", "knows"),
        ("/mnt/{reportName!r}", "knows"),
        ("/mnt/{reportName:>9}", "knows"),
        ("/mnt/{", "pattern"),
    ],
)
def test_sigma_a_wrong_pattern_is_told(pattern: str, said: str) -> None:
    assert said in words(SigmaAccount, {**SIGMA, "published": pattern})


def test_sigma_a_pattern_may_start_at_home() -> None:
    published = SigmaAccount(**SIGMA, published="~/sigma/{reportId}*").published
    assert published is not None and published.startswith("/") and published.endswith("/sigma/{reportId}*")


def test_webadmit_wants_a_number_for_its_identity() -> None:
    account = WebAdmitAccount(user_identity=4242)
    assert account.base_url == "https://api.webadmit.org"
    assert account.download_hosts == ("*.amazonaws.com",)
    assert words(WebAdmitAccount, {"user_identity": "me"})
    assert words(WebAdmitAccount, {"user_identity": 0})


@pytest.mark.parametrize(
    ("region", "base", "identity"),
    [
        ("us", "https://api.talkdeskapp.com", "https://acme.talkdeskid.com"),
        ("eu", "https://api.talkdeskapp.eu", "https://acme.talkdeskid.eu"),
        ("ca", "https://api.talkdeskappca.com", "https://acme.talkdeskidca.com"),
    ],
)
def test_talkdesk_a_region_stands_for_two_addresses(region: str, base: str, identity: str) -> None:
    account = TalkdeskAccount.model_validate({"vendor": "talkdesk", "account": "acme", "region": region})
    assert (account.base_url, account.identity_url) == (base, identity)
    assert account.origins() == (f"{base}:443", f"{identity}:443")


def test_talkdesk_addresses_written_out_win() -> None:
    written = TalkdeskAccount(base_url="http://127.0.0.1:1", identity_url="http://127.0.0.1:2/id")
    assert written.origins() == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    mixed = TalkdeskAccount(account="acme", region="eu", base_url="https://gateway.example.org/td")
    assert mixed.base_url == "https://gateway.example.org/td"
    assert mixed.identity_url == "https://acme.talkdeskid.eu"


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"account": "acme"},
        {"region": "eu"},
        {"base_url": "https://x.example.org"},
        {"account": "a/b", "region": "eu"},
    ],
)
def test_talkdesk_says_which_keys_it_needs(config: dict[str, Any]) -> None:
    assert "account" in words(TalkdeskAccount, config)


def test_talkdesk_an_unknown_region_is_named() -> None:
    with pytest.raises(ValidationError) as refused:
        TalkdeskAccount.model_validate({"account": "acme", "region": "uk"})
    assert [error["loc"] for error in refused.value.errors()] == [("region",)]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "https://u:p@x.example.org",
        "https://x.example.org/?a=1",
        "x",
        "https://x.example.org:99999",
        "https://x example.org",
        "https://x.example.org ",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    assert words(SevenGAccount, {"base_url": url})


MISPLACED = "canary-in-a-wrong-place-91"


@pytest.mark.parametrize("vendor", ["7g", "sigma", "webadmit", "talkdesk"])
def test_whatever_is_written_for_a_key_is_a_sentence_without_it(tmp_path: Path, vendor: str) -> None:
    keys = [key for key in registry.account_class(vendor).model_fields if key != "vendor"]
    for key in [*keys, "password", "api_kye", "client-secret"]:
        for value in (f'"{MISPLACED}"', f'["{MISPLACED}"]', f'{{ a = "{MISPLACED}" }}', "7", "true", "[]"):
            config = tmp_path / "config.toml"
            config.write_text(f'[accounts.main]\nvendor = "{vendor}"\n{key} = {value}\n', encoding="utf-8")
            told = ""
            try:
                load(config, account_class=registry.account_class, environ={})
            except UsageProblem as problem:
                told = "".join(traceback.format_exception(problem)) + repr(vars(problem))
            # The one key whose sentence needs what was written: a path that is not there.
            assert MISPLACED not in told or key == "ca_file", (key, value)
