"""The terminal: what the dashboard will make of it, by the same rules as the dashboard."""

from __future__ import annotations

import os
from collections.abc import Mapping

from reportdash.cli.checks.finding import Finding, note, problem
from reportdash.cli.dash import DUMB, colors_of, term_of
from reportdash.errors import Exit
from reportdash.plain import clean
from reportdash.tui import clipboard, glyphs
from reportdash.tui.columns import LEAST, LEAST_HEIGHT

_COLORS = {0: "no colours", 16: "16 colours"}
_SIGNS = {"unicode": "Unicode signs", "ascii": "ASCII signs", "wide": "ASCII signs (wide characters)"}
_BETWEEN = {
    clipboard.Between.TMUX: "inside tmux, whose buffer `y` fills too",
    clipboard.Between.SCREEN: "inside screen, which lets through what `y` copies",
    clipboard.Between.OUTER_TMUX: "a tmux at your end, where `y` needs `set -g set-clipboard on`",
    clipboard.Between.EITHER: "a tmux or screen at your end; in tmux `y` needs `set -g set-clipboard on`",
}


def terminal(setting: str, environ: Mapping[str, str], size: os.terminal_size | None) -> list[Finding]:
    """What the board gets here. `setting`: `glyphs` of the config; `size` None: not on a terminal."""
    if size is None:
        return [
            Finding(
                "terminal",
                "not on a terminal, which only the dashboard needs; `reportdash watch` polls without",
            )
        ]
    term = term_of(environ)
    found: list[Finding] = []
    signs = glyphs.choose(setting, environ)
    parts = [
        f"TERM={clean(term, 40)}" if term else "TERM is not set",
        f"{size.columns}x{size.lines}",
        _COLORS.get(colors_of(environ), "256 colours or more"),
        _SIGNS[signs],
    ]
    between = clipboard.between(environ)
    if between in _BETWEEN:
        parts.append(_BETWEEN[between])
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        parts.append("over SSH: no mouse unless `mouse = true`")
    words = ", ".join(parts)
    if not term or term in DUMB:
        step = "set TERM to what your terminal is, as in `export TERM=xterm-256color`"
        return [problem("terminal", Exit.FAILED, f"{words}: nothing is known of this terminal", step)]
    if size.columns < LEAST or size.lines < LEAST_HEIGHT:
        what = f"{words}: under {LEAST}x{LEAST_HEIGHT} the board shows one sentence"
        found.append(note("terminal", what, "make the window larger"))
    elif signs == "ascii" and setting == "auto" and term != "linux":
        named = next((name for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
        what = f"{named}={clean(environ[named], 40)} is not UTF-8" if named else "no locale is set"
        step = f"take a UTF-8 locale, as in `export {named or 'LANG'}=C.UTF-8`, or set `glyphs` in the config"
        found.append(note("terminal", f"{words}: {what}", step))
    return found or [Finding("terminal", words)]
