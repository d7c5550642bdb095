"""
The command ``dwdht status``, with a node that is served on a simulated host.
"""

from __future__ import annotations

import json
import os
import re
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from dwdht_twisted import values
from dwdht_twisted._cli.commands.status import ANSWER_TIMEOUT, INTERVAL
from dwdht_twisted._cli.console import Console
from dwdht_twisted._cli.drawing.screen import Screen
from dwdht_twisted._cli.drawing.style import Style
from dwdht_twisted._cli.program import run
from dwdht_twisted.web.bounds import MAXIMUM_STATUS_BYTES
from tests.cli.sessions import CommandLineTestCase, Result, parse
from tests.helpers.networks.web import PORT, SERVER, WebTestCase


class UsageTests(CommandLineTestCase):
    """
    The command line of ``dwdht status``.
    """

    def test_mistakesAreRefused(self) -> None:
        """Texts that are no URL of HTTP, and files that can't be read, are refused."""
        for text in ("ftp://host", "http://", "http://host:port", "http://ho st", "h\u00f6st:1"):
            self.assertRefused(f"{text!r} is not a URL", "status", text)
        for option in ("--token-file", "--ca"):
            self.assertRefused(f"{option}: cannot read '/no/file'", "status", option, "/no/file")

    def test_urlMayBeShort(self) -> None:
        """Without a scheme, the URL is one of HTTP; without a path, it is that of the status."""
        for given, url in (
            ((), "http://localhost:8080/status"),
            (("10.0.0.1:80",), "http://10.0.0.1:80/status"),
            (("https://name/",), "https://name/status"),
            (("http://name/node/status",), "http://name/node/status"),
        ):
            self.assertEqual(parse("status", *given).command["url"], url)


class StatusTestCase(WebTestCase):
    """
    A base for tests that run the command on the host of the server.
    """

    def start(self, *arguments: str, isTerminal: bool = False) -> Deferred[int]:
        """Start the command; its output is ``output`` and ``errors``."""
        self.output, self.errors = BytesIO(), BytesIO()
        console = Console(self.output, self.errors, isTerminal=isTerminal)
        options = parse("status", f"127.0.0.1:{PORT}", *arguments)
        return Deferred.fromCoroutine(run(self.host(SERVER), options, console))

    def attempt(self, *arguments: str, isTerminal: bool = False) -> Result:
        """Run the command to its end."""
        status = self.clock.runUntil(self.start(*arguments, isTerminal=isTerminal))
        return Result(status, self.output.getvalue(), self.errors.getvalue().decode())


class StatusTests(StatusTestCase):
    """
    The status of a node among eight.
    """

    def test_statusIsDrawn(self) -> None:
        """
        The status has the id, the health, the numbers, a mark for each contact, and the lookups.
        """
        self.serve()
        node = self.nodes[0]
        self.clock.runUntil(values.put(node, b"hello"))
        result = self.attempt()
        self.assertEqual(result.status, 0, result.errors)
        lines = result.lines
        self.assertEqual(lines[0], f"node {node.id.hex()}")
        self.assertIn("online: 7 contacts", lines[2])
        text = "\n".join(lines)
        self.assertRegex(text, r"contacts +7, none late")
        self.assertRegex(text, r"store +1 value, \d+ B of ")
        self.assertEqual(text.partition("heard within")[0].count("●"), 7 + 2)
        self.assertIn(values.keyOf(b"hello").hex()[:16], text)

    def test_unknownSizeIsSaid(self) -> None:
        """A size of 0 is said to be unknown, and another one is shown."""
        self.serve()
        status = json.loads(self.attempt("--json").output)
        for size, text in ((0, "size not known yet"), (1234, "about 1,234 nodes")):
            lines = Screen(Style.of(Console(BytesIO()))).lines({**status, "networkSize": size})
            self.assertIn(f"network {text}", [re.sub(" +", " ", line) for line in lines])

    def test_jsonIsTheStatus(self) -> None:
        """With --json, the status is one object on a line."""
        self.serve()
        [line] = self.attempt("--json").lines
        self.assertEqual(json.loads(line)["id"], self.nodes[0].id.hex())

    def test_everyLineFitsTheTerminal(self) -> None:
        """On terminals of 30 to 200 columns, no line is longer, and the state has a colour."""
        self.serve()
        self.clock.runUntil(values.put(self.nodes[0], b"hello"))
        for columns in (30, 60, 80, 200):
            self.patch(os, "environ", {"TERM": "xterm", "COLUMNS": str(columns), "LINES": "50"})
            lines = self.attempt(isTerminal=True).lines
            self.assertIn("\x1b[32m", lines[2])
            for line in lines:
                self.assertLessEqual(len(re.sub("\x1b\\[[0-9]*m", "", line)), columns)

    def test_watchShowsRates(self) -> None:
        """With --watch, the status is drawn again over the former one, with rates."""
        self.serve()
        self.patch(os, "environ", {"TERM": "xterm", "COLUMNS": "100", "LINES": "50"})
        done = self.start("--watch", isTerminal=True)
        self.clock.runFor(INTERVAL / 2)
        self.clock.runUntil(values.put(self.nodes[0], b"hello"))
        self.clock.runFor(3 * INTERVAL)
        drawn = self.output.getvalue().decode()
        self.assertGreaterEqual(drawn.count("\x1b[H"), 3)
        self.assertEqual(drawn.count("\x1b[2J"), 1)
        self.assertRegex(drawn, r"requests +[\d.]+  .*[▁-█]")
        done.cancel()
        self.assertEqual(self.clock.runUntil(done), 0)

    def test_watchFitsTheTerminal(self) -> None:
        """With --watch on a low terminal, nothing scrolls: the first lines are drawn."""
        self.serve()
        self.patch(os, "environ", {"TERM": "xterm", "COLUMNS": "80", "LINES": "6"})
        done = self.start("--watch", isTerminal=True)
        self.clock.runFor(3 * INTERVAL)
        done.cancel()
        self.clock.runUntil(done)
        for drawn in self.output.getvalue().decode().split("\x1b[H")[1:]:
            self.assertEqual(drawn.count("\n"), 5)
            self.assertIn("online", drawn)

    def test_watchWithoutTerminalHasNoControlSequences(self) -> None:
        """With --watch into a file, one status follows the other, without control sequences."""
        self.serve()
        done = self.start("--watch")
        self.clock.runFor(3 * INTERVAL)
        done.cancel()
        self.clock.runUntil(done)
        text = self.output.getvalue().decode()
        self.assertGreaterEqual(text.count("node "), 3)
        self.assertNotIn("\x1b", text)


class Canned(Resource):
    """
    A resource that gives any answer.

    :ivar token: the header with which it was asked
    """

    isLeaf = True

    def __init__(self, body: bytes, code: int = 200) -> None:
        super().__init__()
        self.body = body
        self.code = code
        self.token: str | None = None

    def render_GET(self, request: Request) -> bytes:
        """Give the answer."""
        self.token = request.getHeader("authorization")
        request.setResponseCode(self.code)
        return self.body


class Ending(Protocol):
    """A server of HTTP/1.0, whose answer has no length, and ends with the connection."""

    transport: Any

    def dataReceived(self, data: bytes) -> None:
        """Give the answer."""
        self.transport.write(b'HTTP/1.0 200 OK\r\n\r\n{"a":1}')
        self.transport.loseConnection()


class OtherServerTests(StatusTestCase):
    """
    Servers that are no node, or a hostile one.
    """

    def listen(self, body: bytes, code: int = 200) -> Canned:
        """Answer each request with a body."""
        resource = Canned(body, code)
        port = self.host(SERVER).listenTCP(PORT, Site(resource, timeout=None))

        def stop() -> None:
            stopped = port.stopListening()
            assert stopped is not None
            self.clock.runUntil(stopped)

        self.addCleanup(stop)
        return resource

    def assertFails(self, reason: str) -> None:
        """Require one line with a reason."""
        result = self.attempt()
        self.assertEqual(result.status, 1)
        line = f"dwdht status: http://127.0.0.1:{PORT}/status: {reason}"
        self.assertEqual(result.errors.splitlines(), [line])

    def test_otherAnswersAreRefused(self) -> None:
        """Answers that are no status fail the command with one line."""
        node: dict[str, Any] = {"id": "zz", "counters": {}, "uptime": 1}
        for body in (b"hello", b"[]", b"{}", json.dumps(node).encode(), b'{"uptime":[]}'):
            resource = self.listen(body)
            self.assertFails("the answer is not the status of a node")
            del resource
            self.doCleanups()
            self.setUp()

    def test_deepAnswerIsRefused(self) -> None:
        """An answer that is nested too deeply to be read fails the command with one line."""
        self.listen(b"[" * 100_000)
        self.assertFails("the answer is not the status of a node")

    def test_jsonMayHaveAnyField(self) -> None:
        """With --json, an object of any fields is printed."""
        self.listen(b'{"self":1}')
        result = self.attempt("--json")
        self.assertEqual((result.status, result.errors), (0, ""))
        self.assertEqual(json.loads(result.output), {"self": 1})

    def test_answerMayEndWithItsConnection(self) -> None:
        """An answer without a length is read to the end of its connection."""
        ending = Ending()
        self.host(SERVER).listenTCP(PORT, Factory.forProtocol(lambda: ending))
        result = self.attempt("--json")
        self.assertEqual((result.status, result.errors), (0, ""))
        self.assertEqual(json.loads(result.output), {"a": 1})

    def test_hangingServerFails(self) -> None:
        """A server that takes the request and never answers is given up after 30 seconds."""
        self.host(SERVER).listenTCP(PORT, Factory.forProtocol(Protocol))
        done = self.start()
        self.clock.runFor(ANSWER_TIMEOUT + 1)
        self.assertEqual(self.clock.runUntil(done, limit=1), 1)
        self.assertEqual(self.errors.getvalue(), b"dwdht status: gave up after 30 seconds\n")

    def test_errorsAreTold(self) -> None:
        """An error of the server is told with its number."""
        self.listen(b"", 503)
        self.assertFails("the server answers 503")

    def test_endlessAnswerIsRefused(self) -> None:
        """An answer that is larger than any status is not read to its end."""
        self.listen(b" " * (MAXIMUM_STATUS_BYTES + 1))
        self.assertFails(f"the answer has more than {MAXIMUM_STATUS_BYTES} bytes")

    def test_endlessHeadersAreRefused(self) -> None:
        """An answer whose headers are larger than any status is not read to its end."""

        class Endless(Protocol):
            transport: Any

            def dataReceived(self, data: bytes) -> None:
                # Each header has a length that is taken.
                line = b"X: " + bytes(1000).replace(b"\0", b"x") + b"\r\n"
                self.transport.write(b"HTTP/1.1 200 OK\r\n")
                for _ in range(MAXIMUM_STATUS_BYTES // 1000 + 1):
                    self.transport.write(line)

        self.host(SERVER).listenTCP(PORT, Factory.forProtocol(Endless))
        self.assertFails(f"the answer has more than {MAXIMUM_STATUS_BYTES} bytes")

    def test_silentServerFails(self) -> None:
        """A port on which nobody listens fails the command."""
        result = self.attempt()
        self.assertEqual(result.status, 1)
        self.assertRegex(result.errors, r"^dwdht status: http://.*refused.*\n$")

    def test_tokenIsSent(self) -> None:
        """The text of --token-file is sent as a bearer token."""
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("a token of the server\n")
        resource = self.listen(b"{}")
        self.attempt("--token-file", path)
        self.assertEqual(resource.token, "Bearer a token of the server")

    def test_contactsAreMarked(self) -> None:
        """Late contacts, and those that were not heard lately, have marks of their own."""
        self.serve(f"tcp:{PORT + 1}")
        status = self.clock.runUntil(self.statusOfNode())
        table = status["table"]
        for entry in table[:3]:
            entry["isLate"] = True
        for entry in table[3:5]:
            entry["silence"] = 61.0
        self.listen(json.dumps(status).encode())
        text = self.attempt().output.decode()
        self.assertIn("7, 3 late", text)
        drawn = text.partition("contacts by distance")[2].partition("heard within")[0]
        self.assertEqual([drawn.count(mark) for mark in "x○●"], [3, 2, 2 + 1])

    def test_textsOfTheServerAreEscaped(self) -> None:
        """Control characters in the texts of a server don't reach the terminal."""
        self.serve(f"tcp:{PORT + 1}")
        status = self.clock.runUntil(self.statusOfNode())
        status["health"] = {"state": "on\x1b[2J", "reason": "\x07bell"}
        status["lookups"] = [
            {"target": "00", "nodes": [], "isOver": True, "seconds": 1, "reason": "\x1b[H"}
        ]
        self.listen(json.dumps(status).encode())
        result = self.attempt()
        self.assertEqual(result.status, 0, result.errors)
        self.assertNotIn(b"\x1b", result.output)
        self.assertNotIn(b"\x07", result.output)

    async def _status(self) -> dict[str, Any]:
        from dwdht_twisted._cli.commands.fetching import StatusFetcher

        url = f"http://127.0.0.1:{PORT + 1}/status"
        fetcher = StatusFetcher(self.host(SERVER), url, token=None, authorities=None)
        found = await fetcher.fetch()
        await fetcher.close()
        return found

    def statusOfNode(self) -> Deferred[dict[str, Any]]:
        """Fetch the status of the node that is served."""
        return Deferred.fromCoroutine(self._status())
