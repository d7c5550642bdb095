"""
`peers.PeerHandler`: what it answers to requests, and what it keeps.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from dwdht_twisted import Address, Contact, ICommandHandler, IRelayingHandler, Request, peers
from dwdht_twisted._core.wire import packAddress
from dwdht_twisted.errors import UpdateRefused
from dwdht_twisted.peers.bounds import ANNOUNCEMENTS_PER_TOPIC
from dwdht_twisted.peers.messages import Kind, PeerRequest, decodeAnswer
from dwdht_twisted.testing import SimulatedClock

TOPIC = bytes(range(64, 96))


class HandlerTestCase(SynchronousTestCase):
    """
    A base for tests of a `peers.PeerHandler`.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.handler = peers.PeerHandler(self.clock, random=Random(18))

    def request(
        self, kind: int, asker: tuple[str, int], port: int = 0, local: tuple[str, int] | None = None
    ) -> Request:
        """Return a request as the network may send it."""
        localAddress = None if local is None else packAddress(*local)
        value = PeerRequest(kind, port, localAddress).encode()
        return Request(peers.COMMAND, TOPIC, value, Contact(None, *asker))

    def query(
        self,
        asker: tuple[str, int],
        port: int = 0,
        local: tuple[str, int] | None = None,
        kind: int = Kind.LOOK_UP,
    ) -> bytes | None:
        """Return the answer to a query."""
        return self.handler.queryReceived(self.request(kind, asker, port, local))

    def update(
        self,
        kind: int,
        asker: tuple[str, int],
        port: int = 0,
        local: tuple[str, int] | None = None,
    ) -> bytes | None:
        """Return the answer to an update."""
        return self.handler.updateReceived(self.request(kind, asker, port, local))

    def found(self, asker: tuple[str, int] = ("10.9.9.9", 9)) -> set[Address]:
        """Return the peers that a look-up finds."""
        return {peer for peer, _ in decodeAnswer(self.query(asker), None)}


class RequestTests(HandlerTestCase):
    """
    The kinds of requests.
    """

    def setUp(self) -> None:
        super().setUp()
        self.update(Kind.ANNOUNCE, ("10.0.0.1", 1))

    def listing(self) -> bytes:
        """Return an answer with the one peer."""
        return b"\x0a\x06" + packAddress("10.0.0.1", 1)

    def test_handlerProvidesItsInterfaces(self) -> None:
        """A handler provides `ICommandHandler` and `IRelayingHandler`."""
        verifyObject(ICommandHandler, self.handler)
        verifyObject(IRelayingHandler, self.handler)

    def test_queryListsAndChangesNothing(self) -> None:
        """A query of any kind is answered with the list, and changes nothing."""
        for kind in (0, 1, 2, 3, 2**31):
            self.assertEqual(self.query(("10.0.0.2", 2), kind=kind), self.listing())
        self.assertEqual(self.query(("10.0.0.1", 1), kind=Kind.UNANNOUNCE), None)
        self.assertEqual(self.found(), {Address("10.0.0.1", 1)})

    def test_updateOfALookUpListsAndChangesNothing(self) -> None:
        """An update of the kind 0 or of an unknown kind is answered with the list."""
        for kind in (0, 3, 2**31):
            self.assertEqual(self.update(kind, ("10.0.0.2", 2)), self.listing())
        self.assertEqual(self.found(), {Address("10.0.0.1", 1)})

    def test_announcementIsKeptAndListed(self) -> None:
        """An announcement is kept, and answered with the list of the others."""
        self.assertEqual(self.update(Kind.ANNOUNCE, ("10.0.0.2", 2)), self.listing())
        self.assertEqual(self.found(), {Address("10.0.0.1", 1), Address("10.0.0.2", 2)})

    def test_unannouncedPeerIsGone(self) -> None:
        """An announcement that is taken back is answered without a value, and is gone."""
        self.assertIsNone(self.update(Kind.UNANNOUNCE, ("10.0.0.1", 1)))
        self.assertEqual(self.found(), set())
        self.assertEqual(len(self.handler), 0)

    def test_onlyTheSamePortIsTakenBack(self) -> None:
        """Only an unannouncement from the same host with the same port removes a peer."""
        self.update(Kind.ANNOUNCE, ("10.0.0.1", 1), 8080)
        self.update(Kind.UNANNOUNCE, ("10.0.0.1", 1), 8081)
        self.update(Kind.UNANNOUNCE, ("10.0.0.2", 1), 8080)
        self.assertEqual(self.found(), {Address("10.0.0.1", 1), Address("10.0.0.1", 8080)})
        # The port of the socket is another than before, but the announced port is given.
        self.update(Kind.UNANNOUNCE, ("10.0.0.1", 99), 8080)
        self.assertEqual(self.found(), {Address("10.0.0.1", 1)})

    def test_secondAnnouncementRenews(self) -> None:
        """A second announcement of a peer keeps it longer, and doesn't list it twice."""
        self.clock.runFor(300)
        self.update(Kind.ANNOUNCE, ("10.0.0.1", 1))
        self.clock.runFor(368.6)
        self.assertEqual(self.query(("10.0.0.2", 2)), self.listing())
        self.clock.runFor(0.1)
        self.assertIsNone(self.query(("10.0.0.2", 2)))

    def test_garbageHasNoAnswer(self) -> None:
        """A request without a valid value is answered without a value, and changes nothing."""
        for value in (None, b"", b"garbage", b"\x10\x50"):
            request = Request(peers.COMMAND, TOPIC, value, Contact(None, "10.0.0.3", 3))
            self.assertIsNone(self.handler.queryReceived(request))
            self.assertIsNone(self.handler.updateReceived(request))
        self.assertEqual(self.found(), {Address("10.0.0.1", 1)})

    def test_askerIsLeftOut(self) -> None:
        """The asker's own host and port are left out of its list, and no other port of it."""
        self.assertIsNone(self.query(("10.0.0.1", 1)))
        self.assertIsNone(self.query(("10.0.0.1", 7), 1))
        self.assertEqual(self.query(("10.0.0.1", 1), 2), self.listing())

    def test_otherTopicHasNoPeers(self) -> None:
        """A look-up of another topic finds nobody."""
        request = self.request(Kind.LOOK_UP, ("10.0.0.2", 2))._replace(target=bytes(32))
        self.assertIsNone(self.handler.queryReceived(request))

    def test_fullTopicRefuses(self) -> None:
        """An announcement for which there is no room is refused."""
        for number in range(1, ANNOUNCEMENTS_PER_TOPIC):
            self.update(Kind.ANNOUNCE, (f"10.1.{number // 256}.{number % 256}", 1))
        with self.assertRaisesRegex(UpdateRefused, "no room"):
            self.update(Kind.ANNOUNCE, ("10.2.0.1", 1))

    def test_announcersAreRelayedTo(self) -> None:
        """Pings are relayed to the address of an announcer until its announcement ends."""
        self.update(Kind.ANNOUNCE, ("10.0.0.2", 2), 8080)
        self.assertTrue(self.handler.relaysTo(Address("10.0.0.2", 2)))
        self.assertFalse(self.handler.relaysTo(Address("10.0.0.2", 8080)))
        self.clock.runFor(369)
        self.assertFalse(self.handler.relaysTo(Address("10.0.0.2", 2)))


class LocalPeerTests(HandlerTestCase):
    """
    Peers of a private network.
    """

    def setUp(self) -> None:
        super().setUp()
        self.update(Kind.ANNOUNCE, ("127.0.0.1", 4002), 0, ("192.168.1.2", 70))
        self.update(Kind.ANNOUNCE, ("127.0.0.1", 4000))
        self.update(Kind.ANNOUNCE, ("127.0.0.9", 4001), 0, ("192.168.7.8", 71))
        self.update(Kind.ANNOUNCE, ("127.0.0.8", 4003), 0, ("192.167.7.8", 71))

    def local(self, local: tuple[str, int] | None) -> set[Address]:
        """Return the local peers of an answer, which names all four as peers too."""
        answer = self.query(("127.0.0.5", 5), 0, local)
        found = list(decodeAnswer(answer, None if local is None else packAddress(*local)[:2]))
        self.assertEqual(len([peer for peer, isLocal in found if not isLocal]), 4)
        return {peer for peer, isLocal in found if isLocal}

    def test_localPeersShareTwoBytes(self) -> None:
        """The local peers are those whose local address begins as the asker's, with any port."""
        expected = {Address("192.168.1.2", 70), Address("192.168.7.8", 71)}
        for port in (0, 9):
            self.assertEqual(self.local(("192.168.5.5", port)), expected)
        self.assertEqual(self.local(("192.167.1.1", 0)), {Address("192.167.7.8", 71)})
        self.assertEqual(self.local(("10.0.0.1", 0)), set())
        self.assertEqual(self.local(None), set())

    def test_localFieldIsAbsentWithoutPeers(self) -> None:
        """An answer without local peers has no field for them."""
        answer = self.query(("127.0.0.5", 5), 0, ("10.0.0.1", 0))
        assert answer is not None
        self.assertEqual(len(answer), 2 + 4 * 6)

    def test_localAddressWithoutPortIsNotKept(self) -> None:
        """An announcer with the local port 0 is a peer, and no local peer."""
        self.update(Kind.ANNOUNCE, ("127.0.0.8", 4003), 0, ("192.168.7.9", 0))
        self.assertEqual(len(self.local(("192.168.5.5", 0))), 2)


class ListTests(HandlerTestCase):
    """
    The list of an answer.
    """

    def fill(self, count: int, local: bool = False) -> None:
        """Keep many announcements."""
        for number in range(count):
            host = f"10.{number // 256}.{number % 256}.1"
            own = (f"192.168.{number // 256}.{number % 256}", 7) if local else None
            self.update(Kind.ANNOUNCE, (host, 1), 0, own)

    def test_listHasAtMost900Bytes(self) -> None:
        """Peers are added while the lists have under 900 bytes: 150, or 90 with local ones."""
        self.fill(400, local=True)
        answer = self.query(("10.9.9.9", 9))
        self.assertEqual(len(list(decodeAnswer(answer, None))), 150)
        assert answer is not None
        self.assertEqual(len(answer), 3 + 900)
        found = list(decodeAnswer(self.query(("10.9.9.9", 9), 0, ("192.168.9.9", 0)), b"\xc0\xa8"))
        self.assertEqual(Counter(isLocal for _, isLocal in found), {False: 90, True: 90})

    def test_askerDoesNotShortenTheList(self) -> None:
        """An announcer finds all of 150 others."""
        self.fill(151)
        for _ in range(20):
            answer = self.query(("10.0.0.7", 1))
            self.assertEqual(len(set(decodeAnswer(answer, None))), 150)

    def test_orderIsRandom(self) -> None:
        """Each of 300 peers is found in about half of 200 answers, and first in few of them."""
        self.fill(300)
        found: Counter[Address] = Counter()
        first: Counter[Address] = Counter()
        for _ in range(200):
            answer = [peer for peer, _ in decodeAnswer(self.query(("10.9.9.9", 9)), None)]
            found.update(answer)
            first[answer[0]] += 1
        self.assertEqual(len(found), 300)
        self.assertGreater(min(found.values()), 60)
        self.assertLess(max(found.values()), 140)
        self.assertLess(max(first.values()), 10)

    def test_hostWithManyPortsHidesNoOther(self) -> None:
        """
        Of 9 hosts, one has announced one port and the others 64 ports each. The one is in each of
        100 answers, wherever the others are: each in a network of its own, or all in one.
        """
        for number in range(8):
            for port in range(1, 65):
                self.update(Kind.ANNOUNCE, (f"10.{number}.0.1", port))
                self.update(Kind.ANNOUNCE, (f"10.50.0.{number + 2}", port))
        for honest in (("10.50.0.1", 80), ("10.60.0.1", 80)):
            self.update(Kind.ANNOUNCE, honest)
            for _ in range(100):
                self.assertIn(honest, self.found())

    def test_networkHidesNoOther(self) -> None:
        """A host is in each of 100 answers, although 250 hosts of another /24 network are, too."""
        for number in range(1, 251):
            self.update(Kind.ANNOUNCE, (f"10.50.0.{number}", 80))
        self.update(Kind.ANNOUNCE, ("10.60.0.1", 80))
        for _ in range(100):
            self.assertIn(("10.60.0.1", 80), self.found())

    def test_hostsAndPortsAreDrawnAtRandom(self) -> None:
        """
        Of a network with 100 hosts and a host with 64 ports, each peer is in 60 to 99 % of 300
        answers, which name 150 of 214 peers.
        """
        for number in range(1, 101):
            self.update(Kind.ANNOUNCE, (f"10.50.0.{number}", 80))
        for network in (61, 62):
            for port in range(1, 58):
                self.update(Kind.ANNOUNCE, (f"10.{network}.0.1", port))
        counts = Counter(peer for _ in range(300) for peer in self.found())
        self.assertEqual(len(counts), 214)
        self.assertTrue(min(counts.values()) > 120 and max(counts.values()) < 290, counts)

    def test_noListHasPort0(self) -> None:
        """
        No answer names a port 0, whatever 2,000 random requests of 20 hosts have announced.
        """
        random = Random(18)
        for _ in range(2000):
            asker = (f"10.0.0.{random.randrange(1, 20)}", random.randrange(1, 65536))
            value = random.choice(
                [
                    bytes.fromhex("08011000"),
                    bytes.fromhex("0801"),
                    bytes.fromhex("080110903f1a06c0a801020000"),
                    b"\x08\x01\x10" + random.randbytes(4),
                    b"\x08\x01\x1a\x06" + random.randbytes(6),
                    b"\x08\x01" + random.randbytes(9),
                ]
            )
            request = Request(peers.COMMAND, TOPIC, value, Contact(None, *asker))
            self.handler.updateReceived(request)
        for _ in range(50):
            value = PeerRequest(Kind.LOOK_UP, 0, packAddress("192.168.0.0", 0)).encode()
            request = Request(peers.COMMAND, TOPIC, value, Contact(None, "10.9.9.9", 9))
            answer = self.handler.queryReceived(request)
            assert answer is not None
            entries = len(list(decodeAnswer(answer, b"\xc0\xa8")))
            self.assertGreater(entries, 100)
            size = answer[1] & 0x7F | answer[2] << 7
            named = answer[3 : 3 + size]
            self.assertNotIn(b"\0\0", [named[n + 4 : n + 6] for n in range(0, size, 6)])
