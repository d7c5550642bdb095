"""
Tests for the bytes that a client may send in place of a request.
"""

from __future__ import annotations

from random import Random

from twisted.logger import LogLevel, capturedLogs

from tests.helpers.networks.web import Line, WebTestCase

#: The requests that are made for each way of changing them.
REQUESTS = 1500

#: Parts of requests, of which some are wrong.
METHODS = (b"GET", b"GET", b"PUT", b"POST", b"HEAD", b"OPTIONS", b"TRACE", b"get", b"G\xffT", b"")
PATHS = (
    *(b"/", b"/status", b"/healthz", b"/values/%b" % (b"0" * 64), b"/peers/x", b"/peers/%ff", b"*"),
    *(b"//", b"/peers/\xff", b"foo", b"http://evil/", b"http://[::1", b"/%00", b"/%", b"?", b""),
    *(b"/page/%2e%2e%2fa", b"/records/%b?salt=%%ff&newerThan=-" % (b"0" * 64), b"/status?a=;&"),
    *(b"/status?" + b"a&" * 999, b"/peers/" + b"a" * 20_000, b"/peers/%ED%A0%80"),
)
VERSIONS = (*(b"HTTP/1.1",) * 8, b"HTTP/1.0", b"HTTP/\xff", b"HTTP/9", b"")
HOSTS = (
    *(b"localhost",) * 5,
    *(b"127.0.0.1:\xff", b"127.0.0.1:99999", b"127.0.0.1:", b"127.0.0.1:\xd9\xa1", b"[::1]:x"),
    *(b".localhost", b"a..localhost", b"a" * 64 + b".localhost", b"a." * 200 + b"localhost", b""),
    *(b"\xff.localhost", b"[::1", b"[::1%\xff]", b"[::1%a]", b"::1", b"a:b@localhost", b"evil"),
    *(
        b"localhost/..",
        b"localhost\x00",
        b"xn--a.localhost",
        b"%61.localhost",
        b"localhost..",
        b".",
    ),
)
HEADERS = (
    *(b"Content-Length: 3", b"Content-Length: -1", b"Content-Length: " + b"9" * 5000),
    *(b"Content-Length: \xb2", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip"),
    *(b"Expect: 100-continue", b"Connection: close", b"Connection: \xff", b"Origin: \xff", b": a"),
    *(b"Authorization: \xff", b"Cookie: ;=;\xff", b"If-None-Match: \xff", b"Range: \xff", b" fold"),
    *(
        b"Accept-Encoding: \xff",
        b"If-Modified-Since: \xff",
        b"\xff: a",
        b"a b: c",
        b"X: \x00",
        b"x",
    ),
    b"Sec-Fetch-Site: \xff",
)
TYPES = (
    b"multipart/form-data; boundary=x",
    *(b"multipart/form-data", b"multipart/form-data; boundary=\xff", b"multipart/form-data; a"),
    *(b"multipart/form-data; boundary*=nope''x", b"application/x-www-form-urlencoded", b"\xff;"),
)
PARTS = (
    *(b"name=a", b"name*=nope''a", b"name*0*=nope''a", b"name=\xff", b"name*=utf-8''%ff", b"name"),
    *(
        b"name=a\r\nContent-Transfer-Encoding: x-uuencode",
        b"name=a\r\nContent-Type: message/rfc822",
    ),
    *(b"name=a\r\nContent-Transfer-Encoding: base64", b"name=a\r\nContent-Type: multipart/mixed"),
)
CHUNKS = (
    b"3\r\nabc\r\n0\r\n\r\n",
    b"zz\r\n",
    b"-1\r\n",
    b"3;\x00\r\nabc",
    b"0\r\na: b\r\n\r\n",
    b"_\r\n",
)


class BytesTests(WebTestCase):
    """
    Requests that are drawn from a seed.
    """

    def setUp(self) -> None:
        super().setUp()
        self.serve()

    def request(self, random: Random) -> bytes:
        """Draw a request."""
        pick = random.choice
        lines = [b" ".join((pick(METHODS), pick(PATHS), pick(VERSIONS)))]
        lines += [b"Host: " + pick(HOSTS)] * pick((0, 1, 1, 1, 1, 1, 1, 1, 1, 2))
        lines += random.sample(HEADERS, pick((0, 0, 0, 1, 2)))
        if random.random() < 0.6:
            return b"\r\n".join((*lines, b"", pick((*CHUNKS, b"abc", bytes(9), b"", b""))))
        part = b"--x\r\nContent-Disposition: form-data; %b\r\n\r\nv\r\n--x--\r\n" % pick(PARTS)
        lines[0] = b"POST " + lines[0].partition(b" ")[2]
        lines += [b"Content-Type: " + pick(TYPES), b"Content-Length: %d" % len(part)]
        return b"\r\n".join((*lines, b"", part))

    def changed(self, random: Random, request: bytes) -> bytes:
        """Change some bytes of a request."""
        found = bytearray(request)
        for _ in range(random.choice((0, 0, 1, 2, 5))):
            place = random.randrange(len(found))
            size = random.choice((0, 1, 1, 4))
            found[place : place + size] = random.randbytes(random.choice((0, 1, 1, 4)))
        return bytes(found)

    def assertHandled(self, lines: list[tuple[bytes, Line]]) -> None:
        """Require an answer, or a connection that is closed, for each request, and no traceback."""
        with capturedLogs() as events:
            for request, line in lines:
                line.transport.write(request)
            self.clock.runFor(3)
            # A request that was not complete is ended by the deadline.
            for _, line in lines:
                if not line.received and line.reason is None:
                    line.transport.write(b"\r\n\r\n")
            self.clock.runFor(25)
        for event in events:
            self.assertNotIn("log_failure", event)
            self.assertLess(event["log_level"], LogLevel.warn)
        for request, line in lines:
            isAnswered = line.received.startswith(b"HTTP/1.")
            self.assertTrue(isAnswered or line.reason is not None, request)
            self.assertNotIn(b" 500 ", line.received[:20], request)
            line.transport.abortConnection()
        self.clock.runFor(1)

    def test_anyBytesAreHandled(self) -> None:
        """Each of 3,000 requests is answered or closed, and none writes a traceback to the log."""
        for isChanged in (False, True):
            random = Random(5)
            for _ in range(REQUESTS // 100):
                lines = []
                for _ in range(100):
                    request = self.request(random)
                    if isChanged:
                        request = self.changed(random, request)
                    lines.append((request, self.connect()))
                self.assertHandled(lines)

    def test_hostIsCheckedWhole(self) -> None:
        """A Host header with a wrong port, or a name that no host can have, is refused."""
        wrong = (
            *(
                b"127.0.0.1:\xff",
                b"127.0.0.1:99999",
                b"[::1]:x",
                b"[::1",
                b".localhost",
                b"a..localhost",
            ),
            *(b"a" * 64 + b".localhost", b"a." * 200 + b"localhost", b"%61.localhost", b"[::1]a"),
        )
        right = (b"a.localhost", b"127.0.0.1:", b"[::1%eth0]:80", b"LOCALHOST.:1", b"a_b.localhost")
        for host in (*wrong, *right):
            line = self.connect()
            line.transport.write(b"GET /healthz HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            self.clock.runFor(1)
            self.assertEqual(line.received[9:12], b"400" if host in wrong else b"200", host)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_failureIsLoggedOnce(self) -> None:
        """An exception on the way to an operation is logged once, and each request is answered."""
        site = self.server._site
        self.patch(site, "getResourceFor", lambda request: 1 // 0)
        for _ in range(3):
            line = self.connect()
            line.transport.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.clock.runFor(1)
            self.assertIn(b" 500 ", line.received[:20])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
