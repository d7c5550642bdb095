"""
The time until a process has imported the package, and until a node has joined a network.

The CPU time of an import is measured by a process that does nothing else.  The import of Twisted's
Deferreds is measured too, because no node works without Deferreds.

The time of a join runs from the start of the process until the node prints that it has joined the
network of a bootstrap node on this machine.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from resource import RUSAGE_CHILDREN, getrusage
from time import monotonic, perf_counter
from typing import NamedTuple

from dwdht_twisted._core.wire import ID_BYTES

from .child import Child, ChildFailed
from .plan import Plan
from .results import OURS, Quantity, Results
from .subjects import (
    DHT_RPC,
    KADEMLIA,
    Subject,
    available,
    dhtRpc,
    kademlia,
    pythonProcess,
)

IMPORT = Quantity("start", "CPU of the import", "ms")
READY = Quantity("start", "time until joined", "s")
READY_CPU = Quantity("start", "CPU until joined and stopped", "s")

#: The import that a program with a node needs.  To import the package alone is not enough, because
#: it may load its modules later.
OUR_IMPORT = "from dwdht_twisted import DHTNode"

#: The part of Twisted that our import can't do without.
DEFERREDS = "twisted.internet.defer"

#: The output of a node that has joined.
JOINED = b"joined the network"

#: The time-out of a process, in seconds.
SECONDS = 30.0

#: The number of nodes in the network that is joined, without its bootstrap node.
NODES = 20


class Program(NamedTuple):
    """
    A program of a subject.

    :ivar command: the program and its arguments
    :ivar environment: the variables that it needs
    """

    command: list[str]
    environment: Mapping[str, str] = {}


def run(plan: Plan, results: Results) -> None:
    """Measure the import and the start of each subject."""
    found = {
        subject.name: subject
        for subject in available((lambda: dhtRpc("start.js"), kademlia), results)
    }
    node = found.get(DHT_RPC)
    imports = dict(_imports(node, KADEMLIA in found))
    for program in imports.values():
        # Run each program once before the measurement: it compiles the files, and puts them into
        # the cache of the disk.
        _outputOf(program)
    does = "imports" if _importsReactor() else "does not import"
    results.note(f"{OUR_IMPORT!r} {does} the reactor")
    starts = {OURS: _twistd}
    if node is not None:
        command, environment = node.command, node.environment
        starts[DHT_RPC] = lambda port: Program([*command, port], environment)
    for number in range(plan.rounds):
        for name in plan.turn(list(imports), number):
            results.add(IMPORT, "import", name, float(_outputOf(imports[name])) * 1e3)
        for name in plan.turn(list(starts), number):
            # Each start has a new network.  In an old network, the node of an earlier start would
            # be a dead contact.
            with Child(pythonProcess("network")) as network:
                ids = [os.urandom(ID_BYTES).hex() for _ in range(NODES)]
                port = str(network.call("build", ids=ids)["port"])
                _measureStart(results, name, starts[name](port))


def _imports(node: Subject | None, withKademlia: bool) -> Iterator[tuple[str, Program]]:
    """For each subject, a program that imports it and prints the CPU seconds of the import."""
    timed = "import time; began = time.process_time(); {0}; print(time.process_time() - began)"
    yield OURS, _python(timed.format(OUR_IMPORT))
    yield DEFERREDS, _python(timed.format(f"import {DEFERREDS}"))
    if node is not None:
        code = (
            "const began = process.cpuUsage(); require('dht-rpc'); "
            "const took = process.cpuUsage(began); console.log((took.user + took.system) / 1e6)"
        )
        command = [node.command[0], "--no-deprecation", "-e", code]
        yield DHT_RPC, Program(command, node.environment)
    if withKademlia:
        yield KADEMLIA, _python(timed.format("import kademlia.network"))


def _python(code: str, *arguments: str) -> Program:
    # Unset this variable, which may keep the files of a checkout from being compiled.  The files of
    # an installed package are always compiled.
    compiled = {"PYTHONDONTWRITEBYTECODE": ""}
    return Program([sys.executable, "-c", code, *arguments], compiled)


def _importsReactor() -> bool:
    code = f"import sys; {OUR_IMPORT}; print('twisted.internet.reactor' in sys.modules)"
    return _outputOf(_python(code)) == "True"


def _outputOf(program: Program) -> str:
    environment = {**os.environ, **program.environment}
    shown = subprocess.run(
        program.command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return shown.stdout.strip()


def _childrenSeconds() -> float:
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _twistd(port: str) -> Program:
    code = "from twisted.scripts.twistd import run; run()"
    options = ["--nodaemon", "--pidfile=", "dwdht", "--interface", "127.0.0.1"]
    return _python(code, *options, "--bootstrap", f"127.0.0.1:{port}")


def _measureStart(results: Results, name: str, program: Program) -> None:
    cpu = _childrenSeconds()
    start = perf_counter()
    with _running(program) as process:
        _waitForLine(process, JOINED)
        results.add(READY, "a node", name, perf_counter() - start)
    results.add(READY_CPU, "a node", name, _childrenSeconds() - cpu)


@contextmanager
def _running(program: Program) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        program.command,
        env={**os.environ, **program.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _waitForLine(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdout is not None
    deadline = monotonic() + SECONDS
    output = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while line not in output:
            ready = selector.select(max(0.0, deadline - monotonic()))
            data = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
            if not data:
                raise ChildFailed(
                    f"a node did not join in {SECONDS:.0f} s: {output.decode(errors='replace')}"
                )
            output += data
