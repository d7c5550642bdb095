"""
The inputs of the coverage-guided search.

An input is one byte of flags and then a datagram.  The flags say how the datagram is sent.
"""

from __future__ import annotations

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort

from .subject import Subject

#: The parameters of the node to which an input is sent, so that it is always the same node.  It has
#: more peers than fit into a bucket, but so few that the node is made in a moment.
SEED = 1
CONTACTS = 30
QUERIES = 1

#: The source of datagrams that come neither from a contact nor from a node that was asked.
STRANGER: HostPort = ("9.0.0.1", 6620)

# The flags.

#: The datagram comes from a contact of the node.
FROM_PEER = 1

#: The datagram comes from the address to which the node has sent its first request.
FROM_ASKED = 2

#: The datagram has the transaction id of the first request that the node has sent.
MATCHING = 4

#: The datagram arrives twice.
TWICE = 8

#: Without this flag, the datagram arrives at the start of the node's query.  With it, the datagram
#: arrives 0.1 simulated seconds later, while the query goes on.
LATE = 16


def makeSubject() -> Subject:
    """Make the node to which an input is sent.  It is always the same, with requests in flight."""
    subject = Subject(SEED, CONTACTS, QUERIES)
    subject.run(0.005)
    return subject


def play(data: bytes) -> None:
    """
    Send an input to a node of its own.

    :raises BrokenInvariant: when an invariant of the node does not hold
    """
    if not data:
        return
    subject = makeSubject()
    flags, datagram = data[0], data[1:]
    source = sourceOf(subject, flags)
    if flags & MATCHING and len(datagram) >= wire.HEADER_BYTES:
        datagram = _matching(subject, datagram)
    if flags & LATE:
        subject.run(0.1)
    for _ in range(2 if flags & TWICE else 1):
        subject.receive(datagram, source)
        subject.run(0.02)
    subject.check()
    subject.finish()


def sourceOf(subject: Subject, flags: int) -> HostPort:
    """The address that a datagram with these flags comes from."""
    if flags & FROM_ASKED:
        return subject.requests[0][1]
    if flags & FROM_PEER:
        contact = subject.node.contacts()[0]
        return contact.host, contact.port
    return STRANGER


def _matching(subject: Subject, datagram: bytes) -> bytes:
    """The datagram with the transaction id of the node's first request in flight."""
    number = wire.transactionId(subject.requests[0][0])
    requestBit = datagram[0] & 0x80
    return bytes([requestBit | number >> 8, number & 0xFF]) + datagram[wire.HEADER_BYTES :]
