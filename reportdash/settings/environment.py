"""Settings from environment variables: REPORTDASH_<KEY> and REPORTDASH_ACCOUNTS__<ACCOUNT>__<KEY>.

pydantic-settings decodes them by the type of each key; it is loaded only when such a variable is set.
An empty variable counts as not set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel

from reportdash.settings.sentences import plain_name

PREFIX = "REPORTDASH_"
ACCOUNTS = "REPORTDASH_ACCOUNTS__"
NOT_SETTINGS = (
    "REPORTDASH_SECRET__",
    "REPORTDASH_VAULT_PASSPHRASE_FILE",
    "REPORTDASH_CONFIG",
    "REPORTDASH_DATA_DIR",
)


class NotReadable(Exception):
    """A variable whose text cannot be decoded; `variable` is its name."""

    def __init__(self, variable: str) -> None:
        super().__init__(variable)
        self.variable = variable


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that may hold settings."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(PREFIX) and not name.startswith(NOT_SETTINGS) and value
    }


def variable_name(account: str, key: str = "") -> str:
    """REPORTDASH_ACCOUNTS__CALLS__REGION of account `calls` and key `region`."""
    return f"{ACCOUNTS}{plain_name(account).upper()}__{key.upper()}"


def account_variables(found: Mapping[str, str], known: list[str]) -> dict[str, dict[str, str]]:
    """Account name -> its variables. `known`: names in the file, which are kept as they are written there."""
    by_account: dict[str, dict[str, str]] = {}
    # A longer name first: `a__b` may be an account beside `a`.
    ordered = sorted(known, key=len, reverse=True)
    for variable, value in found.items():
        if not variable.startswith(ACCOUNTS):
            continue
        rest = variable.removeprefix(ACCOUNTS)
        name = next((n for n in ordered if rest.startswith(f"{plain_name(n).upper()}__")), None)
        if name is None:
            name = rest.partition("__")[0].lower()
        by_account.setdefault(name, {})[variable] = value
    return by_account


def decode(cls: type[BaseModel], prefix: str, found: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
    """Field name -> (variable, value) for the variables of `found` that `cls` has a field for.

    Lists are JSON or a comma-separated text; nested tables use `__`. Raises NotReadable.
    """
    matching = {
        name: value
        for name, value in found.items()
        if name.startswith(prefix) and not (prefix == PREFIX and name.startswith(ACCOUNTS))
    }
    if not matching:
        return {}
    from pydantic_settings import BaseSettings, EnvSettingsSource
    from pydantic_settings.exceptions import SettingsError

    class Source(EnvSettingsSource):
        def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:
            try:
                return super().decode_complex_value(field_name, field, value)
            except ValueError:
                if field is None or str(value).lstrip()[:1] in ("[", "{"):
                    raise
                return [part.strip() for part in str(value).split(",") if part.strip()]

    source = Source(
        cast("type[BaseSettings]", cls),
        case_sensitive=False,
        env_prefix=prefix.lower(),
        env_nested_delimiter="__",
    )
    # Ours, not the process's: tests and `demo` hand in their own.
    source.env_vars = {name.lower(): value for name, value in matching.items()}
    decoded: dict[str, tuple[str, Any]] = {}
    for field in cls.model_fields:
        start = f"{prefix}{field.upper()}"
        names = [n for n in matching if n.upper() == start or n.upper().startswith(f"{start}__")]
        if not names:
            continue
        try:
            raw, _, is_complex = source.get_field_value(cls.model_fields[field], field)
            value = source.prepare_field_value(field, cls.model_fields[field], raw, is_complex)
        except (ValueError, SettingsError):
            raise NotReadable(names[0]) from None
        if value is not None:
            decoded[field] = (names[0], value)
    return decoded
