"""
The commands announce and lookup of ``dwdht``, on a network in memory.
"""

from __future__ import annotations

import json
from io import BytesIO

from twisted.internet.defer import Deferred

from dwdht_twisted import Address, peers
from dwdht_twisted._cli.console import Console
from tests.cli.sessions import CommandLineTestCase, CommandTestCase, parse
from tests.helpers.networks.values import BOOTSTRAP

TOPIC = peers.topicOf("my-site")


class CommandLineTests(CommandLineTestCase):
    """
    The arguments and options of both commands.
    """

    def test_topicIsRead(self) -> None:
        """64 hexadecimal digits are a topic, and any other text is hashed."""
        for command in ("announce", "lookup"):
            for text, topic in (("my-site", TOPIC), ("aB" * 32, b"\xab" * 32)):
                options = parse(command, "--bootstrap", BOOTSTRAP, text)
                self.assertEqual(options.command["topic"], topic)

    def test_mistakesAreRefused(self) -> None:
        """A missing topic, a wrong port and a missing bootstrap node are refused."""
        for command in ("announce", "lookup"):
            self.assertRefused("arguments must be", command, "--bootstrap", BOOTSTRAP)
            self.assertRefused("give --bootstrap", command, "my-site")
        self.assertRefused(
            "--port must be a number from 0 to 65535, not '65536'",
            *("announce", "--bootstrap", BOOTSTRAP, "--port", "65536", "my-site"),
        )


class PeersTestCase(CommandTestCase):
    """
    A base for tests of the commands in a network whose nodes keep announcements.
    """

    def setUp(self) -> None:
        super().setUp()
        self.handlers = []
        for node in self.network.members:
            handler = peers.PeerHandler(self.network.clock)
            node.register(peers.COMMAND, handler)
            self.handlers.append(handler)
        self.network.clock.runFor(2)

    def found(self) -> set[Address]:
        """Return the addresses of all peers of the topic."""
        stream = peers.lookUp(self.network.visitor(), TOPIC)
        return {peer.address for peer in self.network.clock.runUntil(stream.collect())}


class AnnounceTests(PeersTestCase):
    """
    The command ``dwdht announce``.
    """

    def begin(self, *arguments: str) -> tuple[Deferred[int], BytesIO, BytesIO]:
        """Start to announce the topic, and return the end of the command and its outputs."""
        output, errors = BytesIO(), BytesIO()
        console = Console(output, errors)
        done = self.start("announce", "--bootstrap", BOOTSTRAP, *arguments, console=console)
        self.network.clock.runFor(5)
        return done, output, errors

    def test_onceEndsAtOnce(self) -> None:
        """With ``--once``, the port is announced, and the command ends."""
        result = self.result(
            "announce", "--bootstrap", BOOTSTRAP, "--once", "--port", "80", "my-site"
        )
        self.assertEqual(result.lines, [f"announced on 20 nodes under {TOPIC.hex()}"])
        (address,) = self.found()
        self.assertEqual(address.port, 80)

    def test_onceMayPrintJSON(self) -> None:
        """With ``--json``, the command prints an object with the topic, the port and the nodes."""
        result = self.result(
            *("announce", "--bootstrap", BOOTSTRAP, "--once", "--json", "--port", "80", "my-site")
        )
        (line,) = result.lines
        self.assertEqual(json.loads(line), {"topic": TOPIC.hex(), "port": 80, "nodes": 20})

    def test_announcesUntilInterrupted(self) -> None:
        """
        Without ``--once``, the port is found for an hour, until the command is interrupted. It then
        ends with status 0 and takes the announcement back.
        """
        done, output, errors = self.begin("--port", "80", "my-site")
        self.assertEqual(output.getvalue().decode(), f"announced on 20 nodes under {TOPIC.hex()}\n")
        for _ in range(12):
            self.network.clock.runFor(300)
            self.assertEqual(len(self.found()), 1)
        self.assertNoResult(done)
        done.cancel()
        self.assertEqual(self.network.clock.runUntil(done), 0)
        self.assertEqual(errors.getvalue(), b"")
        self.assertEqual(sum(map(len, self.handlers)), 0)

    def test_timeoutLimitsTheFirstAnnouncement(self) -> None:
        """
        A time-out ends a command that reaches nobody, and spares one that has announced.
        """
        self.assertFails(
            "dwdht announce: gave up after 2 seconds",
            *("announce", "--bootstrap", "10.0.9.9:1", "--timeout", "2", "my-site"),
        )
        done, _, _ = self.begin("--timeout", "20", "my-site")
        self.network.clock.runFor(60)
        self.assertNoResult(done)
        done.cancel()
        self.assertEqual(self.network.clock.runUntil(done), 0)

    def test_interruptedBeforeTheFirstAnnouncement(self) -> None:
        """A command that is interrupted before it has announced ends with status 1."""
        console = Console(BytesIO(), BytesIO())
        done = self.start("announce", "--bootstrap", "10.0.9.9:1", "my-site", console=console)
        self.network.clock.runFor(1)
        done.cancel()
        self.assertEqual(self.network.clock.runUntil(done), 1)

    def test_silentNetworkFails(self) -> None:
        """A command without any answer fails, and names the nodes that it has asked."""
        self.assertFails(
            "dwdht announce: no node answered; asked 10.0.9.9:1",
            *("announce", "--bootstrap", "10.0.9.9:1", "my-site"),
        )


class LookUpTests(PeersTestCase):
    """
    The command ``dwdht lookup``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.expected = set()
        for port in (80, 8080):
            node = self.network.visitor()
            self.network.clock.runUntil(peers.announce(node, TOPIC, port))
            self.expected.add(port)

    def test_eachPeerHasALine(self) -> None:
        """The command prints the address of each peer once."""
        lines = self.result("lookup", "--bootstrap", BOOTSTRAP, "my-site").lines
        self.assertEqual(set(lines), {str(address) for address in self.found()})
        self.assertEqual(len(lines), 2)

    def test_peersAreWrittenAsJSON(self) -> None:
        """With ``--json``, a line has the addresses of a peer and of the node that named it."""
        result = self.result("lookup", "--bootstrap", BOOTSTRAP, "--json", TOPIC.hex())
        found = [json.loads(line) for line in result.lines]
        self.assertEqual({each["peer"] for each in found}, {str(each) for each in self.found()})
        members = {f"{node.address().port}" for node in self.network.members}
        for each in found:
            self.assertIn(each["referrer"].rpartition(":")[2], members)

    def test_unknownTopicFails(self) -> None:
        """A look-up that finds no peer fails with a line that says so."""
        self.assertFails(
            "dwdht lookup: no peer is announced under this topic",
            *("lookup", "--bootstrap", BOOTSTRAP, "other"),
        )
