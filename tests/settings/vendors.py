"""Account classes as vendors declare them, without a vendor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from reportdash.errors import Exit, UsageProblem
from reportdash.settings import Settings, load
from reportdash.settings.bindings import KeyRules
from reportdash.tui.actions import ACTIONS, normal_key
from reportdash.tui.columns import NAMES
from reportdash.tui.keynames import fault
from reportdash.vendors.contract import AccountSettings, Url


class SevenG(AccountSettings):
    SECRETS = (("username", "password"),)
    base_url: Url = "https://api.7g.example"
    idempotent: bool = False


class Talkdesk(AccountSettings):
    SECRETS = (("client_id", "client_secret"),)
    base_url: Url = "https://api.talkdesk.example"
    account: str | None = None
    region: Literal["us", "eu", "ca"] = "us"


CLASSES: dict[str, type[BaseModel]] = {"7g": SevenG, "talkdesk": Talkdesk}


def account_class(name: str) -> type[BaseModel]:
    return CLASSES[name]


def read(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a config with this text, checked against what the dashboard has."""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load(
        path,
        account_class=account_class,
        environ={"HOME": "/home/op", **(environ or {})},
        known_actions=[action.id for action in ACTIONS],
        key_rules=KeyRules({action.id: action.keys for action in ACTIONS}, normal_key, fault),
        known_columns=NAMES,
        filter_fault=lambda text: (3, "it is odd") if "odd" in text else None,
    )


def refusal(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    """The sentence that refuses this config, with the file's name shortened."""
    with pytest.raises(UsageProblem) as caught:
        read(folder, text, environ)
    assert caught.value.exit_code == Exit.USAGE
    assert "\n" not in caught.value.text
    return caught.value.text.replace(str(folder) + "/", "")
