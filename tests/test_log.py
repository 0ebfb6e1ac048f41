"""The debug log: private, bounded, redacted, shared by processes, and never in the way."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportdash import log
from reportdash.errors import UnreachableProblem
from reportdash.log import Log


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    yield
    log.stop()


def hide(text: str) -> str:
    return text.replace("geheim", "(hidden)")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_off_until_started_and_after_the_stop(tmp_path: Path) -> None:
    log.event("before")
    assert not log.on()
    assert not list(tmp_path.iterdir())
    path = log.start(tmp_path, hide)
    assert log.on()
    log.stop()
    log.event("after")
    assert path.read_text() == ""


@pytest.fixture
def loose() -> Iterator[None]:
    """Whatever is made may be read by all, if nobody says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("loose")
def test_a_line_is_json_private_and_redacted(tmp_path: Path) -> None:
    path = log.start(tmp_path / "new", hide)
    log.event("call", url="http://x/?t=geheim\x1b[2J", status=200, error=None, ok=True)
    [line] = lines(path)
    assert line["what"] == "call"
    assert line["url"] == "http://x/?t=(hidden)\x1b[2J"
    assert (line["status"], line["ok"], line["pid"]) == (200, True, os.getpid())
    assert "error" not in line
    assert "\x1b" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_an_unforeseen_exception_is_logged_with_places_and_without_words_or_locals(tmp_path: Path) -> None:
    path = log.start(tmp_path, hide)

    def inner() -> None:
        password = "a local secret"
        raise KeyError(f"a told secret{len(password)}")

    try:
        inner()
    except KeyError as error:
        log.failure("poll", error, account="main")
    [line] = lines(path)
    assert (line["error"], line["account"]) == ("KeyError", "main")
    assert str(line["places"]).count("test_log.py:") == 2
    assert "secret" not in path.read_text()


def test_an_exception_that_was_foreseen_is_logged_with_its_words_redacted(tmp_path: Path) -> None:
    path = log.start(tmp_path, hide)
    log.failure("poll", UnreachableProblem("geheim does not answer"))
    assert lines(path)[0]["cause"] == "(hidden) does not answer"


def test_warnings_of_libraries_are_kept_and_their_chatter_is_not(tmp_path: Path) -> None:
    path = log.start(tmp_path, hide)
    logging.getLogger("httpx").info("GET %s", "geheim")
    logging.getLogger("aiohttp").warning("odd %s", "geheim")
    wrong = logging.LogRecord("aiohttp", logging.WARNING, "x.py", 1, "wrong %d", ("geheim",), None)
    next(h for h in logging.getLogger().handlers if h is log._handler).handle(wrong)
    assert [(line["logger"], line["text"]) for line in lines(path)] == [
        ("aiohttp", "odd (hidden)"),
        ("aiohttp", "(TypeError in a log call)"),
    ]


def test_our_modules_are_heard_with_what_they_caught(tmp_path: Path) -> None:
    path = log.start(tmp_path, hide)
    ours = logging.getLogger("reportdash.engine.worker")
    ours.info("main: the clock moved")
    ours.debug("too much")
    try:
        raise KeyError("a told secret")
    except KeyError:
        ours.exception("main: polling stumbled")
    first, second = lines(path)
    assert (first["what"], first["text"], first["level"]) == ("log", "main: the clock moved", "INFO")
    assert second["error"] == "KeyError"
    assert "test_log.py:" in str(second["places"])
    assert "secret" not in path.read_text()


def test_while_off_nothing_reaches_the_terminal() -> None:
    code = (
        "import logging, reportdash.net.client\n"
        "for name in ('reportdash.engine', 'asyncio', 'aiohttp.client'):\n"
        "    logging.getLogger(name).warning('painted over the screen')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_it_turns_over_at_its_size_and_keeps_a_few(tmp_path: Path) -> None:
    made = Log(tmp_path / log.NAME, hide, limit=1000, keep=3)
    for number in range(200):
        made.event("x", number=number)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["debug.log", "debug.log.1", "debug.log.2"]
    assert all(p.stat().st_size <= 1000 for p in tmp_path.iterdir())
    assert lines(tmp_path / "debug.log")[-1]["number"] == 199
    newest_old = lines(tmp_path / "debug.log.1")[-1]["number"]
    assert newest_old == int(str(lines(tmp_path / "debug.log")[0]["number"])) - 1


def test_two_writers_follow_each_others_turn_over(tmp_path: Path) -> None:
    first = Log(tmp_path / log.NAME, hide, limit=2000, keep=50)
    second = Log(tmp_path / log.NAME, hide, limit=2000, keep=50)
    for number in range(100):
        (first if number % 2 else second).event("x", number=number)
    found = sorted(int(str(line["number"])) for p in tmp_path.iterdir() for line in lines(p))
    assert found == list(range(100))
    assert all(p.stat().st_size > 1800 for p in tmp_path.iterdir() if p.name != log.NAME)


def test_a_redactor_that_fails_lets_nothing_through(tmp_path: Path) -> None:
    def broken(text: str) -> str:
        raise ValueError(text)

    path = log.start(tmp_path, broken)
    log.event("x", text="geheim")
    assert lines(path)[0]["text"] == "(ValueError while redacting)"


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / log.NAME).symlink_to(victim)
    with pytest.raises(OSError):
        log.start(tmp_path / "data", hide)
    assert victim.read_text() == "mine"


def test_a_full_disk_loses_lines_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log.start(tmp_path, hide)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    log.event("x")


def test_it_costs_no_logging_import_while_it_is_off() -> None:
    code = "import sys, reportdash.log; print('logging.handlers' in sys.modules, 'socket' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
