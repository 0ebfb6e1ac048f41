"""Answers of Sigma as its pages have them, for tests to put in the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reportdash.simulator import Reply
from reportdash.simulator.wire import json_reply
from tests.contract.conftest import Desk

STATUS, RUN, TOKEN = "*/report-status*", "*/generate[?]*", "*/generate-token*"


def header(**fields: Any) -> Reply:
    """A headerMap under HTTP 200."""
    return json_reply({"headerMap": fields})


def failure(code: int | str | None, http: int = 200) -> Reply:
    """As [S1] has a failed check; FAILED stands there to be mistaken for the report's own word."""
    more = {} if code is None else {"statusCode": code}
    words = {"errorMsg": "Branch 12 is closed.", "reportStatus": "FAILED", "errorCode": "SIG-7"}
    return replace(header(replyType="FAILURE", success="false", **words, **more), status=http)


async def looked(desk: Desk, answer: Reply, reference: str = "REF") -> Any:
    """What the vendor makes of this answer to a status call."""
    desk.sim.inject("sigma", answer, path=STATUS)
    return await desk.vendor.status(desk.job(reference))
