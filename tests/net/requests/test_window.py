"""
The window of requests in flight, the queue of waiting requests, and transaction ids.
"""

from __future__ import annotations

from itertools import pairwise

from dwdht_twisted import Address, TooManyRequests
from dwdht_twisted._core import wire
from dwdht_twisted._net.requests import Callbacks, OutgoingRequest
from tests.helpers.networks.requests import BODY, RequestsTestCase


class WindowTests(RequestsTestCase):
    """
    A window of two requests in flight, and a queue of three waiting requests.
    """

    def setUp(self) -> None:
        super().setUp()
        self.build(window=2, queueLimit=3)

    def fill(self) -> list[OutgoingRequest]:
        """Send five requests to five ports. Two are in flight, and three wait."""
        return [self.send(Address("10.0.0.1", port)) for port in range(1, 6)]

    def ports(self) -> list[int]:
        """Return the ports to which a datagram was sent, each once, in order."""
        return list(dict.fromkeys(address[1] for _, address in self.sent))

    def test_requestsBeyondTheWindowWait(self) -> None:
        """With a window of two, two of five requests are sent at once, and three wait."""
        self.fill()
        self.assertEqual(self.ports(), [1, 2])
        self.assertEqual((self.requests.inFlight, self.requests.waiting), (2, 3))

    def test_requestBeyondTheQueueIsRefused(self) -> None:
        """
        A request beyond the queue raises `TooManyRequests` with the number of waiting requests.
        """
        self.fill()
        with self.assertRaises(TooManyRequests) as caught:
            self.send()
        self.assertIn("3 requests wait already", str(caught.exception))

    def test_answerSendsTheNextRequest(self) -> None:
        """After an answer, the request that has waited longest is sent."""
        self.fill()
        self.answer(0, ("10.0.0.1", 1))
        self.assertEqual(self.ports(), [1, 2, 3])

    def test_timeoutsSendAllRequests(self) -> None:
        """
        Without any answer, each waiting request is sent after an earlier request has timed out.
        """
        self.fill()
        self.clock.runFor(20)
        self.assertEqual(self.ports(), [1, 2, 3, 4, 5])
        self.assertEqual(len(self.failures), 5)

    def test_cancellationSendsTheNextRequest(self) -> None:
        """After a cancellation, the request that has waited longest is sent."""
        first, *_ = self.fill()
        self.requests.cancel(first)
        self.assertEqual(self.ports(), [1, 2, 3])

    def test_requestCancelledWhileItWaitsIsNotSent(self) -> None:
        """A request that is cancelled while it waits is never sent."""
        _, _, third, *_ = self.fill()
        self.requests.cancel(third)
        self.assertEqual(self.requests.waiting, 2)
        self.clock.runFor(20)
        self.assertEqual(self.ports(), [1, 2, 4, 5])

    def sendForQuery(self, port: int) -> None:
        """Send a request of a query to a port."""
        ignore = Callbacks(lambda message, source: None, lambda reason: None)
        self.requests.send(Address("10.0.0.1", port), BODY, ignore, isForQuery=True)

    def test_requestOfAQueryIsNeverRefused(self) -> None:
        """Behind a full queue, a hundred requests of queries wait, and all of them are sent."""
        self.fill()
        for port in range(6, 106):
            self.sendForQuery(port)
        self.assertEqual(self.requests.waiting, 103)
        self.clock.runFor(1000)
        self.assertEqual(set(self.ports()), set(range(1, 106)))

    def test_queriesAndOthersTakeTurns(self) -> None:
        """
        Of three waiting pings and three waiting requests of queries, one of each is sent in turn.
        """
        self.fill()
        for port in range(11, 14):
            self.sendForQuery(port)
        while self.requests.waiting:
            self.answer(len(self.sent) - 2, self.sent[-2][1])
        self.assertEqual(self.ports(), [1, 2, 11, 3, 12, 4, 13, 5])

    def test_requestsShareOneTimer(self) -> None:
        """
        A hundred requests share one delayed call.
        """
        self.build()
        for port in range(1, 101):
            self.send(Address("10.0.0.1", port))
            self.clock.runFor(0.001)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)


class TransactionIdTests(RequestsTestCase):
    """
    The transaction ids of requests.
    """

    def ids(self) -> list[int]:
        """Return the transaction ids of all sent datagrams."""
        return [wire.transactionId(datagram) for datagram, _ in self.sent]

    def test_transactionIdsAreUnpredictable(self) -> None:
        """
        The steps between the transaction ids of 200 requests have more than 190 different sizes.
        The largest of these ids is above 30,000, so that all 15 bits are used.
        """
        for _ in range(200):
            self.send()
        ids = self.ids()
        steps = {later - earlier for earlier, later in pairwise(ids)}
        self.assertGreater(len(steps), 190)
        self.assertGreater(max(ids), 30000)

    def test_transactionIdsInFlightAreUnique(self) -> None:
        """The transaction ids of 20,000 requests in flight are all different."""
        self.build(window=20000)
        for _ in range(20000):
            self.send()
        ids = self.ids()
        self.assertEqual(len(ids), 20000)
        self.assertEqual(len(set(ids)), 20000)
