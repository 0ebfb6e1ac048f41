"""Which vendors there are: ours by name, others through the entry-point group `reportdash.vendors`.

Only the vendor asked for is imported.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from reportdash.errors import UsageProblem

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from reportdash.vendors.contract import AccountSettings, Vendor

GROUP = "reportdash.vendors"
OWN = {
    "7g": ("reportdash.vendors.seveng", "SevenG"),
    "sigma": ("reportdash.vendors.sigma", "Sigma"),
    "webadmit": ("reportdash.vendors.webadmit", "WebAdmit"),
    "talkdesk": ("reportdash.vendors.talkdesk", "Talkdesk"),
}


def names() -> list[str]:
    """Every vendor a config may name: ours first, then plug-ins by name. Imports none of them."""
    return [*OWN, *sorted(set(_plugins()) - set(OWN))]


def load(name: str) -> type[Vendor]:
    """The vendor's class. Raises UsageProblem for an unknown name (with the nearest) or a broken plug-in."""
    if name in OWN:
        module, attribute = OWN[name]
        found: type[Vendor] = getattr(import_module(module), attribute)
        return found
    entry = _plugins().get(name)
    if entry is None:
        known = names()
        near = get_close_matches(name.casefold(), known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageProblem(f"no vendor is called {name!r}{hint} (there are {', '.join(known)})")
    return _plugin(name, entry)


def account_class(name: str) -> type[AccountSettings]:
    """The settings an account of this vendor has. Raises UsageProblem as `load` does."""
    return load(name).Account


def _plugins() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _plugin(name: str, entry: EntryPoint) -> type[Vendor]:
    from reportdash.vendors.contract import Vendor

    try:
        found = entry.load()
    except Exception as error:  # a plug-in may fail in any way; the config error names it
        raise UsageProblem(
            f"the plug-in for vendor {name!r} does not load: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Vendor)):
        raise UsageProblem(
            f"the plug-in for vendor {name!r} names {entry.value}, which is not a vendor class"
        )
    return found
