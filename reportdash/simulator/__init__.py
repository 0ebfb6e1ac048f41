"""The four vendors on loopback: their HTTP protocols as the documents have them, over real sockets.

Imports nothing of the rest of reportdash, so that a misreading of a protocol shows between the two.
"""

from reportdash.simulator.faults import Cut, Half, Hang, Lost, Reset, Slow
from reportdash.simulator.server import Simulator
from reportdash.simulator.wire import Reply, Request
from reportdash.simulator.world import Job, Stage

__all__ = ["Cut", "Half", "Hang", "Job", "Lost", "Reply", "Request", "Reset", "Simulator", "Slow", "Stage"]
