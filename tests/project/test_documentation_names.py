"""
The names in the documents: log events of the source, and the calls of the API that users come from.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from inspect import getmembers
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface

import dwdht_twisted
from dwdht_twisted import DHTNode, IDHTNode, IQueryStream, QueryStream
from dwdht_twisted.interfaces import Reply, Request
from tests.helpers.processes.documents import COMING, OPERATIONS, Document
from tests.helpers.processes.programs import ROOT

SOURCE = ROOT / "src" / "dwdht_twisted"

#: The methods of a logger.
LEVELS = {"debug", "info", "warn", "error", "critical", "failure"}

#: Each call, option, field and event in the API reference of ``@dwdht/rpc`` 0.1.4.
REFERENCE = {
    "Node": (
        *("var node = dht([options])", "option id: nodeId", "option ephemeral: false"),
        *("option bootstrap: ['host:port']", "option socket: udpSocket", "node.listen(10001)"),
        *("node.ready(callback)", "node.bootstrap([callback])", "node.destroy()"),
        "node.holepunch(peer, referrer, callback)",
    ),
    "Queries": (
        "var stream = node.query(query, [options], [callback])",
        "var stream = node.update(query, [options], [callback])",
        *("field command of a query", "field target", "field value"),
        *("option nodes: [{host, port}]", "option holepunching: true"),
        *("option query: true of an update", "a callback with all results"),
        *("event data", "event end", "event error", "stream.destroy()"),
        "backpressure of the stream",
    ),
    "Handlers": (
        "event query:{command}, with (data, callback)",
        "event update:{command}, with (data, callback)",
        *("data.command, data.target, data.value", "data.node, with host, port and id"),
        *("callback(null, value)", "callback(err)"),
    ),
}


def logFormats() -> Iterator[tuple[Path, str]]:
    """Return each log event that the package has as a text, with its file, without `testing`."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.is_relative_to(SOURCE / "testing"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and ast.unparse(node.func.value).lower().endswith("log")
                and isinstance(node.args[0], ast.Constant)
            ):
                yield path, str(node.args[0].value)


class LogTests(SynchronousTestCase):
    """
    The events in the log.
    """

    def test_eachEventIsExplained(self) -> None:
        """Each event that the source logs is in the operations guide."""
        text = re.sub(r"\s+", " ", OPERATIONS.read_text())
        found = list(logFormats())
        self.assertGreater(len(found), 25)
        for path, format in found:
            longest = max(re.split(r"\{[^}]*\}", format), key=len).strip(" ,:;")
            self.assertIn(longest, text, f"{path} logs {format!r}")


class ComingTests(SynchronousTestCase):
    """
    The page for users of ``@dwdht/rpc``.
    """

    def test_eachCallOfTheReferenceIsThere(self) -> None:
        """The page has each call, option, field and event of the reference."""
        document = Document(COMING)
        told = [
            cell
            for title in ("The node", "Queries and updates", "Handlers")
            for cell in document.firstColumns(title)
        ]
        self.assertEqual(sorted(told), sorted(name for part in REFERENCE.values() for name in part))

    def test_eachNameOfThePackageExists(self) -> None:
        """Each attribute of a node, a stream, a reply and a request on the page exists."""
        text = COMING.read_text().partition("The example of the reference")[0]
        kinds: dict[str, tuple[type, type[Interface] | None]] = {
            "node": (DHTNode, IDHTNode),
            "stream": (QueryStream, IQueryStream),
            "reply": (Reply, None),
            "request": (Request, None),
        }
        count = 0
        for owner, attribute in re.findall(r"\b(node|stream|reply|request)\.(\w+)", text):
            kind, interface = kinds[owner]
            names = {name for name, _ in getmembers(kind)} | set(interface or ())
            # The reference has a stream.destroy().
            if (owner, attribute) != ("stream", "destroy"):
                self.assertIn(attribute, names, owner)
                count += 1
        self.assertGreater(count, 20)
        for name in re.findall(r"``([A-Z]\w+)``", text):
            if name not in ("Buffer", "EventEmitter", "IConsumer"):
                self.assertTrue(hasattr(dwdht_twisted, name), name)
