"""The dashboard on a real terminal: it paints, answers keys, and leaves everything as it found it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.terminal.pty import PATIENCE, Terminal


def environment(folder: Path) -> dict[str, str]:
    """A home of its own, and a place for temporary files that can be looked into afterwards."""
    (folder / "tmp").mkdir(exist_ok=True)
    return {
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }


def left_over(folder: Path) -> list[str]:
    """What the demo left in the folder for temporary files, once its simulator has had time to end."""
    deadline = time.monotonic() + PATIENCE
    while (found := sorted(path.name for path in (folder / "tmp").iterdir())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def cursor_row(text: str) -> int:
    return next((n for n, line in enumerate(text.splitlines()) if line.startswith("▌")), -1)


@pytest.mark.parametrize(("columns", "lines"), [(140, 40), (80, 24)])
def test_the_demo_paints_answers_keys_and_leaves_a_clean_terminal(
    tmp_path: Path, columns: int, lines: int
) -> None:
    with Terminal(["demo"], columns=columns, lines=lines, env=environment(tmp_path)) as terminal:
        text = terminal.until(lambda text: "AccountTransaction" in text and "live" in text)
        before = cursor_row(text)
        terminal.send("j")
        terminal.until(lambda text: cursor_row(text) == before + 1)
        terminal.send("/audit")
        terminal.until(lambda text: "AccountTransaction" not in text and "audit_logs" in text)
        terminal.send("\r")
        terminal.send("?")
        terminal.until("one row up")
        terminal.send("\x1b")
        terminal.until(lambda text: "one row up" not in text)
        terminal.send("q")
        assert terminal.finish() == 0
        assert terminal.modes_left_on() == []
        assert terminal.tty_is_as_before()
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("where", ["2>errors", "2>&-", ">&2"])
def test_the_screen_is_on_the_terminal_wherever_stderr_goes(tmp_path: Path, where: str) -> None:
    shell = ("sh", "-c", f'exec "$@" {where}', "sh", sys.executable, "-m", "reportdash")
    with Terminal(["demo"], env=environment(tmp_path), cwd=tmp_path, program=shell) as terminal:
        terminal.until("live")
        terminal.send("q")
        assert terminal.finish() == 0
        assert terminal.modes_left_on() == []
        assert terminal.tty_is_as_before()
    errors = tmp_path / "errors"
    assert not errors.exists() or errors.read_bytes() == b""


def test_where_a_damaged_ledger_was_set_aside_is_told_whole_when_the_screen_is_gone(tmp_path: Path) -> None:
    """The screen has one line for it, which is too short for a path."""
    config = tmp_path / "config" / "reportdash" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[accounts.main]\nvendor = "7g"\nbase_url = "http://127.0.0.1:9"\n', encoding="utf-8")
    ledger = tmp_path / "data" / "reportdash" / "ledger.db"
    ledger.parent.mkdir(parents=True)
    ledger.write_text("no database")
    with Terminal([], columns=80, lines=24, env=environment(tmp_path), warm=True) as terminal:
        terminal.until("the ledger was damaged: 0 jobs are back")
        terminal.send("q")
        assert terminal.finish() == 0
        after = terminal.bytes.rpartition(b"\x1b[?1049l")[2].decode()
    [aside] = [path for path in ledger.parent.glob("*.damaged-*") if not path.name.endswith("-journal")]
    assert "reportdash: the ledger was damaged: 0 jobs are back" in after
    assert str(aside) in "".join(after.split())
    assert aside.read_text() == "no database"


def test_a_dropped_line_ends_the_demo_and_its_simulator(tmp_path: Path) -> None:
    with Terminal(["demo"], env=environment(tmp_path)) as terminal:
        terminal.until("live")
        terminal.hang_up()
        assert terminal.process.wait(PATIENCE) is not None
    assert left_over(tmp_path) == []


def test_a_continue_signal_out_of_the_blue_leaves_a_whole_board_that_ends(tmp_path: Path) -> None:
    with Terminal(["demo"], env=environment(tmp_path), warm=True) as terminal:
        terminal.until("live")
        for _ in range(3):
            terminal.signal(signal.SIGCONT)
        terminal.send("?")
        terminal.until("filter the table while you type")
        terminal.send("\x1b")
        terminal.until(lambda text: "filter the table while you type" not in text)
        terminal.send("q")
        # The kernel sends it with a hang-up, at whatever stage of leaving we are.
        for _ in range(20):
            if terminal.process.poll() is None:
                terminal.signal(signal.SIGCONT)
                terminal._read(0.1)
        assert terminal.finish() == 0
        assert terminal.modes_left_on() == []
        assert terminal.tty_is_as_before()
    assert left_over(tmp_path) == []


def test_a_line_that_takes_nothing_keeps_nobody_from_leaving(tmp_path: Path) -> None:
    with Terminal(["demo"], env=environment(tmp_path), warm=True) as terminal:
        terminal.until("live")
        for _ in range(200):
            terminal.send("\x1b[6~\x1b[5~")
        terminal.send("q")
        assert terminal.process.wait(PATIENCE) == 0
    assert left_over(tmp_path) == []


def test_what_a_slow_line_did_not_take_is_painted_as_it_is_by_then(tmp_path: Path) -> None:
    with Terminal(["demo"], env=environment(tmp_path), warm=True) as terminal:
        first = cursor_row(terminal.until("live"))
        for _ in range(200):
            terminal.send("\x1b[6~\x1b[5~")
        terminal.send("?")
        terminal.until("filter the table while you type")
        terminal.send("\x1b")
        terminal.until(lambda text: "filter the table while you type" not in text)
        terminal.send("g")
        terminal.until(lambda text: cursor_row(text) == first)
        terminal.send("q")
        assert terminal.finish() == 0


def test_a_terminate_signal_gives_the_terminal_back(tmp_path: Path) -> None:
    with Terminal(["demo"], env=environment(tmp_path), warm=True) as terminal:
        terminal.until("live")
        terminal.signal(signal.SIGTERM)
        terminal.finish()
        assert terminal.modes_left_on() == []
        assert terminal.tty_is_as_before()
    assert left_over(tmp_path) == []


def test_a_dumb_terminal_of_any_size_gets_a_board_in_ascii_that_answers(tmp_path: Path) -> None:
    env = {**environment(tmp_path), "TERM": "dumb", "COLORTERM": ""}
    with Terminal(["demo"], columns=100, lines=24, env=env) as terminal:
        terminal.until(lambda text: "X failed" in text and "live" in text)
        terminal.send("q")
        assert terminal.finish() == 0
        assert b"\x1b[38;" not in terminal.bytes


def test_without_a_config_the_board_names_the_first_steps(tmp_path: Path) -> None:
    with Terminal([], env=environment(tmp_path)) as terminal:
        steps = ("reportdash demo", "reportdash config", "reportdash login", "reportdash track")
        terminal.until(lambda text: "No account yet" in text and all(step in text for step in steps))
        terminal.send("q")
        assert terminal.finish() == 0


def test_a_wrong_config_ends_with_its_sentence_and_exit_2(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[accounts.main]\nvendor = "8g"\n', encoding="utf-8")
    with Terminal(["--config", str(config)], env=environment(tmp_path), warm=True) as terminal:
        assert terminal.finish() == 2
        assert terminal.modes_left_on() == []
        assert "7g" in terminal.text
        assert str(config) in terminal.text.replace("\n", "")
        assert "Traceback" not in terminal.text


def test_a_theme_file_with_a_mistake_ends_the_dashboard_with_its_sentence(tmp_path: Path) -> None:
    config, mine = tmp_path / "config.toml", tmp_path / "themes" / "mine.toml"
    mine.parent.mkdir()
    config.write_text('theme = "mine"\n[accounts.main]\nvendor = "7g"\n', encoding="utf-8")
    mine.write_text('[rolls]\nbg = "#000000"\n', encoding="utf-8")
    with Terminal(["--config", str(config)], env=environment(tmp_path), warm=True) as terminal:
        assert terminal.finish() == 2
        text = "".join(terminal.text.split())  # a blank where a line is broken is not seen
        said = f"{mine}, line 1: rolls is not a key of a theme; the nearest is roles"
        assert said.replace(" ", "") in text


def test_keys_and_views_of_the_environment_work_on_the_board(tmp_path: Path) -> None:
    env = {
        **environment(tmp_path),
        "REPORTDASH_KEYS__HELP": "H",
        "REPORTDASH_KEYS__SORT": "false",
        "REPORTDASH_VIEWS__MONTHS__FILTER": "name:*month*",
    }
    with Terminal([], env=env, warm=True) as terminal:
        terminal.until("H help")
        terminal.send("H")
        text = terminal.until("one row up")
        assert "sort by the next column" not in text
        terminal.send("\x1b")
        terminal.until(lambda text: "one row up" not in text)
        terminal.send(":view 4")
        terminal.until("the view months")
        terminal.send("\x03")
        terminal.until(lambda text: "the view months" not in text)
        terminal.send("q")
        assert terminal.finish() == 0


MOUSE = b"\x1b[?1003h"


@pytest.mark.parametrize(
    ("setting", "ssh", "on"),
    [("auto", "", True), ("auto", "1", False), ("false", "", False), ("true", "1", True)],
)
def test_the_mouse_is_off_over_ssh_and_as_the_config_says(
    tmp_path: Path, setting: str, ssh: str, on: bool
) -> None:
    env = {**environment(tmp_path), "SSH_CONNECTION": ssh, "SSH_TTY": "", "REPORTDASH_MOUSE": setting}
    with Terminal([], env=env, warm=True) as terminal:
        terminal.until("No account yet")
        terminal.send("q")
        assert terminal.finish() == 0
        assert (MOUSE in terminal.bytes) is on


@pytest.mark.parametrize(
    ("env", "theme"),
    [({"TERM": "xterm"}, "light"), ({"TERM": "linux"}, "dark"), ({"NO_COLOR": "1"}, "contrast")],
)
def test_a_terminal_with_few_colours_gets_no_others_whatever_the_theme(
    tmp_path: Path, env: dict[str, str], theme: str
) -> None:
    env = {**environment(tmp_path), "COLORTERM": "", "REPORTDASH_THEME": f"reportdash-{theme}", **env}
    with Terminal([], env=env, warm=True) as terminal:
        terminal.until("No account yet")
        terminal.send("?")
        terminal.until("one row up")
        terminal.send("q")
        terminal.until(lambda text: "one row up" not in text)
        terminal.send("q")
        assert terminal.finish() == 0
        used = {code for run in re.findall(rb"\x1b\[([0-9;]*)m", terminal.bytes) for code in run.split(b";")}
        # Weights, reverse, the default colours, and of the sixteen only red, green, yellow and cyan.
        allowed = {
            b"",
            *b"0 1 2 4 7 22 24 27 39 49".split(),
            *(b"31 32 33 36".split() if "TERM" in env else ()),
        }
        assert used <= allowed, used - allowed


def test_a_data_folder_that_can_not_be_used_ends_with_its_sentence(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[accounts.main]\nvendor = "7g"\n', encoding="utf-8")
    words = ["--config", str(config), "--data-dir", "/proc/reportdash"]
    with Terminal(words, env=environment(tmp_path), warm=True) as terminal:
        assert terminal.finish() == 2
        assert terminal.modes_left_on() == []
        assert "/proc/reportdash" in terminal.text
        assert "Traceback" not in terminal.text


def test_without_a_terminal_the_dashboard_says_what_else_there_is(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reportdash"],
        env={**os.environ, **environment(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "reportdash jobs" in done.stderr
