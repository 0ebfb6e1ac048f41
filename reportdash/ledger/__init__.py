"""The ledger: the only truth about jobs and accounts, in one SQLite file that several processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reportdash.ledger.ledger import Ledger
    from reportdash.ledger.reads import Changes
    from reportdash.ledger.store import Store

FILE_NAME = "ledger.db"
"""The ledger's file inside the data folder."""

__all__ = ["FILE_NAME", "Changes", "Ledger", "Store"]

_WHERE = {"Ledger": "ledger", "Changes": "reads", "Store": "store"}


def __getattr__(name: str) -> Any:
    # One-shot commands take the Store alone; the Ledger brings asyncio.
    if name not in _WHERE:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
