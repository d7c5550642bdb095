"""
Handlers that name the nodes to which their node relays pings.
"""

from __future__ import annotations

from random import Random

from zope.interface import implementer

from dwdht_twisted import Address, IRelayingHandler, peers
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits import RateLimit, validated
from dwdht_twisted._core.wire import packAddress
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.peers import RawPeer

TOPIC = bytes(32)


@implementer(IRelayingHandler)
class Acquaintance(Handler):
    """
    A handler that knows one address.

    :ivar known: the address
    """

    known = Address("10.0.0.1", 1)

    def relaysTo(self, address: Address) -> bool:
        """Whether it is the known address."""
        return address == self.known


class RelayingHandlerTests(NodeTestCase):
    """
    A node that relays a ping from an asker to a hidden node.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(validated, "VALIDATED_ADDRESSES", 50)
        self.relay = self.node(rateLimit=RateLimit(100_000, 100_000))
        self.asker = self.peer(id=None)

    def isRelayed(self, hidden: RawPeer) -> bool:
        """Ask the node to relay a ping, and return whether it arrives."""
        hidden.requests.clear()
        self.asker.ask(
            self.addressOf(self.relay), wire.PING, forwardRequest=packAddress(*hidden.address)
        )
        self.clock.runFor(0.3)
        return bool(hidden.requests)

    def test_handlerNamesANode(self) -> None:
        """
        A ping is relayed to the node that a handler names, and to no other, until the handler is
        removed.
        """
        hidden, other = self.peer(id=None), self.peer(id=None)
        handler = Acquaintance()
        handler.known = hidden.address
        self.assertFalse(self.isRelayed(hidden))
        self.relay.register("plain", Handler())
        self.relay.register("test", handler)
        self.assertTrue(self.isRelayed(hidden))
        self.assertFalse(self.isRelayed(other))
        self.relay.unregister("test")
        self.assertFalse(self.isRelayed(hidden))

    def announce(self, peer: RawPeer, kind: int = 1) -> None:
        """Announce a peer by an update."""
        token = self.tokenFor(peer, self.relay, TOPIC, peers.COMMAND)
        value = bytes((8, kind, 16, 0))
        peer.ask(
            self.addressOf(self.relay), peers.COMMAND, TOPIC, roundtripToken=token, value=value
        )
        self.clock.runFor(0.05)

    def test_manyAnnouncersAreReached(self) -> None:
        """
        Pings are relayed to the first of more announcers than addresses that a node remembers as
        validated, until its announcement ends.
        """
        handler = peers.PeerHandler(self.clock, random=Random(18))
        self.relay.register(peers.COMMAND, handler)
        first = self.peer(id=None)
        self.announce(first)
        for number in range(60):
            self.announce(self.peer(f"10.7.{number}.1", id=None))
        remembered = self.relay._parts.responder._relay._validated
        self.assertFalse(remembered.has(first.address, self.clock.seconds()))
        self.assertTrue(self.isRelayed(first))
        self.clock.runFor(369)
        self.assertFalse(self.isRelayed(first))


class ValidatedAddressesTests(NodeTestCase):
    """
    A node that remembers 50 addresses as validated.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(validated, "VALIDATED_ADDRESSES", 50)
        self.relay = self.node("20.0.0.1", rateLimit=RateLimit(100_000, 100_000))
        self.relay.register("test", Handler(lambda request: b"value"))
        # The answers need validation, because the requests are small.
        for number in range(20):
            self.introduce(self.peer(f"21.{number}.0.1", answers="pong"), self.relay)

    def ask(self, peer: RawPeer) -> None:
        """Ask the node from an address, which it then validates by a ping."""
        peer.ask(self.addressOf(self.relay), "test", self.target())
        self.clock.runFor(0.1)

    def relayed(self, peers: list[RawPeer]) -> int:
        """Ask the node to relay a ping to each of these peers, and return how many it relays."""
        before = self.relay.counters.pingsRelayed
        asker = self.peer("22.0.0.1", id=None)
        for peer in peers:
            asker.ask(
                self.addressOf(self.relay), wire.PING, forwardRequest=packAddress(*peer.address)
            )
            self.clock.runFor(0.3)
        return self.relay.counters.pingsRelayed - before

    def test_hostWithManyPortsKeepsOthersValidated(self) -> None:
        """
        After a host has asked from 100 ports, pings are still relayed to 20 others that have asked
        before.
        """
        others = [self.peer(f"30.{number}.0.1", id=None, answers="pong") for number in range(20)]
        for each in others:
            self.ask(each)
        for port in range(1000, 1100):
            self.ask(self.peer("99.0.0.1", port=port, id=None, answers="pong"))
        self.assertEqual(self.relayed(others), 20)

    def test_networkKeepsOthersValidated(self) -> None:
        """The same holds after 100 hosts of one /24 network have asked."""
        others = [self.peer(f"30.{number}.0.1", id=None, answers="pong") for number in range(20)]
        for each in others:
            self.ask(each)
        for number in range(100):
            self.ask(self.peer(f"99.0.0.{number + 1}", id=None, answers="pong"))
        self.assertEqual(self.relayed(others), 20)
