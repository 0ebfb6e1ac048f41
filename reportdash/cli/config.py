"""`config`: make, show and check the config file."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from collections.abc import Collection
from typing import TYPE_CHECKING

from reportdash.board.units import plural
from reportdash.cli.context import place
from reportdash.cli.output import data, say
from reportdash.errors import Exit, PlugInBroken
from reportdash.settings import config_path, first_look, show, starter
from reportdash.settings.writing import write_new
from reportdash.tui.actions import ACTIONS
from reportdash.vendors import registry

if TYPE_CHECKING:
    from reportdash.vendors.contract import AccountSettings


def config(args: argparse.Namespace) -> int:
    """init writes a starting config (never over one), show prints the effective one, validate checks it,
    schema prints what may stand in it as JSON schema (for editors)."""
    path = config_path(args.config, os.environ)
    if args.what == "path":
        data(str(path))
    elif args.what == "init":
        write_new(path, starter().encode())
        data(str(path))
        # What was named by hand has to be named again.
        called = f"reportdash --config {shlex.quote(args.config)}" if args.config else "reportdash"
        say(f"uncomment an account, then `{called} config validate` and `{called} login ACCOUNT`")
    elif args.what == "schema":
        from reportdash.settings import schema

        # A plug-in that no account names is not imported: what its accounts may hold stays open.
        named = set(first_look(path, os.environ).accounts.values())
        made = schema(_classes(named), [action.id for action in ACTIONS])
        data(json.dumps(made, indent=2, ensure_ascii=False))
    elif args.what == "show":
        data(show(place(args).settings))
    else:
        settings = place(args, screen=True).settings
        if settings.left_out:
            for warning in settings.warnings():
                say(warning)
            # Every other command goes on with the rest; this one was asked whether all is well.
            return int(Exit.USAGE)
        if not path.exists():
            say(f"there is no {path} yet: the defaults hold; `reportdash config init` writes one")
        elif not settings.accounts:
            step = "write one there, or take the # away before the lines of one"
            say(f"{path} is well, but has no account: {step}")
        else:
            say(f"{path} is well: {plural(len(settings.accounts), 'account')}")
    return int(Exit.OK)


def _classes(named: Collection[str]) -> dict[str, type[AccountSettings] | None]:
    """The settings class of each vendor; None for a plug-in that no account names, or that is broken."""
    found: dict[str, type[AccountSettings] | None] = {}
    for name in registry.names():
        found[name] = None
        if name in registry.OWN or name in named:
            try:
                found[name] = registry.account_class(name)
            except PlugInBroken as broken:
                say(broken.text)
    return found
