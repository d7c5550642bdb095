"""
Liars that use the id of a node while it is away, or when it is restarted.
"""

from __future__ import annotations

from twisted.internet.task import LoopingCall

from dwdht_twisted import Address
from dwdht_twisted._core import wire
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.peers import RawPeer

#: The promises of ``docs/reliability.rst``, in seconds: for a node that was restarted at another
#: port, without and with liars, and for one that is back. In the first second a restarted node
#: sends requests to all others.
RESTART_LIMIT = 1.0 + 4.0
RESTART_AMONG_LIARS_LIMIT = 45.0
RETURN_LIMIT = 120.0


class OwnedIdTests(NodeTestCase):
    """
    A node that has been in a network of 20 for ten minutes, and liars that use its id all the time.
    """

    def setUp(self) -> None:
        super().setUp()
        *self.others, self.victim = self.swarm(20)
        self.clock.runFor(600)
        self.host = self.addressOf(self.victim).host
        self.attacks: list[LoopingCall] = []
        self.addCleanup(self.stopAttacks)

    def stopAttacks(self) -> None:
        """Silence the liars."""
        for attack in self.attacks:
            attack.stop()
        self.attacks.clear()

    def attack(self, liars: int, period: float) -> None:
        """Let liars, each at a host of its own, ping all nodes under the victim's id."""
        for _ in range(liars):
            liar = self.peer(id=self.victim.id, answers="serve")
            attack = LoopingCall(self.pingAll, liar)
            attack.clock = self.clock
            attack.start(period)
            self.attacks.append(attack)
            self.clock.runFor(period / liars)

    def pingAll(self, liar: RawPeer) -> None:
        """Ping all nodes under the victim's id."""
        for node in self.others:
            liar.send(self.ping(), self.addressOf(node))

    def ping(self) -> bytes:
        """Return a ping under the victim's id."""
        return wire.frameRequest(1, wire.requestBody(wire.PING, self.victim.id))

    def restart(self, host: str) -> None:
        """Stop the victim, and start it under its id, at another port of a host."""
        id = self.victim.id
        self.clock.runUntil(self.victim.destroy())
        self._nodes.remove(self.victim)
        self.clock.runFor(1)
        self.victim = self.node(host, port=7000, id=id, bootstrap=[self.bootstrap])

    def cutOff(self, seconds: float) -> None:
        """Take the victim off the network for some time."""
        self.network.partition([self.host])
        self.clock.runFor(seconds)
        self.network.heal()

    def listed(self) -> list[Address]:
        """Return the addresses that the other nodes list under the victim's id."""
        return [
            contact.address
            for node in self.others
            for contact in node.contacts()
            if contact.id == self.victim.id
        ]

    def assertListed(self, count: int) -> None:
        """Require that at least so many nodes list the victim, and the others no liar."""
        address = self.addressOf(self.victim)
        self.assertGreaterEqual(self.listed().count(address), count, self.listed())

    def test_restartWithoutLiars(self) -> None:
        """All nodes list a node within five seconds after it was restarted at another port."""
        self.restart(self.host)
        self.clock.runFor(RESTART_LIMIT)
        self.assertListed(len(self.others))

    def test_restartAmongLiars(self) -> None:
        """
        All nodes list a node within 45 seconds after it was restarted at another port of its host,
        and an hour later, although one to eight liars use its id at different intervals.
        """
        for liars, period in ((1, 20.0), (1, 1.0), (8, 1.0)):
            self.attack(liars, period)
            self.clock.runFor(self.random.uniform(60, 90))
            self.restart(self.host)
            self.clock.runFor(RESTART_AMONG_LIARS_LIMIT)
            self.assertListed(len(self.others))
            self.clock.runFor(3600)
            self.assertListed(len(self.others))
            self.stopAttacks()

    def test_returnAmongLiars(self) -> None:
        """
        All nodes list a node within two minutes after it is back, when liars have had its id while
        it was away for 30 seconds to five minutes.
        """
        for liars, period, seconds in ((1, 20.0, 120.0), (1, 1.0, 30.0), (5, 7.0, 300.0)):
            self.attack(liars, period)
            self.cutOff(seconds)
            self.clock.runFor(RETURN_LIMIT)
            self.assertListed(len(self.others))
            self.clock.runFor(3600)
            self.assertListed(len(self.others))
            self.stopAttacks()

    def test_lentIdIsUsed(self) -> None:
        """While a node is away, an address that answers under its id is listed in its place."""
        self.attack(1, 20.0)
        self.cutOff(120.0)
        self.assertEqual(len(self.listed()), len(self.others))
        self.assertNotIn(self.host, {address.host for address in self.listed()})

    def test_movedNodeIsListed(self) -> None:
        """A node that was restarted on another host is listed by all nodes within five seconds."""
        self.restart("10.9.9.9")
        self.clock.runFor(RESTART_LIMIT)
        self.assertListed(len(self.others))

    def test_forgedReturnsDisplaceNobody(self) -> None:
        """
        Requests that are forged in the name of a node's old address take the place from the node at
        its new address nowhere. Each of them causes at most one datagram to the old address.
        """
        old = self.addressOf(self.victim)
        self.restart("10.9.9.9")
        self.clock.runFor(60)
        self.sent.clear()
        for _ in range(100):
            for node in self.others:
                self.network.transmit(old, self.addressOf(node), self.ping(), old)
            self.clock.runFor(0.5)
        self.assertListed(len(self.others))
        pings = [data for _, to, data in self.sent if to == old and wire.isRequest(data)]
        self.assertLessEqual(len(pings), 100 * len(self.others))
