"""WebAdMIT (Liaison): export files of an export template, handed out by a link that lives half a minute.

Pages: [S2] status and errors; C1 the other calls and the limits, C2 the spelling of the status words, C3 C4
hosts. Answers may gain fields without notice (C1), so what is not asked for is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from reportdash.errors import AuthFailed, BadPayload, NotFound, UsageProblem, VendorRefused
from reportdash.model import HAS_FILE, NOT_RECENT, Credential, Job, JobState, Seen, Signed, Spec, Submitted
from reportdash.net.http import Reply, Request, Session
from reportdash.vendors import answers
from reportdash.vendors.contract import (
    AccountSettings,
    Action,
    Api,
    Can,
    File,
    Hosts,
    No,
    PollPolicy,
    Url,
    Vendor,
    Yes,
    pick,
    word,
)

ROOM = "/api/v1"

# The words of [S2]; `word` takes the live API's spelling (C2) to them.
STATES = {
    "initializing": JobState.QUEUED,
    "queued": JobState.QUEUED,
    "in_progress": JobState.RUNNING,
    "available": JobState.READY,
    "success_with_errors": JobState.READY_WITH_WARNINGS,
    "empty_list": JobState.EMPTY,
    "failed": JobState.FAILED,
}

_REFERENCE = re.compile(r"([0-9]{1,18})/([0-9]{1,18})", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_NO_IDENTITY = "WebAdMIT {does} for one user identity; write user_identity = NUMBER in this account's config"


class WebAdmitAccount(AccountSettings):
    """One WebAdMIT key. `user_identity` is needed to submit and list (C1), not to follow and download [S2].

    The key's user sees every identity with API Access (C1). Organizations have hosts of their own (C4), and
    there is one before launch (C3): `base_url`.
    """

    SECRETS: ClassVar = (("api_key",),)

    vendor: Literal["webadmit"] = "webadmit"
    base_url: Url = "https://api.webadmit.org"
    user_identity: Annotated[
        Annotated[int, Field(ge=1)] | None, Field(description="the identity that submits and lists")
    ] = None
    download_hosts: Hosts = ("*.amazonaws.com",)


class WebAdmit(Vendor):
    """WebAdMIT bound to one account.

    Nothing is known of retention, of a limit of running exports, or of how often to ask ("reasonable" [S2]):
    no `ttl`, no `slots`, 5 to 60 s. A submit while one runs returns the running file (C1). The calls left of
    the hour stand in each answer (C1); net/pacing reads them.
    """

    name = "webadmit"
    title = "WebAdMIT"
    Account = WebAdmitAccount
    policy = PollPolicy(poll_min=5.0, poll_max=60.0, limit_window=3600.0)
    report_word = "export id"
    reference_word = "EXPORT_ID/FILE_ID"
    params_hint = "none: the export template says everything"
    key_needs = "The key's user needs API Access for the user identity that runs the exports."
    lists_from = 2
    resubmit_is_safe = True

    account: WebAdmitAccount

    def can(self, action: Action, job: Job | None = None) -> Can:
        """GET and POST only (C1): nothing deletes or cancels."""
        match action:
            case Action.DELETE:
                return No("WebAdMIT has no delete; f forgets the row here")
            case Action.SUBMIT if self.account.user_identity is None:
                return No(_NO_IDENTITY.format(does="runs exports"))
            case Action.LIST if self.account.user_identity is None:
                return No(_NO_IDENTITY.format(does="lists files"))
        return Yes()

    @classmethod
    def reference(cls, text: str) -> str:
        found = _REFERENCE.fullmatch(text.strip())
        if found is None:
            raise UsageProblem(
                "a WebAdMIT reference is EXPORT_ID/FILE_ID, two numbers as in 86446/74780, "
                f"not {answers.text(text, 60) or 'an empty text'!r}"
            )
        return f"{int(found[1])}/{int(found[2])}"

    def check(self, spec: Spec) -> Spec:
        report = spec.report.strip()
        if not _NUMBER.fullmatch(report):
            raise UsageProblem(
                f"a WebAdMIT export id is a number, as in 86446, not {answers.text(report, 60)!r}"
            )
        if spec.params or spec.format is not None or spec.time_from is not None or spec.time_to is not None:
            raise UsageProblem(
                "a WebAdMIT export takes no parameters, format or time span; its template has them, "
                "leave them away"
            )
        return replace(spec, report=str(int(report)))

    # The key is the session; there is nothing to fetch and nothing that ends [S2].

    async def sign_in(self, credential: Credential, old: Session | None, bare: Api) -> Session:
        """The key itself; a 401 has an empty body [S2], so its words are the client's."""
        key = answers.token(credential.fields.get("api_key"))
        if key is None:
            raise AuthFailed("the stored API key has a character no key has; log in again")
        return Session(key)

    def sign(self, request: Request, session: Session) -> Request:
        """`x-api-key` on every call [S2]; the signed link of the file is fetched by another client."""
        return replace(request, headers={**request.headers, "x-api-key": session.token})

    async def prove(self) -> None:
        """Read the key's own identities (C1): every key that works can."""
        reply = await self.api.send(Request("GET", f"{ROOM}/user_identities"))
        if not answers.good(reply) or not isinstance(pick(reply.object(), "user_identities"), list):
            raise BadPayload(f"no identities in the answer: {reply.unreadable()}", status=reply.status)

    # the calls

    async def status(self, job: Job) -> Seen:
        """One look. The status call of an available file makes a live link [S2], so a ready job is looked up
        in the list (C1) instead; where the list does not tell of it, the status call decides after all.
        """
        if job.state in HAS_FILE and self.account.user_identity is not None and job.reference:
            try:
                seen = _find(await self._listed(job), [job]).get(job.reference)
            except VendorRefused:  # a missing identity says nothing of the file
                seen = None
            if seen is not None:
                return seen
        return parse_file(await self._file(job))

    async def statuses(self, jobs: Sequence[Job]) -> Mapping[str, Seen]:
        """One list call for all (C1): it makes no link, and holds recent files only."""
        if self.account.user_identity is None:
            return {}
        return _find(await self._listed(jobs[0]), jobs)

    async def submit(self, spec: Spec, key: str) -> Submitted:
        """POST …/export_files → 201 with the file, the running one if there is one (C1). No callback: nothing
        here listens. A 404 is a refusal here [S2], as is a 422 (C1).
        """
        spec = self.check(spec)
        able = self.can(Action.SUBMIT)
        if isinstance(able, No):
            raise VendorRefused(able.reason)
        path = f"{ROOM}/user_identities/{self.account.user_identity}/exports/{spec.report}/export_files"
        reply = await self.api.send(Request("POST", path))
        if not answers.good(reply):
            raise answers.submit_failure(reply)
        item = one_file(reply)
        number = answers.text(pick(item, "id")) or ""
        if not _NUMBER.fullmatch(number):
            raise BadPayload(f"no file id in the answer: {reply.unreadable()}", status=reply.status)
        reference = f"{spec.report}/{int(number)}"
        if answers.text(pick(item, "status")) is None:
            return Submitted(reference, Seen(JobState.QUEUED, None, reference=reference))
        return Submitted(reference, replace(parse_file(item), reference=reference))

    async def artifact(self, job: Job) -> File:
        """The status call once more: each makes a new link, good for less than 30 s [S2].

        Whether `success_with_errors` has one is not documented for exports: it is taken where it is there.
        """
        item = await self._file(job)
        url = pick(item, "download_url")
        if isinstance(url, str) and url.strip():
            return Signed(url.strip())
        seen = parse_file(item)
        if seen.state is JobState.READY_WITH_WARNINGS:
            raise VendorRefused(f"{seen.vendor_status}: WebAdMIT hands out no file for it")
        raise VendorRefused(f"no link in the answer; WebAdMIT says {seen.vendor_status}")

    def unlisted(self, reference: str) -> str | None:
        """The list holds recent files (C1), nobody says how recent: one it leaves out may well be there."""
        return NOT_RECENT

    async def list(self) -> AsyncIterator[Seen]:
        """The recent files of the identity (C1). They carry no times: the local clock has to do."""
        able = self.can(Action.LIST)
        if isinstance(able, No):
            raise VendorRefused(able.reason)
        names = await self._templates()
        for item in await self._listed(None):
            export, file = (answers.text(pick(item, key)) or "" for key in ("export_id", "id"))
            if _NUMBER.fullmatch(export) and _NUMBER.fullmatch(file) and answers.text(pick(item, "status")):
                name = names.get(int(export))
                yield replace(parse_file(item), reference=f"{int(export)}/{int(file)}", name=name)

    async def _templates(self) -> Mapping[int, str]:
        """Export id → the template's name (C1); empty where it cannot be had: no reason to fail."""
        path = f"{ROOM}/user_identities/{self.account.user_identity}/exports"
        try:
            reply = await self.api.send(Request("GET", path))
            found = pick(reply.object(), "exports") if answers.good(reply) else None
        except BadPayload:
            found = None
        pairs = [
            (answers.integer(pick(item, "id")), answers.text(pick(item, "name"), 200))
            for item in (found if isinstance(found, list) else [])
            if isinstance(item, dict)
        ]
        return {number: name for number, name in pairs if number is not None and name}

    async def _file(self, job: Job) -> Mapping[str, Any]:
        """GET …/exports/:export_id/export_files/:id [S2]."""
        found = _REFERENCE.fullmatch(job.reference or "")
        if found is None:
            raise VendorRefused("this job has no reference yet")
        path = f"{ROOM}/exports/{found[1]}/export_files/{found[2]}"
        return one_file(await self.api.send(Request("GET", path, job=job.id)), look=True)

    async def _listed(self, job: Job | None) -> Sequence[Mapping[str, Any]]:
        """GET …/export_files: an array under the key that holds an object elsewhere (C1).

        A 404 is about the identity, never about a file. Raises VendorRefused or BadPayload.
        """
        path = f"{ROOM}/user_identities/{self.account.user_identity}/export_files"
        reply = await self.api.send(Request("GET", path, job=job.id if job else None))
        if not answers.good(reply):
            failed = answers.failure(reply)
            raise VendorRefused(failed.text, status=reply.status) if isinstance(failed, NotFound) else failed
        found = pick(reply.object(), "export_files")
        if not isinstance(found, list):
            raise BadPayload(f"no list of files in the answer: {reply.unreadable()}", status=reply.status)
        return [item for item in found if isinstance(item, dict)]


def _find(listed: Sequence[Mapping[str, Any]], jobs: Sequence[Job]) -> Mapping[str, Seen]:
    """What the list tells of these jobs: reference → seen.

    The file's id alone decides: the vendor's sample has another export in `href` than in `export_id` [S2].
    """
    items = {answers.text(pick(item, "id")): item for item in listed if answers.text(pick(item, "status"))}
    references = [job.reference for job in jobs if job.reference]
    return {
        reference: parse_file(items[file])
        for reference in references
        if (file := reference.partition("/")[2]) in items
    }


def one_file(reply: Reply, *, look: bool = False) -> Mapping[str, Any]:
    """The one object that stands under the plural key `export_files` [S2].

    A 404 `{"message": "Not Found"}` [S2] is believed only when it repeats (`certain` False). Raises NotFound,
    VendorRefused or BadPayload.
    """
    if look and not answers.good(reply):
        raise answers.failure(reply, certain=False)
    found = pick(reply.object(), "export_files")
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        raise BadPayload(f"no export file in the answer: {reply.unreadable()}", status=reply.status)
    return found


def parse_file(item: Mapping[str, Any]) -> Seen:
    """One export file; its word is `in_progress` [S2] or `In Progress` (C2). Without one: BadPayload."""
    raw = answers.text(pick(item, "status"), answers.STATUS_WORD)
    if raw is None:
        raise BadPayload("the export file carries no status")
    return Seen(STATES.get(word(raw), JobState.UNKNOWN), raw)
