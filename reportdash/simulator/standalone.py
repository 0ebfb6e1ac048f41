"""The simulator on its own: prints a config that works with it and serves until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

from reportdash.simulator.child import RATE
from reportdash.simulator.server import Simulator

ACCOUNTS = {"main": "7g", "billing": "sigma", "admissions": "webadmit", "calls": "talkdesk"}


def run_forever(port: int = 0, seed: int = 1, chaos: bool = False, pace: float = 1.0) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. The vendors take `port` and the next three, storage the fifth.

    Port 0 takes free ones. Standard output is one valid config in TOML; addresses, secrets and first
    commands stand in its comments. Raises OSError with one sentence if a port is taken.
    """
    asyncio.run(_run(Simulator(seed, pace, ports=port or None, accounts=ACCOUNTS, chaos=chaos, log=200)))


async def _run(sim: Simulator) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sim.storage.rate = RATE
    async with sim:
        sys.stdout.write(config_text(sim))
        sys.stdout.flush()
        await stop.wait()


def config_text(sim: Simulator) -> str:
    """A config for a running simulator, as TOML."""
    accounts = sim.accounts()
    lines = ["# The reportdash simulator: four vendors on loopback, made-up data. It runs until ctrl+c."]
    lines += [f"#   {name:<9} {url}" for name, url in sim.urls.items()]
    lines += ["#", "# Save this text as a config; the secrets, for the shell that runs reportdash:"]
    for name, account in accounts.items():
        for field, value in account["secrets"].items():
            variable = f"REPORTDASH_SECRET__{name}__{field}".upper().replace("-", "_")
            lines.append(f"# export {variable}={value}")
    lines += ["#", "# Then, for example:", *(f"#   {command}" for command in COMMANDS)]
    for name, account in accounts.items():
        lines += ["", f"[accounts.{name}]", f"vendor = {_toml(account['vendor'])}"]
        lines += [f"{key} = {_toml(value)}" for key, value in account["settings"].items()]
    return "\n".join(lines) + "\n"


COMMANDS = (
    "reportdash submit main EntityBalanceReport -p FromDate=2026-11-01 -p ToDate=2026-11-16 --wait",
    "reportdash submit billing AccountTransaction",
    "reportdash submit billing group:MonthEndPack",
    "reportdash submit admissions 86446",
    "reportdash submit calls calls --from 2026-11-01 --to 2026-11-16 --format csv",
)


def _toml(value: Any) -> str:
    """A string or a number: JSON writes both as TOML does."""
    return json.dumps(value)
