"""
Tests for the REST API: values, records, peers and lookups.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dwdht_twisted import peers, values
from dwdht_twisted.values.signed.signing import publicKeyOf, signed
from dwdht_twisted.web.bounds import MAXIMUM_BODY_BYTES, MAXIMUM_HTTP_QUERIES
from tests.helpers.networks.web import SERVER, Answer, WebTestCase

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


class ApiTestCase(WebTestCase):
    """
    A base for tests of the API, on the host of the node.
    """

    def setUp(self) -> None:
        super().setUp()
        self.serve()


class ValueTests(ApiTestCase):
    """
    ``/values/{key}``.
    """

    def test_putValueIsFound(self) -> None:
        """A value that was put is found over HTTP and by another node, as it is."""
        for value in (b"hello", b"", bytes(range(256)), b"<script>alert(1)</script>", b"x" * 1000):
            key = values.keyOf(value)
            answer = self.ask(f"/values/{key.hex()}", method="PUT", body=value)
            self.assertEqual((answer.status, answer.json), (200, {"key": key.hex()}))
            self.assertEqual(self.clock.runUntil(values.get(self.nodes[5], key)), value)
            answer = self.ask(f"/values/{key.hex()}")
            self.assertEqual((answer.status, answer.body), (200, value))

    def test_valueIsNeverAPage(self) -> None:
        """A value comes as bytes to be saved, and a browser may take it for nothing else."""
        value = b"<script>alert(1)</script>"
        self.clock.runUntil(values.put(self.nodes[3], value))
        answer = self.ask(f"/values/{values.keyOf(value).hex()}")
        self.assertEqual(answer.header("Content-Type"), "application/octet-stream")
        self.assertEqual(answer.header("Content-Disposition"), "attachment")
        self.assertEqual(answer.header("X-Content-Type-Options"), "nosniff")
        self.assertIn("default-src 'none'", answer.header("Content-Security-Policy") or "")

    def test_unknownValueIsNotFound(self) -> None:
        """A key under which no node has a value is not found."""
        self.assertEqual(self.ask(f"/values/{'00' * 32}").status, 404)

    def test_wrongKeyIsRefused(self) -> None:
        """A key that isn't one, or isn't that of the value, is refused."""
        for path in ("/values/xyz", f"/values/{'0' * 63}", "/values/%C3%A4"):
            self.assertEqual(self.ask(path).status, 400, path)
        answer = self.ask(f"/values/{'00' * 32}", method="PUT", body=b"hello")
        self.assertEqual(answer.status, 400)
        self.assertIn(values.keyOf(b"hello").hex(), answer.json["detail"])

    def test_largeBodyIsRefused(self) -> None:
        """A value of more than 1,000 bytes, and a body of more than is read, are refused."""
        for size in (1001, MAXIMUM_BODY_BYTES, MAXIMUM_BODY_BYTES + 1, 500_000):
            answer = self.ask(f"/values/{'00' * 32}", method="PUT", body=bytes(size))
            self.assertEqual(answer.status, 413, size)

    def test_cutOffNodeIsAGatewayTimeout(self) -> None:
        """A get while nobody answers ends with the status of a gateway that waited in vain."""
        for node in self.nodes[1:]:
            self.clock.runUntil(node.destroy())
        self.nodes[0].unregister(values.COMMAND)
        answer = self.ask(f"/values/{'00' * 32}")
        self.assertEqual((answer.status, answer.json["status"]), (504, 504))

    def test_queriesAreBounded(self) -> None:
        """While 32 queries of clients run, a further one is refused, and later it is served."""
        for node in self.nodes[1:]:
            self.clock.runUntil(node.destroy())
        for number in range(MAXIMUM_HTTP_QUERIES):
            line = self.connect()
            line.transport.write(b"GET /lookups/%064x HTTP/1.1\r\nHost: localhost\r\n\r\n" % number)
        self.clock.runFor(0.1)
        self.assertEqual(self.ask("/lookups/" + "00" * 32).status, 503)
        self.assertEqual(self.ask("/healthz").status, 200)
        self.clock.runFor(60)
        self.assertEqual(self.ask("/lookups/" + "00" * 32).status, 200)


class RecordTests(ApiTestCase):
    """
    ``/records/{publicKey}``.
    """

    path = f"/records/{publicKeyOf(KEY).hex()}"

    def publish(
        self, sequence: int, value: bytes = b"hello", changes: dict[str, Any] | None = None
    ) -> Answer:
        """Send a record that was signed elsewhere, with these changes of its fields."""
        record = signed(KEY, value, sequence)
        body = {
            "sequence": sequence,
            "value": b64encode(value).decode(),
            "signature": record.signature.hex(),
            **(changes or {}),
        }
        return self.ask(self.path, method="PUT", body=json.dumps(body).encode())

    def test_signedRecordIsFound(self) -> None:
        """A record that its owner has signed elsewhere is stored, and found."""
        self.assertEqual(self.publish(1).status, 200)
        self.assertEqual(self.publish(2, b"again", {"expected": 1}).status, 200)
        found = self.ask(self.path).json
        self.assertEqual((found["sequence"], found["value"]), (2, b64encode(b"again").decode()))
        record = self.clock.runUntil(values.resolve(self.nodes[4], publicKeyOf(KEY)))
        self.assertEqual(record.signature.hex(), found["signature"])
        self.assertEqual(self.ask(f"{self.path}?newerThan=1").status, 200)
        self.assertEqual(self.ask(f"{self.path}?newerThan=2").status, 404)

    def test_olderRecordIsAConflict(self) -> None:
        """An older record, and one that replaces another than the newest, are conflicts."""
        self.assertEqual(self.publish(5).status, 200)
        self.assertEqual(self.publish(4).status, 409)
        self.assertEqual(self.publish(6, changes={"expected": 3}).status, 409)

    def test_badRecordIsRefused(self) -> None:
        """A record with a wrong signature, or fields of another form, is refused."""
        for changes in (
            {"signature": "00" * 64},
            {"signature": "x"},
            {"signature": None},
            {"salt": 1},
            {"value": "*"},
            {"value": None},
            {"sequence": -1},
            {"sequence": True},
            {"sequence": 2**64},
            {"expected": "1"},
        ):
            self.assertEqual(self.publish(1, changes=changes).status, 400, changes)
        for body in (b"", b"[]", b"\xff", b"[" * 4000):
            self.assertEqual(self.ask(self.path, method="PUT", body=body).status, 400, body[:9])


class PeerTests(ApiTestCase):
    """
    ``/peers/{topic}``.
    """

    def test_announcedPeerIsFound(self) -> None:
        """A port that was announced is found over HTTP, one line of JSON for each peer."""
        answer = self.ask("/peers/music", method="POST", body=b'{"port": 4000}')
        self.assertEqual(answer.status, 200)
        self.assertGreater(answer.json["nodes"], 0)
        self.clock.runUntil(peers.announce(self.nodes[3], "music", 5000))
        answer = self.ask("/peers/music")
        self.assertEqual(answer.header("Content-Type"), "application/x-ndjson")
        found = [json.loads(line) for line in answer.body.splitlines()]
        self.assertEqual(
            {(each["host"], each["port"]) for each in found}, {(SERVER, 4000), ("10.0.0.4", 5000)}
        )

    def test_topicWithoutPeersIsEmpty(self) -> None:
        """A topic that nobody has announced gives no line."""
        answer = self.ask("/peers/silence")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_badPortIsRefused(self) -> None:
        """A port that isn't a number from 0 to 65535 is refused."""
        for port in (b"-1", b"65536", b"true", b'"1"', b"null", b"1.5"):
            answer = self.ask("/peers/music", method="POST", body=b'{"port": %b}' % port)
            self.assertEqual(answer.status, 400, port)


class LookupTests(ApiTestCase):
    """
    ``/lookups`` and ``/lookups/{target}``.
    """

    def test_traceShowsEachStep(self) -> None:
        """A trace has the start, an answer of each node that was asked, and the end."""
        answer = self.ask(f"/lookups/{'ab' * 32}")
        self.assertEqual(answer.header("Content-Type"), "text/event-stream")
        events = [each.split(b"\n") for each in answer.body.strip().split(b"\n\n")]
        names = [lines[0].removeprefix(b"event: ").decode() for lines in events]
        steps = [json.loads(lines[1].removeprefix(b"data: ")) for lines in events]
        self.assertEqual((names[0], names[-1]), ("started", "ended"))
        self.assertEqual(names, [step["kind"] for step in steps])
        self.assertEqual({step["target"] for step in steps}, {"ab" * 32})
        asked = [step["node"]["host"] for step in steps if step["kind"] == "asked"]
        answered = [step["node"]["host"] for step in steps if step["kind"] == "answered"]
        self.assertLessEqual(set(asked), set(answered))

    def test_allLookupsAreWatched(self) -> None:
        """A client that watches all lookups is told those of others as they run."""
        line = self.connect()
        line.transport.write(b"GET /lookups HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.clock.runFor(0.1)
        self.assertIn(b"text/event-stream", line.received)
        self.clock.runUntil(values.put(self.nodes[0], b"hello"))
        self.clock.runFor(0.1)
        self.assertIn(values.keyOf(b"hello").hex().encode(), line.received)
        line.transport.loseConnection()
        self.clock.runFor(0.1)

    def test_leavingClientEndsItsQuery(self) -> None:
        """The query of a client ends when the client leaves."""
        line = self.connect()
        line.transport.write(b"GET /lookups/%064x HTTP/1.1\r\nHost: localhost\r\n\r\n" % 1)
        self.clock.runFor(0.015)
        self.assertEqual(self.nodes[0].statistics().queries.running, 1)
        line.transport.abortConnection()
        self.clock.runFor(0.02)
        self.assertEqual(self.nodes[0].statistics().queries.running, 0)


class UnknownTests(ApiTestCase):
    """
    Requests that no operation takes.
    """

    def test_unknownPathIsNotFound(self) -> None:
        """A path of no operation is not found, and the answer is a problem in JSON."""
        for path in ("/nothing", "/values", "/values/", "/status/"):
            answer = self.ask(path)
            self.assertEqual((answer.status, answer.json["status"]), (404, 404), path)

    def test_pathThatIsNoTextIsRefused(self) -> None:
        """A path that isn't UTF-8 is refused, and nothing is logged."""
        self.assertEqual(self.ask("/%ff").status, 400)
        self.assertEqual(self.ask("/values/%ff").status, 400)

    def test_unknownMethodIsNotAllowed(self) -> None:
        """A method that a path doesn't have is refused, with those that it has."""
        answer = self.ask(f"/values/{'00' * 32}", method="DELETE")
        self.assertEqual((answer.status, answer.header("Allow")), (405, "GET, HEAD, PUT"))
