"""
Updates that run once on a node, whatever delays their retries.

Losses, naps, steps of the clock and other requests are drawn from a seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from dwdht_twisted import DHTNode, Request
from dwdht_twisted._core.limits.bounds import UPDATES_REMEMBERED_FOR
from dwdht_twisted._net.requests import UPDATE_REPEATED_FOR
from dwdht_twisted.private.bounds import HANDSHAKE_DEADLINE
from dwdht_twisted.private.certified.waiting import WaitingData
from dwdht_twisted.testing import HostReactor
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase
from tests.helpers.networks.sleep import delay

#: The longest time that a datagram may be on its way, in seconds.
LONGEST_JOURNEY = 1.0

#: The time after which an asker certainly sends no update again, in seconds.
ALL_SENT = 120.0


class UpdatesRunOnceTests(NodeTestCase):
    """
    Two nodes, of which one sends updates to the other.
    """

    def setUp(self) -> None:
        super().setUp()
        self.runs: Counter[bytes | None] = Counter()

    def begin(self, draw: Random) -> tuple[HostReactor, DHTNode]:
        """Return the host of an asker that knows a node, and the asker."""
        self.runs.clear()
        self.network.loss = 0.0
        self.network.latency = self.latency = draw.choice([0.02, 0.1, 0.4])
        slow = draw.choice([0.0, 0.0, 3.0])

        def run(request: Request) -> Deferred[None]:
            self.runs[request.value] += 1
            return deferLater(self.clock, slow, lambda: None)

        taker = self.node()
        taker.register(COMMAND, Handler(update=run))
        host = self.network.reactor()
        asker = self.node(reactor=host, bootstrap=[self.addressOf(taker)])
        self.clock.runUntil(asker.ready())
        return host, asker

    def sendUpdates(self, asker: DHTNode, count: int) -> None:
        """Begin updates with different values."""
        [taker] = asker.contacts()
        for number in range(count):
            stream = asker.update(COMMAND, self.target(), b"%d" % number, nodes=[taker.address])
            stream.collect().addErrback(lambda _: None)

    def sendPings(self, asker: DHTNode, count: int) -> None:
        """Ping the other node many times, so that its pace delays retries."""
        for contact in asker.contacts():
            for _ in range(count):
                asker.ping(contact.address).addErrback(lambda _: None)

    def weather(self, draw: Random, host: HostReactor, asker: DHTNode) -> Callable[[], None]:
        """Return something that delays the asker."""
        nap, step = draw.uniform(0.5, 40.0), draw.choice([-3600.0, -20.0, 20.0, 3600.0])
        return draw.choice(
            [
                lambda: delay(host, nap),
                lambda: delay(host, nap / 4),
                lambda: host.setClock(step),
                lambda: self.sendPings(asker, 3500),
            ]
        )

    def test_drawnWeather(self) -> None:
        """
        Of the updates that 15 askers send, none runs twice, although datagrams are lost, the
        machine of the asker takes naps, its clock is set, and thousands of other requests wait.
        """
        for seed in range(15):
            draw = Random(seed)
            host, asker = self.begin(draw)
            self.sendUpdates(asker, draw.randrange(1, 30))
            self.clock.runFor(draw.uniform(1.0, 4.0) * self.latency)
            self.network.loss = draw.choice([0.3, 0.6])
            for _ in range(draw.randrange(1, 6)):
                self.weather(draw, host, asker)()
                self.clock.runFor(draw.uniform(0.1, 12.0))
            self.clock.runFor(ALL_SENT)
            self.assertLessEqual(max(self.runs.values(), default=0), 1, (seed, self.runs))
            self.destroyAll()

    def test_retryPassesOtherRequests(self) -> None:
        """
        An update that is lost while 3,500 pings to its node wait is taken within five seconds. To
        send all pings takes over half a minute.
        """
        _, asker = self.begin(Random(1))
        [taker] = asker.contacts()
        self.sendUpdates(asker, 1)
        self.clock.runFor(1.5 * self.latency)
        self.network.partition([taker.host])
        self.clock.runFor(self.latency)
        self.sendPings(asker, 3500)
        self.clock.runFor(0.2)
        self.assertEqual(self.runs, {})
        self.network.heal()
        self.clock.runFor(5)
        self.assertEqual(list(self.runs.values()), [1])

    def test_timesFitTogether(self) -> None:
        """
        The last transmission of an update arrives while its node remembers the first, even in a
        network by certificate, in which it may wait for as long as a handshake takes.
        """
        slowest = UPDATE_REPEATED_FOR + HANDSHAKE_DEADLINE + LONGEST_JOURNEY
        self.assertLessEqual(slowest, UPDATES_REMEMBERED_FOR)
        waiting = WaitingData()
        address = self.peer().address
        waiting.add(b"early", address, 0.0)
        waiting.add(b"late", address, 0.1)
        self.assertEqual(waiting.take(address, HANDSHAKE_DEADLINE + 0.05), [b"late"])
