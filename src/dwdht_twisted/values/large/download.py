"""
`getLarge`: find a value of up to 1 MiB.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from zope.interface import implementer

from ..._awaitable import fromCoroutine
from ..._core.wire import checkId
from ...errors import ValueNotFound
from ...interfaces import Consumer, checkNode
from ..bounds import PIECE_ATTEMPTS
from ..client import Node, find
from ..keys import keyOf
from .transfer import Transfer, attempts, checkOffset, transferOf
from .tree import (
    CHILDREN,
    PIECE_BYTES,
    Root,
    TreeKey,
    checkPiece,
    cut,
    levelsOf,
    readBranch,
    readRoot,
)

#: The most pieces that are fetched at once, or wait until those before them are written.  They are
#: all that a get holds of a value, apart from pieces that occur again.  They leave 32 of the 64
#: slots of the node to other queries.  Larger: a bounded answer rate of the other nodes is reached
#: sooner, and other queries of the program wait longer.  Smaller: one late piece delays the rest.
GETS_AT_ONCE = 32

#: The payload of each query for a piece, in bytes.  A node sends an address that has proven nothing
#: at most 14 bytes for a byte (RFC 9000, section 8.1, has 3).  This payload makes a query large
#: enough for an answer of 1,232 bytes, the largest with a piece.  Smaller: nodes hold answers back
#: to validate the address, or drop them when the budget of the address is spent.  Larger: nothing
#: is gained.
PADDING = bytes(64)


def getLarge(
    node: Node,
    key: TreeKey,
    consumer: IConsumer | Consumer,
    *,
    offset: int = 0,
    known: bytes = b"",
    transfer: Transfer | None = None,
) -> Deferred[int]:
    """
    Find a value that `putLarge` has stored, and write it to a consumer.

    Pieces are fetched in parallel, checked as they come, and written in order.  A piece that comes
    damaged is taken from another node.  A piece that no node has is tried three times.  At most 32
    pieces are held in memory.

    The consumer is given an ``IPushProducer``.  While it is paused, no further piece is fetched.

    An interrupted get goes on in one of two ways:

    * ``offset``: the consumer still has what was written, so it gets only the rest.
    * ``known``: the consumer gets everything again.  The pieces in ``known`` are checked by their
      hashes; those that are right are not fetched.  This is the way for a file on disk.

    :param offset: the bytes at the start of the value that are neither fetched nor written
    :param known: what an earlier call wrote, from the start of the value
    :param transfer: shows how far the get has come
    :return: fires with the length of the value in bytes, after all was written; fails with
        `ValueNotFound` when a piece wasn't found, and the message says which; with `InvalidTree`
        when the publisher has stored no valid tree under the key; with ``ValueError`` when the
        offset is beyond the end; otherwise as `get` does, or as the consumer does.  After a
        failure, what was written is right but not all.  Cancelling the Deferred, or
        ``stopProducing``, stops all requests, and the Deferred fails with ``CancelledError``.
    :raises TypeError: when the key isn't a `TreeKey`
    :raises InvalidTarget: when the root of the key isn't 32 bytes
    :raises ValueError: when the offset isn't a whole number or is below 0, or another argument is
        of a wrong kind
    """
    if not isinstance(key, TreeKey):
        raise TypeError(
            f"the key of a large value must be a TreeKey, not {type(key).__name__}; "
            f"TreeKey.parse reads its text"
        )
    checkId(key.root, "the root of a key")
    if not isinstance(known, bytes):
        raise ValueError(f"known is bytes, not {type(known).__name__}")
    if not isinstance(consumer, Consumer):
        raise ValueError(f"an IConsumer is needed, not {consumer!r}")
    download = _Download(consumer, transferOf(transfer))
    return download.start(_TreeReader(checkNode(node), key, known), checkOffset(offset))


@implementer(IPushProducer)
class _Download:
    """
    One get of a large value: writes its pieces to a consumer.
    """

    def __init__(self, consumer: IConsumer | Consumer, transfer: Transfer) -> None:
        self._consumer = consumer
        self._transfer = transfer
        self._work: Deferred[int] | None = None
        self._resumed: Deferred[None] | None = None
        self._isStopped = False

    def start(self, tree: _TreeReader, offset: int) -> Deferred[int]:
        """Register with the consumer, and write to it until the end."""
        self._work = fromCoroutine(self._run(tree, offset))
        return self._work

    def pauseProducing(self) -> None:
        """Write nothing, and fetch no further piece."""
        if self._resumed is None:
            self._resumed = Deferred()

    def resumeProducing(self) -> None:
        """Go on."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None:
            resumed.callback(None)

    def stopProducing(self) -> None:
        """Stop for good."""
        self._isStopped = True
        if self._work is not None:
            self._work.cancel()

    async def _run(self, tree: _TreeReader, offset: int) -> int:
        self._consumer.registerProducer(self, True)
        try:
            self._requireRunning()
            root = await tree.root()
            if offset > root.length:
                raise ValueError(f"the value has {root.length} bytes, less than offset {offset}")
            self._transfer.length = root.length
            self._transfer.bytesDone = offset
            async with aclosing(tree.pieces(root, offset)) as pieces:
                async for piece in pieces:
                    await self._write(piece)
        finally:
            self._consumer.unregisterProducer()
        return root.length

    async def _write(self, piece: bytes) -> None:
        self._consumer.write(piece)
        self._requireRunning()
        self._transfer.bytesDone += len(piece)
        if self._resumed is not None:
            await self._resumed

    def _requireRunning(self) -> None:
        if self._isStopped:
            raise CancelledError


class _TreeReader:
    """
    Fetches the values of one tree, and checks them.

    :param known: the start of the value, perhaps; its pieces are not fetched
    """

    def __init__(self, node: Node, key: TreeKey, known: bytes) -> None:
        self._node = node
        self._key = key
        self._known = {keyOf(piece): piece for piece in cut(known)}

    async def root(self) -> Root:
        """Fetch the root."""
        return readRoot(await self._fetch(self._key.root, "the root"))

    async def pieces(self, root: Root, offset: int) -> AsyncGenerator[bytes, None]:
        """Fetch the bytes of the value from an offset on, in pieces."""
        number = offset // PIECE_BYTES
        keys = await self._keysOfPieces(root, number)
        count = number + len(keys)
        names = _named(keys, number, f"piece {{}} of {count}")
        # The first bytes of the first piece, if the offset is within it.
        before = offset - number * PIECE_BYTES
        async with aclosing(self._inOrder(keys, names)) as pieces:
            async for piece in pieces:
                yield checkPiece(piece, number, root.length)[before:]
                number += 1
                before = 0

    async def _keysOfPieces(self, root: Root, number: int) -> list[bytes]:
        """
        Fetch the branches, level by level.

        :param number: the number of the first piece that is needed
        :return: the keys of the pieces from this number on
        """
        *counts, _ = levels = levelsOf(root.length)
        keys, first = root.keys, 0
        for level, count in enumerate(counts):
            needed = number // CHILDREN ** (len(counts) - level)
            keys = keys[needed - first :]
            names = _named(keys, needed, f"branch {{}} of {count} of level {level + 1}")
            below: list[bytes] = []
            first = needed * CHILDREN
            async with aclosing(self._inOrder(keys, names)) as branches:
                async for branch in branches:
                    left = levels[level + 1] - first - len(below)
                    below += readBranch(branch, min(CHILDREN, left))
            keys = below
        return keys[number - first :]

    async def _inOrder(
        self, keys: list[bytes], names: dict[bytes, str]
    ) -> AsyncGenerator[bytes, None]:
        """
        Fetch values in parallel, and yield them in order.

        A value that occurs again is kept until then, and fetched once.  So a root can't make a node
        ask for one key again and again.
        """
        left = Counter(keys)
        kept: dict[bytes, bytes] = {}
        async with aclosing(self._fetchEach(names)) as values:
            for key in keys:
                value = kept[key] if key in kept else await anext(values)
                left[key] -= 1
                if left[key]:
                    kept[key] = value
                else:
                    kept.pop(key, None)
                yield value

    async def _fetchEach(self, names: dict[bytes, str]) -> AsyncGenerator[bytes, None]:
        """Fetch the value of each key in parallel, and yield the values in order."""
        ahead: deque[Deferred[bytes]] = deque()
        try:
            for key, name in names.items():
                ahead.append(Deferred.fromCoroutine(self._fetch(key, name)))
                if len(ahead) == GETS_AT_ONCE:
                    yield await ahead.popleft()
            while ahead:
                yield await ahead.popleft()
        finally:
            for fetching in ahead:
                fetching.addErrback(lambda _: None)
                fetching.cancel()

    async def _fetch(self, key: bytes, name: str) -> bytes:
        if key in self._known:
            return self._known[key]
        for _ in attempts():
            try:
                return await find(self._node, key, PADDING)
            except ValueNotFound:
                pass
        raise ValueNotFound(
            f"{name} of {self._key} was not found in {PIECE_ATTEMPTS} attempts: {key.hex()}"
        )


def _named(keys: Iterable[bytes], first: int, name: str) -> dict[bytes, str]:
    """
    The name of each key, for errors, in the order in which the keys occur first.

    :param first: the number of the first key, from 0
    :param name: has a place for a number from 1
    """
    named: dict[bytes, str] = {}
    for number, key in enumerate(keys, first + 1):
        named.setdefault(key, name.format(number))
    return named


__all__ = ["GETS_AT_ONCE", "getLarge"]
