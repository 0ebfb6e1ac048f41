"""The settings as text: the config that `config init` writes, and what `config show` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reportdash.settings.records import Settings

DOWNLOAD_DIR = "~/reports"
"""Where reports go unless the config names another folder."""

_STARTER = """\
# reportdash settings. Each value can also be an environment variable: REPORTDASH_KEEP_DAYS=30,
# REPORTDASH_ACCOUNTS__CALLS__REGION=eu. Secrets never stand here: `reportdash login ACCOUNT` keeps them.
# `reportdash config validate` checks this file, `reportdash config show` prints what is in force.

download_dir = "~/reports"
theme = "reportdash-dark"      # -light, -contrast, -ansi, -mono, or one of your own beside this file
keep_days = 90                 # settled rows stay this long
# read_only = true             # block submit, delete, adopt, pause and forget
# glyphs = "auto"              # auto | unicode | ascii
# mouse = "auto"               # auto (off over SSH) | true | false
# bell = true                  # ring when a report becomes ready
# title = true                 # and say it in the window title

# [keys]                       # action = "key", a list of keys, or false; a key means one thing only
# delete = false
# theme = "T"                  # an action that has no key by itself; ? and ctrl+p name them all

# [views.overdue]              # on the keys 1 to 9, in this order
# filter = "state:running age>2h"
# sort = "-age"                # a column, with - the other way round
# columns = ["account", "age"] # beside State and Report

# Take the # away before the lines of an account you have, then: reportdash login main

# [accounts.main]              # 7G
# vendor = "7g"

# [accounts.billing]           # Sigma
# vendor = "sigma"
# base_url = "http://localhost:9081"
# auth = "apikey"              # or "basic"
# published = "/mnt/sigma/{reportName}*{referenceNumber}*"   # where Sigma publishes, as this server sees it

# [accounts.admissions]        # WebAdMIT
# vendor = "webadmit"
# user_identity = 4242

# [accounts.calls]             # Talkdesk
# vendor = "talkdesk"
# account = "acme"
# region = "eu"                # us | eu | ca

# Any account also takes: base_url, poll_min and poll_max (seconds), max_inflight, requests_per_minute,
# auto_download, adopt, careful, read_only, download_hosts, allow_insecure, allow_private_hosts, ca_file,
# credential_command.
"""


def starter(download_dir: str | None = None) -> str:
    """A commented config that is valid as it stands: every account in it is commented out."""
    if download_dir is None or download_dir == DOWNLOAD_DIR:
        return _STARTER
    return _STARTER.replace(f'"{DOWNLOAD_DIR}"', _value(download_dir), 1)


def account_table(name: str, keys: Mapping[str, Any]) -> str:
    """An account as the config has it: `[accounts.main]` and a line for each key."""
    lines = [f"[accounts.{_key(name)}]", *(f"{_key(key)} = {_value(value)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"


def show(settings: Settings) -> str:
    """The settings in force as TOML; behind each value that is not a default, where it came from."""
    lines = [f"# {settings.path}" + ("" if settings.path.is_file() else "  (no such file: defaults)")]
    whole = settings.model_dump(mode="python", exclude={"accounts", "keys", "views"}, exclude_none=True)
    lines += [_line(name, value, name, settings.came_from) for name, value in whole.items()]
    for name, value in (("keys", settings.keys),):
        if value:
            lines += ["", f"[{name}]"]
            lines += [_line(_key(k), v, f"{name}.{k}", settings.came_from) for k, v in value.items()]
    for name, view in settings.views.items():
        lines += ["", f"[views.{_key(name)}]"]
        for key, part in (("filter", view.filter), ("sort", view.sort), ("columns", view.columns)):
            if part:
                from_view = settings.came_from.get(f"views.{name}", "")
                came_from = {f"views.{name}.{key}": from_view, **settings.came_from}
                lines.append(_line(key, part, f"views.{name}.{key}", came_from))
    for name, account in settings.accounts.items():
        lines += ["", f"[accounts.{_key(name)}]"]
        for key, part in _account(account):
            lines.append(_line(_key(key), part, f"accounts.{name}.{key}", settings.came_from))
    for name, left in settings.left_out.items():
        lines += ["", f"# [accounts.{_key(name)}] is left out: {left.text}"]
    return "\n".join(lines) + "\n"


def _account(account: Any) -> Iterator[tuple[str, Any]]:
    for key, value in account.model_dump(mode="json", exclude_none=True).items():
        # An empty text or list says nothing; `false` and numbers do.
        if value not in ("", [], {}):
            yield key, value


def _line(name: str, value: Any, dotted: str, came_from: Mapping[str, str]) -> str:
    text = f"{name} = {_value(str(value) if isinstance(value, Path) else value)}"
    source = came_from.get(dotted)
    return f"{text:<44}  # {source}" if source else text


def _value(value: Any) -> str:
    from reportdash.settings.sentences import toml_value

    return toml_value(value)


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else _value(name)
