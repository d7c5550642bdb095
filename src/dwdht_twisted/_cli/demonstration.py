"""
``dwdht demo``: a network on this machine that stores a value and finds it, with explanations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import choice, randbytes
from typing import TYPE_CHECKING, Any, NoReturn

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.task import deferLater

from .. import peers, values
from .._core.wire import ID_BITS, ID_BYTES, Contact, distance
from .._service.serving import makeServer
from ..errors import NoResponse, ValueNotFound
from ..node import DHTNode
from ..values import MemoryStore

if TYPE_CHECKING:
    from ..web.settings import HTTPSettings

LOOPBACK = "127.0.0.1"

#: The value that is stored and found.
VALUE = b"hello from a distributed hash table"

#: The number of nodes that join at the same time.  Larger: their requests wait longer for each
#: other, because all nodes share one process.  Smaller: the network takes longer to build.
JOINING = 10

#: The time that a node may take to join, in seconds.  Larger: where a firewall drops all datagrams,
#: the demonstration seems to hang.  Smaller: nodes on a slow machine fail to join in time.
JOIN_TIMEOUT = 20.0

#: The time between two lookups of a network that is served, in seconds.  Larger: little moves on
#: the page.  Smaller: the lookups of the page's reader are hard to find among them.
LOOKUP_INTERVAL = 1.0


@dataclass(frozen=True)
class _Member:
    """A node of the network and its store."""

    node: DHTNode
    store: MemoryStore

    @property
    def contact(self) -> Contact:
        """The contact that other nodes list."""
        return Contact(self.node.id, *self.node.address())


class Demonstration:
    """
    Builds a network of real nodes on the loopback interface, stores a value and finds it again.

    :param reactor: as for `DHTNode`
    :param size: the number of nodes that keep values, without the bootstrap node
    :param show: called with each line of text
    :param http: where a node of the network is served, which then stays; None if it ends by itself
    """

    def __init__(
        self,
        reactor: Any,
        size: int,
        show: Callable[[str], None],
        *,
        http: HTTPSettings | None = None,
    ) -> None:
        self._reactor = reactor
        self._http = http
        self._size = size
        self._show = show
        self._nodes: list[DHTNode] = []
        self._members: list[_Member] = []
        self._bootstrap: DHTNode | None = None
        self._joined = 0

    async def run(self) -> bytes:
        """
        Run the demonstration, and destroy all nodes at the end.

        :return: the value that was found
        :raises ValueNotFound: when no node returned the value
        """
        try:
            await self._build()
            key = await self._store()
            value = await self._find(key)
            if self._http is not None:
                await self._serve(self._http)
            return value
        finally:
            await _all([node.destroy() for node in self._nodes])

    def describe(self) -> str:
        """How many nodes have joined so far, in words."""
        return f"{self._joined} of {_count(self._size, 'node')} joined"

    def _start(self, ephemeral: bool = False) -> DHTNode:
        bootstrap = () if self._bootstrap is None else (self._bootstrap.address(),)
        node = DHTNode(self._reactor, bootstrap=bootstrap, ephemeral=ephemeral)
        self._nodes.append(node)
        node.listen(0, LOOPBACK)
        return node

    async def _build(self) -> None:
        self._bootstrap = self._start(ephemeral=True)
        self._show(f"A bootstrap node listens on {self._bootstrap.address()}.")
        started = self._reactor.seconds()
        for first in range(0, self._size, JOINING):
            count = min(JOINING, self._size - first)
            joining = [self._join() for _ in range(count)]
            await _all([self._ready(member.node) for member in joining])
            self._joined += count
        known = sorted(len(member.node.contacts()) for member in self._members)
        self._show(
            f"{_count(self._size, 'node')} joined in {self._since(started)}; "
            f"each knows {known[0]} to {known[-1]} others."
        )

    def _ready(self, node: DHTNode) -> Deferred[None]:
        def failed(_: object, seconds: float) -> NoReturn:
            raise NoResponse(f"no node answered within {seconds:g} seconds")

        return node.ready().addTimeout(JOIN_TIMEOUT, self._reactor, failed)

    def _join(self) -> _Member:
        member = _Member(self._start(), MemoryStore(self._reactor))
        member.node.register(values.COMMAND, values.ValueHandler(member.store))
        if self._http is not None:
            # The API has records and peers, too.
            member.node.register(values.RECORDS, values.RecordHandler(member.store))
            member.node.register(peers.COMMAND, peers.PeerHandler(self._reactor))
        self._members.append(member)
        return member

    async def _store(self) -> bytes:
        started = self._reactor.seconds()
        key = await values.put(self._start(ephemeral=True), VALUE)
        took = self._since(started)
        self._members.sort(key=lambda member: distance(member.node.id, key))
        holders = [member for member in self._members if member.store.get(key) is not None]
        areClosest = holders == self._members[: len(holders)]

        self._show("")
        self._show(f'A new node stores "{VALUE.decode()}".')
        self._show(f"The key is the SHA-256 of the value: {key.hex()}")
        self._show(
            f"{_count(len(holders), 'node')} took the value within {took}, "
            f"{'the' if areClosest else 'not all of them the'} closest to the key:"
        )
        self._show("")
        self._show(_HEADING)
        for number, member in enumerate(holders, 1):
            self._show(_describe(number, member.contact, key))
        return key

    async def _find(self, key: bytes) -> bytes:
        self._show("")
        self._show(
            "Another new node knows the key and the bootstrap node. The bootstrap node names the"
        )
        self._show("closest nodes that it knows. They are asked next, and answer:")
        self._show("")
        self._show(f"{_HEADING}  answer")
        started = self._reactor.seconds()
        stream = self._start(ephemeral=True).query(values.COMMAND, key)
        number = 0
        async for contact, value in stream:
            number += 1
            isFound = value is not None and values.keyOf(value) == key
            answer = "the value" if isFound else "closer nodes"
            self._show(_describe(number, contact, key, answer))
            if value is not None and isFound:
                stream.stopProducing()
                self._show("")
                self._show(f'Found within {self._since(started)}: "{value.decode()}"')
                return value
        raise ValueNotFound(f"no node holds a valid value under {key.hex()}")

    async def _serve(self, http: HTTPSettings) -> None:
        """Serve the first node, and look up keys, until this is cancelled."""
        first = self._members[0]
        server = makeServer(self._reactor, http)
        server.listen()
        try:
            server.serve(first.node, store=first.store)
            self._show("")
            self._show(f"A node is served over HTTP on {http.endpoint}. Interrupt to end.")
            while True:
                await deferLater(self._reactor, LOOKUP_INTERVAL)
                # The node that is served shows its own lookups, and the requests of others.
                asker = choice((first, choice(self._members)))
                await asker.node.query(values.COMMAND, randbytes(ID_BYTES)).collect()
        finally:
            await server.stop()

    def _since(self, started: float) -> str:
        seconds = self._reactor.seconds() - started
        return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


async def _all(work: list[Deferred[None]]) -> None:
    try:
        await gatherResults(work, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()


_HEADING = "      address                id               bits shared with the key"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _describe(number: int, contact: Contact, key: bytes, answer: str = "") -> str:
    """A line of a table: the node, how many bits it shares with the key, and its answer."""
    id = contact.id or b""
    shared = ID_BITS - distance(id, key).bit_length()
    line = f"  {number:>2}  {contact.address!s:<21}  {id.hex()[:12]}...  {shared:<24}  {answer}"
    return line.rstrip()
