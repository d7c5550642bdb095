"""
What strangers cost a node at most: the memory of handshakes that do not end, and the time of forged
datagrams.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from random import Random
from time import process_time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from dwdht_twisted import CannotUseCertificate
from dwdht_twisted.private import SecurityContext
from dwdht_twisted.private.authority import newKey, pemOf, pemOfKey
from dwdht_twisted.private.bounds import (
    HALF_OPEN,
    HANDSHAKE_BYTES,
    HANDSHAKE_MESSAGE_BYTES,
    SEALED_MESSAGE_COST,
)
from dwdht_twisted.private.certified.credentials import MAXIMUM_CERTIFICATE_BYTES
from dwdht_twisted.private.certified.records import wellFormed
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from simulation.certified_hosts import LayerHost, areLinked, makeAuthority, makeHost, makeMember

CERTIFICATE = 11

#: The bytes of the last message of a handshake, with what AES-GCM adds.
FINISHED_BODY_BYTES = 12 + 12 + 24


def record(body: bytes, sequence: int, epoch: int = 0) -> bytes:
    """A record of a handshake."""
    header = b"\x16\xfe\xfd" + epoch.to_bytes(2, "big") + sequence.to_bytes(6, "big")
    return header + len(body).to_bytes(2, "big") + body


def fragment(length: int, number: int, offset: int, content: bytes) -> bytes:
    """A fragment of a message that claims to have ``length`` bytes."""
    return b"".join(
        (
            bytes((CERTIFICATE,)),
            length.to_bytes(3, "big"),
            number.to_bytes(2, "big"),
            offset.to_bytes(3, "big"),
            len(content).to_bytes(3, "big"),
            content,
        )
    )


def residentBytes() -> int:
    """The resident memory of this process, in bytes."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        raise SkipTest("the memory of a process is known on Linux only") from None


def drawAttack(random: Random) -> Iterator[bytes]:
    """Datagrams that make OpenSSL take memory, in the way of one of three kinds of attack."""
    kind = random.randrange(3)
    length = random.choice((8192, 16384, 100_000, random.randrange(1000, 102_400)))
    sequence = 100
    for number in range(2, 13):
        offsets = range(0, length - 1100, 1100) if kind else (random.randrange(length - 3),)
        for offset in offsets:
            content = random.randbytes(1100 if kind else 3)
            yield record(fragment(length, number, offset, content), sequence, epoch=kind == 2)
            sequence += 1


class CostTests(SynchronousTestCase):
    """
    Strangers that have a cookie, and send messages of a handshake that never ends, and forgers.
    """

    def setUp(self) -> None:
        """Make a member."""
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.001)
        self.node = self.host("10.0.0.1")

    def host(self, host: str) -> LayerHost:
        """Make another member."""
        made = makeHost(self.network, host, makeMember(makeAuthority()))
        self.addCleanup(made.layer.stop)
        return made

    def begin(self, number: int) -> LayerHost:
        """Make a host that begins a handshake with the member, and then is silent."""
        host = self.host(f"10.0.1.{number}")
        host.layer.send(b"\0\1", self.node.address)
        self.clock.runUntil(lambda: host.address in self.node.layer.links, limit=1)
        host.layer.stop()
        return host

    def test_memory(self) -> None:
        """64 strangers with random attacks make a node use less than 10 MB more."""
        hosts = [self.begin(number) for number in range(HALF_OPEN)]
        gc.collect()
        before = residentBytes()
        random = Random(1)
        for host in hosts:
            for datagram in drawAttack(random):
                self.node.layer.received(datagram, host.address)
        gc.collect()
        self.assertLess(residentBytes() - before, 10_000_000)

    def test_bytesAreBounded(self) -> None:
        """
        A handshake ends when it has taken 32 kB in the clear, and a repeated flight doesn't count.
        """
        random = Random(1)
        host = self.begin(1)
        taken = count = 0
        while taken <= HANDSHAKE_BYTES:
            self.assertIn(host.address, self.node.layer.links)
            body = fragment(8000, 5, 100, random.randbytes(random.randrange(30, 1100)))
            datagram = record(body, taken)
            for _ in range(3 if count < 20 else 1):
                self.node.layer.received(datagram, host.address)
            taken += len(datagram)
            count += 1
        self.assertNotIn(host.address, self.node.layer.links)

    def test_protectedMessagesAreFew(self) -> None:
        """
        A handshake ends at 32 protected messages that might be its last one, and those of any other
        size are dropped: a member could make OpenSSL take a megabyte by fragments of others.
        """
        random = Random(1)
        host = self.begin(1)
        # The hello counts, too.
        allowed = HANDSHAKE_BYTES // SEALED_MESSAGE_COST - 1
        for number in range(1000):
            size = random.choice([each for each in range(24, 1100) if each != FINISHED_BODY_BYTES])
            dropped = record(random.randbytes(size), number, epoch=1)
            self.assertEqual(wellFormed(dropped), b"")
            self.node.layer.received(dropped, host.address)
        for number in range(allowed):
            self.assertIn(host.address, self.node.layer.links, number)
            sealed = record(random.randbytes(FINISHED_BODY_BYTES), number, epoch=1)
            self.assertEqual(wellFormed(sealed), sealed)
            self.node.layer.received(sealed, host.address)
        self.assertNotIn(host.address, self.node.layer.links)

    def test_protectedMessagesDoNotEndAnAssociation(self) -> None:
        """Protected messages of handshakes, forged or not, leave an association in use."""
        random = Random(1)
        other = self.host("10.0.0.2")
        other.layer.send(b"\0\1", self.node.address)
        self.clock.runUntil(lambda: self.node.delivered, limit=1)
        for number in range(200):
            sealed = record(random.randbytes(FINISHED_BODY_BYTES), 5 + number, epoch=1)
            self.node.layer.received(sealed, other.address)
        self.node.layer.send(b"\0\1", other.address)
        self.clock.runUntil(lambda: other.delivered, limit=1)

    def test_longMessagesAreDropped(self) -> None:
        """
        A record with a part of a message of more than 8 kB is dropped, wherever in the record and
        in the datagram it is, and the records beside it are kept.
        """
        random = Random(1)
        for _ in range(1000):
            records, kept = [], []
            for number in range(random.randrange(1, 5)):
                lengths = [
                    random.randrange(1, HANDSHAKE_MESSAGE_BYTES + 1)
                    for _ in range(random.randrange(1, 4))
                ]
                isLong = random.random() < 0.5
                if isLong:
                    position = random.randrange(len(lengths))
                    lengths[position] = random.choice((HANDSHAKE_MESSAGE_BYTES + 1, 2**24 - 1))
                body = b"".join(
                    fragment(length, 3, 0, random.randbytes(min(length, random.randrange(20))))
                    for length in lengths
                )
                records.append(record(body, number))
                if not isLong:
                    kept.append(records[-1])
            self.assertEqual(wellFormed(b"".join(records)), b"".join(kept))

    def test_time(self) -> None:
        """
        A datagram of 60,000 bytes with hundreds or thousands of records, under the address of a
        member, takes less than half a millisecond, and leaves the association in use.
        """
        other = self.host("10.0.0.2")
        other.layer.send(b"\0\1", self.node.address)
        self.clock.runUntil(lambda: self.node.delivered, limit=1)
        random = Random(1)
        for _ in range(20):
            epoch, size = random.randrange(2), random.randrange(60)
            kind = random.choice((20, 21, 22, 23))
            header = bytes((kind,)) + b"\xfe\xfd\0" + bytes((epoch,)) + bytes(6)
            one = header + size.to_bytes(2, "big") + bytes(size)
            first = random.choice((b"", b"\x17\xfe\xfd\0\1" + bytes(7) + b"\x20" + bytes(32)))
            datagram = first + one * (60_000 // len(one))
            taken = []
            for _ in range(5):
                began = process_time()
                self.node.layer.received(datagram, other.address)
                taken.append(process_time() - began)
            self.assertLess(min(taken), 0.0005)
        self.node.layer.send(b"\0\1", other.address)
        self.clock.runUntil(lambda: other.delivered, limit=1)


class LongCertificateTests(SynchronousTestCase):
    """
    Members with long certificates.
    """

    def certify(self, names: int, last: int) -> SecurityContext:
        """Make a member whose certificate has many names, the last one of ``last`` bytes."""
        authority, key = makeAuthority(), newKey()
        made = authority.certify(key.public_key(), "a", authority.certificate.not_valid_before_utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(made.subject)
            .issuer_name(made.issuer)
            .public_key(key.public_key())
            .serial_number(1 << 100)
            .not_valid_before(authority.certificate.not_valid_before_utc)
            .not_valid_after(authority.certificate.not_valid_after_utc)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.DNSName("a" * 60)] * names + [x509.DNSName("a" * last)]
                ),
                critical=False,
            )
        )
        certificate = builder.sign(authority.key, hashes.SHA256())
        self.size = len(certificate.public_bytes(serialization.Encoding.DER))
        return SecurityContext(pemOf(certificate), pemOfKey(key), pemOf(authority.certificate))

    def test_longCertificates(self) -> None:
        """Members with certificates of 8,000 bytes make handshakes, whichever begins."""
        members = [self.certify(124, 10) for _ in range(2)]
        self.assertGreater(self.size, 8000)
        for first in (0, 1):
            clock = SimulatedClock()
            network = MemoryNetwork(clock, seed=1, latency=0.01)
            hosts = [makeHost(network, f"10.0.0.{n}", members[n]) for n in range(2)]
            hosts[first].layer.send(b"\0\1", hosts[1 - first].address)
            clock.runFor(1)
            self.assertTrue(areLinked(*hosts))
            for host in hosts:
                host.layer.stop()

    def test_tooLong(self) -> None:
        """A certificate of more bytes than a handshake takes is refused when it is read."""
        with self.assertRaisesRegex(CannotUseCertificate, "bytes; at most 8,186 can be used"):
            self.certify(130, 60)
        self.assertGreater(self.size, MAXIMUM_CERTIFICATE_BYTES)
