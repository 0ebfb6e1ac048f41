"""Writing the config: a new file whole and private, an account at the end of one that stays as it is."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reportdash.errors import PlugInBroken, UsageProblem
from reportdash.settings import load, starter, writing
from reportdash.settings.writing import Draft, draft, why_not, write_new
from tests.settings.vendors import account_class

SEVEN = {"vendor": "7g", "base_url": "https://api.7g.example/v2"}
TABLE = '[accounts.main]\nvendor = "7g"\nbase_url = "https://api.7g.example/v2"\n'
OWN = '# mine, in my order\nkeep_days = 7      # a week\n\n[accounts.calls]\nvendor = "talkdesk"\n'


def drafted(
    path: Path, name: str = "main", keys: Mapping[str, Any] = SEVEN, *, download_dir: str | None = None
) -> Draft:
    return draft(path, name, keys, download_dir=download_dir, account_class=account_class, environ={})


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_config_is_the_starter_with_the_account_below_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "reportdash" / "config.toml"
    made = drafted(path, download_dir="/srv/reports")
    assert not path.parent.exists()
    made.write()
    whole = starter().replace('download_dir = "~/reports"', 'download_dir = "/srv/reports"') + "\n" + TABLE
    assert path.read_text(encoding="utf-8") == whole
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert files(path.parent) == ["config.toml"]
    settings = load(path, account_class=account_class, environ={})
    assert settings.download_dir == Path("/srv/reports")
    assert settings.accounts["main"].base_url == "https://api.7g.example/v2"


def test_a_download_folder_with_odd_signs_is_written_as_toml(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    drafted(path, download_dir='/srv/"odd\\ones').write()
    assert load(path, account_class=account_class, environ={}).download_dir == Path('/srv/"odd\\ones')


@pytest.mark.parametrize(
    ("old", "between"),
    [
        (OWN.encode(), b"\n"),
        (OWN.rstrip("\n").encode(), b"\n\n"),
        (b"\xef\xbb\xbf" + OWN.encode(), b"\n"),
        (b"", b"\n"),
    ],
    ids=["as usual", "no line end", "byte order mark", "empty"],
)
def test_what_stands_in_the_file_stays_byte_for_byte(tmp_path: Path, old: bytes, between: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(old)
    path.chmod(0o640)
    drafted(path).write()
    assert path.read_bytes() == old + between + TABLE.encode()
    assert mode(path) == 0o640
    assert files(tmp_path) == ["config.toml"]


def test_lines_end_as_the_file_ends_them(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    old = OWN.replace("\n", "\r\n").encode()
    path.write_bytes(old)
    drafted(path).write()
    assert path.read_bytes() == old + b"\r\n" + TABLE.replace("\n", "\r\n").encode()
    assert set(load(path, account_class=account_class, environ={}).accounts) == {"calls", "main"}


def test_a_link_keeps_pointing_at_the_file_that_grows(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    real.write_text(OWN, encoding="utf-8")
    link.symlink_to(real)
    drafted(link).write()
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == f"{OWN}\n{TABLE}"


@pytest.mark.parametrize("name", ["calls", "CALLS"])
def test_a_name_that_is_taken_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(OWN, encoding="utf-8")
    with pytest.raises(UsageProblem, match="there is an account calls already"):
        drafted(path, name)
    assert path.read_text(encoding="utf-8") == OWN


@pytest.mark.parametrize(
    ("name", "keys", "said"),
    [
        ("", SEVEN, "the account has no name"),
        ("two words", SEVEN, "is no account name"),
        ("main", {"vendor": "7g", "base_url": "api.7g.example"}, "accounts.main.base_url: an address starts"),
        ("main", {"vendor": "7g", "base_url": "http://192.0.2.1"}, "accounts.main.base_url is not encrypted"),
        ("main", {"vendor": "7g", "base_url": "https://me:hunter2@x.example"}, "carries no user name"),
        ("main", {"vendor": "8g"}, "names no vendor we know"),
        ("main", {"vendor": "7g", "password": "hunter2"}, "is a secret, which never stands in the config"),
    ],
)
def test_what_would_be_no_config_is_one_sentence_without_a_line_that_is_not_there(
    tmp_path: Path, name: str, keys: dict[str, str], said: str
) -> None:
    path = tmp_path / "config.toml"
    for old in (None, OWN):
        if old is not None:
            path.write_text(old, encoding="utf-8")
        with pytest.raises(UsageProblem) as caught:
            drafted(path, name, keys)
        assert said in caught.value.text
        assert "config.toml" not in caught.value.text
        assert "hunter2" not in caught.value.text
        assert (path.read_text(encoding="utf-8") if old is not None else path.exists()) == (old or False)


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("keep_days = -1\n", r"config\.toml, line 1: keep_days takes"),
        ("keep_days = \n", r"config\.toml, line 1, column 13: Invalid value"),
        ('accounts = { calls = { vendor = "7g" } }\n', r"config\.toml: its accounts stand in braces"),
        ("accounts = 3\n", r"config\.toml: its accounts stand in braces"),
    ],
)
def test_a_config_with_an_error_gets_no_account_and_the_error_is_said(
    tmp_path: Path, old: str, said: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(old, encoding="utf-8")
    with pytest.raises(UsageProblem, match=said):
        drafted(path)
    assert path.read_text(encoding="utf-8") == old


def test_a_file_that_is_no_text_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"# \xff\n")
    with pytest.raises(UsageProblem, match="not UTF-8"):
        drafted(path)
    assert path.read_bytes() == b"# \xff\n"


def test_an_account_that_would_be_left_out_is_not_written(tmp_path: Path) -> None:
    def broken(name: str) -> Any:
        raise PlugInBroken("the plug-in for vendor 'acme' does not load", "install it again")

    with pytest.raises(UsageProblem, match="would be left out: the plug-in for vendor 'acme' does not load"):
        draft(
            tmp_path / "config.toml",
            "main",
            {"vendor": "acme"},
            download_dir=None,
            account_class=broken,
            environ={},
        )


def test_a_file_that_came_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    made = drafted(path)
    path.write_text(OWN, encoding="utf-8")
    with pytest.raises(UsageProblem, match="exists and was left alone"):
        made.write()
    assert path.read_text(encoding="utf-8") == OWN
    assert files(tmp_path) == ["config.toml"]


def test_what_stands_in_the_way_of_a_new_file_is_named(tmp_path: Path) -> None:
    link, folder = tmp_path / "link.toml", tmp_path / "folder.toml"
    link.symlink_to(tmp_path / "away.toml")
    folder.mkdir()
    with pytest.raises(
        UsageProblem, match=r"is a link to .*away\.toml, which is not there: take the link away"
    ):
        write_new(link, b"")
    with pytest.raises(UsageProblem, match="is a folder, not a config file: name the file in it"):
        write_new(folder, b"")
    assert link.is_symlink() and not list(folder.iterdir())


def test_a_file_that_was_changed_meanwhile_keeps_the_change(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(OWN, encoding="utf-8")
    made = drafted(path)
    path.write_text(OWN + "# more\n", encoding="utf-8")
    with pytest.raises(UsageProblem, match="was changed meanwhile"):
        made.write()
    assert path.read_text(encoding="utf-8") == OWN + "# more\n"
    assert files(tmp_path) == ["config.toml"]


@pytest.mark.parametrize("there", [False, True], ids=["new", "grown"])
def test_a_full_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    path = tmp_path / "config.toml"
    if there:
        path.write_text(OWN, encoding="utf-8")
    made = drafted(path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageProblem, match="No space left on device"):
        made.write()
    assert files(tmp_path) == (["config.toml"] if there else [])
    assert not there or path.read_text(encoding="utf-8") == OWN


def test_without_hard_links_a_new_file_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*args: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "config.toml"
    write_new(path, b"keep_days = 1\n")
    assert path.read_bytes() == b"keep_days = 1\n"
    assert mode(path) == 0o600
    with pytest.raises(UsageProblem, match="left alone"):
        write_new(path, b"keep_days = 2\n")
    assert path.read_bytes() == b"keep_days = 1\n"


def test_why_nothing_can_be_written_is_known_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert why_not(tmp_path / "a" / "b" / "config.toml") == ""
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "is no folder" in why_not(tmp_path / "file" / "config.toml")
    assert "is a folder" in why_not(tmp_path)
    monkeypatch.setattr(os, "access", lambda *args: False)
    assert "you may not write there" in why_not(tmp_path / "config.toml")


def test_names_of_a_config_that_is_none_are_none() -> None:
    assert writing.known_names(None) == []
    assert writing.known_names(b"keep_days = ") == []
    assert writing.known_names(b"accounts = 3") == []
    assert writing.known_names(OWN.encode()) == ["calls"]
