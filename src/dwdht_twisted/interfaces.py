"""
The interfaces of the package, and the immutable values that their methods take and return.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IListeningPort, IPushProducer
from zope.interface import Attribute, Interface

from ._core.wire import Address, Contact
from ._observation import IObservedNode as IObservedNode
from ._observation import LookupStep as LookupStep
from ._observation import TableEntry as TableEntry
from ._storage import IMeasuredStore as IMeasuredStore
from ._storage import ISharedStore as ISharedStore
from ._storage import IValueStore as IValueStore
from ._storage import SharedStore as SharedStore
from ._storage import StoredValue as StoredValue
from ._storage import StoreUsage as StoreUsage
from ._storage import ValueStore as ValueStore

#: An address as a caller may pass it: ``"host:port"``, ``("host", port)``,
#: ``{"host": "host", "port": port}``, or a port number of this machine.
AddressLike: TypeAlias = str | int | tuple[str, int] | Mapping[str, str | int] | Address | Contact

NodeType = TypeVar("NodeType")


class Request(NamedTuple):
    """
    A request to run a command on this node.

    :ivar command: the name of the command
    :ivar target: the 32 bytes that the request is about
    :ivar value: the payload, or None when the request has none
    :ivar node: the asker; its ``id`` is None when the asker is ephemeral.  In a query, the address
        of the asker may be forged.  In an update, the address is validated: the asker has received
        a token that this node sent to that address.
    """

    command: str
    target: bytes
    value: bytes | None
    node: Contact


class Reply(NamedTuple):
    """
    One node's answer to a query or to an update.

    :ivar node: the node that answered.  Its ``id`` is None when the node is ephemeral.  Only a
        query that was given ``nodes`` asks ephemeral nodes.
    :ivar value: the result of the node's handler, or None
    """

    node: Contact
    value: bytes | None


class Pong(NamedTuple):
    """
    The answer to a ping.

    :ivar contact: the node that answered; its ``id`` is None when the node is ephemeral
    :ivar address: the address of this node as the other node sees it
    """

    contact: Contact
    address: Address


#: A result that a handler may return: the value of the answer, or an awaitable of the value.
HandlerResult: TypeAlias = bytes | Awaitable[bytes | None] | None


#: A function that handles a request.
HandlerFunction: TypeAlias = Callable[[Request], HandlerResult]


class ICommandHandler(Interface):
    """
    Runs a command for other nodes.

    A method returns the value of the answer: bytes, or None for no value.  It may also return a
    Deferred, a coroutine or another awaitable of bytes or None.

    A method that raises an exception, or whose awaitable fails, has failed.  The failure is logged,
    except for `UpdateRefused`.

    * A query whose method failed is answered with contacts and without a value.
    * An update whose method failed is refused.  An asker that understands refusals is told so at
      once.  Other askers, for example nodes of ``dht-rpc``, get no answer.

    An asker waits for one to two seconds, and meanwhile repeats its request.  So answer within a
    second: a slower query may run once for each repetition.  After 30 seconds the awaitable is
    cancelled, which counts as a failure.  A later result is not sent.
    """

    def queryReceived(request: Request) -> HandlerResult:
        """
        Answer a query.  The asker's address may be forged, so a query must not change anything.

        An update begins with a query.  Its value is that of the update, or None.
        """

    def updateReceived(request: Request) -> HandlerResult:
        """
        Take an update: a request to change something on the nodes closest to the target.

        The asker's address is validated.  This method is called once for an update, even if the
        datagram of the update arrives several times.

        :raises UpdateRefused: to refuse the update
        """


class IRelayingHandler(ICommandHandler):
    """
    A handler of commands that knows nodes which others want to reach by hole punching.

    A node relays pings to its contacts, and to addresses that have shown lately that they receive.
    It relays them to the nodes that its handlers name, too.
    """

    def relaysTo(address: Address) -> bool:
        """
        Decide whether pings of other nodes are relayed to an address.

        :return: True only for an address from which an update has come while this handler was
            there, because the address in a query may be forged
        """


class CommandHandler(Protocol):
    """
    The type of an `ICommandHandler` for type checkers, which can't read zope.interface.
    """

    def queryReceived(self, request: Request) -> HandlerResult:
        """See `ICommandHandler.queryReceived`."""

    def updateReceived(self, request: Request) -> HandlerResult:
        """See `ICommandHandler.updateReceived`."""


@runtime_checkable
class Consumer(Protocol):
    """The type of an ``IConsumer`` for type checkers, which can't read zope.interface."""

    def registerProducer(self, producer: Any, streaming: bool) -> Any:
        """See ``IConsumer.registerProducer``."""

    def unregisterProducer(self) -> Any:
        """See ``IConsumer.unregisterProducer``."""

    def write(self, data: Any) -> Any:
        """See ``IConsumer.write``."""


class IQueryStream(IPushProducer, Interface):
    """
    The answers to one query or update, in the order of their arrival.

    A stream is read once, by `startProducing`, `collect` or ``async for``.  No request is sent
    before the stream is read.  While the stream is paused, no further node is asked.

    A node runs 64 queries at once.  A further query waits until another has ended or is paused.

    A stream that is paused, or is read by ``async for``, ends by itself when the last reference to
    it is gone.
    """

    responses = Attribute("The number of nodes that have answered so far.")
    errors = Attribute("The number of nodes that failed to answer, or refused an update, so far.")
    commits = Attribute("The number of nodes that have taken the update so far.")
    number = Attribute("The number of the query among all queries of its node, from 1 on.")

    def startProducing(consumer: IConsumer) -> Deferred[None]:
        """
        Register with ``consumer`` as a push producer and write each `Reply` to it.

        :return: fires with None at the end of the query, or when the query was stopped.  Fails with
            `NoResponse` when other nodes are known and none of them answered.  Fails with
            `NoCloseNodes` when no node took the update, with `TooManyRequests` when 16,384 queries
            wait already, before a request was sent, and with `NodeDestroyed` when the node was
            destroyed first.  Cancelling the Deferred stops the query.
        :raises ValueError: when the stream was read before, or ``consumer`` isn't a consumer
        """

    def collect() -> Deferred[list[Reply]]:
        """
        Run the query to its end.

        :return: fires with the list of all replies; fails as `startProducing` does.  Cancelling the
            Deferred stops the query.
        """

    def __aiter__() -> IQueryStream:
        """
        Read the stream one reply at a time: ``async for reply in stream``.

        Leaving the loop early ends the query when the stream is garbage collected.  To end it at
        once, use ``contextlib.aclosing``.
        """

    def __anext__() -> Awaitable[Reply]:
        """
        The next reply.

        :return: fails with ``StopAsyncIteration`` at the end, or as `startProducing` does
        """

    def aclose() -> Deferred[None]:
        """
        Stop the query, and drop the replies that a loop has not read.

        :return: a Deferred that has already fired
        """


class IDHTNode(IObservedNode):
    """
    A node of the network.

    If the arguments of a method are wrong, the method raises a subclass of `DHTError`, or
    ``ValueError``, at once.  If the method fails later, the Deferred that it returned fails.
    """

    id = Attribute("32 bytes: this node's place in the network, even when it is ephemeral.")
    clock = Attribute("An ``IReactorTime``: it goes on although the machine's clock is set.")
    ephemeral = Attribute("Whether the node sends no id, so that no other node lists this node.")

    def listen(port: int = 0, interface: str = "") -> IListeningPort:
        """
        Open a UDP port.  A node that is used before it listens opens a free port by itself.

        :param port: the port number; 0 for any free port
        :param interface: the IPv4 address to bind; by default all addresses of this machine
        :raises CannotListen: when the port can't be opened, or the node listens already
        :raises InvalidAddress: when the port or the interface is not valid
        :raises NodeDestroyed: after `destroy`
        """

    def address() -> Address:
        """
        The address that the node is bound to.  If no port is open yet, this opens one.

        :raises CannotListen: when no port can be opened
        :raises NodeDestroyed: after `destroy`
        """

    def ready() -> Deferred[None]:
        """
        Wait until the node has joined its network.

        :return: fires when the first routing table is built.  If the node was given no bootstrap
            nodes and no contacts of an earlier run, it fires at once.  Fails with `NodeDestroyed`.
            There is no time-out: use ``addTimeout`` to bound the wait.
        """

    def bootstrap() -> Deferred[None]:
        """
        Look up this node's own id, starting from its contacts and the bootstrap nodes.

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
        takersOnly: bool = False,
    ) -> IQueryStream:
        """
        Ask nodes closer and closer to a target to run a command.

        :param command: any name except ``_ping`` and ``_find_node`` of the protocol itself
        :param target: 32 bytes
        :param value: a payload for the handlers
        :param nodes: the addresses to ask; by default the nodes closest to the target are found
        :param holepunching: whether to reach a silent node through the node that named it
        :param local: whether to ask this node's own handler, when this node is a member and among
            the closest
        :param takersOnly: whether to find the 20 closest nodes that take updates of the command, as
            `update` does, instead of the 20 closest.  Where only some nodes have a handler, a query
            finds what an update has stored only in this way.  Before such a query ends, it also
            asks closer nodes that were silent lately: one of them may be the last that has it.
        :return: a stream of the replies; no request is sent before the stream is read
        :raises InvalidCommand: when the command is empty, is not text or belongs to the protocol
        :raises InvalidTarget: when the target doesn't have 32 bytes
        :raises InvalidAddress: when one of ``nodes`` is not an address
        :raises ValueTooLarge: when the value doesn't fit a datagram
        :raises ValueError: when the value isn't bytes, or an option is neither True nor False
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
        valueInQuery: bool = True,
    ) -> IQueryStream:
        """
        Run a `query`, then send the command to the 20 closest nodes that answered.

        Each node gets back the round-trip token from its own answer.  With ``nodes``, the command
        goes to all of ``nodes`` that answered.  Other parameters and errors are those of `query`.

        :param query: whether the stream also contains the replies to the `query`
        :param local: whether this node itself takes the update, when it is a member and among the
            closest
        :param valueInQuery: whether the `query` carries the value, as that of ``dht-rpc`` does.  It
            asks addresses that a liar may have named, so a large value is better held back, unless
            the handlers of the query need it
        """

    def ping(address: AddressLike) -> Deferred[Pong]:
        """
        Check that a node answers.

        :return: fires with a `Pong`; fails with `RequestTimeout`, `UnresolvableHost` or
            `UnexpectedAnswer`
        :raises InvalidAddress: when the address is not valid
        """

    def holepunch(peer: AddressLike, referrer: AddressLike) -> Deferred[Pong]:
        """
        Open a path to a peer behind a NAT, with the help of a third node.

        A datagram from this node to the peer opens this node's NAT.  The referrer relays a ping to
        the peer.  The peer's answer opens the peer's NAT.

        :param peer: the node to reach
        :param referrer: the node that relays a ping to the peer
        :return: fires with the peer's `Pong`; fails as `ping` does
        :raises InvalidAddress: when one of the addresses is not valid
        """

    def register(
        command: str | None,
        handler: ICommandHandler | CommandHandler | None = None,
        *,
        query: HandlerFunction | None = None,
        update: HandlerFunction | None = None,
    ) -> None:
        """
        Set the handler of a command: an `ICommandHandler`, or functions that take one `Request`.

        :param command: the name; None stands for every command without a handler of its own
        :param query: answers queries; if it is None, queries are answered without a value
        :param update: takes updates; if it is None, the node takes no updates of the command
        :raises ValueError: when the command has a handler already, or when no valid handler is
            given
        :raises InvalidCommand: when the command is empty, is not text or belongs to the protocol
        """

    def unregister(
        command: str | None, handler: ICommandHandler | CommandHandler | None = None
    ) -> None:
        """
        Remove the handler of a command.

        :param handler: the handler to remove; another handler of the command stays.  None removes
            any handler.
        :raises KeyError: when the command has no handler
        """

    def destroy() -> Deferred[None]:
        """
        Release everything: timers, port, requests in flight.  This may be called more than once.

        All Deferreds and streams that have not ended fail with `NodeDestroyed`.

        :return: fires when everything is released
        """


def checkNode(given: NodeType) -> NodeType:
    """
    Check the node that a function is to use.

    :raises ValueError: when it isn't one, for example because it is a service that has one
    """
    if not callable(getattr(given, "query", None)):
        hint = "; pass its attribute node" if hasattr(given, "node") else ""
        raise ValueError(f"a node is needed, not {given!r}{hint}")
    return given
