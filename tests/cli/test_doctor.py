"""`doctor`: one finding a line, the worst one is the exit code, nothing is changed."""

from __future__ import annotations

import asyncio
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from reportdash.cli.checks import files, network
from reportdash.cli.checks.finding import Finding
from reportdash.cli.doctor import LEAVING, findings_of
from reportdash.credentials import Chain, StoreChoice, command
from reportdash.engine.seat import Seat
from reportdash.errors import Exit
from reportdash.simulator import Simulator
from tests.cli.checks.places import patient, problems
from tests.cli.conftest import Shell, toml
from tests.net.lying import Asked, Liar, Peer, always
from tests.terminal.pty import Terminal


async def test_all_is_well_where_every_account_signs_in(shell: Shell, sim: Simulator) -> None:
    ran = await shell("doctor", "--json")
    assert ran.code == 0, ran.out
    found = {row["check"]: row["ok"] for row in ran.rows}
    assert all(found.values())
    assert all(list(row) == ["check", "ok", "level", "text", "next"] for row in ran.rows)
    assert all((row["level"] == "problem") is not row["ok"] for row in ran.rows)
    assert not [row for row in ran.rows if row["level"] == "ok" and row["next"] is not None]
    (clock,) = [row["text"] for row in ran.rows if row["check"] == "clock"]
    assert clock.endswith("s of that of main, billing, admissions, calls")
    assert {f"account {name}" for name in ("main", "billing", "admissions", "calls")} <= set(found)
    assert (await shell("jobs", "--json")).rows == []


async def test_a_refused_credential_is_found_and_named(shell: Shell) -> None:
    shell.env["REPORTDASH_SECRET__MAIN__PASSWORD"] = "not-the-password"
    ran = await shell("doctor")
    assert ran.code == 3
    (line,) = [line for line in ran.lines if "account main" in line]
    assert line.startswith("PROBLEM")
    assert "set REPORTDASH_SECRET__MAIN__USERNAME and REPORTDASH_SECRET__MAIN__PASSWORD to" in line
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
    assert not list(bare.folder.iterdir())  # and nothing was made


async def test_a_missing_keyring_is_a_note_with_a_next_step_and_no_failure(bare: Shell) -> None:
    ran = await bare("doctor", "--json")
    assert ran.code == 0
    (row,) = [row for row in ran.rows if row["check"] == "keyring"]
    assert (row["ok"], row["level"]) == (True, "note") and row["text"].endswith(row["next"])


async def test_a_config_that_cannot_be_read_is_a_finding_and_exit_2(shell: Shell) -> None:
    shell.write("keep_days = 0\n")
    ran = await shell("doctor", "--json")
    assert ran.code == 2
    assert [row["check"] for row in ran.rows if not row["ok"]] == ["config"]
    assert "keep_days" in ran.err and "config.toml, line 2" in ran.err
    assert not shell.data.exists()


async def test_a_ledger_is_looked_at_and_nothing_else(shell: Shell) -> None:
    assert (await shell("accounts")).code == 0
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in shell.data.iterdir()}
    assert (await shell("doctor")).code == 0
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in shell.data.iterdir()} == before


async def test_a_vendor_with_another_time_is_a_wrong_clock(shell: Shell) -> None:
    token = {"accessToken": "abcdefgh", "refreshToken": "ijklmnop"}

    async def late(_: Asked, peer: Peer) -> None:
        await peer.answer(200, token, {"Date": formatdate(time.time() - 400, usegmt=True)})

    async with Liar(late) as liar:
        shell.write(f'[accounts.main]\nvendor = "7g"\nbase_url = "{liar.base}"\n')
        ran = await shell("doctor", "--json")
    assert ran.code == 1
    (row,) = [row for row in ran.rows if not row["ok"]]
    assert row["check"] == "clock" and "7 min ahead of the vendor's at main" in row["text"]
    assert "timedatectl" in row["next"]


async def test_on_a_terminal_findings_are_wrapped_and_the_problems_named_at_the_end(bare: Shell) -> None:
    def run() -> tuple[int, list[str]]:
        env = {**bare.environment(), "TERM": "dumb"}
        with Terminal(["doctor"], columns=80, lines=60, env=env, cwd=bare.folder, warm=True) as terminal:
            return terminal.finish(), [line for line in terminal.text.splitlines() if line]

    code, lines = await asyncio.to_thread(run)
    assert code == 1
    assert lines[-1] == "reportdash: look at terminal"
    heads = {line.split()[1] for line in lines if line.startswith(("ok  ", "note  ", "PROBLEM  "))}
    assert {"version", "config", "ledger", "keyring", "bus", "vault", "clock", "proxy", "terminal"} <= heads
    below = [line for line in lines if line.startswith(" ")]
    short = [line for line in below if str(bare.folder) not in line]  # else a path has a line for itself
    assert short and all(line.startswith(" " * 23) and line[23] != " " for line in short)
    assert any("TERM=dumb, 80x60, no colours" in line for line in lines)


# Whatever hangs.


class Stuck(Chain):
    """Stores of which one never answers."""

    async def stores(self) -> list[StoreChoice]:
        await asyncio.Event().wait()
        raise AssertionError


async def test_whatever_hangs_is_given_up_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()

    def hang(_: Path) -> list[Finding]:
        never.wait()
        return []

    async def mute(_: Asked, peer: Peer) -> None:
        await peer.raw(b"HTTP/1.1 200 OK\r\n")

    monkeypatch.setattr(files, "ledger", hang)
    env = {f"REPORTDASH_SECRET__{name}__API_KEY": "k" for name in ("STUCK", "WELL")}
    async with Liar(mute) as dead, Liar(always(200, {"user_identities": []})) as live:
        made = patient(
            tmp_path,
            "".join(
                f'[accounts.{name}]\nvendor = "webadmit"\nbase_url = "{base}"\n'
                for name, base in (("stuck", dead.base), ("well", live.base))
            ),
            environ=env,
            chain=Stuck(environ=env, folder=tmp_path / "data", use_keyring=False),
        )
        try:
            found = await findings_of(made, patience=1.0)
        finally:
            never.set()
            for seat in made.seats.values():
                await seat.client.aclose()
    wrong = {each.check: each for each in problems(found)}
    assert set(wrong) == {"keyring", "ledger", "account stuck"}
    assert all("no answer within 1 s" in each.text for each in wrong.values())
    assert wrong["account stuck"].code is Exit.UNREACHABLE
    assert [each.ok for each in found if each.check == "account well"] == [True]


async def test_a_credential_command_has_its_own_time_on_top_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    async def slow(seat: Seat, patience: float, for_command: float) -> Finding:
        given.append(for_command)
        await asyncio.sleep(4 * patience + LEAVING)
        return Finding(f"account {seat.name}", "well")

    monkeypatch.setattr(network, "account", slow)
    base = '[accounts.{}]\nvendor = "webadmit"\nbase_url = "http://127.0.0.1:9"\n'
    text = base.format("pass") + 'credential_command = ["x"]\n' + base.format("other")
    found = {each.check: each.ok for each in await findings_of(patient(tmp_path, text), patience=0.1)}
    assert (found["account pass"], found["account other"]) == (True, False)
    assert given == [command.PATIENCE] * 2 and command.PATIENCE == 10


async def test_a_credential_command_runs_once(shell: Shell, sim: Simulator) -> None:
    secrets = sim.accounts()["admissions"]["secrets"]
    line = f"echo x >> ran; echo api_key={secrets['api_key']}"
    shell.env = {}
    admissions = {"credential_command": ["sh", "-c", line]}
    shell.write(toml({"admissions": sim.accounts()["admissions"]}, admissions=admissions))
    ran = await shell("doctor", "--json")
    assert ran.code == 0, ran.out
    assert (shell.folder / "ran").read_text() == "x\n"


async def test_what_may_not_be_looked_at_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> list[Finding]:
        raise PermissionError(13, "Permission denied", "/closed")

    monkeypatch.setattr(files, "reports", refuse)
    (wrong,) = problems(await findings_of(patient(tmp_path)))
    assert (wrong.check, wrong.code) == ("reports", Exit.FAILED)
    assert "/closed: it cannot be looked at (Permission denied)" in wrong.text
