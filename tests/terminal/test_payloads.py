"""The real dashboard on a real terminal, a ledger and a vendor full of payloads: every screen, byte by byte.

What leaves holds no control, escape or unseen character of a payload, and no sequence the board does not
send of itself; nothing crashes and no action runs. `REPORTDASH_FAULTS` above 1 looks at the details of every
row as well.
"""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reportdash.plain import clean
from tests.faults.payloads import SAYABLE, harmful, tower
from tests.faults.spoken import SHORT, TOLD, fill, job_id, vendor
from tests.terminal.pty import Terminal
from tests.terminal.sent import copied, foreign, parts
from tests.terminal.test_dashboard import environment

MANY = int(os.environ.get("REPORTDASH_FAULTS", "1")) > 1
PAGE_DOWN, END, HOME, TAB, ESC = "\x1b[6~", "\x1b[F", "\x1b[H", "\t", "\x1b"


def drained(terminal: Terminal) -> str:
    """The screen once nothing more comes for a moment."""
    while terminal._read(0.07, once=True):
        pass
    return terminal.text


def back(terminal: Terminal) -> None:
    """Escape alone: what comes at its heels would make another key of it."""
    before, until = drained(terminal), time.monotonic() + 2.0
    terminal.send(ESC)
    while terminal.text == before and time.monotonic() < until:
        terminal._read(0.05)
    drained(terminal)


@contextmanager
def dashboard(folder: Path, size: tuple[int, int], *words: str) -> Iterator[Terminal]:
    fill(folder / "data" / "ledger.db")
    with vendor(TOLD) as base:
        config = folder / "config.toml"
        config.write_text(
            f'download_dir = "{folder}/reports"\n[accounts.main]\nvendor = "7g"\nbase_url = "{base}"\n'
            "poll_min = 1\npoll_max = 2\n",
            encoding="utf-8",
        )
        env = {
            **environment(folder),
            "REPORTDASH_SECRET__MAIN__USERNAME": "operator",
            "REPORTDASH_SECRET__MAIN__PASSWORD": "s3cret-word",
            "SSH_CONNECTION": "",
            "SSH_TTY": "",
        }
        words = ("--config", str(config), "--data-dir", str(folder / "data"), *words)
        with Terminal(words, env=env, columns=size[0], lines=size[1]) as terminal:
            terminal.until(lambda text: "live" in text and "failed" in text)
            yield terminal
            assert terminal.process.poll() is None, terminal.text
            for _ in range(3):
                back(terminal)
            terminal.send("q")
            assert terminal.finish() == 0, terminal.text
            assert terminal.modes_left_on() == []
    judge(terminal)


def judge(terminal: Terminal) -> None:
    """Nothing of a payload acted on the terminal."""
    sent = bytes(terminal.bytes)
    assert foreign(sent) == []
    assert sent.count(b"owned") > 40  # they were shown, though
    lines, columns = terminal.screen.lines, terminal.screen.columns
    for kind, data in parts(sent):
        if kind == "text":
            text = data.decode("utf-8")
            assert harmful(text) == [] and tower(text) <= 6, ascii(text)
        elif found := re.fullmatch(rb"\x1b\[(\d+);(\d+)[Hr]", data):
            assert int(found[1]) <= lines and int(found[2]) <= max(lines, columns), data
        elif (said := copied(data)) is not None:
            assert harmful(base64.b64decode(said).decode("utf-8").replace("\n", "")) == []
    # Modes are switched as often as a board without any job does.
    for mode, times in ((b"\x1b[?1049h", 1), (b"\x1b[?2004h", 1), (b"\x1b[?1003h", 2)):
        assert sent.count(mode) == times, mode


def dialogs_of(text: str) -> list[tuple[str, str, str | None]]:
    """The dialogs that have one job's name in their title: it stands there as it was said, but clean."""
    one = job_id(SHORT.index(text))
    text = clean(text)
    return [
        (f"{text} alone", f"/\x15id:{one}\r", "1 of "),
        ("submitted again", "n", f"Submit {text} again"),
        ("or not", ESC, None),
        ("forgotten", "f", f"Forget {text} here"),
        ("or not", ESC, None),
        ("deleted", "x", None),
        ("or not", ESC, None),
        ("its details", "\r", text),
        ("and back", ESC, None),
    ]


SCREENS: list[tuple[str, str, str | None]] = [
    ("every row of the table", PAGE_DOWN * (len(SHORT) // 17), None),
    ("sorted", "s" * 4 + HOME + "S" + HOME, None),
    ("the filter with what fits", "/name:", "name:"),
    ("accounts that fit", "\x15account:", "account:"),
    ("the row that holds all", "\x15id:aaaaaa\r", "1 of "),
    ("the details", "\r", "History"),
    ("the error", PAGE_DOWN * 3, None),
    ("its words copied", "y", "copied"),
    ("the history", TAB + PAGE_DOWN * 60, None),
    ("copied as well", "y", None),
    ("the exchanges", TAB + PAGE_DOWN * 60, None),
    ("and these", "y", None),
    ("the file", TAB + PAGE_DOWN, None),
    ("the overview", TAB + PAGE_DOWN * 3 + "y", None),
    ("out of the details", ESC, None),
    ("an id copied", "y", "copied"),
    ("help", "?", "one row up"),
    ("back", ESC, None),
    ("all actions", "\x10", "All actions"),
    ("back again", ESC, None),
    ("themes", ":theme\r", "reportdash-light"),
    ("no other theme", ESC + ESC, None),
    ("accounts", "a", "Accounts"),
    ("back from them", ESC, None),
    ("log in", "l", "Password"),
    ("not now", ESC, None),
    ("track", "t", "Reference"),
    ("not that", ESC, None),
    ("submit the same again", "n", "again"),
    ("not again", ESC, None),
    ("submit without a row", "n\r", None),
    ("no", ESC + ESC, None),
    ("what changed", "c", None),
    ("back from that", ESC, None),
    ("save the view", "w", "view"),
    ("not saved", ESC, None),
    ("polled now", "r", None),
    ("opened", "o", None),
    *dialogs_of(SAYABLE["OSC title by ESC to BEL"]),
    *dialogs_of(SAYABLE["CSI clear by C1"]),
    *dialogs_of("[/]"),
    *dialogs_of("[@click=app.quit]here[/]"),
    ("markup alone", "/\x15click\r", None),
    (
        "clicked on",
        "".join(
            f"\x1b[<0;{column};{line}M\x1b[<0;{column};{line}m"
            for line in range(5, 25)
            for column in (20, 30, 65)
        ),
        None,
    ),
    ("all rows again", ESC + ESC, None),
    ("all selected", "*", "selected"),
    ("downloads", "d", "Download"),
    ("none", ESC, None),
    ("delete", "x", "elete"),
    ("none of them", ESC, None),
    ("forget", "f", "orget"),
    ("none forgotten", ESC + ESC, None),
    ("paused", "p", None),
    ("going on", "p", None),
    ("the fold", "\x1b[D\x1b[C", None),
    ("redrawn", "\x0c", None),
]


@pytest.mark.parametrize("size", [(140, 40), (80, 24)], ids=["140x40", "80x24"])
def test_no_byte_of_a_payload_leaves_on_any_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    with dashboard(tmp_path, size) as terminal:
        for name, keys, wanted in SCREENS:
            for key in re.findall("\x1b\\[[0-9;<]*[~A-Zm]|[^\x1b]|\x1b", keys) if ESC in keys else [keys]:
                if key == ESC:
                    back(terminal)
                else:
                    terminal.send(key)
            if wanted is not None:
                terminal.until(lambda text, wanted=wanted: wanted in text, 20)  # type: ignore[misc]
            drained(terminal)
            assert terminal.process.poll() is None, f"ended at {name}\n{terminal.text}"
        if MANY:  # each row's details, in the pane or, on a small screen, in the line above the footer
            for _ in range(5):
                for _ in SHORT:
                    terminal.send("j")
                    terminal._read(0.02)
                terminal.send(HOME + TAB)
