"""The simulator as a process: ready line, jobs made known, a clean end, and the config it prints."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

COMMAND = [sys.executable, "-m", "reportdash.simulator"]


class Child:
    """A simulator process with pipes."""

    def __init__(self, process: asyncio.subprocess.Process, tmp: Path) -> None:
        self.process, self.tmp = process, tmp
        self.ready: dict[str, Any] = {}

    async def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(await asyncio.wait_for(self.process.stdout.readline(), 120))
        return answer

    async def say(self, value: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(value).encode() + b"\n")
        return await self.line()

    async def end(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 120)

    @property
    def left(self) -> list[str]:
        return [path.name for path in self.tmp.iterdir()]


async def start(tmp: Path, *arguments: str) -> Child:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp)},
    )
    return Child(process, tmp)


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[Child]:
    child = await start(tmp_path, "--child", "--changes", "0")
    child.ready = await child.line()
    yield child
    if child.process.returncode is None:
        child.process.kill()
        await child.process.wait()


async def test_the_child_serves_jobs_it_was_told_of_and_leaves_nothing(
    child: Child, http: httpx.AsyncClient
) -> None:
    assert set(child.ready) == {"urls", "accounts", "published"}
    job = {"vendor": "7g", "account": "funds", "reference": "ab", "name": "X", "report": "X"}
    ready = {"vendor": "sigma", "account": "billing", "reference": "R1", "name": "CashPosition"}
    assert await child.say({"add": [{**job, "stage": "running", "age_s": 60}, ready]}) == {"added": 2}
    assert [path.name for path in Path(child.ready["published"]).iterdir()] == ["CashPosition_R1.csv"]
    url, secrets = child.ready["urls"]["7g"], child.ready["accounts"]["funds"]["secrets"]
    version = {"Version": "2.0"}
    token = (await http.post(url + "/User/Login", json=secrets, headers=version)).json()["accessToken"]
    reply = await http.get(url + "/Report/Status?reference=ab", headers={**version, "Authorization": token})
    assert reply.json()["data"] == "incomplete"
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert await child.end() == 0
    assert child.left == []


async def test_a_line_that_makes_no_sense_is_answered_and_survived(child: Child) -> None:
    assert "error" in await child.say({"remove": []})
    assert "error" in await child.say({"add": [{"vendor": "nobody", "reference": "x"}]})
    assert await child.say({"add": []}) == {"added": 0}


async def test_ten_thousand_jobs_in_one_line(child: Child) -> None:
    jobs = [{"vendor": "7g", "reference": f"{n}", "report": "X", "stage": "ready"} for n in range(10_000)]
    assert await child.say({"add": jobs}) == {"added": 10_000}


async def test_sigterm_ends_it_cleanly_and_ctrl_c_is_the_parents(child: Child) -> None:
    child.process.send_signal(signal.SIGINT)
    assert await child.say({"add": []}) == {"added": 0}
    child.process.send_signal(signal.SIGTERM)
    assert await child.end() == 0
    assert child.left == []


@pytest.mark.parametrize("held", [False, True], ids=["pipe closes", "pipe is held by another"])
async def test_it_ends_when_its_parent_is_killed(tmp_path: Path, held: bool) -> None:
    """A parent in between is killed; the writing end of the child's input is its own, or the test's."""
    reading, writing = os.pipe()
    stdin = reading if held else "subprocess.PIPE"
    code = f"import subprocess; subprocess.Popen({[*COMMAND, '--child']!r}, stdin={stdin}).wait()"
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        pass_fds=[reading],
    )
    os.close(reading)
    assert parent.stdout is not None
    ready = json.loads(await asyncio.wait_for(parent.stdout.readline(), 120))
    assert Path(ready["published"]).is_dir()
    parent.kill()
    try:
        assert await asyncio.wait_for(parent.stdout.read(), 120) == b""
    finally:
        os.close(writing)
    await parent.wait()
    assert list(tmp_path.iterdir()) == []


async def test_alone_it_prints_a_config_and_stops_on_sigint(tmp_path: Path) -> None:
    child = await start(tmp_path)
    assert child.process.stdout is not None
    text = ""
    while "identity_url" not in text:
        line = await asyncio.wait_for(child.process.stdout.readline(), 120)
        assert line
        text += line.decode()
    config = tomllib.loads(text)
    assert {name: account["vendor"] for name, account in config["accounts"].items()} == {
        "main": "7g",
        "billing": "sigma",
        "admissions": "webadmit",
        "calls": "talkdesk",
    }
    assert set(config) == {"accounts"}
    assert config["accounts"]["admissions"]["user_identity"] == 4242
    assert Path(config["accounts"]["billing"]["published"]).parent.is_dir()
    assert "# export REPORTDASH_SECRET__MAIN__USERNAME=demo-main" in text
    child.process.send_signal(signal.SIGINT)
    assert await child.end() == 0
    assert child.left == []


async def test_a_taken_port_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "--port",
            str(port),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 2
    assert out == b""
    assert err.decode().count("\n") == 1
    assert f":{port}" in err.decode()
    assert list(tmp_path.iterdir()) == []
