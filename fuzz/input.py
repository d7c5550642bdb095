"""
What an input of the coverage-guided search means.
"""

from __future__ import annotations

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort

from .subject import Subject

#: The node of an input: few peers, so that it is made in a moment, but more than fill a bucket.
SEED = 1
CONTACTS = 30
QUERIES = 1

#: Who sends datagrams that don't come from a peer.
STRANGER: HostPort = ("9.0.0.1", 6620)

# The bits of an input's first byte: from a contact, from whom the node has just asked, with the
# transaction id of that request, twice, and after the node's query has been under way for a while.
FROM_PEER = 1
FROM_ASKED = 2
MATCHING = 4
TWICE = 8
LATE = 16


def makeSubject() -> Subject:
    """The node that an input is sent to, always the same, with requests in flight."""
    subject = Subject(SEED, CONTACTS, QUERIES)
    subject.run(0.005)
    return subject


def play(data: bytes) -> None:
    """
    Send an input to a node of its own.

    :raises Broken: when something that must hold does not
    """
    if not data:
        return
    subject = makeSubject()
    how, datagram = data[0], data[1:]
    source = sourceOf(subject, how)
    if how & MATCHING and len(datagram) >= wire.HEADER_BYTES:
        datagram = _matched(subject, datagram)
    if how & LATE:
        subject.run(0.1)
    for _ in range(2 if how & TWICE else 1):
        subject.receive(datagram, source)
        subject.run(0.02)
    subject.check()
    subject.finish()


def sourceOf(subject: Subject, how: int) -> HostPort:
    """Where a datagram comes from."""
    if how & FROM_ASKED:
        return subject.asked[0][1]
    if how & FROM_PEER:
        contact = subject.node.contacts()[0]
        return contact.host, contact.port
    return STRANGER


def _matched(subject: Subject, datagram: bytes) -> bytes:
    """The datagram with the transaction id of the node's first request in flight."""
    number = wire.transactionId(subject.asked[0][0])
    flag = datagram[0] & 0x80
    return bytes([flag | number >> 8, number & 0xFF]) + datagram[wire.HEADER_BYTES :]
