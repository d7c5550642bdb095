"""
An idle node behind a NAT of the Linux kernel that forgets, in a network of public nodes.

Times are a tenth of the usual ones, so one minute stands for ten. The asker of each test has never
been in contact with the idle node. It knows only the public node farthest from the idle node. No
path between that node and the idle node is kept open.
"""

from __future__ import annotations

from random import Random

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from dwdht_twisted import Address
from dwdht_twisted._core.routing import freshness
from dwdht_twisted._core.wire import distance
from dwdht_twisted._net.upkeep import refreshing, upkeep
from tests.helpers.processes.nat import (
    PORT,
    PUBLIC_HOST,
    REFERRER_HOST,
    NatNode,
    NatTestCase,
)

VALUE = b"Hello, World!"

#: The addresses of the public nodes, each in a network of its own.
HOSTS = [REFERRER_HOST, *(f"1.{number}.0.1" for number in range(3, 10))]

#: The time for which the idle node has nothing to do, in seconds: five times the time after which
#: the NAT closes a path.
IDLE_SECONDS = 60.0

#: The time-outs of the NAT, in seconds. The second is a tenth of Linux's default of 120. The first
#: is a fifth of Linux's 30, because the kernel takes each path for new for two seconds, which can't
#: be changed. For the same reason, `freshness.CONFIRM_PATH_AFTER` is not shortened.
NEW_PATH_TIMEOUT, PATH_TIMEOUT = 6, 12

#: The constants of the nodes with times that matter to this test, in seconds. A tenth of the usual
#: times, but contacts are not pinged for any other reason than to keep a path open.
CONSTANTS: dict[str, dict[str, float]] = {
    freshness.__name__: {
        "PATH_STAYS_OPEN": freshness.PATH_STAYS_OPEN / 10,
        "KEEP_OPEN_AFTER": freshness.KEEP_OPEN_AFTER / 10,
        "SHORTEST_CHECK": 3600.0,
        "LONGEST_CHECK": 3600.0,
    },
    upkeep.__name__: {"INTERVAL": upkeep.INTERVAL / 10},
    refreshing.__name__: {"EXPLORE_AFTER": refreshing.EXPLORE_AFTER / 10},
}


class IdleTests(NatTestCase):
    """
    An idle node behind a NAT, and eight public nodes.

    :ivar idle: the idle node
    :ivar target: a target next to the id of the idle node
    """

    timeout = 150

    def setUp(self) -> None:
        super().setUp()
        self.constants = CONSTANTS
        self.targetsLan.setTimeouts(NEW_PATH_TIMEOUT, PATH_TIMEOUT)
        for host in HOSTS[1:]:
            self.public.ip(f"address add {host}/32 dev lo")

    async def startNetwork(self) -> None:
        """Start all nodes but the asker, and wait until the idle node has joined."""
        self.random = Random(1)
        id = self.random.randbytes(32)
        self.target = id[:-1] + bytes([id[-1] ^ 1])
        ids = {host: self.random.randbytes(32) for host in HOSTS}
        first = Address(HOSTS[0], PORT)
        await self.publicNode(HOSTS[0], ids[HOSTS[0]])
        await gatherResults(
            [Deferred.fromCoroutine(self.publicNode(host, ids[host], first)) for host in HOSTS[1:]]
        )
        self.farthest = Address(max(HOSTS, key=lambda host: distance(ids[host], id)), PORT)
        self.idle = await self.lanNode(self.targetsLan, id, first)

    async def startAsker(self) -> NatNode:
        """Return a new public node. It knows only the node farthest from the idle node."""
        asker = await self.publicNode(PUBLIC_HOST, self.random.randbytes(32))
        await asker.ping(self.farthest)
        return asker

    async def test_queryAndUpdateReachIdleNode(self) -> None:
        """
        After a minute without work, a node behind a NAT that closes paths after 12 seconds is
        reached by a query and by an update. The update runs once.
        """
        await self.startNetwork()
        await deferLater(self.reactor, IDLE_SECONDS)
        asker = await self.startAsker()
        replies = await asker.query(self.target, VALUE)
        self.assertIn(self.idle.id, [reply.node.id for reply in replies])
        replies = await asker.update(self.target, VALUE)
        self.assertIn(self.idle.id, [reply.node.id for reply in replies])
        self.assertEqual(await self.idle.updates(), [VALUE])

    async def test_nodeWithoutOpenPathsIsMissed(self) -> None:
        """
        A node that keeps no path open is named by others, and a query doesn't reach it after twice
        the time-out of its NAT.
        """
        self.constants = {
            **CONSTANTS,
            upkeep.__name__: {**CONSTANTS[upkeep.__name__], "OPEN_PATHS": 0},
        }
        await self.startNetwork()
        await deferLater(self.reactor, 2 * PATH_TIMEOUT)
        replies = await (await self.startAsker()).query(self.target, VALUE)
        self.assertNotIn(self.idle.id, [reply.node.id for reply in replies])
        self.assertEqual(len(replies), len(HOSTS))
