"""Vendors by name: ours, plug-ins, and names that are neither."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from reportdash.errors import PlugInBroken, UsageProblem
from reportdash.vendors import registry
from reportdash.vendors.contract import AccountSettings
from reportdash.vendors.sigma import Sigma, SigmaAccount

VENDOR = """
from typing import Literal
from reportdash.vendors.contract import AccountSettings, No, PollPolicy, Vendor

class AcmeAccount(AccountSettings):
    SECRETS = (("api_key",),)
    vendor: Literal["acme"] = "acme"
    base_url: str = "https://api.acme.example"

class Acme(Vendor):
    name = "acme"
    title = "Acme"
    Account = AcmeAccount
    policy = PollPolicy(5.0, 60.0)

    def can(self, action, job=None):
        return No("Acme does nothing")

    @classmethod
    def reference(cls, text):
        return text

    async def sign_in(self, credential, old, bare): ...
    def sign(self, request, session): ...
    async def status(self, job): ...
"""


class Plugs:
    """Installed packages, as files: what importlib.metadata and the import system really find."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self, source: str, name: str = "acme", value: str = "{module}:Acme", package: str = ""
    ) -> str:
        """A package with one module and one entry point; gives back the module's name."""
        package = package or f"reportdash-{name}"
        module = f"plug_{len(list(self.folder.iterdir()))}_{self.folder.parent.name}".replace("-", "_")
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        info = self.folder / f"{package.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        entry = f"[{registry.GROUP}]\n{name} = {value.format(module=module)}\n"
        (info / "entry_points.txt").write_text(entry)
        return module


@pytest.fixture
def plugs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugs:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return Plugs(folder)


def broken(name: str = "acme") -> str:
    with pytest.raises(PlugInBroken) as refused:
        registry.load(name)
    assert refused.value.remedy
    assert refused.value.text.endswith(refused.value.remedy)
    assert "\n" not in refused.value.text
    return refused.value.text


def test_ours_are_known_by_name() -> None:
    assert registry.names()[:4] == ["7g", "sigma", "webadmit", "talkdesk"]
    assert registry.load("sigma") is Sigma
    assert registry.account_class("sigma") is SigmaAccount
    assert all(registry.load(name).name == name for name in registry.OWN)


def test_an_unknown_name_gets_the_nearest_and_is_no_broken_plug_in() -> None:
    with pytest.raises(UsageProblem, match="did you mean 'talkdesk'") as unknown:
        registry.load("Talkdesc")
    assert not isinstance(unknown.value, PlugInBroken)
    with pytest.raises(UsageProblem, match="there are 7g, sigma, webadmit, talkdesk"):
        registry.load("zzz")


def test_a_plug_in_is_loaded_by_its_entry_point(plugs: Plugs) -> None:
    module = plugs.install(VENDOR)
    assert "acme" in registry.names()[4:]
    assert registry.load("acme").__module__ == module
    assert registry.account_class("acme").SECRETS == (("api_key",),)


def test_a_plug_in_is_not_imported_before_it_is_asked_for(plugs: Plugs) -> None:
    module = plugs.install(VENDOR)
    registry.names()
    list(registry.inventory())
    with pytest.raises(UsageProblem):
        registry.load("acne")
    assert module not in sys.modules


def test_a_plug_in_cannot_take_the_place_of_ours(plugs: Plugs) -> None:
    module = plugs.install("raise RuntimeError('imported')", name="7g")
    assert registry.load("7g").name == "7g"
    assert registry.names().count("7g") == 1
    assert module not in sys.modules
    assert ("7g", "reportdash-7g 1.2", "not used: reportdash's own vendor has this name") in list(
        registry.inventory()
    )


@pytest.mark.parametrize("name", ["7G", "Sigma", "Acme", "a b", "acme\x1b"])
def test_a_name_in_another_case_is_no_second_name(plugs: Plugs, name: str) -> None:
    module = plugs.install(VENDOR, name=name, package="odd")
    assert name not in registry.names()
    assert "\x1b" not in broken(name)
    assert "lower-case" in broken(name)
    assert module not in sys.modules


def test_two_packages_with_one_name_are_named_and_neither_is_imported(plugs: Plugs) -> None:
    modules = [plugs.install(VENDOR), plugs.install(VENDOR, package="acme-reports")]
    said = broken()
    assert "reportdash-acme 1.2" in said and "acme-reports 1.2" in said and "uninstall" in said
    assert not any(module in sys.modules for module in modules)


def test_the_same_plug_in_found_twice_is_one(plugs: Plugs) -> None:
    module = plugs.install(VENDOR)
    info = plugs.folder / "another_name-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another-name\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\nacme = {module}:Acme\n")
    assert registry.load("acme").name == "acme"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named"),
        ("def (:", "SyntaxError"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("raise RuntimeError('two\\nlines \\x1b[31m')", "RuntimeError: two lines"),
        ("import asyncio; raise asyncio.CancelledError", "CancelledError"),
        ("class Other: ...", "AttributeError"),
        ("Acme = 7", "which is not a vendor class"),
        ("class Acme: ...", "which is not a vendor class"),
        (VENDOR.replace('name = "acme"', 'name = "acne"'), "which calls itself 'acne'"),
        (VENDOR.replace("async def status", "async def statu"), "which lacks status"),
        (VENDOR.replace('title = "Acme"', ""), "which has no title"),
        (VENDOR.replace("policy = PollPolicy(5.0, 60.0)", ""), "which has no poll policy"),
        (VENDOR.replace("Account = AcmeAccount", "Account = dict"), "whose Account is no AccountSettings"),
        (VENDOR.replace('SECRETS = (("api_key",),)', 'SECRETS = ("api_key",)'), "whose SECRETS are no tuple"),
        (VENDOR.replace('SECRETS = (("api_key",),)', ""), "whose SECRETS are no tuple"),
    ],
)
def test_whatever_a_plug_in_does_wrong_is_a_sentence(plugs: Plugs, source: str, said: str) -> None:
    plugs.install(source)
    text = broken()
    assert text.startswith("the plug-in for vendor 'acme' (reportdash-acme 1.2)")
    assert said in text and "\x1b" not in text


def test_an_interrupt_during_the_import_stays_one(plugs: Plugs) -> None:
    plugs.install("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        registry.load("acme")


def bound(plugs: Plugs, source: str) -> AccountSettings:
    plugs.install(source)
    return registry.account_class("acme")(vendor="acme", base_url="https://api.acme.example")


def test_a_good_plug_in_stands_up_to_being_bound(plugs: Plugs) -> None:
    registry.try_out(bound(plugs, VENDOR))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    def can", "    def __init__(self, account, api): 1 / 0\n    def can", "ZeroDivisionError"),
        ("    def can", "    def __init__(self, account): ...\n    def can", "TypeError"),
        ('return No("Acme does nothing")', "raise SystemExit", "SystemExit"),
        ('return No("Acme does nothing")', "return False", "answers can()"),
        ("class Acme(", "    def origins(self): raise KeyError('x')\nclass Acme(", "KeyError"),
    ],
)
def test_a_plug_in_that_fails_once_it_is_bound_is_a_sentence(
    plugs: Plugs, old: str, new: str, said: str
) -> None:
    settings: Any = bound(plugs, VENDOR.replace(old, new))
    with pytest.raises(PlugInBroken, match=said.replace("(", r"\(").replace(")", r"\)")):
        registry.try_out(settings)


def test_only_the_named_vendor_is_imported() -> None:
    code = (
        "import sys; from reportdash.vendors import registry; registry.load('webadmit');"
        "print([m for m in ('seveng', 'sigma', 'talkdesk') if 'reportdash.vendors.' + m in sys.modules],"
        " [m for m in ('httpx', 'aiohttp', 'textual') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


def test_only_ours_are_listed_where_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda group: [])
    assert registry.names() == list(registry.OWN)
