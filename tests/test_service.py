"""docs/reportdash.service: what it starts is a command of ours, and its hardening forbids nothing we need."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from reportdash.cli.words import build_parser
from reportdash.credentials import handed
from reportdash.errors import Exit
from reportdash.logins import SYSTEMD
from reportdash.vendors import registry

UNIT = Path(__file__).parents[1] / "docs" / "reportdash.service"
MOUNTED = (
    "Private Protect ReadOnlyPaths InaccessiblePaths TemporaryFileSystem RootDirectory DynamicUser Bind "
    "NoExecPaths IPAddressDeny SystemCallFilter MemoryDenyWriteExecute RestrictNamespaces RestrictFileSystems"
)
"""What would hide a folder, the bus or the network: the data folder and download_dir may be anywhere, the
keyring is on the session bus, and in a user's unit most of these need rights that a user has not."""


EXAMPLE = "#LoadCredentialEncrypted="


def whole() -> str:
    """The unit with its examples in force."""
    return UNIT.read_text("utf-8").replace(EXAMPLE, EXAMPLE[1:])


def unit(text: str = "") -> dict[str, dict[str, list[str]]]:
    """Section → key → values, in order."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    section = ""
    for line in (text or UNIT.read_text("utf-8")).splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[section][key].append(value)
    return found


def test_it_starts_the_watch_that_polls_and_saves_for_ever() -> None:
    (start,) = unit()["Service"]["ExecStart"]
    program, *words = shlex.split(start)
    assert program == "%h/.local/bin/reportdash"
    args = build_parser().parse_args(words)
    assert (args.run, args.until, args.download) == ("watch:watch", "never", True)
    assert args.timeout is None


def test_it_comes_back_after_every_end_but_a_wrong_config() -> None:
    service = unit()["Service"]
    assert service["Restart"] == ["always"]
    assert service["RestartPreventExitStatus"] == [str(int(Exit.USAGE))]
    assert service["SuccessExitStatus"] == [str(int(Exit.INTERRUPTED))]
    assert int(service["TimeoutStopSec"][0]) >= 5  # an orderly end takes two seconds
    assert unit()["Install"]["WantedBy"] == ["default.target"]


def test_its_hardening_leaves_files_sockets_and_the_keyrings_bus() -> None:
    service = unit()["Service"]
    forbidden = [key for key in service if key.startswith(tuple(MOUNTED.split()))]
    assert forbidden == []
    (families,) = service["RestrictAddressFamilies"]
    # Vendors, the session bus, and what the resolver asks the kernel.
    assert {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"} <= set(families.split())
    assert service["UMask"] == ["0077"]
    assert service["NoNewPrivileges"] == ["yes"]
    (environment,) = service["EnvironmentFile"]
    assert environment.startswith("-"), "without that file it starts as well"


def test_the_page_says_how_it_is_installed() -> None:
    page = (UNIT.parent / "using.md").read_text("utf-8")
    for words in (UNIT.name, "loginctl enable-linger", "systemctl --user enable --now reportdash"):
        assert words in page


def test_its_examples_hand_in_what_is_looked_for_and_the_page_says_how_they_are_made(tmp_path: Path) -> None:
    examples = [value.partition(":") for value in unit(whole())["Service"]["LoadCredentialEncrypted"]]
    for name, _, path in examples:
        assert Path(path).name == f"{name.removeprefix('reportdash.')}.cred"
        (tmp_path / name).write_text(f"the content of {name}\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert handed.vault_passphrase(environ) == "the content of reportdash.vault-passphrase"
    found = handed.find(environ, "main", registry.account_class("7g").SECRETS)
    assert found is not None
    assert found.source == SYSTEMD
    assert dict(found.values)["password"] == "the content of reportdash.main.password"
    assert len(examples) == 1 + len(found.values)
    page = (UNIT.parent / "using.md").read_text("utf-8")
    name, _, path = examples[0]
    assert f"systemd-creds encrypt --user --name={name} - " in page
    assert path.replace("%h", "~") in page


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    program = tmp_path / "reportdash"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(whole().replace("%h/.local/bin/reportdash", str(program)), "utf-8")
    copy.chmod(0o644)  # one that all may write is no unit for systemd
    told = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(copy)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        check=False,
    )
    assert UNIT.name not in told.stderr, told.stderr
