"""What a command asks on the terminal: only the asked word acts, and a signal ends the question at once."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from reportdash.simulator import Simulator
from tests.cli.conftest import Shell
from tests.terminal.pty import Terminal


async def _ready(shell: Shell, sim: Simulator) -> str:
    sim.script("7g", None, ["complete"])
    job_id = (await shell("submit", "main", "TransactionSummary")).lines[0]
    assert (await shell("watch", "--timeout", "60")).code == 0
    return job_id


def _asked(shell: Shell, job_id: str, answer: str | signal.Signals) -> tuple[int, str]:
    words, env = ["delete", job_id, "--unsaved"], shell.environment()
    with Terminal(words, env=env, cwd=shell.folder, warm=True) as terminal:
        terminal.until("Type delete to go on:")
        if isinstance(answer, str):
            terminal.send(answer)
        else:
            terminal.signal(answer)
        return terminal.finish(), terminal.text


@pytest.mark.parametrize("answer", ["\x03", signal.SIGTERM, signal.SIGHUP], ids=["ctrl-c", "term", "hup"])
async def test_a_signal_at_the_prompt_ends_the_command_without_an_answer(
    shell: Shell, sim: Simulator, answer: str | signal.Signals
) -> None:
    job_id = await _ready(shell, sim)
    code, text = await asyncio.to_thread(_asked, shell, job_id, answer)
    assert code == 130, text
    assert "Traceback" not in text
    assert (await shell("jobs", "--json")).row["state"] == "ready"


def _stopped_and_back(shell: Shell) -> bytes:
    """ctrl+z at the question for a passphrase in a shell that knows jobs, `fg`, and something typed."""
    env = {name: text for name, text in shell.environment().items() if "SECRET" not in name}
    words = ["--norc", "--noprofile", "--noediting", "-i"]
    question = "New passphrase of the vault"
    with Terminal(words, env={**env, "PS1": "$ "}, cwd=shell.folder, program=("bash",)) as terminal:
        terminal.until("$")
        terminal.send(f"{sys.executable} -m reportdash login main --store vault\r")
        terminal.until(question)
        terminal.send("abandoned\x1a")
        terminal.until("Stopped")
        terminal.send("fg\r")
        terminal.until(lambda text: text.count(question) == 2)
        terminal.send("canary\r")
        terminal.until("too short")
        terminal.until(lambda text: text.count(question) == 3)
        terminal.send("\x03")
        terminal.until("interrupted")
        terminal.send("exit\r")
        terminal.finish()
        return bytes(terminal.bytes)


async def test_a_secret_is_not_shown_after_ctrl_z_and_fg(shell: Shell) -> None:
    shown = await asyncio.to_thread(_stopped_and_back, shell)
    assert b"canary" not in shown
    assert b"abandoned" not in shown
    assert b"Traceback" not in shown


@pytest.mark.parametrize(("answer", "code", "state"), [("yes\r", 5, "ready"), ("delete\r", 0, "deleted")])
async def test_an_unsaved_report_is_deleted_by_its_word_only(
    shell: Shell, sim: Simulator, answer: str, code: int, state: str
) -> None:
    job_id = await _ready(shell, sim)
    ended, text = await asyncio.to_thread(_asked, shell, job_id, answer)
    assert ended == code, text
    assert (await shell("jobs", "--json")).row["state"] == state
