"""A credential that is kept or removed while whoever asked leaves: it is as it would be, or as it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reportdash.credentials import Chain, files
from reportdash.credentials.lasting import Lasting
from tests.credentials.keyrings import Kept
from tests.credentials.test_stores import CANARY, HERE, chain_at, value


class Steps(Lasting):
    """Stores whose every step can be held: `at` is set when it has been taken, and `go` lets it end."""

    def __init__(self, like: Lasting, held: str) -> None:
        super().__init__(like.keyring, like.vault, like.plain)
        self.held = held
        self.at, self.go = asyncio.Event(), asyncio.Event()

    async def _hold(self, step: str) -> None:
        if step == self.held:
            self.at.set()
            await self.go.wait()

    async def put(self, store: str, account: str, vendor: str, text: str) -> None:
        await super().put(store, account, vendor, text)
        await self._hold("put")

    async def drop(self, store: str, account: str, vendor: str) -> bool:
        dropped = await super().drop(store, account, vendor)
        await self._hold(f"drop {store}")
        return dropped


async def broken_off(chain: Chain, task: asyncio.Task[object], steps: Steps) -> None:
    await steps.at.wait()
    task.cancel()
    await asyncio.sleep(0)
    steps.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task


def held(chain: Chain, step: str) -> Steps:
    steps = chain._lasting = Steps(chain._lasting, step)
    return steps


@pytest.mark.parametrize("step", ["put", "drop vault"])
async def test_a_key_that_was_put_into_its_store_is_chosen_and_its_plain_text_gone_though_ctrl_c_comes(
    tmp_path: Path, step: str
) -> None:
    keyring = Kept()
    chain = chain_at(tmp_path, keyring=keyring)
    await chain.keep("main", "webadmit", {"api_key": "old"}, HERE, "plaintext")
    steps = held(chain, step)
    task = asyncio.create_task(chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring"))
    await broken_off(chain, task, steps)
    await chain.aclose()
    later = chain_at(tmp_path, keyring=keyring)
    assert (await later.pins(), await later.in_plain_text()) == ({"main": "keyring"}, [])
    assert await value(later) == CANARY


async def test_a_first_key_in_plain_text_is_not_left_without_its_choice(tmp_path: Path) -> None:
    chain = chain_at(tmp_path)
    steps = held(chain, "put")
    task = asyncio.create_task(chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "plaintext"))
    await broken_off(chain, task, steps)
    await chain.aclose()
    assert await value(chain_at(tmp_path)) == CANARY


async def test_a_logout_that_ctrl_c_meets_leaves_no_choice_of_an_empty_store(tmp_path: Path) -> None:
    keyring = Kept()
    chain = chain_at(tmp_path, keyring=keyring)
    await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring")
    steps = held(chain, "drop keyring")
    await broken_off(chain, asyncio.create_task(chain.remove("main", "webadmit")), steps)
    await chain.aclose()
    later = chain_at(tmp_path, keyring=keyring)
    assert await later.pins() == {}
    assert await value(later) is None


async def test_the_end_of_the_run_waits_for_a_key_on_its_way_into_the_store(tmp_path: Path) -> None:
    keyring = Kept()
    chain = chain_at(tmp_path, keyring=keyring)
    steps = held(chain, "put")
    task = asyncio.create_task(chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring"))
    await steps.at.wait()
    task.cancel()
    end = asyncio.create_task(chain.aclose())
    await asyncio.sleep(0)
    steps.go.set()
    await end
    assert await chain_at(tmp_path, keyring=keyring).pins() == {"main": "keyring"}
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_key_that_waits_for_another_session_is_not_kept_after_ctrl_c(tmp_path: Path) -> None:
    keyring = Kept()
    chain = chain_at(tmp_path, keyring=keyring)
    async with files.turn(tmp_path):
        task = asyncio.create_task(chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await chain.aclose()
    assert keyring.values == {}
    await chain_at(tmp_path, keyring=keyring).keep("main", "webadmit", {"api_key": "x"}, HERE, "keyring")
