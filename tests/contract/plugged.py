"""Packages as pip would have installed them: a folder with modules and their dist-info, for the path."""

from __future__ import annotations

import tomllib
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "docs" / "example-vendor"


def install(folder: Path, source: str, *, name: str, module: str, target: str, version: str = "1.2") -> None:
    """A package `reportdash-NAME` with one module and its entry point."""
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    info = folder / f"reportdash_{name}-{version}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: reportdash-{name}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    entry = f"[reportdash.vendors]\n{name} = {target}\n"
    (info / "entry_points.txt").write_text(entry, encoding="utf-8")


def install_example(folder: Path) -> None:
    """The example vendor, by the entry point its own pyproject.toml names."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, target),) = project["entry-points"]["reportdash.vendors"].items()
    module = target.partition(":")[0]
    source = (EXAMPLE / f"{module}.py").read_text(encoding="utf-8")
    assert project["name"] == f"reportdash-{name}"
    install(folder, source, name=name, module=module, target=target, version=project["version"])
