"""A locked keyring is opened by its password, without a prompt: by its child, on the screen, in a shell."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from reportdash.credentials import Chain, KeyringProcess, KeyringTrouble
from reportdash.credentials.values import Secrets
from reportdash.model import Health
from reportdash.simulator import Simulator
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.login import Login
from tests.cli.asked import talk
from tests.cli.conftest import Shell, toml
from tests.credentials.conftest import Environ, Prompts
from tests.credentials.keyrings import Kept
from tests.credentials.test_keyring import child_of, patient, sessions
from tests.engine.rig import Rig
from tests.tui.desk import desk
from tests.tui.test_unlock_screen import asked, give, health

FIELDS = (("api_key",),)
HERE = ["https://api.example:443"]
PASSWORD = "canary of four grey owls"
KEY = "canary-5c2b77"
ASKED = "Password of the keyring (enter: leave it locked): "

_OF_ITS_OWN = """\
from jeepney import HeaderFields, MessageType, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection
connection = open_dbus_connection("SESSION")
connection.send_and_get_reply(message_bus.RequestName("org.freedesktop.secrets"))
print("ready", flush=True)
while True:
    call = connection.receive()
    if call.header.message_type is not MessageType.method_call:
        continue
    match call.header.fields[HeaderFields.member], call.body:
        case "Introspect", _:
            answer = "s", ('<node><interface name="org.freedesktop.Secret.Service"/></node>',)
        case "Get", (_, "Locked"):
            answer = "v", (("b", True),)
        case "Get", _:
            answer = "v", (("s", "Database"),)
        case member, _:
            print(member, flush=True)
            answer = "", ()
    connection.send(new_method_return(call, *answer))
"""


@pytest.fixture
def of_its_own(bus: Environ) -> Iterator[tuple[Environ, subprocess.Popen[str]]]:
    """A Secret Service whose locked collection only its own window opens, as KeePassXC's."""
    service = subprocess.Popen(
        [sys.executable, "-c", _OF_ITS_OWN], stdout=subprocess.PIPE, env=bus, text=True
    )
    assert service.stdout is not None
    assert service.stdout.readline().strip() == "ready"
    try:
        yield bus, service
    finally:
        service.kill()
        service.wait()


Locked = Callable[..., Awaitable[Environ]]


@pytest.fixture
def locked(unlock: Callable[..., Environ]) -> Locked:
    """Keep credentials in a gnome-keyring and lock it. `kept`: account -> vendor, origins and fields."""

    async def lock(kept: dict[str, tuple[str, list[str], dict[str, str]]], folder: Path) -> Environ:
        environ = unlock(PASSWORD)
        chain = Chain(environ=environ, folder=folder, keyring=slow(environ))
        for name, (vendor, origins, fields) in kept.items():
            await chain.keep(name, vendor, fields, origins, "keyring")
        await chain.aclose()
        return unlock(None)

    return lock


def slow(environ: Environ) -> KeyringProcess:
    return KeyringProcess(environ, patience=60, total=120)


# The child.


async def test_the_right_password_opens_it_and_a_wrong_one_says_so_and_no_prompt_is_shown(
    locked: Locked, prompts: Callable[[Environ], Prompts], tmp_path: Path
) -> None:
    environ = await locked({"main": ("webadmit", HERE, {"api_key": KEY})}, tmp_path)
    watch = prompts(environ)
    chain = Chain(environ=environ, folder=tmp_path, keyring=slow(environ))
    accounts = {"main": ("webadmit", FIELDS), "other": ("webadmit", FIELDS)}
    assert await chain.locked_keyring(accounts) == ["main"]
    (choice,) = [one for one in await chain.stores() if one.name == "keyring"]
    assert (choice.usable, choice.unlockable) == (False, True)
    with pytest.raises(KeyringTrouble, match="this password does not unlock the keyring") as caught:
        await chain.unlock_keyring("not this one")
    assert caught.value.code == "wrong"
    assert await chain.locked_keyring(accounts) == ["main"]
    with pytest.raises(KeyringTrouble, match="is locked"):
        await chain.find("main", "webadmit", FIELDS, HERE)

    await chain.unlock_keyring(PASSWORD)
    assert await chain.locked_keyring(accounts) == []
    found = await chain.find("main", "webadmit", FIELDS, HERE)
    assert found is not None and found.fields["api_key"] == KEY
    assert PASSWORD not in chain.live_values()
    await chain.aclose()
    # It is open for whoever comes next, and opening what is open takes any password.
    later = patient(environ)
    assert await later.where("main", "webadmit", FIELDS) == "keyring (SecretService)"
    await later.unlock_keyring("not this one")
    await later.aclose()
    assert [line for line in watch.seen() if "Secret.Prompt" in line] == []


async def test_the_password_is_on_no_command_line_in_no_environment_and_in_no_text_form(
    mute: Environ,
) -> None:
    keyring = KeyringProcess(mute, patience=0.5)
    before = set(sessions())
    password = Secrets({"password": PASSWORD})
    task = asyncio.create_task(keyring.unlock(password))
    child = await child_of(task, before)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                assert PASSWORD.encode() not in (folder / "cmdline").read_bytes()
    assert PASSWORD.encode() not in Path(f"/proc/{child}/environ").read_bytes()
    with pytest.raises(KeyringTrouble, match="does not answer") as caught:
        await task
    assert child not in sessions(), "and a mute one ends in its time"
    assert PASSWORD not in f"{password!r} {caught.value!r} {caught.value.__dict__} {keyring.__dict__}"
    await keyring.aclose()


async def test_a_keyring_that_only_its_own_program_opens_says_so_and_is_not_asked(
    of_its_own: tuple[Environ, subprocess.Popen[str]], tmp_path: Path
) -> None:
    environ, service = of_its_own
    chain = patient(environ)
    (choice, *_) = await chain.stores()
    assert (choice.usable, choice.unlockable) == (False, False)
    assert "locked in its own program (KWallet, KeePassXC)" in choice.sentence
    assert "unlock it there" in choice.sentence
    with pytest.raises(KeyringTrouble) as caught:
        await chain.unlock_keyring(PASSWORD)
    assert caught.value.code == "locked_elsewhere"
    await chain.aclose()
    service.kill()
    assert service.stdout is not None
    assert service.stdout.read() == "", "nothing was asked of it that would unlock or prompt"


async def test_looking_whether_it_is_locked_reads_ahead_what_the_accounts_ask_for_next(
    unlock: Callable[..., Environ], tmp_path: Path
) -> None:
    class Counting(KeyringProcess):
        started = 0

        async def _start(self) -> asyncio.subprocess.Process:
            self.started += 1
            return await super()._start()

    environ = unlock(PASSWORD)
    keyring = Counting(environ, patience=60, total=120)
    chain = Chain(environ=environ, folder=tmp_path, keyring=keyring)
    for name in ("a", "b"):
        await chain.keep(name, "webadmit", {"api_key": f"value-{name}"}, HERE, "keyring")
    await chain.aclose()
    keyring = Counting(environ, patience=60, total=120)
    chain = Chain(environ=environ, folder=tmp_path, keyring=keyring)
    assert await chain.locked_keyring({"a": ("webadmit", FIELDS), "b": ("webadmit", FIELDS)}) == []
    for name in ("a", "b"):
        found = await chain.find(name, "webadmit", FIELDS, HERE)
        assert found is not None and found.fields["api_key"] == f"value-{name}"
    assert keyring.started == 1
    # Read once; what another process keeps after that is seen.
    other = Chain(environ=environ, folder=tmp_path, keyring=slow(environ))
    await other.keep("a", "webadmit", {"api_key": "newer"}, HERE, "keyring")
    found = await chain.find("a", "webadmit", FIELDS, HERE)
    assert found is not None and found.fields["api_key"] == "newer"
    await other.aclose()
    await chain.aclose()


# The screen.


def in_keyring(
    locked: Locked, make: Callable[[Environ], KeyringProcess], *names: str
) -> Callable[[Rig], Awaitable[None]]:
    """Furnish a desk: the keys of `names` are in a gnome-keyring that is locked."""

    async def furnish(rig: Rig) -> None:
        folder = rig.folder / "data"
        folder.mkdir()
        kept = {
            name: (rig.accounts[name].vendor, rig.accounts[name].origins(), rig.forget_key(name))
            for name in names
        }
        environ = await locked(kept, folder)
        rig.make_chain = lambda: Chain(environ=rig.environ, folder=folder, keyring=make(environ))

    return furnish


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_a_locked_keyring_is_unlocked_in_the_dialog_and_polling_goes_on(
    locked: Locked, tmp_path: Path, size: tuple[int, int]
) -> None:
    furnish = in_keyring(locked, slow, "calls")
    async with desk(tmp_path, size=size, accounts=("calls", "main"), furnish=furnish) as at:
        dialog = await asked(at)
        assert "Unlock the keyring" in at.text
        assert "The key of calls is in the keyring, which is locked." in at.text
        at.rig.engine.poll()
        await at.until(lambda: health(at, "calls") is Health.AUTH_FAILED)
        await give(at, "not this one")
        await at.shows("This password does not unlock the keyring.")
        assert dialog.is_current
        assert dialog.focused_item is dialog.field
        assert dialog.field.edit.text == ""
        await give(at, PASSWORD)
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice == "the keyring is unlocked: calls can sign in again"
        await at.until(lambda: health(at, "calls") is Health.OK)
        assert "calls" in at.rig.engine.polled_here()
        assert PASSWORD not in at.app.export_screenshot()
        assert dialog.field.edit.text == ""


async def test_not_now_leaves_the_keyring_locked_and_l_offers_it_or_another_key(
    locked: Locked, tmp_path: Path
) -> None:
    furnish = in_keyring(locked, slow, "calls")
    async with desk(tmp_path, accounts=("calls",), furnish=furnish) as at:
        await asked(at)
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice == "The keyring is locked: l unlocks it"
        at.rig.engine.poll()
        await at.shows("✗ calls Talkdesk · keyring locked, l unlocks")
        await at.ask("l")
        await asked(at)
        await at.press("tab", "tab", "enter")
        await at.until(lambda: isinstance(at.app.screen, Login))
        await at.shows("Try and keep")
        form = at.app.screen
        assert isinstance(form, Login)
        assert "(•) Keyring         locked; its password unlocks it" in at.text
        assert "Keyring password" in at.text
        keys = at.rig.sim.accounts()["calls"]["secrets"]
        for name, field in form.fields.items():
            field.edit.set(keys[name])
        form.password.edit.set("not this one")
        form.focused_item = form.password
        await at.press("enter")
        await at.shows("This password does not unlock the keyring.")
        assert form.focused_item is form.password
        await give(at, PASSWORD)
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice == "calls: accepted by Talkdesk, the key is kept in the keyring (SecretService)"
        assert not at.app.live.stores.locked


async def test_a_keyring_that_falls_mute_at_its_password_is_said_and_the_table_goes_on(
    locked: Locked, tmp_path: Path
) -> None:
    class Mute(KeyringProcess):
        """As if the service stopped answering once the password is typed."""

        async def unlock(self, password: Secrets) -> None:
            self._environ["DBUS_SESSION_BUS_ADDRESS"] = MUTE[0]
            self._patience = 0.5
            await super().unlock(password)

    MUTE: list[str] = []
    furnish = in_keyring(locked, lambda environ: Mute(environ, patience=60, total=120), "calls")
    listener = tmp_path / "mute"
    held: list[asyncio.StreamWriter] = []  # let go of, a connection is closed
    server = await asyncio.start_unix_server(lambda reader, writer: held.append(writer), listener)
    MUTE.append(f"unix:path={listener}")
    async with server, desk(tmp_path, accounts=("calls", "main"), furnish=furnish) as at:
        dialog = await asked(at)
        await give(at, PASSWORD)
        await at.shows("unlocking…")
        await at.shows("The keyring does not answer, so it was left alone")
        assert dialog.is_current and dialog.focused_item is dialog.field
        assert dialog.field.edit.text == ""
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        assert health(at, "main") is not Health.AUTH_FAILED


async def test_a_keyring_that_only_its_own_program_opens_asks_nobody_and_l_offers_this_session(
    of_its_own: tuple[Environ, subprocess.Popen[str]], tmp_path: Path
) -> None:
    environ, _ = of_its_own

    async def furnish(rig: Rig) -> None:
        from reportdash.credentials import files

        folder = rig.folder / "data"
        folder.mkdir()
        rig.forget_key("calls")
        files.pins(folder).put("calls", "keyring")
        rig.make_chain = lambda: Chain(environ=rig.environ, folder=folder, keyring=slow(environ))

    async with desk(tmp_path, accounts=("calls",), furnish=furnish) as at:
        at.rig.engine.poll()
        await at.shows("✗ calls Talkdesk · keyring not open, l log in")
        assert not isinstance(at.app.screen, Dialog)
        await at.ask("l")
        await at.shows("Try and keep")
        assert "▲ The keyring is locked in its own program (KWallet, KeePassXC)" in at.text
        assert "Unlock it there." in at.text
        assert "Until I quit" in at.text
        assert ") Keyring" not in at.text


# The command line.


async def test_whatever_goes_before_it_a_logout_asks_for_what_unlocks_the_keyring_it_has_to_clear(
    tmp_path: Path,
) -> None:
    class Shut(Kept):
        asked: ClassVar[list[tuple[str, str]]] = []

        async def find(self, service: str, user: str) -> str | None:
            self.asked.append((service, user))
            raise KeyringTrouble("locked", "the keyring is locked")

    before = Chain(environ={}, folder=tmp_path, keyring=Kept())
    await before.keep("main", "7g", {"username": "u", "password": "p"}, HERE, "keyring")
    environ = {"REPORTDASH_SECRET__MAIN__USERNAME": "u", "REPORTDASH_SECRET__MAIN__PASSWORD": "p"}
    chain = Chain(environ=environ, folder=tmp_path, keyring=Shut(), commands={"main": ("true",)})
    assert await chain.locked_keyring({"main": ("7g", (("username", "password"),))}) == []
    assert not await chain.locks_away("other", "7g")
    assert Shut.asked == []
    assert await chain.locks_away("main", "7g")
    assert Shut.asked == [("reportdash:7g", "main")]


async def test_a_command_that_signs_in_asks_for_the_password_and_goes_on(
    locked: Locked, tmp_path: Path
) -> None:
    async with Simulator(seed=7) as sim:
        shell = Shell(tmp_path)
        shell.write(toml(sim.accounts()))
        account = sim.accounts()["calls"]
        from reportdash.vendors import registry

        settings = registry.account_class("talkdesk").model_validate(
            account["settings"] | {"vendor": "talkdesk"}
        )
        shell.data.mkdir(mode=0o700)
        kept = {"calls": ("talkdesk", settings.origins(), account["secrets"])}
        shell.env = {**await locked(kept, shell.data), "PYTHON_KEYRING_BACKEND": ""}
        told = await talk(shell, ("track", "calls", "--all"), (ASKED, "not this one"), (ASKED, ""))
        assert told.code == 3
        assert "This password does not unlock the keyring: try again." in told.text
        assert "the keyring is locked and its prompt cannot be shown here" in told.text
        told = await talk(shell, ("track", "calls", "--all"), (ASKED, PASSWORD))
        assert told.code == 0, told.text
        assert PASSWORD not in told.text
        assert told.restored
        # It is open now: nobody is asked any more.
        assert (await talk(shell, ("track", "calls", "--all"))).code == 0


async def test_a_login_offers_to_unlock_the_keyring_before_it_says_where_the_key_will_be(
    locked: Locked, tmp_path: Path
) -> None:
    async with Simulator(seed=7) as sim:
        shell = Shell(tmp_path)
        shell.write(toml(sim.accounts()))
        shell.env = {
            **await locked({"other": ("7g", HERE, {"username": "u", "password": "p"})}, tmp_path / "x"),
            "PYTHON_KEYRING_BACKEND": "",
        }
        secrets = sim.accounts()["calls"]["secrets"]
        left = await talk(shell, ("login", "calls"), (ASKED, ""), *[("New passphrase of the vault", "")] * 3)
        assert left.code == 2
        assert "because the keyring is locked" in left.text
        told = await talk(
            shell,
            ("login", "calls"),
            (ASKED, PASSWORD),
            ("Client id: ", secrets["client_id"]),
            ("Client secret: ", secrets["client_secret"]),
        )
        assert told.code == 0, told.text
        assert "The key of calls will be kept in the keyring (SecretService), encrypted" in told.at[1]
        assert "stored in keyring (SecretService)" in told.text
