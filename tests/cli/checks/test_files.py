"""Config, ledger and reports folder as `doctor` finds them; each thing that can be wrong, once."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from reportdash.cli.checks import files
from reportdash.errors import Exit
from reportdash.ledger import opening, schema
from reportdash.ledger.store import Store
from tests.cli.checks.places import one, problems, settings

ROOM = namedtuple("ROOM", "total used free")


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "ledger.db"
    Store.open(path).close()
    return path


def test_a_config_that_is_ones_own_is_well(tmp_path: Path) -> None:
    found = one(files.config(settings(tmp_path, '[accounts.main]\nvendor = "7g"\n')))
    assert (found.level, found.text) == ("ok", f"{tmp_path / 'config.toml'}, 1 account")


def test_without_a_config_it_is_said(tmp_path: Path) -> None:
    made = settings(tmp_path)
    made.path.unlink()
    found = one(files.config(made))
    assert found.ok and "there is none" in found.text


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_config_that_anyone_may_change_is_a_problem(tmp_path: Path, what: str) -> None:
    made = settings(tmp_path)
    place = made.path if what == "file" else tmp_path
    place.chmod(0o777)
    (found,) = problems(files.config(made))
    assert found.code is Exit.FAILED and found.next == f"`chmod o-w {place}`"


def test_in_a_folder_like_tmp_nobody_can_change_it(tmp_path: Path) -> None:
    made = settings(tmp_path)
    tmp_path.chmod(0o1777)
    assert not problems(files.config(made))


@pytest.mark.parametrize(("check", "named"), [("ledger", "--data-dir"), ("reports", "download_dir")])
def test_a_file_where_a_folder_was_to_be_is_told_with_what_names_another(
    tmp_path: Path, check: str, named: str
) -> None:
    place = tmp_path / "file"
    place.write_text("")
    made = files.ledger(place / "ledger.db") if check == "ledger" else files.reports(place)
    (found,) = problems(made)
    assert found.check == check and "is not a folder" in found.text
    assert found.next is not None and found.next.startswith("name another folder") and named in found.next


def test_a_config_its_group_may_change_is_worth_knowing(tmp_path: Path) -> None:
    made = settings(tmp_path)
    made.path.chmod(0o660)
    found = one(files.config(made))
    assert (found.level, found.next) == ("note", f"`chmod g-w {made.path}`")


def test_a_config_of_another_user_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings(tmp_path)
    if os.geteuid() == 0:  # whose files are as good as one's own
        os.chown(made.path, 12_345, -1)
    else:
        mine = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    (found,) = problems(files.config(made))
    assert f"{made.path} belongs to another user" in found.text


def test_a_ledger_that_is_well_says_what_is_in_it(ledger: Path) -> None:
    found = one(files.ledger(ledger))
    assert found.level == "ok"
    assert f"0 jobs, sound, schema {schema.VERSION}" in found.text and "GB free" in found.text


def test_without_a_ledger_none_is_made(tmp_path: Path) -> None:
    found = one(files.ledger(tmp_path / "data" / "ledger.db"))
    assert found.ok and "no ledger yet" in found.text
    assert not (tmp_path / "data").exists()


def test_an_older_ledger_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    tmp_path.chmod(0o700)
    with closing(sqlite3.connect(path)) as db:
        db.executescript((Path(__file__).parents[2] / "ledger" / "schema_1.sql").read_text())
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
    path.chmod(0o600)
    before = path.read_bytes()
    found = one(files.ledger(path))
    assert found.ok and f"the next command brings it up to {schema.VERSION}" in found.text
    assert path.read_bytes() == before


def test_a_damaged_ledger_is_a_problem_and_left_alone(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as db:
        # A table that nothing here reads: only the quick check sees it.
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'exchanges'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    data = bytearray(ledger.read_bytes())
    data[(page - 1) * size : page * size] = b"\xff" * size
    ledger.write_bytes(data)
    (found,) = problems(files.ledger(ledger))
    assert found.code is Exit.USAGE and "is damaged" in found.text
    assert "`reportdash watch` sets it aside" in (found.next or "")
    assert ledger.read_bytes() == data


def test_a_newer_ledger_is_a_problem(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    (found,) = problems(files.ledger(ledger))
    assert found.code is Exit.USAGE and "newer reportdash" in found.text


def test_a_ledger_that_is_held_is_not_waited_for(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.01)
    with closing(sqlite3.connect(ledger, isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        (found,) = problems(files.ledger(ledger))
    assert found.code is Exit.FAILED and "another process has held the ledger" in found.text


def test_a_ledger_on_a_network_file_system_is_worth_knowing(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "mounts"
    table.write_text(f"server:/x {ledger.parent} nfs4 rw 0 0\n")
    monkeypatch.setattr(opening, "MOUNTS", table)
    found = one(files.ledger(ledger))
    assert found.level == "note" and "nfs4, a network file system" in found.text
    assert "use it from one host" in (found.next or "")


def test_a_network_file_system_is_said_before_there_is_a_ledger_on_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "mounts"
    table.write_text(f"me@server:/x {tmp_path} fuse.sshfs rw 0 0\n")
    monkeypatch.setattr(opening, "MOUNTS", table)
    found = one(files.ledger(tmp_path / "ledger.db"))
    assert found.level == "note" and "no ledger yet" in found.text
    assert "fuse.sshfs, a network file system" in (found.next or "")


@pytest.mark.parametrize(
    "name", ["ledger.db", "jobs.log", "credential-stores.json", "debug.log.1", "crash-1.txt"]
)
def test_a_file_that_others_may_read_is_a_problem(ledger: Path, name: str) -> None:
    path = ledger.with_name(name)
    path.touch()
    path.chmod(0o640)
    (found,) = problems(files.ledger(ledger))
    assert found.text.startswith(f"others may read {name}") and found.next == f"`chmod 600 {path}`"


def test_a_data_folder_that_others_may_look_into_is_a_problem(ledger: Path) -> None:
    ledger.parent.chmod(0o755)
    (found,) = problems(files.ledger(ledger))
    assert "others may look into" in found.text and f"`chmod 700 {ledger.parent}`" in (found.next or "")


def test_what_is_not_ours_in_the_data_folder_is_none_of_our_business(ledger: Path) -> None:
    (ledger.parent / "notes.txt").touch(0o644)
    assert not problems(files.ledger(ledger))


@pytest.mark.parametrize("check", ["ledger", "reports"])
def test_a_disk_without_room_is_a_problem(
    tmp_path: Path, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: ROOM(10**9, 10**9, 5_000_000))
    look = {
        "ledger": lambda: files.ledger(tmp_path / "ledger.db"),
        "reports": lambda: files.reports(tmp_path),
    }
    (found,) = problems(look[check]())
    assert (found.check, found.next) == (check, "make room on its disk") and "5 MB are free" in found.text


def test_a_reports_folder_in_which_anyone_may_write_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    (found,) = problems(files.reports(tmp_path))
    assert found.next == f"`chmod o-w {tmp_path}`"
