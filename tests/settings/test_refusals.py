"""A config error is one sentence: file, line, key, the nearest valid key, what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.errors import UsageProblem
from reportdash.settings import load
from tests.settings.vendors import account_class, read, refusal

MAIN = '[accounts.main]\nvendor = "7g"\n'


@pytest.mark.parametrize(
    ("text", "start", "hint"),
    [
        ("keep_days = soon", "config.toml, line 1, column 13: ", "write text in quotes"),
        ("a = 1\n[a]\n[a]", "config.toml, line 2, column 3: ", "write TOML"),
        (
            MAIN + '[accounts.main]\nvendor = "7g"',
            "config.toml, line 3, column 15: [accounts.main] stands here a second time",
            "put its keys below the first one, or rename one of them",
        ),
        (
            "keep_days = 3\nbell = true\nkeep_days = 4\n",
            "config.toml, line 3, column 14: keep_days has a value already",
            "take one of the two lines away",
        ),
        ("[accounts.main]\nvendor = 7g", "config.toml, line 2, column 11: ", "write text in quotes"),
        ("download_dir = /srv/reports", "config.toml, line 1, column 16: ", "write text in quotes"),
        ("keep_days = 3\nkeep_days = 4", "config.toml, at its end: keep_days has a value", "take one"),
        ("keep_days = 9 0", "config.toml, line 1, column 15: ", "write TOML"),
        ('x = """\n', "config.toml, at its end: ", "write TOML"),
        (
            "\nkeepdays = 3",
            "config.toml, line 2: keepdays ",
            "the nearest is keep_days: write keep_days = 90",
        ),
        ("zzz = 3", "config.toml, line 1: zzz ", "accounts, bell, download_dir"),
        ("[account.main]\n", "config.toml, line 1: account ", "the nearest is accounts"),
        ('keep_days = "soon"', "config.toml, line 1: keep_days takes a whole number", "write keep_days = 90"),
        ("keep_days = true", "config.toml, line 1: keep_days takes a whole number", "write keep_days = 90"),
        ("keep_days = 0", "config.toml, line 1: keep_days takes a number of at least 1", "keep_days = 90"),
        ('read_only = "maybe"', "config.toml, line 1: read_only takes true or false", "read_only = false"),
        ('glyphs = "asci"', "config.toml, line 1: glyphs takes", 'the nearest is glyphs = "ascii"'),
        ("mouse = 7", 'config.toml, line 1: mouse takes "auto", true or false', 'write mouse = "auto"'),
        ("theme = 3", "config.toml, line 1: theme takes text in quotes", 'theme = "reportdash-dark"'),
        ('download_dir = ""', "config.toml, line 1: download_dir is empty", 'download_dir = "~/reports"'),
        ("[keys]\ndelete = 5", "config.toml, line 2: keys.delete takes a key", 'write delete = "d"'),
        (
            '[keys]\ndelet = "d"',
            "config.toml, line 2: keys.delet is not an action",
            'nearest is delete: write delete = "…"',
        ),
        (
            '[keys]\nsort = "e"\nfilter = ["/", "e"]',
            'config.toml, line 3: keys.filter and keys.sort are both "e"',
            "give filter another key, or write filter = false",
        ),
        (
            '[keys]\nsort = "esc"\nback = "escape"',
            'config.toml, line 3: keys.back and keys.sort are both "escape"',
            "give back another key",
        ),
        (
            '[keys]\nsort = "d"',
            'config.toml, line 2: keys.sort takes "d", which is the key of download',
            "write download = false below [keys] as well, or give sort another key",
        ),
        (
            '[keys]\nsort = "j"',
            'config.toml, line 2: keys.sort takes "j", which is the key of down',
            'write down = ["down"] below [keys] as well',
        ),
        (
            '[keys]\nsort = "ctl+d"',
            "config.toml, line 2: keys.sort is no key that a terminal sends",
            'the nearest is ctrl+d: write sort = "ctrl+d"',
        ),
        (
            '[keys]\nsort = ["S", "F13x"]',
            "config.toml, line 2: keys.sort is no key",
            'the nearest is f13: write sort = "f13"',
        ),
        ('[keys]\nsort = "Page-Up"', "config.toml, line 2: keys.sort is no key", "the nearest is pageup"),
        ('[keys]\nsort = "^s"', "config.toml, line 2: keys.sort is no key", "the nearest is ctrl+s"),
        ('[keys]\nsort = "dd"', "config.toml, line 2: keys.sort is no key", "write one character, or a name"),
        ('[keys]\nsort = "\\u0007"', "config.toml, line 2: keys.sort is no key", "write one character"),
        ('[keys]\nsort = ""', "config.toml, line 2: keys.sort is an empty text", "write one character"),
        ('[keys]\nsort = "ctrl+i"', "config.toml, line 2: keys.sort is a chord", 'write sort = "tab"'),
        (
            '[keys]\nsort = "ctrl+c"',
            "config.toml, line 2: keys.sort is ctrl+c, which always asks",
            "write one",
        ),
        (
            '[views.a]\nsort = "-reprt"',
            "config.toml, line 2: views.a.sort names no column",
            'sort = "-report"',
        ),
        (
            '[views.a]\ncolumns = ["state", "acount"]',
            "config.toml, line 2: views.a.columns.1 names no column",
            'the nearest is account: write "account"',
        ),
        (
            '[views.a]\nfilter = "odd"',
            "config.toml, line 2: views.a.filter can not be read from character 4 on",
            "it is odd",
        ),
        (
            "".join(f"[views.v{n}]\n" for n in range(9)),
            "config.toml, line 9: views.v8 has no digit left",
            "write at most 8 views",
        ),
        ("[views.a]\nfiltr = 1", "config.toml, line 2: views.a.filtr ", "the nearest is filter"),
        ("[views]\na = 1", "config.toml, line 2: views.a takes a table", "write [views.a]"),
        ("accounts = 3", "config.toml, line 1: accounts takes a table", "[accounts.main]"),
        ('[accounts."a b"]\n', 'config.toml, line 1: accounts."a b" is no account name', "letters, digits"),
        (
            "[accounts.main]\n",
            "config.toml, line 1: accounts.main has no vendor",
            'write vendor = "7g", "sigma"',
        ),
        (
            '[accounts.main]\nvendr = "7g"',
            "config.toml, line 2: accounts.main.vendr ",
            "the nearest is vendor",
        ),
        ('[accounts.main]\nvendor = "talkdisk"', "config.toml, line 2: accounts.main.vendor", '"talkdesk"'),
        (
            MAIN + "idempotnt = true",
            "config.toml, line 3: accounts.main.idempotnt",
            "the nearest is idempotent",
        ),
        (MAIN + 'base_url = "ftp://x"', "config.toml, line 3: accounts.main.base_url", "https://"),
        (
            MAIN + 'base_url = "http://x.example"',
            "config.toml, line 3: accounts.main.base_url",
            "allow_insecure",
        ),
        (MAIN + "poll_min = -1", "config.toml, line 3: accounts.main.poll_min", "more than 0"),
        (
            MAIN + "requests_per_minute = 0",
            "config.toml, line 3: accounts.main.requests_per_minute",
            "more than 0",
        ),
        (
            MAIN + 'requests_per_minute = "many"',
            "config.toml, line 3: accounts.main.requests_per_minute",
            "number",
        ),
        (
            MAIN + "requests_per_minutes = 5",
            "config.toml, line 3: accounts.main.requests_per_minutes",
            "the nearest is requests_per_minute",
        ),
        (
            MAIN + "poll_min = 9\npoll_max = 3",
            "config.toml, line 3: accounts.main.poll_min is more than",
            "3 or",
        ),
        (MAIN + 'ca_file = "no.pem"', "config.toml, line 3: accounts.main.ca_file", "PEM file"),
        (
            MAIN + 'credential_command = "pass"',
            "config.toml, line 3: accounts.main.credential_command",
            '["…"]',
        ),
        *(
            (
                f"{MAIN}credential_command = {empty}",
                "config.toml, line 3: accounts.main.credential_command: no program is named",
                'write ["pass", "show", "ENTRY"], or take the line away',
            )
            for empty in ("[]", '[""]', '[" ", "x"]')
        ),
        *(
            (
                f'{before}{key} = "/x"',
                f"config.toml, line {line}: {path}{key} is no key of the config",
                "name the file in the environment, as REPORTDASH_VAULT_PASSPHRASE_FILE=/path",
            )
            for before, line, path in (("", 1, ""), (MAIN, 3, "accounts.main."))
            for key in ("vault_passphrase_file", "passphrase-file")
        ),
        (
            '[accounts.calls]\nvendor = "talkdesk"\nregion = "euu"',
            "config.toml, line 3: accounts.calls.region takes",
            'the nearest is region = "eu"',
        ),
        (
            '[accounts.a-b]\nvendor="7g"\n[accounts.A_b]\nvendor="7g"',
            "config.toml, line 3: accounts a-b and A_b",
            "rename one",
        ),
        (
            'accounts.main = { vendor = "7g", carefull = true }',
            "config.toml, line 1: accounts.main.carefull",
            "the nearest is careful: write careful = false",
        ),
    ],
)
def test_the_sentence_names_place_key_and_what_to_write(
    tmp_path: Path, text: str, start: str, hint: str
) -> None:
    sentence = refusal(tmp_path, text)
    assert sentence.startswith(start), sentence
    assert hint in sentence


@pytest.mark.parametrize(
    "text",
    [
        MAIN + 'password = "hunter2"',
        MAIN + 'username = "hunter2"',
        MAIN + 'Pass-Word = "hunter2"',
        MAIN + 'passwrod = "hunter2"',
        MAIN + 'api_key = "hunter2"',
        MAIN + "[accounts.main.credentials]\nx = 'hunter2'",
        '[accounts.main]\nclient_secret = "hunter2"',
        'accounts.main = { vendor = "7g", token = "hunter2" }',
    ],
)
def test_a_secret_in_the_config_is_named_but_not_repeated(tmp_path: Path, text: str) -> None:
    sentence = refusal(tmp_path, text)
    assert "accounts.main." in sentence
    assert "`reportdash login main`" in sentence
    assert "hunter2" not in sentence


def test_a_secret_at_the_top_is_named_but_not_repeated(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, 'api-key = "hunter2"')
    assert sentence.startswith("config.toml, line 1: api-key is a secret")
    assert "reportdash login ACCOUNT" in sentence
    assert "hunter2" not in sentence


def test_a_secret_comes_before_any_other_fault(tmp_path: Path) -> None:
    assert "password is a secret" in refusal(tmp_path, MAIN + 'zzz = 1\npassword = "x"')


def test_an_address_with_a_password_is_refused_without_repeating_it(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, MAIN + 'base_url = "https://op:hunter2@api.example"')
    assert "base_url" in sentence
    assert "hunter2" not in sentence


@pytest.mark.parametrize(
    ("environ", "start", "hint"),
    [
        ({"REPORTDASH_KEEP_DAYS": "x"}, "REPORTDASH_KEEP_DAYS: keep_days takes", "whole number"),
        (
            {"REPORTDASH_ACCOUNTS__MAIN__POL_MIN": "1"},
            "REPORTDASH_ACCOUNTS__MAIN__POL_MIN: accounts.main.pol_min",
            "the nearest is poll_min",
        ),
        (
            {"REPORTDASH_ACCOUNTS__X__REGION": "eu"},
            "REPORTDASH_ACCOUNTS__X__REGION: accounts.x has no",
            "vendor =",
        ),
        (
            {"REPORTDASH_ACCOUNTS__MAIN__DOWNLOAD_HOSTS": "[a"},
            "REPORTDASH_ACCOUNTS__MAIN__DOWNLOAD_HOSTS: not readable",
            "JSON",
        ),
        ({"REPORTDASH_KEYS__DOWNLOD": "d"}, "REPORTDASH_KEYS__DOWNLOD: keys.downlod", "nearest is download"),
        ({"REPORTDASH_KEYS__DOWNLOAD": "ctl+d"}, "REPORTDASH_KEYS__DOWNLOAD: keys.download is no", "ctrl+d"),
        (
            {"REPORTDASH_KEYS__DOWNLOAD": "x"},
            "REPORTDASH_KEYS__DOWNLOAD: keys.download takes",
            "delete = false",
        ),
        (
            {"REPORTDASH_KEYS__DOWNLOAD": "E", "REPORTDASH_KEYS__SORT": '["e", "E"]'},
            "REPORTDASH_KEYS__SORT: keys.sort and keys.download are both",
            "sort = false",
        ),
        ({"REPORTDASH_VIEWS__A__SORT": "agee"}, "REPORTDASH_VIEWS__A: views.a.sort names", 'sort = "age"'),
        (
            {"REPORTDASH_ACCOUNTS__MAIN__PASSWORD": "hunter2"},
            "REPORTDASH_ACCOUNTS__MAIN__PASSWORD: ",
            "REPORTDASH_SECRET__MAIN__PASSWORD",
        ),
    ],
)
def test_a_fault_in_the_environment_names_the_variable(
    tmp_path: Path, environ: dict[str, str], start: str, hint: str
) -> None:
    sentence = refusal(tmp_path, MAIN, environ)
    assert sentence.startswith(f"environment variable {start}"), sentence
    assert hint in sentence
    assert "hunter2" not in sentence


def test_of_two_actions_with_one_key_the_one_from_the_environment_is_named(tmp_path: Path) -> None:
    text = '[keys]\ndownload = "e"\nsort = "E"\n'
    sentence = refusal(tmp_path, text, {"REPORTDASH_KEYS__DOWNLOAD": "E"})
    assert sentence.startswith("environment variable REPORTDASH_KEYS__DOWNLOAD: keys.download and keys.sort")


@pytest.mark.parametrize(
    "text",
    [
        '[keys]\nsort = "d"\ndownload = "s"',
        '[keys]\nsort = "d"\ndownload = false',
        '[keys]\nsort = "j"\ndown = "down"',
        '[keys]\nsort = ["s", "ctrl+s", "Ctrl+Q", "f5", "alt+s", "ß", " "]\nselect = "m"',
        '[keys]\nquit = ["q", "ctrl+c"]',
        '[views.a]\nsort = "-Vendor says"\ncolumns = ["STATE", "vendor_status"]',
        '[views."all jobs"]\n' + "".join(f"[views.v{n}]\n" for n in range(8)),
    ],
)
def test_keys_may_be_exchanged_and_views_fill_the_digits(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text)


def test_unknown_actions_and_themes_are_refused_where_the_caller_knows_them(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('theme = "mone"\n[keys]\ndelet = "x"\n')
    with pytest.raises(UsageProblem, match=r"line 3: keys\.delet is not an action; the nearest is delete"):
        load(path, account_class=account_class, environ={}, known_actions=["delete", "download"])
    with pytest.raises(UsageProblem, match=r'line 1: theme names no theme; .* write theme = "mono"'):
        load(path, account_class=account_class, environ={}, known_themes=["mono", "light"])


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(UsageProblem, match=r"line 2: not UTF-8 text"):
        load(path, account_class=account_class, environ={})
    path.write_bytes(b"#" * 2_000_000)
    with pytest.raises(UsageProblem, match="larger than 1 MiB"):
        load(path, account_class=account_class, environ={})
    with pytest.raises(UsageProblem, match="is a folder"):
        load(tmp_path, account_class=account_class, environ={})
    with pytest.raises(UsageProblem, match="cannot be read"):
        load(Path("/proc/self/mem"), account_class=account_class, environ={})
    path.write_text("a = " + "[" * 5_000 + "]" * 5_000)
    with pytest.raises(UsageProblem, match="nested too deeply"):
        load(path, account_class=account_class, environ={})


def test_nothing_is_made_on_the_way(tmp_path: Path) -> None:
    refusal(tmp_path, 'download_dir = "out"\nzzz = 1')
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
