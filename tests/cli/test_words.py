"""Wrong words, wrong config, dead servers: one sentence, the right exit code, no traceback."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from reportdash.ledger import FILE_NAME, Store
from reportdash.model import Job, JobState
from reportdash.simulator import Simulator
from reportdash.simulator.wire import Reply
from tests.cli.conftest import Ran, Shell, toml

GUID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"


def one_sentence(ran: Ran) -> str:
    """The complaint; fails when there is a traceback or more than a line."""
    assert "Traceback" not in ran.err
    lines = [line for line in ran.err.splitlines() if line.strip()]
    assert len(lines) == 1, ran.err
    assert lines[0].startswith("reportdash: ")
    return lines[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("frobnicate",), "frobnicate"),
        (("jobs", "--jsn"), "--jsn"),
        (("submit", "main"), "REPORT"),
        (("track", "main"), "REFERENCE"),
        (("watch", "--until", "noon"), "noon"),
        (("watch", "--timeout", "soon"), "soon"),
        (("demo", "--changes", "9999"), "9999"),
        (("download",), "--all-ready"),
        (("submit", "main", "X", "-p", "novalue"), "novalue"),
        (("show", "zzzzzz"), "zzzzzz"),
        (("submit", "nobody", "X"), "nobody"),
        (("track", "main", "not-a-guid"), "GUID"),
        (("track", "admissions", "12"), "EXPORT_ID/FILE_ID"),
        (("track", "calls", "no-slash"), "TYPE/ID"),
        (("track", "billing", "two words"), "space"),
    ],
)
async def test_wrong_words_are_one_sentence_and_exit_2(
    shell: Shell, sim: Simulator, words: tuple[str, ...], says: str
) -> None:
    ran = await shell(*words)
    assert ran.code == 2, ran.err
    assert says in one_sentence(ran)
    assert ran.out == ""
    assert not sim.requests


async def test_an_ambiguous_prefix_names_the_candidates(shell: Shell) -> None:
    with Store.open(shell.data / FILE_NAME) as store:
        store.write(lambda: store.verbs.ensure_accounts({"main": "7g"}))
        for job_id in ("abcdef", "abcxyz", "zzzzzz"):
            store.add(Job(job_id, "main", "7g", job_id, job_id, JobState.RUNNING))
    ran = await shell("show", "abc")
    assert ran.code == 2
    sentence = one_sentence(ran)
    assert "abcdef" in sentence
    assert "abcxyz" in sentence
    assert "zzzzzz" not in sentence
    assert (await shell("show", "abcd", "--json")).row["id"] == "abcdef"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("download_dir = ", "config.toml"),
        ('downlod_dir = "x"\n', "download_dir"),
        ('[accounts.main]\nvendor = "8g"\n', "7g"),
        ('[accounts.main]\nbase_url = "https://x.example"\n', "vendor"),
        ('[accounts.main]\nvendor = "7g"\npol_min = 3\n', "poll_min"),
        ('[accounts.main]\nvendor = "7g"\npassword = "hunter2-canary"\n', "login"),
        ('[accounts.main]\nvendor = "7g"\nbase_url = "ftp://x"\n', "base_url"),
        ('[accounts.calls]\nvendor = "talkdesk"\naccount = "acme"\nregion = "mars"\n', "region"),
        ('[keys]\nsort = "d"\n', 'line 2: keys.sort takes "d", which is the key of download'),
        (
            '[views.a]\nfilter = "state:failed agee>2h"\n',
            "views.a.filter can not be read from character 14 on",
        ),
        (
            '[views.a]\ncolumns = ["Vendor says", "agee"]\n',
            "views.a.columns.1 names no column; the nearest is age",
        ),
    ],
)
async def test_a_config_error_names_file_key_and_what_to_write(tmp_path: Path, text: str, says: str) -> None:
    shell = Shell(tmp_path)
    shell.config.write_text(text, encoding="utf-8")
    for words in (("config", "validate"), ("jobs",), ("submit", "main", "X")):
        ran = await shell(*words)
        assert ran.code == 2, (words, ran.err)
        sentence = one_sentence(ran)
        assert str(shell.config) in sentence
        assert says in sentence
        assert "hunter2-canary" not in ran.err + ran.out
    assert not shell.data.exists()


async def test_a_theme_file_with_a_mistake_is_named_with_its_line_and_the_nearest_role(
    tmp_path: Path,
) -> None:
    shell = Shell(tmp_path)
    shell.config.write_text('theme = "mine"\n', encoding="utf-8")
    (tmp_path / "themes").mkdir()
    mine = tmp_path / "themes" / "mine.toml"
    mine.write_text('[roles]\ntext = "#d0d0d0"\nmutde = "#949494"\n', encoding="utf-8")
    ran = await shell("config", "validate")
    assert ran.code == 2
    assert f"{mine}, line 3: roles.mutde is not a role; the nearest is muted: write muted" in one_sentence(
        ran
    )
    assert (await shell("jobs")).code == 0, "a command without a screen needs no theme"


async def test_the_schema_names_the_actions(bare: Shell) -> None:
    made = json.loads((await bare("config", "schema")).out)
    assert "download" in made["properties"]["keys"]["propertyNames"]["enum"]


async def test_a_config_that_is_named_but_missing_is_said(tmp_path: Path) -> None:
    ran = await Shell(tmp_path)("jobs")
    assert ran.code == 2
    assert "config.toml" in one_sentence(ran)


async def test_without_a_config_the_table_is_empty_and_all_is_well(bare: Shell) -> None:
    assert (await bare("jobs", "--json")).code == 0
    ran = await bare("accounts")
    assert ran.code == 0
    assert "config init" in ran.err
    assert "reportdash track" in (await bare("jobs")).err


async def test_config_init_writes_a_valid_private_file_once(bare: Shell) -> None:
    ran = await bare("config", "init")
    assert ran.code == 0, ran.err
    path = Path(ran.lines[0])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await bare("config", "validate")).code == 0
    again = await bare("config", "init")
    assert again.code == 2
    assert str(path) in one_sentence(again)
    assert (await bare("config", "path")).lines == [str(path)]


async def test_a_config_without_accounts_is_not_told_to_write_another_config(bare: Shell) -> None:
    path = (await bare("config", "init")).lines[0]
    sentence = one_sentence(await bare("accounts"))
    assert path in sentence
    assert "config init" not in sentence


async def test_an_account_asked_for_before_there_is_one_says_how_to_come_by_it(bare: Shell) -> None:
    first = await bare("login", "main", "--stdin")
    assert first.code == 2
    assert "`reportdash config init` writes one" in one_sentence(first)
    path = (await bare("config", "init")).lines[0]
    ran = await bare("logout", "main")
    assert ran.code == 2
    assert f"{path} has none yet: write it there" in one_sentence(ran)
    assert "has no account: write one there" in (await bare("config", "validate")).err


@pytest.mark.parametrize("name", ["a-file/below", "x" * 300], ids=["below a file", "too long"])
@pytest.mark.parametrize("words", [("jobs",), ("show", "abc"), ("accounts",), ("watch",)])
async def test_a_data_folder_that_can_not_be_looked_into_is_named_with_the_way_out(
    bare: Shell, tmp_path: Path, words: tuple[str, ...], name: str
) -> None:
    (tmp_path / "a-file").write_text("")
    ran = await bare("--data-dir", str(tmp_path / name), *words)
    assert ran.code == 2, ran.err
    assert ran.out == ""
    assert "--data-dir" in one_sentence(ran)


async def test_the_next_words_of_config_init_name_the_same_file(bare: Shell) -> None:
    ran = await bare("--config", "my own.toml", "config", "init")
    assert "`reportdash --config 'my own.toml' config validate`" in ran.err


async def test_an_unknown_word_leads_to_the_help_of_its_command(shell: Shell) -> None:
    assert one_sentence(await shell("accounts", "extra")).endswith(
        "unrecognized arguments: extra; `reportdash accounts --help` shows the words"
    )
    assert "a QUERY that begins with - comes after --" in one_sentence(await shell("watch", "--x"))


async def test_a_query_without_a_match_says_so_and_prints_nothing(shell: Shell) -> None:
    await shell("track", "main", GUID)
    ran = await shell("jobs", "state:failed")
    assert (ran.code, ran.out) == (0, "")
    assert "no job matches" in one_sentence(ran)


async def test_a_reason_that_names_a_key_names_the_command_here(shell: Shell) -> None:
    job_id = (await shell("track", "billing", "ref-1")).lines[0]
    ran = await shell("delete", job_id, "--yes")
    assert ran.code == 5
    assert f"`reportdash forget {job_id}`" in one_sentence(ran)


async def test_an_unwritable_data_folder_is_said(shell: Shell) -> None:
    # Not even root may make a folder there.
    shell.env["REPORTDASH_DATA_DIR"] = "/proc/reportdash"
    ran = await shell("track", "main", GUID)
    assert ran.code == 2
    assert "/proc/reportdash" in one_sentence(ran)


async def test_a_data_folder_that_is_a_file_is_said(shell: Shell) -> None:
    shell.data.write_text("mine")
    ran = await shell("track", "main", GUID)
    assert ran.code == 2
    assert str(shell.data) in one_sentence(ran)
    assert shell.data.read_text() == "mine"


async def test_missing_credentials_exit_3_and_name_the_way_to_give_them(shell: Shell, sim: Simulator) -> None:
    shell.env = {}
    ran = await shell("submit", "main", "TransactionSummary")
    assert ran.code == 3, ran.err
    assert "login main" in ran.err
    assert "Traceback" not in ran.err
    assert not sim.requests
    row = (await shell("jobs", "--json")).row
    assert row["state"] == "submitting"


async def test_refused_credentials_exit_3_and_the_vendors_words_are_kept(
    shell: Shell, sim: Simulator
) -> None:
    shell.env["REPORTDASH_SECRET__CALLS__CLIENT_SECRET"] = "wrong-canary"
    await shell("track", "calls", "calls/17")
    ran = await shell("watch", "--until", "settled", "--timeout", "30")
    assert ran.code == 3, ran.err
    row = (await shell("jobs", "--json")).row
    assert row["health"] == "auth_failed"
    accounts = {item["account"]: item for item in (await shell("accounts", "--json")).rows}
    assert accounts["calls"]["health"] == "auth_failed"
    assert accounts["main"]["health"] == "ok"
    for text in (ran.err, ran.out, json.dumps(accounts), (await shell("show", row["id"], "--json")).out):
        assert "wrong-canary" not in text


async def test_html_in_place_of_json_is_bad_payload_and_leaves_the_state(
    shell: Shell, sim: Simulator
) -> None:
    await shell("submit", "main", "TransactionSummary")
    before = (await shell("jobs", "--json")).row["state"]
    html = Reply(200, b"<html>maintenance</html>", {"Content-Type": "text/html"})
    sim.inject("7g", html, method="GET", path="/Report/Status*", times=None)
    assert (await shell("watch", "--until", "settled", "--timeout", "1")).code == 4
    row = (await shell("jobs", "--json")).row
    assert row["state"] == before
    assert row["health"] == "bad_payload"
    assert row["attempts"] >= 1
    shown = (await shell("show", row["id"], "--json")).row
    assert shown["last_error"]["kind"] == "bad_payload"


async def test_a_dead_server_changes_no_state_and_is_unreachable(shell: Shell, sim: Simulator) -> None:
    accounts = sim.accounts()
    accounts["main"]["settings"]["base_url"] = "http://127.0.0.1:9"
    shell.write(toml(accounts))
    await shell("track", "main", GUID)
    assert (await shell("watch", "--until", "settled", "--timeout", "1.5")).code == 4
    row = (await shell("jobs", "--json")).row
    assert row["health"] == "unreachable"
    assert row["state"] not in ("failed", "lost")
    assert row["attempts"] >= 1


async def test_login_without_a_store_exits_3_before_asking(shell: Shell, sim: Simulator) -> None:
    ran = await shell("login", "main", "--stdin", stdin="username=demo\npassword=canary-77\n")
    assert ran.code == 3
    sentence = one_sentence(ran)
    assert "REPORTDASH_SECRET__MAIN__USERNAME and REPORTDASH_SECRET__MAIN__PASSWORD" in sentence
    for way in ("is not made yet", "REPORTDASH_VAULT_PASSPHRASE_FILE", "credential_command"):
        assert way in sentence
    assert "canary-77" not in ran.err + ran.out
    assert not sim.requests


async def test_accounts_says_where_each_credential_lives(shell: Shell) -> None:
    rows = {row["account"]: row for row in (await shell("accounts", "--json")).rows}
    assert set(rows) == {"main", "billing", "admissions", "calls"}
    assert all("environment" in row["credential"] for row in rows.values())


async def test_accounts_says_which_login_is_missing(shell: Shell) -> None:
    del shell.env["REPORTDASH_SECRET__CALLS__CLIENT_SECRET"], shell.env["REPORTDASH_SECRET__CALLS__CLIENT_ID"]
    ran = await shell("accounts")
    assert "reportdash login calls" in ran.out
    assert "reportdash login main" not in ran.out


async def test_a_query_that_begins_with_a_dash_comes_after_two(shell: Shell) -> None:
    await shell("track", "main", GUID, "--name", "alpha")
    await shell("track", "admissions", "1/2", "--name", "beta")
    assert [row["name"] for row in (await shell("jobs", "--json", "--", "-alpha")).rows] == ["beta"]
    assert [row["name"] for row in (await shell("jobs", "--json", "account:main")).rows] == ["alpha"]


async def test_a_wrong_query_says_where(shell: Shell) -> None:
    ran = await shell("jobs", "nosuchfield:x")
    assert ran.code == 2
    assert "nosuchfield" in one_sentence(ran)


async def test_version_and_help_are_on_stdout(bare: Shell) -> None:
    from reportdash import __version__

    assert (await bare("--version")).out.strip() == f"reportdash {__version__}"
    helped = await bare("--help")
    assert helped.code == 0
    for word in ("demo", "simulator", "accounts", "submit", "watch", "forget", "config"):
        assert word in helped.out


async def test_headless_commands_import_no_screen() -> None:
    import subprocess
    import sys

    code = (
        "import sys; import reportdash.cli.main, reportdash.cli.jobs, reportdash.cli.watch; "
        "import reportdash.cli.submit, reportdash.cli.files, reportdash.cli.accounts, reportdash.cli.config; "
        "import reportdash.cli.login, reportdash.cli.vault; "
        "print([m for m in sys.modules if m.split('.')[0]  == 'textual'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
