"""
A member among the nodes that are closest to a target: its own handler is asked like any other.
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
    Handlers of one node that keep the ids of those who announce themselves, by topic.
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
    Members of a network that are among the closest to a target.
    """

    def find(self, node: DHTNode, topic: bytes) -> set[bytes]:
        """Return the ids that a query of a topic finds."""
        found: set[bytes] = set()
        for reply in self.collect(node, topic):
            ids = reply.value or b""
            found |= {ids[start : start + 32] for start in range(0, len(ids), 32)}
        return found

    def test_twoMembersFindEachOtherAndThemselves(self) -> None:
        """
        Two members that announce themselves under one topic find both, each from its own side, also
        when the second has announced itself before it has joined.
        """
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
        """
        11 members that announce themselves under one topic each find all 11.
        """
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

    def test_updateIsTakenByThe20ClosestWithTheAskerAmongThem(self) -> None:
        """
        In a network of 30 members with random ids, an update of each is taken by exactly the 20
        closest members, the asker counted if it is one of them, with 20 commits.
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
        A query of each of 30 members has a reply from each of the 20 closest, with its own reply if
        it is one of them, once.
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
        A member that is the farthest of 30 from the target takes no update of its own.
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
        A member that queries and updates in a network of 30 sends itself no datagram.
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
        A query and an update with ``local=False`` run no handler of the asker, although it is the
        closest, and the update is taken by the 20 others that are closest.
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
        An ephemeral node with a handler runs none of its own queries and updates, in a network of 3
        members and alone.
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
        """
        A member without a handler for the command has no reply of its own.
        """
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
        The query of a lone member with a handler has one reply, with its own id, the loopback
        address and its port; nothing is sent.
        """
        node = self.member()
        stream = node.query(COMMAND, self.target(), b"x")
        [reply] = self.clock.runUntil(stream.collect(), limit=0)
        self.assertEqual(reply, Reply(self.ownContact(node), b"own"))
        self.assertEqual((stream.responses, stream.errors, stream.commits), (1, 0, 0))
        self.assertEqual(self.sent, [])

    def test_handlerGetsTheOwnRequest(self) -> None:
        """
        The handler of a lone member gets the command, target and value of its own requests, and the
        contact of the node.
        """
        node = self.member()
        target = self.target()
        self.commit(node, target, b"x")
        expected = Request(COMMAND, target, b"x", self.ownContact(node))
        self.assertEqual((self.handler.queries, self.handler.updates), ([expected], [expected]))
        self.assertEqual((node.counters.queriesServed, node.counters.updatesServed), (1, 1))

    def test_ownAddressIsThatOfTheInterface(self) -> None:
        """
        The own contact of a node that is bound to one interface has the address of that interface.
        """
        node = self.member(listens=False)
        node.listen(7000, "10.0.0.1")
        [reply] = self.collect(node, self.target())
        self.assertEqual(reply.node, Contact(node.id, "10.0.0.1", 7000))

    def test_updateCommitsToItself(self) -> None:
        """
        The update of a lone member with a handler is taken by itself: one reply and one commit.
        """
        node = self.member(update=lambda _: b"taken")
        stream = node.update(COMMAND, self.target(), b"x", query=True)
        replies = self.clock.runUntil(stream.collect(), limit=0)
        self.assertEqual([reply.value for reply in replies], [b"own", b"taken"])
        self.assertEqual((stream.commits, stream.errors), (1, 0))
        self.assertEqual(len(self.handler.updates), 1)

    def test_updateWithoutATakerFails(self) -> None:
        """
        The update of a lone node fails with `NoCloseNodes` when it has no handler, takes no updates
        of the command, is left out, or is ephemeral.
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
        The handler for all other commands is asked by a lone member, and so are the methods of a
        subclass.
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
        The query of a member whose bootstrap nodes are silent fails with `NoResponse`, although its
        consumer got the reply of its own handler; an update is not taken by the node itself.
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
        The query and the update of a member whose contacts of an earlier run are silent, and of one
        whose only contact has gone, fail with `NoResponse`.
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
        The query of a lone member ends with its own reply although a stranger that never answers
        has claimed an id.
        """
        node = self.member()
        self.peer().ask(self.addressOf(node), "_ping")
        self.clock.runFor(0.1)
        [reply] = self.collect(node, self.target())
        self.assertEqual(reply.value, b"own")

    def test_addressedQueryAsksOnlyThoseAddresses(self) -> None:
        """
        A query of given addresses runs no handler of the asker, unless its own address is given:
        then the request is sent to it, once.
        """
        node = self.member()
        other = self.peer(answers="serve")
        self.collect(node, node.id, nodes=[other.address])
        self.assertEqual(self.handler.queries, [])
        [reply] = self.collect(node, node.id, nodes=[self.addressOf(node)])
        self.assertEqual((reply.value, len(self.handler.queries)), (b"own", 1))
        replies = self.commit(node, node.id, b"x", nodes=[self.addressOf(node)])
        self.assertEqual((len(replies), len(self.handler.updates)), (1, 1))
