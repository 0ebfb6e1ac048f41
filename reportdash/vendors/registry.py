"""Which vendors there are: ours by name, others through the entry-point group `reportdash.vendors`.

Only the vendor asked for is imported. Whatever a plug-in does wrong ends as `PlugInBroken`, one sentence.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reportdash.errors import PlugInBroken, UsageProblem
from reportdash.plain import clean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from reportdash.net.http import Reply, Request
    from reportdash.vendors.contract import AccountSettings, Vendor

GROUP = "reportdash.vendors"
OWN = {
    "7g": ("reportdash.vendors.seveng", "SevenG"),
    "sigma": ("reportdash.vendors.sigma", "Sigma"),
    "webadmit": ("reportdash.vendors.webadmit", "WebAdmit"),
    "talkdesk": ("reportdash.vendors.talkdesk", "Talkdesk"),
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_NAME_RULE = "a vendor's name is lower-case letters, digits, - and _"


def names() -> list[str]:
    """Every vendor a config may name: ours first, then plug-ins by name. Imports none of them."""
    return [*OWN, *sorted(name for name in _plugins() if name not in OWN and _NAME.fullmatch(name))]


def load(name: str) -> type[Vendor]:
    """The vendor's class. Raises UsageProblem for an unknown name (with the nearest), PlugInBroken for a
    plug-in that can not be used.
    """
    if name in OWN:
        module, attribute = OWN[name]
        found: type[Vendor] = getattr(import_module(module), attribute)
        return found
    entries = _plugins().get(name)
    if entries is None:
        known = names()
        near = get_close_matches(name.casefold(), known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageProblem(f"no vendor is called {clean(name, 60)!r}{hint} (there are {', '.join(known)})")
    return _plugin(name, entries)


def account_class(name: str) -> type[AccountSettings]:
    """The settings an account of this vendor has. Raises UsageProblem as `load` does."""
    return load(name).Account


def try_out(settings: AccountSettings) -> None:
    """Bind the account's vendor as the engine will, without a network; ours are known to bear it.

    Raises PlugInBroken for a plug-in whose class does not stand up to that.
    """
    name = settings.vendor
    if name in OWN:
        return
    from reportdash.vendors.contract import Action, No, Yes

    kind, package = load(name), _package(_plugins()[name][0])
    try:
        vendor = kind(settings, _NoNetwork())
        answers = [vendor.can(action) for action in Action]
        _ = (vendor.replays_safely, vendor.group("x"), settings.secret_fields(), settings.origins())
    except (Exception, SystemExit) as error:
        raise _broken(name, package, f"fails before its first request: {_said(error)}") from error
    if not all(isinstance(answer, (Yes, No)) for answer in answers):
        raise _broken(name, package, "answers can() with something else than Yes or No")


def inventory() -> Iterator[tuple[str, str, str]]:
    """(name, package, remark) of each plug-in installed; `remark` says why it is not used, if so. Imports
    none of them.
    """
    for name, entries in sorted(_plugins().items()):
        package = " and ".join(dict.fromkeys(map(_package, entries)))
        if name in OWN:
            remark = "not used: reportdash's own vendor has this name"
        elif not _NAME.fullmatch(name):
            remark = f"not used: {_NAME_RULE}"
        else:
            remark = "not used: more than one package brings it" if len(entries) > 1 else ""
        yield clean(name, 60), package, remark


def _plugins() -> dict[str, list[EntryPoint]]:
    """Entry points by name; two that name the same object are one."""
    from importlib.metadata import entry_points

    found: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, {}).setdefault(entry.value, entry)
    return {name: list(by_value.values()) for name, by_value in found.items()}


def _plugin(name: str, entries: list[EntryPoint]) -> type[Vendor]:
    package = _package(entries[0])
    if not _NAME.fullmatch(name):
        raise _broken(clean(name, 60), package, f"can not be used: {_NAME_RULE}")
    if len(entries) > 1:
        both = " and ".join(map(_package, entries))
        raise PlugInBroken(
            f"the vendor {name!r} is brought by more than one package ({both})",
            remedy="uninstall all but one",
        )
    try:
        with redirect_stdout(sys.stderr):  # stdout is for our data alone
            found = entries[0].load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plug-in may end in any way, SystemExit included
        raise _broken(name, package, f"does not load: {_said(error)}") from error
    wrong = _wrong(name, found)
    if wrong:
        raise _broken(name, package, f"names {clean(entries[0].value, 100)}, {wrong}")
    vendor: type[Vendor] = found
    return vendor


def _wrong(name: str, found: Any) -> str:
    """What keeps an object from being the vendor `name`; empty when nothing does."""
    from reportdash.vendors.contract import AccountSettings, PollPolicy, Vendor

    if not (isinstance(found, type) and issubclass(found, Vendor)):
        return "which is not a vendor class"
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        return f"which lacks {', '.join(missing)}"
    if getattr(found, "name", None) != name:
        return f"which calls itself {clean(getattr(found, 'name', None), 60)!r}"
    if not isinstance(getattr(found, "title", None), str):
        return "which has no title"
    if not isinstance(getattr(found, "policy", None), PollPolicy):
        return "which has no poll policy"
    account = found.Account
    if not (isinstance(account, type) and issubclass(account, AccountSettings)):
        return "whose Account is no AccountSettings"
    sets = account.SECRETS
    if not (
        isinstance(sets, tuple) and all(isinstance(fields, tuple) and fields for fields in sets) and sets
    ):
        return "whose SECRETS are no tuple of tuples of field names"
    return ""


def _broken(name: str, package: str, what: str) -> PlugInBroken:
    project = package.partition(" ")[0]
    remedy = f"install {project} again" if project else "install it again"
    return PlugInBroken(f"the plug-in for vendor {name!r}{f' ({package})' if package else ''} {what}", remedy)


def _package(entry: EntryPoint) -> str:
    """`reportdash-stripe 0.1.0`; empty when the entry point belongs to no package."""
    dist = entry.dist
    return clean(f"{dist.name} {dist.version}", 80) if dist is not None else ""


def _said(error: BaseException) -> str:
    words = clean(str(error), 200)
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


class _NoNetwork:
    """The Api of a vendor that is only tried out."""

    async def send(self, request: Request) -> Reply:
        raise RuntimeError("nothing is sent while a plug-in is tried out")
