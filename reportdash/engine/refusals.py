"""Why there is nothing to download for a job as it stands. Pure."""

from __future__ import annotations

from reportdash.engine.outcome import Outcome
from reportdash.errors import Exit
from reportdash.model import HAS_FILE, Job, JobState
from reportdash.plain import clean
from reportdash.vendors.contract import Action, No, Vendor

_NO_FILE = {
    JobState.EMPTY: "the report is empty: the vendor made no file",
    JobState.CANCELLED: "it was cancelled at the vendor: there is no file",
    JobState.DELETING: "it is being deleted at the vendor",
    JobState.DELETED: "it is deleted at the vendor: there is no file any more",
    JobState.EXPIRED: "it expired: the vendor keeps the file no longer",
    JobState.LOST: "the vendor does not know it any more",
}


def refused(job: Job, vendor: Vendor) -> Outcome | None:
    """Why nothing is fetched for this job as it stands; None when a try makes sense."""
    if job.parent is not None:
        text = f"it is one report of a group; download the group {job.parent}, which saves each of its files"
        return Outcome(job, Exit.REFUSED, text)
    if job.state is JobState.UNKNOWN:
        word = clean(job.vendor_status or "", 60)
        text = f"{word!r} is not a known word for a finished report: nothing is fetched on a guess"
        return Outcome(job, Exit.REFUSED, text)
    able = vendor.can(Action.DOWNLOAD)
    if isinstance(able, No):
        return Outcome(job, Exit.REFUSED, able.reason)
    if job.state not in HAS_FILE:
        return Outcome(job, Exit.FAILED, why_none(job))
    able = vendor.can(Action.DOWNLOAD, job)
    if isinstance(able, No):
        return Outcome(job, Exit.REFUSED, able.reason)
    return None


def why_none(job: Job) -> str:
    """One clause about a job without a file."""
    said = f": {job.message}" if job.message else ""
    if job.state is JobState.FAILED:
        return f"it failed at the vendor{said}"
    if job.state is JobState.SUBMITTING:
        return f"it is not at the vendor yet{said}"
    return _NO_FILE.get(job.state) or f"not ready yet: {job.state}"
