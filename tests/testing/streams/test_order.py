"""
The order of all that a TCP connection carries, over networks that delay, lose and reorder.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted.testing import LimitReached, LogNormalLatency, MemoryNetwork, SimulatedClock
from tests.helpers.networks.connections import PORT
from tests.helpers.networks.three_hosts import A, B

#: The sizes of what a protocol writes, around those of a segment and of a full buffer.
SIZES = (1, 1000, 65_535, 65_536, 65_537, 200_000)


@implementer(IPushProducer)
class Speaker(Protocol):
    """
    A protocol that writes at drawn times, and then ends the connection in its own way.

    :param end: called with the protocol when it has written all
    :ivar said: all bytes that it has written before the end
    :ivar received: all bytes so far
    :ivar losses: the number of calls of ``connectionLost``
    """

    transport: Any

    def __init__(self, clock: SimulatedClock, random: Random, end: Callable[[Any], object]) -> None:
        self._clock = clock
        self._random = random
        self._steps = random.randrange(6)
        self._end = end
        self.said = b""
        self.received = b""
        self.losses = 0

    def connectionMade(self) -> None:
        if self._random.random() < 0.3:
            self.transport.pauseProducing()
            self._later(self.transport.resumeProducing)
        self._speak()

    def _later(self, call: Callable[[], object]) -> None:
        self._clock.callLater(self._random.choice([0, 0.01, 0.1, 3]), call)

    def _speak(self) -> None:
        if self._steps and not self.losses:
            self._steps -= 1
            data = self._random.randbytes(self._random.choice(SIZES))
            self.said += data
            self.transport.write(data)
            self._random.choice([self._speak, lambda: self._later(self._speak)])()
        elif not self.losses:
            self._end(self)

    def produce(self) -> None:
        """Close the connection, and then write 500,000 bytes as a producer."""
        self._steps = 5
        isStreaming = self._random.random() < 0.5
        self.transport.registerProducer(self, isStreaming)
        self.transport.loseConnection()
        if isStreaming:
            self.resumeProducing()

    def resumeProducing(self) -> None:
        if self._steps:
            self._steps -= 1
            data = self._random.randbytes(100_000)
            self.said += data
            self.transport.write(data)
        else:
            self.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """Do nothing: it writes only when it is resumed."""

    def stopProducing(self) -> None:
        self._steps = 0

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.losses += 1


@implementer(IHalfCloseableProtocol)
class HalfCloser(Speaker):
    """
    A speaker that closes its half when it has written all, and the rest when the other has, too.
    """

    def __init__(self, clock: SimulatedClock, random: Random, end: Callable[[Any], object]) -> None:
        super().__init__(clock, random, end)
        self._halves = 0

    def readConnectionLost(self) -> None:
        self._endHalf()

    def writeConnectionLost(self) -> None:
        self._endHalf()

    def _endHalf(self) -> None:
        self._halves += 1
        if self._halves == 2:
            self.transport.loseConnection()


class Speakers(ClientFactory):
    """
    Gives a connection to one speaker.

    :ivar count: the number of connections
    """

    noisy = False
    count = 0

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    def buildProtocol(self, addr: object) -> Speaker:
        self.count += 1
        return self._speaker


def close(speaker: Speaker) -> None:
    """End a connection by ``loseConnection``."""
    speaker.transport.loseConnection()


def closeHalf(speaker: Speaker) -> None:
    """Close the half of a connection that a speaker writes to."""
    speaker.transport.loseWriteConnection()


def abort(speaker: Speaker) -> None:
    """End a connection by ``abortConnection``."""
    speaker.transport.abortConnection()


def stay(speaker: Speaker) -> None:
    """Leave the end of the connection to the other."""


class OrderTests(SynchronousTestCase):
    """
    Conversations that are drawn from a seed, with all ways to end them.
    """

    def converse(
        self, seed: int, kind: type[Speaker], *ends: Callable[[Any], object]
    ) -> tuple[Speaker, Speaker]:
        """
        Hold a conversation, and require that both are told once that it has ended.

        :param ends: how one end and the other one close the connection
        :return: the two ends; the seed decides which of them is the client
        """
        random = Random(seed)
        clock = SimulatedClock()
        network = MemoryNetwork(
            clock,
            seed=seed,
            latency=LogNormalLatency(0.04, random.choice([0, 1])),
            loss=random.choice([0, 0.1]),
            duplication=random.choice([0, 0.3]),
            reordering=random.choice([0, 0.5]),
            reorderingDelay=random.choice([0.2, 5]),
        )
        one, other = (kind(clock, random, end) for end in ends)
        factories = [Speakers(one), Speakers(other)]
        server, client = random.sample(factories, 2)
        network.reactor(B).listenTCP(PORT, server)
        network.reactor(A).connectTCP(B, PORT, client, timeout=300)
        with self.assertRaisesRegex(LimitReached, "nothing is scheduled"):
            clock.runUntil(lambda: False, limit=1000)
        self.assertEqual(network.streams.connections, set())
        # A connection that is aborted at once may end before the server has heard of it.
        expected = [1, server.count if abort in ends else 1]
        self.assertEqual([client.count, server.count], expected, f"seed {seed}")
        counts = [factory.count for factory in factories]
        self.assertEqual([one.losses, other.losses], counts, f"seed {seed}")
        return one, other

    def assertReceived(self, receiver: Speaker, sender: Speaker, seed: int) -> None:
        """Require that exactly that has arrived which was written."""
        counts = f"seed {seed}: {len(receiver.received)} of {len(sender.said)} bytes"
        self.assertTrue(receiver.received == sender.said, counts)

    def assertBegun(self, receiver: Speaker, sender: Speaker, seed: int) -> None:
        """Require that a beginning has arrived of what was written."""
        self.assertTrue(sender.said.startswith(receiver.received), f"seed {seed}")

    def test_closeComesAfterAllBytes(self) -> None:
        """All that is written before ``loseConnection`` arrives, whatever the other end writes."""
        for seed in range(150):
            closing, other = self.converse(seed, Speaker, close, stay)
            self.assertReceived(other, closing, seed)
            self.assertBegun(closing, other, seed)

    def test_closeWaitsForTheProducer(self) -> None:
        """All that a producer writes after ``loseConnection`` arrives before the end."""
        for seed in range(50):
            closing, other = self.converse(seed, Speaker, Speaker.produce, stay)
            self.assertGreaterEqual(len(closing.said), 500_000)
            self.assertReceived(other, closing, seed)
            self.assertBegun(closing, other, seed)

    def test_halfCloseComesAfterAllBytes(self) -> None:
        """When both ends close their half, all that both have written arrives."""
        for seed in range(150):
            one, other = self.converse(seed, HalfCloser, closeHalf, closeHalf)
            self.assertReceived(other, one, seed)
            self.assertReceived(one, other, seed)

    def test_bothEndsMayClose(self) -> None:
        """When both ends close at any time, each receives a beginning of the other's bytes."""
        for seed in range(150):
            one, other = self.converse(seed, Speaker, close, close)
            self.assertBegun(other, one, seed)
            self.assertBegun(one, other, seed)

    def test_abortDropsTheRest(self) -> None:
        """When an end aborts, each receives a beginning of the other's bytes."""
        for seed in range(150):
            end = (close, closeHalf, abort, stay)[seed % 4]
            one, other = self.converse(seed, Speaker, abort, end)
            self.assertBegun(other, one, seed)
            self.assertBegun(one, other, seed)
