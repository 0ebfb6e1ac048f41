"""Where the vendor lists, a refresh of all jobs costs one request a page."""

from __future__ import annotations

import pytest

from tests.bench.lists import pages, requests_for_one_refresh


@pytest.mark.parametrize(("vendor", "jobs"), [("webadmit", 120), ("talkdesk", 120), ("talkdesk", 410)])
async def test_all_jobs_of_an_account_are_refreshed_by_one_request_a_page(vendor: str, jobs: int) -> None:
    assert await requests_for_one_refresh(vendor, jobs) == pages(vendor, jobs)
