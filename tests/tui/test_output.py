"""A real terminal that takes what is painted at its own pace, or not at all."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reportdash.tui.output import AT_LEAST, PATIENCE, Output

MUCH = bytes(range(32, 127)) * 2_000
"""More than any terminal holds."""


class Painted:
    """A terminal, and the line to it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.caught_up, self.gone = asyncio.Event(), asyncio.Event()
        output = Output.open(self.slave, self.caught_up.set, self.gone.set)
        assert output is not None
        self.output = output

    def take(self) -> bytes:
        """What has come."""
        came = b""
        while select.select([self.master], [], [], 0)[0]:
            came += os.read(self.master, 65_536)
        return came


@asynccontextmanager
async def painted() -> AsyncIterator[Painted]:
    made = Painted()
    try:
        yield made
    finally:
        made.output.drain(0)
        made.output.close()
        for handle in (made.slave, made.master):
            if handle >= 0:
                os.close(handle)


async def test_what_a_terminal_takes_is_there_at_once() -> None:
    async with painted() as terminal:
        terminal.output.write(b"one")
        assert terminal.take() == b"one"
        assert not terminal.output.behind


async def test_what_it_does_not_take_follows_in_order_when_it_does() -> None:
    async with painted() as terminal:
        terminal.output.write(MUCH)
        terminal.output.write(b"the end")
        assert terminal.output.behind
        came = b""
        while not terminal.caught_up.is_set():
            came += terminal.take()
            await asyncio.sleep(0)
        assert came + terminal.take() == MUCH + b"the end"
        assert not terminal.output.behind


async def test_who_shares_the_terminal_still_waits_for_it() -> None:
    async with painted() as terminal:
        assert os.get_blocking(terminal.slave)


async def test_the_last_bytes_are_not_waited_for_for_ever() -> None:
    async with painted() as terminal:
        terminal.output.write(MUCH)
        terminal.output.drain(0.05)
        assert terminal.output.behind


async def test_a_line_that_has_taken_nothing_for_long_is_hardly_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    async with painted() as terminal:
        terminal.output.write(MUCH)
        terminal.output._since -= PATIENCE
        monkeypatch.setattr(terminal.output, "drain", waits.append)
    assert waits[-1] == AT_LEAST


async def test_the_last_bytes_are_sent_before_the_terminal_is_handed_back() -> None:
    async with painted() as terminal:
        terminal.output.write(MUCH)
        read = asyncio.to_thread(_all, terminal.master, len(MUCH))
        task = asyncio.ensure_future(read)
        await asyncio.sleep(0)
        terminal.output.drain(20)
        assert await task == MUCH


async def test_a_terminal_that_is_gone_is_said_and_swallows_the_rest() -> None:
    async with painted() as terminal:
        os.close(terminal.master)
        terminal.master = -1
        terminal.output.write(b"lost")
        terminal.output.write(b"lost too")
        assert terminal.gone.is_set()
        assert not terminal.output.behind


async def test_what_is_no_terminal_has_no_such_line() -> None:
    with Path(os.devnull).open("wb") as nothing:
        assert Output.open(nothing.fileno(), lambda: None, lambda: None) is None


def _all(handle: int, size: int) -> bytes:
    came = b""
    while len(came) < size:
        came += os.read(handle, 65_536)
    return came
