"""A process that reads secrets leaves no core dump, wherever the kernel sends one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import ctypes, sys
from pathlib import Path
from reportdash.cli.context import undumpable

def dumpable():
    return ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)

before = dumpable()
undumpable(Path(sys.argv[1]))
print(before, dumpable())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.parametrize(("pattern", "dumpable"), [("|/usr/share/apport/apport %p", "0"), ("core", "1")])
def test_a_process_with_secrets_is_dumped_into_no_pipe(tmp_path: Path, pattern: str, dumpable: str) -> None:
    path = tmp_path / "core_pattern"
    path.write_text(pattern)
    done = subprocess.run([sys.executable, "-c", CODE, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", dumpable]
