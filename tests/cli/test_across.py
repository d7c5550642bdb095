"""
``dwdht get`` that asks a network of another kind, or another network of the same kind.
"""

from __future__ import annotations

from dwdht_twisted import DHTNode
from dwdht_twisted.private import (
    AuthorityFolder,
    KeyedNetwork,
    NetworkSecurity,
    SecurityContext,
    createNetworkKey,
)
from dwdht_twisted.testing import HostReactor
from dwdht_twisted.values import COMMAND, MemoryStore, ValueHandler, keyOf
from tests.cli.sessions import CommandTestCase

VALUE = b"hello"

#: The addresses of the members that store the value, by the kind of their network.
MEMBERS = {"open": "10.1.0.1:6620", "key": "10.1.0.2:6620", "certificate": "10.1.0.3:6620"}

#: What the line says beside that no node answered, by the kind of the network of the command.
REASONS = {
    "open": "",
    "key": "; a wrong network key looks the same, because nodes are silent to it",
    "certificate": "; a node of another kind of network looks the same, because it makes no "
    "handshake",
}


class AcrossTests(CommandTestCase):
    """
    Commands of an open network, of one by key and of one by certificate, on one network in memory.
    """

    size = 0

    def setUp(self) -> None:
        """Start a member of each network, which stores the value."""
        super().setUp()
        path = self.mktemp()
        securities: dict[str, NetworkSecurity | None] = {
            "open": None,
            "key": KeyedNetwork(createNetworkKey(path)),
        }
        self.options = {"open": (), "key": ("--network-key-file", path)}
        folder = AuthorityFolder.make(self.mktemp())
        securities["certificate"] = self.context(folder, "server")
        self.options["certificate"] = self.member(folder, "reader")
        for kind, address in MEMBERS.items():
            self.serve(address, securities[kind])

    def context(self, folder: AuthorityFolder, name: str) -> SecurityContext:
        """Certify a member."""
        return SecurityContext(*folder.certify(name), folder.certificateFile)

    def member(self, folder: AuthorityFolder, name: str) -> tuple[str, ...]:
        """Certify a member, and return the options of its command line."""
        certificate, key = map(str, folder.certify(name))
        return (
            *("--certificate", certificate, "--private-key", key),
            *("--authority", str(folder.certificateFile)),
        )

    def serve(self, address: str, security: NetworkSecurity | None) -> None:
        """Start a node that stores the value."""
        reactor: HostReactor = self.network.network.reactor(address.partition(":")[0])
        node = DHTNode(reactor, security=security)
        store = MemoryStore(reactor)
        store.put(keyOf(VALUE), VALUE)
        node.register(COMMAND, ValueHandler(store))
        node.listen(6620)
        self.addCleanup(lambda: self.network.clock.runUntil(node.destroy()))

    def command(self, address: str, options: tuple[str, ...]) -> tuple[str, ...]:
        """The command line that gets the value."""
        return ("get", "--bootstrap", address, *options, keyOf(VALUE).hex())

    def test_valueIsFoundOnItsNetwork(self) -> None:
        """Each command finds the value on its own network."""
        for kind, address in MEMBERS.items():
            result = self.result(*self.command(address, self.options[kind]))
            self.assertEqual(result.output, VALUE, kind)

    def test_nobodyAnswersAcross(self) -> None:
        """
        A command that asks a network of another kind says in a line that no node has answered, and
        what looks the same.
        """
        for kind in MEMBERS:
            for other, address in MEMBERS.items():
                if other != kind:
                    self.assertFails(
                        f"dwdht get: no node answered; asked {address}{REASONS[kind]}",
                        *self.command(address, self.options[kind]),
                    )

    def test_otherAuthorityIsNamed(self) -> None:
        """A command with a certificate of another authority says in a line what was refused."""
        address = MEMBERS["certificate"]
        other = self.member(AuthorityFolder.make(self.mktemp()), "stranger")
        result = self.attempt(*self.command(address, other))
        self.assertEqual(result.status, 1)
        self.assertEqual(result.output, b"")
        self.assertIn(
            f"dwdht get: no node answered; asked {address}; no association with {address}: ",
            result.errors,
        )
        self.assertEqual(result.errors.count("\n"), 1)

    def test_otherKeyIsNotToldFromSilence(self) -> None:
        """A command with another key says in a line that a wrong key looks like silence."""
        path = self.mktemp()
        createNetworkKey(path)
        address = MEMBERS["key"]
        self.assertFails(
            f"dwdht get: no node answered; asked {address}{REASONS['key']}",
            *self.command(address, ("--network-key-file", path)),
        )
