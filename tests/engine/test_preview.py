"""What a saved file begins with: encoding, delimiter, rows, JSON, and a sentence for what has no rows."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.engine import preview
from reportdash.engine.preview import ROWS, Preview, Table, is_number, parse, read, read_all


def table(head: bytes, extension: str = "csv", *, whole: bool = True) -> Table:
    found = parse(head, extension, whole=whole)
    assert found.table is not None, found
    return found.table


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_by_the_most_even_table(delimiter: str) -> None:
    rows = [["Name", "Note", "Sum"], ["Ada", "one, two; three", "1.5"], ["Grace", "four | five", "22"]]
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    found = table(text.encode())
    assert found.header == ("Name", "Note", "Sum")
    assert found.rows == (("Ada", "one, two; three", "1.5"), ("Grace", "four | five", "22"))
    assert found.total == 2 and found.numbers == {2}


def test_decimal_commas_between_semicolons_are_no_columns() -> None:
    found = table(b"Fonds;Wert\nA;1.234,50\nB;7,10\nC;12,00\n")
    assert found.rows[0] == ("A", "1.234,50") and found.numbers == {1}


def test_a_line_that_names_the_delimiter_is_obeyed_and_is_no_row() -> None:
    found = table(b"sep=^\r\nA^B\r\n1^2\r\n")
    assert found.header == ("A", "B") and found.rows == (("1", "2"),)


def test_a_quoted_cell_may_hold_line_breaks_and_stays_one_line() -> None:
    found = table(b'Id,Text\r\n1,"two\r\nlines"\r\n2,"a ""b"""\r\n')
    assert found.rows == (("1", "two lines"), ("2", 'a "b"'))


def test_a_first_row_with_a_number_is_data() -> None:
    found = table(b"1,Ada\n2,Grace\n")
    assert found.header == () and len(found.rows) == 2


def test_titles_alone_are_a_table_without_rows() -> None:
    found = table(b"Id,Name\r\n")
    assert found.header == ("Id", "Name") and found.rows == () and found.total == 0


def test_rows_of_uneven_length_are_filled_up() -> None:
    found = table(b"A,B,C\n1,2,3\n4,5\n1,2,3\n1,2,3\n1,2,3,4\n")
    assert found.header == ("A", "B", "C", "") and found.rows[1] == ("4", "5", "", "")


def test_only_the_first_rows_are_kept_and_all_are_counted() -> None:
    found = table(b"A,B\n" + b"1,2\n" * 500)
    assert len(found.rows) == ROWS and found.total == 500


def test_a_row_that_the_end_of_the_head_cuts_is_left_out() -> None:
    found = table(b"A,B\n1,2\n3,4\n5,", whole=False)
    assert found.rows == (("1", "2"), ("3", "4")) and found.total is None
    swallowed = table(b'A,B\n1,2\n3,"and so on\n5,6\n7,8', whole=False)
    assert swallowed.rows == (("1", "2"),)


def test_a_first_row_longer_than_what_is_read_is_a_sentence() -> None:
    assert "first row is longer than the 64 KiB" in parse(b"A,B," * 10, "csv", whole=False).why


@pytest.mark.parametrize(
    ("codec", "mark", "name"),
    [
        ("utf-8", b"", "UTF-8"),
        ("utf-8", b"\xef\xbb\xbf", "UTF-8"),
        ("utf-16-le", b"\xff\xfe", "UTF-16"),
        ("utf-16-be", b"\xfe\xff", "UTF-16"),
        ("utf-16-le", b"", "UTF-16"),
        ("utf-16-be", b"", "UTF-16"),
        ("utf-32-le", b"\xff\xfe\x00\x00", "UTF-32"),
        ("cp1252", b"", "read as Windows-1252"),
    ],
)
def test_the_encoding_is_found_by_mark_or_by_what_can_be_read(codec: str, mark: bytes, name: str) -> None:
    text = "Name;Ort;Betrag\nMüller;Köln;12,50\nGroß;Nürnberg;7\n"
    found = parse(mark + text.encode(codec), "csv", whole=True)
    assert found.about == ("CSV", name, "semicolon between columns")
    assert found.table is not None and found.table.rows[0] == ("Müller", "Köln", "12,50")
    assert found.table.header[0] == "Name", "the mark is no part of the first title"


def test_a_character_that_the_end_of_the_head_cuts_does_not_change_the_encoding() -> None:
    head = "Name,Ort\nA,Köln\nB,Kö".encode()[:-1]
    found = parse(head, "csv", whole=False)
    assert found.about[1] == "UTF-8" and found.table is not None and found.table.rows == (("A", "Köln"),)


def test_terminal_escapes_in_a_cell_do_not_leave_this_room() -> None:
    found = table("A,B\n\x1b]52;c;aGk=\x07,\u202eevil\x9b31m\n[@click=app.quit]x,y\n".encode())
    text = "".join(cell for row in (found.header, *found.rows) for cell in row)
    assert not set(text) & set("\x1b\x07\u202e\x9b")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", True),
        ("-1,234.50", True),
        ("1.234,50", True),
        ("1 234,5", True),
        ("(12)", True),
        ("12 %", True),
        ("$12.00", True),
        ("1e-5", True),
        (".5", True),
        ("2026-11-01", False),
        ("14:30", False),
        ("12a", False),
        ("", False),
        ("-", False),
        ("1e", False),
        ("١٢", False),
    ],
)
def test_what_is_a_number(text: str, number: bool) -> None:
    assert is_number(text) is number


def test_json_with_an_array_of_objects_is_a_table() -> None:
    rows = [{"id": n, "name": f"n{n}", "ok": True, "none": None, "deep": {"a": 1}} for n in range(30)]
    found = parse(json.dumps(rows).encode(), "json", whole=True)
    assert found.table is not None and found.about == ("JSON", "ASCII")
    assert found.table.header == ("id", "name", "ok", "none", "deep")
    assert found.table.rows[1] == ("1", "n1", "true", "", '{"a": 1}')
    assert found.table.total == 30 and found.table.numbers == {0}


@pytest.mark.parametrize("whole", [True, False])
def test_an_object_that_holds_the_array_is_a_table_even_if_it_is_cut(whole: bool) -> None:
    rows = [{"id": n, "name": f"n{n}"} for n in range(10)]
    text = json.dumps({"meta": {"page": 1}, "tags": ["a"], "data": {"entries": rows}}, indent=1)
    head = text.encode() if whole else text.encode()[:-40]
    found = table(head, "json", whole=whole)
    assert found.header == ("id", "name") and found.rows[0] == ("0", "n0")
    assert found.total == (10 if whole else None)


def test_one_object_a_line_is_a_table() -> None:
    found = table(b'{"a": 1}\n{"a": 2, "b": "x"}\n', "json")
    assert found.header == ("a", "b") and found.rows == (("1", ""), ("2", "x")) and found.total == 2


def test_json_that_breaks_off_says_so_and_counts_nothing() -> None:
    found = parse(b'[{"a": 1}, {"a": 2}, {"a"', "json", whole=True)
    assert found.about[-1] == "it breaks off"
    assert found.table is not None and found.table.total is None and len(found.table.rows) == 2


def test_other_json_is_shown_pretty() -> None:
    found = parse(b'{"total":3,"by":{"x":[1,2]}}', "json", whole=True)
    assert found.table is None and found.lines[:3] == ("{", '  "total": 3,', '  "by": {') and found.whole


def test_what_only_looks_like_json_is_shown_as_text() -> None:
    assert parse(b"[ERROR] no rows today\n", "txt", whole=True).lines == ("[ERROR] no rows today",)


def test_deep_json_is_no_trouble() -> None:
    assert parse(b"[" * 30_000, "json", whole=True).lines
    assert parse(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "json", whole=True).lines


def test_text_that_is_no_table_is_shown_as_lines() -> None:
    found = parse(b"Dear reader,\n\nthe report, as asked for, is empty.\n", "txt", whole=True)
    assert found.lines == ("Dear reader,", "", "the report, as asked for, is empty.")
    assert parse(b"<a>\n <b/>\n</a>", "xml", whole=True).about == ("text", "ASCII")


def _zip(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"", "The file is empty."),
        (b" \n\n", "nothing but blanks"),
        (gzip.compress(b"a,b"), "a gzip archive"),
        (_zip("a.csv"), "a zip archive"),
        (_zip("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"A,B\x00\x01\x02\n", "binary"),
        (random.Random(3).randbytes(4000), "binary"),
    ],
    # An archive has the time of its making in it: no name for a test.
    ids=["nothing", "blanks", "gzip", "zip", "workbook", "pdf", "a few controls", "noise"],
)
def test_what_has_no_rows_is_a_sentence(head: bytes, said: str) -> None:
    found = parse(head, "csv", whole=True)
    assert said in found.why and found.why.endswith(".") and found.table is None and not found.lines


def test_a_file_that_is_gone_is_no_file_or_may_not_be_read_is_a_sentence(tmp_path: Path) -> None:
    assert read(str(tmp_path / "none.csv")).why == "The file is no longer where it was saved."
    assert "no file" in read(str(tmp_path)).why
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    assert "no file" in read(str(pipe)).why, "and it does not wait for a writer"
    assert read(str(tmp_path / "a\0b")).why.startswith("The file cannot be read")
    assert "cannot be read" in read(str(tmp_path / ("x" * 300))).why


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_why(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("A,B\n")
    file.chmod(0)
    assert read(str(file)).why == "The file cannot be read: Permission denied."


def test_of_a_large_file_only_the_head_is_read(tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    with file.open("wb") as out:
        out.write(b"A,B\n" + b"1,2\n" * 100_000)
        out.truncate(50_000_000_000)  # sparse: reading it whole would not end
    found = read(str(file))
    assert found.stamp is not None and found.stamp[0] == 50_000_000_000
    assert found.table is not None and found.table.total is None and len(found.table.rows) == ROWS


async def test_a_file_is_read_again_only_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("A,B\n1,2\n")
    first = await read_all([str(file)], {})
    monkeypatch.setattr(preview, "parse", lambda *_, **__: pytest.fail("read again"))
    assert await read_all([str(file)], first) == first
    monkeypatch.undo()
    file.write_text("A,B\n3,4,5\n")
    again = (await read_all([str(file)], first))[str(file)]
    assert again.table is not None and again.table.rows[0][0] == "3"


@given(st.binary(max_size=600), st.sampled_from(["csv", "json", "txt", ""]), st.booleans())
def test_any_bytes_are_shown_or_are_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, extension: str, whole: bool
) -> None:
    file = tmp_path_factory.mktemp("any") / f"a.{extension}"
    file.write_bytes(head)
    found = read(str(file))
    assert bool(found.table) + bool(found.lines) + bool(found.why) == 1
    _harmless(found)


@given(st.text(max_size=300))
def test_any_text_comes_out_harmless(text: str) -> None:
    for start in ("", "A,B\n1,2\n", '[{"a": "'):
        _harmless(parse((start + text).encode("utf-8", "replace") or b" ", "csv", whole=False))


def _harmless(found: Preview) -> None:
    cells = [cell for row in found.table.rows for cell in row] if found.table is not None else []
    told = "".join([*cells, *found.lines, found.why, *found.about])
    assert not [char for char in told if ord(char) < 32 or 0x7F <= ord(char) < 0xA0]
