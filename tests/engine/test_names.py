"""File names: whatever a vendor says, one harmless base name comes out."""

from __future__ import annotations

import os
import random
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reportdash.engine.names import (
    EXTENSIONS,
    MAX_BYTES,
    disposition_name,
    extension_of,
    numbered,
    sanitise,
    stem,
    with_extension,
)
from reportdash.model import Job, JobState, Spec

MANY = int(os.environ.get("REPORTDASH_FAULTS", "1")) * 200
NASTY = st.text(
    st.one_of(
        st.characters(codec=None),
        st.sampled_from('/\\.-~ :*?"<>|%\x00\x1b\x7f\x85\u202e\u2028\ufeff\ud800é😀'),
        st.sampled_from(["CON", "nul", "com1", "LPT¹", "../", "..\\", "con.", "aux "]).map(lambda s: s[0]),
    ),
    max_size=300,
)
PAYLOADS = [
    "../../etc/passwd",
    "..",
    ".",
    "",
    "/",
    "\\",
    "....//....//x",
    "C:\\Windows\\x.csv",
    "con",
    "CON.csv",
    "nul.",
    "com1.txt",
    "LPT9",
    "COM\xb9.csv",
    "conin$",
    "~/.ssh/id",
    "-rf",
    "--help",
    ".bashrc",
    "a\x00b.csv",
    "\x1b[31mred.csv",
    "\u202egnp.csv",
    "x.",
    "x ",
    " x",
    "%2e%2e%2f",
    "file:///etc/passwd",
    "a:b.csv",
    "*?.csv",
    "\ufeffx.csv",
    "\ufb01.csv",
    "e\u0301.csv",
]
PAYLOADS += [
    "a" * 400 + ".csv",
    "é" * 200 + ".csv",
    "😀" * 100 + ".csv.gz",
    "a\nb.csv",
    "\ud800.csv",
    "|.csv",
]


def harmless(name: str) -> None:
    assert name and name == os.path.basename(name)  # noqa: PTH119 - the very question
    assert name not in (".", "..") and name[0] not in ".-~ " and name[-1] not in ". "
    assert len(name.encode()) <= MAX_BYTES
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in '/\\<>:"|?*' for c in name)
    first = name.split(".")[0].strip().upper()
    assert first not in ("CON", "PRN", "AUX", "NUL") and not (
        first[:3] in ("COM", "LPT") and len(first) == 4 and first[3] in "0123456789¹²³"
    )
    assert sanitise(name) == name


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_leaves_the_folder(payload: str) -> None:
    harmless(sanitise(payload))
    harmless(with_extension(payload, "csv"))


def test_no_text_out_of_very_many_leaves_the_folder() -> None:
    """Cheap random texts, so that there can be a million: `REPORTDASH_FAULTS=500`."""
    rng = random.Random(7)
    nasty = '/\\.-~ :*?"<>|%\x00\x1b\x7f\x85\u202e\u2028\ufeff\ud800é😀.\u0301'
    for _ in range(10 * MANY):
        parts = rng.choices(("a", "CON", "..", "../", ".csv", nasty, "\\", ""), k=rng.randrange(1, 9))
        text = "".join(
            "".join(rng.choices(part, k=rng.randrange(1, 9))) if part == nasty else part for part in parts
        )
        if rng.random() < 0.1:
            text += chr(rng.randrange(0x110000)) * rng.randrange(1, 200)
        harmless(sanitise(text))


@settings(max_examples=MANY, deadline=None)
@given(NASTY)
def test_no_text_leaves_the_folder(text: str) -> None:
    harmless(sanitise(text))


@settings(max_examples=MANY, deadline=None)
@given(NASTY, st.integers(1, 9999), st.sampled_from(sorted(EXTENSIONS)))
def test_a_numbered_name_stays_harmless_and_keeps_its_extension(text: str, number: int, ext: str) -> None:
    name = with_extension(text, ext)
    again = numbered(name, number)
    harmless(again)
    assert again.endswith("." + ext)
    if number > 1:
        assert again != name


@settings(max_examples=MANY, deadline=None)
@given(NASTY, NASTY, st.floats(0, 4e9))
def test_a_default_name_ends_in_date_and_id_whatever_the_report_is_called(
    account: str, report: str, at: float
) -> None:
    job = Job("a2b3c4", account, "7g", "n", "r", JobState.READY, submitted_at=at, spec=Spec(report))
    name = with_extension(stem(job), "csv.gz")
    harmless(name)
    assert name.endswith("_a2b3c4.csv.gz")
    harmless(numbered(name, 9999))


def test_a_default_name_says_account_report_date_and_id() -> None:
    job = Job("a2b3c4", "main", "7g", "mine", "r", JobState.READY, submitted_at=1_767_311_999.0)
    assert stem(job) == "main_mine_2026-01-01_a2b3c4"
    job = Job(
        "a2b3c4", "main", "7g", "mine", "r", JobState.READY, submitted_at=0.0, spec=Spec("Net  / Sales")
    )
    assert stem(job) == "main_Net-Sales_1970-01-01_a2b3c4"


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("a.CSV", "csv"),
        ("a.tar.gz", "tar.gz"),
        ("a.2026.gz", "gz"),
        ("a.sh", None),
        ("a.csv/", "csv"),
        ("a.csv\x00.exe", None),
        ("csv", None),
        (None, None),
    ],
)
def test_only_extensions_a_report_may_have_are_taken(name: str | None, extension: str | None) -> None:
    assert extension_of(name) == extension


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.csv"', "a b.csv"),
        ("attachment; filename=a.csv", "a.csv"),
        ("attachment; filename=x; filename*=UTF-8''%e2%82%ac.csv", "€.csv"),
        ("inline", None),
        (None, None),
    ],
)
def test_a_content_dispositions_file_name_is_read(header: str | None, name: str | None) -> None:
    assert disposition_name(header) == name
