"""How the suite is played: what an author says of the vendor, a desk and a stage for each test."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar, NoReturn, TypeVar

from reportdash.errors import CallFailed
from reportdash.model import JobState, Spec
from reportdash.testing.desk import Desk, desk
from reportdash.testing.fake import HALF, Answer, FakeVendor, Fault
from reportdash.testing.stage import FakeStage, Jobs, Stage
from reportdash.vendors.contract import Action, No, Vendor

F = TypeVar("F", bound=CallFailed)

PATIENCE = 60.0
"""Seconds after which a test that goes round in circles is ended."""

PAGE = "<html><body>Please log in</body></html>"
UNREADABLE: dict[str, Fault] = {
    "html": Answer(200, PAGE, {"Content-Type": "text/html"}),
    "500": Answer(500, b'{"oops":', {"Content-Type": "application/json"}),
    "502": Answer(502, "Bad Gateway"),
    "half": HALF,
    "list": Answer(200, [{"status": "complete", "data": "complete"}]),
    "object": Answer(200, {"ok": True}),
    "empty": Answer(200, b"", {"Content-Type": "application/json"}),
    "number": Answer(200, 7),
    "NaN": Answer(200, b'{"status": NaN}', {"Content-Type": "application/json"}),
    "deep": Answer(200, b"[" * 100_000, {"Content-Type": "application/json"}),
}
"""Answers that say nothing of a job, whatever their status."""
UNCONFIRMED = ("html", "500", "502", "half", "list")
"""Those that confirm no delete, either."""
UNLISTED = ("html", "500", "502", "half", "object")
"""Those that are no empty list."""
HOSTILE = ("", " ", "../../x", "a b", "calls/../../oauth", "x\x1b[0m", "a/b/c", "%2e%2e/1", "calls/..")
"""References that would leave their place in a path."""
HOSTILE_JOBS = ("../../User/Login", "x?y=1&z=2", "calls/..%2f..%2foauth", "86446/1/../../2")
WORKING = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING})
WRONG = "0123456789abcdef-wrong"


def played(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a test of an async method `(self, at, stage, …)`: it gets a desk and the stage before it."""
    names = list(inspect.signature(test).parameters)[3:]

    @functools.wraps(test)
    def run(self: Play, **given: Any) -> None:
        async def play() -> None:
            async with asyncio.timeout(PATIENCE), self.stage() as stage, self.desk(stage) as at:
                await test(self, at, stage, **given)

        asyncio.run(play())

    # For pytest a plain function with these arguments, no coroutine.
    del run.__wrapped__
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(name, kind) for name in ("self", *names)])
    run.__signature__ = signature  # type: ignore[attr-defined]
    return run


class Play:
    """The attributes and methods by which a vendor's tests say what is particular about the vendor."""

    kind: ClassVar[type[Vendor]]
    """The vendor's class."""
    secrets: ClassVar[Mapping[str, str]]
    """One set of secret fields; the values are of the form the vendor's have, and 8 characters or longer."""
    reference: ClassVar[str]
    """A reference in canonical form, and another one, of a job the vendor does not have."""
    other: ClassVar[str]
    spec: ClassVar[Spec]
    """What a submit takes."""
    words: ClassVar[Mapping[str, JobState]]
    """Each documented status word, as the vendor writes it, and our state for it."""
    running: ClassVar[str]
    """Of those, one of a job at work, and one of a job whose report can be had."""
    ready: ClassVar[str]
    calls: ClassVar[Mapping[str, str]]
    """`METHOD /path` (a shell pattern) of the calls `status submit download delete list`, those the vendor
    has. `download`: the API call of `artifact`.
    """

    explains: ClassVar[str | None] = None
    """The word of a job whose status comes with a reason in the vendor's words (a failed one's, mostly)."""
    sign_in: ClassVar[str | None] = None
    """The sign-in call, where there is one; None: the credential itself signs."""
    missing_is_certain: ClassVar[bool] = True
    """Whether one "not found" is believed, or has to repeat (`NotFound.certain`)."""
    free_references: ClassVar[bool] = False
    """Whether any text without blanks is a reference; then it must not travel in a path."""
    delete_answers_nothing: ClassVar[bool] = False
    """Whether the documented confirmation of a delete has no body."""
    origins: ClassVar[int] = 1
    """How many addresses the fake vendor listens at."""

    # What an author writes.

    def settings(self, fake: FakeVendor) -> Mapping[str, Any]:
        """The account's keys, with the fake vendor's addresses in them."""
        return {"base_url": fake.url}

    def serve(self, fake: FakeVendor, jobs: Jobs) -> None:
        """Script the vendor's healthy answers with `fake.on`: it knows `jobs`, takes the credential `secrets`
        alone, and adds to `jobs` what is submitted.
        """
        raise NotImplementedError("write serve(fake, jobs), or stage()")

    def refusal(self, text: str) -> Any:
        """The body of an answer with which the vendor says no in these words."""
        return {"message": text}

    def expire(self, fake: FakeVendor) -> None:
        """Every session is over. Default: the next status call is answered with 401."""
        fake.once(self.calls["status"], Answer(401, self.refusal("The session has expired.")))

    def numbered(self, number: int) -> str | None:
        """The reference of the n-th of many jobs, for a vendor that lists; None: its list has no pages."""
        return None

    def same(self, got: bytes, made: bytes) -> bool:
        """Whether what was handed out is the report that was made."""
        return got == made

    # The stage.

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[Stage]:
        """The other side of one test."""
        async with FakeVendor(self.origins) as fake:
            jobs: Jobs = {}
            self.serve(fake, jobs)
            yield FakeStage(
                fake,
                jobs,
                self.calls,
                self.settings(fake),
                self.secrets,
                functools.partial(self.expire, fake),
            )

    def desk(self, stage: Stage, **other_secrets: str) -> AbstractAsyncContextManager[Desk]:
        """A desk before the stage; `other_secrets` are laid over the right ones."""
        return desk(self.kind, stage.settings, {**stage.secrets, **other_secrets})

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """One test for each word, unreadable answer and hostile reference."""
        given: dict[str, Sequence[Any]] = {
            "word": list(self.words),
            "unreadable": list(UNREADABLE),
            "unconfirmed": UNCONFIRMED,
            "unlisted": UNLISTED,
            "hostile": HOSTILE,
            "busy": (429, 503),
            "refused": (400, 404, 422),
        }
        for name in metafunc.fixturenames:
            if name in given:
                metafunc.parametrize(name, given[name])

    # Helpers of the tests.

    def _sign_ins(self, stage: Stage) -> int:
        if self.sign_in is None:
            return 0
        method, _, path = self.sign_in.partition(" ")
        return sum(r.method == method and r.path.endswith(path) for r in stage.requests())

    def _needs(self, at: Desk, action: Action) -> None:
        able = at.vendor.can(action)
        if isinstance(able, No):
            skip(able.reason)


async def fails(call: Awaitable[Any], *kinds: type[F]) -> F:
    """What a call must end with. Raises AssertionError when it gives something, or ends otherwise."""
    wanted = " or ".join(kind.__name__ for kind in kinds)
    try:
        given = await call
    except kinds as failure:
        return failure
    except CallFailed as other:
        raise AssertionError(f"{type(other).__name__} ({other.text}) in place of {wanted}") from other
    raise AssertionError(f"{given!r} in place of {wanted}")


def skip(reason: str) -> NoReturn:
    """This test is nothing for this vendor."""
    import pytest  # here, because reportdash itself runs without

    pytest.skip(reason)
