"""Frozen records with slots, copied and compared without the price of being frozen.

A frozen record fills each of its slots by a slow call. Its open twin has the same slots and is filled as any
object is, then becomes the record. What is done to every slot in turn is written out once for each kind of
record, as `dataclasses` writes out its methods: a loop over the names takes several times as long.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")


@cache
def open_twin(kind: type) -> Any:
    """A class with the slots of `kind`, free to be written: `one.__class__ = kind` makes one a record."""
    return type(f"Open{kind.__name__}", (), {"__slots__": [field.name for field in dataclasses.fields(kind)]})


def differing(old: T, new: T) -> list[tuple[str, Any, Any]]:
    """(field, what it was, what it is) of those that are not the same object; they may still be equal."""
    kind: type = type(old)
    return _written(kind)[1](old, new)


if TYPE_CHECKING:
    from dataclasses import replace as replace  # it knows the fields and their types
else:

    def replace(record: T, /, **changes: Any) -> T:
        """As `dataclasses.replace`; for records with slots at an eighth of its price. Raises TypeError."""
        kind = type(record)
        new = _written(kind)[0](record)
        for name, value in changes.items():
            try:
                setattr(new, name, value)
            except AttributeError:
                raise TypeError(f"{kind.__name__} has no field {name!r}") from None
        try:
            new.__class__ = kind
        except TypeError:  # not all of its fields are slots
            return dataclasses.replace(record, **changes)
        return new


@cache
def _written(kind: type) -> tuple[Callable[[Any], Any], Callable[[Any, Any], list[Any]]]:
    """How one of `kind` is copied to an open twin, and how two are compared."""
    names = [field.name for field in dataclasses.fields(kind)]
    source = [
        "def copy(old):",
        "  new = create(Twin)",
        *(f"  new.{name} = old.{name}" for name in names),
        "  return new",
        "def differing(old, new):",
        "  found = []",
        *(
            f"  if old.{name} is not new.{name}: found.append(({name!r}, old.{name}, new.{name}))"
            for name in names
        ),
        "  return found",
    ]
    made: dict[str, Any] = {"create": object.__new__, "Twin": open_twin(kind)}
    exec("\n".join(source), made)  # noqa: S102 - of nothing but the names of our own fields
    return made["copy"], made["differing"]
