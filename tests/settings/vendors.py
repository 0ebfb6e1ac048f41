"""Account classes as vendors declare them, without a vendor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from reportdash.errors import Exit, UsageProblem
from reportdash.settings import Settings, load
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
    """The settings of a config with this text."""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, account_class=account_class, environ={"HOME": "/home/op", **(environ or {})})


def refusal(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    """The sentence that refuses this config, with the file's name shortened."""
    with pytest.raises(UsageProblem) as caught:
        read(folder, text, environ)
    assert caught.value.exit_code == Exit.USAGE
    assert "\n" not in caught.value.text
    return caught.value.text.replace(str(folder) + "/", "")
