"""
Two hosts in network namespaces, with a network between them that drops IP fragments.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.python.procutils import which
from twisted.trial.unittest import TestCase

from tests.helpers.peer.install import ChildProcess
from tests.helpers.processes.nat import END_SECONDS, importable
from tests.helpers.processes.netns import Namespace, requireNamespaces
from tests.helpers.processes.programs import ROOT

#: The addresses of the two hosts.
MEMBERS_HOST, OTHERS_HOST = "10.77.0.1", "10.77.0.2"

#: The most seconds that a command of a process may take.
COMMAND_SECONDS = 40.0

#: The smallest MTU that an IPv6 network may have (RFC 8200, section 5). Larger datagrams are
#: fragmented.
MTU = 1280

#: Rules that drop fragments before the kernel reassembles them, which it does at priority -400.
_RULES = """
    table ip fragments {
        counter dropped { }
        chain prerouting {
            type filter hook prerouting priority -450
            ip frag-off & 0x3fff != 0 counter name dropped drop
        }
    }
"""


class Members(ChildProcess):
    """
    A process in a namespace that runs `tests.helpers.processes.fragment_node`.

    :param namespace: the namespace
    """

    def __init__(self, reactor: Any, namespace: Namespace) -> None:
        super().__init__(reactor)
        self._answer: Deferred[str] | None = None
        self.spawn(
            [
                *(which("ip")[0], "netns", "exec", namespace.name),
                *(sys.executable, "-m", "tests.helpers.processes.fragment_node"),
            ],
            ROOT,
            importable(),
        )

    async def run(self, *words: object) -> str:
        """Run a command and return its answer, which may be the name of an exception."""
        answer: Deferred[str] = Deferred()
        self._answer = answer
        answer.addTimeout(COMMAND_SECONDS, self._reactor)
        assert self.transport is not None
        self.transport.write(" ".join(map(str, words)).encode() + b"\n")
        return await answer

    async def stop(self) -> None:
        """End the process, together with its members."""
        if self.transport is not None:
            self.transport.closeStdin()
            await self.end(END_SECONDS)

    def outReceived(self, data: bytes) -> None:
        super().outReceived(data)
        line, newline, rest = bytes(self.output).partition(b"\n")
        if newline and self._answer is not None:
            self.output = bytearray(rest)
            answer, self._answer = self._answer, None
            answer.callback(line.decode())

    def processEnded(self, reason: Failure) -> None:
        if self._answer is not None:
            answer, self._answer = self._answer, None
            answer.errback(reason)
        super().processEnded(reason)


class FragmentTestCase(TestCase):
    """
    A base for tests with two hosts. Fragments between them are dropped.

    :ivar membersSpace: the namespace of the host with most members
    :ivar othersSpace: the namespace of the other host
    """

    timeout = 120

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        requireNamespaces()
        self.membersSpace = self._makeNamespace("members")
        self.othersSpace = self._makeNamespace("others")
        self.membersSpace.ip(
            f"""
            link add link0 type veth peer name link0 netns {self.othersSpace.name}
            link set link0 mtu {MTU}
            """
        )
        for space, address in (
            (self.membersSpace, MEMBERS_HOST),
            (self.othersSpace, OTHERS_HOST),
        ):
            space.ip(
                f"""
                address add {address}/24 dev link0
                link set link0 mtu {MTU}
                link set link0 up
                link set lo up
                """
            )
            space.run("nft", "-f", "-", text=_RULES)

    def _makeNamespace(self, role: str) -> Namespace:
        namespace = Namespace(role)
        self.addCleanup(namespace.remove)
        return namespace

    def start(self, namespace: Namespace) -> Members:
        """Return a new process in a namespace. It ends with the test."""
        members = Members(self.reactor, namespace)
        self.addCleanup(self._stop, members)
        return members

    async def _stop(self, members: Members) -> None:
        await members.stop()
        self.assertEqual(members.errors.decode(), "", "a member wrote to its standard error")

    def countDropped(self) -> int:
        """Return the number of fragments dropped at both hosts."""
        dropped = 0
        for space in (self.membersSpace, self.othersSpace):
            shown = space.run("nft", "-j", "list", "counter", "ip", "fragments", "dropped")
            dropped += int(json.loads(shown)["nftables"][-1]["counter"]["packets"])
        return dropped
