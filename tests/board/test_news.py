"""What changed while nobody looked: which rows count, and the line that says so."""

from __future__ import annotations

import pytest

from reportdash.board.news import news
from reportdash.model import Artifact, ArtifactState, Job, JobState

NOW = 1_800_000_000.0


def job(id: str, state: JobState, **more: object) -> Job:
    return Job(id=id, account="main", vendor="7g", name=id, reference=id, state=state, **more)  # type: ignore[arg-type]


def said(then: dict[str, JobState | None], jobs: list[Job], key: str = "c") -> str:
    return "".join(run.text for run in news(then, jobs, NOW - 60).line(NOW, key))


def test_settled_states_are_counted_the_most_urgent_named_first() -> None:
    then: dict[str, JobState | None] = dict.fromkeys("abcd", JobState.RUNNING)
    jobs = [
        job("a", JobState.READY),
        job("b", JobState.FAILED),
        job("c", JobState.READY, artifact=Artifact(ArtifactState.SAVED, path="/r/c.csv")),
        job("d", JobState.EXPIRED),
    ]
    text = said(then, jobs)
    assert "✓ 2 ready, 1 of them saved" in text and "✗ 1 failed" in text and "▲ 1 expired" in text
    assert text.endswith("c shows them")
    assert news(then, jobs, NOW).jobs[0] == "b"


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (JobState.QUEUED, JobState.RUNNING),
        (JobState.READY, JobState.READY),
        (JobState.RUNNING, JobState.FINALIZING),
    ],
)
def test_work_that_goes_on_is_no_news(then: JobState, now: JobState) -> None:
    assert said({"a": then}, [job("a", now)]).startswith("Nothing has changed since ")


def test_a_row_that_was_not_there_is_new() -> None:
    assert "1 new at work" in said({"a": None}, [job("a", JobState.RUNNING)])
    assert "1 ready" in said({"a": None}, [job("a", JobState.READY)])


def test_a_job_that_went_back_to_work_is_news() -> None:
    assert "1 new at work" in said({"a": JobState.LOST}, [job("a", JobState.QUEUED)])


def test_parts_of_groups_and_rows_without_a_change_are_not_counted() -> None:
    jobs = [job("a", JobState.READY, parent="g"), job("b", JobState.READY)]
    assert news({"a": JobState.RUNNING}, jobs, NOW).jobs == ()


def test_a_key_that_is_off_is_not_named() -> None:
    assert "shows" not in said({"a": JobState.RUNNING}, [job("a", JobState.FAILED)], key="")
