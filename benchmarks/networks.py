"""
Networks of nodes in one process: the cost of building them, of operations, and of idle nodes.

All subjects get the same ids, and the same nodes ask for the same targets and values, one operation
after the other.  The CPU time is that of the process, so it includes both ends of every request.

A ``get`` is made by a node that doesn't hold the value, and ends with the first answer that
contains the value.  The memory is the resident memory after a garbage collection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from .child import Child
from .plan import Plan
from .results import Quantity, Results, percentile
from .subjects import KADEMLIA, SubjectMaker, available, dhtRpc, kademlia, ours

BUILD = Quantity("networks", "CPU to build", "s")
CPU = Quantity("networks", "CPU per operation, all nodes", "ms")
MEDIAN = Quantity("networks", "latency p50", "ms")
TAIL = Quantity("networks", "latency p99", "ms")
MEMORY = Quantity("networks", "memory of the process", "MB")
PEAK = Quantity("networks", "memory of the process at the most", "MB")
NODE_MEMORY = Quantity("networks", "memory per node", "kB")
IDLE = Quantity("networks", "CPU per idle node", "us a second")
CONTACTS = Quantity("networks", "contacts of a node", "contacts", isCost=False)

#: The mean outcome of an operation.
OUTCOMES = {
    "query": Quantity("networks", "answers to a query", "answers", isCost=False),
    "update": Quantity("networks", "nodes that took an update", "nodes", isCost=False),
    "put": Quantity("networks", "nodes that hold a value put", "nodes", isCost=False),
    "get": Quantity("networks", "values found", "of those put", isCost=False),
}

ID_BYTES = 32
VALUE_BYTES = 100

#: The number of nodes from which the asker of a get is taken: the first one that doesn't hold the
#: value.  The number must be above 20, because 20 nodes hold each value.
GETTERS = 40

#: The largest network in which ``kademlia`` is measured, in nodes.  Larger networks are skipped for
#: this subject.
KADEMLIA_NODES = 256

#: The subjects of this workload.
SUBJECTS: tuple[SubjectMaker, ...] = (
    lambda: ours("network"),
    lambda: dhtRpc("network.js"),
    kademlia,
)


def run(plan: Plan, results: Results, makers: Sequence[SubjectMaker] = SUBJECTS) -> None:
    """Measure each subject in networks of each size."""
    subjects = available(makers, results)
    for number in range(plan.rounds):
        for size in plan.sizes:
            for subject in plan.turn(subjects, number):
                if subject.name == KADEMLIA and size > KADEMLIA_NODES:
                    continue
                with subject.start() as child:
                    _measure(plan, results, size, subject.name, child, Random(number))


def _measure(
    plan: Plan, results: Results, size: int, name: str, child: Child, random: Random
) -> None:
    nodes = f"{size} nodes"
    ids = [random.randbytes(ID_BYTES).hex() for _ in range(size)]
    built = child.call("build", ids=ids)
    results.add(BUILD, nodes, name, built["cpu"])
    results.add(MEMORY, nodes, name, built["after"] / 1e6)
    results.add(PEAK, nodes, name, built["peak"] / 1e6)
    results.add(NODE_MEMORY, nodes, name, (built["after"] - built["before"]) / size / 1e3)
    results.add(CONTACTS, nodes, name, child.call("contacts"))
    idle = child.call("idle", seconds=plan.idleSeconds)
    results.add(IDLE, nodes, name, idle / plan.idleSeconds / size * 1e6)

    # The first operations aren't counted: a just-in-time compiler needs them to warm up.
    warming = max(1, plan.operations // 5)

    def each(give: Callable[[], Any]) -> list[Any]:
        return [give() for _ in range(warming + plan.operations)]

    asked = each(lambda: (random.randrange(size), random.randbytes(ID_BYTES).hex()))
    noted = each(lambda: (random.randrange(size), random.randbytes(ID_BYTES).hex()))
    put = each(lambda: (random.randrange(size), random.randbytes(VALUE_BYTES).hex()))
    found = [(random.sample(range(size), min(size, GETTERS)), value) for _, value in put]
    operations = {"query": asked, "update": noted, "put": put, "get": found}
    if name == KADEMLIA:
        # kademlia has no operations that correspond to a query and an update.
        del operations["query"], operations["update"]
    for kind, todo in operations.items():
        child.call(kind, operations=todo[:warming])
        done = child.call(kind, operations=todo[warming:])
        case = f"{kind}, {nodes}"
        results.add(CPU, case, name, done["cpu"] / plan.operations * 1e3)
        results.add(MEDIAN, case, name, percentile(done["latencies"], 50) * 1e3)
        results.add(TAIL, case, name, percentile(done["latencies"], 99) * 1e3)
        results.add(OUTCOMES[kind], nodes, name, done["outcome"])
