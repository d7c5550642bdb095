"""
The pace of requests to one address.
"""

from __future__ import annotations

import math

from dwdht_twisted import Address, DHTError, NodeDestroyed, TooManyRequests
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import PACE_BURST, PACE_RATE, REQUEST_QUEUE
from dwdht_twisted._net.requests import UPDATE_RETRIES, Callbacks, OutgoingRequest
from tests.helpers.networks.requests import BODY, OTHER, PEER, RequestsTestCase

#: Callbacks that do nothing.
IGNORE = Callbacks(lambda message, source: None, lambda reason: None)


class PacingTests(RequestsTestCase):
    """
    Paced requests, with more than a burst to one address.
    """

    def setUp(self) -> None:
        super().setUp()
        self.build(isPaced=True, window=1000)

    def flood(self, count: int) -> list[OutgoingRequest]:
        """Send requests to the peer."""
        return [self.send() for _ in range(count)]

    def countTo(self, address: Address) -> int:
        """Return the number of datagrams to an address."""
        return sum(to == address for _, to in self.sent)

    def answerAll(self) -> None:
        """Answer all datagrams that were sent and not answered."""
        for index, (_, to) in enumerate(self.sent):
            self.answer(index, to)

    def test_requestsBeyondTheBurstArePaced(self) -> None:
        """Of 500 requests to a peer that answers, 256 are sent at once, and then 90 a second."""
        self.flood(500)
        self.assertEqual(self.countTo(PEER), PACE_BURST)
        self.assertEqual((self.requests.inFlight, self.requests.waiting), (256, 244))
        for second in range(1, 4):
            for _ in range(100):
                self.clock.runFor(0.01)
                self.answerAll()
            paced = min(500, 256 + 90 * second)
            self.assertIn(self.countTo(PEER), (paced - 1, paced, paced + 1))
        self.clock.runFor(1)
        self.answerAll()
        self.assertEqual((len(self.answers), self.failures, self.late), (500, [], []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_retryThatIsTooOldFails(self) -> None:
        """
        The retry of an update waits for its pace when the machine falls asleep for 20 seconds. The
        update fails and is not sent again, whatever its callback sends to the same peer meanwhile.
        """
        for further in (0, 300):
            self.build(isPaced=True, window=1000)
            self.sent.clear()
            failures: list[DHTError] = []

            def failed(
                reason: DHTError, count: int = further, seen: list[DHTError] = failures
            ) -> None:
                seen.append(reason)
                self.flood(count)

            callbacks = Callbacks(lambda message, source: None, failed)
            request = self.requests.send(PEER, BODY, callbacks, UPDATE_RETRIES)
            others = self.flood(300)
            while request.deadline < math.inf:
                self.clock.runFor(0.001)
            for each in others:
                self.requests.cancel(each)
            self.sent.clear()
            self.clock.advance(20.0)
            self.clock.runFor(1.0)
            self.assertEqual(len(failures), 1)
            self.assertEqual(request.transmissions, 1)
            self.assertEqual(len(self.sent) > 0, further > 0)
            self.requests.stop(NodeDestroyed("over"))

    def test_retriesComeFirst(self) -> None:
        """
        When 256 requests are late and 200 others wait for their pace, the next datagrams of a
        second are retries.
        """
        requests = self.flood(500)
        while requests[0].deadline < math.inf:
            self.clock.runFor(0.001)
        waiting = sum(not request.transmissions for request in requests)
        self.assertGreater(waiting, 190)
        self.sent.clear()
        self.clock.runFor(1)
        self.assertEqual(sum(not request.transmissions for request in requests), waiting)
        self.assertGreater(len(self.sent), PACE_RATE - 2)

    def test_requestsToOthersDoNotWait(self) -> None:
        """A request to another address is sent at once, even if the window has room for one."""
        self.build(isPaced=True, window=257)
        self.flood(500)
        self.send(OTHER)
        self.assertEqual(self.countTo(OTHER), 1)

    def test_timeoutStartsWhenTheRequestIsSent(self) -> None:
        """A request that waits for its pace for several seconds is late only after its time-out."""
        self.flood(256)
        self.answerAll()
        requests = self.flood(400)
        self.late.clear()
        while not requests[-1].transmissions:
            self.clock.runFor(0.01)
            self.answerAll()
        self.assertGreater(self.clock.seconds(), 4)
        self.assertEqual((self.late, self.failures), ([], []))
        self.assertLess(self.clock.seconds() - requests[-1].sentAt, 0.02)

    def test_retriesCount(self) -> None:
        """
        A peer that never answers is sent 256 datagrams at once and 90 a second in all, retries
        included, until all of 300 requests have failed.
        """
        self.flood(300)
        for _ in range(300):
            self.clock.runFor(0.1)
            self.assertLessEqual(
                self.countTo(PEER), PACE_BURST + PACE_RATE * self.clock.seconds() + 1
            )
        self.assertEqual((len(self.failures), self.countTo(PEER)), (300, 1200))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_answerToALateRequestIsTaken(self) -> None:
        """The answer to a request whose retry waits for its pace is accepted. No retry follows."""
        self.build(isPaced=True)
        self.flood(256)
        self.clock.runFor(0.6)
        self.assertLess(self.countTo(PEER), 2 * 256)
        self.answerAll()
        sent = self.countTo(PEER)
        self.clock.runFor(20)
        self.assertEqual((len(self.answers), self.countTo(PEER)), (256, sent))

    def test_cancelledRequestTakesNothingOfThePace(self) -> None:
        """When requests that wait for their pace are cancelled, the next one is sent at once."""
        requests = self.flood(1000)
        for request in requests[256:999]:
            self.requests.cancel(request)
        self.clock.runFor(0.02)
        self.assertEqual(requests[-1].transmissions, 1)

    def test_requestThatMeetsAFullWindowComesNext(self) -> None:
        """
        A request whose pace is over while the window is full is sent before others that wait for
        the window.
        """
        self.build(isPaced=True, window=256)
        self.flood(256)
        self.answerAll()
        [paced] = self.flood(1)
        others = [self.send(Address("10.0.0.1", 1 + port)) for port in range(257)]
        self.clock.runFor(0.1)
        self.assertEqual((paced.transmissions, others[-1].transmissions), (0, 0))
        self.requests.cancel(others[0])
        self.assertEqual((paced.transmissions, others[-1].transmissions), (1, 0))

    def test_referrersOfHolePunchesArePaced(self) -> None:
        """A referrer is sent 256 pings to relay at once, and the next one later."""
        relayed = wire.requestBody(wire.PING)
        for port in range(300):
            self.requests.sendThrough(Address("10.2.0.1", 1 + port), PEER, relayed, IGNORE)
        self.assertEqual(self.countTo(PEER), PACE_BURST)

    def test_queueIsBounded(self) -> None:
        """
        While 4,096 requests wait for their pace, a ping is refused, and a request of a query is
        not.
        """
        self.flood(256 + REQUEST_QUEUE)
        with self.assertRaises(TooManyRequests):
            self.send(OTHER)
        self.requests.send(OTHER, BODY, IGNORE, isForQuery=True)
        self.assertEqual(self.countTo(OTHER), 1)

    def test_stopFailsRequestsThatWait(self) -> None:
        """``stop`` fails each request once, and leaves no timer."""
        self.flood(500)
        self.clock.runFor(0.6)
        self.requests.stop(NodeDestroyed("the end"))
        self.assertEqual(len(self.failures), 500)
        self.assertEqual((self.requests.waiting, self.clock.getDelayedCalls()), (0, []))

    def test_unpacedRequestsDoNotWait(self) -> None:
        """Requests that are not paced, such as probes, are sent at once."""
        self.build(window=1000)
        self.flood(1000)
        self.assertEqual(self.countTo(PEER), 1000)
