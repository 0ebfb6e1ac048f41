"""`python -m reportdash.simulator`: the simulator alone, or with `--child` for the demo."""

from __future__ import annotations

import argparse
import sys


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 when a port cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m reportdash.simulator", description=__doc__)
    parser.add_argument("--child", action="store_true", help="serve a parent over standard input and output")
    parser.add_argument("--port", type=int, default=0, help="first of five ports; 0 takes free ones")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pace", type=float, default=1.0, help="10 makes jobs ten times as fast")
    parser.add_argument("--changes", type=float, help="visible changes a second, 0 for none (child only)")
    parser.add_argument("--chaos", action="store_true", help="let things go wrong, repeatably")
    given = parser.parse_args(arguments)
    if given.changes is not None and not 0 <= given.changes <= 200:
        parser.error("--changes must be 0 to 200")
    if given.pace <= 0:
        parser.error("--pace must be above 0")
    if given.child:
        from reportdash.simulator.child import run_child

        run_child(seed=given.seed, changes=given.changes, chaos=given.chaos, pace=given.pace)
        return 0
    from reportdash.simulator.standalone import run_forever

    try:
        run_forever(given.port, given.seed, given.chaos, given.pace)
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
