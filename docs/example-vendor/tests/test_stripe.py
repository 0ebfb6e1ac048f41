"""reportdash-stripe runs the contract suite against a fake Stripe, and what is Stripe's own beside it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from reportdash.errors import BadPayload, UsageProblem, VendorRefused
from reportdash.model import Body, JobState, Spec
from reportdash.testing import (
    Answer,
    Desk,
    FakeJob,
    FakeVendor,
    Jobs,
    Received,
    VendorContract,
    content_of,
    desk,
    fails,
)
from reportdash_stripe import Stripe

RUNS = "/v1/reporting/report_runs"
KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
SPEC = Spec(
    "balance.summary.1", {"currency": "usd", "columns": "created, net"}, None, "2026-10-01", "2026-11-01"
)


class FakeStripe:
    """What Stripe answers, from the pages named in the module."""

    def __init__(self, fake: FakeVendor, jobs: Jobs) -> None:
        self.fake = fake
        self.jobs = jobs
        self.replayed: dict[str, str] = {}
        fake.on(f"GET {RUNS}/*", self.signed(self.run))
        fake.on(f"GET {RUNS}", self.signed(self.list))
        fake.on(f"POST {RUNS}", self.signed(self.create))
        fake.on("GET /v1/files/*/contents", self.signed(self.contents))

    def signed(self, answer: Any) -> Any:
        def check(request: Received) -> Answer:
            expected = f"Basic {base64.b64encode(f'{KEY}:'.encode()).decode()}"
            if request.headers.get("authorization") != expected:
                return Answer(401, says("Invalid API Key provided: sk_****"))
            made: Answer = answer(request)
            return made

        return check

    def shown(self, job: FakeJob) -> dict[str, Any]:
        file = job.reference.replace("frr_", "file_")
        contents = f"{self.fake.urls[-1]}/v1/files/{file}/contents"
        result = {
            "id": file,
            "url": contents,
            "size": len(job.content),
            "type": "csv",
            "filename": f"{file}.csv",
        }
        return {
            "id": job.reference,
            "object": "reporting.report_run",
            "report_type": "balance.summary.1",
            "created": 1_790_000_000,
            "status": job.word,
            "error": job.message or None,
            "result": result if job.word == "succeeded" else None,
        }

    def run(self, request: Received) -> Answer:
        job = self.jobs.get(request.path.rpartition("/")[2])
        return Answer(200, self.shown(job)) if job else Answer(404, says("No such reporting report run"))

    def list(self, request: Received) -> Answer:
        known = list(self.jobs)
        start = known.index(after) + 1 if (after := request.query.get("starting_after")) else 0
        end = start + int(request.query.get("limit", 10))
        page = [self.shown(self.jobs[reference]) for reference in known[start:end]]
        return Answer(200, {"object": "list", "data": page, "has_more": end < len(known)})

    def create(self, request: Received) -> Answer:
        if not request.form.get("report_type"):
            return Answer(400, says("Missing required param: report_type."))
        reference = f"frr_new{len(self.jobs)}"
        reference = self.replayed.setdefault(request.headers["idempotency-key"], reference)
        self.jobs.setdefault(reference, FakeJob(reference, "pending"))
        return Answer(200, self.shown(self.jobs[reference]))

    def contents(self, request: Received) -> Answer:
        job = self.jobs.get(request.path.split("/")[3].replace("file_", "frr_"))
        return (
            Answer(200, job.content, {"Content-Type": "text/csv"})
            if job
            else Answer(404, says("No such file"))
        )


def says(text: str) -> dict[str, Any]:
    """An error as Stripe writes it."""
    return {"error": {"type": "invalid_request_error", "message": text}}


class TestContract(VendorContract):
    kind = Stripe
    secrets: ClassVar = {"secret_key": KEY}
    reference, other = "frr_1MwKqT2eZvKYlo2C", "frr_9zz"
    spec = SPEC
    words: ClassVar = {
        "pending": JobState.RUNNING,
        "succeeded": JobState.READY,
        "failed": JobState.FAILED,
    }
    running, ready, explains = "pending", "succeeded", "failed"
    missing_is_certain = False
    origins = 2
    calls: ClassVar = {
        "status": f"GET {RUNS}/*",
        "submit": f"POST {RUNS}",
        "download": "GET /v1/files/*/contents",
        "list": f"GET {RUNS}",
    }

    def settings(self, fake: FakeVendor) -> dict[str, Any]:
        return {"base_url": fake.urls[0], "files_url": fake.urls[1]}

    def serve(self, fake: FakeVendor, jobs: Jobs) -> None:
        FakeStripe(fake, jobs)

    def refusal(self, text: str) -> Any:
        return says(text)

    def numbered(self, number: int) -> str:
        return f"frr_{number:04}"


# What is Stripe's own.


class At:
    """A desk before a fake Stripe."""

    def __init__(self, fake: FakeVendor, jobs: Jobs, at: Desk) -> None:
        self.fake, self.jobs, self.desk, self.vendor = fake, jobs, at, at.vendor


@asynccontextmanager
async def stripe() -> AsyncIterator[At]:
    async with FakeVendor(origins=2) as fake:
        jobs: Jobs = {}
        FakeStripe(fake, jobs)
        settings = {"base_url": fake.urls[0], "files_url": fake.urls[1]}
        async with desk(Stripe, settings, {"secret_key": KEY}) as at:
            yield At(fake, jobs, at)


async def test_a_submit_is_a_form_with_its_interval_in_seconds_and_a_key() -> None:
    async with stripe() as at:
        submitted = await at.vendor.submit(SPEC, "one-key")
        assert submitted.seen.state is JobState.RUNNING
        assert submitted.seen.submitted_at == 1_790_000_000
        (asked,) = at.fake.calls(f"POST {RUNS}")
        assert asked.headers["idempotency-key"] == "one-key"
        assert asked.form == {
            "report_type": "balance.summary.1",
            "parameters[currency]": "usd",
            "parameters[interval_start]": "1790812800",
            "parameters[interval_end]": "1793491200",
            "parameters[columns][0]": "created",
            "parameters[columns][1]": "net",
        }


async def test_a_key_that_is_still_at_work_leaves_the_submit_unsure() -> None:
    async with stripe() as at:
        at.fake.once(f"POST {RUNS}", Answer(409, says("There is another request in progress with this key.")))
        unsure = await fails(at.vendor.submit(SPEC, "one-key"), BadPayload)
        assert "another request in progress" in unsure.text


async def test_a_key_without_a_permission_is_not_a_wrong_key() -> None:
    async with stripe() as at:
        at.jobs["frr_1"] = FakeJob("frr_1", "pending")
        at.fake.once(f"GET {RUNS}/*", Answer(403, says("This key lacks rak_report_runs_read.")), times=None)
        refused = await fails(at.vendor.status(at.desk.job("frr_1")), VendorRefused)
        assert "rak_report_runs_read" in refused.text
        assert len(at.fake.requests) == 1


async def test_the_size_stripe_announces_goes_with_the_report() -> None:
    async with stripe() as at:
        at.jobs["frr_1"] = FakeJob("frr_1", "succeeded", content=b"id,amount\n1,2.50\n")
        at.fake.once("GET /v1/files/*", Answer(200, b"id,amo", {"Content-Type": "text/csv"}))
        file = await at.vendor.artifact(at.desk.job("frr_1", JobState.READY))
        assert isinstance(file, Body)
        assert (file.total, file.extension, file.filename) == (17, "csv", "file_1.csv")
        assert await content_of(file) == b"id,amo"  # shorter: the engine sees the difference, and asks again


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/v1/files/x/contents",
        "{api}/v1/files/x/contents",
        "{files}/v1/account",
        "",
        None,
        7,
    ],
)
async def test_the_key_goes_to_no_address_but_the_file_hosts(url: Any) -> None:
    async with stripe() as at:
        if isinstance(url, str):
            url = url.format(api=at.fake.urls[0], files=at.fake.urls[1])
        run = {"id": "frr_1", "status": "succeeded", "result": {"url": url}}
        at.fake.on(f"GET {RUNS}/*", Answer(200, run))
        await fails(at.vendor.artifact(at.desk.job("frr_1", JobState.READY)), BadPayload)
        assert len(at.fake.requests) == 1


async def test_a_list_that_does_not_move_on_ends() -> None:
    async with stripe() as at:
        same = {"data": [{"id": "frr_1", "status": "pending"}], "has_more": True}
        at.fake.on(f"GET {RUNS}", Answer(200, same))
        assert len([seen async for seen in at.vendor.list()]) == 2
        assert [request.query.get("starting_after") for request in at.fake.requests] == [None, "frr_1"]


async def test_a_files_end_of_life_is_the_reports() -> None:
    async with stripe() as at:
        run = {"id": "frr_1", "status": "succeeded", "result": {"expires_at": 1_790_086_400}}
        at.fake.on(f"GET {RUNS}/*", Answer(200, run))
        assert (await at.vendor.status(at.desk.job("frr_1"))).expires_at == 1_790_086_400


@pytest.mark.parametrize(
    "spec",
    [
        Spec("balance summary"),
        Spec("balance.summary.1", {"a]b": "1"}),
        Spec("balance.summary.1", {}, None, "yesterday"),
        Spec("balance.summary.1", {}, None, "2026-11-01", "2026-11-01"),
    ],
)
async def test_what_stripe_would_refuse_is_refused_before_it_is_sent(spec: Spec) -> None:
    async with stripe() as at:
        with pytest.raises(UsageProblem):
            await at.vendor.submit(spec, "key")
        assert not at.fake.requests


def test_the_defaults_are_stripes_own_two_hosts() -> None:
    account = Stripe.Account(vendor="stripe", base_url="https://api.stripe.com")
    assert account.origins() == ("https://api.stripe.com:443", "https://files.stripe.com:443")
