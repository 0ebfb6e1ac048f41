"""What a check looks at, made for tests: settings from text, seats on them, a terminal's size."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from reportdash.cli.checks.finding import Finding
from reportdash.cli.context import Place
from reportdash.cli.doctor import Patient
from reportdash.clock import Clock, SystemClock
from reportdash.credentials import Chain
from reportdash.engine.seat import Seat, finder, make_client, make_seat
from reportdash.settings import Settings, load
from reportdash.vendors import registry

SIZE = os.terminal_size((80, 24))


def settings(folder: Path, text: str = "", environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `config.toml` in the folder, which is written with `text`, private."""
    path = folder / "config.toml"
    path.touch(0o600)
    path.write_text(f'download_dir = "{folder / "reports"}"\n{text}', encoding="utf-8")
    folder.chmod(0o700)
    return load(path, account_class=registry.account_class, environ=environ or {})


def patient(
    folder: Path,
    text: str = "",
    *,
    environ: Mapping[str, str] | None = None,
    chain: Chain | None = None,
    clock: Clock | None = None,
) -> Patient:
    """A run with the config `text`, whose data folder is `data`. Without a chain there is no keyring."""
    environ, clock, data = environ or {}, clock or SystemClock(), folder / "data"
    here = Place(settings(folder, text, environ), data, False)
    commands = {
        name: account.credential_command
        for name, account in here.settings.accounts.items()
        if account.credential_command
    }
    chain = chain or Chain(environ=environ, folder=data, commands=commands, use_keyring=False)
    seats: dict[str, Seat] = {}
    for name, account in here.settings.accounts.items():
        find = finder(chain, name, account)
        client = make_client(name, account, find, trace=lambda job, exchange: None, clock=clock)
        seats[name] = make_seat(client, account, find)
    return Patient(here, chain, seats, environ, clock)


def one(findings: list[Finding]) -> Finding:
    (found,) = findings
    return found


def problems(findings: list[Finding]) -> list[Finding]:
    """Each of them with what to do."""
    wrong = [found for found in findings if not found.ok]
    assert all(found.next and found.text.rstrip(".").endswith(found.next) for found in wrong)
    return wrong
