"""What the settings are, from the file and the environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reportdash.errors import UsageProblem
from reportdash.settings import load, show, starter
from tests.settings.vendors import SevenG, Talkdesk, account_class, read


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    settings = load(tmp_path / "none.toml", account_class=account_class, environ={"HOME": "/home/op"})
    assert settings.download_dir == Path("/home/op/reports")
    assert (settings.theme, settings.keep_days, settings.read_only) == ("reportdash-dark", 90, False)
    assert settings.accounts == {}


def test_a_whole_config_is_read(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        download_dir = "/srv/reports"
        mouse = false
        [keys]
        delete = false
        download = ["d", "ctrl+d"]
        [views.late]
        filter = "state:running age>2h"
        columns = ["state", "report"]
        [accounts.main]
        vendor = "7g"
        poll_min = 0.25
        [accounts.North-Campus]
        vendor = "talkdesk"
        region = "ca"
        """,
    )
    assert settings.download_dir == Path("/srv/reports")
    assert settings.mouse is False
    assert settings.keys == {"delete": False, "download": ["d", "ctrl+d"]}
    assert settings.views["late"].columns == ("state", "report")
    assert isinstance(settings.accounts["main"], SevenG)
    assert settings.accounts["main"].poll_min == 0.25
    assert isinstance(settings.accounts["North-Campus"], Talkdesk)
    assert list(settings.accounts) == ["main", "North-Campus"]


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        'keep_days = 5\n[keys]\nquit = "Q"\n[accounts.north-campus]\nvendor = "talkdesk"\nregion = "ca"\n',
        {
            "REPORTDASH_KEEP_DAYS": "7",
            "REPORTDASH_READ_ONLY": "true",
            "REPORTDASH_MOUSE": "false",
            "REPORTDASH_DOWNLOAD_DIR": "~/here",
            "REPORTDASH_KEYS__DELETE": "false",
            "REPORTDASH_VIEWS__MINE__FILTER": "state:failed",
            "REPORTDASH_VIEWS__MINE__COLUMNS": "state,report",
            "REPORTDASH_ACCOUNTS__NORTH_CAMPUS__REGION": "eu",
            "REPORTDASH_ACCOUNTS__NORTH_CAMPUS__POLL_MIN": "0.5",
            "REPORTDASH_ACCOUNTS__NORTH_CAMPUS__ACCOUNT": "1234",
            "REPORTDASH_ACCOUNTS__NORTH_CAMPUS__DOWNLOAD_HOSTS": "*.a.example, b.example",
            "REPORTDASH_ACCOUNTS__NORTH_CAMPUS__CREDENTIAL_COMMAND": '["pass", "show", "x,y"]',
            "REPORTDASH_THEME": "",
        },
    )
    assert (settings.keep_days, settings.read_only, settings.mouse) == (7, True, False)
    assert settings.theme == "reportdash-dark", "an empty variable is not set"
    assert settings.download_dir == Path("/home/op/here")
    assert settings.keys == {"quit": "Q", "delete": False}
    assert settings.views["mine"].filter == "state:failed"
    assert settings.views["mine"].columns == ("state", "report")
    account = settings.accounts["north-campus"]
    assert (account.region, account.poll_min, account.account) == ("eu", 0.5, "1234")
    assert account.download_hosts == ("*.a.example", "b.example")
    assert account.credential_command == ("pass", "show", "x,y")


def test_an_account_may_exist_in_the_environment_alone(tmp_path: Path) -> None:
    settings = read(tmp_path, "", {"REPORTDASH_ACCOUNTS__CALLS__VENDOR": "talkdesk"})
    assert list(settings.accounts) == ["calls"]
    assert settings.accounts["calls"].vendor == "talkdesk"


def test_names_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    environ = {
        "REPORTDASH_SECRET__MAIN__PASSWORD": "hunter2",
        "REPORTDASH_CONFIG": "/etc/x",
        "REPORTDASH_DATA_DIR": "/var/x",
        "REPORTDASH_PATH": "/x",
        "REPORTDASH_CAME_FROM": "x",
    }
    settings = read(tmp_path, '[accounts.main]\nvendor = "7g"\n', environ)
    assert settings.path == tmp_path / "config.toml"
    assert "hunter2" not in repr(settings)


def test_relative_paths_are_meant_from_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    settings = read(tmp_path, 'download_dir = "out"\n[accounts.main]\nvendor = "7g"\nca_file = "ca.pem"\n')
    assert settings.download_dir == tmp_path / "out"
    assert settings.accounts["main"].ca_file == str(tmp_path / "ca.pem")


def test_the_starting_config_is_valid_and_so_is_each_account_in_it(tmp_path: Path) -> None:
    assert read(tmp_path, starter()).accounts == {}
    whole = "\n".join(
        line.removeprefix("# ") if line.startswith(("# [", "# vendor", "# account =", "# region")) else ""
        for line in starter().splitlines()
        if "keys" not in line and "views" not in line
    )
    text = whole.replace('"sigma"', '"7g"').replace('"webadmit"', '"7g"')
    settings = read(tmp_path, text)
    assert list(settings.accounts) == ["main", "billing", "admissions", "calls"]


def test_show_says_where_each_value_came_from(tmp_path: Path) -> None:
    shown = show(
        read(
            tmp_path,
            'keep_days = 5\n\n[accounts.main]\nvendor = "7g"\n[views.a]\nfilter="x"\n',
            {"REPORTDASH_ACCOUNTS__MAIN__POLL_MIN": "2", "REPORTDASH_SECRET__MAIN__PASSWORD": "hunter2"},
        )
    )
    lines = {line.split(" = ")[0]: line for line in shown.splitlines() if " = " in line}
    assert lines["keep_days"].endswith("# line 1")
    assert lines["vendor"].endswith("# line 4")
    assert lines["poll_min"].endswith("# REPORTDASH_ACCOUNTS__MAIN__POLL_MIN")
    assert "#" not in lines["theme"]
    assert "hunter2" not in shown
    shown_again = tmp_path / "again"
    shown_again.mkdir()
    assert read(shown_again, shown).accounts["main"].poll_min == 2.0, "what is shown is a valid config"


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r"none\.toml: no such config file; .*config init"):
        load(tmp_path / "none.toml", account_class=account_class, environ={}, required=True)


def test_importing_the_settings_loads_nothing_heavy() -> None:
    code = (
        "import sys, reportdash.settings as s; s.first_look; s.config_path;"
        "print([m for m in ('pydantic', 'pydantic_settings', 'asyncio', 'platformdirs') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_pydantic_settings_is_loaded_only_for_a_setting_in_the_environment(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from reportdash.settings import load;"
        "load(pathlib.Path('/nowhere'), account_class=dict.__getitem__, environ={'REPORTDASH_CONFIG': 'x'});"
        "print('pydantic_settings' in sys.modules);"
        "load(pathlib.Path('/nowhere'), account_class=dict.__getitem__, environ={'REPORTDASH_BELL': '0'});"
        "print('pydantic_settings' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "True"]
