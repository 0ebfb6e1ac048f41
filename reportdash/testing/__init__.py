"""What the author of a vendor plug-in needs: the contract suite, a vendor to fake, a desk to try things at.

`docs/vendors.md` tells how to use it. It needs pytest only for running the suite; reportdash itself never
imports this package.
"""

import sys

if (pytest := sys.modules.get("pytest")) is not None:
    # Then a failed assert of the suite shows the values it compared, as in a test module.
    pytest.register_assert_rewrite("reportdash.testing.looks", "reportdash.testing.acts")

from reportdash.testing.contract import VendorContract
from reportdash.testing.desk import START, Desk, NoReport, content_of, desk
from reportdash.testing.fake import HALF, LOST, RESET, STUCK, Answer, FakeVendor, Fault, Received, Trouble
from reportdash.testing.play import fails
from reportdash.testing.stage import FakeJob, FakeStage, Jobs, Stage

__all__ = [
    "HALF",
    "LOST",
    "RESET",
    "START",
    "STUCK",
    "Answer",
    "Desk",
    "FakeJob",
    "FakeStage",
    "FakeVendor",
    "Fault",
    "Jobs",
    "NoReport",
    "Received",
    "Stage",
    "Trouble",
    "VendorContract",
    "content_of",
    "desk",
    "fails",
]
