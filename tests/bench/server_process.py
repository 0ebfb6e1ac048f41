"""The lean vendor in a process of its own, for as long as it is needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def vendor() -> Iterator[int]:
    """Its port on loopback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
