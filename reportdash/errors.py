"""What can go wrong, in two families.

`Problem` is said to a person: what, why, what next, with the exit code of the command line.
`CallFailed` is what a vendor call can end with; the engine turns it into health, retries or a Problem.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command; an interface for scripts."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CREDENTIALS = 3
    UNREACHABLE = 4
    REFUSED = 5
    INTERNAL = 70
    INTERRUPTED = 130


# For several jobs the worst counts; the order of "worst" is the contract's.
_WORST = (Exit.CREDENTIALS, Exit.UNREACHABLE, Exit.REFUSED, Exit.FAILED, Exit.USAGE)


def worst(codes: list[Exit]) -> Exit:
    """The code that stands for several jobs: the first present of 3, 4, 5, 1, 2; else 0."""
    return next((code for code in _WORST if code in codes), Exit.OK)


class Problem(Exception):
    """A sentence for the operator, with the exit code it ends a command with."""

    exit_code: Exit = Exit.FAILED

    def __init__(self, text: str, *, exit_code: Exit | None = None) -> None:
        super().__init__(text)
        self.text = text
        if exit_code is not None:
            self.exit_code = exit_code


class UsageProblem(Problem):
    """Wrong words on the command line, or a wrong config."""

    exit_code = Exit.USAGE


class PlugInBroken(UsageProblem):
    """A vendor's plug-in that can not be used; accounts of other vendors go on without it.

    `remedy`: what to do about it, without the accounts.
    """

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(f"{text}; {remedy}")
        self.what = text
        self.remedy = remedy


class CredentialProblem(Problem):
    """A credential is missing, locked away, or refused by the vendor."""

    exit_code = Exit.CREDENTIALS


class UnreachableProblem(Problem):
    """The vendor gave no usable answer in time."""

    exit_code = Exit.UNREACHABLE


class SafetyProblem(Problem):
    """A safety rule says no: nothing was sent."""

    exit_code = Exit.REFUSED


class CallFailed(Exception):
    """One vendor call ended without a usable answer.

    `text` is one line for people (vendor text in it is raw: clean it before showing);
    `status` the HTTP status when there was one; `code` the vendor's own error code, if any.
    `sent` is False only when it is certain that the request itself did not leave.
    """

    sent: bool = True

    def __init__(self, text: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.code = code


class NoCredential(CallFailed):
    """No usable credential for this account; nothing was sent."""


class AuthFailed(CallFailed):
    """The vendor refused the credential, after one fresh sign-in."""


class Throttled(CallFailed):
    """429 or 503. `retry_after`: seconds the vendor asked for, already parsed and clamped, or None."""

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(text, status=status, code=code)
        self.retry_after = retry_after


class Unreachable(CallFailed):
    """Transport failed."""

    def __init__(self, text: str, *, sent: bool = True) -> None:
        super().__init__(text)
        self.sent = sent


class BadPayload(CallFailed):
    """An answer came, but it is not readable as what the vendor documents (HTML, half JSON, 5xx)."""


class NotFound(CallFailed):
    """The vendor does not know the job (any more).

    `certain` False: at this vendor the answer must repeat (three polls over ten minutes) to be believed.
    """

    def __init__(
        self, text: str, *, status: int | None = None, code: str | None = None, certain: bool = True
    ) -> None:
        super().__init__(text, status=status, code=code)
        self.certain = certain


class VendorRefused(CallFailed):
    """The vendor understood the request and said no, in its own words (`text`)."""


class SlotsFull(VendorRefused):
    """The vendor runs as many jobs as it allows; the submit waits for one to end."""


class LeaseLost(Exception):
    """Another process polls this account now: the write that carried an old fence was not made."""
