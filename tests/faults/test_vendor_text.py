"""Whatever a vendor says, no place it reaches lets it act: each payload through each sink below the screen.

The screens themselves, byte by byte on a real terminal, are in `tests/terminal/test_payloads.py`. With
`REPORTDASH_FAULTS` above 1 every payload is said to every failing command, else a sample.
"""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from reportdash import log
from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.cli import output
from reportdash.cli.main import main
from reportdash.engine import names
from reportdash.ledger.store import Store
from reportdash.model import Account, Exchange, Health, Job, JobState, LastError, Spec, replace
from reportdash.net.trace import redact_body, redact_url
from reportdash.plain import clean, clean_block, escaped
from reportdash.tui import clipboard, glyphs, theme
from reportdash.tui.text import Pen, safe, width
from tests.cli.warm import ran
from tests.faults.payloads import PAYLOADS, SAYABLE, harmful, tower
from tests.faults.spoken import SHORT, TOLD, fill, vendor

SOME = 1 if int(os.environ.get("REPORTDASH_FAULTS", "1")) > 1 else 12
MARKS = 6


def test_the_corpus_is_what_the_promise_says() -> None:
    assert len(PAYLOADS) >= 700 and len(SAYABLE) >= 500
    assert sum(bool(harmful(text)) for text in PAYLOADS.values()) >= 500
    assert {len(text) for text in PAYLOADS.values()} >= {1_000_000}
    for sign in (
        "\x1b]52;c;",
        "\x1b]8;;",
        "\x1b]0;",
        "\x9b",
        "\x90",
        "\x9f",
        "[@click=",
        "[/]",
        "\u202e",
        "\u200b",
    ):
        assert any(sign in text for text in PAYLOADS.values()), ascii(sign)
    assert any(re.search("[\ud800-\udfff]", text) for text in PAYLOADS.values())
    # What joins them for a smaller number of places loses none of the short ones.
    told = " ".join(TOLD)
    assert all(text in told for text in SAYABLE.values() if len(text) < 400)


def well(text: str, *, lines: bool = False) -> None:
    """Nothing in it acts, nothing in it is unseen."""
    assert harmful(text.replace("\n", "") if lines else text) == [], ascii(text[:200])
    assert tower(text) <= MARKS


def test_what_is_cleaned_is_harmless_short_and_stays_as_it_is() -> None:
    for name, text in PAYLOADS.items():
        line, block = clean(text), clean_block(text)
        well(line)
        well(block, lines=True)
        assert len(line) <= 500 and len(block) <= 4096, name
        assert clean(line) == line and clean_block(block) == block, name
        line.encode("utf-8")


def test_no_line_of_the_screen_shows_more_than_its_cells_or_anything_unseen() -> None:
    pens = [Pen(theme.load(theme.DEFAULT), kind) for kind in ("unicode", "ascii", "wide")]
    for text in PAYLOADS.values():
        assert len(safe(text)) <= 500
        for pen in pens:
            for cells in (1, 7, 60):
                strip = pen.strip([(0, (Run(text, Role.TEXT), Run(text, Role.BAD)))], cells)
                well(strip.text)
                assert width(strip.text) == cells == strip.cell_length
                assert not any(segment.control or (segment.style and segment.style.meta) for segment in strip)
    assert glyphs.ascii_text(clean("".join(SAYABLE.values()), 50_000)).isascii()


def test_what_the_ledger_keeps_of_it_is_harmless(tmp_path: Path) -> None:
    texts = [text[:3000] for text in PAYLOADS.values()]
    with Store.open(tmp_path / "ledger.db") as store:
        store.write(lambda: store.verbs.ensure_accounts({"main": "7g"}))
        job = Job("aaaaaa", "main", "7g", "x", "r", JobState.FAILED, "s", "m")
        store.add(job)
        for n, text in enumerate(texts):
            told = {
                "name": text,
                "vendor_status": text,
                "message": text,
                "note": text,
                "error_code": text,
                "drift": text,
            }
            exchange = Exchange(n, text, text, 400, 1, text, text, 1, text)
            error = LastError(n, text, text, 400, text)
            store.change(
                "aaaaaa",
                lambda row, told=told: replace(row, **told),  # type: ignore[misc]
                what=text,
                who="vendor",
                exchanges=[exchange],
                error=error,
            )
            row, kept = store.job("aaaaaa"), store.last_error("aaaaaa")
            assert row is not None and kept is not None
            for said in (row.name, row.vendor_status, row.message, row.note, row.error_code, row.drift):
                well(said or "")
            well(f"{kept.kind}{kept.text}{kept.code}")
            one = store.exchanges("aaaaaa")[-1]
            well(f"{one.method}{one.url}{one.error}")
            well(one.request + one.response, lines=True)
        for event in store.history("aaaaaa"):
            well(f"{event.what}{event.vendor_status}{event.message}")
        store.write(
            lambda: store.verbs.put_account(
                replace(
                    Account("main", "7g"),
                    message=texts[0],
                    health=Health.AUTH_FAILED,
                    only_there=tuple(texts[:50]),
                )
            )
        )
        account = store.account("main")
        for said in (account.message, *account.only_there):
            well(said or "")


def test_no_file_name_made_of_it_is_more_than_a_name() -> None:
    for text in PAYLOADS.values():
        job = Job("aaaaaa", text[:200], "7g", text, text, JobState.READY, submitted_at=1.0, spec=Spec(text))
        for name in (names.sanitise(text), names.with_extension(text, "csv"), names.stem(job)):
            well(name)
            assert (
                name and "/" not in name and name[0] not in ".-~ " and len(name.encode()) <= names.MAX_BYTES
            )
        assert names.extension_of(text) in {*names.EXTENSIONS, None}
        assert names.extension_of(names.disposition_name(f'attachment; filename="{text}"')) in {
            *names.EXTENSIONS,
            None,
        }


@pytest.mark.parametrize("environ", [{}, {"TMUX": "x"}, {"STY": "x"}, {"TERM": "screen"}, {"TERM": "tmux"}])
def test_the_clipboards_sequence_is_ours_and_its_load_base64(environ: dict[str, str]) -> None:
    """Even of a text that nobody has cleaned."""
    for text in PAYLOADS.values():
        made = clipboard.sequence(text, environ)
        if made is None:
            assert not clipboard.fits(text)
            continue
        load = base64.b64encode(text.encode("utf-8", "replace")).decode()
        bare = re.sub("\x1bP(?:tmux;)?|\x1b\\\\", "", made.replace("\x1b\x1b", "\x1b"))
        one = f"\x1b]52;c;{load}\x07"
        assert bare in (one, one + one)


def test_a_log_line_and_a_kept_exchange_hold_nothing_raw(tmp_path: Path) -> None:
    path = log.start(tmp_path, redact_body)
    try:
        for text in PAYLOADS.values():
            log.event("call", url=text[:20_000], answer=text[:20_000])
            log.failure("failed", ValueError(text[:20_000]))
    finally:
        log.stop()
    raw = path.read_bytes() + b"".join(old.read_bytes() for old in tmp_path.glob("debug.log.*"))
    assert len(raw.splitlines()) >= 1000
    assert set(raw) <= set(range(0x20, 0x7F)) | {0x0A}
    for text in PAYLOADS.values():
        well(redact_url(f"https://vendor.example/{text[:3000]}"))


def test_a_command_prints_of_it_only_what_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    for text in (text[:20_000] for text in PAYLOADS.values()):
        output.say(text)
        output.note(text)
        printed = capsys.readouterr().err
        well(printed, lines=True)
        output.words("  " + text)
        output.table(("Name", "Says"), [(text, text), ("x", "y")])
        printed = capsys.readouterr().out
        well(printed, lines=True)
        assert printed.count("\n") == 4, "a row is a line"
        output.line_json({"name": text, "n": 1})
        printed = capsys.readouterr().out
        well(printed.removesuffix("\n"))
        assert json.loads(printed) == {"name": text, "n": 1}, "escaped, but the same data"


def test_json_that_is_escaped_says_the_same() -> None:
    for text in (text[:20_000] for text in PAYLOADS.values()):
        for ascii_only in (True, False):
            assert json.loads(escaped(json.dumps({text[:100]: text}, ensure_ascii=ascii_only))) == {
                text[:100]: text
            }


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A ledger of payloads as they came, a config with its account, and the process's folders."""
    ids = fill(tmp_path / "data" / "ledger.db")
    config = tmp_path / "config.toml"
    config.write_text(
        f'download_dir = "{tmp_path}/reports"\n[accounts.main]\nvendor = "7g"\nbase_url = "http://127.0.0.1:9"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("REPORTDASH_CONFIG", str(config))
    monkeypatch.setenv("REPORTDASH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return ids


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints; judged line by line."""
    main(words)
    out, err = capsys.readouterr()
    well(out, lines=True)
    well(err, lines=True)
    assert "internal error" not in err, err
    return out


def test_jobs_and_accounts_print_a_ledger_of_payloads_line_by_line(
    filled: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(run(capsys, "jobs").splitlines()) == len(filled) + 1
    for words in (("jobs", "--json"), ("jobs", "--json", "--", "-xyzzy")):
        rows = [json.loads(line) for line in run(capsys, *words).splitlines()]
        assert len(rows) == len(filled)
        assert {row["name"] for row in rows} == set(SHORT)
        assert {row["state"] for row in rows} <= {str(state) for state in JobState}
    assert len(run(capsys, "accounts").splitlines()) == 2
    assert json.loads(run(capsys, "accounts", "--json"))["message"] == TOLD[0]


def test_show_prints_each_field_on_its_line(filled: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for one in filled[::SOME]:
        out = run(capsys, "show", one)
        heads = {line.split(" ")[0] for line in out.splitlines()}
        job = Job("aaaaaa", "main", "7g", "x", None, JobState.READY)
        assert heads <= {*job.as_json(), "drift", "last", "history", "exchanges", ""}
        told = json.loads(run(capsys, "show", one, "--json"))
        assert told["name"] == SHORT[filled.index(one)]
    assert "exchanges" in run(capsys, "show", filled[0])


def test_what_a_refusal_names_is_harmless(filled: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Sentences on stderr that repeat what the ledger or the operator says."""
    for one in (filled[0], filled[1]):
        run(capsys, "forget", one)
        run(capsys, "delete", "--yes", one)
        run(capsys, "download", one)
    run(capsys, "download", "--all-ready")
    for text in list(SAYABLE.values())[40 :: 25 * SOME]:
        if "\x00" not in text and len(text) < 2000:
            for words in (
                ("show", text),
                ("jobs", "--", text),
                ("submit", "main", text),
                ("submit", text, "X"),
                ("track", "main", text),
                ("jobs", "--json", "--", f"state:{text}"),
            ):
                run(capsys, *words)


def test_the_sentence_of_a_failed_command_holds_nothing_of_what_the_vendor_sent(
    tmp_path: Path,
) -> None:
    """The real command, its bytes; with --debug, so that the log says it as well."""
    accounts = (
        ("main", "7g", "submit main R", ""),
        ("billing", "sigma", "submit billing 12", 'auth = "basic"\n'),
        ("admissions", "webadmit", "submit admissions 86446", "user_identity = 4242\n"),
        (
            "calls",
            "talkdesk",
            "submit calls calls --from 2026-01-01 --to 2026-01-02",
            'identity_url = "BASE"\n',
        ),
    )
    secrets = ("MAIN__USERNAME", "MAIN__PASSWORD", "BILLING__USERNAME", "BILLING__PASSWORD",
               "ADMISSIONS__API_KEY", "CALLS__CLIENT_ID", "CALLS__CLIENT_SECRET")  # fmt: skip
    texts = TOLD if SOME == 1 else TOLD[:1]
    with vendor(texts) as base:
        config = tmp_path / "config.toml"
        config.write_text(
            "".join(
                f'[accounts.{name}]\nvendor = "{kind}"\nbase_url = "{base}"\n{more.replace("BASE", base)}'
                for name, kind, _, more in accounts
            ),
            encoding="utf-8",
        )
        env = {
            **os.environ,
            "HOME": str(tmp_path),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            **{f"REPORTDASH_SECRET__{name}": "s3cret-word" for name in secrets},
        }
        for _ in texts:
            for _, _, words, _ in accounts:
                said = _command(tmp_path, env, *words.split())
                assert said.returncode in (1, 3, 4), (words, said)
                assert b"`reportdash " in said.stderr or b"set REPORTDASH_SECRET__" in said.stderr, (
                    said
                )  # what next
        listed = _command(tmp_path, env, "jobs", "--json")
        ids = [json.loads(line)["id"] for line in listed.stdout.splitlines()]
        for words in ("jobs", "accounts --json", "doctor", "watch --timeout 1", "track admissions --all"):
            _command(tmp_path, env, *words.split())
        _command(tmp_path, env, "show", ids[0])
        kept = (tmp_path / "data").glob("*.log*")
        raw = b"".join(path.read_bytes() for path in kept)
        assert b"owned" in raw or b"Re" in raw
        assert set(raw) <= set(range(0x20, 0x7F)) | {0x0A}


def _command(folder: Path, env: dict[str, str], *words: str) -> Any:
    where = ["--config", str(folder / "config.toml"), "--data-dir", str(folder / "data"), "--debug"]
    done = ran([*where, *words], env, folder)
    for stream in (done.stdout, done.stderr):
        well(stream.decode("utf-8"), lines=True)
        assert b"internal error" not in stream
    return done
