"""`config schema`: well-formed JSON Schema, with every key there is, and in agreement with what is read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from reportdash.errors import UsageProblem
from reportdash.settings import load, starter
from reportdash.settings.records import config_keys, schema
from reportdash.simulator import Simulator
from reportdash.tui.actions import ACTIONS
from reportdash.vendors import registry
from reportdash.vendors.contract import AccountSettings
from tests.cli.conftest import toml
from tests.settings.json_schema import faults, parts, well_formed

ROOT = Path(__file__).parents[2]
ACTION_IDS = [action.id for action in ACTIONS]


class Acme(AccountSettings):
    """A plug-in's account."""

    SECRETS = (("token",),)
    desk: int = Field(1, ge=1)


def made() -> dict[str, Any]:
    """The schema as the command prints it, with a plug-in that is loaded and one that is not."""
    classes: dict[str, Any] = {name: registry.account_class(name) for name in registry.OWN}
    return schema({**classes, "acme": Acme, "other": None}, ACTION_IDS)


WHOLE = made()
VARIANTS: dict[str, dict[str, Any]] = {
    part["properties"]["vendor"]["const"]: part
    for part in WHOLE["properties"]["accounts"]["additionalProperties"]["oneOf"]
}


def wrong(text: str) -> list[str]:
    return faults(tomllib.loads(text), WHOLE, WHOLE)


def test_it_is_well_formed_json_schema_of_draft_2020_12() -> None:
    assert WHOLE["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    well_formed(WHOLE)
    assert all(part.get("type") != "null" for _, part in parts(WHOLE))  # which TOML cannot say


def test_every_key_of_the_config_is_in_it_and_no_other() -> None:
    assert list(WHOLE["properties"]) == config_keys()
    assert WHOLE["additionalProperties"] is False
    assert set(WHOLE["$defs"]["View"]["properties"]) == {"filter", "sort", "columns"}
    assert WHOLE["properties"]["keys"]["propertyNames"]["enum"] == ACTION_IDS


@pytest.mark.parametrize("vendor", [*registry.OWN, "acme"])
def test_every_key_of_an_account_is_in_it_and_no_secret(vendor: str) -> None:
    cls = Acme if vendor == "acme" else registry.account_class(vendor)
    assert set(VARIANTS[vendor]["properties"]) == set(cls.model_fields)
    assert VARIANTS[vendor]["additionalProperties"] is False
    assert not {field for fields in cls.SECRETS for field in fields} & set(cls.model_fields)


@pytest.mark.parametrize("vendor", registry.OWN)
def test_every_key_says_what_it_is_for(vendor: str) -> None:
    for properties in (WHOLE["properties"], VARIANTS[vendor]["properties"]):
        assert not [key for key, part in properties.items() if key != "vendor" and "description" not in part]


def readme() -> str:
    """The README's config for one account of each vendor."""
    (text,) = re.findall(r"```toml\n(download_dir.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert isinstance(text, str)
    return text


def uncommented() -> str:
    """What `config init` writes, every line in it that is a setting put in force."""
    return re.sub(r"^# (?=\[[a-z]|[a-z_]+ = )", "", starter(), flags=re.MULTILINE)


EXAMPLES = {
    "readme": readme(),
    "starter": starter(),
    "uncommented starter": uncommented(),
    "empty": "",
    "everything": 'wire = false\nmouse = true\n[keys]\nsort = ["s", "f2"]\nrange = false\n[views.late]\n'
    'sort = "-age"\ncolumns = ["account"]\n[accounts.a]\nvendor = "talkdesk"\nbase_url = "https://x"\n'
    'identity_url = "https://y"\npoll_min = 0.5\nmax_inflight = 3\nrequests_per_minute = 90\n'
    'download_hosts = ["x"]\nca_file = "ca.pem"\n'
    'credential_command = ["pass", "show", ""]\n[accounts.b]\nvendor = "acme"\nbase_url = "https://z"\n'
    "desk = 3\n"
    '[accounts.c]\nvendor = "other"\nwhatever = 1\n',
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_of_ours_is_valid(name: str) -> None:
    assert wrong(EXAMPLES[name]) == []


def test_the_example_has_all_that_config_init_knows() -> None:
    data = tomllib.loads(uncommented())
    assert set(data["accounts"]) == {"main", "billing", "admissions", "calls"}
    assert {"keys", "views", "read_only", "title"} <= set(data)


async def test_the_simulators_config_is_valid() -> None:
    async with Simulator(seed=1) as simulator:
        assert wrong(toml(simulator.accounts())) == []


@pytest.mark.parametrize(
    "text",
    [
        "keepdays = 3\n",
        '[accounts.main]\nvendor = "7g"\ncredential_command = []\n',
        '[accounts.main]\nvendor = "7g"\ncredential_command = [""]\n',
        '[accounts.main]\nvendor = "7g"\ncredential_command = [" ", "x"]\n',
        "keep_days = 0\n",
        'keep_days = "many"\n',
        'glyphs = "runes"\n',
        'mouse = "sometimes"\n',
        "[keys]\nsrot = 's'\n",
        "[keys]\nsort = true\n",
        "[views.x]\ncolour = 'red'\n",
        '[accounts.main]\nvendor = "8g"\n',
        '[accounts.main]\nbase_url = "https://x"\n',
        '[accounts.main]\nvendor = "7g"\npassword = "x"\n',
        '[accounts.main]\nvendor = "7g"\npoll_min = 0\n',
        '[accounts.main]\nvendor = "7g"\nuser_identity = 3\n',
        '[accounts."my main"]\nvendor = "7g"\n',
        '[accounts.a]\nvendor = "webadmit"\nuser_identity = 0\n',
        '[accounts.a]\nvendor = "talkdesk"\naccount = "acme"\nregion = "moon"\n',
        '[accounts.a]\nvendor = "sigma"\nbase_url = "http://x"\nauth = "arx"\n',
    ],
)
def test_what_is_refused_when_it_is_read_is_refused_by_the_schema(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(UsageProblem):
        load(path, account_class=registry.account_class, environ={}, known_actions=ACTION_IDS)
    assert wrong(text)
