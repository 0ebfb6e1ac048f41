"""Where the config and the data live. Looks at the environment only; creates nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

APP = "reportdash"


def home(environ: Mapping[str, str]) -> Path:
    """The operator's home folder by this environment, else by the system."""
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def expand(text: str, environ: Mapping[str, str], base: Path | None = None) -> Path:
    """`~` expanded; a relative path taken from `base` (default: the working folder). Always absolute."""
    if text == "~" or text.startswith("~/"):
        path = home(environ) / text[2:]
    else:
        path = Path(text).expanduser() if text.startswith("~") else Path(text)
    return (base or Path.cwd()) / path


def _platform_folder(kind: str, environ: Mapping[str, str]) -> Path:
    variable, below_home = {
        "config": ("XDG_CONFIG_HOME", ".config"),
        "data": ("XDG_DATA_HOME", ".local/share"),
    }[kind]
    # The XDG rules: a relative path is not valid and is passed over.
    if environ.get(variable, "").startswith("/"):
        return Path(environ[variable]) / APP
    if sys.platform.startswith("linux") and environ.get("HOME"):
        return Path(environ["HOME"]) / below_home / APP
    import platformdirs

    if kind == "config":
        return platformdirs.user_config_path(APP, appauthor=False)
    return platformdirs.user_data_path(APP, appauthor=False)


def config_path(explicit: str | None, environ: Mapping[str, str]) -> Path:
    """The config file: `--config`, else REPORTDASH_CONFIG, else the platform's config folder."""
    named = explicit or environ.get("REPORTDASH_CONFIG")
    return expand(named, environ) if named else _platform_folder("config", environ) / "config.toml"


def data_dir(explicit: str | None, environ: Mapping[str, str]) -> Path:
    """The folder of the ledger: `--data-dir`, else REPORTDASH_DATA_DIR, else the platform's data folder."""
    named = explicit or environ.get("REPORTDASH_DATA_DIR")
    return expand(named, environ) if named else _platform_folder("data", environ)
