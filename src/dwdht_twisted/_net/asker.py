"""
The public methods of a node that ask other nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from .._addresses import parseAddress
from ..interfaces import AddressLike, Pong
from .question import ask

if TYPE_CHECKING:
    from .asking import QueryStream
    from .assembly import Parts


class Asker:
    """
    The base class of a node that asks other nodes.
    """

    _parts: Parts

    def _whenStarted(self) -> Deferred[None]:
        """Fire when the node may send."""
        raise NotImplementedError

    def query(
        self,
        command: str,
        target: bytes,
        value: bytes | None = None,
        *,
        nodes: Iterable[AddressLike] | None = None,
        holepunching: bool = True,
        local: bool = True,
        takersOnly: bool = False,
    ) -> QueryStream:
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
        question = ask(
            command,
            target,
            value,
            holepunching=holepunching,
            local=local,
            takersOnly=takersOnly,
        )
        return self._parts.queries.stream(question, nodes)

    def update(
        self,
        command: str,
        target: bytes,
        value: bytes | None = None,
        *,
        nodes: Iterable[AddressLike] | None = None,
        holepunching: bool = True,
        query: bool = False,
        local: bool = True,
        valueInQuery: bool = True,
    ) -> QueryStream:
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
        question = ask(
            command,
            target,
            value,
            holepunching=holepunching,
            isUpdate=True,
            withQuery=query,
            local=local,
            valueInQuery=valueInQuery,
        )
        return self._parts.queries.stream(question, nodes)

    def ping(self, address: AddressLike) -> Deferred[Pong]:
        """
        Check that a node answers.

        :return: fires with a `Pong`; fails with `RequestTimeout`, `UnresolvableHost` or
            `UnexpectedAnswer`
        :raises InvalidAddress: when the address is not valid
        """
        given = parseAddress(address)
        return self._pinged(lambda: self._parts.pings.ping(given))

    def holepunch(self, peer: AddressLike, referrer: AddressLike) -> Deferred[Pong]:
        """
        Open a path to a peer behind a NAT, with the help of a third node.

        :param peer: the node to reach
        :param referrer: the node that relays a ping to the peer
        :return: fires with the peer's `Pong`; fails as `ping` does
        :raises InvalidAddress: when one of the addresses is not valid
        """
        given = parseAddress(peer), parseAddress(referrer)
        return self._pinged(lambda: self._parts.pings.holepunch(*given))

    def _pinged(self, send: Callable[[], Deferred[Pong]]) -> Deferred[Pong]:
        started = self._whenStarted()
        return self._parts.queries.track(started.addCallback(lambda _: send()))
