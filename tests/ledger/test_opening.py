"""What the ledger's file looks like, and what is said when it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from reportdash.cli.main import main
from reportdash.errors import Exit, Problem, UsageProblem
from reportdash.ledger import Ledger, Store, opening, schema
from reportdash.ledger.problems import explain
from reportdash.model import VAULT_LOCKED
from tests.ledger.conftest import a_job, put

_SPEC = '{"report": "Valuation", "params": {}, "format": null, "from": null, "to": null}'


def test_the_folder_and_every_file_are_the_operators_alone_whatever_the_umask(path: Path) -> None:
    old = os.umask(0)
    try:
        with Store.open(path) as store:
            store.db.execute("PRAGMA journal_mode = wal")
            put(store)
            modes = {found.name: found.stat().st_mode & 0o777 for found in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_ledger_that_others_could_read_is_closed_to_them(path: Path) -> None:
    Store.open(path).close()
    path.chmod(0o644)
    path.parent.chmod(0o755)
    Store.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_serves_other_ends_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "other").write_text("")
    Store.open(tmp_path / "ledger.db").close()
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("version", "networked", "mode"),
    [
        ((3, 40, 1), False, "truncate"),
        ((3, 51, 2), False, "truncate"),
        ((3, 51, 3), False, "wal"),
        ((3, 44, 6), False, "wal"),
        ((3, 50, 7), False, "wal"),
        ((3, 50, 6), False, "truncate"),
        ((3, 60, 0), False, "wal"),
        ((3, 60, 0), True, "truncate"),
    ],
)
def test_wal_is_used_only_where_it_loses_nothing(
    version: tuple[int, ...], networked: bool, mode: str
) -> None:
    assert opening.journal_mode(version, networked) == mode


def test_the_file_really_is_in_that_mode(store: Store) -> None:
    expected = opening.journal_mode(sqlite3.sqlite_version_info, False)
    assert store.db.execute("PRAGMA journal_mode").fetchone()[0] == expected


def test_an_unwritable_folder_is_a_usage_problem_that_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageProblem, match="--data-dir") as told:
        Store.open(tmp_path / "file" / "ledger.db")
    assert told.value.exit_code is Exit.USAGE
    assert str(tmp_path) in told.value.text


def test_a_ledger_of_a_newer_reportdash_is_refused_and_left_alone(path: Path) -> None:
    Store.open(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = path.read_bytes()
    for readonly in (False, True):
        with pytest.raises(Problem, match="newer reportdash") as told:
            Store.open(path, readonly=readonly)
        assert told.value.exit_code is Exit.USAGE
    assert path.read_bytes() == before


def test_an_older_ledger_is_brought_up_to_date_and_kept_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(path) as store:
        job = put(store)
    old = schema.VERSION
    monkeypatch.setattr(schema, "VERSION", old + 1)
    monkeypatch.setattr(schema, "_STEPS", {old: "ALTER TABLE meta ADD COLUMN more TEXT"})
    with Store.open(path) as store:
        assert schema.version(store.db) == old + 1
        assert store.db.execute("SELECT more FROM meta").fetchone() == (None,)
        assert store.jobs() == [job]
    kept = path.with_name(f"{path.name}.schema-{old}")
    assert kept.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(kept)) as copy:
        assert schema.version(copy) == old
        assert copy.execute("SELECT id FROM jobs").fetchall() == [(job.id,)]


def test_a_ledger_of_the_first_schema_opens_with_its_jobs_and_what_they_took(path: Path) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    tables = (Path(__file__).parent / "schema_1.sql").read_text()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(tables)
        db.execute("INSERT INTO meta (one, rev, created_at) VALUES (1, 2, 1000.0)")
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        rows = [
            ("done22", "ready", 1500.0, 0),
            ("works2", "running", None, 0),
            ("track2", "ready", 1500.0, 1),
        ]
        for rev, (job_id, state, settled, tracked) in enumerate(rows):
            db.execute(
                "INSERT INTO jobs (id, account, vendor, name, reference, state, health, submitted_at, "
                "settled_at, attempts, rev, spec, tracked, ordinal, checks, gone_count, deleted_by_us, "
                "adopted, added_at) "
                "VALUES (?, 'main', '7g', 'n', ?, ?, 'ok', 1000.0, ?, 0, ?, ?, ?, 0, 3, 0, 0, 0, 1000.0)",
                (job_id, f"ref-{job_id}", state, settled, rev, _SPEC if not tracked else None, tracked),
            )
        db.execute("INSERT INTO accounts (name, vendor, rev) VALUES ('main', '7g', 2)")
        db.commit()
    with Store.open(path) as store:
        assert schema.version(store.db) == schema.VERSION
        took = {job.id: job.took for job in store.jobs()}
        assert took == {"done22": (400.0, 500.0), "works2": None, "track2": None}
        assert store.durations("main") == [("Valuation", (400.0, 500.0))]
        assert store.account("main").only_there == ()
        fresh = put(store)
        assert fresh in store.jobs()


@pytest.mark.parametrize("old", range(1, schema.VERSION))
def test_every_older_schema_is_brought_up_to_date_and_its_file_kept(path: Path, old: int) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    tables = (Path(__file__).parent / f"schema_{old}.sql").read_text()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(tables)
        db.execute("INSERT INTO meta (one, rev, created_at) VALUES (1, 2, 1000.0)")
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {old}")
        db.execute("INSERT INTO accounts (name, vendor, rev) VALUES ('main', '7g', 2)")
        db.execute(
            "INSERT INTO jobs (id, account, vendor, name, reference, state, health, attempts, rev, tracked, "
            "ordinal, checks, gone_count, deleted_by_us, adopted, added_at) "
            "VALUES ('aaaaaa', 'main', '7g', 'n', 'r1', 'running', 'ok', 0, 1, 1, 0, 0, 0, 0, 0, 1000.0)"
        )
        db.commit()
    with Store.open(path) as store:
        assert schema.version(store.db) == schema.VERSION
        assert [job.reference for job in store.jobs()] == ["r1"]
        assert put(store, reference="r2") in store.jobs()
        fresh = path.with_name("fresh.db")
        Store.open(fresh, fresh=True).close()
        with closing(sqlite3.connect(fresh)) as made:
            for table in ("meta", "jobs", "history", "last_errors", "exchanges", "accounts", "owners"):
                columns = f"SELECT name FROM pragma_table_info('{table}')"
                assert set(store.db.execute(columns)) == set(made.execute(columns)), table
    with closing(sqlite3.connect(path.with_name(f"{path.name}.schema-{old}"))) as kept:
        assert schema.version(kept) == old


def test_a_refusal_that_stands_in_an_older_ledger_is_taken_over_and_a_missing_key_is_not(path: Path) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    told = {
        "main": "The username or password is incorrect.",
        "north": "no key yet",
        "south": f"{VAULT_LOCKED} in this session",
        "east": "the system says that the keyring is locked",
        "west": "west: the stored credential was given for https://a.example:443",
    }
    with closing(sqlite3.connect(path)) as db:
        db.executescript((Path(__file__).parent / "schema_3.sql").read_text())
        db.execute("INSERT INTO meta (one, rev, created_at) VALUES (1, 2, 1000.0)")
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.execute("PRAGMA user_version = 3")
        db.executemany(
            "INSERT INTO accounts (name, vendor, health, since, message, rev) "
            "VALUES (?, '7g', 'auth_failed', 900.0, ?, 1)",
            told.items(),
        )
        db.execute("INSERT INTO accounts (name, vendor, message, rev) VALUES ('well', '7g', NULL, 1)")
        db.commit()
    with Store.open(path) as store:
        kept = {name: store.account(name) for name in (*told, "well")}
    assert (kept["main"].refused_at, kept["main"].refusal) == (900.0, told["main"])
    for name in ("north", "south", "east", "west", "well"):
        assert (kept[name].refused_at, kept[name].refusal) == (None, None), name
        assert kept[name].keyless == (name != "well"), name
    assert not kept["main"].keyless


@pytest.mark.parametrize("words", [("watch",), ("jobs",), ("doctor",), ("track", "main", "x"), ()])
def test_every_command_refuses_a_newer_ledger_with_a_sentence_and_exit_2(
    tmp_path: Path,
    words: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "data" / "ledger.db"
    with Store.open(path) as store:
        put(store)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        db.commit()
    before = {one: one.read_bytes() for one in path.parent.iterdir()}
    monkeypatch.setenv("REPORTDASH_CONFIG", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    told = subprocess.run(
        [sys.executable, "-m", "reportdash", "--data-dir", str(path.parent), *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if words:  # without a terminal the dashboard does not come so far: tests/terminal
        assert "newer reportdash" in told.stderr
    assert told.returncode == Exit.USAGE, told.stderr
    assert {one: one.read_bytes() for one in path.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("server:/x {data} nfs4 rw,relatime 0 0", "nfs4"),
        ("//server/x {above} cifs rw 0 0", "cifs"),
        ("user@host: {above} fuse.sshfs rw 0 0\ntmpfs {data} tmpfs rw 0 0", ""),
        ("tmpfs {above} tmpfs rw 0 0\nserver:/x {data} nfs rw 0 0", "nfs"),
        ("server:/x {data}-else nfs rw 0 0", ""),
        ("/dev/sdb1 {data} fuseblk rw 0 0", ""),
    ],
)
def test_a_ledger_on_a_network_file_system_is_run_without_shared_memory_and_says_so(
    tmp_path: Path, mounts: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "our data"
    table = tmp_path / "mounts"
    escaped = {
        name: str(place).replace(" ", "\\040") for name, place in (("data", data), ("above", tmp_path))
    }
    table.write_text("rootfs / ext4 rw 0 0\n" + mounts.format(**escaped) + "\n")
    monkeypatch.setattr(opening, "MOUNTS", table)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 60, 0))  # one whose WAL loses nothing
    with Store.open(data / "ledger.db") as store:
        assert store.networked == kind
        mode = store.db.execute("PRAGMA journal_mode").fetchone()[0]
        assert mode == ("truncate" if kind else "wal")
        put(store)


def test_watch_says_on_stderr_that_the_ledger_lies_on_a_network_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "mounts"
    table.write_text(f"server:/x {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(opening, "MOUNTS", table)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("REPORTDASH_CONFIG", raising=False)
    assert main(["--data-dir", str(tmp_path / "data"), "watch", "--timeout", "5"]) == 0
    assert "nfs4, a network file system: use it from one host" in " ".join(capsys.readouterr().err.split())
    assert main(["--data-dir", str(tmp_path / "data"), "doctor"]) == 0
    assert "nfs4, a network file system" in " ".join(capsys.readouterr().out.split())


def test_an_upgrade_that_fails_leaves_the_ledger_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(path) as store:
        put(store)
    old = schema.VERSION
    with monkeypatch.context() as patch:
        patch.setattr(schema, "VERSION", old + 1)
        patch.setattr(schema, "_STEPS", {old: "DROP TABLE history; DROP TABLE nowhere"})
        with pytest.raises(Problem):
            Store.open(path)
    with Store.open(path) as store:
        assert len(store.history(store.jobs()[0].id)) == 1


def test_another_programs_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(UsageProblem, match="another program"):
        Store.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("readonly", [False, True])
def test_a_damaged_ledger_is_named_and_left_alone(path: Path, readonly: bool) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 500)
    before = path.read_bytes()
    with pytest.raises(Problem, match="damaged") as told:
        Store.open(path, readonly=readonly)
    assert str(path) in told.value.text
    assert path.read_bytes() == before


async def test_the_async_ledger_says_the_same_and_leaves_no_thread(path: Path) -> None:
    import threading

    from reportdash.clock import SystemClock

    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 500)
    with pytest.raises(Problem, match="damaged"):
        await Ledger.open(path, clock=SystemClock())
    for thread in threading.enumerate():
        if thread.name == "ledger":
            thread.join(10)
            assert not thread.is_alive()


def test_reading_where_there_is_no_ledger_finds_nothing_and_makes_nothing(path: Path) -> None:
    with Store.open(path, readonly=True) as store:
        assert store.jobs() == []
        assert store.json_lines() == []
    assert not path.parent.exists()


def test_a_ledger_opened_for_reading_takes_no_change(path: Path, store: Store) -> None:
    put(store)
    with Store.open(path, readonly=True) as reader:
        assert len(reader.jobs()) == 1
        with pytest.raises(Problem, match="reading only"):
            reader.add(a_job())
        with pytest.raises(sqlite3.OperationalError):
            reader.db.execute("DELETE FROM jobs")


def test_reading_works_while_another_connection_writes(path: Path, store: Store) -> None:
    put(store)
    store.db.execute("BEGIN IMMEDIATE")
    store.db.execute("UPDATE jobs SET name = 'half'")
    try:
        with Store.open(path, readonly=True) as reader:
            assert [job.name for job in reader.jobs()] == ["Balance"]
    finally:
        store.db.execute("ROLLBACK")


def test_two_processes_may_make_the_ledger_at_once(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from reportdash.ledger import Store;"
        "sys.stdin.read(1); Store.open(Path(sys.argv[1])).close()"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    ends = [racer.communicate(b"x") for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 4, ends
    with Store.open(path) as store:
        assert schema.version(store.db) == schema.VERSION


def test_the_store_brings_no_event_loop_and_no_screen(path: Path) -> None:
    script = (
        "import sys; from reportdash.ledger import Store; from pathlib import Path;"
        "Store.open(Path(sys.argv[1]), readonly=True).json_lines();"
        "print({'asyncio', 'textual', 'httpx', 'pydantic', 'keyring', 'logging'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        ("SELECT nonsense()", "could not be used"),
        ("SELECT * FROM nowhere", "damaged"),
        ("locked", "held by another process"),
    ],
)
def test_every_error_of_sqlite_becomes_a_sentence(path: Path, store: Store, make: str, says: str) -> None:
    with sqlite3.connect(path, timeout=0) as other:
        if make == "locked":
            store.db.execute("BEGIN IMMEDIATE")
            make = "UPDATE meta SET rev = 1"
        with pytest.raises(sqlite3.Error) as raised:
            other.execute(make)
    other.close()
    assert says in explain(raised.value, path).text


def test_a_journal_left_by_a_killed_writer_is_rolled_back_before_reading(path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from reportdash.ledger import Store; "
        "from tests.ledger.conftest import put\n"
        "store = Store.open(Path(sys.argv[1]))\n"
        "put(store)\n"
        "store.db.execute('PRAGMA cache_size = 1')\n"  # so that half the change is in the file already
        "store.db.execute('BEGIN IMMEDIATE')\n"
        "for n in range(2000):\n"
        "    store.db.execute('UPDATE jobs SET name = ?', ('half' * 2000,))\n"
        "    store.db.execute('INSERT INTO history VALUES (NULL, 1, 1, ?, 1, 1, 1, 1)', ('x' * 900,))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    with Store.open(path, readonly=True) as reader:
        assert [job.name for job in reader.jobs()] == ["Balance"]
        assert reader.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
