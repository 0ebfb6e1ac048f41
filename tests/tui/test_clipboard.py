"""Copying: what is sent to the terminal, what tmux is handed, and what is said of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportdash.tui import clipboard
from reportdash.tui.clipboard import MOST_BYTES, Between, between, said, sequence, to_tmux
from tests.faults.payloads import harmful
from tests.faults.spoken import TOLD
from tests.tui.boards import board, screen_text

PLAIN = {"TERM": "xterm-256color"}
TMUX = {"TERM": "tmux-256color", "TMUX": "/tmp/tmux-1000/default,1,0"}
SCREEN = {"TERM": "screen", "STY": "1.pts-0.host"}


def copied(stream: str) -> str:
    """What a terminal makes of a plain OSC 52."""
    assert stream.startswith("\x1b]52;c;") and stream.endswith("\x07")
    return b64decode(stream[7:-1]).decode()


def unwrapped(stream: str) -> str:
    """What screen hands on of strings wrapped for it."""
    parts = stream.split("\x1bP")
    assert parts[0] == "" and all(part.endswith("\x1b\\") for part in parts[1:])
    assert all(len(part) < 768 for part in parts)
    return "".join(part[:-2] for part in parts[1:])


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        (PLAIN, Between.NOTHING),
        (TMUX, Between.TMUX),
        (SCREEN, Between.SCREEN),
        ({"TERM": "tmux-256color"}, Between.OUTER_TMUX),
        ({"TERM": "screen-256color"}, Between.EITHER),
        ({**SCREEN, **TMUX}, Between.TMUX),
        ({}, Between.NOTHING),
    ],
)
def test_what_stands_in_between_is_told_by_the_environment(environ: dict[str, str], found: Between) -> None:
    assert between(environ) is found


def test_a_terminal_gets_the_text_as_it_is() -> None:
    stream = sequence("Größe\n✓", PLAIN)
    assert stream is not None and copied(stream) == "Größe\n✓"


def test_tmux_gets_it_wrapped() -> None:
    assert sequence("a", TMUX) == "\x1bPtmux;\x1b\x1b]52;c;YQ==\x07\x1b\\"


def test_screen_gets_it_in_strings_it_can_take() -> None:
    text = "x" * 5000
    stream = sequence(text, SCREEN)
    assert stream is not None and copied(unwrapped(stream)) == text


def test_a_tmux_at_the_operators_end_gets_both_forms() -> None:
    stream = sequence("a", {"TERM": "tmux-256color"}) or ""
    plain, _, wrapped = stream.partition("\x1bPtmux;")
    assert copied(plain) == "a" and wrapped


def test_where_it_may_be_screen_no_long_plain_form_is_sent() -> None:
    environ = {"TERM": "screen-256color"}
    short = sequence("a", environ) or ""
    assert copied(short[: short.index("\x07") + 1]) == "a"
    stream = sequence("x" * 5000, environ)
    assert stream is not None and copied(unwrapped(stream)) == "x" * 5000


def test_what_is_too_long_is_not_sent_cut_and_says_how_long_it_is() -> None:
    assert sequence("x" * MOST_BYTES, PLAIN) is not None
    assert sequence("x" * (MOST_BYTES + 1), PLAIN) is None
    told = said("x" * 120_000, "the error", PLAIN)
    assert told.text == "too long for a terminal's clipboard: 120 kB, at most 56.2 kB" and not told.well


def test_what_is_said_claims_no_more_than_is_known() -> None:
    assert said("a", "k3f9ta", PLAIN).text == "copied k3f9ta"
    assert said("a", "k3f9ta", {"TERM": "tmux"}).text.startswith("sent k3f9ta to the terminal; its tmux")
    assert "set-clipboard on" in said("a", "k3f9ta", {"TERM": "screen"}).text


@pytest.fixture
def fake_tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tmux that writes down what it is asked for, and refuses the options in `refuse`."""
    script = tmp_path / "tmux"
    script.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n'
        f'[ -e {tmp_path}/refuse ] && case "$*" in *"$(cat {tmp_path}/refuse)"*) exit 1;; esac\n'
        f"/bin/cat >{tmp_path}/buffer\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_tmux_is_handed_the_text_for_its_buffer_and_the_clipboard(fake_tmux: Path) -> None:
    told = to_tmux("Größe", "the error")
    assert told.text == "copied the error to tmux's buffer, and to the clipboard if tmux may"
    assert (fake_tmux / "buffer").read_text() == "Größe"
    assert (fake_tmux / "asked").read_text() == "load-buffer -w -\n"


def test_an_old_tmux_gets_it_for_its_buffer_alone(fake_tmux: Path) -> None:
    (fake_tmux / "refuse").write_text("-w")
    assert to_tmux("a", "k3f9ta").text == "copied k3f9ta to tmux's buffer"
    assert (fake_tmux / "buffer").read_text() == "a"


def test_what_is_too_long_for_the_terminal_is_not_for_tmux(fake_tmux: Path) -> None:
    told = to_tmux("x" * 100_000, "the tab Exchanges")
    assert told.well and told.text.startswith(
        "copied the tab Exchanges to tmux's buffer; too long for the clipboard: "
    )
    assert (fake_tmux / "asked").read_text() == "load-buffer -\n", "the terminal is not asked"


def test_what_is_said_fits_a_narrow_screen(fake_tmux: Path) -> None:
    what = "the tab Exchanges"
    told = [to_tmux("a", what), to_tmux("x" * 120_000, what)]
    for environ in (PLAIN, {"TERM": "tmux"}, {"TERM": "screen"}):
        told += [said("a", what, environ), said("x" * 120_000, what, environ)]
    (fake_tmux / "refuse").write_text("load-buffer")
    told.append(to_tmux("a", what))
    assert [one.text for one in told if len(one.text) > 78] == []


def test_a_tmux_that_refuses_is_told_of(fake_tmux: Path) -> None:
    (fake_tmux / "refuse").write_text("load-buffer")
    told = to_tmux("a", "k3f9ta")
    assert not told.well and "tmux refused the text" in told.text and "allow-passthrough" in told.text


def test_a_tmux_that_is_not_there_or_mute_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "tmux is not there" in to_tmux("a", "k3f9ta").text
    script = tmp_path / "tmux"
    script.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setattr(clipboard, "PATIENCE", 0.05)
    assert "tmux does not answer" in to_tmux("a", "k3f9ta").text


@pytest.fixture
def real_tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    socket = tmp_path / "tmux.sock"
    words = ["tmux", "-S", str(socket)]
    monkeypatch.delenv("TMUX", raising=False)
    subprocess.run([*words, "-f", "/dev/null", "new-session", "-d", "sleep 600"], check=True)
    monkeypatch.setenv("TMUX", f"{socket},1,0")
    try:
        yield words
    finally:
        subprocess.run([*words, "kill-server"], check=False)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux here")
def test_a_real_tmux_shows_what_it_was_handed(real_tmux: list[str]) -> None:
    text = "Größe ✓\n" * 3
    assert to_tmux(text, "the error").well
    shown = subprocess.run([*real_tmux, "show-buffer"], capture_output=True, check=True)
    assert shown.stdout.decode() == text


async def test_in_the_details_on_the_whole_screen_y_says_what_became_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    async with board((80, 24)) as (app, pilot):
        await pilot.press("j", "enter")
        await pilot.pause()
        await pilot.press("y")
        assert app.clipboard == "Invalid object name 'dbo.Accounts'."
        assert screen_text(app).splitlines()[-2].strip() == "copied the error"
        await pilot.press("tab")
        assert "copied" not in screen_text(app), "a notice stands until the next key"


async def test_what_is_copied_is_clean_wherever_it_goes(
    fake_tmux: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMUX", TMUX["TMUX"])
    sent: list[str] = []
    async with board() as (app, pilot):
        monkeypatch.setattr(app, "_write", sent.append)
        for text in TOLD[:6]:
            app.copy_text(text, "it")
            for _ in range(500):
                if "tmux's buffer" in screen_text(app):
                    break
                await pilot.pause(0.01)
            await pilot.press("j")
            load = re.search(r"\]52;c;([A-Za-z0-9+/=]*)\x07", sent[-1])
            assert load is not None
            there = b64decode(load[1]).decode()
            assert harmful(there.replace("\n", "")) == []
            assert there == app.clipboard == (fake_tmux / "buffer").read_text()
            assert "owned" in there or "port" in there


async def test_in_tmux_the_board_says_what_tmux_made_of_it(
    fake_tmux: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMUX", TMUX["TMUX"])
    async with board() as (app, pilot):
        await pilot.press("end", "y")
        for _ in range(200):
            if "tmux's buffer" in screen_text(app):
                break
            await pilot.pause(0.01)
        assert "copied x4e8qa to tmux's buffer, and to the clipboard if tmux may" in screen_text(app)
    assert (fake_tmux / "buffer").read_text() == "x4e8qa"


def test_tmux_is_handed_no_secret_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    fake = tmp_path / "tmux"
    fake.write_text(f"#!/bin/sh\nenv > {seen}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("TMUX", "/tmp/tmux-1000/default,1,0")
    monkeypatch.setenv("REPORTDASH_SECRET__MAIN__API_KEY", "canary-9b21")
    assert to_tmux("words", "the words").well
    assert "TMUX=" in seen.read_text() and "canary" not in seen.read_text()
