"""
`announce`, `unannounce` and `lookUp`: be found under a topic, and find the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from zope.interface import implementer

from .._awaitable import awaitable
from .._core.wire import Contact, packAddress
from ..errors import InvalidAddress
from ..interfaces import AddressLike, IDHTNode, IQueryStream, Reply, checkNode
from .messages import COMMAND, Kind, PeerRequest
from .stream import Peer, PeerReader, PeerStream
from .topics import topicOf

if TYPE_CHECKING:
    from ..node import DHTNode

#: A node.  `DHTNode` is named too, because a type checker may not know that it provides `IDHTNode`.
Node: TypeAlias = "DHTNode | IDHTNode"


class Announced(NamedTuple):
    """
    The result of an announcement.

    :ivar nodes: the nodes that keep the announcement, 20 in a network of more nodes
    :ivar peers: the other peers of the topic that these nodes, and those on the way, have named
    """

    nodes: list[Contact]
    peers: list[Peer]


@implementer(IConsumer)
class AnnouncementReader:
    """
    A consumer of the answers to an announcement: those to the query, then those to the update.

    :ivar result: the nodes and the peers so far
    """

    def __init__(self, replies: IQueryStream, shared: bytes | None) -> None:
        self._replies = replies
        self._peers = PeerReader(shared)
        self.result = Announced([], [])

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing, because this consumer never pauses the producer."""

    def unregisterProducer(self) -> None:
        """Do nothing: there is nothing to release."""

    def write(self, data: Reply) -> None:  # type: ignore[override]
        """Take a reply.  It is that of a node which keeps the announcement if it was counted so."""
        nodes, peers = self.result
        peers.extend(self._peers.read(data))
        if self._replies.commits > len(nodes):
            nodes.append(data.node)


def announce(
    node: Node,
    topic: bytes | str,
    port: int = 0,
    *,
    localAddress: tuple[str, int] | None = None,
) -> Deferred[Announced]:
    """
    Announce a port of this host under a topic, on the 20 nodes closest to the topic.

    The nodes keep the announcement for six minutes: announce again within five, as an `Announcer`
    does.  They take the host from the datagram of the announcement.

    :param topic: 32 bytes, or a text whose SHA-256 is taken
    :param port: the port to announce; 0 for the UDP port of the node, as the others see it
    :param localAddress: an IPv4 address and a port at which hosts of the same private network reach
        this one; it is named to those whose local address begins with the same two bytes
    :return: fires with an `Announced`; fails with `NoResponse` when there are other nodes but none
        answered, with `NoCloseNodes` when no node took the announcement, and with
        `TooManyRequests`, before anything was sent, when too many queries wait already
    :raises InvalidTarget: when the topic is neither a text nor 32 bytes
    :raises InvalidAddress: when the port isn't 0 to 65535, or the local address isn't an IPv4
        address and a port
    :raises ValueError: when ``node`` isn't a node
    """
    request = makeRequest(Kind.ANNOUNCE, port, localAddress)
    replies = checkNode(node).update(COMMAND, topicOf(topic), request.encode(), query=True)
    reader = AnnouncementReader(replies, request.shared)
    return awaitable(replies.startProducing(reader).addCallback(lambda _: reader.result))


def unannounce(
    node: Node,
    topic: bytes | str,
    port: int = 0,
    *,
    nodes: Iterable[AddressLike] | None = None,
) -> Deferred[int]:
    """
    Take an announcement back.

    :param topic: as for `announce`
    :param port: the port that was announced
    :param nodes: the nodes that keep the announcement; by default the 20 closest to the topic
    :return: fires with the number of nodes that don't name the port any more; fails as `announce`
    :raises InvalidTarget: as `announce`
    :raises InvalidAddress: as `announce`
    :raises ValueError: when ``node`` isn't a node
    """
    value = makeRequest(Kind.UNANNOUNCE, port, None).encode()
    replies = checkNode(node).update(COMMAND, topicOf(topic), value, nodes=nodes)
    return awaitable(replies.collect().addCallback(lambda _: int(replies.commits)))


def lookUp(
    node: Node,
    topic: bytes | str,
    port: int = 0,
    *,
    localAddress: tuple[str, int] | None = None,
) -> PeerStream:
    """
    Find the peers of a topic.

    :param topic: as for `announce`
    :param port: the port that this host has announced itself under the topic, which is left out
    :param localAddress: this host's IPv4 address in its private network, and any port or 0; peers
        whose local addresses begin with the same two bytes are then found under these, too
    :return: a stream of peers, each once; no request is sent before the stream is read
    :raises InvalidTarget: as `announce`
    :raises InvalidAddress: as `announce`
    :raises ValueError: when ``node`` isn't a node
    """
    request = makeRequest(Kind.LOOK_UP, port, localAddress)
    replies = checkNode(node).query(COMMAND, topicOf(topic), request.encode(), takersOnly=True)
    return PeerStream(replies, request.shared)


def makeRequest(kind: Kind, port: int, localAddress: tuple[str, int] | None) -> PeerRequest:
    """
    Make a request of checked arguments.

    :raises InvalidAddress: as `announce`
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise InvalidAddress(f"a port is 0 to 65535, not {port!r}")
    if localAddress is None:
        return PeerRequest(kind, port)
    try:
        host, localPort = localAddress
        request = PeerRequest(kind, port, packAddress(host, localPort))
    except (AttributeError, TypeError, ValueError):
        raise InvalidAddress(
            f"a local address is an IPv4 address and a port, not {localAddress!r}"
        ) from None
    if kind == Kind.ANNOUNCE and not request.hasLocalPort:
        raise InvalidAddress(f"the local address {localAddress!r} has no port to announce")
    return request


__all__ = ["Announced", "announce", "lookUp", "unannounce"]
