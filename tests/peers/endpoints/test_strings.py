"""
``dht:`` endpoint strings, as every program of Twisted takes them.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.protocol import Factory

from dwdht_twisted import DHTClientEndpoint, DHTServerEndpoint
from dwdht_twisted._bootstrap import BOOTSTRAP_VARIABLE, KEY_FILE_VARIABLE
from dwdht_twisted._keyfiles import createKeyFile
from dwdht_twisted.errors import CannotUseKey, InvalidAddress
from dwdht_twisted.peers.endpoints.networks import networkOf
from tests.helpers.networks.announcements import TOPIC
from tests.helpers.networks.endpoints import Client, EndpointTestCase, NamedFactory

SERVER, CLIENT = "10.1.0.1", "10.2.0.1"


KEY = bytes(range(32))


class StringTestCase(EndpointTestCase):
    """
    A base for tests of endpoints that ``serverFromString`` and ``clientFromString`` make.
    """

    def quoted(self) -> str:
        """Return the bootstrap node as an option of a string."""
        return str(self.bootstrap).replace(":", "\\:")

    def meet(self, server: str, client: str) -> None:
        """Require that a client of one string reaches the server of another."""
        listening = serverFromString(self.network.reactor(SERVER), server)
        self.assertIsInstance(listening, DHTServerEndpoint)
        port = self.clock.runUntil(listening.listen(NamedFactory("named")))
        self._opened.append(port)
        # A bootstrap node that is gone delays the announcement.
        self.clock.runFor(20)
        connecting = clientFromString(self.network.reactor(CLIENT), client)
        self.assertIsInstance(connecting, DHTClientEndpoint)
        protocol: Any = self.clock.runUntil(connecting.connect(Factory.forProtocol(Client)))
        self.assertEqual(self.clock.runUntil(protocol.line), b"named")
        protocol.transport.loseConnection()


class StringTests(StringTestCase):
    """
    Strings for an open network.
    """

    def test_stringsMeet(self) -> None:
        """The server of ``dht:my-site:tcp\\:8080`` is reached by ``dht:my-site``."""
        option = f"bootstrap={self.quoted()}"
        self.meet(f"dht:my-site:tcp\\:8080:{option}", f"dht:my-site:{option}")

    def test_environmentNamesBootstrapNodes(self) -> None:
        """Without an option, the bootstrap nodes are those in the environment."""
        self.patch(os, "environ", {BOOTSTRAP_VARIABLE: f"10.3.3.3:1 {self.bootstrap}"})
        self.meet("dht:my-site:tcp\\:8080", "dht:my-site")

    def test_optionListsBootstrapNodes(self) -> None:
        """The option has several bootstrap nodes between commas, of which one may be gone."""
        option = f"bootstrap=10.3.3.3\\:1,{self.quoted()}"
        self.meet(f"dht:my-site:tcp\\:8080:{option}", f"dht:my-site:{option}")

    def test_topicMayBeHexadecimal(self) -> None:
        """A topic of 64 hexadecimal digits is these 32 bytes."""
        self.serve(SERVER)
        text = f"dht:{TOPIC.hex()}:bootstrap={self.quoted()}"
        client = clientFromString(self.network.reactor(CLIENT), text)
        assert isinstance(client, DHTClientEndpoint)
        self.assertEqual(self.fetch(client), SERVER)

    def test_wrongStringsRaise(self) -> None:
        """A string without bootstrap nodes, or with a wrong one, raises ``InvalidAddress``."""
        self.patch(os, "environ", {})
        reactor = self.network.reactor(CLIENT)
        for text in ("dht:my-site", "dht:my-site:bootstrap=host\\:0"):
            with self.assertRaises(InvalidAddress):
                clientFromString(reactor, text)
        with self.assertRaises(InvalidAddress):
            serverFromString(reactor, "dht:my-site:tcp\\:8080")
        for text in (
            "nothing\\:8080:bootstrap=host",
            "tcp\\:80\\:interface=127.0.0.1",
            "",
            "tcp:8080",
        ):
            with self.assertRaises(ValueError):
                serverFromString(reactor, f"dht:my-site:{text}")
        for text in ("", "my-site:other", "my-site:bootstrp=host"):
            with self.assertRaises(ValueError):
                clientFromString(reactor, f"dht:{text}")


class PrivateStringTests(StringTestCase):
    """
    Strings for a network with a key.
    """

    networkKey = KEY

    def setUp(self) -> None:
        super().setUp()
        self.file = self.mktemp()
        createKeyFile(self.file, b"dwdht-network-key:" + KEY.hex().encode())

    def test_optionNamesTheKey(self) -> None:
        """A server and a client meet on a private network with ``:networkKeyFile=PATH``."""
        options = f"bootstrap={self.quoted()}:networkKeyFile={self.file}"
        self.meet(f"dht:my-site:tcp\\:8080:{options}", f"dht:my-site:{options}")

    def test_environmentNamesTheKey(self) -> None:
        """Without the option, the file is the one in the environment."""
        environment = {BOOTSTRAP_VARIABLE: str(self.bootstrap), KEY_FILE_VARIABLE: self.file}
        self.patch(os, "environ", environment)
        self.meet("dht:my-site:tcp\\:8080", "dht:my-site")

    def test_networksWithoutTheKeyAreOthers(self) -> None:
        """Endpoints with a key and without share no node, so that one doesn't speak for both."""
        reactor = self.network.reactor(CLIENT)
        networks = [
            networkOf(reactor, str(self.bootstrap), file) for file in (self.file, None, self.file)
        ]
        self.assertIs(networks[0], networks[2])
        self.assertIsNot(networks[0], networks[1])

    def test_wrongFileRaises(self) -> None:
        """A string with a file that holds no key raises ``CannotUseKey``."""
        for path in ("nothing", __file__):
            with self.assertRaises(CannotUseKey):
                clientFromString(
                    self.network.reactor(CLIENT),
                    f"dht:my-site:bootstrap=10.0.0.1:networkKeyFile={path}",
                )
