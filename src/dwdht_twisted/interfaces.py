"""
The interfaces of the package, and the immutable values that pass through them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import NamedTuple, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IListeningPort, IPushProducer
from zope.interface import Attribute, Interface

from ._core.wire import Address, Contact

#: The forms in which an option or an argument may give an address.
AddressLike: TypeAlias = str | int | tuple[str, int] | Address | Contact


class Request(NamedTuple):
    """
    A command that another node asks this one to run.

    :ivar command: the name of the command
    :ivar target: 32 bytes
    :ivar value: the payload, or None when the request has none
    :ivar node: the asker; its ``id`` is None when it is ephemeral.  In a query its address may be
        forged.  In an update it is validated: the asker has received what we sent to this address.
    """

    command: str
    target: bytes
    value: bytes | None
    node: Contact


class Reply(NamedTuple):
    """
    One node's answer to a query or to an update.

    :ivar node: the node that answered; its ``id`` is None when it is ephemeral, which only happens
        when it was asked by address
    :ivar value: what its handler gave, or None
    """

    node: Contact
    value: bytes | None


class Pong(NamedTuple):
    """
    The answer to a ping.

    :ivar contact: the node that answered; its ``id`` is None when it is ephemeral
    :ivar address: our own address, as that node sees it
    """

    contact: Contact
    address: Address


#: The results that a handler may return: the value of the answer, now or later.
HandlerResult: TypeAlias = bytes | Awaitable[bytes | None] | None


class ICommandHandler(Interface):
    """
    Runs a command that other nodes ask for.

    The result of a method is sent as the value of the answer: bytes, None for no value, or a
    Deferred or a coroutine of those.  The wire has no field for an error.  When a method fails,
    nothing is sent, the failure is logged, and the asker's request times out.

    An asker waits for one to two seconds, and sends its request again meanwhile.  So answer within
    a second: a query that takes longer may run once for each transmission.  After 30 seconds a
    result is cancelled, and the method has failed; a result that it still gives is not sent.
    """

    def queryReceived(request: Request) -> HandlerResult:
        """
        Answer a query.  The asker's address may be forged, so change nothing because of it.
        """

    def updateReceived(request: Request) -> HandlerResult:
        """
        Take an update: the asker wants this node, as one of the closest to the target, to change
        something.  Its address is validated.  Each update is passed on once, however often its
        datagram arrives.
        """


class IQueryStream(IPushProducer):
    """
    The answers to one query or update, as they come.

    Nothing is sent before the stream is read, once, by one of `startProducing`, `collect` and
    ``async for``.  While it is paused, no further node is asked.
    """

    responses = Attribute("The number of nodes that have answered so far.")
    errors = Attribute("The number of nodes that failed to answer, or refused an update, so far.")
    commits = Attribute("The number of nodes that have taken the update so far.")

    def startProducing(consumer: IConsumer) -> Deferred[None]:
        """
        Register with ``consumer`` as a push producer and write each `Reply` to it.

        :return: fires with None at the end of the query, or when it was stopped; fails with
            `NoResponse` when no node answered, with `NoCloseNodes` when none took the update, with
            `TooManyRequests` when none could be asked, with `NodeDestroyed` when the node was
            destroyed first.  Cancelling it stops the query.
        """

    def collect() -> Deferred[list[Reply]]:
        """
        Run the query to its end.

        :return: fires with all replies; fails as `startProducing` does.  Cancelling it stops the
            query.
        """

    def __aiter__() -> IQueryStream:
        """
        The stream itself: ``async for reply in stream``.

        A loop that is left early must be followed by ``stopProducing``.  Otherwise the stream
        waits, paused, as long as its node lives.
        """

    def __anext__() -> Awaitable[Reply]:
        """The next reply; fails as `startProducing` does."""


class IDHTNode(Interface):
    """
    A node of the network.

    Arguments of the wrong form raise at once, from `DHTError` or as ``ValueError``; what goes wrong
    later fails the Deferred.
    """

    id = Attribute("32 bytes: this node's place in the network, even when it is ephemeral.")
    ephemeral = Attribute("Whether the node keeps its id to itself, so that no other lists it.")

    def listen(port: int = 0, interface: str = "") -> IListeningPort:
        """
        Take a UDP port.  A node that is used before it listens takes a free port by itself.

        :param port: 0 for a free one
        :param interface: the IPv4 address to bind, all by default
        :raises CannotListen: when the port can't be had
        """

    def address() -> Address:
        """
        The address that the node is bound to.

        :raises NodeDestroyed: after `destroy`
        """

    def ready() -> Deferred[None]:
        """
        :return: fires when the first table is built, at once when there is no bootstrap node to
            ask.  Fails with `NoResponse` when no bootstrap
            node answers; the node goes on trying, and a later ``ready()`` waits for the next try.
        """

    def bootstrap() -> Deferred[None]:
        """
        Build the table anew: look up this node's own id, starting from the bootstrap nodes too.

        :return: fires at the end of the lookup; fails with `NoResponse` when nobody answers
        """

    def query(
        command: str,
        target: bytes,
        value: bytes | None = None,
        *,
        nodes: Iterable[AddressLike] | None = None,
        holepunching: bool = True,
    ) -> IQueryStream:
        """
        Ask the nodes closer and closer to a target to run a command.

        :param command: any but the protocol's own ``_ping`` and ``_find_node``
        :param target: 32 bytes
        :param value: a payload for the handlers
        :param nodes: ask just these addresses, instead of looking for the closest nodes
        :param holepunching: whether to reach a silent node through the one that named it
        :raises InvalidCommand: when the command isn't text or is the protocol's own
        :raises InvalidTarget: when the target isn't 32 bytes
        :raises ValueTooLarge: when the value doesn't fit a datagram
        """

    def update(
        command: str,
        target: bytes,
        value: bytes | None = None,
        *,
        nodes: Iterable[AddressLike] | None = None,
        holepunching: bool = True,
        query: bool = False,
    ) -> IQueryStream:
        """
        `query`, then send the command to the 20 closest nodes that answered, each with the
        round-trip token that it gave; with ``nodes``, to all of those that answered.

        :param query: whether the stream holds the replies of the first phase too
        """

    def ping(address: AddressLike) -> Deferred[Pong]:
        """
        :return: fires with a `Pong`; fails with `RequestTimeout` or `UnresolvableHost`
        """

    def holepunch(peer: AddressLike, referrer: AddressLike) -> Deferred[Pong]:
        """
        Open a path to ``peer``, which may be behind a NAT, as may be this node.

        A datagram goes to the peer, which opens our own NAT, and the referrer, which both know,
        relays a ping, whose answer opens the peer's.

        :return: fires with the peer's `Pong`; fails as `ping` does
        """

    def register(command: str | None, handler: ICommandHandler) -> None:
        """
        Run ``handler`` for ``command``; None stands for every command that has no handler.

        :raises ValueError: when the command has a handler already
        """

    def unregister(command: str | None) -> None:
        """
        Forget the handler of a command.

        :raises KeyError: when it has none
        """

    def contacts() -> list[Contact]:
        """What the routing table holds: the contacts that have answered this node."""

    def destroy() -> Deferred[None]:
        """
        Release everything: timers, port, requests in flight.  What waits fails with
        `NodeDestroyed`.

        :return: fires when all is released; may be called again
        """


class IValueStore(Interface):
    """
    Where a node keeps the values that others store on it.
    """

    def put(key: bytes, value: bytes) -> Awaitable[None] | None:
        """
        Keep a value.

        :param key: 32 bytes
        """

    def get(key: bytes) -> Awaitable[bytes | None] | bytes | None:
        """
        :param key: 32 bytes
        :return: the value, or None when there is none or it is too old
        """

    def close() -> Awaitable[None] | None:
        """Release what the store holds open."""
