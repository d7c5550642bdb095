"""
Tests for the page of the manual on HTTP: its commands run, and its tables are complete.
"""

from __future__ import annotations

from shutil import which

from dwdht_twisted import DHTNode, StoreUsage
from dwdht_twisted.web.subject import Subject
from dwdht_twisted.web.views.metrics import NodeCollector
from tests.helpers.networks.web import WebTestCase
from tests.helpers.processes.documents import HTTP, Document
from tests.helpers.processes.programs import ProgramTestCase, freePort


class TableTests(WebTestCase):
    """
    The tables of the page.
    """

    def rowsWith(self, start: str) -> list[str]:
        """Return the first columns of the tables whose text starts with this."""
        titles = ("What is served", "Metrics")
        rows = [row for title in titles for row in Document(HTTP).firstColumns(title)]
        return [row for row in rows if row.startswith(start)]

    def test_eachMetricIsExplained(self) -> None:
        """The table of metrics lists exactly those that are served."""
        subject = Subject(self.nodes[0], self.store, self.keeper)
        served = {
            family.name + ("_total" if family.type == "counter" else "")
            for family in NodeCollector(subject, StoreUsage(1, 2, 3, 4), uptime=5).collect()
        }
        # It is missing as long as nobody has tested it.
        self.assertEqual(set(self.rowsWith("dwdht_")), served | {"dwdht_reachable"})

    def test_eachOperationIsExplained(self) -> None:
        """The table of paths lists exactly the operations of the OpenAPI document."""
        self.serve()
        paths = self.ask("/openapi.json").json["paths"]
        told = set(self.rowsWith("GET ") + self.rowsWith("PUT ") + self.rowsWith("POST "))
        known = {f"{method.upper()} {path}" for path in paths for method in paths[path]}
        self.assertEqual(told, known)


class CommandTests(ProgramTestCase):
    """
    The commands of the page.
    """

    if which("curl") is None:
        skip = "curl is not installed"

    async def test_commandsStoreAndFindAValue(self) -> None:
        """The commands store a value over HTTP, find it, and print the metrics."""
        document, port = Document(HTTP), str(freePort())
        others = [DHTNode(self.reactor, ephemeral=True)]
        others[0].listen(0, "127.0.0.1")
        self.addCleanup(others[0].destroy)
        address = others[0].address()
        line = document.block("serve").text.strip().replace("8080", port)
        node = self.start(
            "sh", "-c", f"exec {line} --bootstrap {address} --store memory --member 2>&1"
        )
        await node.says(" the network")
        use = document.block("use").text.replace("8080", port)
        done = await self.finish("sh", "-c", f"set -e\n{use}")
        self.assertEqual((done.exitCode, done.errorText), (0, ""))
        self.assertIn('"state":"online"', done.text)
        self.assertIn("}\nhello# HELP dwdht_datagrams_received_total", done.text)
