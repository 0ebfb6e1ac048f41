"""For every test: no setting of whoever runs it leaks in, and in CI no missing tool goes unnoticed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator

import pytest

KNOBS = {
    "REPORTDASH_NO_SKIPS",
    "REPORTDASH_FAULTS",
    "REPORTDASH_CANCELS",
    "REPORTDASH_CHAOS_JOBS",
    "REPORTDASH_CHAOS_SEEDS",
    "REPORTDASH_DUE_JOBS",
    "REPORTDASH_LINK_BYTES",
    "REPORTDASH_POLITE_MINUTES",
    "REPORTDASH_SOAK_JOBS",
    "REPORTDASH_SOAK_SAYS",
    "REPORTDASH_SOAK_SECONDS",
    "REPORTDASH_TEST_DAMAGES",
    "REPORTDASH_TEST_KILLS",
    "REPORTDASH_WIRE_EXAMPLES",
}
"""Variables that are the suite's own."""

# Nor is what tests copy handed to the tmux of whoever runs them.
for multiplexer in ("TMUX", "STY"):
    os.environ.pop(multiplexer, None)

# Processes that tests start find the package compiled, as those of an operator do.
for switch in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
    os.environ.pop(switch, None)
sys.dont_write_bytecode = False

# Nor is it handed on that whoever runs them let a signal be ignored, as nohup and a shell's `&` do: a handler
# does as little, and is no one's inheritance.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

for name in [name for name in os.environ if name.startswith("REPORTDASH_") and name not in KNOBS]:
    del os.environ[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With REPORTDASH_NO_SKIPS a test that lacks a tool fails: who runs it promised to install them."""
    report = yield
    if report.skipped and os.environ.get("REPORTDASH_NO_SKIPS"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "not installed" in reason:
            report.outcome = "failed"
            report.longrepr = f"{reason}, and REPORTDASH_NO_SKIPS is set"
    return report
