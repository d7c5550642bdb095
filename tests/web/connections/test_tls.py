"""
Tests for HTTP over TLS: the versions, the certificates of clients, and a renewed certificate.
"""

from __future__ import annotations

import sys
from subprocess import DEVNULL, run
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from OpenSSL import SSL
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from dwdht_twisted import CannotListen, values
from dwdht_twisted.web.connections.tls import CertificateFiles, Certificates
from dwdht_twisted.web.server import FILES_CHECKED_EVERY
from tests.helpers.networks.certificates import Authority, write
from tests.helpers.networks.web import PORT, SERVER, Line, WebTestCase
from tests.helpers.processes.pipes import pipe

#: A request on a connection that stays open.
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@implementer(IOpenSSLClientConnectionCreator)
class Client:
    """
    Makes the TLS connections of a client that believes every server.

    :param version: the only version that the client speaks; 0 for those that are usual
    :param options: the certificate of the client
    """

    def __init__(self, version: int = 0, **options: Any) -> None:
        self._context = CertificateOptions(**options).getContext()
        if version:
            # Without this, OpenSSL itself refuses to speak an old version.
            self._context.set_cipher_list(b"ALL:@SECLEVEL=0")
            self._context.set_min_proto_version(version)
            self._context.set_max_proto_version(version)

    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        """Make a connection."""
        return SSL.Connection(self._context, None)


class TLSTestCase(WebTestCase):
    """
    A base for tests with a server that has a certificate.
    """

    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority()
        self.path = write(self.mktemp(), self.authority.issue("first"))

    def serveTLS(self, **settings: Any) -> None:
        """Serve with the certificate, on the own host."""
        self.serve(f"ssl:{PORT}:privateKey={self.path}:interface=127.0.0.1", **settings)

    def connectTLS(self, version: int = 0, **options: Any) -> Line:
        """Open a connection, send a request, and return it when there was time to answer."""
        line = Line()
        reactor = self.host(SERVER)
        # The clock sends small writes together, so it must be that of the network.
        made = Factory.forProtocol(lambda: line)
        factory = TLSMemoryBIOFactory(Client(version, **options), True, made, reactor)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", PORT)
        self.clock.runUntil(endpoint.connect(factory), limit=10)
        self.request(line)
        return line

    def request(self, line: Line, request: bytes = REQUEST) -> None:
        """Send a request, and wait."""
        line.transport.write(request)
        self.clock.runFor(0.5)

    def certificateOf(self, line: Line) -> str:
        """Return the name in the certificate of the server."""
        return str(line.transport.getPeerCertificate().get_subject().commonName)


class VersionTests(TLSTestCase):
    """
    The versions of TLS.
    """

    def test_oldVersionIsRefused(self) -> None:
        """A client that speaks at most TLS 1.1 gets no answer; with 1.2 or 1.3 it does."""
        self.serveTLS()
        for version, isServed in (
            (SSL.TLS1_1_VERSION, False),
            (SSL.TLS1_2_VERSION, True),
            (SSL.TLS1_3_VERSION, True),
        ):
            line = self.connectTLS(version)
            self.assertEqual(line.received.startswith(b"HTTP/1.1 200 OK"), isServed, version)
            self.assertEqual(line.reason is None, isServed, version)

    def test_plainRequestIsNotServed(self) -> None:
        """A request that isn't encrypted gets no answer of HTTP."""
        self.serveTLS()
        line = self.connect()
        self.request(line)
        self.assertNotIn(b"HTTP", line.received)


class ClientTests(TLSTestCase):
    """
    The certificates of clients.
    """

    def serveTLS(self, **settings: Any) -> None:
        """Serve clients whose certificates the authority has signed."""
        super().serveTLS(clientCA=write(self.mktemp(), self.authority.pem), **settings)

    def assertServed(self, client: PrivateCertificate | None, isServed: bool) -> None:
        """Require that a client with a certificate is served, or is not."""
        options = (
            {}
            if client is None
            else {"privateKey": client.privateKey.original, "certificate": client.original}
        )
        line = self.connectTLS(**options)
        self.assertEqual(line.received.startswith(b"HTTP/1.1 200 OK"), isServed)
        self.assertEqual(line.reason is None, isServed)

    def test_rightCertificateIsServed(self) -> None:
        """A client with a certificate of the authority is served, and may write."""
        self.serveTLS()
        client = self.authority.client()
        self.assertServed(client, True)
        line = self.connectTLS(privateKey=client.privateKey.original, certificate=client.original)
        path = values.keyOf(b"hello").hex().encode()
        line.received = b""
        head = b"Host: localhost\r\nContent-Length: 5\r\n\r\nhello"
        self.request(line, b"PUT /values/" + path + b" HTTP/1.1\r\n" + head)
        self.assertTrue(line.received.startswith(b"HTTP/1.1 200 OK"), line.received)

    def test_otherCertificatesAreRefused(self) -> None:
        """
        A client without a certificate, with one of another authority, or with one that has expired
        can ask for nothing.
        """
        self.serveTLS()
        self.assertServed(None, False)
        self.assertServed(Authority().client(), False)
        self.assertServed(Authority("other").client(), False)
        self.assertServed(self.authority.client(isExpired=True), False)


class RenewalTests(TLSTestCase):
    """
    A certificate that is renewed while the server runs.
    """

    def test_renewedCertificateIsServed(self) -> None:
        """
        After a reload, new connections get the new certificate, and an open connection goes on.
        """
        self.serveTLS()
        first = self.connectTLS()
        self.assertEqual(self.certificateOf(first), "first")
        write(self.path, self.authority.issue("second"))
        self.server.reload()
        self.assertEqual(self.certificateOf(self.connectTLS()), "second")
        first.received = b""
        self.request(first)
        self.assertIn(b"HTTP/1.1 200 OK", first.received)
        self.assertIsNone(first.reason)

    def test_changedFileIsNoticed(self) -> None:
        """A certificate whose file has changed is read within half a minute, without a signal."""
        self.serveTLS()
        write(self.path, self.authority.issue("second"))
        self.clock.runFor(FILES_CHECKED_EVERY)
        self.assertEqual(self.certificateOf(self.connectTLS()), "second")

    def test_brokenFileChangesNothing(self) -> None:
        """A file that has no certificate any more is reported, and the earlier one stays."""
        self.serveTLS()
        write(self.path, b"nonsense")
        self.server.reload()
        self.assertEqual(self.certificateOf(self.connectTLS()), "first")

    def test_brokenFileIsRefusedAtTheStart(self) -> None:
        """A file without a certificate, and one that is missing, are refused in one line."""
        for path in (write(self.mktemp(), b"nonsense"), self.mktemp()):
            with self.assertRaises(CannotListen) as raised:
                self.serve(f"ssl:{PORT}:privateKey={path}")
            self.assertNotIn("\n", str(raised.exception))

    def test_pipeIsRefused(self) -> None:
        """A pipe in place of the certificate or of the key is refused, and not waited for."""
        content = self.authority.issue("first")
        for kind in ("certificate", "privateKey", "clientCA"):
            files = CertificateFiles(self.path, self.path, clientCA=self.path)
            path = self.mktemp()
            with pipe(path, content), self.assertRaisesRegex(CannotListen, "not a regular file"):
                Certificates(files._replace(**{kind: path}))

    def test_keyWithPasswordIsRefused(self) -> None:
        """A key with a password is refused in one line, and nobody is asked for the password."""
        key = load_pem_private_key(self.authority.issue("first"), None)
        encrypted = BestAvailableEncryption(b"secret")
        path = write(self.mktemp(), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted))
        files = f"CertificateFiles({path!r}, {self.path!r})"
        program = (
            "from dwdht_twisted.web.connections.tls import *\n"
            f"try: Certificates({files})\n"
            "except CannotListen as error: print(error)"
        )
        # OpenSSL asks on the terminal of the process, which this one has not.
        done = run(
            [sys.executable, "-c", program],
            stdin=DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            start_new_session=True,
        )
        self.assertIn("the key is protected by a password\n", done.stdout)
        self.assertNotIn("pass phrase", done.stderr)
