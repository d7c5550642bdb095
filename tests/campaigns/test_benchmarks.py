"""
Tests for the benchmarks: what they make of numbers, what they simulate, and one small round.
"""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path
from random import Random
from xml.etree import ElementTree

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from benchmarks import growth, internet, networks, serving
from benchmarks.__main__ import main, parse, planFor
from benchmarks.child import Child, ChildFailed
from benchmarks.original import OriginalNode
from benchmarks.overview import draw
from benchmarks.plan import QUICK, Plan
from benchmarks.plot import Panel, Row, figure
from benchmarks.population import Population
from benchmarks.results import OURS, Quantity, Results, Summary, percentile, summarize
from benchmarks.subjects import ECHO, echo, ours, pythonProcess
from benchmarks.table import number, table
from benchmarks.targets import targets, verdict
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BYTES, Contact, distance
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock

#: As little as can be measured.
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
)

COST = Quantity("workload", "cost", "us")


class StatisticsTests(SynchronousTestCase):
    """
    Tests for what is said about the rounds.
    """

    def test_summary(self) -> None:
        """
        The rounds are told by their median, their least and their greatest.
        """
        self.assertEqual(summarize([5.0, 1.0, 2.0]), Summary(2.0, 1.0, 5.0))

    def test_percentile(self) -> None:
        """
        A percentile is the least sample that so many percent don't exceed.
        """
        samples = [float(each) for each in range(100, 0, -1)]
        self.assertEqual(percentile(samples, 50), 50.0)
        self.assertEqual(percentile(samples, 99), 99.0)
        self.assertEqual(percentile([7.0], 1), 7.0)

    def test_nothingMeasured(self) -> None:
        """
        No percentile is made up when nothing was measured.
        """
        self.assertRaises(ValueError, percentile, [], 50)

    def test_ratio(self) -> None:
        """
        A ratio is that of the medians, and there is none when one side is missing.
        """
        results = Results()
        for ourCost, other in ((1.0, 4.0), (2.0, 4.0), (30.0, 4.0)):
            results.add(COST, "case", OURS, ourCost)
            results.add(COST, "case", "other", other)
        results.add(COST, "lonely", OURS, 1.0)
        self.assertEqual(results.ratio(COST, "case", "other"), 0.5)
        self.assertIsNone(results.ratio(COST, "lonely", "other"))

    def test_json(self) -> None:
        """
        The JSON holds each round, so that others can do their own sums.
        """
        results = Results({"processors": 2}, ["a note"])
        results.add(COST, "case", OURS, 1.0)
        results.add(COST, "case", OURS, 3.0)
        told = json.loads(json.dumps(results.asJSON()))
        [measurement] = told["measurements"]
        self.assertEqual(measurement["samples"], [1.0, 3.0])
        self.assertEqual(measurement["median"], 2.0)
        self.assertEqual(measurement["quantity"], "cost")
        self.assertEqual(told["environment"], {"processors": 2})


class ShownTests(SynchronousTestCase):
    """
    Tests for what a person sees of the results.
    """

    def test_numbers(self) -> None:
        """
        Numbers are shown with the digits that matter.
        """
        shown = [number(value) for value in (0, 0.01234, 1.234, 12.34, 123.4, 1234567.0)]
        self.assertEqual(shown, ["0", "0.012", "1.23", "12.3", "123", "1,234,567"])

    def test_table(self) -> None:
        """
        A table shows ours first, the range of the rounds, and the ratio; a gap is shown as one.
        """
        results = Results()
        results.add(COST, "a case", "other", 8.0)
        results.add(COST, "a case", OURS, 1.0)
        results.add(COST, "a case", OURS, 3.0)
        results.add(COST, "another", "other", 5.0)
        lines = [line.split() for line in table(results, COST).splitlines()]
        self.assertEqual(lines[0], ["workload:", "cost,", "us"])
        self.assertEqual(lines[1], [OURS, "other", "ours", "/", "other"])
        self.assertEqual(lines[2], ["a", "case", "2.00", "(1.00-3.00)", "8.00", "0.25"])
        self.assertEqual(lines[3], ["another", "-", "5.00", "-"])

    def test_plot(self) -> None:
        """
        The bars of a plot are as long as the medians are great, and its texts are escaped.
        """
        bars = {"ours": Summary(1.0, 1.0, 1.0), "<other>": Summary(4.0, 3.0, 5.0)}
        drawn = ElementTree.fromstring(figure([Panel("cost & unit", [Row("case", bars)])]))
        namespace = "{http://www.w3.org/2000/svg}"
        widths = [float(each.get("width", "")) for each in drawn.iter(f"{namespace}rect")]
        # The background, two in the legend, the bars.
        [short, long] = widths[3:]
        self.assertAlmostEqual(long / short, 4.0, places=1)
        texts = [each.text for each in drawn.iter(f"{namespace}text")]
        self.assertIn("cost & unit", texts)
        self.assertIn("<other>", texts)
        self.assertEqual(len(list(drawn.iter(f"{namespace}line"))), 1)

    def test_targets(self) -> None:
        """
        A claim that was measured is met or missed by so much; one that wasn't is left out.
        """
        results = Results()
        for size, requests in ((100, 20.0), (1000, 30.0), (10000, 60.0)):
            results.add(growth.REQUESTS, f"{size:,} nodes", OURS, requests)
        [missed] = targets(results)
        self.assertFalse(missed.isMet)
        self.assertEqual((missed.measured, missed.limit), (30.0, 20))
        self.assertIn("missed by 50 %", verdict(results))
        self.assertEqual(verdict(Results()), "")


class CommandLineTests(SynchronousTestCase):
    """
    Tests for the command line.
    """

    def test_mistakes(self) -> None:
        """
        A mistake ends the process with one line that says what is allowed.
        """
        for arguments, expected in (
            (["--rounds", "0"], "rounds from 1 to 100"),
            (["--rounds", "many"], "rounds from 1 to 100"),
            (["--only", "sleeping"], "there are serving, networks"),
            (["--json", "/nonexistent/file"], "in a folder that exists"),
            (["--quick", "--full"], "not allowed with"),
            (["more"], "more"),
        ):
            failure = self.assertRaises(SystemExit, parse, arguments)
            self.assertIn(expected, str(failure.code))
            self.assertNotIn("\n", str(failure.code))

    def test_plan(self) -> None:
        """
        The options say how much is measured.
        """
        self.assertEqual(planFor(parse([])), Plan())
        self.assertEqual(planFor(parse(["--quick"])), QUICK)
        self.assertEqual(planFor(parse(["--rounds", "7"])).rounds, 7)
        self.assertEqual(planFor(parse(["--full"])).populations[-1], 100_000)

    def test_files(self) -> None:
        """
        The results of a run are shown, and written as JSON and as a plot.
        """
        shown = StringIO()
        self.patch(sys, "stdout", shown)
        self.patch(sys, "stderr", StringIO())
        data, plot = Path(self.mktemp()), Path(self.mktemp())
        main(["--quick", "--only", "growth", "--json", str(data), "--svg", str(plot)])
        self.assertIn("growth: requests per lookup", shown.getvalue())
        told = json.loads(data.read_text())
        self.assertEqual({each["workload"] for each in told["measurements"]}, {"growth"})
        self.assertEqual(ElementTree.parse(plot).getroot().tag, "{http://www.w3.org/2000/svg}svg")


class PopulationTests(SynchronousTestCase):
    """
    Tests for the simulated nodes.
    """

    def test_closest(self) -> None:
        """
        The closest nodes are those that a comparison with each node finds.
        """
        population = Population(500, 1)
        random = Random(1)
        left = frozenset(random.sample(range(500), 100))
        for _ in range(10):
            target = random.randbytes(ID_BYTES)

            def far(each: int, target: bytes = target) -> int:
                return distance(population.contact(each).id or b"", target)

            expected = sorted(set(range(500)) - left, key=far)[:K]
            self.assertEqual(population.closest(target, K, left), expected)

    def test_table(self) -> None:
        """
        A node knows up to 20 nodes of each distance, of the nearest distances all, and not itself.
        """
        population = Population(500, 2)
        table = population.table(7)
        known = {population.number(contact.id or b"") for contact in table.contacts()}
        self.assertNotIn(7, known)
        own = population.contact(7).id or b""
        byPrefix: dict[int, list[int]] = {}
        for each in range(500):
            if each != 7:
                shared = distance(population.contact(each).id or b"", own).bit_length()
                byPrefix.setdefault(shared, []).append(each)
        for members in byPrefix.values():
            self.assertEqual(len(known.intersection(members)), min(K, len(members)))

    def test_sameAgain(self) -> None:
        """
        The same seed draws the same nodes and tables.
        """
        one, other = Population(50, 3), Population(50, 3)
        self.assertEqual(one.contact(4), other.contact(4))
        self.assertEqual(one.table(4).contacts(), other.table(4).contacts())
        self.assertNotEqual(one.contact(4).id, Population(50, 4).contact(4).id)

    def test_lookup(self) -> None:
        """
        A lookup among simulated nodes finds the closest ones, and asks few to do so.
        """
        outcome = growth.lookUp(Population(1000, 5), 0, Random(5).randbytes(ID_BYTES))
        self.assertEqual(outcome.found, 1.0)
        self.assertLess(outcome.requests, 100)
        self.assertGreaterEqual(outcome.requests, K)
        self.assertGreaterEqual(outcome.hops, 1)


class OriginalTests(SynchronousTestCase):
    """
    Tests for the model of the original's rules.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.04)
        self.population = Population(K + 5, 1)
        self.contacts = [self.population.contact(each) for each in range(len(self.population))]

    def ask(self, contacts: list[Contact]) -> Deferred[list[Contact]]:
        """Have a node that knows these contacts query for the id of the first of all."""
        reactor = self.network.reactor("10.0.0.1")
        node = OriginalNode(reactor, bytes(ID_BYTES), contacts, Random(1))
        reactor.listenUDP(0, node)
        return node.query("note", self.contacts[0].id or b"")

    def start(self, *numbers: int) -> None:
        """Have nodes be there."""
        for each in numbers:
            reactor = self.network.reactor(self.contacts[each].host)
            reactor.listenUDP(self.contacts[each].port, internet.PlainNode(self.population, each))

    def test_answers(self) -> None:
        """
        It asks the nodes that it knows and those that they name, and is done with the last answer.
        """
        self.start(*range(len(self.contacts)))
        found = self.clock.runUntil(self.ask(self.contacts[-1:]), limit=5)
        closest = self.population.closest(self.contacts[0].id or b"", K)
        self.assertLessEqual({self.contacts[each] for each in closest}, set(found))
        self.assertLess(self.clock.seconds(), 0.5)

    def test_deadContact(self) -> None:
        """
        It waits 1.25 to 1.5 seconds for a contact of its own that is dead.
        """
        asked = self.ask(self.contacts[-1:])
        asked.addErrback(lambda reason: [])
        self.clock.runUntil(asked, limit=5)
        self.assertTrue(1.25 <= self.clock.seconds() <= 1.5)

    def test_deadCandidate(self) -> None:
        """
        It waits as long again for a hole punch to a dead node that another has named.
        """
        self.start(len(self.contacts) - 1)
        found = self.clock.runUntil(self.ask(self.contacts[-1:]), limit=10)
        self.assertEqual(found, self.contacts[-1:])
        # Each of the 20 that were named: 16 at once, the others behind them.
        self.assertTrue(2.5 <= self.clock.seconds() <= 6.1, self.clock.seconds())


class RoundTests(SynchronousTestCase):
    """
    Tests for whole workloads, as small as they can be.
    """

    def test_internet(self) -> None:
        """
        Ours and the original's rules look up on the same simulated internet, and both find nodes.
        """
        results = Results()
        internet.run(TINY, results)
        self.assertEqual(results.subjects(internet.MEDIAN), [OURS, internet.ORIGINAL])
        for subject in (OURS, internet.ORIGINAL):
            [duration] = results.samples(internet.MEDIAN, internet.CASE, subject)
            self.assertTrue(0.0 < duration < internet.LIMIT)
            [share] = results.samples(internet.FOUND, internet.CASE, subject)
            self.assertGreater(share, 50.0)

    def test_serving(self) -> None:
        """
        A node and an echo are loaded by another process, and every request is answered.
        """
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

    def test_networks(self) -> None:
        """
        A network is built in a process, and does every operation with the right outcome.
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


class ChildTests(SynchronousTestCase):
    """
    Tests for the processes of the benchmarks.
    """

    def test_failure(self) -> None:
        """
        What fails in a process fails at its caller, who is told where and why, and goes on.
        """
        with Child(pythonProcess("echo")) as child:
            failure = self.assertRaises(ChildFailed, child.call, "sleep")
            self.assertIn("KeyError", str(failure))
            self.assertGreater(child.call("cpu"), 0.0)

    def test_timeout(self) -> None:
        """
        A process that doesn't answer in time is not waited for.
        """
        with Child(["sleep", "60"]) as child:
            self.assertRaises(ChildFailed, child.call, "cpu", timeout=0.05)
            child.kill()

    def test_ended(self) -> None:
        """
        A process that has ended says so, and is gone.
        """
        child = Child(["true"])
        self.assertRaises(ChildFailed, child.call, "cpu")
        child.end()
        self.assertEqual(child.exitCode, 0)
