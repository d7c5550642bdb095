"""
Queries of a node that nobody answers, because its own line is down.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dwdht_twisted import DHTNode, NoResponse, Reply
from dwdht_twisted._core.limits.bounds import QUERY_WINDOW
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.one_way import OneWayTestCase

#: The promise of ``docs/reliability.rst`` for a node with 20 contacts or more, in seconds.
UNHEARD_LIMIT = 60.0


class UnheardTests(OneWayTestCase):
    """
    A settled node of a network of 60, whose line goes down.
    """

    def setUp(self) -> None:
        super().setUp()
        nodes = self.swarm(60)
        for node in nodes:
            node.register(COMMAND, Handler(lambda request: b"value"))
        self.asker: DHTNode = nodes[0]
        self.began = 0.0
        self.ends: list[float] = []
        self.outcomes: Counter[str] = Counter()

    def cutOff(self) -> None:
        """Take the asker off the network."""
        self.network.partition([self.addressOf(self.asker).host])

    def ask(self, count: int, target: bytes | None = None, *, isUpdate: bool = False) -> None:
        """Begin queries, for one target or for a random one each."""
        self.began = self.clock.seconds()
        self.ends.clear()
        self.outcomes.clear()
        ask = self.asker.update if isUpdate else self.asker.query
        for _ in range(count):
            stream = ask(COMMAND, target or self.target(), local=False)
            self.watch(stream.collect())

    def watch(self, done: Deferred[list[Reply]]) -> None:
        """Record when, and how, a query ends."""

        def ended(outcome: Any) -> None:
            self.ends.append(self.clock.seconds() - self.began)
            isFailure = isinstance(outcome, Failure)
            self.outcomes[type(outcome.value).__name__ if isFailure else "success"] += 1

        done.addBoth(ended)

    def runToTheEnd(self, count: int) -> float:
        """Run until all queries have ended, and return the seconds that the last one took."""
        self.clock.runUntil(lambda: len(self.ends) == count, limit=3 * UNHEARD_LIMIT)
        return self.ends[-1]

    def test_allThatWaitFailTogether(self) -> None:
        """
        Of 1,000 queries of a node whose line is down, each fails with `NoResponse` within the time
        of two requests, although only 64 run at once.
        """
        self.cutOff()
        self.ask(1000)
        self.assertLess(self.runToTheEnd(1000), 2 * REQUEST_SECONDS)
        self.assertEqual(self.outcomes, {"NoResponse": 1000})

    def test_longOutage(self) -> None:
        """
        The same holds after minutes without a line, when each request waits as long as any may. A
        single query takes no longer.
        """
        self.cutOff()
        for _ in range(3):
            self.ask(QUERY_WINDOW)
            self.clock.runFor(60)
        for count in (400, 1):
            self.ask(count)
            self.assertLess(self.runToTheEnd(count), 2 * REQUEST_SECONDS)

    def test_queriesForOneTarget(self) -> None:
        """
        Queries that all ask the same contacts, in the same order, end within a minute, even after
        minutes without a line.
        """
        self.cutOff()
        self.ask(QUERY_WINDOW)
        self.clock.runFor(60)
        self.ask(400, self.target())
        self.assertLess(self.runToTheEnd(400), UNHEARD_LIMIT)

    def test_lineThatGoesDownMeanwhile(self) -> None:
        """
        Updates and queries that the loss of the line interrupts end within a minute. Of 200, those
        that have not begun by then all fail with `NoResponse`.
        """
        for isUpdate in (False, True):
            self.ask(200, isUpdate=isUpdate)
            self.clock.runFor(3 * self.latency)
            self.cutOff()
            self.assertLess(self.runToTheEnd(200), UNHEARD_LIMIT)
            self.assertGreaterEqual(self.outcomes["NoResponse"], 200 - QUERY_WINDOW)
            self.network.heal()
            self.clock.runFor(180)

    def test_lineThatIsDownInOneDirection(self) -> None:
        """
        Of 1,000 queries of a node whose datagrams are lost, each fails with `NoResponse` within a
        minute, although a contact that has a token pings the node every second or every five.
        """
        contact, token = self.contactWithToken(self.asker)
        address = self.addressOf(self.asker)
        self.loseDatagramsFrom(address.host)
        for period in (5.0, 1.0):
            pings = self.pingAgainAndAgain(contact, token, address, period)
            self.ask(1000)
            self.clock.runFor(UNHEARD_LIMIT)
            pings.stop()
            self.assertEqual(self.outcomes, {"NoResponse": 1000})

    def test_queryAfterTheReturnOfTheLine(self) -> None:
        """
        A query that is begun when the line is back succeeds at once, even if those before it have
        just failed.
        """
        self.cutOff()
        self.ask(200)
        self.runToTheEnd(200)
        self.network.heal()
        self.ask(1)
        self.assertLess(self.runToTheEnd(1), REQUEST_SECONDS)
        self.assertEqual(self.outcomes, {"success": 1})

    def test_pausedQueryAsksAfterItsPause(self) -> None:
        """
        A query that was paused while the line was down asks when it goes on, because what was
        silent during the pause may answer by now.
        """
        stream = self.asker.query(COMMAND, self.target(), local=False)
        stream.pauseProducing()
        done = stream.collect()
        self.cutOff()
        self.ask(200)
        self.runToTheEnd(200)
        self.network.heal()
        stream.resumeProducing()
        self.assertEqual(len(self.clock.runUntil(done, limit=REQUEST_SECONDS)), 20)

    def test_singleAnswerKeepsQueriesGoing(self) -> None:
        """
        While one of 60 nodes still answers, queries go on to their end, and get its answer.
        """
        rest = self._nodes[2:-1]
        self.network.partition(
            [self.addressOf(self.asker).host], [self.addressOf(node).host for node in rest]
        )
        last = self._nodes[-1]
        [reply] = self.collect(self.asker, last.id, local=False)
        self.assertEqual(reply.node.id, last.id)

    def test_ownNodeIsStillAsked(self) -> None:
        """
        Each of 200 queries of a member whose line is down gets the answer of the member itself
        before it fails.
        """
        self.cutOff()
        values: list[bytes | None] = []
        failures: list[Failure] = []

        async def read() -> None:
            async for reply in self.asker.query(COMMAND, self.target()):
                values.append(reply.value)

        for _ in range(200):
            Deferred.fromCoroutine(read()).addErrback(failures.append)
        self.clock.runUntil(lambda: len(failures) == 200, limit=UNHEARD_LIMIT)
        self.assertEqual({failure.type for failure in failures}, {NoResponse})
        self.assertEqual(values, [b"value"] * 200)


class LostNodeTests(NodeTestCase):
    """
    A node that has never had a contact, and whose bootstrap node is dead.
    """

    def test_waitingQueriesFailWithTheFirst(self) -> None:
        """
        Of 1,000 queries, each fails with `NoResponse` within the time of two requests.
        """
        silent = self.peer()
        asker = self.node(ephemeral=True, bootstrap=[silent.address])
        failures: list[Failure] = []
        for _ in range(1000):
            asker.query(COMMAND, self.target()).collect().addErrback(failures.append)
        failed = partial(len, failures)
        self.clock.runUntil(lambda: failed() == 1000, limit=2 * REQUEST_SECONDS)
        self.assertEqual({failure.type for failure in failures}, {NoResponse})
