"""Read the config file, lay the environment over it, check all of it.

Every error is a UsageProblem of one sentence. Reads files; writes and sends nothing.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from reportdash.errors import PlugInBroken, UsageProblem
from reportdash.settings import environment
from reportdash.settings.bindings import KeyRules, check_keys, check_views
from reportdash.settings.checking import Checker
from reportdash.settings.first import LIMIT
from reportdash.settings.lines import Path as KeyPath
from reportdash.settings.paths import expand
from reportdash.settings.records import LeftOut, Settings, config_keys
from reportdash.settings.sentences import dotted, field_at, is_secret, nearest, one_of, plain_name, takes

VENDORS = ("7g", "sigma", "webadmit", "talkdesk")
_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
AccountClass = Callable[[str], type[BaseModel]]
FilterFault = Callable[[str], tuple[int, str] | None]


def load(
    path: Path,
    *,
    account_class: AccountClass,
    environ: Mapping[str, str],
    required: bool = False,
    known_actions: Collection[str] | None = None,
    known_themes: Collection[str] | None = None,
    text: str | None = None,
    key_rules: KeyRules | None = None,
    known_columns: Collection[str] | None = None,
    filter_fault: FilterFault | None = None,
) -> Settings:
    """The settings of `path` and `environ`; the environment wins. No file: the defaults.

    `account_class` gives the settings class of a vendor and raises UsageProblem or KeyError for an unknown
    one; where it raises PlugInBroken the account is left out (`Settings.left_out`). `required`: the operator
    named the file, so it must be there. `known_actions`, `known_themes`: the names that `[keys]` and `theme`
    may use, where the caller knows them; `key_rules`, `known_columns` and `filter_fault` likewise, see
    `bindings`. `text`: what the file is going to say. Raises UsageProblem.
    """
    if text is None:
        text = _read(path, required)
    try:
        data = tomllib.loads(text)
    except ValueError as error:
        raise UsageProblem(f"{path}{_spot(str(error), text)}") from None
    except RecursionError:
        raise UsageProblem(f"{path} is nested too deeply: a config needs two levels of tables") from None
    loader = _Loader(path, text, data, environ, account_class)
    settings = loader.settings(known_actions, known_themes)
    if key_rules is not None:
        check_keys(loader, settings.keys, key_rules)
    check_views(loader, settings.views, known_columns, filter_fault)
    return settings


def _read(path: Path, required: bool) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        if not required:
            return ""
        raise UsageProblem(
            f"{path}: no such config file; `reportdash --config {path} config init` writes one"
        ) from None
    except IsADirectoryError:
        raise UsageProblem(
            f"{path} is a folder, not a config file: name the file in it, as in {path / 'config.toml'}"
        ) from None
    except PermissionError:
        raise UsageProblem(f"{path} cannot be read: give yourself the right with {_right(path)}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageProblem(f"{path} cannot be read ({reason}): name another file with --config") from None
    if len(raw) > LIMIT:
        raise UsageProblem(
            f"{path} is larger than 1 MiB: a config is a short TOML file, name it with --config"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageProblem(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8") from None


def _right(path: Path) -> str:
    """The command that lets its owner read `path`: its folder may be what is closed."""
    there = [folder for folder in path.parents if os.access(folder, os.F_OK)]
    shut = next((folder for folder in there if not os.access(folder, os.X_OK)), None)
    return f"chmod u+rx {shut}" if shut else f"chmod u+r {path}"


def _spot(message: str, text: str) -> str:
    """tomllib's message with its place in front: `, line 3, column 5: …`."""
    match = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if match is None:
        return f": {message}; write TOML, as in keep_days = 90"
    place = f", line {match[1]}, column {match[2]}" if match[1] else ", at its end"
    line = text.split("\n")[int(match[1]) - 1 if match[1] else -1]
    return f"{place}: {_told(message[: match.start()], line)}"


def _told(message: str, line: str) -> str:
    """tomllib's message, with what to write instead of `line`."""
    if table := re.match(r"Cannot declare (.+) twice", message):
        name = ".".join(re.findall(r"'([^']*)'", table[1]))
        return f"[{name}] stands here a second time: put its keys below the first one, or rename one of them"
    if message == "Cannot overwrite a value" and (key := re.match(r"\s*([\w.-]+)\s*=", line)):
        return f"{key[1]} has a value already: take one of the two lines away"
    # Without quotes a text is no TOML value: by far the most common slip.
    bare = re.match(r"\s*[\w.\"-]+\s*=\s*[\w/~.-]*[A-Za-z/~]", line)
    return f"{message}; write {'text in quotes' if bare else 'TOML, as in keep_days = 90'}"


class _Loader(Checker):
    def __init__(
        self,
        path: Path,
        text: str,
        data: dict[str, Any],
        environ: Mapping[str, str],
        account_class: AccountClass,
    ) -> None:
        super().__init__(path, text)
        self.data = data
        self.environ = environ
        self.account_class = account_class
        self.variables = environment.variables(environ)
        self.left_out: dict[str, LeftOut] = {}

    # The whole.

    def settings(
        self, known_actions: Collection[str] | None, known_themes: Collection[str] | None
    ) -> Settings:
        self.check_names((), self.data, config_keys(), "is not a top-level key", Settings)
        data = {name: value for name, value in self.data.items() if name != "accounts"}
        for name in ("keys", "views"):
            if isinstance(data.get(name), dict):
                data[name] = dict(data[name])
        self.lay_over(data)
        self.check_views(data.get("views"))
        if data.get("download_dir") == "":
            self.fail(("download_dir",), 'download_dir is empty: write download_dir = "~/reports"')
        self.check_bools((), data, Settings)
        whole: Settings = self.validate((), Settings, data)
        accounts = self.accounts()
        if known_actions is not None:
            for action in whole.keys:
                if action not in known_actions:
                    self.unknown(
                        ("keys", action), "is not an action", known_actions, lambda like: f'{like} = "…"'
                    )
        if known_themes is not None and whole.theme not in known_themes:
            self.unknown(
                ("theme",), "names no theme", known_themes, lambda like: f'theme = "{like}"', whole.theme
            )
        return whole.model_copy(
            update={
                "download_dir": self.expanded(("download_dir",), str(whole.download_dir)),
                "accounts": accounts,
                "left_out": self.left_out,
                "path": self.path,
                "came_from": self.sources(),
            }
        )

    def lay_over(self, data: dict[str, Any]) -> None:
        for name, (variable, value) in self.decoded(Settings, environment.PREFIX).items():
            if name not in config_keys():
                continue
            old = data.get(name)
            if isinstance(value, dict):
                merged = dict(old) if isinstance(old, dict) else {}
                for key, part in value.items():
                    if name == "views" and isinstance(part, dict) and isinstance(part.get("columns"), str):
                        part = {**part, "columns": [c.strip() for c in part["columns"].split(",")]}
                    known = next((k for k in merged if plain_name(k) == plain_name(key)), key)
                    both = isinstance(part, dict) and isinstance(merged.get(known), dict)
                    merged[known] = {**merged[known], **part} if both else part
                    self.from_environment[(name, known)] = (
                        f"{environment.PREFIX}{name.upper()}__{key.upper()}"
                    )
                data[name] = merged
            else:
                data[name] = value
                self.from_environment[(name,)] = variable

    def decoded(self, cls: type[BaseModel], prefix: str) -> dict[str, tuple[str, Any]]:
        try:
            return environment.decode(cls, prefix, self.variables)
        except environment.NotReadable as error:
            field = field_at(cls, (error.variable.removeprefix(prefix).partition("__")[0].lower(),))
            kind = takes(field.annotation) if field else "JSON"
            raise UsageProblem(
                f"environment variable {error.variable}: not readable as {kind}; write it as JSON, "
                'as in ["a", "b"]'
            ) from None

    def expanded(self, path: KeyPath, text: str) -> Path:
        # What the file says is meant from the file's folder, what the environment says from the working one.
        return expand(
            text, self.environ, None if path in self.from_environment else self.path.parent.absolute()
        )

    def sources(self) -> dict[str, str]:
        found = {".".join(map(str, path)): f"line {line}" for path, line in self.lines.items()}
        found.update({".".join(map(str, path)): name for path, name in self.from_environment.items()})
        return found

    # Accounts.

    def accounts(self) -> dict[str, Any]:
        raw = self.data.get("accounts", {})
        if not isinstance(raw, dict):
            self.fail(
                ("accounts",), 'accounts takes a table per account: write [accounts.main], vendor = "7g"'
            )
        names = [str(name) for name in raw]
        found = environment.account_variables(self.variables, names)
        seen: dict[str, str] = {}
        accounts: dict[str, Any] = {}
        for name in [*names, *(name for name in found if name not in names)]:
            path: KeyPath = ("accounts", name)
            if name not in raw:
                self.from_environment[path] = next(iter(found[name]))
            if not _ACCOUNT_NAME.fullmatch(name):
                self.fail(
                    path,
                    f"{dotted(path)} is no account name: write at most 64 letters, digits, - and _, "
                    "with a letter or digit first, as in [accounts.main]",
                )
            twin = seen.setdefault(plain_name(name), name)
            if twin != name:
                self.fail(path, f"accounts {twin} and {name} differ only in case, - or _: rename one of them")
            table = raw.get(name, {})
            if not isinstance(table, dict):
                if is_secret(name, ()):
                    self.secret(path, None)
                write = f'write [accounts.{name}] and vendor = "7g" below it'
                self.fail(path, f"{dotted(path)} is no account: {write}")
            try:
                accounts[name] = self.account(name, dict(table), found.get(name, {}))
            except PlugInBroken as broken:
                self.left_out[name] = LeftOut(self.vendor_of(name, table, found), broken.what, broken.remedy)
        return accounts

    def vendor_of(self, name: str, table: Mapping[str, Any], found: Mapping[str, Mapping[str, str]]) -> str:
        own = found.get(name, {}).get(f"{environment.variable_name(name)}VENDOR")
        return str(own or table.get("vendor"))

    def account(self, name: str, table: dict[str, Any], found: dict[str, str]) -> BaseModel:
        path: KeyPath = ("accounts", name)
        prefix = environment.variable_name(name)
        if found and f"{prefix}VENDOR" in found:
            table["vendor"] = found[f"{prefix}VENDOR"]
            self.from_environment[(*path, "vendor")] = f"{prefix}VENDOR"
        cls = self.vendor_class(path, table)
        secrets = {field for fields in getattr(cls, "SECRETS", ()) for field in fields}
        for variable in found:
            key = variable.removeprefix(prefix).lower()
            if key.partition("__")[0] not in cls.model_fields:
                self.from_environment[(*path, key)] = variable
                table.setdefault(key, None)
        keys = list(cls.model_fields)
        what = f"is not a key of a {table['vendor']} account"
        self.check_names(path, table, keys, what, cls, secrets, account=name)
        for key, (variable, value) in self.decoded(cls, prefix).items():
            table[key] = value
            self.from_environment[(*path, key)] = variable
        self.check_bools(path, table, cls)
        account = self.settle(path, cls, table)
        low, high = getattr(account, "poll_min", None), getattr(account, "poll_max", None)
        if low is not None and high is not None and low > high:
            self.fail(
                (*path, "poll_min"),
                f"{dotted((*path, 'poll_min'))} is more than poll_max: write poll_min = {high:g} or less",
            )
        self.check_encrypted(path, account)
        return self.with_ca_file(path, account)

    def settle(self, path: KeyPath, cls: type[BaseModel], table: dict[str, Any]) -> BaseModel:
        """The checked account. What a plug-in's own checks raise beside a ValueError is its mistake."""
        vendor = table["vendor"]
        try:
            account: BaseModel = self.validate(path, cls, table)
        except UsageProblem:
            raise
        except Exception as error:
            if vendor in VENDORS:
                raise
            what = f"the plug-in for vendor {vendor!r} fails on the settings of an account"
            # Its words are not repeated: they may quote a value, and a value may be a secret.
            raise PlugInBroken(f"{what} ({type(error).__name__})", "install a version without it") from error
        return account

    def vendor_class(self, path: KeyPath, table: dict[str, Any]) -> type[BaseModel]:
        vendor = table.get("vendor")
        choices = one_of([f'"{name}"' for name in VENDORS])
        if vendor is None:
            for key in table:
                if is_secret(key, ()):
                    self.secret((*path, key), str(path[-1]))
            slip = next((key for key in table if nearest(key, ["vendor", "base_url"]) == "vendor"), None)
            if slip is not None:
                self.fail(
                    (*path, slip),
                    f"{dotted((*path, slip))} is not a key of an account; the nearest is vendor: "
                    f"write vendor = {choices}",
                )
            self.fail(path, f"{dotted(path)} has no vendor: write vendor = {choices}")
        if not isinstance(vendor, str):
            self.fail((*path, "vendor"), f"{dotted((*path, 'vendor'))} takes text: write vendor = {choices}")
        try:
            return self.account_class(vendor)
        except PlugInBroken:
            raise
        except UsageProblem as problem:
            self.fail((*path, "vendor"), f"{dotted((*path, 'vendor'))}: {problem.text}")
        except KeyError:
            like = nearest(vendor, VENDORS)
            hint = f'the nearest is vendor = "{like}"' if like else f"write vendor = {choices}"
            self.fail((*path, "vendor"), f"{dotted((*path, 'vendor'))} names no vendor we know; {hint}")

    def check_encrypted(self, path: KeyPath, account: BaseModel) -> None:
        plain = {key: value for key, value in account if key.endswith("url") and isinstance(value, str)}
        plain = {key: value for key, value in plain.items() if value.startswith("http://")}
        if not plain or getattr(account, "allow_insecure", False):
            return
        from reportdash.net.guard import is_loopback  # brings asyncio, which most commands do without

        for key, value in plain.items():
            if not is_loopback(value):
                self.fail(
                    (*path, key),
                    f"{dotted((*path, key))} is not encrypted and not on this server: write https://, or "
                    "allow_insecure = true if you accept that",
                )

    def with_ca_file(self, path: KeyPath, account: BaseModel) -> BaseModel:
        named = getattr(account, "ca_file", None)
        if not isinstance(named, str):
            return account
        file = self.expanded((*path, "ca_file"), named)
        key = dotted((*path, "ca_file"))
        try:
            with file.open("rb") as stream:
                stream.read(1)
        except OSError as error:
            self.fail(
                (*path, "ca_file"),
                f"{key}: {file} cannot be read ({error.strerror}); write the path of a PEM file with the "
                "certificates to trust",
            )
        return account.model_copy(update={"ca_file": str(file)})
