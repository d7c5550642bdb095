"""
The results of the benchmarks: statistics, tables, plots and targets.
"""

from __future__ import annotations

import json
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import growth
from benchmarks.plot import Panel, Row, figure
from benchmarks.results import OURS, Quantity, Results, Summary, percentile, summarize
from benchmarks.table import number, table
from benchmarks.targets import targets, verdict

COST = Quantity("workload", "cost", "us")


class StatisticsTests(SynchronousTestCase):
    """
    Statistics over the rounds of a benchmark.
    """

    def test_summaryHasMedianAndRange(self) -> None:
        """The summary of three rounds is their median, minimum and maximum."""
        self.assertEqual(summarize([5.0, 1.0, 2.0]), Summary(2.0, 1.0, 5.0))

    def test_percentileIsASample(self) -> None:
        """
        At least p percent of all samples are smaller than the p-th percentile or equal to it. The
        percentile is the smallest sample for which this holds.
        """
        samples = [float(each) for each in range(100, 0, -1)]
        self.assertEqual(percentile(samples, 50), 50.0)
        self.assertEqual(percentile(samples, 99), 99.0)
        self.assertEqual(percentile([7.0], 1), 7.0)

    def test_percentileOfNothingRaises(self) -> None:
        """The percentile of an empty list raises ValueError."""
        self.assertRaises(ValueError, percentile, [], 50)

    def test_ratioComparesMedians(self) -> None:
        """
        The ratio of two subjects is that of their medians. It is None if one of them wasn't
        measured.
        """
        results = Results()
        for ourCost, other in ((1.0, 4.0), (2.0, 4.0), (30.0, 4.0)):
            results.add(COST, "case", OURS, ourCost)
            results.add(COST, "case", "other", other)
        results.add(COST, "lonely", OURS, 1.0)
        self.assertEqual(results.ratio(COST, "case", "other"), 0.5)
        self.assertIsNone(results.ratio(COST, "lonely", "other"))

    def test_jsonHasEachRound(self) -> None:
        """The JSON contains the value of each round, the median and the environment."""
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
    Tables, plots and targets.
    """

    def test_numbersHaveThreeDigits(self) -> None:
        """
        A number is shown with three significant digits. From 1,000 on, it is shown as a whole
        number.
        """
        shown = [number(value) for value in (0, 0.01234, 1.234, 12.34, 123.4, 1234567.0)]
        self.assertEqual(shown, ["0", "0.012", "1.23", "12.3", "123", "1,234,567"])

    def test_tableShowsOursFirst(self) -> None:
        """
        The first column of a table is ours, with the range of the rounds. The ratio comes last, and
        a missing value is a dash.
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

    def test_barsAreProportional(self) -> None:
        """The widths of a plot's bars are proportional to the medians. Its texts are escaped."""
        bars = {"ours": Summary(1.0, 1.0, 1.0), "<other>": Summary(4.0, 3.0, 5.0)}
        drawn = ElementTree.fromstring(figure([Panel("cost & unit", [Row("case", bars)])]))
        namespace = "{http://www.w3.org/2000/svg}"
        widths = [float(each.get("width", "")) for each in drawn.iter(f"{namespace}rect")]
        # The first three rectangles are the background and the two squares of the legend.
        [short, long] = widths[3:]
        self.assertAlmostEqual(long / short, 4.0, places=1)
        texts = [each.text for each in drawn.iter(f"{namespace}text")]
        self.assertIn("cost & unit", texts)
        self.assertIn("<other>", texts)
        self.assertEqual(len(list(drawn.iter(f"{namespace}line"))), 1)

    def test_targetIsMissedByPercent(self) -> None:
        """
        The verdict says by how many percent a target is missed. It omits targets without
        measurements.
        """
        results = Results()
        for size, requests in ((100, 20.0), (1000, 30.0), (10000, 60.0)):
            results.add(growth.REQUESTS, f"{size:,} nodes", OURS, requests)
        [missed] = targets(results)
        self.assertFalse(missed.isMet)
        self.assertEqual((missed.measured, missed.limit), (30.0, 20))
        self.assertIn("missed by 50 %", verdict(results))
        self.assertEqual(verdict(Results()), "")
