"""
``dht:`` endpoint strings, as every program of Twisted takes them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cryptography.x509 import load_pem_x509_certificate
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.protocol import Factory

from dwdht_twisted import DHTClientEndpoint, DHTNode, DHTServerEndpoint
from dwdht_twisted._bootstrap import BOOTSTRAP_VARIABLE, KEY_FILE_VARIABLE
from dwdht_twisted._files.keys import createKeyFile
from dwdht_twisted.errors import (
    CannotUseCertificate,
    CannotUseKey,
    InvalidAddress,
    NoServerReached,
)
from dwdht_twisted.peers.endpoints.files import NetworkFiles
from dwdht_twisted.peers.endpoints.networks import networkOf
from dwdht_twisted.private import AuthorityFolder, SecurityContext, createNetworkKey
from tests.helpers.networks.announcements import TOPIC
from tests.helpers.networks.endpoints import Client, EndpointTestCase, NamedFactory

SERVER, CLIENT = "10.1.0.1", "10.2.0.1"


KEY, NEW_KEY = bytes(range(32)), bytes(range(1, 33))


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
        for name in ("", "a b", "-"):
            with self.assertRaisesRegex(ValueError, f"tls='{name}' is not the name of a host"):
                clientFromString(reactor, f"dht:my-site:bootstrap=host:tls={name}")


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

    def test_pathMayHaveAComma(self) -> None:
        """A comma of a path has two backslashes before it, because a comma separates two paths."""
        path = f"{self.file},old"
        os.rename(self.file, path)
        escaped = path.replace(",", "\\\\,")
        options = f"bootstrap={self.quoted()}:networkKeyFile={escaped}"
        self.meet(f"dht:my-site:tcp\\:8080:{options}", f"dht:my-site:{options}")

    def test_wrongKeyIsNotToldFromSilence(self) -> None:
        """When no node answers, the error says that a wrong key looks the same."""
        wrong = self.mktemp()
        createNetworkKey(wrong)
        hint = "; a wrong network key looks the same, because nodes are silent to it"
        for file, isPrivate in ((wrong, True), (None, False)):
            error = self.failure(self.begin(self.client(networkKeyFile=file)), NoServerReached)
            self.assertEqual(str(error).endswith(hint), isPrivate, str(error))

    def test_silenceIsNotNamedWithoutSilence(self) -> None:
        """When nodes answer and no server is announced, the error says nothing of the key."""
        client = self.client(networkKeyFile=self.file)
        error = self.failure(self.begin(client), NoServerReached)
        self.assertIn("none is announced", str(error))
        self.assertNotIn("wrong network key", str(error))

    def test_environmentNamesTheKey(self) -> None:
        """Without the option, the file is the one in the environment."""
        environment = {BOOTSTRAP_VARIABLE: str(self.bootstrap), KEY_FILE_VARIABLE: self.file}
        self.patch(os, "environ", environment)
        self.meet("dht:my-site:tcp\\:8080", "dht:my-site")

    def test_networksWithoutTheKeyAreOthers(self) -> None:
        """Endpoints with a key and without share no node, so that one doesn't speak for both."""
        reactor = self.network.reactor(CLIENT)
        networks = [
            networkOf(reactor, str(self.bootstrap), NetworkFiles(file))
            for file in (self.file, None, self.file)
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


class ReplacedKeyTests(StringTestCase):
    """
    Strings for a network whose key is replaced: its nodes know both, and send with the new one.
    """

    networkKey = (NEW_KEY, KEY)

    def setUp(self) -> None:
        super().setUp()
        self.files = [self.mktemp(), self.mktemp()]
        for path, key in zip(self.files, (KEY, NEW_KEY), strict=True):
            createKeyFile(path, b"dwdht-network-key:" + key.hex().encode())

    def test_optionNamesBothKeys(self) -> None:
        """The option has two files between commas, in either order, for servers and clients."""
        for server, client in ((self.files, self.files[::-1]), (self.files[::-1], self.files)):
            self.meet(
                f"dht:my-site:tcp\\:0:bootstrap={self.quoted()}:networkKeyFile={','.join(server)}",
                f"dht:my-site:bootstrap={self.quoted()}:networkKeyFile={','.join(client)}",
            )

    def test_environmentNamesBothKeys(self) -> None:
        """The environment has two files with a colon between."""
        files = os.pathsep.join(self.files)
        environment = {BOOTSTRAP_VARIABLE: str(self.bootstrap), KEY_FILE_VARIABLE: files}
        self.patch(os, "environ", environment)
        self.meet("dht:my-site:tcp\\:8080", "dht:my-site")

    def test_programNamesBothKeys(self) -> None:
        """A program gives a list of paths, in which a comma separates nothing."""
        named = f"{self.files[1]},new"
        os.rename(self.files[1], named)
        self.serve(SERVER, networkKeyFile=[self.files[0], named])
        client = self.client(networkKeyFile=(Path(named), self.files[0]))
        self.assertEqual(self.fetch(client), SERVER)

    def test_equalFilesAreOneKey(self) -> None:
        """Two files with the same key are one key, so that the endpoints share a node."""
        reactor = self.network.reactor(CLIENT)
        new = self.files[1]
        networks = [
            networkOf(reactor, str(self.bootstrap), NetworkFiles(files))
            for files in (new, (new, new))
        ]
        self.assertIs(networks[0], networks[1])


class CertifiedStringTests(StringTestCase):
    """
    Strings for a network by certificate.
    """

    def setUp(self) -> None:
        self.authority = AuthorityFolder.make(self.mktemp())
        super().setUp()

    def node(self, host: str | None = None, **options: Any) -> DHTNode:
        """Return a node with a certificate of its own."""
        files = self.files()
        security = SecurityContext(files["certificate"], files["privateKey"], files["authority"])
        options.setdefault("security", security)
        return super().node(host, **options)

    def files(self, authority: AuthorityFolder | None = None) -> dict[str, str]:
        """The files of a new member."""
        authority = authority or self.authority
        certificate, key = authority.certify(f"member-{self.random.getrandbits(64)}")
        return {
            "certificate": str(certificate),
            "privateKey": str(key),
            "authority": str(authority.certificateFile),
            "revocations": str(authority.revocationsFile),
        }

    def options(self, **files: str) -> str:
        """The options of a string."""
        return ":".join(
            [f"bootstrap={self.quoted()}", *(f"{name}={path}" for name, path in files.items())]
        )

    def test_optionsNameTheFiles(self) -> None:
        """A server and a client meet, each with the files of a member, with a list and without."""
        server, client = self.files(), self.files()
        del client["revocations"]
        self.patch(os, "environ", {KEY_FILE_VARIABLE: "nothing"})
        self.meet(
            f"dht:my-site:tcp\\:8080:{self.options(**server)}",
            f"dht:my-site:{self.options(**client)}",
        )

    def test_strangerReachesNothing(self) -> None:
        """
        A member of another authority and a client without a certificate find no server.  The error
        of the member says why.
        """
        self.meet(
            f"dht:my-site:tcp\\:8080:{self.options(**self.files())}",
            f"dht:my-site:{self.options(**self.files())}",
        )
        stranger = self.files(AuthorityFolder.make(self.mktemp()))
        for files in (stranger, {}):
            text = f"dht:my-site:{self.options(**files)}"
            endpoint = clientFromString(self.network.reactor("10.2.0.9"), text)
            assert isinstance(endpoint, DHTClientEndpoint)
            error = self.failure(self.begin(endpoint), NoServerReached)
            refusal = "this node refuses it: another authority has signed the certificate"
            self.assertEqual(str(error).endswith(refusal), bool(files), str(error))

    def test_endpointsWithTheSameFilesShareANode(self) -> None:
        """
        Endpoints with the same files share a node, because the files have one id.  Those with the
        files of another member don't.
        """
        reactor = self.network.reactor(CLIENT)
        one, other = self.files(), self.files()
        networks = [
            networkOf(reactor, str(self.bootstrap), NetworkFiles(**files))
            for files in (one, other, one, {})
        ]
        self.assertIs(networks[0], networks[2])
        self.assertEqual(len({id(each) for each in networks}), 3)

    def test_renewedBetweenTwoUses(self) -> None:
        """A certificate that was renewed while no node was there is used by the next node."""
        files = self.files()
        reactor = self.network.reactor(CLIENT)
        network = networkOf(reactor, str(self.bootstrap), NetworkFiles(**files))
        self.clock.runUntil(network.use().ready())
        self.clock.runUntil(network.release())
        name = os.path.basename(files["certificate"]).removesuffix(".pem")
        self.authority.certify(name)
        node = network.use()
        self.clock.runUntil(node.ready())
        with open(files["certificate"], "rb") as file:
            renewed = load_pem_x509_certificate(file.read())
        security = node._layer._security
        self.assertEqual(security.serial, renewed.serial_number)
        self.clock.runUntil(network.release())

    def test_missingFilesRaise(self) -> None:
        """Some of the required options, or all of them and a key, raise ``ValueError``."""
        files = self.files()
        reactor = self.network.reactor(CLIENT)
        names = ("certificate", "privateKey", "authority")
        for chosen in range(1, 16):
            given = {
                name: files[name]
                for bit, name in enumerate((*names, "revocations"))
                if chosen >> bit & 1
            }
            text = f"dht:my-site:{self.options(**given)}"
            if all(name in given for name in names):
                clientFromString(reactor, text)
                with self.assertRaisesRegex(ValueError, "not both"):
                    clientFromString(reactor, f"{text}:networkKeyFile=nothing")
                continue
            with self.assertRaisesRegex(ValueError, "needs certificate=, privateKey= and auth"):
                clientFromString(reactor, text)

    def test_wrongFilesRaise(self) -> None:
        """A string with a file that can't be used raises the error of that file at once."""
        for name, kind in (
            ("certificate", CannotUseCertificate),
            ("privateKey", CannotUseKey),
            ("authority", CannotUseCertificate),
            ("revocations", CannotUseCertificate),
        ):
            files = {**self.files(), name: "nothing"}
            for make, inner in ((serverFromString, "tcp\\:8080:"), (clientFromString, "")):
                with self.assertRaises(kind):
                    make(
                        self.network.reactor(CLIENT),
                        f"dht:my-site:{inner}{self.options(**files)}",
                    )
