"""
The end of a request: by an answer, a time-out, cancellation, or the stop of all requests.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random

from dwdht_twisted import NodeDestroyed, RequestTimeout
from dwdht_twisted._core import wire
from dwdht_twisted._core.timeouts import INITIAL_TIMEOUT
from dwdht_twisted._net.requests import Callbacks, Requests, Retries
from dwdht_twisted._net.requests.outgoing import TRANSMISSIONS, WAITS
from dwdht_twisted.errors import MalformedDatagram
from tests.helpers.networks.requests import BODY, OTHER, PEER, RequestsTestCase


class ConstantRandom(Random):
    """
    A random generator that always returns 7.
    """

    def getrandbits(self, bits: int, /) -> int:
        return 7


class EndTests(RequestsTestCase):
    """
    A request, which ends exactly once.
    """

    def test_answerEndsTheRequest(self) -> None:
        """An answer from the asked address ends the request and is reported to the node."""
        self.send()
        self.assertTrue(self.answer())
        [(message, source)] = self.answers
        self.assertEqual((message.value, source), (b"yes", PEER))
        self.assertEqual(self.heard, [PEER])
        self.assertEqual(self.requests.inFlight, 0)

    def test_secondAnswerIsRefused(self) -> None:
        """A second answer to the same request is refused."""
        self.send()
        self.answer()
        self.assertFalse(self.answer())
        self.assertEqual(len(self.answers), 1)

    def test_answerFromAnotherAddressIsRefused(self) -> None:
        """An answer from another host or port is refused. The request goes on."""
        self.send()
        self.assertFalse(self.answer(source=OTHER))
        self.assertFalse(self.answer(source=(PEER.host, PEER.port + 1)))
        self.assertEqual(self.heard, [])
        self.assertTrue(self.answer())

    def test_malformedAnswerIsRefused(self) -> None:
        """An answer that can't be read raises `MalformedDatagram`. The request goes on."""
        self.send()
        datagram, _ = self.sent[0]
        header = wire.transactionId(datagram).to_bytes(2, "big")
        with self.assertRaises(MalformedDatagram):
            self.requests.received(header + b"\xff", PEER)
        self.assertTrue(self.answer())

    def test_silentRequestIsSentFourTimes(self) -> None:
        """
        A request without an answer is sent four times with growing pauses. Then it fails with a
        `RequestTimeout` that contains the address.
        """
        times: list[float] = []
        self.send()
        for _ in range(10_000):
            times += [round(self.clock.seconds(), 2)] * (len(self.sent) - len(times))
            self.clock.runFor(0.001)
        self.assertEqual(len(times), TRANSMISSIONS)
        pauses = [round(later - earlier, 2) for earlier, later in pairwise(times)]
        self.assertEqual(pauses, sorted(pauses))
        self.assertLess(pauses[0], pauses[-1])
        self.assertEqual(self.late, [1, 2, 3])
        [failure] = self.failures
        self.assertIsInstance(failure, RequestTimeout)
        self.assertIn(str(PEER), str(failure))
        self.assertEqual(self.missed, [PEER])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_reusedTransactionIdHasItsOwnDeadline(self) -> None:
        """
        A request isn't late at the deadline of an earlier request with the same transaction id.
        """
        self.requests = Requests(self.environment(ConstantRandom()), self.listener)
        first = self.send()
        self.clock.runFor(first.deadline / 2)
        self.answer()
        second = self.send(OTHER)
        self.assertEqual(first.transactionId, second.transactionId)
        self.clock.runFor((second.deadline - self.clock.seconds()) * 0.9)
        self.assertTrue(first.deadline < self.clock.seconds())
        self.assertEqual(self.late, [])
        self.clock.runFor(second.deadline - self.clock.seconds() + 0.001)
        self.assertEqual(self.late, [1])

    def test_retryIsTheSameDatagram(self) -> None:
        """A retry equals the first datagram, so that the receiver can recognise it."""
        self.send()
        self.clock.runFor(1)
        self.assertGreater(len(self.sent), 1)
        self.assertEqual(len(set(self.sent)), 1)

    def test_answerToARetryEndsTheRequest(self) -> None:
        """An answer to the second transmission ends the request. Nothing more is sent."""
        self.send()
        self.clock.runFor(0.6)
        self.assertEqual(len(self.sent), 2)
        self.assertTrue(self.answer())
        self.clock.runFor(20)
        self.assertEqual((len(self.answers), self.failures, len(self.sent)), (1, [], 2))

    def test_cancelledRequestIsSilent(self) -> None:
        """
        A cancelled request is not sent again. Its callbacks get neither an answer nor a failure.
        """
        request = self.send()
        self.requests.cancel(request)
        self.requests.cancel(request)
        self.assertTrue(request.isOver)
        self.assertFalse(self.answer())
        self.clock.runFor(20)
        self.assertEqual(len(self.sent), 1)
        self.assertEqual((self.answers, self.failures, self.missed), ([], [], []))

    def test_requestCancelledWhenLateIsNotRepeated(self) -> None:
        """
        A request that its own callback cancels after the second transmission isn't sent a third
        time.
        """

        def late(transmissions: int) -> None:
            if transmissions == 2:
                self.requests.cancel(request)

        request = self.requests.send(
            PEER, BODY, Callbacks(lambda message, source: None, self.failures.append, late)
        )
        self.clock.runFor(20)
        self.assertEqual(len(self.sent), 2)
        self.assertEqual((self.failures, self.missed), ([], []))

    def sendWithin(self, transmissions: int) -> None:
        """Send a request that is allowed so many transmissions, and wait until it has failed."""
        request = self.send()
        request.retries = Retries(allowance=transmissions * len(self.sent[0][0]))
        self.clock.runUntil(lambda: self.failures)

    def test_retriesBeyondTheAllowanceAreLeftOut(self) -> None:
        """
        A request whose allowance permits two transmissions, and one for a hole punch, is sent
        twice.  It fails as late as any other request.
        """
        self.sendWithin(3)
        self.assertEqual(len(self.sent), 2)
        self.assertEqual(self.clock.seconds(), sum(WAITS) * INITIAL_TIMEOUT)
        self.assertEqual(list(self.listener.left), [PEER])

    def test_restOfTheAllowanceIsTold(self) -> None:
        """A silent request leaves what neither its transmissions nor a hole punch may need."""
        self.sendWithin(7)
        self.assertEqual(len(self.sent), TRANSMISSIONS)
        self.assertEqual(self.listener.left, {PEER: (7 - TRANSMISSIONS - 1) * len(self.sent[0][0])})

    def test_addressThatHasAnsweredHasNoAllowance(self) -> None:
        """The allowance of a request does not bind an address that has answered before."""
        self.listener.known.add(PEER)
        self.sendWithin(1)
        self.assertEqual(len(self.sent), TRANSMISSIONS)

    def test_stopFailsAllRequests(self) -> None:
        """
        ``stop`` fails the request in flight and the waiting one, and leaves no timer. New requests
        raise `NodeDestroyed`.
        """
        self.build(window=1)
        self.send()
        self.send()
        reason = NodeDestroyed("gone")
        self.requests.stop(reason)
        self.assertEqual(self.failures, [reason, reason])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        with self.assertRaises(NodeDestroyed):
            self.send()

    def test_stopWithinACallbackIsFinal(self) -> None:
        """
        The failure callback of one request calls ``stop``. A second request then fails with
        `NodeDestroyed`, and no timer is left.
        """
        callbacks = Callbacks(lambda *_: None, lambda _: self.requests.stop(NodeDestroyed("gone")))
        self.requests.send(PEER, BODY, callbacks)
        self.send(OTHER)
        self.clock.runFor(20)
        self.assertEqual([type(failure) for failure in self.failures], [NodeDestroyed])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopBeforeUseDoesNothing(self) -> None:
        """A call of ``stop`` before the first request does nothing."""
        self.requests.stop(NodeDestroyed("gone"))
        self.assertEqual(self.failures, [])
