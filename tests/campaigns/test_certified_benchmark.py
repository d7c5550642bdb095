"""
`benchmarks.certified`: small networks of all kinds.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.certified import WARM_LIMIT, measure
from dwdht_twisted.testing import CertifiedMembers


class CertifiedBenchmarkTests(SynchronousTestCase):
    """
    A network by certificate beside an open one.
    """

    def test_warmLookup(self) -> None:
        """
        A lookup among 25 nodes of a network by certificate takes at most 1.3 times as long as on an
        open network, once the node has associations with the others.
        """
        opened = measure("open", lambda: None, 25)
        certified = measure("certificate", CertifiedMembers().make, 25)
        self.assertLessEqual(certified.warm, WARM_LIMIT * opened.warm)
