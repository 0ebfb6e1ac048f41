"""The settings as typed records, and their JSON schema for editors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from reportdash.settings.first import DEFAULT_THEME
from reportdash.settings.view import View


def _off(value: object) -> object:
    # The environment knows only text: there "false" switches a key off.
    return False if value == "false" else value


@dataclass(slots=True, frozen=True)
class LeftOut:
    """An account whose vendor's plug-in can not be used: why, and what to do about the plug-in."""

    vendor: str
    why: str
    remedy: str

    @property
    def text(self) -> str:
        return f"{self.why}; {self.remedy}"


Keys = Annotated[str | list[str] | Literal[False], BeforeValidator(_off)]


class Settings(BaseModel):
    """Everything the operator chose, checked. `accounts` holds each vendor's own settings class."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    download_dir: Path = Field(Path("~/reports"), description="folder for saved reports; ~ is your home")
    theme: str = Field(DEFAULT_THEME, min_length=1, description="a shipped theme or one in the config folder")
    keep_days: int = Field(90, ge=1, le=36_500, description="settled rows stay this many days")
    read_only: bool = Field(False, description="block submit, delete, adopt, pause and forget")
    glyphs: Literal["auto", "unicode", "ascii"] = Field("auto", description="signs beside the states")
    mouse: Literal["auto"] | bool = Field("auto", description="auto: off over SSH")
    wire: bool = Field(True, description="send only what changed on the screen")
    bell: bool = Field(True, description="ring when a report becomes ready")
    title: bool = Field(True, description="say it in the window title, too")
    keys: dict[str, Keys] = Field(default_factory=dict, description="action -> key, list of keys, or false")
    views: dict[str, View] = Field(default_factory=dict, description="saved views, on the keys 1 to 9")
    accounts: dict[str, Any] = Field(default_factory=dict, description="one table per account")

    path: Path = Field(Path(), exclude=True)
    """The file the settings came from, whether or not it exists."""
    came_from: Mapping[str, str] = Field(default_factory=dict, exclude=True)
    """Dotted key -> `line 7` or the environment variable; what is absent is a default."""
    left_out: Mapping[str, LeftOut] = Field(default_factory=dict, exclude=True)
    """Accounts that are not in `accounts`, because their vendor's plug-in can not be used."""

    def warnings(self) -> list[str]:
        """One sentence for each plug-in that can not be used: why, which accounts, what to do."""
        told: dict[LeftOut, list[str]] = {}
        for name, left in self.left_out.items():
            told.setdefault(left, []).append(name)
        return [_warning(left, accounts, self.path) for left, accounts in told.items()]

    def without(self, left_out: Mapping[str, LeftOut]) -> Settings:
        """The same settings with these accounts left out."""
        kept = {name: account for name, account in self.accounts.items() if name not in left_out}
        return self.model_copy(update={"accounts": kept, "left_out": {**self.left_out, **left_out}})


def _warning(left: LeftOut, accounts: list[str], path: Path) -> str:
    one = len(accounts) == 1
    names = ", ".join(accounts)
    return (
        f"{left.why}; {f'account {names} is' if one else f'accounts {names} are'} left out, all others work: "
        f"{left.remedy}, or take {'it' if one else 'them'} out of {path}"
    )


OWN = frozenset({"path", "came_from", "left_out"})
"""Fields that are ours, not keys of the config."""


def config_keys() -> list[str]:
    """The top-level keys an operator may write, in the order they are documented."""
    return [name for name in Settings.model_fields if name not in OWN]


def schema(
    account_classes: Mapping[str, type[BaseModel] | None], actions: Sequence[str] = ()
) -> dict[str, Any]:
    """JSON schema of the config file, with the accounts of these vendors; None: any keys are fine. `actions`:
    what may stand in `[keys]`; empty: anything."""
    whole: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Settings.model_json_schema(),
        "title": "reportdash config",
        "description": "Settings of reportdash. No secret stands here: `reportdash login` keeps them.",
    }
    if actions:
        whole["properties"]["keys"]["propertyNames"] = {"enum": list(actions)}
    for name in OWN:
        whole["properties"].pop(name, None)
    whole["$defs"].pop(LeftOut.__name__, None)
    variants: list[dict[str, Any]] = []
    for vendor, cls in account_classes.items():
        if cls is None:
            known = {"vendor": {"const": vendor}}
            variants.append({"properties": known, "required": ["vendor"], "title": f"{vendor} account"})
            continue
        part = cls.model_json_schema(ref_template="#/$defs/{model}")
        whole.setdefault("$defs", {}).update(part.pop("$defs", {}))
        part["properties"]["vendor"] = {"const": vendor}
        # A vendor may fill its addresses in by itself, from account and region.
        part["required"] = ["vendor"]
        part["title"] = f"{vendor} account"
        # What the class says of itself is for those who read its code.
        part.pop("description", None)
        variants.append(part)
    whole["properties"]["accounts"] = {
        "type": "object",
        "description": "one table per account",
        "propertyNames": {"pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"},
        "additionalProperties": {"oneOf": variants} if variants else True,
    }
    return {key: _without_null(part) for key, part in whole.items()}


def _without_null(node: Any) -> Any:
    """The same schema without `null`, which TOML cannot say: an editor would offer it."""
    if isinstance(node, list):
        return [_without_null(part) for part in node]
    if not isinstance(node, dict):
        return node
    kinds = node.get("anyOf")
    if isinstance(kinds, list) and {"type": "null"} in kinds:
        rest = [kind for kind in kinds if kind != {"type": "null"}]
        merged = rest[0] if len(rest) == 1 else {"anyOf": rest}
        node = {**{key: value for key, value in node.items() if key not in ("anyOf", "default")}, **merged}
    return {key: _without_null(part) for key, part in node.items()}
