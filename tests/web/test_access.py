"""
Tests for the requests that are refused: writes without a proof, and those of foreign pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import CannotListen, values
from dwdht_twisted.web.access import Access
from dwdht_twisted.web.connections.endpoint import openingOf
from dwdht_twisted.web.settings import HTTPSettings
from tests.helpers.networks.web import CLIENT, PORT, SERVER, WebTestCase
from tests.helpers.processes.pipes import pipe

VALUE = b"hello"

#: The path of the value.
PATH = f"/values/{values.keyOf(VALUE).hex()}"

#: Each operation that writes: its method, its path and a body.
WRITES = (
    ("PUT", PATH, VALUE),
    ("PUT", f"/records/{'00' * 32}", b"{}"),
    ("POST", "/peers/music", b'{"port": 1}'),
)

TOKEN = "correct horse battery"

#: The name of the server on the network, for a client on another host.
REMOTE = f"{SERVER}:{PORT}"


class WritingTests(WebTestCase):
    """
    Who may write.
    """

    def tokenFile(self) -> str:
        """Return a file with a token."""
        path = str(self.mktemp())
        Path(path).write_text(f"{TOKEN}\n")
        return path

    def test_withoutCredentialsTheServerListensOnLoopback(self) -> None:
        """With neither token nor client CA, only the own host can connect, and it may write."""
        self.serve()
        self.assertEqual(self.server.address.host, "127.0.0.1")
        self.assertEqual(self.ask(PATH, method="PUT", body=VALUE).status, 200)
        self.assertEqual(self.ask("/status").json["writing"], "nothing")

    def test_openInterfaceRefusesWrites(self) -> None:
        """
        With neither token nor client CA, a server that other hosts reach refuses each write, of its
        own host too, and says so.
        """
        with capturedLogs() as events:
            self.serve(f"tcp:{PORT}:interface=0.0.0.0")
        self.assertIn("writes are refused", "".join(map(formatEvent, events)))
        for host, to in ((CLIENT, REMOTE), (SERVER, f"127.0.0.1:{PORT}")):
            for method, path, body in WRITES:
                answer = self.ask(path, method=method, body=body, host=host, to=to)
                self.assertEqual(answer.status, 403, path)
        self.assertEqual(self.ask("/status", host=CLIENT, to=REMOTE).status, 200)

    def test_writeNeedsTheToken(self) -> None:
        """With a token, each write without it is refused, on the own host too."""
        self.serve(tokenFile=self.tokenFile())
        for given in (None, "Bearer wrong", f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x"):
            headers: dict[str, str] = {} if given is None else {"Authorization": given}
            for method, path, body in WRITES:
                answer = self.ask(path, method=method, body=body, **headers)
                self.assertEqual(
                    (answer.status, answer.header("WWW-Authenticate")), (401, "Bearer")
                )
        right = f"Bearer {TOKEN}"
        answer = self.ask(
            PATH, method="PUT", body=VALUE, host=CLIENT, to=REMOTE, Authorization=right
        )
        self.assertEqual(answer.status, 200)

    def test_tokenIsReadAgain(self) -> None:
        """After a reload, the new token counts. A file that is too short changes nothing."""
        path = self.tokenFile()
        self.serve(tokenFile=path)
        for text, isRead in (("another text of the same kind", True), ("short", False)):
            Path(path).write_text(text)
            self.assertEqual(self.server.reload(), isRead)
            answer = self.ask(PATH, method="PUT", body=VALUE, Authorization=f"Bearer {text}")
            self.assertEqual(answer.status, 200 if isRead else 401)

    def test_forwardedWriteIsRefused(self) -> None:
        """Without credentials, a proxy on the same host can't write for its clients."""
        self.serve()
        for name in ("Forwarded", "X_Forwarded_For", "Via"):
            headers: Any = {name: "for=192.0.2.1"}
            for method, path, body in WRITES:
                answer = self.ask(path, method=method, body=body, **headers)
                self.assertEqual(answer.status, 403, name)
            self.assertEqual(self.ask("/status", **headers).status, 200)

    def test_proxyIsNotTheOwnMachine(self) -> None:
        """Behind a proxy that speaks the PROXY protocol, writes on loopback are refused, too."""
        self.serve(f"haproxy:tcp:{PORT}:interface=127.0.0.1")
        line = self.connect()
        line.transport.write(
            b"PROXY TCP4 192.0.2.1 127.0.0.1 4444 80\r\n"
            b"POST /peers/music HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n"
            b'{"port": 1}'
        )
        self.clock.runFor(5)
        self.assertTrue(line.received.startswith(b"HTTP/1.1 403 "), line.received)

    def test_malformedHeaderOfProxyIsNotLogged(self) -> None:
        """A connection with a malformed PROXY header is closed, and nothing is logged."""
        self.serve(f"haproxy:tcp:{PORT}:interface=127.0.0.1")
        for header in (b"TCP4 a b c d", b"TCP4 1.1.1.1 1.1.1.1 1 x", b"TCP4 \xff \xff 1 1", b"x"):
            line = self.connect()
            line.transport.write(b"PROXY " + header + b"\r\n")
            self.clock.runFor(1)
            self.assertEqual((line.received, line.reason is None), (b"", False), header)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_badTokenFileIsRefused(self) -> None:
        """A token that is short or has several lines, and a missing file, are refused in a line."""
        path = self.mktemp()
        for text in (None, "", "x" * 15, f"{TOKEN}\nof two lines", f"{TOKEN}\0"):
            if text is not None:
                Path(path).write_text(text)
            with self.assertRaises(CannotListen) as raised:
                Access(HTTPSettings("tcp:80", tokenFile=path))
            self.assertNotIn("\n", str(raised.exception))
            self.assertNotIn("_parse", str(raised.exception))

    def test_pipeAsTokenFileIsRefused(self) -> None:
        """A pipe or a device in place of the file of the token is refused, and not waited for."""
        path = self.mktemp()
        with pipe(path, TOKEN.encode()):
            for name in (path, "/dev/null"):
                with self.assertRaisesRegex(CannotListen, "is not a regular file"):
                    Access(HTTPSettings("tcp:80", tokenFile=name))


class ForeignPageTests(WebTestCase):
    """
    Requests that a browser sends for the page of somebody else.
    """

    def setUp(self) -> None:
        super().setUp()
        self.serve(hosts=("dht.example",))

    def test_reboundNameIsRefused(self) -> None:
        """A request for a name that isn't the server's is refused, whatever it asks for."""
        for name in (
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
        ):
            for path in ("/", "/status", "/metrics", PATH):
                self.assertEqual(self.ask(path, Host=name).status, 421, name)
            answer = self.ask(PATH, method="PUT", body=VALUE, Host=name, Origin=f"http://{name}")
            self.assertEqual(answer.status, 421, name)

    def test_ownNamesAreServed(self) -> None:
        """IP addresses, localhost and the names that the operator has given are served."""
        for name in ("127.0.0.1", "[::1]:8080", "localhost:8080", "dht.example", "DHT.example.:80"):
            self.assertEqual(self.ask("/healthz", Host=name).status, 200, name)

    def test_pageOfAnotherOriginCannotWrite(self) -> None:
        """A request of a page from another origin is refused, a simple one too."""
        for origin in ("http://evil.example", "null", f"http://127.0.0.1:{PORT + 1}"):
            for method, path, body in WRITES:
                answer = self.ask(path, method=method, body=body, Origin=origin)
                self.assertEqual(answer.status, 403, origin)
        answer = self.ask(PATH, method="PUT", body=VALUE, Origin=f"http://127.0.0.1:{PORT}")
        self.assertEqual(answer.status, 200)

    def test_otherSiteCausesNoLookup(self) -> None:
        """A picture, form or frame of another site is refused; a link to the page is followed."""
        site = "cross-site"
        self.assertEqual(self.ask(PATH, Sec_Fetch_Mode="no-cors", Sec_Fetch_Site=site).status, 403)
        for place, status in (("iframe", 403), ("embed", 403), ("document", 200)):
            answer = self.ask(
                "/", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest=place, Sec_Fetch_Site=site
            )
            self.assertEqual(answer.status, status, place)
        self.assertEqual(self.ask("/", Sec_Fetch_Mode="navigate", Sec_Fetch_Site=site).status, 200)
        answer = self.ask(
            PATH, method="PUT", body=VALUE, Sec_Fetch_Mode="navigate", Sec_Fetch_Site=site
        )
        self.assertEqual(answer.status, 403)

    def test_noPageReadsAnAnswer(self) -> None:
        """No answer allows pages of other origins to read it."""
        for path in ("/", "/status", "/metrics", "/openapi.json"):
            headers = self.ask(path).headers
            self.assertFalse(headers.hasHeader("Access-Control-Allow-Origin"))
            self.assertEqual(headers.getRawHeaders("Cross-Origin-Resource-Policy"), ["same-origin"])


class HeaderTests(WebTestCase):
    """
    Headers that aren't text.
    """

    def send(self, method: bytes, path: bytes, *headers: bytes) -> bytes:
        """Send a request as it is, and return the status of the answer."""
        line = self.connect()
        head = (method + b" " + path + b" HTTP/1.1", *headers, b"Content-Length: 0")
        line.transport.write(b"\r\n".join((*head, b"", b"")))
        self.clock.runFor(2)
        return line.received[9:12]

    def test_headersOfAnyBytesAreAnswered(self) -> None:
        """A header that isn't UTF-8 matches nothing, and writes no error to the log."""
        path = self.mktemp()
        Path(path).write_bytes(b"\xfe" * 16)
        self.serve(tokenFile=path)
        own = b"Host: localhost"
        for name, status in ((b"Origin", b"403"), (b"Sec-Fetch-Site", b"200"), (b"Via", b"200")):
            self.assertEqual(self.send(b"GET", b"/healthz", own, name + b": \xff"), status, name)
        self.assertEqual(
            self.send(b"GET", b"/", own, b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: \xff"),
            b"403",
        )
        for host in (b"\xff", b"localhost\xff", b"[\xff]"):
            self.assertEqual(self.send(b"GET", b"/healthz", b"Host: " + host), b"421")
        for token, status in ((b"\xff", b"401"), (b"\xfe" * 16, b"400")):
            written = self.send(b"PUT", b"/values/00", own, b"Authorization: Bearer " + token)
            self.assertEqual(written, status)
        self.assertEqual(self.flushLoggedErrors(), [])


class EndpointTests(SynchronousTestCase):
    """
    The descriptions of endpoints.
    """

    def test_badDescriptionIsRefused(self) -> None:
        """A description that no endpoint has is refused in one line that shows it."""
        wrong = ("", "nonsense", "tcp", "tcp:port", "tcp:99999", "tcp:port=99999", "tcp:1:2:3:4:5")
        for text in (*wrong, "ssl:1", "ssl:443", "gopher:70", "dht:x"):
            with self.assertRaises(CannotListen) as raised:
                openingOf(None, HTTPSettings(text))
            self.assertNotIn("\n", str(raised.exception))

    def test_clientCertificateNeedsTLS(self) -> None:
        """A client CA without an ssl: endpoint is refused."""
        self.assertRaises(CannotListen, openingOf, None, HTTPSettings("tcp:80", clientCA="ca.pem"))

    def test_interfaceThatIsGivenStays(self) -> None:
        """Only a description without an interface is confined to loopback."""
        for text, isConfined in (
            ("tcp:80", True),
            ("tcp6:80", True),
            ("tcp:80:interface=10.0.0.1", False),
            (r"unix:/run/dwdht\:http", False),
        ):
            self.assertEqual(openingOf(None, HTTPSettings(text)).isConfined, isConfined, text)
