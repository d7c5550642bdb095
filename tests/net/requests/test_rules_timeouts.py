"""
The rules by which time-outs follow answers and silences.
"""

from __future__ import annotations

from dwdht_twisted import Address
from dwdht_twisted._core.timeouts import INITIAL_TIMEOUT, MINIMUM_TIMEOUT, MISSED_IN_A_ROW
from dwdht_twisted._net.requests import Callbacks
from tests.helpers.networks.requests import OTHER, PEER, RequestsTestCase

#: An address that the node has never sent to.
UNKNOWN = Address("10.0.0.7", 7)


class TimeoutTests(RequestsTestCase):
    """
    The time-out of the next request to an address, in seconds.
    """

    def timeoutOf(self, address: Address) -> float:
        """Return the time-out of a new request, and cancel the request."""
        request = self.send(address)
        self.requests.cancel(request)
        return request.timeout

    def answerOnce(self, address: Address, seconds: float) -> None:
        """Send a request, and answer it after this number of seconds."""
        self.send(address)
        self.clock.runFor(seconds)
        self.assertTrue(self.answer(source=address))

    def missOnce(self, address: Address) -> None:
        """Send a request, and cancel it after its first transmission was late."""
        request = self.send(address)
        before = len(self.late)
        self.clock.runUntil(lambda: len(self.late) > before)
        self.requests.cancel(request)

    def test_answerToARetryGivesNoRoundTrip(self) -> None:
        """
        An answer 10 ms after the second transmission leaves the time-out at 0.5 seconds. An answer
        10 ms after the first transmission lowers it to 0.2 seconds.
        """
        self.send(PEER)
        self.clock.runUntil(lambda: self.late)
        self.clock.runFor(0.01)
        self.assertTrue(self.answer())
        self.assertEqual(self.timeoutOf(PEER), INITIAL_TIMEOUT)
        self.answerOnce(PEER, 0.01)
        self.assertEqual(self.timeoutOf(PEER), MINIMUM_TIMEOUT)

    def test_roundTripOfAnAddressIsItsOwn(self) -> None:
        """
        An answer after 0.4 seconds raises the time-out of its address above 0.4 seconds. The
        time-out of an address that answers after 10 ms is 0.2 seconds.
        """
        for _ in range(2):
            self.answerOnce(PEER, 0.4)
            self.answerOnce(OTHER, 0.01)
        self.assertEqual(self.timeoutOf(OTHER), MINIMUM_TIMEOUT)
        self.assertGreater(self.timeoutOf(PEER), 0.4)

    def test_manyMissesSlowTheOwnLink(self) -> None:
        """
        After 8 late transmissions in a row the time-out of unknown addresses grows. After 7 it is
        the same as before.
        """
        self.answerOnce(PEER, 0.01)
        for number in range(MISSED_IN_A_ROW - 1):
            self.missOnce(Address("10.0.1.1", 1 + number))
        self.assertEqual(self.timeoutOf(UNKNOWN), MINIMUM_TIMEOUT)
        # The eighth wait is longer, because this address has been slow.
        slow = self.send(OTHER)
        slow.timeout = 2 * MINIMUM_TIMEOUT
        self.requests.redirect(slow, OTHER)
        self.clock.runUntil(lambda: len(self.late) == MISSED_IN_A_ROW)
        self.requests.cancel(slow)
        self.assertEqual(self.timeoutOf(UNKNOWN), 2 * MINIMUM_TIMEOUT)

    def test_answerEndsARowOfMisses(self) -> None:
        """
        21 transmissions are late, and an answer arrives after the first 7 and after the next 7. The
        time-out of unknown addresses stays the same, because no 8 transmissions in a row were late.
        """
        for _ in range(2):
            for number in range(MISSED_IN_A_ROW - 1):
                self.missOnce(Address("10.0.1.1", 1 + number))
            self.answerOnce(PEER, 0.01)
        for number in range(MISSED_IN_A_ROW - 1):
            self.missOnce(Address("10.0.1.1", 1 + number))
        self.assertEqual(self.timeoutOf(UNKNOWN), MINIMUM_TIMEOUT)

    def test_failureDoublesTheNextWait(self) -> None:
        """After a request has timed out, the next request to its address waits twice as long."""
        self.answerOnce(PEER, 0.01)
        self.send(PEER)
        self.clock.runUntil(lambda: self.failures)
        self.assertEqual(self.timeoutOf(PEER), 2 * MINIMUM_TIMEOUT)

    def test_silenceOfARelayedPingKeepsTheTimeout(self) -> None:
        """An unanswered ping through a referrer leaves the time-out of the peer unchanged."""
        self.answerOnce(PEER, 0.01)
        callbacks = Callbacks(lambda message, source: None, self.failures.append)
        self.requests.sendThrough(PEER, OTHER, b"relayed", callbacks)
        self.clock.runUntil(lambda: self.failures)
        self.assertEqual(self.timeoutOf(PEER), MINIMUM_TIMEOUT)

    def test_forgottenAddressHasNoTimeoutOfItsOwn(self) -> None:
        """After an address is forgotten, its time-out is that of an unknown address."""
        self.answerOnce(PEER, 0.4)
        for _ in range(20):
            self.answerOnce(OTHER, 0.01)
        self.assertNotEqual(self.timeoutOf(PEER), self.timeoutOf(UNKNOWN))
        self.requests.forget(PEER)
        self.assertEqual(self.timeoutOf(PEER), self.timeoutOf(UNKNOWN))
