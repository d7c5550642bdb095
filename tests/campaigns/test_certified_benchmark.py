"""
`benchmarks.certified`: small networks of all kinds.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.certified import WARM_LIMIT, measure, measureMemory
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

    def test_memory(self) -> None:
        """
        An association takes less than 100 kB at the end of a node in a process of its own, and at
        least ten times as much as another node does on an open network.
        """
        opened, certified = (measureMemory(kind, others=60) for kind in ("open", "certificate"))
        self.assertLess(certified.each, 100_000)
        self.assertGreater(certified.each, 10 * opened.each)
