"""The bytes a file begins with as text: which encoding, or which packed format, or neither. Pure.

A file without a mark that is no UTF-8 is read as Windows-1252, the one that is left in reports of the West.
Detectors by statistics take short rows with a few accents for Baltic or DOS pages, so none is used.
"""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
"""Byte order marks; the longer ones first where one begins with another."""

_PACKED = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"%PDF-", "a PDF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (b"PAR1", "a Parquet file"),
)

_OFFICE = ((b"xl/", "an Excel workbook"), (b"word/", "a Word document"))
_LOOKED_AT = 4096
_BLANKS = frozenset(b"\t\n\v\f\r\x1a\x1b")
"""Controls that text has: blanks, the end mark of DOS, and escapes, which are shown as a sign."""


def archive(head: bytes) -> str | None:
    """The packed or binary format the bytes begin with, as a person names it; None for anything else."""
    for magic, name in _PACKED:
        if head.startswith(magic):
            if name == "a zip archive":
                return next((said for part, said in _OFFICE if part in head), name)
            return name
    return None


def decoded(head: bytes, *, whole: bool) -> tuple[str, str] | None:
    """The text and the name of its encoding; None for bytes that are no text.

    A character that the end of `head` cuts is left out, unless it is the `whole` file.
    """
    for mark, codec, name in _MARKS:
        if head.startswith(mark):
            return _decode(head[len(mark) :], codec, whole, "replace") or "", name
    sample = head[:_LOOKED_AT]
    if b"\x00" in sample:
        codec16 = _utf16(sample)
        wide = _decode(head, codec16, whole, "strict") if codec16 is not None else None
        return None if wide is None else (wide, "UTF-16")
    controls = sum(byte < 32 and byte not in _BLANKS for byte in sample)
    if controls * 20 > len(sample):
        return None
    text = _decode(head, "utf-8", whole, "strict")
    if text is not None:
        return text, "ASCII" if text.isascii() else "UTF-8"
    return _decode(head, "cp1252", whole, "replace") or "", "read as Windows-1252"


def _decode(head: bytes, codec: str, whole: bool, errors: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(codec)(errors).decode(head, final=whole)
    except UnicodeDecodeError:
        return None


def _utf16(sample: bytes) -> str | None:
    """UTF-16 without a mark: in Western text every other byte is zero."""
    pairs = max(1, len(sample) // 2)
    even, odd = sample[0::2].count(0) / pairs, sample[1::2].count(0) / pairs
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else None
