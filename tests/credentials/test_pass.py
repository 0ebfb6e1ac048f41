"""`pass` and commands that want to ask: they get their answer elsewhere, or end with a sentence.

With a real gpg and a real gpg-agent, which remembers the terminal it was started from: the very one on which
the dashboard runs.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from reportdash.credentials import command
from reportdash.errors import CredentialProblem
from tests.credentials.conftest import IN_PASS, Environ, Pass
from tests.credentials.test_chain import KEY, pipes
from tests.terminal.pty import Terminal, wait_for

SHELL = (
    "GPG_TTY=$(tty) SSH_TTY=$(tty); export GPG_TTY SSH_TTY; "
    'case "$GNUPGHOME" in ?*) gpg-connect-agent updatestartuptty /bye >/dev/null 2>&1;; esac; '
    f'exec {shlex.join([sys.executable, "-m", "reportdash"])} "$@"'
)
"""What an operator's shell does before the dashboard starts from it."""
CURSES = (b"assphrase", b"\x1b(0", b"\x1b[?1h", b"\x1b=")
"""What pinentry-curses writes, and the dashboard never."""


async def test_a_key_in_pass_is_used_while_gpg_agent_has_its_passphrase(store: Pass) -> None:
    store.remember()
    environ = {**store.environ, "REPORTDASH_SECRET__OTHER__API_KEY": "canary-of-another"}
    before = pipes()
    found = await command.run("main", ["pass", "show", store.entry], KEY, environ)
    assert dict(found) == {"api_key": IN_PASS}
    assert pipes() == before


async def test_an_agent_that_a_command_starts_outlives_it_and_holds_nothing_of_ours(store: Pass) -> None:
    environ = {**store.environ, "REPORTDASH_SECRET__OTHER__API_KEY": "canary-of-another"}
    before = pipes()
    with pytest.raises(CredentialProblem, match="without a terminal to ask on: run it by hand"):
        await command.run("main", ["pass", "show", store.entry], KEY, environ)
    assert pipes() == before
    agent = int(store.run("gpg-connect-agent", "getinfo pid", "/bye").split()[1])
    inherited = Path(f"/proc/{agent}/environ").read_bytes()
    assert store.environ["GNUPGHOME"].encode() in inherited
    assert b"canary-of-another" not in inherited


@contextmanager
def dashboard(folder: Path, environ: Environ, argv: Sequence[str]) -> Iterator[Terminal]:
    config = folder / "config.toml"
    config.write_text(
        '[accounts.main]\nvendor = "webadmit"\nuser_identity = 1\nbase_url = "http://127.0.0.1:9"\n'
        f"credential_command = [{', '.join(f'{word!r}' for word in argv)}]\n",
        encoding="utf-8",
    )
    words = ["--config", str(config), "--data-dir", str(folder / "data")]
    with Terminal(words, env=environ, program=["sh", "-c", SHELL, "reportdash"]) as terminal:
        yield terminal


@pytest.mark.parametrize("conf", [(), ("keep-tty",)], ids=["", "keep-tty"])
def test_no_pinentry_is_painted_over_a_dashboard_nor_takes_its_keys(
    store: Pass, tmp_path: Path, conf: tuple[str, ...]
) -> None:
    store.forget(*conf)
    with dashboard(tmp_path, store.environ, ["pass", "show", store.entry]) as terminal:
        terminal.until("No jobs yet")
        wait_for(lambda: store.asked.exists() and "GETPIN" in store.asked.read_text(), "nobody is asked")
        terminal.send("a")
        terminal.until("without a terminal")
        terminal.send("\x1b")
        terminal.until(lambda text: "It says" not in text)
        terminal.send("q")
        assert terminal.finish() == 0
        assert terminal.tty_is_as_before()
        assert [mark for mark in CURSES if mark in terminal.bytes] == []
    # `pass` itself says `not a tty` where there is none.
    assert "ttyname=/" not in store.asked.read_text()


def test_a_command_that_reads_the_terminal_ends_at_once(bare: Environ, tmp_path: Path) -> None:
    asks = tmp_path / "asks"
    asks.write_text(
        "#!/bin/sh\n"
        'for tty in /dev/tty "$GPG_TTY" "$SSH_TTY"; do printf PAINTED >"$tty" && read key <"$tty"; done\n'
        f'touch {tmp_path}/asked; test -n "$key" && echo "api_key=$key"\n'
    )
    asks.chmod(0o700)
    with dashboard(tmp_path, bare, [str(asks)]) as terminal:
        terminal.until("No jobs yet")
        wait_for((tmp_path / "asked").exists, "it reads the terminal and waits")
        terminal.send("a")
        terminal.until("ended with exit code 1")
        terminal.send("\x1b")
        terminal.until(lambda text: "It says" not in text)
        terminal.send("q")
        assert terminal.finish() == 0
        assert b"PAINTED" not in terminal.bytes
