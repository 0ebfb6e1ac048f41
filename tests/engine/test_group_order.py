"""A vendor may tell a group's reports in another order the next time, or one more before those it told."""

from __future__ import annotations

from pathlib import Path

from reportdash.lifecycle import fold_children
from reportdash.model import Artifact, ArtifactState, Job, JobState, LocalFile, Seen, replace
from tests.engine.shelf import Bench, bench


def seen(*names: str, state: JobState = JobState.READY) -> Seen:
    children = tuple(
        Seen(state, "done", reference=f"group:G1#{n}", name=name) for n, name in enumerate(names, 1)
    )
    return Seen(state, "done", children=children, children_total=len(children))


async def look(made: Bench, parent: Job, told: Seen) -> list[Job]:
    await made.ledger.change_group(
        parent.id, lambda job, known: (job, fold_children(job, known, told, made.clock.now()))
    )
    return await made.ledger.children(parent.id)


async def test_reports_that_change_places_are_both_saved_each_under_its_own_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("A", "B"):
        (out / f"{name}.csv").write_bytes(f"of,{name}\n1,2\n".encode())
    places = ["A", "B"]
    async with bench(tmp_path, lambda job: LocalFile(str(out / f"{places[job.ordinal - 1]}.csv"))) as made:
        parent = await made.job("pppppp", reference="group:G1", children_total=2, spec=None)
        await look(made, parent, seen(*places))
        (out / "B.csv").rename(tmp_path / "B.csv")
        assert not (await made.downloads.fetch(parent.id)).ok
        (tmp_path / "B.csv").rename(out / "B.csv")
        places.reverse()
        await look(made, parent, seen(*places))
        outcome = await made.downloads.fetch(parent.id)
        assert outcome.ok, outcome.text
        children = await made.ledger.children(parent.id)
        assert [child.name for child in children] == ["B", "A"]
        for child in children:
            assert child.artifact is not None and child.artifact.path is not None
            path = Path(child.artifact.path)
            assert path.name.startswith(f"main_{child.name}_")
            assert path.read_bytes().startswith(f"of,{child.name}\n".encode())


async def test_a_report_that_comes_before_those_that_were_told_takes_its_place(tmp_path: Path) -> None:
    async with bench(tmp_path, lambda job: None) as made:
        parent = await made.job("pppppp", reference="group:G1", children_total=2, spec=None)
        (first,) = await look(made, parent, seen("B"))
        copy = Artifact(ArtifactState.SAVED, "/r/b.csv", 5, 5)
        first, second = await look(made, parent, seen("A", "B"))
        assert (first.name, second.name) == ("A", "B")
        await made.ledger.change(second.id, lambda row: replace(row, artifact=copy))
        assert (await look(made, parent, seen("A", "B")))[1].artifact == copy
