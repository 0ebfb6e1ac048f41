"""The contract suite: what every vendor must do, ours and plug-ins alike, over real HTTP.

Each test runs on a stage of its own, with an event loop of its own: pytest alone is enough.
"""

from reportdash.testing.acts import Acts
from reportdash.testing.looks import Looks


class VendorContract(Looks, Acts):
    """Subclass it in a test module as `class TestAcme(VendorContract)`, fill in the attributes without a
    default, and write `serve` (and `settings`, where the vendor has more than one address).
    """
