"""Which command shows a saved file, and what is said where there is none."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from reportdash.tui import pager
from reportdash.tui.pager import NoPager, command, show
from tests.tui.boards import board

FILE = Path("/srv/reports/-x.csv")


def having(*names: str) -> pager.Find:
    return lambda name: f"/usr/bin/{name}" if name in names else None


def test_the_pager_gets_its_own_words_and_an_absolute_path() -> None:
    assert command(FILE, {"PAGER": "most -s 'a b'"}, having("most")) == ["most", "-s", "a b", str(FILE)]
    assert Path(command(Path("-x.csv"), {}, having("less"))[1]).is_absolute()


@pytest.mark.parametrize("given", [{}, {"PAGER": ""}, {"PAGER": "  "}])
def test_without_a_pager_it_is_less_and_never_one_that_sends_a_reports_escapes(given: dict[str, str]) -> None:
    assert command(FILE, given, having("less", "more")) == ["less", str(FILE)]
    with pytest.raises(NoPager, match="no less on this server; set \\$PAGER"):
        command(FILE, given, having("more"))


def test_a_pager_that_is_not_there_or_not_readable_is_named() -> None:
    with pytest.raises(NoPager, match="names most, which is not on this server"):
        command(FILE, {"PAGER": "most -s"}, having("less"))
    with pytest.raises(NoPager, match="a quote is not closed"):
        command(FILE, {"PAGER": "less 'x"}, having("less"))


async def test_the_loop_goes_on_while_the_pager_runs(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    task = asyncio.create_task(show(["sh", "-c", f'read line <{pipe}; [ "$line" = go ]']))
    await asyncio.sleep(0)
    assert not task.done()
    await asyncio.to_thread(pipe.write_text, "go\n")
    assert await task == ""


async def test_a_pager_that_does_not_start_is_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "pager"
    broken.write_bytes(b"\x00")
    broken.chmod(0o755)
    assert "Exec format error" in await show([str(broken)])


async def test_an_interrupt_ends_the_pager_and_not_us(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    code = f"import signal, pathlib; pathlib.Path({str(ready)!r}).write_text('x'); signal.pause()"
    before = signal.getsignal(signal.SIGINT)
    task = asyncio.create_task(show([sys.executable, "-c", code]))
    await asyncio.to_thread(ready.read_text)
    os.kill(os.getpid(), signal.SIGINT)  # as the terminal sends it to everyone
    await asyncio.sleep(0)
    assert not task.done(), "it is the pager's own to end"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert signal.getsignal(signal.SIGINT) is before


async def test_the_key_pressed_twice_opens_one_pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, open_now, most, go_on = tmp_path / "a.csv", 0, 0, asyncio.Event()
    file.write_text("a\n")

    async def page(words: list[str]) -> str:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await go_on.wait()
        open_now -= 1
        return ""

    async with board() as (app, pilot):
        monkeypatch.setattr(pager, "show", page)
        monkeypatch.setattr(app, "suspend", nullcontext)
        both = [asyncio.create_task(app.page_file(str(file))) for _ in range(2)]
        await pilot.pause()
        go_on.set()
        assert await asyncio.gather(*both) == ["", ""]
        assert most == 1
        assert await app.page_file(str(file)) == ""
