"""
Tests for what is shown of a node: its health, its status, its metrics and the page.
"""

from __future__ import annotations

from importlib.metadata import version
from shutil import which
from subprocess import run

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SkipTest

from dwdht_twisted import NoResponse, values
from dwdht_twisted._core.counters import Counters
from dwdht_twisted.web.views.metrics import COUNTED
from tests.helpers.networks.web import WebTestCase


class HealthTests(WebTestCase):
    """
    ``/healthz`` and ``/readyz``.
    """

    def test_nodeThatHasJoinedIsReady(self) -> None:
        """A node that has joined its network is healthy and ready."""
        self.serve()
        for path in ("/healthz", "/readyz"):
            answer = self.ask(path)
            self.assertEqual((answer.status, answer.json["state"]), (200, "online"))

    def test_nodeThatIsCutOffIsNotReady(self) -> None:
        """A node that nobody answers any more is healthy, but not ready."""
        self.serve()
        self.nodes[0].watchHealth(lambda health: None)
        for node in self.nodes[1:]:
            self.clock.runUntil(node.destroy())
        self.clock.runFor(120)
        self.assertEqual(self.ask("/healthz").status, 200)
        answer = self.ask("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertIn("no node has answered", answer.json["detail"])


class StatusTests(WebTestCase):
    """
    ``/status``.
    """

    def test_statusTellsOfTableStoreAndLookups(self) -> None:
        """The status has the contacts, the store, the announcements and the lookups of the node."""
        self.serve()
        self.clock.runUntil(values.put(self.nodes[0], b"hello"))
        found = self.ask("/status").json
        self.assertEqual(found["id"], self.nodes[0].id.hex())
        self.assertEqual(len(found["table"]), len(self.nodes) - 1)
        self.assertEqual({entry["isLate"] for entry in found["table"]}, {False})
        self.assertEqual(found["store"]["values"], 1)
        self.assertEqual(found["peers"], {"announcements": 0})
        [lookup] = [each for each in found["lookups"] if each["command"] == "values"]
        self.assertEqual(lookup["target"], values.keyOf(b"hello").hex())
        self.assertTrue(lookup["isOver"])
        states = {node["state"] for node in lookup["nodes"]}
        self.assertLessEqual({"update answered"}, states)

    def test_silentContactIsLate(self) -> None:
        """When nobody answers any more, the contacts keep their places, and are shown as late."""
        self.serve()
        for node in self.nodes[1:]:
            self.clock.runUntil(node.destroy())
        lookup = self.nodes[0].query("values", bytes(32)).collect()
        self.clock.runFor(20)
        self.failureResultOf(lookup, NoResponse)
        self.assertEqual({entry["isLate"] for entry in self.ask("/status").json["table"]}, {True})

    def test_lookupsShownAreBounded(self) -> None:
        """The status has at most 32 lookups, the latest."""
        self.serve()
        for number in range(40):
            self.clock.runUntil(self.nodes[0].query("values", bytes([number]) * 32).collect())
        lookups = self.ask("/status").json["lookups"]
        self.assertEqual(len(lookups), 32)
        self.assertEqual(lookups[-1]["target"], (bytes([39]) * 32).hex())

    def test_textOfTheNetworkIsNoMarkup(self) -> None:
        """A text with a tag is escaped in JSON, so that nothing can take it for markup."""
        self.serve()
        self.clock.runUntil(self.nodes[0].query("<script>alert(1)</script>", bytes(32)).collect())
        answer = self.ask("/status")
        self.assertNotIn(b"<", answer.body)
        self.assertIn(
            "<script>alert(1)</script>", {each["command"] for each in answer.json["lookups"]}
        )

    def test_resultIsGivenAgainForAQuarterOfASecond(self) -> None:
        """A status is made at most once in a quarter of a second."""
        self.serve()
        first = self.ask("/status").json["uptime"]
        self.assertEqual(self.ask("/status").json["uptime"], first)
        self.clock.runFor(0.25)
        self.assertGreater(self.ask("/status").json["uptime"], first)


class MetricsTests(WebTestCase):
    """
    ``/metrics``.
    """

    def test_metricsParse(self) -> None:
        """The parser of prometheus_client reads the metrics, and finds those of each kind."""
        self.serve()
        self.clock.runUntil(values.put(self.nodes[0], b"hello"))
        answer = self.ask("/metrics")
        self.assertEqual(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
        families = {
            each.name: each for each in text_string_to_metric_families(answer.body.decode())
        }
        sent = {
            sample.labels["kind"]: sample.value
            for sample in families["dwdht_datagrams_sent"].samples
        }
        counters = self.nodes[0].statistics().counters
        self.assertEqual(
            sent, {"request": counters["requestsSent"], "response": counters["responsesSent"]}
        )
        for name in ("lookup_duration_seconds", "lookup_requests", "lookup_hops"):
            family = families[f"dwdht_{name}"]
            self.assertEqual(family.type, "histogram")
            [count] = [each.value for each in family.samples if each.name.endswith("_count")]
            self.assertGreater(count, 0)
        self.assertEqual(families["dwdht_store_values"].samples[0].value, 1)

    def test_metricsTellNodesApart(self) -> None:
        """The metrics have the version, the time since the start, and whether it is ephemeral."""
        self.serve()
        self.clock.runFor(100)
        text = self.ask("/metrics").body.decode()
        found = {
            sample.name: sample
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        self.assertEqual(found["dwdht_build_info"].labels, {"version": version("dwdht_twisted")})
        self.assertAlmostEqual(found["dwdht_uptime_seconds"].value, 100, places=0)
        self.assertEqual(found["dwdht_ephemeral"].value, 0)

    def test_promtoolHasNothingToSay(self) -> None:
        """``promtool check metrics`` of Prometheus finds no fault."""
        promtool = which("promtool")
        if promtool is None:
            raise SkipTest("promtool is not installed")
        self.serve()
        self.clock.runUntil(values.put(self.nodes[0], b"hello"))
        done = run(
            [promtool, "check", "metrics"], input=self.ask("/metrics").body, capture_output=True
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_eachCounterHasAMetric(self) -> None:
        """Each counter of a node is the source of exactly one metric."""
        used = [counter for metric in COUNTED for counter in metric.values.values()]
        self.assertCountEqual(used, Counters().asDict())


class PageTests(WebTestCase):
    """
    The page and its files.
    """

    def test_pageMayLoadOnlyFromHere(self) -> None:
        """The page comes with a policy that lets it load nothing from elsewhere."""
        self.serve()
        answer = self.ask("/")
        self.assertEqual(answer.status, 200)
        policy = answer.header("Content-Security-Policy") or ""
        self.assertTrue(policy.startswith("default-src 'none'; script-src 'self';"), policy)
        self.assertEqual(answer.header("X-Content-Type-Options"), "nosniff")

    def test_onlyFilesOfThePageAreServed(self) -> None:
        """A path that leaves the folder of the page, or names another file, is not found."""
        self.serve()
        for path in ("/page/..%2fserver.py", "/page/../server.py", "/page/__init__.py", "/nothing"):
            self.assertEqual(self.ask(path).status, 404, path)
