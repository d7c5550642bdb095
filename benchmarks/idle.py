"""
Idle nodes: the datagrams and bytes that a node sends when nobody uses it.

Our nodes settle for 15 simulated minutes, and are then counted for a simulated hour.  The datagrams
of all nodes count, answers included.  The nodes of ``dht-rpc`` have no simulated clock, so they are
counted on loopback, in one process, for a few minutes from half a second after they were built, and
in the first round only.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from .plan import Plan
from .results import OURS, Quantity, Results
from .settled import SettledNetwork
from .subjects import SubjectMaker, available, dhtRpc

SENT = Quantity("idle", "datagrams that a node sends", "an hour")
BYTES = Quantity("idle", "payload that a node sends", "bytes a second")

#: The time from the start of the last of our nodes until they are counted, in simulated seconds.
#: Smaller: the lookups that fill far buckets count too.
SETTLING = 900.0

HOUR = 3600.0

ID_BYTES = 32

#: The subjects of this workload, beside our nodes.
SUBJECTS: tuple[SubjectMaker, ...] = (lambda: dhtRpc("network.js"),)


def run(plan: Plan, results: Results, makers: Sequence[SubjectMaker] = SUBJECTS) -> None:
    """Count the datagrams of our nodes, and of the other subjects."""
    case = f"{plan.idleNodes:,} nodes"
    for subject in available(makers, results):
        ids = [Random(number).randbytes(ID_BYTES).hex() for number in range(plan.idleNodes)]
        with subject.start() as child:
            child.call("build", ids=ids, timeout=300.0)
            seconds = plan.idleRealSeconds
            sent = child.call("traffic", seconds=seconds, timeout=seconds + 60.0)
        _add(plan, results, case, subject.name, (sent["datagrams"], sent["bytes"], seconds))
    for number in range(plan.rounds):
        settled = SettledNetwork(plan.idleNodes, number, SETTLING)
        network = settled.network
        datagrams, size = network.sent, network.bytesSent
        settled.clock.runFor(plan.idleSimulatedSeconds)
        sent = (network.sent - datagrams, network.bytesSent - size, plan.idleSimulatedSeconds)
        _add(plan, results, case, OURS, sent)


def _add(plan: Plan, results: Results, case: str, name: str, sent: tuple[int, int, float]) -> None:
    datagrams, size, seconds = sent
    results.add(SENT, case, name, datagrams / plan.idleNodes / seconds * HOUR)
    results.add(BYTES, case, name, size / plan.idleNodes / seconds)
