"""What the first paint takes from the config, and where the config is."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.settings import FirstLook, config_path, data_dir, first_look


def test_the_first_look_takes_what_is_right(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        'theme = "mine"\nglyphs = "ascii"\nmouse = true\nwire = false\n'
        '[keys]\nquit = "Q"\ndelete = false\nbad = 3\n[views.a]\nfilter = "x"\n'
        '[accounts.main]\nvendor = "7g"\n'
    )
    look = first_look(path)
    assert (look.theme, look.glyphs, look.mouse, look.wire) == ("mine", "ascii", True, False)
    assert look.keys == {"quit": "Q", "delete": False}
    assert look.views["a"].filter == "x"
    assert look.accounts == {"main": "7g"}
    assert first_look(path, {"REPORTDASH_THEME": "light", "REPORTDASH_MOUSE": "false"}).theme == "light"
    assert first_look(path, {"REPORTDASH_MOUSE": "false"}).mouse is False


@pytest.mark.parametrize(
    "content",
    [
        b"a =",
        b"\xff\xfe",
        b"a = " + b"[" * 5_000,
        b"theme = 3\nglyphs = 1\nmouse = 'x'\nkeys = 2\nviews = 3\naccounts = 4",
        b"n = " + b"9" * 5_000,
        b"[views]\na = 1\n[accounts]\nb = 2\n",
    ],
)
def test_the_first_look_never_raises(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    assert first_look(path) == FirstLook()
    assert first_look(tmp_path) == FirstLook()
    assert first_look(tmp_path / "none") == FirstLook()


def test_config_and_data_are_where_the_platform_keeps_them() -> None:
    home = {"HOME": "/home/op"}
    assert config_path(None, home) == Path("/home/op/.config/reportdash/config.toml")
    assert data_dir(None, home) == Path("/home/op/.local/share/reportdash")
    xdg = {**home, "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d"}
    assert config_path(None, xdg) == Path("/c/reportdash/config.toml")
    assert data_dir(None, xdg) == Path("/d/reportdash")
    named = {**xdg, "REPORTDASH_CONFIG": "~/r.toml", "REPORTDASH_DATA_DIR": "/data"}
    assert config_path(None, named) == Path("/home/op/r.toml")
    assert data_dir(None, named) == Path("/data")
    assert config_path("/x.toml", named) == Path("/x.toml")
    assert data_dir("here", named) == Path.cwd() / "here"
