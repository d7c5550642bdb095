"""
A member that is itself among the nodes closest to a target.

Its query and update then run its own handler, like those of the other closest nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from dwdht_twisted import (
    Contact,
    DHTNode,
    NoCloseNodes,
    NoResponse,
    Reply,
    Request,
)
from dwdht_twisted._core.routing import K
from tests.helpers.core.contacts import closestIds
from tests.helpers.networks.doubles import Consumer, Handler
from tests.helpers.networks.local import LocalTestCase
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS


class Announcements:
    """
    Handlers of one node that store the ids of announced nodes for each topic.
    """

    def __init__(self, node: DHTNode) -> None:
        self._announced: dict[bytes, list[bytes]] = {}
        node.register(COMMAND, query=self._query, update=self._update)

    def _query(self, request: Request) -> bytes:
        return b"".join(sorted(self._announced.get(request.target, [])))

    def _update(self, request: Request) -> None:
        assert request.node.id is not None
        self._announced.setdefault(request.target, []).append(request.node.id)


class NetworkTests(LocalTestCase):
    """
    Members of a network that are among the nodes closest to a target.
    """

    def find(self, node: DHTNode, topic: bytes) -> set[bytes]:
        """Return the ids found by a query of a topic."""
        found: set[bytes] = set()
        for reply in self.collect(node, topic):
            ids = reply.value or b""
            found |= {ids[start : start + 32] for start in range(0, len(ids), 32)}
        return found

    def test_twoMembersFindEachOtherAndThemselves(self) -> None:
        """Two members announce themselves under one topic. A query by either one finds both."""
        first = self.node()
        second = self.node(bootstrap=[self.addressOf(first)])
        for node in (first, second):
            Announcements(node)
        self.clock.runUntil(second.ready())
        topic = self.target()
        for node in (first, second):
            self.commit(node, topic)
        for node in (first, second):
            self.assertEqual(self.find(node, topic), {first.id, second.id})

    def test_elevenMembersFindAll(self) -> None:
        """Eleven members announce themselves under one topic. A query by each one finds all 11."""
        nodes = self.swarm(11)
        for node in nodes:
            Announcements(node)
        topic = self.target()
        for node in nodes:
            stream = node.update(COMMAND, topic)
            self.clock.runUntil(stream.collect())
            self.assertEqual(stream.commits, 11)
        for node in nodes:
            self.assertEqual(self.find(node, topic), {each.id for each in nodes})

    def test_updateReachesThe20ClosestWithTheAskerAmongThem(self) -> None:
        """
        In a network of 30, each member's update is accepted by exactly the 20 closest members. The
        asker is one of them if it is close enough.
        """
        random = Random(14)
        nodes = self.swarm(30, rateLimit=None)
        taken: dict[bytes, list[bytes]] = {}

        def taker(id: bytes) -> Callable[[Request], None]:
            return lambda request: taken.setdefault(request.target, []).append(id)

        for node in nodes:
            node.register(COMMAND, update=taker(node.id))
        contacts = [self.contactOf(node) for node in nodes]
        wasAmongThem = []
        for node in nodes:
            target = random.randbytes(32)
            stream = node.update(COMMAND, target, b"x")
            replies = self.clock.runUntil(stream.collect())
            closest = closestIds(contacts, target)
            self.assertEqual(len(closest), K)
            self.assertEqual(sorted(taken[target]), sorted(closest))
            self.assertEqual(sorted(reply.node.id or b"" for reply in replies), sorted(closest))
            self.assertEqual((stream.commits, stream.errors), (20, 0))
            wasAmongThem.append(node.id in closest)
        self.assertTrue(5 < sum(wasAmongThem) < 30, wasAmongThem)

    def test_queryAsksThe20ClosestWithTheAskerAmongThem(self) -> None:
        """
        In a network of 30, each member's query gets one reply from each of the 20 closest members.
        The asker is one of them if it is close enough.
        """
        nodes = self.swarm(30, rateLimit=None)

        def giver(id: bytes) -> Callable[[Request], bytes]:
            return lambda request: id

        for node in nodes:
            node.register(COMMAND, query=giver(node.id))
        contacts = [self.contactOf(node) for node in nodes]
        for node in nodes:
            target = self.target()
            replies = self.collect(node, target)
            ids = [reply.node.id for reply in replies]
            self.assertEqual(len(ids), len(set(ids)))
            self.assertLessEqual(set(closestIds(contacts, target)), set(ids))
            self.assertEqual([reply.value for reply in replies], ids)

    def test_memberBeyondThe20ClosestIsNotCommittedTo(self) -> None:
        """
        A member's update doesn't run its own handler if the member is the farthest of 30 from the
        target.
        """
        nodes = self.swarm(30, rateLimit=None)
        handlers = {node.id: Handler() for node in nodes}
        for node in nodes:
            node.register(COMMAND, handlers[node.id])
        for node in nodes[:10]:
            target = bytes(255 - byte for byte in node.id)
            handlers[node.id].updates.clear()
            stream = node.update(COMMAND, target, b"x")
            replies = self.clock.runUntil(stream.collect())
            self.assertNotIn(node.id, [reply.node.id for reply in replies])
            self.assertEqual(handlers[node.id].updates, [])
            self.assertEqual(stream.commits, 20)

    def test_ownAddressGetsNoDatagram(self) -> None:
        """
        In a network of 30, a member's queries and updates send no datagram to its own address.
        """
        nodes = self.swarm(30, rateLimit=None)
        for node in nodes:
            node.register(COMMAND, Handler())
        self.sent.clear()
        for node in nodes[:5]:
            self.commit(node, node.id, b"x")
            self.collect(node, node.id)
        self.assertGreater(len(self.sent), 200)
        self.assertEqual([each for each in self.sent if each[0][0] == each[1][0]], [])

    def test_localFalseLeavesTheAskerOut(self) -> None:
        """
        With ``local=False``, the asker's handler isn't run, although its id is the target. The
        update is accepted by the 20 closest other members.
        """
        nodes = self.swarm(25, rateLimit=None)
        for node in nodes[1:]:
            node.register(COMMAND, Handler())
        handler = Handler()
        nodes[0].register(COMMAND, handler)
        target = nodes[0].id
        replies = self.collect(nodes[0], target, local=False)
        self.assertNotIn(nodes[0].id, [reply.node.id for reply in replies])
        replies = self.commit(nodes[0], target, b"x", local=False)
        others = closestIds([self.contactOf(node) for node in nodes[1:]], target)
        self.assertEqual(sorted(reply.node.id or b"" for reply in replies), sorted(others))
        self.assertEqual((handler.queries, handler.updates), ([], []))

    def test_ephemeralNodeNeverAsksItself(self) -> None:
        """
        Queries and updates of an ephemeral node never run its own handler, alone or in a network of
        3 members.
        """
        nodes = self.swarm(3)
        for node in nodes:
            node.register(COMMAND, Handler())
        asker = self.member(ephemeral=True, bootstrap=[self.bootstrap])
        for target in (asker.id, self.target()):
            replies = self.commit(asker, target, b"x", query=True)
            self.assertEqual({reply.node.id for reply in replies}, {node.id for node in nodes})
        alone = self.node(ephemeral=True)
        alone.register(COMMAND, self.handler)
        self.assertEqual(self.collect(alone, alone.id), [])
        self.assertEqual((self.handler.queries, self.handler.updates), ([], []))

    def test_memberWithoutAHandlerIsNotAsked(self) -> None:
        """A query has no reply from the asker if the asker has no handler for the command."""
        nodes = self.swarm(3)
        nodes[0].register("other", Handler())
        replies = self.collect(nodes[0], nodes[0].id)
        self.assertEqual({reply.node.id for reply in replies}, {node.id for node in nodes[1:]})


class LoneTests(LocalTestCase):
    """
    A node that knows no other node.
    """

    def test_queryHasTheOwnReply(self) -> None:
        """
        A lone member's query has one reply from its own handler. The contact in the reply has the
        loopback address and the member's port. No datagram is sent.
        """
        node = self.member()
        stream = node.query(COMMAND, self.target(), b"x")
        [reply] = self.clock.runUntil(stream.collect(), limit=0)
        self.assertEqual(reply, Reply(self.ownContact(node), b"own"))
        self.assertEqual((stream.responses, stream.errors, stream.commits), (1, 0, 0))
        self.assertEqual(self.sent, [])

    def test_handlerGetsTheOwnRequest(self) -> None:
        """
        The handler of a lone member gets the command, target and value of its own request. The
        request's contact is the member.
        """
        node = self.member()
        target = self.target()
        self.commit(node, target, b"x")
        expected = Request(COMMAND, target, b"x", self.ownContact(node))
        self.assertEqual((self.handler.queries, self.handler.updates), ([expected], [expected]))
        self.assertEqual((node.counters.queriesServed, node.counters.updatesServed), (1, 1))

    def test_ownAddressIsThatOfTheInterface(self) -> None:
        """
        If a node is bound to one interface, the contact in its own reply has the address of this
        interface.
        """
        node = self.member(listens=False)
        node.listen(7000, "10.0.0.1")
        [reply] = self.collect(node, self.target())
        self.assertEqual(reply.node, Contact(node.id, "10.0.0.1", 7000))

    def test_updateCommitsToItself(self) -> None:
        """A lone member's update runs its own handler, with one reply and one commit."""
        node = self.member(update=lambda _: b"taken")
        stream = node.update(COMMAND, self.target(), b"x", query=True)
        replies = self.clock.runUntil(stream.collect(), limit=0)
        self.assertEqual([reply.value for reply in replies], [b"own", b"taken"])
        self.assertEqual((stream.commits, stream.errors), (1, 0))
        self.assertEqual(len(self.handler.updates), 1)

    def test_updateWithoutAHandlerForItFails(self) -> None:
        """
        A lone node's update fails with `NoCloseNodes` in four cases: the node has no handler, its
        handler takes no updates, the node is ephemeral, or ``local`` is False.
        """
        silent = self.node()
        queried = self.node()
        queried.register(COMMAND, query=lambda _: None)
        ephemeral = self.member(ephemeral=True)
        for node in (silent, queried, ephemeral):
            with self.assertRaises(NoCloseNodes):
                self.commit(node, self.target(), b"x")
        member = self.member()
        with self.assertRaises(NoCloseNodes):
            self.commit(member, self.target(), b"x", local=False)
        self.assertEqual(self.handler.updates, [])

    def test_handlerForNoneIsAsked(self) -> None:
        """
        A lone member's query runs the handler that the member has registered for None. On a node of
        a subclass, the query runs the overridden `queryReceived`.
        """

        class Node(DHTNode):
            def queryReceived(self, request: Request) -> bytes:
                return b"subclass"

        node = self.node()
        node.register(None, Handler(lambda _: b"any"))
        self.assertEqual(self.collect(node, self.target())[0].value, b"any")
        subclass = self.node(kind=Node)
        self.assertEqual(self.collect(subclass, self.target())[0].value, b"subclass")

    def test_silentBootstrapNodesFailTheQuery(self) -> None:
        """
        With silent bootstrap nodes, a member's query fails with `NoResponse`, although the consumer
        got the reply of the member's own handler. An update doesn't run the handler.
        """
        node = self.member(bootstrap=[self.peer().address])
        consumer = Consumer()
        stream = node.query(COMMAND, self.target())
        done = stream.startProducing(consumer)
        self.clock.runFor(1)
        self.assertEqual([reply.value for reply in consumer.items], [b"own"])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(done, limit=REQUEST_SECONDS)
        self.assertEqual(stream.responses, 1)
        with self.assertRaises(NoResponse):
            self.commit(node, self.target(), b"x")
        self.assertEqual(self.handler.updates, [])

    def test_silentContactsFailTheQuery(self) -> None:
        """
        A member's query and update fail with `NoResponse` if its contacts are silent. One member
        only has a contact of an earlier run. Another member had a contact that was destroyed.
        """
        silent = self.member(contacts=[self.peer().contact])
        other = self.node()
        lost = self.member(bootstrap=[self.addressOf(other)])
        self.clock.runUntil(lost.ready())
        self.clock.runUntil(other.destroy())
        for node in (silent, lost):
            with self.assertRaises(NoResponse):
                self.collect(node, self.target())
            with self.assertRaises(NoResponse):
                self.commit(node, self.target(), b"x")
        self.assertEqual(self.handler.updates, [])

    def test_strangerThatClaimsAnIdLeavesTheNodeAlone(self) -> None:
        """
        A member without contacts still answers its own query after a stranger has sent it a
        request with an id.  The stranger itself answers no requests.
        """
        node = self.member()
        self.peer().ask(self.addressOf(node), "_ping")
        self.clock.runFor(0.1)
        [reply] = self.collect(node, self.target())
        self.assertEqual(reply.value, b"own")

    def test_addressedQueryAsksOnlyThoseAddresses(self) -> None:
        """
        A query to given addresses runs the asker's handler only if they include the asker's own
        address. With this address, the handler runs once for a query and once for an update.
        """
        node = self.member()
        other = self.peer(answers="serve")
        self.collect(node, node.id, nodes=[other.address])
        self.assertEqual(self.handler.queries, [])
        [reply] = self.collect(node, node.id, nodes=[self.addressOf(node)])
        self.assertEqual((reply.value, len(self.handler.queries)), (b"own", 1))
        replies = self.commit(node, node.id, b"x", nodes=[self.addressOf(node)])
        self.assertEqual((len(replies), len(self.handler.updates)), (1, 1))
