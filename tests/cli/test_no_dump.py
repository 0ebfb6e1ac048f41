"""A process that reads secrets leaves no core dump, wherever the kernel sends one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import ctypes, sys
from pathlib import Path
from reportdash.cli.context import Place, chain_of
from reportdash.settings import Settings

def dumpable():
    return ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)

before = dumpable()
chain_of(Place(Settings(), Path(sys.argv[1]), False))
print(before, dumpable())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_process_cannot_be_dumped_once_it_may_have_secrets(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "0"]
