"""`config schema`: what an editor can check a config with."""

from __future__ import annotations

import json

from tests.cli.conftest import Shell


async def test_the_schema_names_every_vendor_and_no_secret(bare: Shell) -> None:
    ran = await bare("config", "schema")
    assert ran.code == 0, ran.err
    whole = json.loads(ran.out)
    accounts = whole["properties"]["accounts"]["additionalProperties"]["oneOf"]
    assert [part["properties"]["vendor"]["const"] for part in accounts] == [
        "7g",
        "sigma",
        "webadmit",
        "talkdesk",
    ]
    assert "download_dir" in whole["properties"]
    assert all("requests_per_minute" in part["properties"] for part in accounts)
    assert not {"password", "client_token", "api_key", "client_secret"} & {
        key for part in accounts for key in part["properties"]
    }
