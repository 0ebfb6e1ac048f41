"""Sigma (Intellect/Canvas): reports and report groups of one installation, published to a folder of its own.

Pages: [S1] status; B1 overview, B2 tokens, B3 run report, B4 run group, B5 B6 older status texts, B7 what a
newer version of the pages corrects.
Every call is a POST whose parameters, the token among them, travel in the query [S1], a JSON body or a form
(B3 calls them a payload and shows no call).
"""

from __future__ import annotations

import glob
import json
import re
import string
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from reportdash.errors import AuthFailed, BadPayload, NotFound, UsageProblem, VendorRefused
from reportdash.model import Credential, Job, LocalFile, Seen, Spec, Submitted
from reportdash.net.http import Reply, Request, Session
from reportdash.vendors import answers
from reportdash.vendors.contract import (
    AccountSettings,
    Action,
    Api,
    Can,
    File,
    No,
    PollPolicy,
    Url,
    Vendor,
    Yes,
    pick,
)
from reportdash.vendors.sigma_answers import (
    GROUP,
    bare_reference,
    code_of,
    failed,
    header_map,
    look,
    parse_group,
    parse_report,
    parse_submit,
    reports,
    said,
)

ROOM = "/sigma/rest/reports/"  # below the installation's own address [S1]
TOKEN_LIFE = 15 * 60.0  # ours: its real life is stated nowhere (B2); a refusal renews it as well
SECRET = ("accessToken", "clientToken", "clientId", "username", "password")
REMEMBERED = 4096

_CHILD = re.compile(r"#([1-9][0-9]{0,5})\Z")
_FIELDS = ("reportName", "referenceNumber", "reportId")


def _site(value: object) -> object:
    if not value:
        raise ValueError(
            "every Sigma installation has its own address: write "
            'base_url = "http://HOST:9081", what stands before /sigma in its own addresses'
        )
    return value


def _pattern(value: str) -> str:
    try:
        found = list(string.Formatter().parse(value))
    except ValueError as error:
        raise ValueError(
            f"published is not a pattern ({error}); a brace of its own is written twice"
        ) from None
    for _, name, spec, conversion in found:
        if name is not None and (name not in _FIELDS or spec or conversion):
            raise ValueError(f"published knows {', '.join(f'{{{f}}}' for f in _FIELDS)}, not {{{name}}}")
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise ValueError(
            "published must be an absolute path, as in /mnt/sigma/{reportName}*{referenceNumber}*"
        )
    return str(path)


class SigmaAccount(AccountSettings):
    """One Sigma installation (B1). `published` is where it publishes, as this server sees it: a glob pattern.

    `auth` is one of the ways of B2 whose parameters are known; ARXOAUTH, the third, has none on any page.
    `params_in`: where the parameters travel; the status page says query [S1].
    """

    SECRETS: ClassVar = (("client_id", "client_token"), ("username", "password"))

    vendor: Literal["sigma"] = "sigma"
    base_url: Annotated[Url, BeforeValidator(_site)] = Field(default="", validate_default=True)
    auth: Annotated[Literal["apikey", "basic"], Field(description="what a sign-in takes")] = "apikey"
    params_in: Annotated[
        Literal["query", "json", "form"], Field(description="where the parameters of a call go")
    ] = "query"
    published: Annotated[
        Annotated[str, AfterValidator(_pattern)] | None,
        Field(description="where Sigma publishes, as this server sees it: an absolute glob pattern"),
    ] = None

    def secret_fields(self) -> tuple[tuple[str, ...], ...]:
        return (self.SECRETS[0 if self.auth == "apikey" else 1],)


class Sigma(Vendor):
    """Sigma bound to one account. No page states a pace, a limit or the life of a result: these are ours."""

    name = "sigma"
    title = "Sigma"
    Account = SigmaAccount
    policy = PollPolicy(poll_min=10.0, poll_max=60.0)
    report_word = "report id or group:ID"
    reference_word = "REF or group:REF"
    params_hint = (
        "bindParams.NAME=… procedureParams.NAME=… preHookParams.NAME=… additionalParams.NAME=… · "
        "OPERATOR:COLUMN=… as in STR_EQUALS:accountNo=4711 · reportFilter={JSON}"
    )
    key_needs = "The key must be allowed to run the reports and to ask how they stand."

    account: SigmaAccount

    def __init__(self, account: AccountSettings, api: Api) -> None:
        super().__init__(account, api)
        self._told: dict[str, tuple[str, str]] = {}  # reference → report name and id, as Sigma writes them

    def can(self, action: Action, job: Job | None = None) -> Can:
        """No page has a call to list or delete; a download is promised (B1), but no page says how."""
        match action:
            case Action.DELETE:
                return No("Sigma has no delete; f forgets the row here")
            case Action.LIST:
                return No("Sigma lists no reports; track each one by its reference number")
            case Action.DOWNLOAD if self.account.published is None:
                return No(
                    "Sigma hands out no file itself; name the folder where it publishes "
                    "with published in this account's config"
                )
        return Yes()

    @classmethod
    def reference(cls, text: str) -> str:
        """The reference number of a run report [S1], or of a run group with `group:` before it."""
        given = text.strip()
        bare = given.removeprefix(GROUP)
        if not bare_reference(bare):
            raise UsageProblem(
                "a Sigma reference is REF or group:REF without spaces, as in group:2djj-6c394d0e, "
                f"not {answers.text(text, 60) or 'an empty text'!r}"
            )
        if given.startswith(GROUP) and _CHILD.search(given):
            raise UsageProblem(
                f"{given} is one report of a group; track the group {given.rpartition('#')[0]}"
            )
        return given

    def group(self, reference: str) -> bool:
        return reference.startswith(GROUP) and _CHILD.search(reference) is None

    def check(self, spec: Spec) -> Spec:
        """A report id with filters (B3), or a group's id, which takes none (B4)."""
        report = spec.report.strip()
        if not report.removeprefix(GROUP):
            raise UsageProblem("name a Sigma report id, or group:ID")
        if spec.format is not None or spec.time_from is not None or spec.time_to is not None:
            raise UsageProblem("Sigma takes no --format, --from or --to; its filters are parameters (-p)")
        if report.startswith(GROUP) and spec.params:
            raise UsageProblem(
                "a Sigma group runs as it is defined there and takes no parameters; leave -p away"
            )
        report_filter(spec.params)
        return replace(spec, report=report)

    # signing in

    async def sign_in(self, credential: Credential, old: Session | None, bare: Api) -> Session:
        """A token for a key or for name and password (B2).

        A key goes as `clientToken`; an early page misspelled it `clitentToken`, a later one corrects it (B7).
        """
        fields = credential.fields
        params: dict[str, Any] = {"action": "GENERATE_TOKEN"}
        if self.account.auth == "apikey":
            params |= {
                "authType": "APIKEY",
                "clientId": fields.get("client_id", ""),
                "clientToken": fields.get("client_token", ""),
            }
        else:
            params |= {
                "authType": "BASIC",
                "username": fields.get("username", ""),
                "password": fields.get("password", ""),
            }
        reply = await bare.send(replace(self._call("generate-token", params), public=True))
        if reply.status in (400, 401, 403):
            raise AuthFailed(said(reply), status=reply.status)
        if not answers.good(reply):
            raise BadPayload(reply.unreadable(), status=reply.status)
        header = header_map(reply)
        token = answers.token(pick(header, "accessToken"))
        if token is not None and not failed(header):
            return Session(token, lifetime=TOKEN_LIFE)
        code = answers.integer(pick(header, "statusCode"))
        refused = failed(header) or code in (400, 401, 403)
        if (code is not None and code >= 500) or not refused:
            raise BadPayload(f"the sign-in answer carries no token: {said(reply)}", status=reply.status)
        raise AuthFailed(said(reply), status=reply.status)

    def sign(self, request: Request, session: Session) -> Request:
        """The token is a parameter like the others, no header [S1]."""
        extra = {"accessToken": session.token}
        match self.account.params_in:
            case "json":
                return replace(request, json={**(request.json or {}), **extra})
            case "form":
                return replace(request, form={**(request.form or {}), **extra})
        return replace(request, query={**request.query, **extra})

    def refused(self, reply: Reply) -> bool:
        """Also a 401 inside an answer that HTTP calls a success [S1]."""
        if super().refused(reply):
            return True
        if b"401" not in reply.body and b"403" not in reply.body:  # most answers need not be read twice
            return False
        return code_of(reply)[1] in (401, 403)

    def _call(self, name: str, params: Mapping[str, Any], job: Job | None = None) -> Request:
        """A POST with its parameters where this installation wants them [S1][B3]; objects as JSON."""
        request = Request("POST", ROOM + name, job=job.id if job else None, secret=SECRET)
        if self.account.params_in == "json":
            return replace(request, json=dict(params))
        flat = {key: value if isinstance(value, str) else json.dumps(value) for key, value in params.items()}
        if self.account.params_in == "form":
            return replace(request, form=flat)
        return replace(request, query=flat)

    # the calls

    async def status(self, job: Job) -> Seen:
        """POST report-status with the action for a report or for a group, and the reference number [S1]."""
        if job.reference is None:
            raise VendorRefused("this job has no reference yet")
        group, child = _place(job.reference)
        if group is None:
            params = {"action": "REPORT_INSTANCE_STATUS_CHECK", "referenceNumber": job.reference}
            header = look(await self.api.send(self._call("report-status", params, job)))
            self._remember(job.reference, header)
            return parse_report(header)
        params = {"action": "REPORT_GROUP_INSTANCE_STATUS_CHECK", "referenceNumber": group}
        header = look(await self.api.send(self._call("report-status", params, job)))
        seen = parse_group(header, group)
        for place, report in enumerate(reports(header), 1):
            self._remember(f"{GROUP}{group}#{place}", report)
        if child is None:
            return seen
        if child > len(seen.children):
            raise NotFound(f"the group has no report {child}", certain=False)
        return seen.children[child - 1]

    async def submit(self, spec: Spec, key: str) -> Submitted:
        """POST generate: RUN_REPORT with reportId and filters (B3), EXEC_REPORT_GROUP with its id (B4)."""
        spec = self.check(spec)
        params: dict[str, Any]
        group = spec.report.startswith(GROUP)
        if group:
            params = {"action": "EXEC_REPORT_GROUP", "reportGroupId": spec.report.removeprefix(GROUP)}
        else:
            params = {"action": "RUN_REPORT", "reportId": spec.report}
            if wanted := report_filter(spec.params):
                params["reportFilter"] = wanted
        return parse_submit(await self.api.send(self._call("generate", params)), group=group)

    async def artifact(self, job: Job) -> File:
        """The pattern for this report's file, filled with the names Sigma itself gives it [S1].

        PUBLISHED means that it lies where Sigma was told to publish [S1]; no call hands it out.
        """
        able = self.can(Action.DOWNLOAD, job)
        if isinstance(able, No) or self.account.published is None:
            raise VendorRefused(able.reason if isinstance(able, No) else "no folder is named")
        reference = job.reference or ""
        if reference not in self._told:
            # Sigma may forget before the folder does: then go by the name we know.
            with suppress(NotFound):
                await self.status(job)
        name, report = self._told.get(reference, (job.name, job.spec.report if job.spec else ""))
        group, _ = _place(reference)
        return LocalFile(fill(self.account.published, name, group or reference, report))

    def _remember(self, reference: str, header: Mapping[str, Any]) -> None:
        self._told.pop(reference, None)
        self._told[reference] = (
            answers.text(pick(header, "reportName")) or "",
            answers.text(pick(header, "reportId")) or "",
        )
        while len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]


def _place(reference: str) -> tuple[str | None, int | None]:
    """The group's number and the child's place; None for what the reference does not name."""
    if not reference.startswith(GROUP):
        return None, None
    child = _CHILD.search(reference)
    bare = reference.removeprefix(GROUP)
    return (bare[: bare.rindex("#")], int(child[1])) if child else (bare, None)


# The published file.


def fill(pattern: str, name: str, reference: str, report: str) -> str:
    """`pattern` with Sigma's names in it, each taken literally; one it does not give matches anything.

    A separator in a name becomes `?`, which matches one character but never a separator; a name of dots
    alone could climb out of the folder. Raises VendorRefused for that.
    """
    values = {"reportName": name, "referenceNumber": reference, "reportId": report}
    filled = {}
    for key, value in values.items():
        value = value.strip()
        if value and not value.strip("."):
            raise VendorRefused(f"{key} {value!r} names no file")
        escaped = glob.escape(value) if value else "*"
        filled[key] = re.sub(r"[/\\\x00]", "?", escaped)
    parts = pattern.format(**filled).split("/")
    # `***` or `a**` means no more than `*`; only a lone `**` of the config's own has a meaning.
    return "/".join(part if part == "**" else re.sub(r"\*+", "*", part) for part in parts)


# Parameters of a submit (B3).

_SECTIONS = {
    name.casefold(): name for name in ("bindParams", "procedureParams", "preHookParams", "additionalParams")
}
_OPERATOR = re.compile(r"((?:STR|TDT|NUM_LONG)_[A-Z0-9_]+):(.+)", re.DOTALL)
_TYPES = {"STR": "STRING", "TDT": "DATE", "NUM_LONG": "LONG"}


def report_filter(params: Mapping[str, str]) -> dict[str, Any] | None:
    """Sigma's `reportFilter` (B3) from `-p` pairs; None without any.

    `SECTION.NAME=value` goes into bindParams, procedureParams, preHookParams or additionalParams.
    `OPERATOR:COLUMN=value` makes an entry of filterDef: OPERATOR is Sigma's filterId (STR_…, TDT_…,
    NUM_LONG_…), several values are parted by `|`. `reportFilter={JSON}` is taken as it stands, first.
    Raises UsageProblem for any other name.
    """
    wanted: dict[str, Any] = {}
    if "reportFilter" in params:
        try:
            whole = json.loads(params["reportFilter"])
        except (ValueError, RecursionError):
            whole = None
        if not isinstance(whole, dict):
            raise UsageProblem("reportFilter is one JSON object, as Sigma's own pages show it")
        wanted.update(whole)
    for key, value in params.items():
        section, dot, inner = key.partition(".")
        operator = _OPERATOR.fullmatch(key)
        if key == "reportFilter":
            continue
        if dot and inner and section.casefold() in _SECTIONS:
            part = _SECTIONS[section.casefold()]
            wanted[part] = {**_object(wanted.get(part), part), inner: value}
        elif operator:
            entries = wanted.get("filterDef") or []
            if not isinstance(entries, list):
                raise UsageProblem(
                    "filterDef inside reportFilter is a JSON array, as Sigma's own pages show it"
                )
            wanted["filterDef"] = [*entries, _filter(operator[1], operator[2].strip(), value)]
        else:
            raise UsageProblem(
                f"Sigma knows no parameter {answers.text(key, 60)!r}; write bindParams.NAME=…, "
                "procedureParams.NAME=…, preHookParams.NAME=…, additionalParams.NAME=…, "
                "OPERATOR:COLUMN=… (STR_EQUALS:accountNo=4711) or reportFilter={JSON}"
            )
    return wanted or None


def _object(value: Any, name: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise UsageProblem(f"{name} inside reportFilter is a JSON object, as Sigma's own pages show it")
    return value or {}


def _filter(operator: str, column: str, value: str) -> dict[str, Any]:
    """One entry of filterDef, its five fields as B3 has them; the type follows the operator's first word."""
    values = value.split("|")
    kind = next(_TYPES[prefix] for prefix in _TYPES if operator.startswith(prefix))
    return {
        "columnId": column,
        "filterId": operator,
        "filterDataType": kind,
        "filterValues": values,
        "filterDescriptions": values,
    }
