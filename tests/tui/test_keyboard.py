"""What is typed on a real terminal, read on the loop."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.events import Key, Paste
from textual.message import Message

from reportdash.tui.keyboard import Keyboard


class Typed:
    """A terminal, a keyboard on it, and what came."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.came: asyncio.Queue[Message] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.firsts: list[bool] = []
        self.keyboard = Keyboard(self.slave, self._take, self.gone.set)

    def _take(self, message: Message, first: bool) -> None:
        self.came.put_nowait(message)
        self.firsts.append(first)

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    async def key(self) -> str:
        message = await asyncio.wait_for(self.came.get(), 120)
        assert isinstance(message, Key)
        return message.key


@asynccontextmanager
async def typed() -> AsyncIterator[Typed]:
    made = Typed()
    made.keyboard.start()
    try:
        yield made
    finally:
        made.keyboard.stop()
        for handle in (made.slave, made.master):
            if handle >= 0:
                os.close(handle)


async def test_keys_come_as_they_are_typed() -> None:
    async with typed() as terminal:
        terminal.type(b"a\x1b[B\r")
        assert [await terminal.key() for _ in range(3)] == ["a", "down", "enter"]


async def test_of_what_came_at_once_only_the_first_is_told_to_be_so() -> None:
    async with typed() as terminal:
        terminal.type(b"abc")
        assert [await terminal.key() for _ in range(3)] == ["a", "b", "c"]
        terminal.type(b"d")
        assert await terminal.key() == "d"
        assert terminal.firsts == [True, False, False, True]


async def test_a_key_whose_bytes_come_apart_is_one_key() -> None:
    async with typed() as terminal:
        for part in (b"\x1b", b"[", b"B"):
            terminal.type(part)
            await asyncio.sleep(0)
        assert await terminal.key() == "down"


@pytest.mark.parametrize(
    "parts", [(b"\x1bj",), (b"\x1b", b"j"), (b"n\x1bjj\r",), (b"\x1b\rx",), (b"\x1b1\x1b/",)]
)
async def test_escape_and_the_next_key_at_once_are_two_keys(parts: tuple[bytes, ...]) -> None:
    async with typed() as terminal:
        for part in parts:
            terminal.type(part)
            await asyncio.sleep(0)
        names = {"\x1b": "escape", "\r": "enter", "/": "slash"}
        wanted = [names.get(sign, sign) for sign in b"".join(parts).decode()]
        assert [await terminal.key() for _ in wanted] == wanted


async def test_alt_with_a_key_stays_one_key_where_something_is_bound_to_it() -> None:
    async with typed() as terminal:
        terminal.keyboard._chord = lambda character: character == "j"
        terminal.type(b"\x1bj\x1bk")
        assert [await terminal.key() for _ in range(3)] == ["alt+j", "escape", "k"]


async def test_an_escape_alone_is_one_after_a_moment_and_twice_is_twice() -> None:
    async with typed() as terminal:
        terminal.type(b"\x1b")
        assert await terminal.key() == "escape"
        terminal.type(b"\x1b\x1bx")
        assert [await terminal.key() for _ in range(3)] == ["escape", "escape", "x"]


@pytest.mark.parametrize("step", [1, 3, 7, 200])
async def test_nothing_of_what_is_pasted_is_a_key(step: int) -> None:
    data = b"\x1b[200~one\x1bd two\x1b[Ax\x1b\x1b[201~\x1bj"
    async with typed() as terminal:
        for at in range(0, len(data), step):
            terminal.type(data[at : at + step])
            await asyncio.sleep(0)
        pasted = await asyncio.wait_for(terminal.came.get(), 120)
        assert isinstance(pasted, Paste)
        assert pasted.text == "oned two[Ax"
        assert [await terminal.key() for _ in range(2)] == ["escape", "j"]


async def test_a_letter_whose_bytes_come_apart_is_one_letter() -> None:
    async with typed() as terminal:
        first, second = "é".encode()[:1], "é".encode()[1:]
        terminal.type(first)
        await asyncio.sleep(0)
        terminal.type(second)
        message = await asyncio.wait_for(terminal.came.get(), 120)
        assert isinstance(message, Key) and message.character == "é"


async def test_an_escape_that_nothing_follows_is_a_key() -> None:
    async with typed() as terminal:
        terminal.type(b"\x1b")
        assert await terminal.key() == "escape"


async def test_bytes_that_are_no_text_do_not_end_it() -> None:
    async with typed() as terminal:
        terminal.type(b"\xff\xfeq")
        assert [await terminal.key() for _ in range(3)][-1] == "q"


async def test_a_paste_is_one_message() -> None:
    async with typed() as terminal:
        terminal.type(b"\x1b[200~" + b"x" * 9_000 + b"\x1b[201~")
        message = await asyncio.wait_for(terminal.came.get(), 120)
        assert isinstance(message, Paste) and len(message.text) == 9_000


async def test_what_is_typed_while_it_is_stopped_is_left_to_others() -> None:
    async with typed() as terminal:
        terminal.keyboard.stop()
        terminal.type(b"ls\n")
        await asyncio.sleep(0)
        assert os.read(terminal.slave, 10) == b"ls\n"
        terminal.keyboard.start()
        terminal.type(b"j")
        assert await terminal.key() == "j"


async def test_half_a_key_from_before_a_stop_does_not_spoil_the_next_one() -> None:
    async with typed() as terminal:
        terminal.type(b"\x1b[")
        while not terminal.keyboard.waits:
            await asyncio.sleep(0)
        terminal.keyboard.stop()
        terminal.keyboard.start()
        terminal.type(b"q")
        assert await terminal.key() == "q"


async def test_a_terminal_that_is_closed_is_said_once_and_not_read_for_ever() -> None:
    async with typed() as terminal:
        os.close(terminal.master)
        terminal.master = -1
        await asyncio.wait_for(terminal.gone.wait(), 120)
        assert not asyncio.get_running_loop().remove_reader(terminal.slave)


async def test_a_file_in_place_of_a_terminal_is_never_waited_for() -> None:
    with Path(os.devnull).open("rb") as nothing:
        keyboard = Keyboard(nothing.fileno(), lambda message, first: None, lambda: None)
        keyboard.start()
        keyboard.stop()
