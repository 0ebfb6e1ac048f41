"""Streams and texts as they come: full, closed, in another encoding, or no text at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reportdash.simulator import Simulator
from tests.cli.conftest import Shell


def _run(shell: Shell, line: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """A shell line with `$R` as the command."""
    command = f"{sys.executable} -m reportdash"
    return subprocess.run(
        ["/bin/sh", "-c", line.replace("$R", command)],
        env={**shell.environment(), **env},
        cwd=shell.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


async def _tracked(shell: Shell, name: str = "Überweisungen") -> str:
    ran = await shell("track", "calls", "calls/abc", "--name", name)
    assert ran.code == 0, ran.err
    return ran.lines[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", ["jobs", "jobs --json", "show calls", "config path"])
async def test_a_full_disk_behind_stdout_is_said(shell: Shell, words: str) -> None:
    job_id = await _tracked(shell)
    ran = _run(shell, f"$R {words.replace('calls', job_id)} > /dev/full")
    assert ran.returncode == 1, ran.stderr
    assert b"cannot be written" in ran.stderr
    assert ran.stderr.count(b"\n") == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
async def test_a_closed_stream_leads_nowhere(shell: Shell, closed: str) -> None:
    await _tracked(shell)
    ran = _run(shell, f"$R jobs --json {closed}")
    assert (ran.returncode, ran.stderr) == (0, b"")


async def test_data_is_utf_8_whatever_the_locale(shell: Shell) -> None:
    await _tracked(shell)
    ran = _run(shell, "$R jobs --json", PYTHONIOENCODING="ascii", LC_ALL="POSIX", PYTHONUTF8="0")
    assert ran.returncode == 0, ran.stderr
    assert "Überweisungen" in ran.stdout.decode("utf-8")
    assert _run(shell, "$R jobs", PYTHONIOENCODING="latin-1").returncode == 0


async def test_a_name_is_one_printable_line(shell: Shell) -> None:
    job_id = await _tracked(shell, "\x1b[31mred\x9b1m\nline" + "x" * 5000)
    name = (await shell("jobs", "--json")).row["name"]
    assert name.isprintable()
    assert len(name) <= 200
    assert "\x1b" not in (await shell("show", job_id)).out


@pytest.mark.parametrize(
    "words", ["main X -p A=$(printf '\\377')", "main $(printf 'X\\033')", "main $(printf 'X\\377')"]
)
async def test_what_is_no_text_is_refused_before_anything_is_sent(
    shell: Shell, sim: Simulator, words: str
) -> None:
    ran = _run(shell, f"$R submit {words}")
    assert ran.returncode == 2, ran.stderr
    assert len(sim.requests) == 0
    assert (await shell("jobs", "--json")).rows == []
