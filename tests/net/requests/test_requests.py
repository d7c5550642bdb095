"""
Tests for `dwdht_twisted.rpc`: requests in flight, retries, the window and the queue.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Address, DHTError, NodeDestroyed, RequestTimeout, TooManyRequests
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted._net.environment import Environment
from dwdht_twisted._net.requests import Callbacks, OutgoingRequest, Requests
from dwdht_twisted._net.requests.outgoing import RELAY_WAITS, TRANSMISSIONS
from dwdht_twisted.errors import MalformedDatagram
from dwdht_twisted.testing import SimulatedClock
from tests.helpers.networks.environments import RecordingListener, environment

BODY = wire.requestBody(wire.PING)
PEER = Address("10.0.0.9", 9)
OTHER = Address("10.0.0.8", 8)


class _Constant(Random):
    """
    Gives the same number each time.
    """

    def getrandbits(self, bits: int, /) -> int:
        """Give 7."""
        return 7


class RequestsTestCase(SynchronousTestCase):
    """
    Requests whose datagrams go into a list.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.sent: list[tuple[bytes, HostPort]] = []
        self.answers: list[tuple[wire.ResponseMessage, HostPort]] = []
        self.failures: list[DHTError] = []
        self.late: list[int] = []
        self.build()

    def build(self, **options: Any) -> None:
        """Make the requests of a node."""
        self.listener = RecordingListener()
        self.heard, self.missed = self.listener.heardFrom, self.listener.missedAddresses
        self.requests = Requests(self.environment(), self.listener, **options)

    def environment(self, random: Random | None = None) -> Environment:
        """Return an environment whose datagrams go into ``sent``."""
        return environment(
            self.clock, lambda datagram, address: self.sent.append((datagram, address)), random
        )

    def send(self, address: Address = PEER) -> OutgoingRequest:
        """Send a request."""
        return self.requests.send(
            address,
            BODY,
            Callbacks(
                lambda message, source: self.answers.append((message, source)),
                self.failures.append,
                self.late.append,
            ),
        )

    def answer(self, index: int = -1, source: HostPort = PEER) -> bool:
        """Answer one of the datagrams that were sent."""
        datagram, _ = self.sent[index]
        return self.requests.received(
            wire.encodeResponse(wire.transactionId(datagram), value=b"yes"), source
        )


class EndTests(RequestsTestCase):
    """
    A request ends once, in one way.
    """

    def test_answer(self) -> None:
        """
        An answer from the address that was asked ends the request, and the node hears of it.
        """
        self.send()
        self.assertTrue(self.answer())
        [(message, source)] = self.answers
        self.assertEqual((message.value, source), (b"yes", PEER))
        self.assertEqual(self.heard, [PEER])
        self.assertEqual(self.requests.inFlight, 0)

    def test_answerTwice(self) -> None:
        """
        A second answer to one request is nobody's.
        """
        self.send()
        self.answer()
        self.assertFalse(self.answer())
        self.assertEqual(len(self.answers), 1)

    def test_otherAddress(self) -> None:
        """
        An answer from another host or another port is nobody's, and the request goes on.
        """
        self.send()
        self.assertFalse(self.answer(source=OTHER))
        self.assertFalse(self.answer(source=(PEER.host, PEER.port + 1)))
        self.assertEqual(self.heard, [])
        self.assertTrue(self.answer())

    def test_malformedAnswer(self) -> None:
        """
        An answer that can't be read is refused, and the request goes on.
        """
        self.send()
        datagram, _ = self.sent[0]
        header = wire.transactionId(datagram).to_bytes(2, "big")
        with self.assertRaises(MalformedDatagram):
            self.requests.received(header + b"\xff", PEER)
        self.assertTrue(self.answer())

    def test_silence(self) -> None:
        """
        A request without an answer is sent four times, ever later, and then fails.
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

    def test_transactionIdUsedAgain(self) -> None:
        """
        A request isn't late at the time that another was to be answered by, under the same id.
        """
        self.requests = Requests(self.environment(_Constant()), self.listener)
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

    def test_retryIsTheSame(self) -> None:
        """
        A retry is the same datagram, so that whoever gets both can tell.
        """
        self.send()
        self.clock.runFor(1)
        self.assertGreater(len(self.sent), 1)
        self.assertEqual(len(set(self.sent)), 1)

    def test_answerToRetry(self) -> None:
        """
        A request that was sent again ends with one answer.
        """
        self.send()
        self.clock.runFor(0.6)
        self.assertEqual(len(self.sent), 2)
        self.assertTrue(self.answer())
        self.clock.runFor(20)
        self.assertEqual((len(self.answers), self.failures, len(self.sent)), (1, [], 2))

    def test_cancel(self) -> None:
        """
        A cancelled request is sent no more, and its callbacks hear nothing, not even of an answer.
        """
        request = self.send()
        self.requests.cancel(request)
        self.requests.cancel(request)
        self.assertTrue(request.isOver)
        self.assertFalse(self.answer())
        self.clock.runFor(20)
        self.assertEqual(len(self.sent), 1)
        self.assertEqual((self.answers, self.failures, self.missed), ([], [], []))

    def test_cancelLate(self) -> None:
        """
        A request that is cancelled when its answer is late isn't sent again.
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

    def test_stop(self) -> None:
        """
        Stopping fails the requests in flight and those that wait, and leaves no timer.
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

    def test_stopWithin(self) -> None:
        """
        A callback that stops the requests from within a time-out is the last.
        """
        callbacks = Callbacks(lambda *_: None, lambda _: self.requests.stop(NodeDestroyed("gone")))
        self.requests.send(PEER, BODY, callbacks)
        self.send(OTHER)
        self.clock.runFor(20)
        self.assertEqual([type(failure) for failure in self.failures], [NodeDestroyed])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopBeforeUse(self) -> None:
        """
        Stopping what has done nothing is fine.
        """
        self.requests.stop(NodeDestroyed("gone"))
        self.assertEqual(self.failures, [])


class TransactionIdTests(RequestsTestCase):
    """
    The transaction ids.
    """

    def ids(self) -> list[int]:
        """Those of all requests sent."""
        return [wire.transactionId(datagram) for datagram, _ in self.sent]

    def test_unpredictable(self) -> None:
        """
        Transaction ids don't follow each other, and use all 15 bits.
        """
        for _ in range(200):
            self.send()
        ids = self.ids()
        steps = {later - earlier for earlier, later in pairwise(ids)}
        self.assertGreater(len(steps), 190)
        self.assertGreater(max(ids), 30000)

    def test_unique(self) -> None:
        """
        No two requests in flight have one transaction id, even when there are very many.
        """
        self.build(window=20000)
        for _ in range(20000):
            self.send()
        ids = self.ids()
        self.assertEqual(len(ids), 20000)
        self.assertEqual(len(set(ids)), 20000)


class WindowTests(RequestsTestCase):
    """
    The window and the queue.
    """

    def setUp(self) -> None:
        super().setUp()
        self.build(window=2, queueLimit=3)

    def fill(self) -> list[OutgoingRequest]:
        """Send two requests, and have three wait."""
        return [self.send(Address("10.0.0.1", port)) for port in range(1, 6)]

    def ports(self) -> list[int]:
        """Where something was sent, in order, each once."""
        return list(dict.fromkeys(address[1] for _, address in self.sent))

    def test_window(self) -> None:
        """
        No more requests than the window holds are sent at once; the rest wait.
        """
        self.fill()
        self.assertEqual(self.ports(), [1, 2])
        self.assertEqual((self.requests.inFlight, self.requests.waiting), (2, 3))

    def test_full(self) -> None:
        """
        One request more than may wait is refused at once.
        """
        self.fill()
        with self.assertRaises(TooManyRequests) as caught:
            self.send()
        self.assertIn("3 requests wait already", str(caught.exception))

    def test_answerMakesRoom(self) -> None:
        """
        An answer lets the next request go, in the order in which they were made.
        """
        self.fill()
        self.answer(0, ("10.0.0.1", 1))
        self.assertEqual(self.ports(), [1, 2, 3])

    def test_timeoutMakesRoom(self) -> None:
        """
        Time-outs alone let all that wait go.
        """
        self.fill()
        self.clock.runFor(20)
        self.assertEqual(self.ports(), [1, 2, 3, 4, 5])
        self.assertEqual(len(self.failures), 5)

    def test_cancelMakesRoom(self) -> None:
        """
        A cancellation lets the next request go.
        """
        first, *_ = self.fill()
        self.requests.cancel(first)
        self.assertEqual(self.ports(), [1, 2, 3])

    def test_cancelWaiting(self) -> None:
        """
        A request that is cancelled while it waits is never sent.
        """
        _, _, third, *_ = self.fill()
        self.requests.cancel(third)
        self.assertEqual(self.requests.waiting, 2)
        self.clock.runFor(20)
        self.assertEqual(self.ports(), [1, 2, 4, 5])

    def test_oneTimer(self) -> None:
        """
        All requests share one delayed call.
        """
        self.build()
        for port in range(1, 101):
            self.send(Address("10.0.0.1", port))
            self.clock.runFor(0.001)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)


class RoundTripTests(RequestsTestCase):
    """
    The time-outs follow the measured round trips.
    """

    def pause(self, address: Address) -> float:
        """How long a request to this address waits before it is sent again."""
        before = len(self.sent)
        start = self.clock.seconds()
        request = self.send(address)
        self.clock.runUntil(lambda: len(self.sent) == before + 2)
        self.requests.cancel(request)
        return self.clock.seconds() - start

    def measure(self, address: Address, seconds: float) -> None:
        """Let an answer from this address take so long."""
        self.send(address)
        self.clock.runFor(seconds)
        self.assertTrue(self.answer(source=address))

    def test_fastPeer(self) -> None:
        """
        A peer that answers fast is waited for less long than an unknown one at first.
        """
        unknown = self.pause(PEER)
        for _ in range(10):
            self.measure(PEER, 0.02)
        self.assertLess(self.pause(PEER), unknown)

    def test_slowPeer(self) -> None:
        """
        A peer that answers slowly is waited for longer than a fast one.
        """
        for _ in range(10):
            self.measure(PEER, 0.4)
            self.measure(OTHER, 0.02)
        self.assertGreater(self.pause(PEER), 0.4)
        self.assertLess(self.pause(OTHER), 0.4)

    def test_earlierDeadline(self) -> None:
        """
        A request to a fast peer is retried before an older one to a slow peer.
        """
        for _ in range(20):
            self.measure(PEER, 0.45)
            self.measure(OTHER, 0.01)
        self.sent.clear()
        self.send(PEER)
        self.send(OTHER)
        self.clock.runUntil(lambda: len(self.sent) == 3)
        self.assertEqual(self.sent[2][1], OTHER)


class HeldUpTests(RequestsTestCase):
    """
    A reactor that was held up runs its timers before it reads.
    """

    def test_answerWasThere(self) -> None:
        """
        A request isn't late when its answer lay unread while the reactor was held up.
        """
        self.send()
        # Read after the timer that is due, and before any that this one sets.
        self.clock.callLater(30.0, self.answer)
        self.clock.advance(60.0)
        self.assertEqual((self.late, self.failures), ([], []))

    def test_noAnswerWasThere(self) -> None:
        """
        A request is late when there is nothing to read after the reactor was held up.
        """
        self.send()
        self.clock.advance(60.0)
        self.assertEqual(self.late, [1])


class TwoWaysTests(RequestsTestCase):
    """
    A request that goes two ways under one transaction id.
    """

    def setUp(self) -> None:
        super().setUp()
        self.requests.sendThrough(
            PEER,
            OTHER,
            b"relayed",
            Callbacks(
                lambda message, source: self.answers.append((message, source)),
                self.failures.append,
            ),
            b"direct",
        )

    def test_twoDatagrams(self) -> None:
        """
        One datagram goes to the peer and one to the referrer, with the same transaction id.
        """
        (direct, peer), (relayed, referrer) = self.sent
        self.assertEqual((peer, referrer), (PEER, OTHER))
        self.assertEqual((direct[2:], relayed[2:]), (b"direct", b"relayed"))
        self.assertEqual(direct[:2], relayed[:2])

    def test_otherPort(self) -> None:
        """
        The peer's host may answer from another port.
        """
        self.assertTrue(self.answer(source=(PEER.host, 4321)))

    def test_otherHost(self) -> None:
        """
        Nobody else may answer, not even the referrer.
        """
        self.assertFalse(self.answer(source=OTHER))

    def test_silence(self) -> None:
        """
        It is the peer that has failed when nobody answers.
        """
        self.clock.runFor(20)
        self.assertEqual(self.missed, [PEER])
        self.assertEqual(len(self.sent), 2 * TRANSMISSIONS)


class RelayTests(RequestsTestCase):
    """
    A ping that a referrer relays while the question itself is in flight.
    """

    def test_silence(self) -> None:
        """
        It is sent a few times, to the referrer alone, and its silence tells nothing of the peer.
        """
        self.requests.sendThrough(
            PEER, OTHER, b"relayed", Callbacks(lambda message, source: None, self.failures.append)
        )
        self.clock.runFor(20)
        self.assertEqual([address for _, address in self.sent], [OTHER] * len(RELAY_WAITS))
        self.assertEqual(len(self.failures), 1)
        self.assertEqual(self.missed, [])


class RedirectTests(RequestsTestCase):
    """
    A request that goes on by a path that has opened.
    """

    def setUp(self) -> None:
        super().setUp()
        self.moved = Address(PEER.host, 4321)
        self.request = self.send()
        self.clock.runUntil(lambda: self.late)
        self.requests.redirect(self.request, self.moved)

    def test_sameDatagram(self) -> None:
        """
        The same datagram goes to the new address.
        """
        self.assertEqual(self.sent[-1], (self.sent[0][0], self.moved))

    def test_eitherAnswer(self) -> None:
        """
        The answer may come from where it was sent first.
        """
        self.assertTrue(self.answer(source=PEER))

    def test_retries(self) -> None:
        """
        It is retried at the new address as often as it would have been at the old one.
        """
        self.clock.runFor(20)
        retries = [address for _, address in self.sent[3:]]
        self.assertEqual(retries, [self.moved] * (TRANSMISSIONS - 2))
        self.assertEqual(len(self.failures), 1)
