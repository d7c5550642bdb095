"""
Puts and gets of large values that are cancelled by the very code that they call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer
from zope.interface import implementer

from dwdht_twisted.values import getLarge, putLarge
from tests.helpers.networks.transfers import TransferTestCase


@implementer(IConsumer)
class Caller:
    """
    A producer and a consumer that counts its calls, and does something in one of them.

    :param value: what it produces
    :param at: the number of the call in which ``action`` is called; the first has the number 0
    :ivar calls: the names of the methods that were called
    """

    def __init__(self, clock: Any, value: bytes, at: int, action: Callable[[], object]) -> None:
        self._clock = clock
        self._left = value
        self._at = at
        self._action = action
        self._consumer: Any = None
        self._done: Deferred[None] = Deferred()
        self._isPaused = False
        self.calls: list[str] = []

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) == self._at + 1:
            self._action()

    # The producer.

    def startProducing(self, consumer: Any) -> Deferred[None]:
        """Begin to write, a part in each millisecond."""
        self._consumer = consumer
        self._clock.callLater(0.001, self._write)
        self._called("start")
        return self._done

    def pauseProducing(self) -> None:
        """Write nothing."""
        self._isPaused = True
        self._called("pause")

    def resumeProducing(self) -> None:
        """Write again."""
        self._isPaused = False
        self._clock.callLater(0.001, self._write)
        self._called("resume")

    def stopProducing(self) -> None:
        """Write nothing any more."""
        self._left, self._isPaused = b"", True
        self._called("stop")

    def _write(self) -> None:
        if self._isPaused:
            return
        part, self._left = self._left[:1500], self._left[1500:]
        if part:
            self._clock.callLater(0.001, self._write)
            self._consumer.write(part)
        elif not self._done.called:
            self._done.callback(None)

    # The consumer.

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Count the call."""
        self._called("register")

    def unregisterProducer(self) -> None:
        """Count the call."""
        self._called("unregister")

    def write(self, data: bytes) -> None:
        """Count the call."""
        self._called("write")


class ReentrancyTests(TransferTestCase):
    """
    A transfer that is cancelled in the first call of its producer or consumer, or in the next, ...
    """

    def setUp(self) -> None:
        super().setUp()
        self.value = self.random.randbytes(20_000)
        self.node = self.visitor()
        self.clock.runUntil(self.node.ready())

    def cancelledAt(
        self, begin: Callable[[Caller], Deferred[Any]], at: int
    ) -> tuple[Caller, list[Any]]:
        """Return the caller and the results of a transfer that is cancelled in one call."""
        works: list[Deferred[Any]] = []

        def cancel() -> None:
            # The first call may come before the Deferred is there.
            self.clock.callLater(0, lambda: works[0].cancel()) if not works else works[0].cancel()

        caller = Caller(self.clock, self.value, at, cancel)
        results: list[Any] = []
        works.append(begin(caller).addBoth(results.append))
        self.clock.runFor(2)
        return caller, results

    def test_cancelledPutEnds(self) -> None:
        """
        A put fails with ``CancelledError`` when any call of its producer cancels it. Its producer
        is stopped, and no further piece is stored.
        """
        for at in range(12):
            caller, [failure] = self.cancelledAt(lambda source: putLarge(self.node, source), at)
            failure.trap(CancelledError)
            self.assertEqual(caller.calls[-1], "stop", caller.calls)
            self.assertEqual(len(caller.calls), at + 2, caller.calls)
            sent = self.network.network.bytesSent
            self.clock.runFor(1)
            self.assertLess(self.network.network.bytesSent - sent, 20_000)

    def test_cancelledGetEnds(self) -> None:
        """
        A get fails with ``CancelledError`` when any call of its consumer cancels it, before the
        last one. The consumer gets nothing more.
        """
        key = self.put(self.value)
        for at in range(12):
            caller, [failure] = self.cancelledAt(lambda sink: getLarge(self.node, key, sink), at)
            failure.trap(CancelledError)
            self.assertEqual(caller.calls[at + 1 :], ["unregister"], caller.calls)

    def test_producerThatCannotBePausedFailsItsPut(self) -> None:
        """A put whose producer raises when it is paused fails with this exception."""

        def fail() -> None:
            raise ZeroDivisionError

        source = Caller(self.clock, self.value, 1, fail)
        putting = putLarge(self.node, source)
        self.clock.runFor(10)
        self.failureResultOf(putting, ZeroDivisionError)
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(source.calls[1], "pause")
