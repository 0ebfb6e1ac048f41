"""The real dashboard on a real terminal, a ledger and a vendor full of payloads: every screen, byte by byte.

What leaves holds no control, escape or unseen character of a payload, and no sequence the board does not
send of itself; nothing crashes and no action runs. Nor does a payload in a path, an account's name or the
config act from the first page or the sentence a run ends with, or get to $PAGER but in the report itself.
`REPORTDASH_FAULTS` above 1 looks at the details of every row as well.
"""

from __future__ import annotations

import base64
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reportdash.plain import clean
from tests.faults.payloads import PAYLOADS, SAYABLE, harmful, tower
from tests.faults.spoken import SHORT, TOLD, fill, job_id, make_ready, name_accounts, vendor
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
def dashboard(
    folder: Path, size: tuple[int, int], *, ready: bool = False, pager: str = "", least: int = 40
) -> Iterator[Terminal]:
    """A board of the payloads. `ready`: few rows, which hold them all and can be saved, where a `pager` is
    given, or are refused in the vendor's words. `least`: how often a payload's word is on the screen."""
    ledger = folder / "data" / "ledger.db"
    fill(ledger, texts=TOLD if ready else SHORT)
    if ready:
        make_ready(ledger)
    with vendor(TOLD, reports=bool(pager)) as base:
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
            "PAGER": pager,
        }
        words = ("--config", str(config), "--data-dir", str(folder / "data"))
        with Terminal(words, env=env, columns=size[0], lines=size[1], warm=True) as terminal:
            terminal.until(lambda text: "live" in text and ("ready" if ready else "failed") in text)
            yield terminal
            assert terminal.process.poll() is None, terminal.text
            for _ in range(3):
                back(terminal)
            terminal.send("q")
            assert terminal.finish() == 0, terminal.text
            assert terminal.modes_left_on() == []
    judge(terminal, least, handed_over=int(bool(pager)))


def judge(terminal: Terminal, least: int, *, handed_over: int = 0) -> None:
    """Nothing of a payload acted on the terminal, which was `handed_over` so often to another program."""
    sent = bytes(terminal.bytes)
    strange = foreign(sent)
    assert strange == [], strange
    assert sent.count(b"owned") > least  # they were shown, though
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
        assert sent.count(mode) == times * (1 + handed_over), mode


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
    ("downloads", "d", "─ Download "),
    ("none", ESC, None),
    ("delete", "x", "─ Delete "),
    ("none of them", ESC, None),
    ("forget", "f", "─ Forget "),
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


@pytest.mark.parametrize(
    ("size", "keys", "verb"),
    [((140, 40), "d\r", "Download"), ((80, 24), "xudelete\r\r", "Delete")],
    ids=["downloads, 140x40", "deletes, 80x24"],
)
def test_no_byte_of_a_payload_leaves_where_it_is_told_how_each_of_many_ended(
    tmp_path: Path, size: tuple[int, int], keys: str, verb: str
) -> None:
    with dashboard(tmp_path, size, ready=True, least=20) as terminal:
        terminal.send("*")
        terminal.until("selected")
        terminal.send(keys[0])
        terminal.until(f"{verb} {len(TOLD)} selected")
        for key in keys[1:]:
            terminal.send(key)
        terminal.until(lambda text: f"\n {len(TOLD)} " in text and "shows each" in text)
        terminal.send("e")
        terminal.until(f"{verb}: {len(TOLD)} reports")
        terminal.until("more lines")
        while job_id(len(TOLD) - 1) not in terminal.text:  # page by page: what comes at once is painted once
            terminal.send(PAGE_DOWN)
            terminal._read(0.2)


def test_a_pager_gets_a_harmless_name_the_report_as_it_is_and_nothing_else(tmp_path: Path) -> None:
    got = tmp_path / "got"
    got.mkdir()
    pager = tmp_path / "pager"
    pager.write_text(
        f'#!/bin/sh\nprintf \'%s\\n\' "$#" "$@" >{got}/words\nenv -0 >{got}/env\n'
        f'cp "$1" {got}/report\necho READ; read answer\n'
    )
    pager.chmod(0o755)
    with dashboard(tmp_path, (140, 40), ready=True, pager=str(pager), least=3) as terminal:
        terminal.send("d")
        terminal.until("length only")  # its row knows
        terminal.send("o")
        terminal.until("READ")
        terminal.send("\r")
        terminal.until(lambda text: "enter details" in text)
        number, path, *more = (got / "words").read_text(encoding="utf-8").split("\n")
        assert number == "1" and more == [""] and harmful(path) == []
        saved = Path(path)
        assert saved.parent == tmp_path / "reports" and re.fullmatch("[!-~]+", saved.name), path
        assert (got / "report").read_bytes() == saved.read_bytes() != b""
        env = dict(
            pair.split("=", 1) for pair in (got / "env").read_text(encoding="utf-8").split("\0") if pair
        )
        assert harmful("".join(env.values()).replace("\n", "")) == []
        assert [name for name in env if "SECRET" in name] == [] and "s3cret-word" not in env.values()


@pytest.mark.parametrize("less", ["-r", "-RP the prompt"])
def test_no_byte_of_a_report_is_sent_by_less_whatever_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, less: str
) -> None:
    report = tmp_path / "report.csv"
    report.write_text("".join(text + "\n" for text in TOLD), encoding="utf-8")
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm", "LESS": less}
    code = (
        "import asyncio, os, pathlib, sys; from reportdash.tui import pager; "
        "asyncio.run(pager.show(pager.command(pathlib.Path(sys.argv[1]), os.environ)))"
    )
    with Terminal([code, str(report)], env=env, program=[sys.executable, "-c"]) as terminal:
        terminal.send("y")  # it asks about a file that looks binary to it; else the key moves one line
        terminal.until("Re")
        terminal.send(" " * 400 + "q")
        assert terminal.finish() == 0
    for kind, data in parts(bytes(terminal.bytes)):
        assert kind not in ("osc", "string"), data
        assert kind != "text" or not any(0x80 <= ord(char) < 0xA0 for char in data.decode("utf-8")), data
        assert not re.fullmatch(rb"\x1b\[(2J|3J|6n|c|5i|8;5;5t|\?1003h|999;999H)", data), data


OUTSIDE = {
    "a title, raw C1": PAYLOADS["OSC title by ESC to BEL"] + PAYLOADS["CSI clear by raw C1"],
    "unseen and markup": "\x9b2J\u202e\x85[@click=app.quit]\u200bowned" + PAYLOADS["OSC copy by C1 to ST"],
}
"""What a folder's name can be; the bytes of a raw C1 control are no UTF-8."""


@pytest.mark.parametrize("size", [(140, 40), (80, 24)], ids=["140x40", "80x24"])
@pytest.mark.parametrize("name", OUTSIDE.values(), ids=OUTSIDE)
def test_no_byte_of_a_path_or_an_accounts_name_leaves_on_the_first_page(
    size: tuple[int, int], name: str
) -> None:
    with tempfile.TemporaryDirectory(prefix="rd") as short:  # the page shows the beginning of a path
        folder = Path(short) / name
        folder.mkdir()
        env = {**environment(folder), "TMPDIR": short, "PAGER": name}
        name_accounts(
            folder / "data" / "reportdash" / "ledger.db", [name.replace("\udc9b", "\x9b"), *TOLD[::4]]
        )
        with Terminal([], env=env, columns=size[0], lines=size[1], warm=True) as terminal:
            terminal.until(lambda text: "Look around first" in text and "login Re" in text)
            for key, wanted in (("2", "Add an account"), ("?", "one row up"), ("\x10", "All actions")):
                terminal.send(key)
                terminal.until(wanted)
                back(terminal)
            for key in "altn":
                terminal.send(key)
                back(terminal)
            config = folder / "config" / "reportdash" / "config.toml"
            config.parent.mkdir(parents=True)
            said = "".join(f"\\u{ord(char):04x}" for char in TOLD[0] if ord(char) < 0x10000)
            config.write_text(f'[accounts.main]\nvendor = "7g"\n"{said}" = 1\n', encoding="utf-8")
            assert terminal.finish() == 2, terminal.text  # with the sentence on the config
            assert terminal.modes_left_on() == []
        judge(terminal, 1)
        config.unlink()
        named = {**env, "REPORTDASH_THEME": name}
        with Terminal([], env=named, columns=size[0], lines=size[1], warm=True) as terminal:
            assert terminal.finish() == 2, terminal.text
        judge(terminal, 0)
