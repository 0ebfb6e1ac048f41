"""A name server that hears every question and answers none, and a watch that runs in front of it.

`unshare -rmn python -m tests.faults.mute_dns FOLDER` makes a network of its own, stands where the system's
resolver asks, and runs `watching` in there. Where the kernel does not allow that, `SITE` makes the function
that blocks, block.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

from reportdash.simulator import Simulator
from tests.cli.conftest import Shell
from tests.engine.rig import guid

PATIENCE = 90.0
"""Seconds after which what should have happened long ago counts as never; a passing test waits for none."""
RESOLV = "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n"
SITE = """
import os, pathlib, socket, threading
answers = socket.getaddrinfo
def mute(host, *args, **how):
    if host == os.environ["MUTE_DNS_NAME"]:
        pathlib.Path(os.environ["MUTE_DNS_MARK"]).touch()
        threading.Event().wait()
    return answers(host, *args, **how)
socket.getaddrinfo = mute
"""
"""A sitecustomize.py: the resolver, as far as Python sees it, never comes back for one name."""
NAME = "vendor.example"
HERE = str(Path(__file__).parents[2])


def available() -> bool:
    """Whether this machine lets us make a network of our own."""
    try:
        return subprocess.run(["unshare", "-rmn", "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def blocked(folder: Path) -> dict[str, str]:
    """The environment in which a command's lookups of NAME never end."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(SITE)
    path = f"{folder / 'site'}:{HERE}"
    return {"PYTHONPATH": path, "MUTE_DNS_MARK": str(folder / "asked"), "MUTE_DNS_NAME": NAME}


def configure(folder: Path, sim: Simulator, env: dict[str, str]) -> Shell:
    """Two accounts: `main` at the simulator, and `dead` at a name nobody answers for."""
    known = sim.accounts()["main"]
    for account in ("main", "dead"):
        for key, value in known["secrets"].items():
            env[f"REPORTDASH_SECRET__{account.upper()}__{key.upper()}"] = value
    shell = Shell(folder, env)
    keys = 'vendor = "7g"\npoll_min = 0.05\npoll_max = 0.05\n'
    shell.write(
        f"[accounts.main]\n{keys}base_url = {json.dumps(known['settings']['base_url'])}\n"
        f'[accounts.dead]\n{keys}base_url = "http://{NAME}:8080"\nallow_insecure = true\n'
    )
    return shell


async def tracked(shell: Shell, sim: Simulator) -> None:
    """A job at each of them."""
    sim.add("7g", guid(1), "main", stage="running")
    sim.script("7g", guid(1), ["pending"])
    for account in ("main", "dead"):
        assert (await shell("track", account, guid(1))).code == 0


async def asked(folder: Path) -> None:
    """Until somebody waits for the name server."""
    async with asyncio.timeout(PATIENCE):
        while not (folder / "asked").exists():
            await asyncio.sleep(0.02)


async def watching(folder: Path, env: dict[str, str]) -> None:
    """`watch`, while the lookup of one account's name hangs: the other account is polled on, and it ends."""
    async with Simulator() as sim:
        shell = configure(folder, sim, env)
        await tracked(shell, sim)
        watch = await shell.start("watch", "--until", "never", "--json")
        try:
            await asked(folder)
            assert watch.stdout is not None
            for word in ("incomplete", "one", "two", "three", "complete"):
                sim.script("7g", guid(1), [word])
                async with asyncio.timeout(PATIENCE):
                    while json.loads(await watch.stdout.readline())["vendor_status"] != word:
                        pass
            watch.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                _, err = await watch.communicate()
        finally:
            if watch.returncode is None:
                watch.kill()
                await watch.wait()
        assert watch.returncode == 130, (watch.returncode, err)
        assert b"Traceback" not in err, err


def loopback_up() -> None:
    """What `ip link set lo up` does, without needing `ip`."""
    get, put, up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, get, struct.pack("16sh14x", b"lo", 0)))[1]
        fcntl.ioctl(any_socket, put, struct.pack("16sh14x", b"lo", flags | up))


def stand_in(folder: Path) -> None:
    """Be the name server of this network: hear, and say nothing."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    (folder / "resolv.conf").write_text(RESOLV)
    subprocess.run(["mount", "--bind", str(folder / "resolv.conf"), "/etc/resolv.conf"], check=True)

    def hear() -> None:
        while True:
            question = server.recv(4096)
            if NAME.partition(".")[0].encode() in question:
                (folder / "asked").touch()

    threading.Thread(target=hear, daemon=True).start()


if __name__ == "__main__":
    loopback_up()
    stand_in(Path(sys.argv[1]))
    asyncio.run(watching(Path(sys.argv[1]), {"PYTHONPATH": HERE}))
