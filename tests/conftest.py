"""For every test: no setting of whoever runs it leaks in, and in CI no missing tool goes unnoticed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

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

# A busy machine is no failure: neither a deadline nor the time that drawing took is one. Nor is chance.
settings.register_profile(
    "suite", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")

LONGEST = (
    "test_a_watch_of_200_jobs_ends_with_every_job_in_its_right_state_and_every_file_whole",
    "test_no_byte_of_a_payload_leaves_on_any_screen",
    "test_a_dashboard_stays_as_it_is_under_500_jobs_and_bad_weather",
    "test_a_watch_with_downloads_stays_as_it_is_under_500_jobs_and_bad_weather",
    "test_a_command_that_hangs_is_said",
    "test_killed_and_stopped_pollers_never_look_at_the_same_job_at_once",
    "test_the_same_in_front_of_a_real_name_server_that_is_mute",
    "test_no_report_in_an_answer_of_7g_costs_more_than_32_mib",
    "test_whatever_a_journey_leaves_is_private",
    "test_endless_strings_do_not_stay_in_memory",
)
"""Tests of ten seconds and more: begun last, one of them would be waited for by itself."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first."""
    items.sort(key=lambda item: getattr(item, "originalname", item.name) not in LONGEST)


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
