"""
Pauses of streams that are read by ``async for``.
"""

from __future__ import annotations

from random import Random

from twisted.internet.defer import Deferred

from dwdht_twisted import NodeDestroyed, Reply
from tests.helpers.networks.nodes import COMMAND
from tests.helpers.networks.streams import StreamTestCase


class LoopPauseTests(StreamTestCase):
    """
    A loop whose stream is paused, by the body of the loop or by others.
    """

    def sleep(self, seconds: float) -> Deferred[None]:
        """Return a Deferred that fires after some simulated time."""
        slept: Deferred[None] = Deferred()
        self.clock.callLater(seconds, slept.callback, None)
        return slept

    def test_pauseHolds(self) -> None:
        """
        With any pauses of drawn lengths, a loop gets no reply and its node asks nobody during a
        pause, and in the end it has got all 60 replies.
        """
        there = self.addPeers(60)
        for seed in range(20):
            random = Random(seed)
            stream = self.asker.query(COMMAND, self.target(), nodes=there)
            found: list[Reply] = []

            async def read() -> None:
                async for reply in stream:  # noqa: B023
                    found.append(reply)  # noqa: B023
                    if random.random() < 0.3:  # noqa: B023
                        await self.sleep(random.choice((0.01, 0.1)))  # noqa: B023

            reading = self.runCoroutine(read())
            while not reading.called:
                self.clock.runFor(random.choice((0.0, 0.02, 0.1)))
                stream.pauseProducing()
                # The reply that the loop has at the moment is not taken away from it.
                self.clock.runFor(0.2)
                before = len(found), len(self.transmissions())
                self.clock.runFor(random.choice((0.1, 2.0)))
                self.assertEqual((len(found), len(self.transmissions())), before)
                stream.resumeProducing()
            self.clock.runUntil(reading)
            self.assertEqual(len({reply.node for reply in found}), 60)

    def test_pauseOfTheLoopItselfHolds(self) -> None:
        """A loop whose body pauses the stream waits until somebody resumes the stream."""
        stream = self.startQuery(30)
        found: list[Reply] = []

        async def read() -> None:
            async for reply in stream:
                found.append(reply)
                if len(found) == 3:
                    stream.pauseProducing()

        reading = self.runCoroutine(read())
        self.clock.runFor(60)
        self.assertEqual(len(found), 3)
        stream.resumeProducing()
        self.clock.runUntil(reading)
        self.assertEqual(len(found), 30)

    def test_pauseBeforeTheLoopHolds(self) -> None:
        """A stream that was paused before its loop begins asks nobody until it is resumed."""
        stream = self.startQuery(5)
        stream.pauseProducing()

        async def read() -> int:
            return len([reply async for reply in stream])

        reading = self.runCoroutine(read())
        self.clock.runFor(60)
        self.assertEqual(self.transmissions(), [])
        stream.resumeProducing()
        self.assertEqual(self.clock.runUntil(reading), 5)

    def test_pausedLoopEndsWithItsNode(self) -> None:
        """A loop whose stream is paused fails with `NodeDestroyed` when the node is destroyed."""
        stream = self.startQuery(5)

        async def read() -> None:
            async for _ in stream:
                stream.pauseProducing()

        reading = self.runCoroutine(read())
        self.clock.runFor(1)
        self.clock.runUntil(self.asker.destroy())
        with self.assertRaises(NodeDestroyed):
            self.clock.runUntil(reading)
