"""What the dashboard remembers: a file that comes back as it was written, and is never in the way."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.settings import View
from reportdash.settings.memory import Memory, recall, remember

texts = st.text(st.characters(codec="utf-8"), max_size=20)
names = texts.filter(bool)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "screen.toml"


@given(
    themes=st.dictionaries(st.sampled_from(["many", "few"]), st.tuples(names, names)),
    view=texts,
    filter=texts,
    sort=texts,
    looked_at=st.floats(0, 1e11),
    views=st.dictionaries(
        texts,
        st.builds(
            View, texts, st.none() | names, st.none() | st.lists(names, min_size=1, max_size=3).map(tuple)
        ),
    ),
)
def test_what_was_remembered_comes_back(tmp_path_factory: pytest.TempPathFactory, **fields: object) -> None:
    path = tmp_path_factory.mktemp("memory") / "screen.toml"
    remember(path, **fields)
    assert recall(path) == Memory(**fields)  # type: ignore[arg-type]


def test_what_is_not_named_stays_as_the_file_has_it(path: Path) -> None:
    remember(path, view="month-end", views={"month-end": View("name:*month*")})
    remember(path, filter="state:failed")
    assert recall(path) == Memory(
        view="month-end", filter="state:failed", views={"month-end": View("name:*month*")}
    )


def test_the_file_is_the_operators_alone_and_nothing_lies_beside_it(path: Path) -> None:
    remember(path, view="working")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["screen.toml"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"view = ",
        b"view = 3\nfilter = []\nlooked_at = true\nthemes = 1\nviews = [1]\n",
        b'looked_at = nan\n[themes]\nmany = ["a"]\n[views]\na = 1\n',
        b"[" * 5000,
    ],
)
def test_a_file_that_makes_no_sense_is_an_empty_memory(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert recall(path) == Memory()


def test_without_a_file_there_is_nothing_to_remember(path: Path) -> None:
    assert recall(path) == recall(None) == Memory()


def test_a_write_that_fails_leaves_the_old_file_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(path, view="working")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        remember(path, view="saved")
    assert recall(path).view == "working"
    assert [found.name for found in path.parent.iterdir()] == ["screen.toml"]


def test_a_chosen_theme_counts_as_long_as_the_config_says_what_it_said_then(path: Path) -> None:
    memory = remember(path, themes={"many": ("reportdash-light", "reportdash-dark")})
    assert memory.theme("many", "reportdash-dark") == "reportdash-light"
    assert memory.theme("many", "reportdash-contrast") == "reportdash-contrast", (
        "the config was changed since"
    )
    assert memory.theme("few", "reportdash-ansi") == "reportdash-ansi", "another kind of terminal"
