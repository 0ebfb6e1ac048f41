"""A key that a vendor no longer takes: one account rests, and a login anywhere sets it going where it stands.

Real processes on one ledger: a watch that polls, a dashboard that looks on, and a login beside them. The keys
are in the vault, which each process opens by a passphrase file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from reportdash.ledger import Store
from reportdash.model import Account
from reportdash.simulator import Simulator
from tests.cli.conftest import Shell, toml
from tests.faults.test_dropped_line import dashboard, reference, shows, sim, until, watching

__all__ = ["sim"]


@pytest.fixture
def shell(sim: Simulator, tmp_path: Path) -> Shell:
    """Two accounts of one vendor, no key in the environment, and a file that opens the vault."""
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("seven blue herons\n")
    made = Shell(tmp_path, {"REPORTDASH_VAULT_PASSPHRASE_FILE": str(passphrase)})
    configure(made, sim)
    return made


def configure(shell: Shell, sim: Simulator) -> None:
    known = sim.accounts()
    # Both names are in the list of accounts that `toml` takes.
    shell.write(toml({"main": known["main"], "billing": known["funds"]}))


async def log_in(shell: Shell, sim: Simulator, account: str, user: str) -> None:
    values = sim.accounts()[user]["secrets"]
    lines = "".join(f"{field}={value}\n" for field, value in values.items())
    ran = await shell("login", account, "--stdin", stdin=lines)
    assert (ran.code, "stored in vault" in ran.err) == (0, True), ran.err


async def started(shell: Shell, sim: Simulator, account: str) -> str:
    sim.script("7g", None, ["incomplete"])
    ran = await shell("submit", account, "EntityBalanceReport")
    assert ran.code == 0, ran.err
    return ran.lines[0]


def row(shell: Shell, name: str) -> Account:
    with Store.open(shell.data / "ledger.db", readonly=True) as store:
        return store.account(name)


def looks(shell: Shell, sim: Simulator, job_id: str) -> Callable[[int], bool]:
    """Whether the vendor was asked about a job so many times more than until now."""
    path = f"*{reference(shell, job_id)}*"
    before = len(sim.calls("7g", "GET", path))
    return lambda more: len(sim.calls("7g", "GET", path)) >= before + more


async def test_a_refused_key_rests_one_account_and_a_login_elsewhere_sets_the_running_watch_going(
    shell: Shell, sim: Simulator
) -> None:
    await log_in(shell, sim, "main", "main")
    await log_in(shell, sim, "billing", "funds")
    ours, others = await started(shell, sim, "main"), await started(shell, sim, "billing")
    vendor = sim.vendors["7g"]
    async with watching(shell) as watch, dashboard(shell) as terminal:
        seen = looks(shell, sim, ours)
        await until(lambda: seen(2))
        vendor.accounts["main"].secrets["password"] = "another-from-now-on"
        vendor.expire_tokens()
        await until(lambda: row(shell, "main").health == "auth_failed")

        await shows(terminal, "key refused, l log in")
        jobs = {job["id"]: job["health"] for job in (await shell("jobs", "--json")).rows}
        assert (jobs[ours], jobs[others]) == ("auth_failed", "ok")
        signed_in = len(sim.calls("7g", "POST", "/User/Login"))
        rests, goes_on = looks(shell, sim, ours), looks(shell, sim, others)
        await until(lambda: goes_on(10))
        assert not rests(1), "an account whose key was refused is left alone"
        assert len(sim.calls("7g", "POST", "/User/Login")) <= signed_in + 1, "and its key is not tried again"

        await log_in(shell, sim, "main", "main")
        await until(lambda: rests(2))
        assert row(shell, "main").health == "ok"
        assert watch.process.returncode is None
        await shows(terminal, "main")
        terminal.send("q")
        assert await asyncio.to_thread(terminal.finish) == 0
        vendor.expire_tokens()  # the new key is in the watch itself, not in a session it was lent
        again = looks(shell, sim, ours)
        await until(lambda: again(2))


async def test_a_key_is_sent_to_no_other_address_than_it_was_given_for(shell: Shell, sim: Simulator) -> None:
    await log_in(shell, sim, "main", "main")
    given_for = sim.url("7g")
    async with Simulator(seed=7) as elsewhere:
        configure(shell, elsewhere)
        for words in (("submit", "main", "EntityBalanceReport"), ("watch", "--timeout", "5"), ("doctor",)):
            ran = await shell(*words)
            assert ran.code == 3, ran.err
            if words[0] != "watch":
                assert f"given for {given_for}" in ran.err + ran.out
                assert "nothing was sent" in ran.err + ran.out
        assert list(elsewhere.requests) == []
