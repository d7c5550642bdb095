"""
One node that serves requests, after a thousand contacts have introduced themselves to it.

The contacts are sockets of another process.  They introduce themselves with a ping that carries an
id, and answer the node's pings; the node decides which of them it lists.  The requests come from a
third process, which keeps 64 of them waiting at the node.  Each kind of request is measured twice:
from askers with ids, as members have them, and from ephemeral ones.

The CPU time is that of the node's process under a steady load: the same number of requests is sent
once before they are counted.  The latency is that of one request at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from .child import Child
from .plan import Plan
from .results import Quantity, Results, percentile
from .subjects import ECHO, Subject, SubjectMaker, available, dhtRpc, echo, ours, pythonProcess

#: The two kinds of askers, and whether they are ephemeral.
ASKERS = {"asker with id": False, "ephemeral asker": True}

KINDS = ("ping", "find_node", "query", "update")

CPU = Quantity("serving", "CPU per request", "us")
MEDIAN = Quantity("serving", "latency p50", "us")
TAIL = Quantity("serving", "latency p99", "us")
CONTACTS = Quantity("serving", "contacts kept", "contacts", isCost=False)
BUSY = Quantity("serving", "node's CPU while loaded", "% of a core", isCost=False)
WAITS = Quantity("serving", "answers that the load waits for", "%", isCost=False)
ANSWER = Quantity("serving", "size of an answer", "bytes", isCost=False)

MICROSECONDS = 1e6

#: The subjects of this workload.
SUBJECTS: tuple[SubjectMaker, ...] = (lambda: ours("node"), lambda: dhtRpc("node.js"), echo)


def run(plan: Plan, results: Results, makers: Sequence[SubjectMaker] = SUBJECTS) -> None:
    """Measure each subject with each kind of request and asker."""
    # The load has a processor of its own.  On a shared processor, the node would wait for the load.
    *others, last = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        nodes: list[tuple[Subject, Child, int]] = []
        for subject in available(makers, results):
            child = stack.enter_context(subject.start(others))
            nodes.append((subject, child, child.call("start")))
        crowd = stack.enter_context(Child(pythonProcess("contacts", str(plan.contacts))))
        load = stack.enter_context(Child(pythonProcess("load"), processors=[last]))
        for subject, child, port in nodes:
            if subject.name != ECHO:
                crowd.call("offer", port=port)
                results.add(
                    CONTACTS, f"of {plan.contacts} offered", subject.name, child.call("contacts")
                )
        # The first round isn't counted: a just-in-time compiler needs it to warm up.
        for number in range(plan.rounds + 1):
            kept = results if number else Results()
            for case, kind, isEphemeral in _cases():
                for subject, child, port in plan.turn(nodes, number):
                    sent = "echo" if subject.name == ECHO else kind
                    asking = {"port": port, "isEphemeral": isEphemeral, "kind": sent}
                    _measure(plan, kept, case, asking, subject.name, child, load)


def _cases() -> Iterator[tuple[str, str, bool]]:
    for asker, isEphemeral in ASKERS.items():
        for kind in KINDS:
            yield f"{kind}, {asker}", kind, isEphemeral


def _measure(
    plan: Plan,
    results: Results,
    case: str,
    asking: dict[str, Any],
    name: str,
    child: Child,
    load: Child,
) -> None:
    load.call("prepare", **asking, count=plan.requests)
    load.call("saturate")
    load.call("prepare", **asking, count=plan.requests)
    before = child.call("cpu")
    loaded = load.call("saturate")
    cpu = child.call("cpu") - before
    results.add(CPU, case, name, cpu / loaded["count"] * MICROSECONDS)
    results.add(BUSY, case, name, 100 * cpu / loaded["seconds"])
    results.add(WAITS, case, name, 100 * loaded["waits"] / loaded["count"])
    results.add(ANSWER, case, name, loaded["answerBytes"] / loaded["count"])
    load.call("prepare", **asking, count=plan.roundTrips)
    times: Sequence[float] = load.call("roundTrips")
    results.add(MEDIAN, case, name, percentile(times, 50) * MICROSECONDS)
    results.add(TAIL, case, name, percentile(times, 99) * MICROSECONDS)
