"""
`FairRate`, a token bucket that public /24 networks share.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import FairRate
from dwdht_twisted._core.limits.bounds import TOKENS_PER_HOST


class FairRateTests(SynchronousTestCase):
    """
    A `FairRate` of 500 tokens a second.
    """

    def setUp(self) -> None:
        self.rate = FairRate(500.0)

    def countTaken(self, hosts: Iterable[str], now: float) -> int:
        """Return how many of these hosts get a token when each asks once at the same time."""
        return sum([self.rate.take(host, now) for host in hosts])

    def test_publicSubnetGetsItsShare(self) -> None:
        """
        A public /24 network gets 30 of 500 tokens at once, and 250 to 320 in the next 10 seconds.
        Its 256 hosts take turns.
        """
        hosts = [f"8.8.8.{number % 256}" for number in range(1000)]
        self.assertEqual(self.countTaken(hosts, 0.0), 30)
        taken = sum([self.countTaken(hosts, 1.0 + tenth / 10) for tenth in range(100)])
        self.assertTrue(250 <= taken <= 320, taken)

    def test_publicSubnetGetsItsShareAnew(self) -> None:
        """A public /24 network that has got 30 tokens at once gets 30 again 2 seconds later."""
        hosts = [f"8.8.8.{number % 256}" for number in range(1000)]
        for now in (0.0, 2.0, 4.0):
            self.assertEqual(self.countTaken(hosts, now), 30)

    def test_newSecondBringsNoNewShareAtOnce(self) -> None:
        """
        A public host that has got 8 tokens, `TOKENS_PER_HOST`, at the end of a counted second gets
        no token at the beginning of the next.
        """
        self.assertEqual(self.countTaken(["8.8.8.1"] * 10, 0.9), TOKENS_PER_HOST)
        self.assertEqual(self.countTaken(["8.8.8.1"], 1.0), 0)

    def test_publicHostLeavesTokensToItsSubnet(self) -> None:
        """
        A public host that asks for 100 tokens a second gets at most 8 at once, as `TOKENS_PER_HOST`
        allows. Each of 50 other hosts of its /24 network gets a token.
        """
        for tenth in range(50):
            taken = self.countTaken(["8.8.8.1"] * 10, tenth / 10)
            self.assertTrue(taken <= TOKENS_PER_HOST, taken)
            self.assertEqual(self.countTaken([f"8.8.8.{2 + tenth}"], tenth / 10), 1)

    def test_busyNetworksLeaveTokensToNewcomers(self) -> None:
        """
        A host of a new network always gets a token while 9, 100 or 300 other networks ask for 5,000
        tokens a second in total.
        """
        for networks in (9, 100, 300):
            refused = 0
            for moment in range(300):
                now = networks * 100.0 + moment / 100
                for number in range(50):
                    network = (moment * 50 + number) % networks
                    self.rate.take(f"8.{network >> 8}.{network & 255}.{number}", now)
                newcomer = f"9.{networks & 255}.{moment & 255}.1"
                refused += not self.rate.take(newcomer, now)
            self.assertEqual(refused, 0, networks)

    def test_privateAddressesHaveTokensOfTheirOwn(self) -> None:
        """
        Private and loopback addresses together get 500 tokens at once. Public addresses have
        another 500 tokens.
        """
        self.assertEqual(self.countTaken(["127.0.0.1"] * 300 + ["10.0.0.1"] * 300, 0.0), 500)
        self.assertEqual(
            self.countTaken([f"8.{number >> 8}.{number & 255}.1" for number in range(600)], 0.0),
            500,
        )

    def test_allNetworksTogetherGetTheRate(self) -> None:
        """
        All public networks together get 500 tokens at once, and another 250 half a second later.
        """
        hosts = [f"8.{number >> 8}.{number & 255}.1" for number in range(2000)]
        self.assertEqual(self.countTaken(hosts, 0.0), 500)
        self.assertEqual(self.countTaken(hosts[1000:], 0.5), 250)

    def test_clockChangeStartsNetworksOver(self) -> None:
        """A public host gets its full share after the clock was set back or forward."""
        for now in (5000.0, 10.0, 1e9):
            self.assertEqual(self.countTaken(["8.8.8.8"] * 100, now), TOKENS_PER_HOST)
