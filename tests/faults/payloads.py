"""Texts a vendor could say to act on whoever shows, keeps or prints them: over seven hundred, one table.

`PAYLOADS` maps a name to a text, each name and each text once. What is harmful is said here by Unicode's own
properties, not by the list of the code under test.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

ESC, BEL, ST = "\x1b", "\x07", "\x1b\\"
CSI = {
    "clear": "2J", "clear history": "3J", "home": "H", "far away": "999;999H", "magenta": "35m",
    "blink": "5;7m", "hidden": "8m", "other screen": "?1049h", "mouse": "?1003h",
    "no paste marks": "?2004l", "no cursor": "?25l", "print": "5i", "report title": "21t",
    "small window": "8;5;5t", "iconify": "2t", "status": "6n", "who": "c", "who else": ">0c",
    "scroll region": "3;4r", "scroll": "99S", "erase": "99X", "insert": "99@", "repeat": "99b",
    "soft reset": "!p", "protected": '1"q', "keys": ">4;2m", "other keys": "?u", "delete lines": "99M",
}  # fmt: skip
OSC = {
    "title": "0;owned", "icon": "1;owned", "window": "2;owned", "copy": "52;c;Z290Y2hh",
    "ask clipboard": "52;c;?", "copy primary": "52;p;Z290Y2hh", "colour": "4;1;rgb:ff/00/00",
    "ask colour": "11;?", "link": "8;;http://evil.example/", "link with id": "8;id=1;file:///etc/passwd",
    "folder": "7;file://evil/", "notify": "9;owned", "rxvt": "777;notify;a;b", "shell": "133;A",
    "iTerm": "1337;File=inline=1:AAAA", "reset colours": "104", "font": "50;fixed", "editor": "633;E;rm",
}  # fmt: skip
STRINGS = {
    "DCS settings": ("P", "\x90", "$q q"), "DCS keys": ("P", "\x90", "1;1|17/61"),
    "DCS sixel": ("P", "\x90", "q#0;2;0;0;0"), "DCS tmux": ("P", "\x90", "tmux;\x1b\x1b]0;x\x07"),
    "DCS screen": ("P", "\x90", "\x1b]0;x\x07"), "APC": ("_", "\x9f", "Gf=100;AAAA"),
    "PM": ("^", "\x9e", "message"), "SOS": ("X", "\x98", "string"),
    "title of screen": ("k", "\x9dk", "owned"),
}  # fmt: skip
SHORT = [
    "c",
    "7",
    "8",
    "D",
    "E",
    "H",
    "M",
    "N",
    "O",
    "Z",
    "=",
    ">",
    "#8",
    "(0",
    "(B",
    ")0",
    "%G",
    "%@",
    "n",
    "o",
    "~",
    "l",
]
MARKUP = [
    "[@click=app.quit]here[/]", "[@click=app.quit()]x", "[@click='app.bell']x[/]",
    "[@click=screen.dismiss]x[/]", "[@mouse.down=app.quit]x[/]", "[/]", "[/bold]", "[/nothing]", "[", "]",
    "[[", "]]", "[]", "[bold", "[bold]x", "\\[bold]", "\\\\[bold]x[/]", "[red on white]x[/]",
    "[link=http://evil.example]x[/link]", "[link='file:///etc/passwd']x", "[on red]", "[#ff0000]x",
    "[$primary]x[/]", "[auto]x", "[not a tag]", "[blink]x[/blink]", "[reverse]", "[conceal]secret[/]",
    "[meta key=1]x", "[@event=x]", "[b][i][u]x[/u][/b][/i]", "[/][/][/]", ":boom:", ":warning:",
    "[@click=app.copy_text('x')]y", "[dim]" * 40, "[[[[bold]]]]", "[bold]x[/red]", "<b>x</b>", "&#27;[2J",
    "{0.__class__}", "%s%n%x", "$(reboot)", "`reboot`", "; reboot #", "| reboot", "${HOME}", "\\x1b[2J",
    "\\033[2J", "\\u001b[2J", "^[[2J", "*bold* _x_", "${jndi:x}",
]  # fmt: skip
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNSEEN = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\u206a"
    "\u206f\u2028\u2029\u3164\ufe00\ufe0e\ufe0f\ufeff\uffa0\ufff9\ufffa\ufffb\ufffe\uffff\ufdd0\U0001bca0\U0001d173"
    "\U000e0001\U000e0041\U000e007f\U000e0100\U0001fffe"
)
MARKS = "\u0301\u0308\u0323\u0336\u0489\u20dd\u0e49\u064b\u0f71\u1ac0\ufe20"
WIDE = [
    "報告書" * 30, "ｆｕｌｌｗｉｄｔｈ", "한국어 보고서", "👩‍👩‍👧‍👦", "🏳️‍🌈", "❤️", "1️⃣", "🇦🇺🇳🇿", "👍🏽",
    "●○◎■□▲△", "①②③",
    "αβγ°±×÷", "‼⁉™", "ｱｲｳｴｵ", "🀄🃏", "𝓻𝓮𝓹𝓸𝓻𝓽", "ﷺ" * 20, "𒐫" * 20, "꧅" * 10, "\u1100\u1161\u11a8" * 20,
    "ก็็็็็็็็็็", "\u2e3a\u2e3b", "a\u00a0b", "\u3000" * 10, "\ue000\uf8ff", "\U0010ffff", "\U000f0000",
    "\u0378", "▌▌▌", "✓✗✓",
]  # fmt: skip
LINES = [
    "a\nb", "a\r\nb", "a\rb", "a\tb", "a\vb", "a\fb", "\n\n\n", "\r" * 9, "\t" * 9, "a\x85b", "a\u2028b",
    "a\u2029b", "x\nreportdash: all is well", "x\n{\"id\":\"aaaaaa\"}", 'x","state":"ready',
    "x\r\nHost: evil.example", "x\n\x1b[1A", " \n ", "\x1e\x1f\x1c\x1d", "x\b\b\bready", "x\rready    ",
    "x\x7f\x7f", "\x00", "a\x00b", "\x00" * 50,
]  # fmt: skip
BROKEN = [
    "\ud800", "\udfff", "a\ud83d", "\ude00a", "\udc80", "\udc9b31m", "\udcff\udcfe", "\ude00\ud83d",
    "\ud800\ud800", "x\udc1b[2J",
]  # fmt: skip
LONG = {
    "a megabyte": "x" * 1_000_000, "a megabyte of blanks": " " * 1_000_000 + "x",
    "a megabyte of wide ones": "報" * 1_000_000, "a megabyte of marks": "e" + "\u0301" * 1_000_000,
    "a megabyte of escapes": "\x1b[31m" * 200_000, "a megabyte of lines": "x\n" * 500_000,
    "a megabyte of opening brackets": "[" * 1_000_000, "a megabyte of bidi": "\u202e" * 1_000_000,
    "a megabyte of nothing": "\u200b" * 1_000_000, "501 characters": "y" * 501,
    "an escape on the edge": "z" * 498 + "\x1b[31m", "a name of 300 bytes": "é" * 150 + ".csv",
}  # fmt: skip


def _table() -> Iterator[tuple[str, str]]:
    for name, body in CSI.items():
        for way, start in (("ESC", "\x1b["), ("C1", "\x9b"), ("raw C1", "\udc9b")):
            yield f"CSI {name} by {way}", f"Re{start}{body}port"
    for name, body in OSC.items():
        for way, start in (("ESC", "\x1b]"), ("C1", "\x9d"), ("raw C1", "\udc9d")):
            for closing, end in (("BEL", BEL), ("ST", ST), ("C1", "\x9c"), ("nothing", "")):
                yield f"OSC {name} by {way} to {closing}", f"Re{start}{body}{end}port"
    for name, (seven, eight, body) in STRINGS.items():
        for way, start, end in (
            ("ESC", ESC + seven, ST),
            ("C1", eight, "\x9c"),
            ("ESC, open", ESC + seven, ""),
        ):
            yield f"{name} by {way}", f"{start}{body}{end}port"
    for body in SHORT:
        yield f"ESC {body}", f"Re{ESC}{body}port"
    for code in (*range(0x20), *range(0x7F, 0xA0)):
        yield f"U+{code:04X} alone", f"Re{chr(code)}port"
    for n, text in enumerate(MARKUP):
        yield f"markup {n}", text
        yield f"markup {n} in words", f"The report {text} failed"
    for char in BIDI + UNSEEN:
        yield f"U+{ord(char):04X} inside", f"Re{char}port"
        yield f"U+{ord(char):04X} alone and often", char * 40
    for n, mark in enumerate(MARKS):
        yield f"tower {n}", "".join(letter + mark * 40 for letter in "Report")
        yield f"a mark first {n}", mark * 9 + "Report"
    for kind, texts in (("wide", WIDE), ("lines", LINES), ("broken", BROKEN)):
        for n, text in enumerate(texts):
            yield f"{kind} {n}", text
    yield from LONG.items()


def _once(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Of equal texts the first."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for name, text in pairs:
        assert name not in found, name
        if text not in seen:
            seen.add(text)
            found[name] = text
    return found


PAYLOADS = _once(_table())
SAYABLE = {name: text for name, text in PAYLOADS.items() if not re.search("[\ud800-\udfff]", text)}
"""Those that are text at all: the rest can stand in no UTF-8 file and no database."""

_IGNORABLE = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u3164\uffa0")
_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def harmful(text: str) -> list[str]:
    """The characters in `text` that no sink may let through, each once, as `U+009B`; line feeds count."""
    return [f"U+{ord(char):04X}" for char in sorted(set(text)) if _is_harmful(char)]


def _is_harmful(char: str) -> bool:
    code = ord(char)
    return (
        unicodedata.category(char) in _CATEGORIES
        or char in _IGNORABLE
        or 0xFE00 <= code <= 0xFE0F
        or (code & 0xFFFF in (0xFFFE, 0xFFFF) and code < 0x20000)
        or 0xFDD0 <= code <= 0xFDEF
        or 0xE0000 <= code <= 0xE0FFF
    )


def tower(text: str) -> int:
    """The most marks that stand on one character."""
    most = here = 0
    for char in text:
        here = here + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        most = max(most, here)
    return most


def packed(texts: Sequence[str], limit: int) -> list[str]:
    """The texts joined to as few as hold at most `limit` characters each; a longer one stands alone."""
    found: list[str] = []
    for text in texts:
        if found and len(found[-1]) + len(text) < limit:
            found[-1] += " " + text
        else:
            found.append(text)
    return found
