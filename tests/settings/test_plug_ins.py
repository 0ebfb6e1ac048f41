"""A plug-in that can not be used leaves its accounts out; everything else of the config holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel, field_validator

from reportdash.errors import PlugInBroken, UsageProblem
from reportdash.settings import Settings, load, schema, show
from tests.settings import vendors

BROKEN = 'vendor = "acme"\nregion = "eu"\napi_key = "s3cret-value"\n'
MAIN = '[accounts.main]\nvendor = "7g"\n'


class Moody(vendors.SevenG):
    @field_validator("idempotent")
    @classmethod
    def _moody(cls, value: bool) -> bool:
        raise ZeroDivisionError("s3cret-value")


def account_class(name: str) -> type[BaseModel]:
    if name == "acme":
        raise PlugInBroken("the plug-in for vendor 'acme' (acme 1.2) does not load: ImportError", "reinstall")
    if name == "moody":
        return Moody
    return vendors.account_class(name)


def read(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, account_class=account_class, environ={"HOME": "/home/op", **(environ or {})})


def test_its_account_is_left_out_and_the_others_work(tmp_path: Path) -> None:
    settings = read(tmp_path, f"keep_days = 7\n[accounts.pay]\n{BROKEN}{MAIN}")
    assert list(settings.accounts) == ["main"]
    assert settings.keep_days == 7
    left = settings.left_out["pay"]
    assert (left.vendor, left.remedy) == ("acme", "reinstall")
    assert "ImportError" in left.text and "reinstall" in left.text


def test_two_accounts_of_one_plug_in_are_one_warning(tmp_path: Path) -> None:
    settings = read(tmp_path, f"[accounts.pay]\n{BROKEN}[accounts.pay2]\n{BROKEN}{MAIN}")
    (warning,) = settings.warnings()
    assert "accounts pay, pay2 are left out" in warning
    assert "ImportError" in warning and "reinstall, or take them out of" in warning
    assert "config.toml" in warning and "s3cret" not in warning and "\n" not in warning


def test_an_account_of_the_environment_alone_is_left_out_as_well(tmp_path: Path) -> None:
    settings = read(tmp_path, MAIN, {"REPORTDASH_ACCOUNTS__PAY__VENDOR": "acme"})
    assert settings.left_out["pay"].vendor == "acme"
    assert list(settings.accounts) == ["main"]


def test_another_mistake_in_the_config_is_still_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r"line 7: accounts\.main\.regon"):
        read(tmp_path, f"[accounts.pay]\n{BROKEN}{MAIN.strip()}\nregon = 1\n")


def test_a_vendor_that_does_not_exist_is_still_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="names no vendor"):
        read(tmp_path, '[accounts.pay]\nvendor = "acne"\n')


def test_a_check_of_the_plug_in_that_fails_is_its_own_mistake(tmp_path: Path) -> None:
    settings = read(tmp_path, f'[accounts.pay]\nvendor = "moody"\nidempotent = true\n{MAIN}')
    assert list(settings.accounts) == ["main"]
    assert "ZeroDivisionError" in settings.left_out["pay"].why
    assert "s3cret" not in settings.left_out["pay"].text


def test_show_names_what_is_left_out_and_no_value_of_it(tmp_path: Path) -> None:
    text = show(read(tmp_path, f"[accounts.pay]\n{BROKEN}{MAIN}"))
    assert "# [accounts.pay] is left out: the plug-in for vendor 'acme'" in text
    assert "s3cret" not in text and 'region = "eu"' not in text


def test_the_schema_leaves_open_what_a_plug_in_takes() -> None:
    made = schema({"7g": vendors.SevenG, "acme": None})
    ours, open_one = made["properties"]["accounts"]["additionalProperties"]["oneOf"]
    assert ours["additionalProperties"] is False
    assert open_one == {
        "properties": {"vendor": {"const": "acme"}},
        "required": ["vendor"],
        "title": "acme account",
    }
    assert "left_out" not in made["properties"]
