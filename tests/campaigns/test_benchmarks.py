"""
The benchmarks: their command line, a small round of each workload, and their processes.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from benchmarks import dead, idle, internet, networks, serving
from benchmarks.__main__ import main, parse, planFor
from benchmarks.child import Child, ChildFailed
from benchmarks.overview import draw
from benchmarks.plan import QUICK, Plan
from benchmarks.results import OURS, Results
from benchmarks.subjects import DHT_RPC, ECHO, Missing, Subject, echo, ours, pythonProcess

#: The smallest plan with which every workload can run.
TINY = Plan(
    rounds=1,
    contacts=30,
    requests=256,
    roundTrips=64,
    sizes=(25,),
    operations=3,
    idleSeconds=0.1,
    internetNodes=60,
    internetAskers=2,
    internetLookups=6,
    populations=(30, 300),
    lookups=5,
    idleNodes=25,
    idleSimulatedSeconds=60.0,
    idleRealSeconds=0.5,
    deadNodes=40,
    deadAskers=1,
    deadLookups=3,
)


class CommandLineTests(SynchronousTestCase):
    """
    The command line of ``python -m benchmarks``.
    """

    def test_mistakeEndsWithOneLine(self) -> None:
        """A wrong command line ends the process with one line that says what is allowed."""
        for arguments, expected in (
            (["--rounds", "0"], "rounds from 1 to 100"),
            (["--rounds", "many"], "rounds from 1 to 100"),
            (["--idle-nodes", "3"], "nodes from 25 to 100000"),
            (["--only", "sleeping"], "there are serving, networks"),
            (["--json", "/nonexistent/file"], "in a folder that exists"),
            (["--quick", "--full"], "not allowed with"),
            (["more"], "more"),
        ):
            failure = self.assertRaises(SystemExit, parse, arguments)
            self.assertIn(expected, str(failure.code))
            self.assertNotIn("\n", str(failure.code))

    def test_optionsSetThePlan(self) -> None:
        """The options set the number of rounds and the sizes of the workloads."""
        self.assertEqual(planFor(parse([])), Plan())
        self.assertEqual(planFor(parse(["--quick"])), QUICK)
        self.assertEqual(planFor(parse(["--rounds", "7"])).rounds, 7)
        self.assertEqual(planFor(parse(["--idle-nodes", "300"])).idleNodes, 300)
        self.assertEqual(planFor(parse(["--full"])).populations[-1], 100_000)

    def test_resultsAreShownAndWritten(self) -> None:
        """The results of a run are printed, and written as JSON and as a plot."""
        shown = StringIO()
        self.patch(sys, "stdout", shown)
        self.patch(sys, "stderr", StringIO())
        data, plot = Path(self.mktemp()), Path(self.mktemp())
        main(["--quick", "--only", "growth", "--json", str(data), "--svg", str(plot)])
        self.assertIn("growth: requests per lookup", shown.getvalue())
        told = json.loads(data.read_text())
        self.assertEqual({each["workload"] for each in told["measurements"]}, {"growth"})
        self.assertEqual(ElementTree.parse(plot).getroot().tag, "{http://www.w3.org/2000/svg}svg")


class RoundTests(SynchronousTestCase):
    """
    One small round of each workload.
    """

    def test_bothSubjectsFindNodes(self) -> None:
        """
        On the same simulated internet, our lookups and lookups by the original's rules find over
        half of the closest nodes.
        """
        results = Results()
        internet.run(TINY, results)
        self.assertEqual(results.subjects(internet.MEDIAN), [OURS, internet.ORIGINAL])
        for subject in (OURS, internet.ORIGINAL):
            [duration] = results.samples(internet.MEDIAN, internet.CASE, subject)
            self.assertTrue(0.0 < duration < internet.LIMIT)
            [share] = results.samples(internet.FOUND, internet.CASE, subject)
            self.assertGreater(share, 50.0)

    def test_everyRequestIsAnswered(self) -> None:
        """Our node and an echo server answer every request of another process."""
        results = Results()
        serving.run(TINY, results, (lambda: ours("node"), echo))
        self.assertEqual(results.notes, [])
        [contacts] = results.samples(serving.CONTACTS, "of 30 offered", OURS)
        self.assertGreater(contacts, 15)
        for case in ("ping, asker with id", "update, ephemeral asker"):
            for subject in (OURS, ECHO):
                [cost] = results.samples(serving.CPU, case, subject)
                self.assertTrue(0.0 < cost < 10_000.0)
        [answer] = results.samples(serving.ANSWER, "find_node, asker with id", OURS)
        self.assertGreater(answer, 20 * 38)
        self.assertIn("Serving", draw(results))

    def test_operationsHaveTheirOutcome(self) -> None:
        """
        In a network of 25 nodes, an update and a put reach 20 nodes, a query has 20 answers, and a
        get finds its value.
        """
        results = Results()
        networks.run(TINY, results, (lambda: ours("network"),))
        outcomes = {
            kind: results.samples(quantity, "25 nodes", OURS)
            for kind, quantity in networks.OUTCOMES.items()
        }
        self.assertEqual(outcomes["update"], [20.0])
        self.assertEqual(outcomes["put"], [20.0])
        self.assertEqual(outcomes["get"], [1.0])
        self.assertGreaterEqual(outcomes["query"][0], 20.0)

    def test_idleNodesSend(self) -> None:
        """
        25 idle nodes send some datagrams in a simulated minute, of at least 20 bytes each. A
        subject that is not installed is noted.
        """

        def missing() -> Subject:
            raise Missing("not here")

        results = Results()
        idle.run(TINY, results, (missing,))
        [datagrams] = results.samples(idle.SENT, "25 nodes", OURS)
        [size] = results.samples(idle.BYTES, "25 nodes", OURS)
        self.assertTrue(10 < datagrams < 10_000)
        self.assertTrue(20 < size * 3600 / datagrams < 1000)
        self.assertEqual(results.notes, ["not here"])

    def test_lookupsAmongDeadNodesFindTheLiving(self) -> None:
        """
        After 10 of 40 nodes have died, lookups find over 90 % of the closest live nodes. Some of
        their datagrams, and fewer than half, go to the dead.
        """
        results = Results()
        dead.run(TINY, results)
        for case in dead.CASES:
            [found] = results.samples(dead.FOUND, case, OURS)
            self.assertGreater(found, 90.0)
            [toDead] = results.samples(dead.TO_DEAD, case, OURS)
            self.assertLess(toDead, 50.0)
            [median] = results.samples(dead.MEDIAN, case, OURS)
            [tail] = results.samples(dead.TAIL, case, OURS)
            self.assertTrue(0.0 < median <= tail < 10_000.0)

    def test_originalIsCounted(self) -> None:
        """25 nodes of ``dht-rpc`` are counted on loopback for half a second."""
        results = Results()
        idle.run(replace(TINY, rounds=0), results)
        if results.notes:
            raise SkipTest(results.notes[0])
        [datagrams] = results.samples(idle.SENT, "25 nodes", DHT_RPC)
        [size] = results.samples(idle.BYTES, "25 nodes", DHT_RPC)
        self.assertGreaterEqual(datagrams, 0.0)
        self.assertGreaterEqual(size, 0.0)


class ChildTests(SynchronousTestCase):
    """
    `Child`, a process that a benchmark starts.
    """

    def test_failedCallRaises(self) -> None:
        """
        A call that fails in the process raises `ChildFailed` with the error. The process still
        answers the next call.
        """
        with Child(pythonProcess("echo")) as child:
            failure = self.assertRaises(ChildFailed, child.call, "sleep")
            self.assertIn("KeyError", str(failure))
            self.assertGreater(child.call("cpu"), 0.0)

    def test_slowCallRaises(self) -> None:
        """A call with a time-out of 0.05 seconds and no answer raises `ChildFailed`."""
        with Child(["sleep", "60"]) as child:
            self.assertRaises(ChildFailed, child.call, "cpu", timeout=0.05)
            child.kill()

    def test_endedProcessRaises(self) -> None:
        """A call to an ended process raises `ChildFailed`. The exit status of the process is 0."""
        child = Child(["true"])
        self.assertRaises(ChildFailed, child.call, "cpu")
        child.end()
        self.assertEqual(child.exitCode, 0)
