"""
Tests for the rates of `dwdht_twisted._net.answering.relay`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits.bounds import (
    RELAY_BURST,
    RELAY_RATE,
    TOTAL_RELAY_BURST,
    TOTAL_RELAY_RATE,
)
from dwdht_twisted._net.answering.relay import RelayRates


class RelayRatesTests(SynchronousTestCase):
    """
    The rates of the datagrams that a node sends for hole punches of other nodes.
    """

    def setUp(self) -> None:
        self.rates = RelayRates()

    def countAllowed(self, addresses: list[tuple[str, int]], now: float = 0.0) -> int:
        """Return how many datagrams to these addresses are allowed."""
        return sum(self.rates.allow(address, now) for address in addresses)

    def test_portsOfAHostShareItsRate(self) -> None:
        """Of datagrams to 100 ports of a host, 20 are allowed at once. One second later, 5 are."""
        ports = [("10.0.0.1", 1 + number) for number in range(100)]
        self.assertEqual(self.countAllowed(ports), RELAY_BURST)
        self.assertEqual(self.countAllowed(ports, 1.0), RELAY_RATE)

    def test_loopbackPortsHaveTheirOwnRates(self) -> None:
        """One datagram to each of 100 loopback ports is allowed for all of them."""
        self.assertEqual(self.countAllowed([("127.0.0.1", 1 + n) for n in range(100)]), 100)

    def test_allHostsShareARate(self) -> None:
        """
        Of datagrams to 1,000 hosts, 200 are allowed at once, as many as `TOTAL_RELAY_BURST`. One
        second later, 100 are allowed, as many as `TOTAL_RELAY_RATE`.
        """
        hosts = [(f"20.0.{number >> 8}.{number & 255}", 1) for number in range(1000)]
        self.assertEqual(self.countAllowed(hosts), TOTAL_RELAY_BURST)
        self.assertEqual(self.countAllowed(hosts, 1.0), TOTAL_RELAY_RATE)

    def test_refusedDatagramsTakeNothingFromOthers(self) -> None:
        """After 1,000 datagrams for one host, a datagram to another host is allowed."""
        self.countAllowed([("20.0.0.1", 1)] * 1000)
        self.assertTrue(self.rates.allow(("20.0.0.2", 1), 0.0))
