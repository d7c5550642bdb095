"""
`Silences`, the memory of the addresses that left requests unanswered.
"""

from __future__ import annotations

from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import Silences
from dwdht_twisted._core.limits.bounds import (
    MAXIMUM_SILENCE_CHECKS,
    SILENCE_CHECKED_AFTER,
    SILENCE_TO_REQUEST_REMEMBERED_FOR,
    SILENCES_REMEMBERED,
)
from dwdht_twisted._core.limits.silences import DEAF_AFTER
from dwdht_twisted._core.wire import HostPort

#: Addresses of two nodes.
PEER, OTHER = ("20.0.0.1", 1), ("20.0.1.1", 1)


class SilencesTests(SynchronousTestCase):
    """
    Addresses that left a request of the node's own unanswered.
    """

    def setUp(self) -> None:
        self.silences = Silences()

    def checks(self, address: HostPort, until: float) -> list[float]:
        """Return the times at which an address is checked, one possible check a second."""
        return [
            now for now in map(float, range(int(until))) if address in self.silences.toCheck(now)
        ]

    def test_silenceIsRememberedForMinutes(self) -> None:
        """A silent address is remembered for five minutes after its first silence."""
        self.silences.missed(PEER, 0.0)
        self.silences.missed(PEER, 200.0)
        soon = SILENCE_TO_REQUEST_REMEMBERED_FOR - 1
        self.assertTrue(self.silences.isSilent(PEER, soon))
        self.assertFalse(self.silences.isSilent(PEER, SILENCE_TO_REQUEST_REMEMBERED_FOR))

    def test_pingsOfALimitedAddressSpendWhatIsLeft(self) -> None:
        """
        An address that has never answered is pinged while the pings fit in what is left for it.
        What another silent request leaves is added.
        """
        self.silences.limit(PEER, 100.0, 0.0)
        self.silences.missed(PEER, 0.0)
        self.assertTrue(self.silences.isLimited(PEER, 1.0))
        self.assertEqual(
            [self.silences.spend(PEER, 40, 1.0) for _ in range(3)], [True, True, False]
        )
        self.silences.limit(PEER, 20.0, 2.0)
        self.assertEqual([self.silences.spend(PEER, 40, 2.0) for _ in range(2)], [True, False])

    def test_otherSilentAddressesAreNotLimited(self) -> None:
        """
        An address that was silent before it was limited is pinged without a bound, because it has
        answered once. So is an address that answers.
        """
        self.silences.missed(PEER, 0.0)
        self.silences.limit(PEER, 0.0, 1.0)
        self.silences.limit(OTHER, 0.0, 1.0)
        self.silences.answered(OTHER, 2.0)
        for address in (PEER, OTHER):
            self.assertFalse(self.silences.isLimited(address, 3.0))
            self.assertTrue(self.silences.spend(address, 40, 3.0))

    def test_answerEndsASilence(self) -> None:
        """An address that answers is no longer silent, and is not checked. Others still are."""
        self.silences.answered(OTHER, 0.0)
        for address in (PEER, OTHER):
            self.silences.missed(address, 0.0)
        self.silences.answered(PEER, 1.0)
        self.assertFalse(self.silences.isSilent(PEER, 1.0))
        self.assertTrue(self.silences.isSilent(OTHER, 1.0))
        self.assertEqual(self.silences.toCheck(100.0), [OTHER])

    def test_pausesBetweenChecksGrow(self) -> None:
        """
        A silent address is checked first after ten seconds, and each time again after twice as long
        a silence, until it is forgotten.
        """
        self.silences.missed(PEER, 0.0)
        checks = self.checks(PEER, 2 * SILENCE_TO_REQUEST_REMEMBERED_FOR)
        self.assertEqual(checks[0], SILENCE_CHECKED_AFTER)
        self.assertTrue(all(later == 2 * earlier for earlier, later in pairwise(checks)))
        self.assertGreater(2 * checks[-1], SILENCE_TO_REQUEST_REMEMBERED_FOR)

    def test_checksAreBounded(self) -> None:
        """
        Of many silent addresses, 16 are checked at a time. None is checked again before all others.
        """
        addresses = [("20.0.0.1", port) for port in range(3 * MAXIMUM_SILENCE_CHECKS)]
        for address in addresses:
            self.silences.missed(address, 0.0)
        checked = [self.silences.toCheck(10.0) for _ in range(4)]
        self.assertEqual([len(each) for each in checked], 3 * [MAXIMUM_SILENCE_CHECKS] + [0])
        self.assertEqual([address for each in checked for address in each], addresses)

    def test_memoryIsBounded(self) -> None:
        """Of more silent addresses than are remembered, the latest are remembered."""
        addresses = [("20.0.0.1", port) for port in range(SILENCES_REMEMBERED + 10)]
        for address in addresses:
            self.silences.missed(address, 0.0)
        silent = [address for address in addresses if self.silences.isSilent(address, 1.0)]
        self.assertEqual(silent, addresses[10:])

    def test_silencesWhileNobodyAnsweredAreForgotten(self) -> None:
        """
        When a node hears an answer after a time without any, it forgets the silences of that time,
        and keeps those that came before.
        """
        self.silences.answered(("20.0.2.1", 1), 0.0)
        self.silences.missed(PEER, DEAF_AFTER)
        self.silences.missed(OTHER, DEAF_AFTER + 1)
        self.assertTrue(self.silences.isSilent(OTHER, 30.0))
        self.silences.answered(("20.0.2.1", 1), 30.0)
        self.assertTrue(self.silences.isSilent(PEER, 30.0))
        self.assertFalse(self.silences.isSilent(OTHER, 30.0))
