"""What is shipped for plug-in authors: the fake vendor obeys its script, the suite finds what it is for."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Literal

import pytest

from reportdash.errors import BadPayload, CallFailed, NotFound, Throttled, Unreachable, VendorRefused
from reportdash.model import Body, Job, JobState, LocalFile, Seen, Signed, Spec, Submitted
from reportdash.net.http import Reply, Request
from reportdash.testing import (
    HALF,
    LOST,
    RESET,
    STUCK,
    Answer,
    FakeVendor,
    NoReport,
    VendorContract,
    content_of,
    desk,
    fails,
)
from reportdash.vendors.contract import Action, Can, File, Yes
from reportdash_stripe import Stripe, StripeAccount
from tests.contract.plugged import EXAMPLE

RUNS = "/v1/reporting/report_runs"


def contract(kind: type[Stripe]) -> VendorContract:
    """The example's own use of the suite, on another class."""
    spec = spec_from_file_location("stripes_contract", EXAMPLE / "tests" / "test_stripe.py")
    assert spec is not None and spec.loader is not None
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    made: VendorContract = type("Mutant", (module.TestContract,), {"kind": kind})()
    return made


# The suite. Each class has one mistake, and names the test that must find it.


class DoneIfNotPending(Stripe):
    """The lesson of other clients: what is not pending is over."""

    async def status(self, job: Job) -> Seen:
        seen = await super().status(job)
        return replace(seen, state=JobState.READY) if seen.vendor_status != "pending" else seen


class Credulous(Stripe):
    async def status(self, job: Job) -> Seen:
        try:
            return await super().status(job)
        except BadPayload:
            return Seen(JobState.FAILED, None)


class HastyNotFound(Stripe):
    async def status(self, job: Job) -> Seen:
        try:
            return await super().status(job)
        except BadPayload as error:
            raise NotFound(error.text) from error


class RawWords(Stripe):
    async def status(self, job: Job) -> Seen:
        reply = await self.api.send(Request("GET", f"{RUNS}/{job.reference}", job=job.id))
        said = reply.object()
        return Seen(JobState.FAILED, said["status"], message=said["error"])


class Anonymous(Stripe):
    """Does not say which job a call is for."""

    async def _run(self, job: Job) -> Mapping[str, Any]:
        reply = await self.api.send(Request("GET", f"{RUNS}/{job.reference}"))
        return reply.object()


class Forgetful(Stripe):
    """Never signs in again."""

    def refused(self, reply: Reply) -> bool:
        return False


class Repeating(Stripe):
    async def submit(self, spec: Spec, key: str) -> Submitted:
        try:
            return await super().submit(spec, key)
        except Unreachable:
            return await super().submit(spec, key)


class Optimist(Stripe):
    async def submit(self, spec: Spec, key: str) -> Submitted:
        try:
            return await super().submit(spec, key)
        except BadPayload:
            return Submitted("frr_guess", Seen(JobState.RUNNING, None))


class Mute(Stripe):
    async def submit(self, spec: Spec, key: str) -> Submitted:
        try:
            return await super().submit(spec, key)
        except VendorRefused as refused:
            raise VendorRefused("the submit failed", status=refused.status) from refused


_COUNT = itertools.count()


class Keyless(Stripe):
    async def submit(self, spec: Spec, key: str) -> Submitted:
        return await super().submit(spec, f"{key}-{next(_COUNT)}")


class EarlyBird(Stripe):
    async def artifact(self, job: Job) -> File:
        async def nothing() -> AsyncIterator[bytes]:
            yield b""

        try:
            return await super().artifact(job)
        except VendorRefused:
            return Body(nothing(), "csv")


class Narrow(Stripe):
    async def artifact(self, job: Job) -> File:
        self.api = Capped(self.api)
        return await super().artifact(job)


class Capped:
    def __init__(self, api: Any) -> None:
        self.api = api

    async def send(self, request: Request) -> Reply:
        reply: Reply = await self.api.send(replace(request, cap=Request("GET", "/").cap))
        return reply


class Dotted(Stripe):
    async def artifact(self, job: Job) -> File:
        file = await super().artifact(job)
        assert isinstance(file, Body)
        return replace(file, extension=".csv")


class Eraser(Stripe):
    def can(self, action: Action, job: Job | None = None) -> Can:
        return Yes("gone")

    async def delete(self, job: Job, key: str) -> None:
        return None


class FirstPage(Stripe):
    async def _page(self, after: str | None, job: Job | None) -> tuple[Sequence[Seen], bool]:
        return (await super()._page(after, job))[0], False


class Endless(Stripe):
    async def list(self) -> AsyncIterator[Seen]:
        after = None
        for _ in range(20):
            seen, _more = await self._page(after, None)
            for one in seen:
                yield one
            after = seen[-1].reference


class Empty(Stripe):
    async def list(self) -> AsyncIterator[Seen]:
        try:
            async for seen in super().list():
                yield seen
        except BadPayload:
            return


class Gossip(Stripe):
    async def statuses(self, jobs: Sequence[Job]) -> Mapping[str, Seen]:
        return {seen.reference or "": seen for seen in (await self._page(None, jobs[0]))[0]}


class Trusting(Stripe):
    @classmethod
    def reference(cls, text: str) -> str:
        return text.strip()


class Unproved(Stripe):
    async def prove(self) -> None:
        return None


class OpenHanded(Stripe):
    class Account(StripeAccount):
        secret_key: str | None = None
        vendor: Literal["stripe"] = "stripe"


class Shouting(Stripe):
    name = "Stripe"


MUTANTS: list[tuple[type[Stripe], str, dict[str, Any]]] = [
    (DoneIfNotPending, "test_an_unknown_word_is_unknown_and_never_over", {}),
    (Credulous, "test_an_unreadable_answer_is_no_state", {"unreadable": "html"}),
    (Credulous, "test_a_gateways_404_page_is_not_a_lost_job", {}),
    (HastyNotFound, "test_an_unreadable_answer_is_no_state", {"unreadable": "500"}),
    (RawWords, "test_the_vendors_reason_is_kept_and_harmless", {}),
    (RawWords, "test_an_unknown_word_is_unknown_and_never_over", {}),
    (Anonymous, "test_no_secret_stands_in_what_is_recorded", {}),
    (Forgetful, "test_an_expired_token_is_renewed_and_the_call_sent_again", {}),
    (Forgetful, "test_a_wrong_credential_is_refused_in_the_vendors_words", {}),
    (Repeating, "test_a_submit_is_sent_once_though_its_answer_is_lost", {}),
    (Optimist, "test_a_submit_with_an_unreadable_answer_stays_unsure", {"unreadable": "half"}),
    (Mute, "test_a_refused_submit_speaks_in_the_vendors_words", {"refused": 422}),
    (Keyless, "test_the_same_key_makes_no_second_job", {}),
    (EarlyBird, "test_no_report_is_handed_out_while_the_job_runs", {}),
    (Narrow, "test_a_report_larger_than_other_answers_is_handed_out", {}),
    (Dotted, "test_the_whole_report_is_handed_out", {}),
    (Eraser, "test_delete_is_done_or_refused_with_a_reason", {}),
    (Eraser, "test_a_delete_with_an_unreadable_answer_is_not_confirmed", {"unconfirmed": "500"}),
    (Eraser, "test_a_delete_of_an_unknown_job_is_not_found", {}),
    (FirstPage, "test_every_page_of_a_list_is_read_once", {}),
    (Endless, "test_a_list_that_does_not_move_on_ends", {}),
    (Empty, "test_an_unreadable_list_is_no_empty_one", {"unlisted": "object"}),
    (Gossip, "test_many_at_once_are_seen_as_one_by_one", {}),
    (Trusting, "test_a_reference_cannot_leave_its_place", {"hostile": "calls/.."}),
    (Anonymous, "test_a_hostile_reference_reaches_no_other_path", {}),
    (Unproved, "test_a_login_finds_a_wrong_credential", {}),
    (OpenHanded, "test_no_secret_is_a_key_of_the_config", {}),
    (Shouting, "test_it_says_who_it_is", {}),
]


@pytest.mark.parametrize(
    ("kind", "test", "given"), MUTANTS, ids=[f"{kind.__name__}-{test[5:]}" for kind, test, _ in MUTANTS]
)
def test_the_suite_finds_the_mistake(kind: type[Stripe], test: str, given: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, CallFailed)):
        getattr(contract(kind), test)(**given)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import time", "line 1 imports time: a clock"),
        ("from httpx import get", "line 1 imports httpx: a network of its own"),
        ("from urllib.request import urlopen", "line 1 imports urllib.request"),
        ("from reportdash.ledger import Ledger", "line 1 imports reportdash.ledger: a room"),
        ("open('x')", "line 1 calls open()"),
        ("datetime.now()", "line 1 calls .now(): it reads a clock"),
        ("Path('x').read_text()", "line 1 calls .read_text(): it opens a file"),
    ],
)
def test_a_rule_of_the_house_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    from reportdash.testing.house import broken_rules

    source = tmp_path / "badly.py"
    source.write_text(line, encoding="utf-8")
    module: Any = module_from_spec(spec_from_file_location("badly", source) or pytest.fail("no spec"))
    monkeypatch.setitem(sys.modules, "badly", module)
    kind = type("Kind", (Stripe,), {"__module__": "badly"})
    (found,) = broken_rules(kind)
    assert found.startswith(said)


def test_reportdash_runs_without_pytest_and_the_kit_imports_without_it() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None; import reportdash.testing, reportdash.cli.main;"
        "print([m for m in sys.modules if m.startswith('reportdash.testing')] != [])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


# The fake vendor.


async def test_answers_come_in_their_order_and_the_last_one_stays() -> None:
    async with FakeVendor() as fake, desk(Stripe, addresses(fake), SECRETS) as at:
        run = {"id": "frr_1", "status": "pending"}
        busy = Answer(429, {}, {"Retry-After": "7"})
        fake.on(f"GET {RUNS}/*", Answer(200, run), Answer(500), busy)
        assert (await at.vendor.status(at.job("frr_1"))).state is JobState.RUNNING
        await fails(at.vendor.status(at.job("frr_1")), BadPayload)
        for _ in range(2):
            await at.clock.advance(10)
            assert (await fails(at.vendor.status(at.job("frr_1")), Throttled)).retry_after == 7


async def test_what_is_not_scripted_is_a_404_and_remembered() -> None:
    async with FakeVendor() as fake, desk(Stripe, addresses(fake), SECRETS) as at:
        await fails(at.vendor.status(at.job("frr_1")), NotFound)
        (odd,) = fake.unexpected
        assert (odd.method, odd.path) == ("GET", f"{RUNS}/frr_1")
        assert str(odd) == f"GET {RUNS}/frr_1"


async def test_a_fault_lies_over_the_script_for_as_long_as_it_says() -> None:
    async with FakeVendor() as fake, desk(Stripe, addresses(fake), SECRETS) as at:
        fake.on(f"GET {RUNS}/*", lambda request: Answer(200, {"id": "frr_1", "status": "failed"}))
        fake.once("* *", Answer(500), times=2)
        for _ in range(2):
            await fails(at.vendor.status(at.job("frr_1")), BadPayload)
        assert (await at.vendor.status(at.job("frr_1"))).state is JobState.FAILED
        assert len(fake.calls(f"GET {RUNS}/*")) == 3


async def test_a_lost_answer_was_acted_on_and_a_reset_request_was_not() -> None:
    made: list[str] = []

    def create(request: Any) -> Answer:
        made.append(request.form["report_type"])
        return Answer(200, {"id": "frr_1", "status": "pending"})

    async with FakeVendor() as fake, desk(Stripe, addresses(fake), SECRETS) as at:
        fake.on(f"POST {RUNS}", create)
        fake.once(f"POST {RUNS}", LOST)
        await fails(at.vendor.submit(Spec("a.1"), "key"), Unreachable)
        fake.once(f"POST {RUNS}", RESET)
        await fails(at.vendor.submit(Spec("b.1"), "key"), Unreachable)
        assert made == ["a.1"]


async def test_half_an_answer_comes_as_if_it_were_whole_and_a_cut_one_breaks_off() -> None:
    async with FakeVendor() as fake, desk(Stripe, addresses(fake), SECRETS) as at:
        fake.on(f"GET {RUNS}/*", Answer(200, {"id": "frr_1", "status": "pending"}))
        fake.once(f"GET {RUNS}/*", HALF)
        await fails(at.vendor.status(at.job("frr_1")), BadPayload)
        fake.once(f"GET {RUNS}/*", Answer(200, {"id": "frr_1", "status": "pending"}, cut=5), times=None)
        await fails(at.vendor.status(at.job("frr_1")), Unreachable)


async def test_a_stuck_call_is_answered_as_the_first_was() -> None:
    async with FakeVendor() as fake, desk(Stripe, addresses(fake), SECRETS) as at:
        words = iter(("pending", "failed"))
        fake.on(f"GET {RUNS}/*", lambda request: Answer(200, {"id": "frr_1", "status": next(words)}))
        fake.once(f"GET {RUNS}/*", STUCK, times=None)
        assert [(await at.vendor.status(at.job("frr_1"))).vendor_status for _ in range(2)] == ["pending"] * 2


@pytest.mark.parametrize("call", ["GET", "GET v1/x", "/v1/x"])
def test_a_call_that_is_none_is_refused_when_it_is_scripted(call: str) -> None:
    with pytest.raises(ValueError, match="METHOD /path"):
        FakeVendor().on(call, Answer())


# Reading what is handed out.


async def test_content_is_read_from_each_kind_of_file(tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    assert await content_of(Body(chunks(), "csv")) == b"ab"
    (tmp_path / "report 7.csv").write_bytes(b"local")
    assert await content_of(LocalFile(f"{tmp_path}/report*.csv")) == b"local"
    with pytest.raises(NoReport, match="0 files"):
        await content_of(LocalFile(f"{tmp_path}/other*.csv"))
    async with FakeVendor() as fake:
        fake.on("GET /file[?]sign=1", Answer(200, b"signed"))
        assert await content_of(Signed(f"{fake.url}/file?sign=1")) == b"signed"
        with pytest.raises(NoReport, match="404"):
            await content_of(Signed(f"{fake.url}/file?sign=2"))


SECRETS = {"secret_key": "sk_test_4eC39HqLyjWDarjtT1zdp7dc"}


def addresses(fake: FakeVendor) -> dict[str, str]:
    return {"base_url": fake.url, "files_url": fake.url}
