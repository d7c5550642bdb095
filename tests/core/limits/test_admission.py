"""
Admission of requests by `Admission`: the limits of proven and of unproven addresses.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import Admission, RateLimit, ValidatedAddresses
from dwdht_twisted._core.limits.bounds import STRANGER_REQUEST_RATE


class AdmissionTests(SynchronousTestCase):
    """
    An `Admission` for which one address is proven.
    """

    def setUp(self) -> None:
        self.contact = ("8.8.8.8", 80)
        self.admission = Admission(RateLimit(), ValidatedAddresses(self.contact.__eq__))
        self.allowed = int(STRANGER_REQUEST_RATE)

    def flood(self, requests: int, hosts: int, now: float = 0.0) -> int:
        """Send requests from the hosts in turn, and return the number of served requests."""
        addresses = ((f"9.9.{n % hosts >> 8}.{n % hosts & 255}", 80) for n in range(requests))
        return sum(self.admission.admits(address, now) for address in addresses)

    def test_strangersShareARate(self) -> None:
        """
        In each of 2 seconds, all unproven addresses together send 10,000 requests. Of these, 5,000
        are served, as `STRANGER_REQUEST_RATE` allows.
        """
        self.assertEqual(self.flood(2 * self.allowed, 20_000), self.allowed)
        self.assertEqual(self.flood(2 * self.allowed, 20_000, 1.0), self.allowed)

    def test_servedStrangersStayUnproven(self) -> None:
        """
        An address doesn't become proven by a served request. Of 10,000 requests of 1,000 unproven
        addresses, 5,000 are served.
        """
        self.assertEqual(self.flood(2 * self.allowed, 1000), self.allowed)

    def test_provenAddressIsServedInAFlood(self) -> None:
        """
        During a flood from 20,000 unproven addresses, a proven address is served and one more
        unproven address is not.
        """
        self.flood(20_000, 20_000)
        self.assertFalse(self.admission.admits(("7.7.7.7", 80), 0.0))
        self.assertTrue(self.admission.admits(self.contact, 0.0))

    def test_floodingHostSparesOtherStrangers(self) -> None:
        """
        An unproven host that sends 10,000 requests is served its burst of 300. Another unproven
        address is served afterwards.
        """
        burst = int(RateLimit().burst)
        self.assertEqual(self.flood(2 * self.allowed, 1), burst)
        self.assertTrue(self.admission.admits(("7.7.7.7", 80), 0.0))

    def test_everyAddressIsLimited(self) -> None:
        """
        With a burst of 2, two of three requests are served, for a proven and for an unproven
        address.
        """
        limit = RateLimit(rate=1.0, burst=2.0)
        admission = Admission(limit, ValidatedAddresses(self.contact.__eq__))
        for address in (self.contact, ("7.7.7.7", 80)):
            served = [admission.admits(address, 0.0) for _ in range(3)]
            self.assertEqual(served, [True, True, False])

    def test_loopbackIsExemptByDefault(self) -> None:
        """
        A loopback address is exempt from the limit, unless the limit is set with ``loopback=True``.
        """
        for loopback, expected in ((False, [True, True, True]), (True, [True, True, False])):
            limit = RateLimit(rate=1.0, burst=2.0, loopback=loopback)
            admission = Admission(limit, ValidatedAddresses(self.contact.__eq__))
            served = [admission.admits(("127.0.0.1", 80), 0.0) for _ in range(3)]
            self.assertEqual(served, expected)
