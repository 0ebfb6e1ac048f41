"""What is made from the program itself: the pictures in `screenshots/` and the tables in the README.

`python -m tests.generate` writes them; `tests/test_generated.py` says when they are stale.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from pathlib import Path
from typing import NamedTuple

from reportdash.cli.words import build_parser
from reportdash.tui.actions import ACTIONS, Keymap, Part
from reportdash.tui.app import Dashboard
from tests.tui.boards import Engine, dashboard, screen_text

ROOT = Path(__file__).resolve().parent.parent
WIDE, SMALL = (140, 40), (80, 24)


class Picture(NamedTuple):
    """A picture: the window, the theme, the keys pressed before it is taken, and words it waits for."""

    name: str
    size: tuple[int, int] = WIDE
    palette: str = "reportdash-dark"
    keys: tuple[str, ...] = ("j",)
    shows: str = "Report"


SEVERAL = ("space", "space", "space", "j", "space", "space", "j", "space", "end", "k", "k", "space", "space")
PICTURES = (
    Picture("board"),
    Picture("error", SMALL, keys=("j", "enter"), shows="What to do"),
    Picture("plan", keys=(*SEVERAL, "x"), shows="Cancel"),
    Picture("board-80x24", SMALL),
    Picture("filter", keys=("slash", *"-account:main state:re"), shows="tab ready"),
    Picture("help", keys=("question_mark",), shows="one row up"),
    Picture("theme-light", palette="reportdash-light"),
    Picture("theme-contrast", palette="reportdash-contrast"),
    Picture("theme-ansi", palette="reportdash-ansi"),
    Picture("theme-mono", palette="reportdash-mono"),
)


async def painted(picture: Picture) -> str:
    """The picture as the program paints it now."""
    engine = Engine()
    app = dashboard(
        palette=picture.palette,
        glyphs="ascii" if picture.palette.endswith("mono") else "unicode",
        open_engine=engine.opener(),
    )
    async with app.run_test(size=picture.size) as pilot:
        await shown(app, "live")
        await pilot.press(*picture.keys[:-1])
        # The last key may open a dialog: what is read stands below it before.
        await read(app)
        await pilot.pause()
        await pilot.press(picture.keys[-1])
        await shown(app, picture.shows)
        await read(app)
        await pilot.pause()
        svg = app.export_screenshot(title="reportdash")
        app.leave()
    # One line of the file carries no more than the screen does: blanks at its end only move with the fonts.
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE) + "\n"


async def shown(app: Dashboard, words: str) -> None:
    """Wait for words on the screen."""
    async with asyncio.timeout(120):
        while words not in screen_text(app):
            await asyncio.sleep(0.01)


async def read(app: Dashboard) -> None:
    """Wait until the history of the job under the cursor stands on the screen."""
    async with asyncio.timeout(120):
        while (job := app.board.view.cursor_job) is not None and job.id not in app.board.known:
            await asyncio.sleep(0.01)


def pictures() -> dict[Path, str]:
    """Each picture's file and content."""
    return {
        ROOT / "screenshots" / f"{picture.name}.svg": asyncio.run(painted(picture)) for picture in PICTURES
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
