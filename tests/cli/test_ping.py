"""
The command ``dwdht ping``, on a network in memory.
"""

from __future__ import annotations

import json
from io import BytesIO

from dwdht_twisted._cli.commands.ping import RoundTrips
from dwdht_twisted._cli.console import Console
from dwdht_twisted._clock import reactorOf
from tests.cli.sessions import CommandTestCase
from tests.helpers.networks.values import BOOTSTRAP


class PingTests(CommandTestCase):
    """
    Pings on a network with round trips of 80 milliseconds.
    """

    size = 1

    def setUp(self) -> None:
        super().setUp()
        self.network.network.latency = 0.04

    def test_pingPrintsTheAnswer(self) -> None:
        """
        A ping prints the id and address of the node, our address as the node sees it, and the
        round-trip time.
        """
        node = self.network.members[0]
        host = reactorOf(node.clock).host
        answer = self.result("ping", f"{host}:{node.address().port}").output.decode()
        self.assertRegex(
            answer,
            rf"^{node.id.hex()} at {host}:{node.address().port} sees us at 10\.0\.0\.\d+:\d+"
            r", 80\.0 ms\n$",
        )
        self.assertRegex(
            self.result("ping", BOOTSTRAP).output.decode(), "^an ephemeral node at 10.0.0.1"
        )

    def test_timeOfTheNameIsNotCounted(self) -> None:
        """The round-trip time excludes the 3 seconds for resolving the name."""
        self.network.network.nameLatency = 3.0
        self.network.network.addName("node.example", "10.0.0.1")
        (line,) = self.result("ping", "node.example:6620").lines
        self.assertTrue(line.endswith(", 80.0 ms"), line)

    def test_unansweredPingFails(self) -> None:
        """
        An unanswered ping fails with an error that contains the address. A ping of a name without
        an address fails with an error that contains the name.
        """
        self.assertFails("dwdht ping: no answer from 10.0.9.9:1", "ping", "10.0.9.9:1")
        self.assertFails(
            "dwdht ping: nosuch.invalid has no IPv4 address", "ping", "nosuch.invalid:1"
        )

    def test_timeoutLimitsAPing(self) -> None:
        """An unanswered ping with a time-out of 0.2 seconds fails after exactly this time."""
        started = self.network.clock.seconds()
        self.assertFails(
            "dwdht ping: gave up after 0.2 seconds", "ping", "10.0.9.9:1", "--timeout", "0.2"
        )
        self.assertAlmostEqual(self.network.clock.seconds() - started, 0.2)

    def test_pingsHaveASummary(self) -> None:
        """Three pings are sent one second apart. A summary of their times is printed at the end."""
        started = self.network.clock.seconds()
        *answers, summary = self.result("ping", "--count", "3", BOOTSTRAP).lines
        self.assertEqual(len(answers), 3)
        self.assertEqual(summary, "3 sent, 3 answered, 0 % lost; min/median/max 80.0/80.0/80.0 ms")
        self.assertAlmostEqual(self.network.clock.seconds() - started, 2.08)

    def test_lostPingsAreCounted(self) -> None:
        """
        Of 4 pings, one is answered. The summary counts the 3 lost pings, and the command succeeds.
        """
        clock, network = self.network.clock, self.network.network
        clock.callLater(0.5, setattr, network, "loss", 1.0)
        arguments = ("ping", "--count", "4", "--timeout", "0.3", BOOTSTRAP)
        result = self.attempt(*arguments)
        self.assertEqual((result.status, result.errors), (0, ""))
        first, *lost, summary = result.lines
        self.assertTrue(first.endswith(", 80.0 ms"), first)
        self.assertEqual(lost, ["gave up after 0.3 seconds"] * 3)
        self.assertEqual(summary, "4 sent, 1 answered, 75 % lost; min/median/max 80.0/80.0/80.0 ms")

    def test_losingAllPingsFails(self) -> None:
        """Two pings without an answer fail. The summary then contains no times."""
        result = self.assertFails(
            "dwdht ping: no answer from 10.0.9.9:1", "ping", "--count", "2", "10.0.9.9:1"
        )
        self.assertEqual(
            result.lines, ["no answer from 10.0.9.9:1"] * 2 + ["2 sent, 0 answered, 100 % lost"]
        )

    def test_pingPrintsJSON(self) -> None:
        """Pings with ``--json`` print one object for each ping and one for the summary."""
        node = self.network.members[0]
        address = f"{reactorOf(node.clock).host}:{node.address().port}"
        result = self.result("ping", "--json", "--count", "2", address)
        first, second, summary = map(json.loads, result.lines)
        for record in (first, second):
            self.assertRegex(record.pop("seenAs"), r"^10\.0\.0\.\d+:\d+$")
            self.assertEqual(
                record, {"node": node.id.hex(), "address": address, "milliseconds": 80.0}
            )
        self.assertEqual(
            summary,
            {
                "sent": 2,
                "answered": 2,
                "lossPercent": 0.0,
                "minimum": 80.0,
                "median": 80.0,
                "maximum": 80.0,
            },
        )
        (line,) = self.result("ping", "--json", BOOTSTRAP).lines
        self.assertIsNone(json.loads(line)["node"])

    def test_lossInJSON(self) -> None:
        """With ``--json``, a lost ping is an object with an error. The summary's times are null."""
        result = self.attempt("ping", "--json", "--count", "1", "10.0.9.9:1")
        lost, summary = map(json.loads, result.lines)
        self.assertEqual(lost, {"address": "10.0.9.9:1", "error": "no answer from 10.0.9.9:1"})
        self.assertEqual(
            summary,
            {
                "sent": 1,
                "answered": 0,
                "lossPercent": 100.0,
                "minimum": None,
                "median": None,
                "maximum": None,
            },
        )
        self.assertEqual(result.status, 1)

    def test_interruptedPingsHaveASummary(self) -> None:
        """A command for 100 pings that is interrupted after the second ping prints its summary."""
        output, errors = BytesIO(), BytesIO()
        running = self.start("ping", "--count", "100", BOOTSTRAP, console=Console(output, errors))
        self.network.clock.runFor(1.5)
        running.cancel()
        self.assertEqual(self.network.clock.runUntil(running), 1)
        self.assertIn(b"\n2 sent, 2 answered, 0 % lost;", output.getvalue())
        self.assertEqual(errors.getvalue(), b"dwdht ping: interrupted\n")


class RoundTripsTests(CommandTestCase):
    """
    `RoundTrips`, which collects the round-trip times of pings.
    """

    size = 0

    def test_medianIsInTheMiddle(self) -> None:
        """
        The median of 3 times is the middle one. The median of 4 is the mean of the middle two.
        """
        trips = RoundTrips()
        self.assertIsNone(trips.extremes())
        trips.times = [3.0, 9.0, 1.0]
        self.assertEqual(trips.extremes(), (1.0, 3.0, 9.0))
        trips.times = [3.0, 9.0, 1.0, 5.0]
        self.assertEqual(trips.extremes(), (1.0, 4.0, 9.0))
