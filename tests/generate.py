"""What is made from the program itself: the pictures in `screenshots/` and the tables in the README.

`python -m tests.generate` writes them; `tests/test_generated.py` says when they are stale.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from reportdash.cli.main import build_parser
from reportdash.tui.actions import ACTIONS, Keymap, Part
from tests.tui.boards import dashboard

ROOT = Path(__file__).resolve().parent.parent
WIDE, SMALL = (140, 40), (80, 24)

# Name, size, theme, keys pressed before the picture is taken.
PICTURES: tuple[tuple[str, tuple[int, int], str, tuple[str, ...]], ...] = (
    ("board", WIDE, "reportdash-dark", ("j",)),
    ("board-light", WIDE, "reportdash-light", ("j",)),
    ("board-80x24", SMALL, "reportdash-dark", ("j",)),
    ("help", WIDE, "reportdash-dark", ("question_mark",)),
)


async def _picture(size: tuple[int, int], palette: str, keys: Iterable[str]) -> str:
    app = dashboard(palette=palette)
    async with app.run_test(size=size) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        picture = app.export_screenshot(title="reportdash")
    # One line of the file carries no more than the screen does: blanks at its end only move with the fonts.
    return re.sub(r"[ \t]+$", "", picture, flags=re.MULTILINE) + "\n"


def pictures() -> dict[Path, str]:
    """Each picture's file and content."""
    return {
        ROOT / "screenshots" / f"{name}.svg": asyncio.run(_picture(size, palette, keys))
        for name, size, palette, keys in PICTURES
    }


def key_table() -> str:
    """The keys as the registry has them."""
    keymap = Keymap()
    rows = ["| key | what it does |", "|---|---|"]
    for part in Part:
        for action in ACTIONS:
            if action.part is not part or action.id.startswith("view_"):
                continue
            keys = (
                " ".join(f"`{key}`" for key in keymap.shown_all(action.id).split())
                or f"`ctrl+p` {action.word}"
            )
            rows.append(f"| {keys} | {action.says} |")
        if part is Part.FIND:
            rows.append("| `1` … `9` | saved views |")
    return "\n".join(rows)


def command_table() -> str:
    """The commands as `--help` has them."""
    rows = ["| command | what it does |", "|---|---|", "| `reportdash` | the dashboard |"]
    for group in build_parser()._actions:
        if not isinstance(group, argparse._SubParsersAction):
            continue
        for choice in group._choices_actions:
            usage = group.choices[choice.dest].format_usage().removeprefix("usage: ")
            words = re.sub(r"\s+", " ", usage).strip()
            for everywhere in (
                "[-h] ",
                "[--config FILE] ",
                "[--data-dir DIR] ",
                "[--read-only] ",
                "[--debug] ",
            ):
                words = words.replace(everywhere, "").removesuffix(" " + everywhere.strip())
            rows.append(f"| `{words.replace('|', '¦')}` | {choice.help} |".replace("¦", "\\|"))
    return "\n".join(rows)


def readme(text: str) -> str:
    """The README with its tables made anew."""
    for name, table in (("keys", key_table()), ("commands", command_table())):
        before, _, rest = text.partition(f"<!-- {name} -->\n")
        _, _, after = rest.partition(f"<!-- /{name} -->")
        text = f"{before}<!-- {name} -->\n{table}\n<!-- /{name} -->{after}"
    return text


def generated() -> dict[Path, str]:
    """Every generated file and what it should hold."""
    path = ROOT / "README.md"
    return {path: readme(path.read_text(encoding="utf-8")), **pictures()}


def main() -> None:
    """Write what is stale and name it."""
    for path, content in generated().items():
        old = path.read_text(encoding="utf-8") if path.exists() else None
        if old != content:
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
