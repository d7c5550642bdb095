"""
The interfaces of the package, and the immutable values that pass through them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IListeningPort, IPushProducer
from zope.interface import Attribute, Interface

from ._core.wire import Address, Contact

#: The forms in which an option or an argument may give an address: ``"host:port"``, a port number
#: of this machine, ``("host", port)`` or ``{"host": "host", "port": port}``.
AddressLike: TypeAlias = str | int | tuple[str, int] | Mapping[str, str | int] | Address | Contact


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


#: A function that handles a request.
HandlerFunction: TypeAlias = Callable[[Request], HandlerResult]


class ICommandHandler(Interface):
    """
    Runs a command that other nodes ask for.

    The result of a method is sent as the value of the answer: bytes, None for no value, or a
    Deferred, a coroutine or another awaitable of those.  When a method fails, the failure is
    logged. A query that failed is answered without a value.  An update that failed was not taken:
    an asker that understands refusals is told so at once, and others, such as nodes of ``dht-rpc``,
    wait in vain.  `UpdateRefused` refuses an update without being logged.

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

        :raises UpdateRefused: to refuse it
        """


class CommandHandler(Protocol):
    """
    What a type checker takes for an `ICommandHandler`: a class need not be known to provide it.
    """

    def queryReceived(self, request: Request) -> HandlerResult:
        """See `ICommandHandler.queryReceived`."""

    def updateReceived(self, request: Request) -> HandlerResult:
        """See `ICommandHandler.updateReceived`."""


class ValueStore(Protocol):
    """
    What a type checker takes for an `IValueStore`: a class need not be known to provide it.
    """

    def put(self, key: bytes, value: bytes) -> Awaitable[None] | None:
        """See `IValueStore.put`."""

    def get(self, key: bytes) -> Awaitable[bytes | None] | bytes | None:
        """See `IValueStore.get`."""

    def close(self) -> Awaitable[None] | None:
        """See `IValueStore.close`."""


class IQueryStream(IPushProducer, Interface):
    """
    The answers to one query or update, as they come.

    Nothing is sent before the stream is read, once, by one of `startProducing`, `collect` and
    ``async for``.  While it is paused, no further node is asked.

    A stream that nobody can go on reading ends by itself: one whose loop was left, or that is
    paused, and to which nobody holds a reference.
    """

    responses = Attribute("The number of nodes that have answered so far.")
    errors = Attribute("The number of nodes that failed to answer, or refused an update, so far.")
    commits = Attribute("The number of nodes that have taken the update so far.")

    def startProducing(consumer: IConsumer) -> Deferred[None]:
        """
        Register with ``consumer`` as a push producer and write each `Reply` to it.

        :return: fires with None at the end of the query, or when it was stopped.  It fails with
            `NoResponse` when there are other nodes and none answered, with `NoCloseNodes` when none
            took the update, with `TooManyRequests` when none could be asked, and with
            `NodeDestroyed` when the node was destroyed first.  Cancelling it stops the query.
        :raises ValueError: when the stream was read before
        """

    def collect() -> Deferred[list[Reply]]:
        """
        Run the query to its end.

        :return: fires with the list of all replies; fails as `startProducing` does.  Cancelling it
            stops the query.
        """

    def __aiter__() -> IQueryStream:
        """
        Read the stream one reply at a time: ``async for reply in stream``.

        To stop early, leave the loop; ``contextlib.aclosing`` stops at the end of its block.
        """

    def __anext__() -> Awaitable[Reply]:
        """The next reply; fails as `startProducing` does."""

    def aclose() -> Deferred[None]:
        """
        Stop the query.

        :return: has fired
        """


class IDHTNode(Interface):
    """
    A node of the network.

    Wrong arguments raise at once, from the tree under `DHTError` or as ``ValueError``.  What goes
    wrong later fails the Deferred.
    """

    id = Attribute("32 bytes: this node's place in the network, even when it is ephemeral.")
    ephemeral = Attribute("Whether the node keeps its id to itself, so that no other lists it.")

    def listen(port: int = 0, interface: str = "") -> IListeningPort:
        """
        Open a UDP port.  A node that is used before it listens opens a free port by itself.

        :param port: 0 for a free one
        :param interface: the IPv4 address to bind, all by default
        :raises CannotListen: when the port can't be opened, or the node listens already
        :raises InvalidAddress: when the port or the interface is not valid
        :raises NodeDestroyed: after `destroy`
        """

    def address() -> Address:
        """
        The address that the node is bound to.

        :raises NodeDestroyed: after `destroy`
        """

    def ready() -> Deferred[None]:
        """
        Wait until the node has joined its network.

        :return: fires when the first table is built, however long that takes, and at once when
            there is no bootstrap node and no contact to ask; ``addTimeout`` bounds it.  It fails
            with `NodeDestroyed`.
        """

    def bootstrap() -> Deferred[None]:
        """
        Build the table anew: look up this node's own id, starting from the bootstrap nodes too.

        :return: fires at the end of the lookup; fails with `NoResponse` when no node answers
        """

    def query(
        command: str,
        target: bytes,
        value: bytes | None = None,
        *,
        nodes: Iterable[AddressLike] | None = None,
        holepunching: bool = True,
        local: bool = True,
    ) -> IQueryStream:
        """
        Ask nodes closer and closer to a target to run a command.

        :param command: any but the protocol's own ``_ping`` and ``_find_node``
        :param target: 32 bytes
        :param value: a payload for the handlers
        :param nodes: ask just these addresses, instead of looking for the closest nodes
        :param holepunching: whether to reach a silent node through the one that named it
        :param local: whether to ask this node's own handler, like any other, when this node is a
            member and among the closest
        :return: the replies, once they are read
        :raises InvalidCommand: when the command is empty, isn't text or is the protocol's own
        :raises InvalidTarget: when the target isn't 32 bytes
        :raises InvalidAddress: when one of ``nodes`` isn't an address
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
        local: bool = True,
    ) -> IQueryStream:
        """
        Run a `query`, then send the command to the 20 closest nodes that answered, each with the
        round-trip token that it gave; with ``nodes``, to all of those that answered.

        The other parameters and the errors are those of `query`.

        :param query: whether the stream holds the replies of the first phase too
        :param local: whether this node itself takes the update, when it is a member and among the
            closest
        """

    def ping(address: AddressLike) -> Deferred[Pong]:
        """
        Ask a node whether it is there.

        :return: fires with a `Pong`; fails with `RequestTimeout`, `UnresolvableHost` or
            `UnexpectedAnswer`
        :raises InvalidAddress: when the address isn't one
        """

    def holepunch(peer: AddressLike, referrer: AddressLike) -> Deferred[Pong]:
        """
        Open a path to a peer behind a NAT, with the help of a node that both know.

        A datagram to the peer opens our own NAT.  The referrer relays a ping to the peer, whose
        answer opens the peer's NAT.

        :return: fires with the peer's `Pong`; fails as `ping` does
        :raises InvalidAddress: when one of the addresses isn't one
        """

    def register(
        command: str | None,
        handler: ICommandHandler | CommandHandler | None = None,
        *,
        query: HandlerFunction | None = None,
        update: HandlerFunction | None = None,
    ) -> None:
        """
        Run a handler for a command: an `ICommandHandler`, or plain functions of one `Request`.

        Without ``query``, queries are answered without a value.  Without ``update``, the node takes
        no updates of the command.

        :param command: the name; None stands for every command that has no handler
        :raises ValueError: when the command has a handler already, or no handler is given, or one
            that isn't a handler
        :raises InvalidCommand: when the command is empty, isn't text or is the protocol's own
        """

    def unregister(command: str | None) -> None:
        """
        Remove the handler of a command.

        :raises KeyError: when it has none
        """

    def contacts() -> list[Contact]:
        """The contacts of the routing table; each of them has answered this node."""

    def destroy() -> Deferred[None]:
        """
        Release everything: timers, port, requests in flight.  What waits fails with
        `NodeDestroyed`.

        :return: fires when all is released; may be called again
        """


class IValueStore(Interface):
    """
    Keeps the values that other nodes put on this one.
    """

    def put(key: bytes, value: bytes) -> Awaitable[None] | None:
        """
        Keep a value.

        :param key: 32 bytes
        :raises ValueTooLarge: when the store has no room for it even if it were empty
        :raises StoreFailed: when it can't be written
        """

    def get(key: bytes) -> Awaitable[bytes | None] | bytes | None:
        """
        Find a value.

        :param key: 32 bytes
        :return: the value, or None when there is none or it is too old
        :raises StoreFailed: when it can't be read
        """

    def close() -> Awaitable[None] | None:
        """Release what the store holds open."""
