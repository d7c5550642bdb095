"""
`putLarge`: store a value of up to 1 MiB.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.python.failure import Failure

from ..._awaitable import fromCoroutine
from ...errors import NoCloseNodes
from ...interfaces import checkNode
from ..client import Node
from ..keys import COMMAND, keyOf
from .source import PieceReader, Source
from .transfer import Transfer, attempts, checkOffset, transferOf
from .tree import PIECE_BYTES, TreeKey, checkLength, cut, grow

#: The most pieces that are put at once.  A put sends some 45 requests, and a node sends one address
#: at most 90 requests a second.  So in a network of 50 nodes without loss, 16 puts at once are as
#: fast as this pace, and with 5 % loss 32 are.  They leave 32 of the 64 slots of the node to other
#: queries of the program.  Larger: hardly faster, and other queries wait longer.  Smaller: late
#: nodes delay the whole put.
PUTS_AT_ONCE = 32


def putLarge(
    node: Node, source: bytes | Source, *, offset: int = 0, transfer: Transfer | None = None
) -> Deferred[TreeKey]:
    """
    Store a value of up to 1,048,576 bytes.

    The value is cut into pieces of 1,000 bytes, which are put as plain values.  The root of the
    tree is put last, so a key is known only when the whole value is stored.  A piece that no node
    took is tried three times.

    An interrupted put goes on where it ended if it is called again with the same value and with
    ``transfer.bytesDone`` of the first call as its ``offset``.  Do so soon, because the nodes keep
    the first pieces for as long as other values.

    :param source: the value, or a producer of it that is like ``twisted.web.iweb.IBodyProducer``,
        for example a ``FileBodyProducer``.  It is paused while enough pieces are under way.
    :param offset: the bytes at the start of the value whose pieces an earlier call has stored; they
        are read, but not put again
    :param transfer: shows how far the put has come
    :return: fires with the key; fails as `put` does, with `ValueTooLarge` when the producer writes
        more than 1,048,576 bytes, with ``ValueError`` when the offset is beyond the end of the
        value, and as the producer does.  Cancelling the Deferred stops the producer, and all puts
        that are under way.
    :raises ValueTooLarge: when bytes, or the ``length`` of a producer, are longer than that
    :raises ValueError: when the offset isn't a whole number or is below 0, or ``node`` or
        ``transfer`` is of a wrong kind
    :raises TypeError: when the source isn't bytes and has no ``startProducing``
    """
    checkOffset(offset)
    progress = transferOf(transfer)
    # The length of an IBodyProducer may be a mark that it is unknown.
    length = len(source) if isinstance(source, bytes) else getattr(source, "length", None)
    if isinstance(length, int):
        checkLength(length)
        progress.length = length
    if not isinstance(source, bytes) and not hasattr(source, "startProducing"):
        raise TypeError(
            f"a large value must be bytes or an IBodyProducer, not {type(source).__name__}"
        )
    upload = _Upload(checkNode(node), offset, progress)
    if isinstance(source, bytes):
        return fromCoroutine(upload.run(_piecesOf(source)))
    return fromCoroutine(_read(upload, PieceReader(source)))


async def _read(upload: _Upload, reader: PieceReader) -> TreeKey:
    try:
        return await upload.run(reader)
    finally:
        reader.stop()


class _Upload:
    """
    One put of a large value.

    :param offset: the bytes at the start of the value that need not be stored
    """

    def __init__(self, node: Node, offset: int, transfer: Transfer) -> None:
        self._node = node
        self._offset = offset
        self._transfer = transfer
        self._slots = DeferredSemaphore(PUTS_AT_ONCE)
        # The keys of the pieces that were read so far, and their bytes.
        self._keys: list[bytes] = []
        self._length = 0
        # The puts that are under way, by the number of their piece.  A piece that could not be
        # stored stays, because the bytes that are done end before it.
        self._underWay: dict[int, Deferred[None]] = {}
        self._failure: Failure | None = None

    async def run(self, pieces: AsyncIterator[bytes]) -> TreeKey:
        """Put all pieces, then all branches, then the root."""
        try:
            return await self._run(pieces)
        finally:
            for putting in list(self._underWay.values()):
                putting.cancel()

    async def _run(self, pieces: AsyncIterator[bytes]) -> TreeKey:
        known: set[bytes] = set()
        async for piece in pieces:
            key = keyOf(piece)
            self._length += len(piece)
            # A piece that occurs again is put once.
            if self._length > self._offset and key not in known:
                known.add(key)
                await self._put(piece, len(self._keys))
            self._keys.append(key)
            self._note()
        if self._length < self._offset:
            raise ValueError(f"the value has {self._length} bytes, less than offset {self._offset}")
        await self._allPut()
        self._transfer.length = self._length
        branches, root = grow(self._keys, self._length)
        for number, branch in enumerate(dict.fromkeys(branches), len(self._keys)):
            await self._put(branch, number)
        await self._allPut()
        await self._putNow(root)
        return TreeKey(keyOf(root))

    async def _put(self, value: bytes, number: int) -> None:
        """
        Begin a put, as soon as less than `PUTS_AT_ONCE` are under way.

        :param number: the number of the piece; branches are counted after the pieces
        """
        await self._slots.acquire()
        self._raise()

        def end(result: Failure | None) -> None:
            if result is None:
                del self._underWay[number]
                self._note()
            elif self._failure is None:
                self._failure = result
            self._slots.release()

        putting = self._underWay[number] = Deferred.fromCoroutine(self._putNow(value))
        putting.addBoth(end)

    async def _putNow(self, value: bytes) -> None:
        for attempt in attempts():
            stream = self._node.update(COMMAND, keyOf(value), value, valueInQuery=False)
            try:
                await stream.collect()
            except NoCloseNodes:
                if attempt == attempts()[-1]:
                    raise
            else:
                self._transfer.storedOn(stream.commits)
                return

    async def _allPut(self) -> None:
        """Wait until no put is under way."""
        for _ in range(PUTS_AT_ONCE):
            await self._slots.acquire()
        for _ in range(PUTS_AT_ONCE):
            self._slots.release()
        self._raise()

    def _raise(self) -> None:
        if self._failure is not None:
            self._failure.raiseException()

    def _note(self) -> None:
        """Note how many bytes from the start are stored."""
        first = min(self._underWay, default=len(self._keys))
        self._transfer.bytesDone = min(self._length, first * PIECE_BYTES)


async def _piecesOf(value: bytes) -> AsyncIterator[bytes]:
    for piece in cut(value):
        yield piece


__all__ = ["PUTS_AT_ONCE", "putLarge"]
