"""`watch`: whose reports it saves, and what it waits for before it ends."""

from __future__ import annotations

from typing import Any

from reportdash.simulator import Simulator
from tests.cli.conftest import Shell, toml


async def _states(shell: Shell) -> dict[str, str | None]:
    rows: list[dict[str, Any]] = (await shell("jobs", "--json")).rows
    return {row["account"]: row["artifact"] and row["artifact"]["state"] for row in rows}


async def _two_ready(shell: Shell, sim: Simulator) -> None:
    sim.script("7g", None, ["complete"])
    sim.script("webadmit", None, ["Available"])
    for words in (("main", "TransactionSummary"), ("admissions", "86446")):
        assert (await shell("submit", *words)).code == 0


async def test_the_downloads_of_an_auto_download_account_are_waited_for(shell: Shell, sim: Simulator) -> None:
    shell.write(toml(sim.accounts(), admissions={"auto_download": True}))
    await _two_ready(shell, sim)
    ran = await shell("watch", "--timeout", "60")
    assert ran.code == 0, ran.err
    assert await _states(shell) == {"main": None, "admissions": "saved"}


async def test_what_was_ready_before_an_account_saved_by_itself_is_saved_by_the_next_watch(
    shell: Shell, sim: Simulator
) -> None:
    await _two_ready(shell, sim)
    assert (await shell("watch", "--timeout", "60")).code == 0
    shell.write(toml(sim.accounts(), main={"auto_download": True}))
    assert (await shell("watch", "--timeout", "60")).code == 0
    assert await _states(shell) == {"main": "saved", "admissions": None}


async def test_a_query_says_whose_reports_are_saved(shell: Shell, sim: Simulator) -> None:
    await _two_ready(shell, sim)
    ran = await shell("watch", "account:admissions", "--download", "--timeout", "60")
    assert ran.code == 0, ran.err
    assert (await shell("watch", "--timeout", "60")).code == 0
    assert await _states(shell) == {"main": None, "admissions": "saved"}


async def test_a_ready_report_is_saved_although_nothing_changes_any_more(
    shell: Shell, sim: Simulator
) -> None:
    await _two_ready(shell, sim)
    assert (await shell("watch", "--timeout", "60")).code == 0
    ran = await shell("watch", "--download", "--timeout", "60")
    assert ran.code == 0, ran.err
    assert await _states(shell) == {"main": "saved", "admissions": "saved"}
