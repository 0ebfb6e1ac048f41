"""`doctor`: one finding a line, the worst one is the exit code, nothing is changed."""

from __future__ import annotations

from reportdash.simulator import Simulator
from tests.cli.conftest import Shell, toml


async def test_all_is_well_where_every_account_signs_in(shell: Shell, sim: Simulator) -> None:
    ran = await shell("doctor", "--json")
    assert ran.code == 0, ran.out
    found = {row["check"]: row["ok"] for row in ran.rows}
    assert all(found.values())
    assert {f"account {name}" for name in ("main", "billing", "admissions", "calls")} <= set(found)
    assert (await shell("jobs", "--json")).rows == []


async def test_a_refused_credential_is_found_and_named(shell: Shell) -> None:
    shell.env["REPORTDASH_SECRET__MAIN__PASSWORD"] = "not-the-password"
    ran = await shell("doctor")
    assert ran.code == 3
    (line,) = [line for line in ran.lines if "account main" in line]
    assert line.startswith("PROBLEM")
    assert "reportdash login main" in line
    assert "not-the-password" not in ran.out + ran.err


async def test_an_account_nobody_answers_for_is_found(shell: Shell, sim: Simulator) -> None:
    shell.write(toml(sim.accounts(), calls={"identity_url": "http://127.0.0.1:9"}))
    ran = await shell("doctor", "--json")
    assert ran.code == 4
    assert [row["check"] for row in ran.rows if not row["ok"]] == ["account calls"]


async def test_a_folder_that_cannot_be_made_is_found(shell: Shell) -> None:
    shell.reports.write_text("a file stands here", encoding="utf-8")
    ran = await shell("doctor", "--json")
    assert ran.code == 1
    assert [row["check"] for row in ran.rows if not row["ok"]] == ["reports"]


async def test_without_a_config_it_says_so_and_all_is_well(bare: Shell) -> None:
    ran = await bare("doctor")
    assert ran.code == 0, ran.err
    assert "config.toml" in ran.out
