"""
The arguments of the constructors of endpoints and announcers: wrong ones are refused at once.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.ssl import CertificateOptions, optionsForClientTLS
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTClientEndpoint, DHTError, DHTNode, DHTServerEndpoint, DHTService, peers
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock

#: The options of both endpoints that name the network.
OF_NETWORK: dict[str, tuple[object, ...]] = {
    "bootstrap": ((), "", b"host:1", 0, 1.5, True, "a b:c"),
    "networkKeyFile": ("/nowhere", "", (), [], ["/nowhere"], [5], b"/nowhere", 5, True),
    "certificate": ("/nowhere",),
    "privateKey": ("/nowhere",),
    "authority": ("/nowhere",),
    "revocations": ("/nowhere",),
}

#: What is no topic, and no source of random numbers.
TOPICS: tuple[object, ...] = (None, b"short", 5, object())
RANDOMS: tuple[object, ...] = (5, "seed", object())


class ConstructorTests(SynchronousTestCase):
    """
    Each parameter of each constructor.
    """

    def setUp(self) -> None:
        self.host = MemoryNetwork(SimulatedClock(), seed=1).reactor("10.0.0.1")
        self.inner = TCP4ServerEndpoint(self.host, 80)

    def assertRefused(
        self, make: Callable[..., object], table: dict[str, tuple[object, ...]], *others: str
    ) -> None:
        """
        Require that a table has each parameter except some, and that each of its values raises an
        error at once.
        """
        self.assertEqual({*signature(make).parameters} - {*others}, {*table})
        right: dict[str, Any] = {"topic": "a topic", "bootstrap": "10.0.0.9:6620"}
        if "inner" in table:
            right["inner"] = self.inner
        if "node" in table:
            right = {"topic": "a topic", "node": DHTNode(self.host)}
        else:
            right["reactorOrNode"] = self.host
        make(**right)
        for name, values in table.items():
            for value in values:
                with self.assertRaises((DHTError, ValueError), msg=f"{name}={value!r}") as raised:
                    make(**{**right, name: value})
                self.assertGreater(len(str(raised.exception)), 10)
        self.assertEqual(self.host.getDelayedCalls(), [])

    def test_clientEndpoint(self) -> None:
        """Each parameter of a client's endpoint."""
        tls = ("site.example", True, object(), b"pem")
        table = {"topic": TOPICS, "tls": tls, "random": RANDOMS, **OF_NETWORK}
        self.assertRefused(DHTClientEndpoint, table, "reactorOrNode")

    def test_serverEndpoint(self) -> None:
        """Each parameter of a server's endpoint."""
        inner = ("tcp:80", 80, None, TCP4ServerEndpoint, object())
        self.assertRefused(
            DHTServerEndpoint, {"topic": TOPICS, "inner": inner, **OF_NETWORK}, "reactorOrNode"
        )

    def test_announcer(self) -> None:
        """Each parameter of an announcer."""
        table: dict[str, tuple[object, ...]] = {
            "node": (None, "10.0.0.9:6620", self.host, object()),
            "topic": TOPICS,
            "port": (-1, 65536, "80", True, None),
            "localAddress": ("10.0.0.1", ("10.0.0.1",), ("localhost", 5), 5),
            "random": RANDOMS,
        }
        self.assertRefused(peers.Announcer, table, "announcedOn")

    def test_filesBesideANode(self) -> None:
        """Files of a private network are refused beside a node, which has a network already."""
        for given in (DHTNode(self.host), DHTService(self.host)):
            for make in (
                lambda **files: DHTClientEndpoint(given, "t", **files),  # noqa: B023
                lambda **files: DHTServerEndpoint(given, "t", self.inner, **files),  # noqa: B023
            ):
                make()
                for name in ("networkKeyFile", "certificate", "privateKey", "revocations"):
                    with self.assertRaisesRegex(ValueError, "the network of that node"):
                        make(**{name: "a file"})

    def test_tls(self) -> None:
        """What makes connections of TLS is taken."""
        for tls in (None, optionsForClientTLS("site.example"), CertificateOptions()):
            DHTClientEndpoint(self.host, "a topic", bootstrap="10.0.0.9:6620", tls=tls)
