"""
Large values among nodes that lie, and trees that a stranger has published.
"""

from __future__ import annotations

from dwdht_twisted import InvalidTree, NoCloseNodes, Request, UpdateRefused, ValueNotFound, values
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.values import MemoryStore, TreeKey, getLarge, keyOf, putLarge, treeOf
from dwdht_twisted.values.bounds import PIECE_ATTEMPTS
from dwdht_twisted.values.large.download import GETS_AT_ONCE
from dwdht_twisted.values.large.tree import MARK
from tests.helpers.networks.transfers import Collector, TransferTestCase


class DamageTests(TransferTestCase):
    """
    Nodes that damage, lose or refuse pieces.
    """

    def setUp(self) -> None:
        super().setUp()
        self.value = self.random.randbytes(40_000)

    def test_damagedPieceIsFetchedElsewhere(self) -> None:
        """
        A get finds a value although two of three nodes answer with damaged pieces: a bit is turned,
        the end is cut off, bytes are added, or it is another piece.
        """
        key = self.put(self.value)
        pieces = treeOf(self.value).values
        damaged = 0

        def damage(request: Request) -> bytes | None:
            nonlocal damaged
            piece = store.get(request.target)
            if piece is None:
                return None
            damaged += 1
            at = self.random.randrange(len(piece))
            turned = piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :]
            return self.random.choice(
                [turned, piece[:at], piece + b"x", self.random.choice(pieces)]
            )

        for node in self.network.members[:20]:
            store = self.network.stores[node.id]
            node.unregister(values.COMMAND)
            node.register(values.COMMAND, query=damage)
        self.assertEqual(self.get(key), self.value)
        self.assertGreater(damaged, 40)

    def test_missingPieceIsNamed(self) -> None:
        """
        A get of a value that lacks a piece is tried 3 times, and fails with ValueNotFound, which
        names the piece. What was written until then is right.
        """
        key = self.put(self.value)
        for name, at in (("piece 7 of 40", 6), ("branch 2 of 2 of level 1", 41), ("the root", 42)):
            missing = treeOf(self.value).values[at]
            self.forget(missing)
            consumer = Collector()
            asked = self.queriesFor(keyOf(missing))
            getting = getLarge(self.visitor(), key, consumer)
            with self.assertRaises(ValueNotFound) as raised:
                self.clock.runUntil(getting)
            self.assertEqual(
                str(raised.exception),
                f"{name} of {key} was not found in 3 attempts: {keyOf(missing).hex()}",
            )
            self.assertEqual(consumer.value, self.value[: 6000 if at == 6 else 0])
            self.assertGreaterEqual(len(asked), PIECE_ATTEMPTS * 20)

    def test_pieceThatComesBackIsFound(self) -> None:
        """A get finds a value if a piece is missing in the first attempt only."""
        key = self.put(self.value)
        missing = treeOf(self.value).values[20]
        holders = self.network.holders(keyOf(missing))
        self.forget(missing)
        consumer = Collector()
        getting = getLarge(self.visitor(), key, consumer)
        asked = self.queriesFor(keyOf(missing))
        while len(asked) < 22:
            self.clock.runFor(0.001)
        for id in holders:
            self.network.stores[id].put(keyOf(missing), missing)
        self.clock.runUntil(getting)
        self.assertEqual(consumer.value, self.value)

    def test_refusedPutFails(self) -> None:
        """
        A put fails with NoCloseNodes if all nodes refuse one piece, after 3 attempts. The bytes
        before this piece are done.
        """
        refused = keyOf(treeOf(self.value).values[30])
        attempts = 0

        def refuse(request: Request) -> None:
            nonlocal attempts
            if request.target == refused:
                attempts += 1
                raise UpdateRefused

        for node in self.network.members:
            node.unregister(values.COMMAND)
            node.register(values.COMMAND, update=refuse)
        transfer = values.Transfer()
        putting = putLarge(self.visitor(), self.value, transfer=transfer)
        with self.assertRaises(NoCloseNodes):
            self.clock.runUntil(putting)
        self.assertEqual(transfer.bytesDone, 30_000)
        self.assertGreaterEqual(attempts, PIECE_ATTEMPTS * 20)

    def queriesFor(self, key: bytes) -> list[bytes]:
        """Return a list to which each datagram with a key is added from now on."""
        found: list[bytes] = []

        def note(source: HostPort, destination: HostPort, datagram: bytes) -> None:
            if key in datagram:
                found.append(datagram)

        self.network.network.onDatagram = note
        return found


class HostileTreeTests(TransferTestCase):
    """
    Trees whose publisher wants to make readers work.
    """

    def publish(self, length: int, keys: list[bytes]) -> TreeKey:
        """Put a root."""
        root = MARK + length.to_bytes(4, "big") + b"".join(keys)
        return TreeKey(self.clock.runUntil(values.put(self.visitor(), root)))

    def attempt(self, key: TreeKey) -> tuple[Exception, set[bytes]]:
        """
        Get a value, which must fail.

        :return: the failure, and the keys that were asked for
        """
        consumer = Collector()
        asked: set[bytes] = set()
        get = MemoryStore.get

        def note(store: MemoryStore, key: bytes) -> bytes | None:
            asked.add(key)
            return get(store, key)

        self.patch(MemoryStore, "get", note)
        getting = getLarge(self.visitor(), key, consumer)
        with self.assertRaises(Exception) as raised:
            self.clock.runUntil(getting, limit=120)
        self.assertEqual(consumer.value, b"")
        return raised.exception, asked

    def test_plainValueIsNoTree(self) -> None:
        """A get fails with InvalidTree if the key is that of a plain value."""
        key = TreeKey(self.clock.runUntil(values.put(self.visitor(), b"hello")))
        error, _ = self.attempt(key)
        self.assertIsInstance(error, InvalidTree)

    def test_missingPiecesEndTheGet(self) -> None:
        """
        A get of a tree of 30 branches that nobody has fails after 3 attempts, and has asked for at
        most 32 other keys.
        """
        keys = [self.random.randbytes(32) for _ in range(30)]
        error, asked = self.attempt(self.publish(900_000, keys))
        self.assertIsInstance(error, ValueNotFound)
        self.assertLessEqual(len(asked), 1 + GETS_AT_ONCE)

    def test_repeatedBranchIsFetchedOnce(self) -> None:
        """
        A tree of 1 MiB whose two top branches have the same key costs its reader two keys.
        """
        branch = self.random.randbytes(32) * 30
        key = self.clock.runUntil(values.put(self.visitor(), branch))
        error, asked = self.attempt(self.publish(1_048_576, [key] * 2))
        self.assertIsInstance(error, InvalidTree)
        self.assertEqual(len(asked), 2)

    def test_pieceOfAnotherSizeIsRefused(self) -> None:
        """A get fails with InvalidTree if a piece is shorter or longer than the length requires."""
        for size, length in ((999, 1000), (10, 9), (1000, 999)):
            piece = self.random.randbytes(size)
            key = self.clock.runUntil(values.put(self.visitor(), piece))
            error, _ = self.attempt(self.publish(length, [key]))
            self.assertIsInstance(error, InvalidTree, f"{size} bytes for {length}")
