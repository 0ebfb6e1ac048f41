"""`download` of jobs of which the ledger knows little: it asks the vendor first."""

from __future__ import annotations

import uuid
from pathlib import Path

from reportdash.simulator import Simulator
from tests.cli.conftest import Shell, toml


async def test_a_job_that_ended_while_nobody_watched_is_saved(shell: Shell, sim: Simulator) -> None:
    sim.script("7g", None, ["complete"])
    job_id = (await shell("submit", "main", "TransactionSummary")).lines[0]
    ran = await shell("download", job_id)
    assert ran.code == 0, ran.err
    assert Path(ran.lines[0]).stat().st_size > 0
    row = (await shell("jobs", "--json")).row
    assert (row["state"], row["artifact"]["state"]) == ("ready", "saved")


async def test_a_group_that_ended_while_nobody_watched_is_saved(shell: Shell, sim: Simulator) -> None:
    reference = f"group:{uuid.uuid4()}"
    children = [{"name": "AgedDebtors", "stage": "ready"}, {"name": "Intercompany", "stage": "ready"}]
    sim.add("sigma", reference, "billing", name="MonthEndPack", stage="ready", children=children)
    job_id = (await shell("track", "billing", reference)).lines[0]
    ran = await shell("download", job_id)
    assert ran.code == 0, ran.err
    assert len(ran.lines) == 2


async def test_a_job_that_runs_still_is_not_ready(shell: Shell, sim: Simulator) -> None:
    sim.script("7g", None, ["incomplete"])
    job_id = (await shell("submit", "main", "TransactionSummary")).lines[0]
    ran = await shell("download", job_id)
    assert (ran.code, ran.out) == (1, "")
    assert "running" in ran.err


async def test_a_job_whose_state_cannot_be_asked_for_exits_with_the_reason(
    shell: Shell, sim: Simulator
) -> None:
    job_id = (await shell("submit", "main", "TransactionSummary")).lines[0]
    shell.env["REPORTDASH_SECRET__MAIN__PASSWORD"] = "not-the-password"
    ran = await shell("download", job_id)
    assert ran.code == 3, ran.err
    assert "status is not known" in ran.err


async def test_a_job_of_an_account_that_left_the_config_is_an_error(shell: Shell, sim: Simulator) -> None:
    sim.script("7g", None, ["complete"])
    job_id = (await shell("submit", "main", "TransactionSummary")).lines[0]
    assert (await shell("watch", "--timeout", "60")).code == 0
    rest = {name: account for name, account in sim.accounts().items() if name != "main"}
    shell.write(toml(rest))
    ran = await shell("download", job_id)
    assert ran.code == 2, ran.err
    assert "no account is named main" in ran.err
