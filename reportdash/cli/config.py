"""`config`: make, show and check the config file."""

from __future__ import annotations

import argparse
import json
import os

from reportdash.cli.context import place
from reportdash.cli.output import data, say
from reportdash.errors import Exit, UsageProblem
from reportdash.settings import config_path, show, starter


def config(args: argparse.Namespace) -> int:
    """init writes a starting config (never over one), show prints the effective one, validate checks it,
    schema prints what may stand in it as JSON schema (for editors)."""
    path = config_path(args.config, os.environ)
    if args.what == "path":
        data(str(path))
    elif args.what == "init":
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise UsageProblem(
                f"{path} exists and was left alone; `reportdash config validate` checks it"
            ) from None
        except OSError as error:
            raise UsageProblem(
                f"{path} can not be written ({error.strerror}); name another place with --config FILE"
            ) from error
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(starter())
        data(str(path))
        say("uncomment an account, then `reportdash config validate` and `reportdash login ACCOUNT`")
    elif args.what == "schema":
        from reportdash.settings import schema
        from reportdash.vendors import registry

        classes = {name: registry.account_class(name) for name in registry.names()}
        data(json.dumps(schema(classes), indent=2, ensure_ascii=False))
    elif args.what == "show":
        data(show(place(args).settings))
    else:
        settings = place(args, screen=True).settings
        if not path.exists():
            say(f"there is no {path} yet: the defaults hold; `reportdash config init` writes one")
        else:
            count = len(settings.accounts)
            say(f"{path} is well: {count} {'account' if count == 1 else 'accounts'}")
    return int(Exit.OK)
