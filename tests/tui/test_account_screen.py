"""The config from the screen: the walk from an empty folder to the first row, and every way it is refused."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from reportdash.clock import SystemClock
from reportdash.credentials import Chain
from reportdash.engine.runtime import Engine
from reportdash.ledger import Ledger
from reportdash.model import Job
from reportdash.settings import load, starter, writing
from reportdash.simulator import Simulator
from reportdash.tui import theme
from reportdash.tui.actions import BY_ID, Keymap
from reportdash.tui.app import Dashboard
from reportdash.tui.ports import Look
from reportdash.tui.screens.account import KEYS, AddAccount
from reportdash.tui.screens.accounts import Roster
from reportdash.tui.screens.login import Login
from reportdash.tui.screens.parts import Field
from reportdash.tui.widgets.filter import saved_views
from reportdash.vendors import registry
from tests.engine.rig import guid
from tests.tui.boards import screen_text
from tests.tui.desk import desk
from tests.tui.test_submit_screen import paste

ROUNDS = 2500


@dataclass
class Walk:
    """A dashboard on a config that is not there yet, with a real engine, ledger and simulator behind it."""

    sim: Simulator
    config: Path
    ledger: Path
    app: Dashboard
    pilot: Pilot[int]
    gate: asyncio.Event

    @property
    def text(self) -> str:
        return screen_text(self.app)

    @property
    def notice(self) -> str:
        return "".join(run.text for run in self.app.board.status.notice)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, holds: Callable[[], Any]) -> Any:
        for _ in range(ROUNDS):
            if value := holds():
                return value
            await asyncio.sleep(0.004)
            await self.pilot.pause()
        raise AssertionError(f"did not come true; the screen:\n{self.text}")

    async def shows(self, text: str) -> None:
        await self.until(lambda: text in self.text)

    async def form(self, key: str = "2") -> AddAccount:
        await self.press(key)
        form = await self.until(lambda: self.app.screen if isinstance(self.app.screen, AddAccount) else None)
        assert isinstance(form, AddAccount)
        await self.shows("Add an account")
        return form

    async def fill(self, form: AddAccount, vendor: str, **values: str) -> None:
        """Choose a vendor and write into fields, by the names of their keys."""
        edits = {key.name: field for key, field in form.fields[vendor].items()}
        form.vendor_field.edit.set(vendor)
        form.changed(form.vendor_field)
        for name, value in values.items():
            field = {"name": form.name_field, "folder": form.folder}.get(name) or edits[name]
            field.edit.set(value)
        # There enter writes; before it goes from field to field.
        form.focused_item = [item for item in form._items() if isinstance(item, Field)][-1]
        form.redraw()
        await self.pilot.pause()

    async def jobs(self) -> list[Job]:
        assert self.app.engine is not None
        found: list[Job] = await self.app.engine.ledger.jobs()  # type: ignore[attr-defined]
        return found


@asynccontextmanager
async def walk(
    folder: Path, *, size: tuple[int, int] = (140, 40), read_only: bool = False
) -> AsyncIterator[Walk]:
    config, clock = folder / "config" / "reportdash" / "config.toml", SystemClock()
    gate = asyncio.Event()
    gate.set()
    async with Simulator(published_dir=folder / "published") as sim:

        @asynccontextmanager
        async def open_engine() -> AsyncIterator[Engine | None]:
            settings = load(config, account_class=registry.account_class, environ={})
            if not settings.accounts:
                yield None
                return
            await gate.wait()
            ledger = await Ledger.open(folder / "ledger.db", clock=clock)
            chain = Chain(environ={}, use_keyring=False)
            engine = Engine(settings, ledger, chain, clock=clock)
            await engine.start()
            try:
                engine.poll()
                yield engine
            finally:
                await engine.stop()
                await chain.aclose()
                await ledger.close()

        look = Look(theme.load(theme.DEFAULT), "unicode", Keymap({}), saved_views(()))
        app = Dashboard(
            look,
            None,
            open_engine,
            clock=clock,
            config=str(config),
            configured=config.exists(),
            read_only=read_only,
        )
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield Walk(sim, config, folder / "ledger.db", app, pilot, gate)
            app.leave()
            await pilot.pause()


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (60, 12)])
async def test_from_nothing_to_the_first_row_without_leaving_the_screen(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with walk(tmp_path, size=size) as at:
        address = at.sim.urls["7g"]
        await at.shows("No account yet")
        await at.form()
        assert "Write the config" in at.text
        await at.press("enter")
        await at.press("tab", "ctrl+u")
        await paste_into(at, address)
        await at.press("tab", "ctrl+u")
        await paste_into(at, str(tmp_path / "reports"))
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        table = f'[accounts.main]\nvendor = "7g"\nbase_url = "{address}"\n'
        assert at.config.read_text(encoding="utf-8") == f"{starter(str(tmp_path / 'reports'))}\n{table}"
        assert stat.S_IMODE(at.config.stat().st_mode) == 0o600
        assert stat.S_IMODE(at.config.parent.stat().st_mode) == 0o700

        await at.shows("reportdash login main")
        await at.until(lambda: at.app.board.stage.next == 3)
        await at.press("enter")
        await at.until(lambda: isinstance(at.app.screen, Login) and at.app.screen.buttons())
        await at.pilot.pause()
        secrets = at.sim.accounts()["main"]["secrets"]
        await paste_into(at, secrets["username"])
        await at.press("tab")
        await paste_into(at, "wrong")
        await at.press("enter")
        await at.shows("7G refused the key")
        assert "•••••" in at.text, "the field with the focus is in sight"
        await at.press("ctrl+u")
        await paste_into(at, secrets["password"])
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        await at.until(lambda: at.app.board.stage.next == 4)
        assert secrets["password"] not in at.config.read_text(encoding="utf-8")

        await at.press("n")
        await at.press("tab")
        await paste_into(at, "EntityBalanceReport")
        await at.press("enter")
        await at.until(lambda: at.app.board.view.records.slot_of)
        (job,) = await at.jobs()
        assert (job.account, job.vendor, job.name) == ("main", "7g", "EntityBalanceReport")
        await at.until(lambda: job.reference or at.sim.calls("7g", "POST", "/Report"))
        await at.shows("EntityBalanceReport")
        assert "Look around first" not in at.text


async def paste_into(at: Walk, text: str) -> None:
    from textual import events

    at.app.screen.post_message(events.Paste(text))
    await at.pilot.pause()


async def test_enter_on_the_page_follows_a_report_once_there_is_a_key(tmp_path: Path) -> None:
    async with walk(tmp_path) as at:
        form = await at.form()
        await at.fill(form, "7g", base_url=at.sim.urls["7g"])
        await at.press("enter")
        engine = await at.until(lambda: at.app.engine)
        seat = engine.accounts["main"]
        await engine.chain.keep(
            "main", "7g", at.sim.accounts()["main"]["secrets"], seat.settings.origins(), "memory"
        )
        await engine.logged_in("main")
        await at.until(lambda: at.app.board.stage.next == 4)
        at.sim.add("7g", guid(5), "main", report="TransactionSummary", stage="running")
        await at.press("enter")
        await at.shows("Follow a report")
        await at.press("tab")
        await paste_into(at, guid(5))
        await at.press("enter")
        await at.until(lambda: at.app.board.view.records.slot_of)
        (job,) = await at.jobs()
        assert job.reference == guid(5)


@pytest.mark.parametrize(
    ("vendor", "values", "table"),
    [
        ("7g", {}, '[accounts.main]\nvendor = "7g"\n'),
        ("7g", {"base_url": ""}, '[accounts.main]\nvendor = "7g"\n'),
        (
            "sigma",
            {"base_url": "https://sigma.example/x", "auth": "basic", "published": "/mnt/{reportName}*"},
            '[accounts.main]\nvendor = "sigma"\nbase_url = "https://sigma.example/x"\nauth = "basic"\n'
            'published = "/mnt/{reportName}*"\n',
        ),
        (
            "sigma",
            {"base_url": "http://localhost:9081", "name": "billing"},
            '[accounts.billing]\nvendor = "sigma"\nbase_url = "http://localhost:9081"\n',
        ),
        (
            "webadmit",
            {"user_identity": "4242"},
            '[accounts.main]\nvendor = "webadmit"\nuser_identity = 4242\n',
        ),
        (
            "talkdesk",
            {"account": "acme", "region": "eu"},
            '[accounts.main]\nvendor = "talkdesk"\naccount = "acme"\nregion = "eu"\n',
        ),
        (
            "talkdesk",
            {"base_url": "https://api.example", "identity_url": "https://id.example"},
            '[accounts.main]\nvendor = "talkdesk"\nbase_url = "https://api.example"\n'
            'identity_url = "https://id.example"\n',
        ),
    ],
)
async def test_each_vendor_is_asked_for_what_it_needs_and_nothing_else_is_written(
    tmp_path: Path, vendor: str, values: dict[str, str], table: str
) -> None:
    async with walk(tmp_path) as at:
        form = await at.form()
        await at.fill(form, vendor, **values)
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.config.read_text(encoding="utf-8") == f"{starter()}\n{table}"
        assert at.notice == f"{form.name_field.edit.text} is in the config; l gives it its key"


@pytest.mark.parametrize(
    ("vendor", "values", "said"),
    [
        ("7g", {"base_url": "ftp://x"}, "Address: an address starts with https://"),
        ("7g", {"base_url": "http://192.0.2.7"}, "Address is not encrypted and not on this server"),
        ("7g", {"name": ""}, "The account has no name"),
        ("7g", {"name": "two words"}, "is no account name"),
        ("7g", {"folder": ""}, "download_dir is empty"),
        ("sigma", {}, "Every Sigma installation has its own address"),
        ("webadmit", {"user_identity": "me"}, "User identity takes a whole number"),
        ("talkdesk", {}, "Talkdesk needs account and region"),
    ],
)
async def test_what_would_be_no_config_stands_in_the_form_and_nothing_is_written(
    tmp_path: Path, vendor: str, values: dict[str, str], said: str
) -> None:
    async with walk(tmp_path) as at:
        form = await at.form()
        await at.fill(form, vendor, **values)
        await at.press("enter")
        await at.shows(said)
        assert at.app.screen is form
        assert not at.config.parent.exists()
        await at.press("escape")
        assert not at.config.parent.exists()


async def test_the_field_that_is_wrong_has_the_focus(tmp_path: Path) -> None:
    async with walk(tmp_path) as at:
        form = await at.form()
        await at.fill(form, "7g", base_url="ftp://x")
        await at.press("enter")
        await at.shows("Address: an address")
        assert form.focused_item is next(iter(form.fields["7g"].values()))
        await at.press("x")
        assert "Address: an address" not in at.text


async def test_a_line_pasted_while_a_vendor_is_chosen_writes_no_config(tmp_path: Path) -> None:
    async with walk(tmp_path) as at:
        form = await at.form()
        await at.press("s", "enter")
        assert form.vendor == "sigma"
        assert form.focused_item is form.name_field
        assert not at.config.exists()


async def test_enter_goes_from_field_to_field_and_writes_on_the_last(tmp_path: Path) -> None:
    async with walk(tmp_path) as at:
        form = await at.form()
        seen = []
        for _ in range(3):
            await at.press("enter")
            seen.append(form.focused_item)
            assert not at.config.exists()
        assert seen == [form.name_field, next(iter(form.fields["7g"].values())), form.folder]
        await at.press("enter")
        await at.until(at.config.exists)


async def test_the_suggested_name_follows_the_vendor_until_one_is_typed(tmp_path: Path) -> None:
    (tmp_path / "config" / "reportdash").mkdir(parents=True)
    config = tmp_path / "config" / "reportdash" / "config.toml"
    config.write_text('[accounts.main]\nvendor = "7g"\n', encoding="utf-8")
    async with walk(tmp_path) as at:
        await at.until(lambda: at.app.engine)
        at.app.operator.act("add_account", [])
        form = await at.until(lambda: at.app.screen if isinstance(at.app.screen, AddAccount) else None)
        assert form.name_field.edit.text == "main2"
        await at.press("s")
        assert form.name_field.edit.text == "billing"
        await at.press("tab", "x", "shift+tab", "t")
        assert form.vendor == "talkdesk"
        assert form.name_field.edit.text == "billingx"


async def test_an_existing_config_without_accounts_gets_one_at_its_end(tmp_path: Path) -> None:
    config = tmp_path / "config" / "reportdash" / "config.toml"
    config.parent.mkdir(parents=True)
    own = '# mine\ntheme   =   "reportdash-light" # bright\n'
    config.write_text(own, encoding="utf-8")
    async with walk(tmp_path) as at:
        form = await at.form()
        assert "It goes to the end of" in at.text
        assert "Reports go to" not in at.text
        await at.fill(form, "7g", base_url=at.sim.urls["7g"])
        await at.press("enter")
        await at.until(lambda: at.app.engine)
        table = f'[accounts.main]\nvendor = "7g"\nbase_url = "{at.sim.urls["7g"]}"\n'
        assert config.read_text(encoding="utf-8") == f"{own}\n{table}"


async def test_a_config_that_became_wrong_meanwhile_is_left_alone_and_its_error_said(tmp_path: Path) -> None:
    async with walk(tmp_path) as at:
        form = await at.form()
        at.config.parent.mkdir(parents=True)
        at.config.write_text("keep_days = 0\n", encoding="utf-8")
        await at.fill(form, "7g")
        await at.press("enter")
        await at.shows("line 1: keep_days takes")
        assert at.config.read_text(encoding="utf-8") == "keep_days = 0\n"
        at.config.unlink()


async def test_where_nothing_can_be_written_it_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("", encoding="utf-8")
    async with walk(tmp_path) as at:
        await at.press("2")
        await at.until(lambda: "is no folder" in at.notice)
        assert at.app.screen is at.app.board


async def test_an_account_added_while_the_engine_runs_is_polled_at_once(tmp_path: Path) -> None:
    config = tmp_path / "config" / "reportdash" / "config.toml"
    config.parent.mkdir(parents=True)
    async with walk(tmp_path) as at:
        form = await at.form()
        await at.fill(form, "7g", base_url=at.sim.urls["7g"])
        await at.press("enter")
        engine = await at.until(lambda: at.app.engine)
        before = config.read_bytes()
        await at.press("a")
        await at.until(lambda: isinstance(at.app.screen, Roster))
        form = await at.form("a")
        calls = at.sim.accounts()["calls"]
        assert form.name_field.edit.text == "main2"
        await at.fill(form, "talkdesk", name="calls", **calls["settings"])
        await at.press("enter")
        await at.until(lambda: isinstance(at.app.screen, Roster))
        await at.shows("calls")
        assert config.read_bytes().startswith(before)
        assert set(engine.accounts) == {"main", "calls"}
        assert set(engine.settings.accounts) == {"main", "calls"}
        seat = engine.accounts["calls"]
        await engine.chain.keep("calls", "talkdesk", calls["secrets"], seat.settings.origins(), "memory")
        await engine.logged_in("calls")
        await at.until(lambda: "calls" in engine.polled_here())
        assert at.app.board.titles["talkdesk"] == "Talkdesk"


async def test_an_account_written_after_the_config_was_read_for_the_engine_is_in_it_all_the_same(
    tmp_path: Path,
) -> None:
    async with walk(tmp_path) as at:
        at.gate.clear()
        for name in ("first", "second"):
            form = await at.form()
            await at.fill(form, "7g", name=name, base_url=at.sim.urls["7g"])
            await at.press("enter")
            await at.until(lambda: at.app.screen is at.app.board)
        assert at.app.engine is None
        at.gate.set()
        engine = await at.until(lambda: at.app.engine)
        await at.until(lambda: set(engine.accounts) == {"first", "second"})


async def test_esc_after_the_config_is_written_keeps_no_account_from_the_engine(tmp_path: Path) -> None:
    async with walk(tmp_path) as at:
        form = await at.form()
        add, begun, go_on = at.app.live.add_account, asyncio.Event(), asyncio.Event()

        async def slow(name: str, settings: Any) -> None:
            begun.set()
            await go_on.wait()  # as a ledger that another process writes to for long
            await add(name, settings)

        at.app.live.add_account = slow  # type: ignore[method-assign]
        await at.fill(form, "7g", name="first", base_url=at.sim.urls["7g"])
        await at.press("enter")
        await at.until(begun.is_set)
        await at.press("escape")
        go_on.set()
        await at.until(lambda: at.app.screen is at.app.board)
        assert "first is in the config" in at.app.board.status.notice[0].text
        engine = await at.until(lambda: at.app.engine)
        assert set(engine.accounts) == {"first"}


async def test_a_taken_name_is_refused_in_the_form(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        config = tmp_path / "config.toml"
        config.write_text('[accounts.main]\nvendor = "7g"\n', encoding="utf-8")
        at.app.board.config = str(config)
        at.app.operator.act("add_account", [])
        await at.until(lambda: isinstance(at.app.screen, AddAccount))
        await at.press("tab", "ctrl+u")
        await paste(at, "MAIN")
        await at.press(*["enter"] * 4)
        await at.shows("There is an account main already")
        assert config.read_text(encoding="utf-8") == '[accounts.main]\nvendor = "7g"\n'
        assert set(at.rig.engine.accounts) == {"main"}


async def test_a_secret_is_refused_where_a_plug_ins_keys_are_asked_and_a_key_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = EntryPoint("stripe", "reportdash_stripe:Stripe", registry.GROUP)
    monkeypatch.setattr(registry, "_plugins", lambda: {"stripe": [entry]})
    async with walk(tmp_path) as at:
        form = await at.form()
        assert "7g  sigma  webadmit  talkdesk  stripe" in at.text
        await at.fill(form, "stripe", **{"": "secret_key=sk_live_hunter2"})
        await at.press("enter")
        await at.shows("is a secret, which never stands in the config")
        assert not at.config.exists()
        await at.fill(form, "stripe", **{"": "poll_min=7 careful=true"})
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        written = at.config.read_text(encoding="utf-8")
        assert written.endswith('[accounts.main]\nvendor = "stripe"\npoll_min = 7\ncareful = true\n')


async def test_the_palette_offers_it_and_the_demo_does_not(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.press("ctrl+p")
        await paste(at, "add an account")
        assert "this is the demo, which has no config" in at.text
        await at.press("escape")
        at.app.board.config = str(tmp_path / "config.toml")
        assert at.app.operator.why_not(BY_ID["add_account"], []) == ""
        at.rig.engine.read_only = True
        assert at.app.operator.why_not(BY_ID["add_account"], []) == "this dashboard is read-only"


@pytest.mark.parametrize("vendor", list(registry.OWN))
def test_what_need_not_be_written_is_the_vendors_own_default(vendor: str) -> None:
    fields = registry.account_class(vendor).model_fields
    for key in KEYS[vendor]:
        assert key.name in fields
        if key.default:
            assert fields[key.name].default == key.default


def test_nothing_is_left_beside_the_config(tmp_path: Path) -> None:
    writing.write_new(tmp_path / "config.toml", b"x = 1\n")
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
