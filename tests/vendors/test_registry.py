"""Vendors by name: ours, plug-ins, and names that are neither."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

from reportdash.errors import UsageProblem
from reportdash.vendors import registry
from reportdash.vendors.sigma import Sigma, SigmaAccount


def plug_in(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    entry = metadata.EntryPoint(name, value, registry.GROUP)
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry] if group == registry.GROUP else [])


def test_ours_are_known_by_name() -> None:
    assert registry.names()[:4] == ["7g", "sigma", "webadmit", "talkdesk"]
    assert registry.load("sigma") is Sigma
    assert registry.account_class("sigma") is SigmaAccount
    assert all(registry.load(name).name == name for name in registry.OWN)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UsageProblem, match="did you mean 'talkdesk'"):
        registry.load("Talkdesc")
    with pytest.raises(UsageProblem, match="there are 7g, sigma, webadmit, talkdesk"):
        registry.load("zzz")


def test_a_plug_in_is_loaded_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, "acme", "reportdash.vendors.sigma:Sigma")
    assert registry.names()[4:] == ["acme"]
    assert registry.load("acme") is Sigma


def test_a_plug_in_cannot_take_the_place_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, "7g", "reportdash.vendors.sigma:Sigma")
    assert registry.load("7g").name == "7g"


@pytest.mark.parametrize(
    "value", ["no.such.module:X", "reportdash.vendors.sigma:no", "os:path", "builtins:dict"]
)
def test_a_broken_plug_in_is_a_sentence(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    plug_in(monkeypatch, "acme", value)
    with pytest.raises(UsageProblem, match="plug-in for vendor 'acme'"):
        registry.load("acme")


def test_only_the_named_vendor_is_imported() -> None:
    code = (
        "import sys; from reportdash.vendors import registry; registry.load('webadmit');"
        "print([m for m in ('seveng', 'sigma', 'talkdesk') if 'reportdash.vendors.' + m in sys.modules],"
        " [m for m in ('httpx', 'aiohttp', 'textual') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"
