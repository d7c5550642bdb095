"""
Operations on a network by certificate, while certificates are renewed, and then one is revoked.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dwdht_twisted import DHTNode, MemoryStore, ValueHandler
from dwdht_twisted.private import AuthorityFolder, SecurityContext
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import COMMAND, get, keyOf, put

#: The latency of the network, in seconds, one way.
LATENCY = 0.04

#: The time between the beginnings of two operations, in simulated seconds.
PAUSE = 0.2

#: The time within which the last operations have to end, in simulated seconds.
LIMIT = 60.0

#: A revoked member has to be out of all tables after this time, in simulated seconds.
OUT_WITHIN = 300.0

PORT = 6620


class Certificates(NamedTuple):
    """
    Figures of a network whose certificates change.

    :ivar operations: the number of puts and gets
    :ivar succeeded: the number that succeeded
    :ivar renewed: the number of certificates that were renewed meanwhile
    :ivar out: the simulated seconds until the revoked member was in no table; None if it was not
        within `OUT_WITHIN`
    :ivar served: the answers that the revoked member got after it was cut off
    """

    operations: int
    succeeded: int
    renewed: int
    out: float | None
    served: int

    @property
    def isMet(self) -> bool:
        """Whether no operation failed, and the revoked member was out in time and not served."""
        return self.succeeded == self.operations and self.out is not None and not self.served

    def __str__(self) -> str:
        out = "never" if self.out is None else f"after {self.out:.0f} s"
        return (
            f"{self.succeeded} of {self.operations} operations succeeded while {self.renewed} "
            f"certificates were renewed; the revoked member was out of all tables {out}, and got "
            f"{self.served} answers after it was cut off"
        )


def certificates(seed: int = 1, nodes: int = 30, operations: int = 1000) -> Certificates:
    """
    Put and get values while each node's certificate is renewed, then revoke one member.

    :param nodes: the number of nodes
    :param operations: the number of puts and gets together
    """
    with TemporaryDirectory() as path:
        return _Experiment(Path(path) / "authority", seed, nodes).run(operations)


class _Experiment:
    def __init__(self, path: Path, seed: int, size: int) -> None:
        self._clock = SimulatedClock()
        self._network = MemoryNetwork(self._clock, seed=seed, latency=LATENCY)
        self._authority = AuthorityFolder.make(path)
        self._succeeded = 0
        self._nodes = [self._make(number) for number in range(size)]

    def _make(self, number: int) -> DHTNode:
        certificate, key = self._authority.certify(f"member-{number}")
        security = SecurityContext(
            certificate,
            key,
            self._authority.certificateFile,
            revocations=self._authority.revocationsFile,
        )
        reactor = self._network.reactor()
        bootstrap = [f"10.0.0.1:{PORT}"] if number else []
        node = DHTNode(reactor, security=security, bootstrap=bootstrap)
        node.listen(PORT)
        node.register(COMMAND, ValueHandler(MemoryStore(reactor)))
        self._clock.runUntil(node.ready(), limit=LIMIT)
        return node

    def run(self, operations: int) -> Certificates:
        """Run all parts."""
        nodes = self._nodes
        values = [f"value {number}".encode() for number in range(operations // 2)]
        renewals = max(1, operations // len(nodes))
        renewed = 0
        for number in range(operations):
            if number % renewals == 0 and renewed < len(nodes):
                self._authority.certify(f"member-{renewed}")
                renewed += 1
            node = nodes[number * 7 % len(nodes)]
            value = values[number % len(values)]
            if number < len(values):
                self._count(put(node, value))
            else:
                self._count(get(node, keyOf(value)))
            self._clock.runFor(PAUSE)
        self._clock.runFor(LIMIT)
        succeeded = self._succeeded
        out, served = self._revoke()
        for node in nodes:
            self._clock.runUntil(node.destroy())
        return Certificates(operations, succeeded, renewed, out, served)

    def _count(self, operation: Deferred[bytes]) -> None:
        def ended(outcome: bytes | Failure) -> None:
            self._succeeded += not isinstance(outcome, Failure)

        operation.addBoth(ended)

    def _revoke(self) -> tuple[float | None, int]:
        """Revoke the last member; return when it was out, and the answers that it got since."""
        *others, member = self._nodes
        self._authority.revoke([f"member-{len(others)}"])
        began = self._clock.seconds()
        # Each node looks at the list every ten seconds.
        self._clock.runFor(11)
        answers = member.counters.responsesReceived
        while any(contact.id == member.id for node in others for contact in node.contacts()):
            if self._clock.seconds() - began > OUT_WITHIN:
                return None, member.counters.responsesReceived - answers
            self._clock.runFor(1)
        out = self._clock.seconds() - began
        return out, member.counters.responsesReceived - answers
