"""The vendor's side of a test: a stage on which the suite puts jobs and lets things go wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reportdash.testing.fake import FakeVendor, Fault, Received


@dataclass
class FakeJob:
    """A job as the fake vendor has it: `word` is its status in the vendor's own words, `message` the reason
    the vendor gives, `content` the report; `deleted` once the vendor was told to delete it.
    """

    reference: str
    word: str
    message: str = ""
    content: bytes = b""
    deleted: bool = False


Jobs = dict[str, FakeJob]
"""What a fake vendor has, by reference."""


class Stage(ABC):
    """What the suite asks of the other side. A plug-in's author needs `FakeStage` only; another one can stand
    before any server that speaks the vendor's protocol.
    """

    settings: Mapping[str, Any]
    """The account's keys, addresses included, as a config has them."""
    secrets: Mapping[str, str]
    """Its secret fields, the right ones."""

    @abstractmethod
    def know(self, reference: str, word: str, *, message: str = "", content: bytes | None = None) -> bytes:
        """The vendor has this job now. Gives back the report a download must hand out."""

    @abstractmethod
    def spoil(self, call: str, fault: Fault, *, times: int | None = 1) -> None:
        """The next `times` calls (`status submit download delete list`) end like this; None: all of them."""

    @abstractmethod
    def expire(self) -> None:
        """Every session given out so far is over."""

    @abstractmethod
    def deleted(self, reference: str) -> bool:
        """Whether the vendor was told to delete the job, and did."""

    @abstractmethod
    def requests(self) -> Sequence[Received]:
        """Every request the vendor had, oldest first, without those of a foreign storage."""


class FakeStage(Stage):
    """A `FakeVendor` with jobs that its script reads."""

    def __init__(
        self,
        fake: FakeVendor,
        jobs: Jobs,
        calls: Mapping[str, str],
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
        expire: Callable[[], None],
    ) -> None:
        self.fake = fake
        self.jobs = jobs
        self.calls = calls
        self.settings = settings
        self.secrets = secrets
        self._expire = expire

    def know(self, reference: str, word: str, *, message: str = "", content: bytes | None = None) -> bytes:
        made = b"id,amount\n1,2.50\n" if content is None else content
        self.jobs[reference] = FakeJob(reference, word, message, made)
        return made

    def spoil(self, call: str, fault: Fault, *, times: int | None = 1) -> None:
        assert call in self.calls, f"the vendor has a call to {call}: name it in `calls`"
        self.fake.once(self.calls[call], fault, times)

    def expire(self) -> None:
        self._expire()

    def deleted(self, reference: str) -> bool:
        return self.jobs[reference].deleted

    def requests(self) -> Sequence[Received]:
        return self.fake.requests
