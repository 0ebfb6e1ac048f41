"""The suite's first half: who the vendor is, signing in, looking, listing, references."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import unquote, urlsplit

from reportdash.errors import (
    AuthFailed,
    BadPayload,
    NotFound,
    Throttled,
    Unreachable,
    UsageProblem,
    VendorRefused,
)
from reportdash.model import HAS_FILE, SETTLED, Credential, JobState, Signed
from reportdash.net.http import Reply, Request, Session
from reportdash.testing.desk import Desk
from reportdash.testing.fake import RESET, STUCK, Answer
from reportdash.testing.house import broken_rules
from reportdash.testing.play import HOSTILE_JOBS, UNREADABLE, WRONG, Play, fails, played, skip
from reportdash.testing.stage import Stage
from reportdash.vendors.contract import AccountSettings, Action, Api, No, Vendor, Yes, origin


class Looks(Play):
    """What a look at a job may never do."""

    # The class.

    def test_it_says_who_it_is(self) -> None:
        kind = self.kind
        assert kind.name and kind.name == kind.name.casefold().strip()
        assert kind.title and kind.report_word and kind.reference_word
        assert issubclass(kind.Account, AccountSettings)
        policy = kind.policy
        assert 0 < policy.poll_min <= policy.poll_max
        assert policy.ttl is None or policy.ttl > 0
        assert policy.slots is None or policy.slots > 0

    def test_no_secret_is_a_key_of_the_config(self) -> None:
        account = self.kind.Account
        assert account.SECRETS
        secret = {field for fields in account.SECRETS for field in fields}
        assert not secret & set(account.model_fields), "a secret never stands in the config"
        assert any(set(fields) == set(self.secrets) for fields in account.SECRETS)

    def test_it_keeps_the_rules_of_the_house(self) -> None:
        assert broken_rules(self.kind) == []

    @played
    async def test_what_it_can_not_do_it_says_with_a_reason(self, at: Desk, stage: Stage) -> None:
        for action in Action:
            for job in (None, *(at.job(self.reference, state) for state in JobState)):
                able = at.vendor.can(action, job)
                assert isinstance(able, (Yes, No))
                assert isinstance(able, Yes) or able.reason.strip()
        assert not stage.requests(), "can() asks nobody"

    # Signing in

    @played
    async def test_one_sign_in_serves_many_calls(self, at: Desk, stage: Stage) -> None:
        stage.know(self.reference, self.running)
        await asyncio.gather(*(at.vendor.status(at.job(self.reference)) for _ in range(5)))
        await at.vendor.status(at.job(self.reference))
        assert self._sign_ins(stage) == (1 if self.sign_in else 0)

    @played
    async def test_a_wrong_credential_is_refused_in_the_vendors_words(self, at: Desk, stage: Stage) -> None:
        stage.know(self.reference, self.running)
        async with self.desk(stage, **{list(self.secrets)[-1]: WRONG}) as wrong:
            refused = await fails(wrong.vendor.status(wrong.job(self.reference)), AuthFailed)
            assert refused.text
            assert WRONG not in refused.text

    @played
    async def test_a_login_finds_a_wrong_credential(self, at: Desk, stage: Stage) -> None:
        await at.client.sign_in()
        await at.vendor.prove()
        async with self.desk(stage, **{list(self.secrets)[-1]: WRONG}) as wrong:

            async def login() -> None:
                await wrong.client.sign_in()
                await wrong.vendor.prove()

            await fails(login(), AuthFailed)

    @played
    async def test_an_expired_token_is_renewed_and_the_call_sent_again(self, at: Desk, stage: Stage) -> None:
        stage.know(self.reference, self.running)
        await at.vendor.status(at.job(self.reference))
        stage.expire()
        seen = await at.vendor.status(at.job(self.reference))
        assert seen.state is self.words[self.running]
        assert self._sign_ins(stage) in ((0,) if self.sign_in is None else (1, 2))

    @played
    async def test_no_secret_stands_in_what_is_recorded(self, at: Desk, stage: Stage) -> None:
        spy = _Spy(at.vendor)
        at.client.bind(spy)
        stage.know(self.reference, self.ready)
        await at.vendor.status(at.job(self.reference))
        assert at.exchanges, "calls about a job name it: Request(job=job.id)"
        file = await at.vendor.artifact(at.job(self.reference, JobState.READY))
        recorded = json.dumps([[e.url, e.request, e.response, e.error] for e in at.exchanges])
        for value in (*self.secrets.values(), *spy.tokens):
            assert value not in recorded
        if isinstance(file, Signed):
            assert urlsplit(file.url).query not in recorded, (
                "name the field that holds the link: Request(secret=…)"
            )

    # Status

    @played
    async def test_each_documented_word_has_its_state(self, at: Desk, stage: Stage, word: str) -> None:
        stage.know(self.reference, word)
        seen = await at.vendor.status(at.job(self.reference))
        assert seen.state is self.words[word]
        assert (seen.vendor_status or "") == word

    @played
    async def test_an_unknown_word_is_unknown_and_never_over(self, at: Desk, stage: Stage) -> None:
        stage.know(self.reference, "Teleported \x1b[31m")
        seen = await at.vendor.status(at.job(self.reference))
        assert seen.state is JobState.UNKNOWN
        assert seen.state not in SETTLED and seen.state not in HAS_FILE
        assert seen.vendor_status is not None and seen.vendor_status.startswith("Teleported")
        assert "\x1b" not in seen.vendor_status
        assert not [request for request in stage.requests() if request.method == "DELETE"]

    @played
    async def test_the_vendors_reason_is_kept_and_harmless(self, at: Desk, stage: Stage) -> None:
        if self.explains is None:
            skip("this vendor gives no reason with a status")
        stage.know(
            self.reference, self.explains, message="No \x1b]52;c;Z28=\x07branch \x9b31mwas\u202e found."
        )
        seen = await at.vendor.status(at.job(self.reference))
        assert seen.message is not None and "branch" in seen.message and "found." in seen.message
        assert seen.message.isprintable()

    @played
    async def test_a_job_the_vendor_does_not_know_is_not_found(self, at: Desk, stage: Stage) -> None:
        missing = await fails(at.vendor.status(at.job(self.other)), NotFound)
        assert missing.certain is self.missing_is_certain
        assert missing.text

    @played
    async def test_an_unreadable_answer_is_no_state(self, at: Desk, stage: Stage, unreadable: str) -> None:
        stage.know(self.reference, self.running)
        stage.spoil("status", UNREADABLE[unreadable], times=None)
        bad = await fails(at.vendor.status(at.job(self.reference)), BadPayload)
        assert "HTTP" in bad.text, "say what came: reply.unreadable()"

    @played
    async def test_a_gateways_404_page_is_not_a_lost_job(self, at: Desk, stage: Stage) -> None:
        stage.know(self.reference, self.running)
        page = Answer(404, "<!DOCTYPE html><title>404</title>", {"Content-Type": "text/html"})
        stage.spoil("status", page)
        await fails(at.vendor.status(at.job(self.reference)), BadPayload)

    @played
    async def test_too_many_requests_is_throttled_with_the_wait_asked_for(
        self, at: Desk, stage: Stage, busy: int
    ) -> None:
        stage.know(self.reference, self.running)
        stage.spoil("status", Answer(busy, {}, {"Retry-After": "7"}))
        throttled = await fails(at.vendor.status(at.job(self.reference)), Throttled)
        assert throttled.retry_after == 7

    @played
    async def test_a_reset_connection_is_unreachable(self, at: Desk, stage: Stage) -> None:
        stage.know(self.reference, self.running)
        stage.spoil("status", RESET, times=None)
        await fails(at.vendor.status(at.job(self.reference)), Unreachable)

    @played
    async def test_many_at_once_are_seen_as_one_by_one(self, at: Desk, stage: Stage) -> None:
        if not self.kind.lists_from:
            skip("this vendor looks at each job by itself")
        stage.know(self.reference, self.running)
        stage.know(self.other, self.ready)
        stage.know(self.numbered(0) or self.reference, self.running)
        jobs = [at.job(self.reference), at.job(self.other, id="bcd345")]
        seen = await at.vendor.statuses(jobs)
        assert set(seen) <= {self.reference, self.other}, "by reference, and only what was asked for"
        assert seen, "a list that tells nothing of its own jobs is no saving"
        for reference, found in seen.items():
            alone = await at.vendor.status(at.job(reference))
            assert (found.state, found.vendor_status) == (alone.state, alone.vendor_status)

    # List

    @played
    async def test_list_gives_references_or_a_reason(self, at: Desk, stage: Stage) -> None:
        stage.know(self.reference, self.ready)
        able = at.vendor.can(Action.LIST)
        if isinstance(able, No):
            assert "list" in able.reason
            return
        found = {seen.reference: seen async for seen in at.vendor.list()}
        assert found[self.reference].state is self.words[self.ready]
        assert all(at.vendor.reference(reference or "") == reference for reference in found)

    @played
    async def test_every_page_of_a_list_is_read_once(self, at: Desk, stage: Stage) -> None:
        self._needs(at, Action.LIST)
        many = [reference for number in range(250) if (reference := self.numbered(number)) is not None]
        if not many:
            skip("this vendor's list has no pages")
        for reference in many:
            stage.know(reference, self.running)
        found = [seen.reference async for seen in at.vendor.list()]
        assert sorted(filter(None, found)) == sorted(many)

    @played
    async def test_a_list_says_of_each_word_what_a_look_says(self, at: Desk, stage: Stage, word: str) -> None:
        if not self.kind.lists_from:
            skip("this vendor looks at each job by itself")
        stage.know(self.reference, word)
        found = await at.vendor.statuses([at.job(self.reference), at.job(self.other, id="bcd345")])
        seen = found[self.reference]
        assert (seen.state, seen.vendor_status) == (self.words[word], word)

    @played
    async def test_a_list_that_does_not_move_on_ends(self, at: Desk, stage: Stage) -> None:
        self._needs(at, Action.LIST)
        many = [reference for number in range(250) if (reference := self.numbered(number)) is not None]
        if not many:
            skip("this vendor's list has no pages")
        for reference in many:
            stage.know(reference, self.running)
        before = len(stage.requests())
        stage.spoil("list", STUCK, times=None)
        _ = [seen async for seen in at.vendor.list()]
        pages = {request.path: 0 for request in stage.requests()[before:]}
        for request in stage.requests()[before:]:
            pages[request.path] += 1
        assert max(pages.values()) <= 3, "the same page again and again: stop where the cursor stands still"

    @played
    async def test_an_unreadable_list_is_no_empty_one(self, at: Desk, stage: Stage, unlisted: str) -> None:
        self._needs(at, Action.LIST)
        stage.know(self.reference, self.ready)
        stage.spoil("list", UNREADABLE[unlisted], times=None)

        async def read() -> None:
            async for _ in at.vendor.list():
                pass

        await fails(read(), BadPayload)
        if self.kind.lists_from:
            jobs = [at.job(self.reference), at.job(self.other, id="bcd345")]
            await fails(at.vendor.statuses(jobs), BadPayload)

    # References

    def test_a_reference_is_kept_as_it_is(self) -> None:
        assert self.kind.reference(self.reference) == self.reference
        assert self.kind.reference(f" {self.reference}\n") == self.reference

    def test_a_reference_cannot_leave_its_place(self, hostile: str) -> None:
        if self.free_references and hostile and not any(c.isspace() or not c.isprintable() for c in hostile):
            assert self.kind.reference(hostile) == hostile
            return
        try:
            taken = self.kind.reference(hostile)
        except UsageProblem as problem:
            assert problem.text.isprintable() and "reference is" in problem.text, "show the form it has"
        else:
            raise AssertionError(f"{hostile!r} was taken for a reference: {taken!r}")

    @played
    async def test_a_hostile_reference_reaches_no_other_path(self, at: Desk, stage: Stage) -> None:
        stage.know(self.reference, self.running)
        await at.vendor.status(at.job(self.reference))
        known = len(stage.requests())
        usual = {request.path.count("/") for request in stage.requests()}
        for hostile in HOSTILE_JOBS:
            await fails(at.vendor.status(at.job(hostile)), NotFound, VendorRefused, BadPayload)
        for request in stage.requests()[known:]:
            path = request.path
            assert path.count("/") in usual and ".." not in unquote(path).split("/"), f"{request} was asked"

    @played
    async def test_only_the_accounts_own_addresses_are_asked(self, at: Desk, stage: Stage) -> None:
        stage.know(self.reference, self.ready)
        await at.vendor.status(at.job(self.reference))
        await at.vendor.artifact(at.job(self.reference, JobState.READY))
        own = at.settings.origins()
        assert own[0] == origin(at.settings.base_url)
        assert {origin(request.origin) for request in stage.requests()} <= set(own)


class _Spy:
    """Notes the tokens a vendor signs with."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.tokens: set[str] = set()

    async def sign_in(self, credential: Credential, old: Session | None, bare: Api) -> Session:
        session = await self.vendor.sign_in(credential, old, bare)
        self.tokens.add(session.token.rpartition(" ")[2])
        return session

    def sign(self, request: Request, session: Session) -> Request:
        return self.vendor.sign(request, session)

    def refused(self, reply: Reply) -> bool:
        return self.vendor.refused(reply)
