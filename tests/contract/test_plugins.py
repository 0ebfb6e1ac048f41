"""Plug-ins through the real command: the example from submit to file; what a broken one leaves working."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from reportdash.ledger.store import Store
from reportdash.model import Job, JobState
from reportdash.testing import Answer, FakeVendor, Jobs
from reportdash.vendors import registry
from tests.cli.conftest import Shell
from tests.contract.plugged import EXAMPLE, install, install_example
from tests.terminal.pty import Terminal

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
MAIN = '[accounts.main]\nvendor = "7g"\nbase_url = "http://127.0.0.1:9"\n'
ACME = '[accounts.pay]\nvendor = "acme"\nregion = "eu"\n'


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path)
    made.env = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(Path.cwd())])}
    return made


def own_tests() -> Any:
    """The module of the example's tests."""
    spec = spec_from_file_location("stripes_tests", EXAMPLE / "tests" / "test_stripe.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def fake_stripe() -> AsyncIterator[tuple[FakeVendor, Jobs]]:
    """The fake Stripe of the example's own tests."""
    async with FakeVendor(origins=2) as fake:
        jobs: Jobs = {}
        own_tests().FakeStripe(fake, jobs)
        yield fake, jobs


def stripe_account(fake: FakeVendor) -> str:
    return (
        f'[accounts.pay]\nvendor = "stripe"\nbase_url = "{fake.urls[0]}"\nfiles_url = "{fake.urls[1]}"\n'
        "poll_min = 0.05\npoll_max = 0.1\n"
    )


# The example.


def test_the_example_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_example(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert "stripe" in registry.names()
    found = registry.load("stripe")
    assert (found.name, found.title) == ("stripe", "Stripe")
    registry.try_out(found.Account(vendor="stripe", base_url="https://api.stripe.com"))


async def test_the_example_from_submit_to_file(shell: Shell) -> None:
    install_example(shell.folder / "site")
    shell.env["REPORTDASH_SECRET__PAY__SECRET_KEY"] = KEY
    async with fake_stripe() as (fake, jobs):
        shell.write(stripe_account(fake))
        submit = ("submit", "pay", "balance.summary.1", "--from", "2026-10-01", "--to", "2026-11-01")
        sent = await shell(*submit, "-p", "currency=usd")
        (reference,) = jobs
        assert sent.code == 0 and reference in sent.err
        jobs[reference].word, jobs[reference].content = "succeeded", b"id,amount\n1,2.50\n"
        watched = await shell("watch", "--download", "--timeout", "60", "--json")
        assert watched.code == 0, watched.err
        (row,) = (await shell("jobs", "--json")).rows
        assert (row["id"], row["vendor"], row["reference"]) == (sent.out.strip(), "stripe", reference)
        assert (row["state"], row["vendor_status"], row["name"]) == (
            "ready",
            "succeeded",
            "balance.summary.1",
        )
        assert (row["artifact"]["state"], row["artifact"]["verified"]) == ("saved", "length")
        saved = Path(row["artifact"]["path"])
        assert saved.read_bytes() == b"id,amount\n1,2.50\n"
        assert saved.suffix == ".csv"
        refused = await shell("delete", row["id"], "--yes")
        assert refused.code == 5
        assert "Stripe has no call to delete" in refused.err
        kept = b"".join(path.read_bytes() for path in shell.data.rglob("*") if path.is_file())
        assert KEY.encode() not in kept


async def test_the_example_adopts_tracks_and_tells_a_failure(shell: Shell) -> None:
    install_example(shell.folder / "site")
    shell.env["REPORTDASH_SECRET__PAY__SECRET_KEY"] = KEY
    async with fake_stripe() as (fake, jobs):
        shell.write(stripe_account(fake))
        kit = own_tests()
        jobs["frr_1"] = kit.FakeJob("frr_1", "failed", "No data for this interval.")
        jobs["frr_2"] = kit.FakeJob("frr_2", "archived")
        tracked = await shell("track", "pay", "frr_1")
        assert tracked.code == 0 and not fake.requests
        assert (await shell("track", "pay", "--all")).code == 0
        assert (await shell("watch", "reference:frr_1", "--timeout", "60")).code == 1
        rows = {row["reference"]: row for row in (await shell("jobs", "--json")).rows}
        assert (rows["frr_1"]["state"], rows["frr_1"]["message"]) == ("failed", "No data for this interval.")
        assert (rows["frr_2"]["state"], rows["frr_2"]["vendor_status"]) == ("unknown", "archived")
        assert (await shell("track", "pay", "../../oops")).code == 2
        fake.once("GET *", Answer(401, {"error": {"message": "Invalid API Key provided"}}), times=None)
        checked = await shell("doctor")
        assert checked.code == 3
        assert "Stripe refused the credential: HTTP 401: Invalid API Key provided" in checked.out


# A broken one.


@pytest.fixture
def broken(shell: Shell) -> Shell:
    """A config with one good account, and one whose plug-in does not load."""
    install(
        shell.folder / "site",
        f"open({str(shell.folder / 'imported')!r}, 'w').close()\nimport no_such_module_at_all\n",
        name="acme",
        module="plug_acme",
        target="plug_acme:Acme",
    )
    shell.write(MAIN + ACME)
    with Store.open(shell.data / "ledger.db") as store:
        store.write(lambda: store.verbs.ensure_accounts({"pay": "acme"}))
        store.add(Job("abcdef", "pay", "acme", "Balances", "r1", JobState.READY, "done"))
    return shell


WARNING = (
    "reportdash: the plug-in for vendor 'acme' (reportdash-acme 1.2) does not load: ModuleNotFoundError: "
    "No module named 'no_such_module_at_all'; account pay is left out, all others work: "
    "install reportdash-acme again, or take it out of "
)


async def test_a_broken_plug_in_is_one_warning_and_the_rest_works(broken: Shell) -> None:
    tracked = await broken("track", "main", "a1b2c3d4-e5f6-4890-abcd-ef1234567890")
    assert tracked.code == 0
    assert tracked.err.startswith(WARNING)
    assert tracked.err.count("\n") == 1
    listed = await broken("jobs", "--json")
    assert listed.code == 0
    assert {row["account"] for row in listed.rows} == {"main", "pay"}
    assert listed.err.startswith(WARNING)
    shown = await broken("show", "abcdef", "--json")
    assert (shown.code, shown.row["state"]) == (0, "ready")


async def test_its_account_is_listed_as_unusable_with_the_reason(broken: Shell) -> None:
    listed = await broken("accounts", "--json")
    assert listed.code == 0
    main, pay = listed.rows
    assert list(main) == list(pay)
    assert (pay["account"], pay["vendor"], pay["health"], pay["base_url"]) == (
        "pay",
        "acme",
        "unusable",
        None,
    )
    assert "No module named 'no_such_module_at_all'; install reportdash-acme again" in pay["message"]
    text = await broken("accounts")
    assert "unusable" in text.out and "does not load" in text.out


async def test_only_validate_and_doctor_end_badly_for_it(broken: Shell) -> None:
    checked = await broken("config", "validate")
    assert (checked.code, checked.out) == (2, "")
    assert checked.err.startswith(WARNING)
    shown = await broken("config", "show")
    assert shown.code == 0
    assert "# [accounts.pay] is left out: the plug-in for vendor 'acme'" in shown.out
    assert "region" not in shown.out
    looked = await broken("doctor")
    assert "PROBLEM  plug-in" in looked.out
    assert "No module named 'no_such_module_at_all'" in looked.out
    assert "acme: reportdash-acme 1.2" in looked.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("download", "abcdef"), 2),
        (("delete", "abcdef", "--yes", "--unsaved"), 2),
        (("track", "pay", "r2"), 2),
        (("submit", "pay", "Balances"), 2),
        (("login", "pay"), 2),
        (("forget", "abcdef", "--unsaved"), 0),
        (("watch", "id:abcdef", "--timeout", "30"), 0),
    ],
)
async def test_an_act_on_its_jobs_says_why_not(broken: Shell, words: tuple[str, ...], code: int) -> None:
    done = await broken(*words)
    assert done.code == code
    if code:
        assert "pay is left out: the plug-in for vendor 'acme'" in done.err


async def test_watch_ends_where_only_its_jobs_are_left(broken: Shell) -> None:
    with Store.open(broken.data / "ledger.db") as store:
        store.add(Job("bcdefg", "pay", "acme", "Ledgers", "r3", JobState.RUNNING, "busy"))
    done = await broken("watch", "id:bcdefg", "--timeout", "30")
    assert done.code == 3
    assert "this account is left out" in done.err


async def test_a_job_beside_it_is_still_deleted_or_refused_for_its_own_reason(broken: Shell) -> None:
    with Store.open(broken.data / "ledger.db") as store:
        store.write(lambda: store.verbs.ensure_accounts({"main": "7g"}))
        store.add(Job("bcdefg", "main", "7g", "Ledgers", "r3", JobState.READY, "complete"))
    done = await broken("delete", "abcdef", "bcdefg", "--yes")
    assert done.code == 5
    assert "abcdef Balances: pay is left out" in done.err
    assert "bcdefg Ledgers: " in done.err


async def test_a_config_with_nothing_but_its_account_works_as_well(broken: Shell) -> None:
    broken.write(ACME)
    listed = await broken("accounts", "--json")
    assert (listed.code, listed.row["health"]) == (0, "unusable")


async def test_a_vendor_that_is_not_installed_at_all_stays_a_config_error(shell: Shell) -> None:
    shell.write(MAIN + ACME)
    done = await shell("jobs")
    assert done.code == 2
    assert "accounts.pay.vendor: no vendor is called 'acme'" in done.err


async def test_a_plug_in_no_account_names_is_never_imported(broken: Shell) -> None:
    broken.write(MAIN)
    for words in (("accounts",), ("jobs",), ("config", "validate"), ("config", "schema"), ("doctor",)):
        done = await broken(*words)
        assert "does not load" not in done.err, words
        assert not (broken.folder / "imported").exists(), words


async def test_what_a_plug_in_prints_is_no_data(shell: Shell) -> None:
    install_example(shell.folder / "site")
    module = shell.folder / "site" / "reportdash_stripe.py"
    module.write_text(module.read_text(encoding="utf-8") + "\nprint('noise')\n", encoding="utf-8")
    shell.write('[accounts.pay]\nvendor = "stripe"\n')
    done = await shell("accounts", "--json")
    assert (done.code, done.row["account"], done.err) == (0, "pay", "noise\n")


async def test_the_schema_knows_an_installed_plug_in_the_config_names(shell: Shell) -> None:
    install_example(shell.folder / "site")
    shell.write('[accounts.pay]\nvendor = "stripe"\n')
    named = json.loads((await shell("config", "schema")).out)
    kinds = {one["title"]: one for one in named["properties"]["accounts"]["additionalProperties"]["oneOf"]}
    assert "files_url" in kinds["stripe account"]["properties"]
    shell.write(MAIN)
    unnamed = json.loads((await shell("config", "schema")).out)
    kinds = {one["title"]: one for one in unnamed["properties"]["accounts"]["additionalProperties"]["oneOf"]}
    assert list(kinds["stripe account"]["properties"]) == ["vendor"]


@pytest.mark.parametrize("config", [MAIN + ACME, ACME])
def test_the_dashboard_stands_and_names_it(broken: Shell, config: str) -> None:
    broken.write(config)
    words = ["--config", str(broken.config), "--data-dir", str(broken.data)]
    env = {
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        **broken.env,
        "HOME": str(broken.folder),
    }
    with Terminal(words, columns=140, lines=40, env=env, warm=True) as terminal:
        terminal.until(lambda text: "pay plug-in broken: a" in text and "Balances" in text)
        terminal.send("a")
        terminal.send("\x1b[F")
        terminal.until(lambda text: "It is left out: the plug-in for vendor 'acme'" in text)
        terminal.until("install reportdash-acme again")
        terminal.send("\x1b")
        terminal.until(lambda text: "It is left out" not in text)
        terminal.send("q")
        assert terminal.finish() == 0
