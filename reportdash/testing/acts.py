"""The suite's second half: submit, download, delete."""

from __future__ import annotations

from reportdash.errors import BadPayload, NotFound, Unreachable, VendorRefused
from reportdash.model import Body, Job, JobState, LocalFile
from reportdash.net.http import MAX_REPLY
from reportdash.testing.desk import Desk, NoReport, content_of
from reportdash.testing.fake import LOST, RESET, Answer
from reportdash.testing.play import UNREADABLE, WORKING, Play, fails, played, skip
from reportdash.testing.stage import Stage
from reportdash.vendors.contract import Action, File, No, Vendor


class Acts(Play):
    """What an act may never do."""

    # Submit

    @played
    async def test_a_submit_gives_a_reference_that_can_be_followed(self, at: Desk, stage: Stage) -> None:
        self._needs(at, Action.SUBMIT)
        submitted = await at.vendor.submit(self.spec, "11111111-2222-4333-8444-555555555555")
        assert at.vendor.reference(submitted.reference) == submitted.reference
        assert submitted.seen.state in WORKING
        assert (await at.vendor.status(at.job(submitted.reference))).state in WORKING

    @played
    async def test_a_submit_with_an_unreadable_answer_stays_unsure(
        self, at: Desk, stage: Stage, unreadable: str
    ) -> None:
        self._needs(at, Action.SUBMIT)
        stage.spoil("submit", UNREADABLE[unreadable], times=None)
        await fails(at.vendor.submit(self.spec, "key"), BadPayload)

    @played
    async def test_a_submit_is_sent_once_though_its_answer_is_lost(self, at: Desk, stage: Stage) -> None:
        self._needs(at, Action.SUBMIT)
        stage.spoil("submit", LOST)
        lost = await fails(at.vendor.submit(self.spec, "key"), Unreachable)
        assert lost.sent, "a vendor that may have the job is not to be asked again"
        method = self.calls["submit"].partition(" ")[0]
        assert len([r for r in stage.requests() if r.method == method]) <= (2 if self.sign_in else 1)

    @played
    async def test_a_refused_submit_speaks_in_the_vendors_words(
        self, at: Desk, stage: Stage, refused: int
    ) -> None:
        self._needs(at, Action.SUBMIT)
        stage.spoil("submit", Answer(refused, self.refusal("Column accountNo is unknown.")))
        no = await fails(at.vendor.submit(self.spec, "key"), VendorRefused)
        assert "Column accountNo is unknown" in no.text

    @played
    async def test_the_same_key_makes_no_second_job(self, at: Desk, stage: Stage) -> None:
        self._needs(at, Action.SUBMIT)
        if not at.vendor.replays_safely:
            skip("a repeated submit makes a second job here, and it says so")
        first, second = [(await at.vendor.submit(self.spec, "one-key")).reference for _ in range(2)]
        assert first == second

    # Download

    @played
    async def test_the_whole_report_is_handed_out(self, at: Desk, stage: Stage) -> None:
        made = stage.know(self.reference, self.ready, content=b"id,amount\n" + b"1,2.50\n" * 7_000)
        await at.vendor.status(at.job(self.reference))
        file = await at.vendor.artifact(at.job(self.reference, JobState.READY))
        _well_formed(file)
        assert self.same(await content_of(file), made)

    @played
    async def test_a_report_larger_than_other_answers_is_handed_out(self, at: Desk, stage: Stage) -> None:
        made = stage.know(self.reference, self.ready, content=b"id,amount\n" + b"1,2.50\n" * (MAX_REPLY // 6))
        await at.vendor.status(at.job(self.reference))
        file = await at.vendor.artifact(at.job(self.reference, JobState.READY))
        assert self.same(await content_of(file), made), (
            "a report's own call has Request(cap=MAX_REPORT, stream=True)"
        )

    @played
    async def test_no_report_is_handed_out_while_the_job_runs(self, at: Desk, stage: Stage) -> None:
        stage.know(self.reference, self.running)
        await self._no_report(at.vendor, at.job(self.reference))

    @played
    async def test_a_download_that_breaks_hands_out_nothing(self, at: Desk, stage: Stage) -> None:
        if "download" not in self.calls:
            skip("this vendor hands its reports out without a call")
        stage.know(self.reference, self.ready)
        await at.vendor.status(at.job(self.reference))
        job = at.job(self.reference, JobState.READY)
        stage.spoil("download", UNREADABLE["500"])
        await fails(at.vendor.artifact(job), BadPayload)
        stage.spoil("download", RESET, times=None)
        await fails(at.vendor.artifact(job), Unreachable)

    # Delete

    @played
    async def test_delete_is_done_or_refused_with_a_reason(self, at: Desk, stage: Stage) -> None:
        stage.know(self.reference, self.ready)
        job = at.job(self.reference, JobState.READY)
        able = at.vendor.can(Action.DELETE, job)
        if isinstance(able, No):
            assert "delete" in able.reason and "forgets" in able.reason, "name the key that forgets the row"
            return
        assert able.note, "what a delete does to the job, for the dialog"
        await at.vendor.delete(job, "key")
        assert stage.deleted(self.reference)

    @played
    async def test_a_delete_with_an_unreadable_answer_is_not_confirmed(
        self, at: Desk, stage: Stage, unconfirmed: str
    ) -> None:
        self._needs(at, Action.DELETE)
        if unconfirmed == "half" and self.delete_answers_nothing:
            skip("the confirmation has no body to cut")
        stage.know(self.reference, self.ready)
        stage.spoil("delete", UNREADABLE[unconfirmed], times=None)
        await fails(at.vendor.delete(at.job(self.reference, JobState.READY), "key"), BadPayload)

    @played
    async def test_a_delete_of_an_unknown_job_is_not_found(self, at: Desk, stage: Stage) -> None:
        self._needs(at, Action.DELETE)
        await fails(at.vendor.delete(at.job(self.other, JobState.READY), "key"), NotFound)

    async def _no_report(self, vendor: Vendor, job: Job) -> None:
        try:
            file = await vendor.artifact(job)
        except (VendorRefused, NotFound) as no:
            assert no.text
            return
        assert isinstance(file, LocalFile), "a job at work has no report: raise VendorRefused"
        try:
            await content_of(file)
        except NoReport:
            return
        raise AssertionError("a published file was found for a job at work")


def _well_formed(file: File) -> None:
    if isinstance(file, Body):
        assert file.extension and file.extension.isalnum(), "an extension, without the dot"
