"""Brings back what was last on the screen, and keeps it for the next start.

Restoring comes before the first paint and imports no more than the filter needs; a thread writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reportdash.board.order import Column
from reportdash.settings.memory import remember
from reportdash.tui.columns import NAME_OF, NAMES

if TYPE_CHECKING:
    from reportdash.settings import View
    from reportdash.tui.app import Dashboard
    from reportdash.tui.screens.board import BoardScreen
    from reportdash.tui.widgets.filter import SavedView


def restore(board: BoardScreen) -> None:
    """The last view with its filter, order and columns, before the rows are loaded."""
    memory, views = board.look.memory, board.look.views
    board.active_view = next((n for n, view in enumerate(views) if view.name == memory.view), 0)
    saved = views[board.active_view]
    column, reverse = order_of(memory.sort or saved.sort or "")
    board.view.set_order(column, reverse)
    board.table.choose(saved.columns)
    board.filter.edit.set(memory.filter)
    if saved.query or memory.filter:
        board.view.set_query(board.asked())


def order_of(sort: str) -> tuple[Column, bool]:
    """The column and direction of a view's `sort`; the default order for a name that is no column's."""
    column = NAMES.get(sort.casefold().removeprefix("-"))
    return (Column.STATE, False) if column is None else (column, sort.startswith("-"))


def sort_of(column: Column, reverse: bool) -> str:
    """An order as a view writes it."""
    return ("-" if reverse else "") + NAME_OF[column]


def shown(board: BoardScreen) -> dict[str, Any]:
    """What stands on the screen now, as fields of a Memory."""
    saved = board.look.views[board.active_view]
    order = (board.view.column, board.view.reverse)
    return {
        "view": saved.name,
        "filter": board.filter.edit.text if board.fault is None else "",
        "sort": "" if order == order_of(saved.sort or "") else sort_of(*order),
        "looked_at": round(board.looked_at, 3),
    }


class Remembering:
    """Writes the memory of one dashboard."""

    def __init__(self, app: Dashboard) -> None:
        self.app = app
        self._looked_at = 0.0

    async def keep(self) -> None:
        """Write what stands on the screen, if a key came since the last time. What fails is lost, no more."""
        board = self.app.board
        if board.looked_at > self._looked_at:
            self._looked_at = board.looked_at
            await self._write(shown(board))

    async def theme(self, name: str) -> str:
        """Remember a theme for this kind of terminal. A sentence where that failed, else nothing."""
        look = self.app.look
        if not look.kind:
            return ""
        return await self._write({"themes": {**look.memory.themes, look.kind: (name, look.theme)}})

    def save_view(self, saved: SavedView) -> None:
        """Take a view up under its name; it is the one that is shown then."""
        from reportdash.settings import View

        kept = View(saved.query, saved.sort, saved.columns)
        self._keep_views({**self.app.look.memory.views, saved.name: kept}, saved.name)

    def remove_view(self, name: str) -> None:
        """Take a view that was saved on the screen out again; the config's of this name is back."""
        views = {known: view for known, view in self.app.look.memory.views.items() if known != name}
        self._keep_views(views, name)

    def _keep_views(self, views: Mapping[str, View], name: str) -> None:
        app = self.app
        app.look.take_memory(app.look.memory._replace(views=views))
        at = next((n for n, view in enumerate(app.look.views) if view.name == name), None)
        app.board.filter.edit.set("")
        app.commands.choose(at or 0)
        done = f"the view {name} is " + ("gone" if at is None else f"on key {at + 1}")

        async def write() -> str:
            return await self._write({"views": views}) or done

        app.operator.task(write())

    async def _write(self, changes: dict[str, Any]) -> str:
        look = self.app.look
        if look.memory_path is None:
            look.take_memory(look.memory._replace(**changes))
            return ""
        try:
            look.take_memory(await asyncio.to_thread(remember, look.memory_path, **changes))
        except OSError as error:
            look.take_memory(look.memory._replace(**changes))
            why = error.strerror or error
            return f"for this run only: {look.memory_path} can not be written ({why})"
        return ""
