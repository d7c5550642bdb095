"""
Tests for `dwdht_twisted.tokens`.
"""

from __future__ import annotations

from random import Random
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.wire import TOKEN_BYTES, TokenIssuer
from tests.helpers.strategies import hosts, ids, ports, thorough

ID = b"i" * 32
TARGET = b"t" * 32

Asker: TypeAlias = tuple[str, int, bytes | None, bytes | None]

askers = st.tuples(hosts, ports, st.none() | ids, st.none() | ids)


def issuer(seed: int = 1) -> TokenIssuer:
    """An issuer whose secrets follow from a seed."""
    return TokenIssuer(Random(seed).randbytes)


class TokenIssuerTests(SynchronousTestCase):
    """
    Tests for `TokenIssuer`.
    """

    @thorough
    @given(askers)
    def test_own(self, asker: Asker) -> None:
        """A token has 32 bytes, and is accepted from whom it was given to."""
        tokens = issuer()
        token = tokens.issue(*asker)
        self.assertEqual(len(token), TOKEN_BYTES)
        self.assertEqual(TOKEN_BYTES, 32)
        self.assertTrue(tokens.accepts(token, *asker))

    @thorough
    @given(askers, askers)
    def test_others(self, one: Asker, other: Asker) -> None:
        """A token is good for one asker and one question only."""
        tokens = issuer()
        self.assertEqual(tokens.accepts(tokens.issue(*one), *other), one == other)

    def test_boundToEach(self) -> None:
        """Another host, port, id or target alone makes a token worthless."""
        tokens = issuer()
        token = tokens.issue("192.0.2.7", 80, ID, TARGET)
        others: list[Asker] = [
            ("192.0.2.8", 80, ID, TARGET),
            ("192.0.2.7", 81, ID, TARGET),
            ("192.0.2.7", 80, TARGET, TARGET),
            ("192.0.2.7", 80, None, TARGET),
            ("192.0.2.7", 80, ID, ID),
            ("192.0.2.7", 80, ID, None),
        ]
        for other in others:
            self.assertFalse(tokens.accepts(token, *other), other)

    def test_noMixing(self) -> None:
        """The id and the target don't stand in for one another."""
        tokens = issuer()
        asked: list[Asker] = [
            ("192.0.2.7", 80, ID, None),
            ("192.0.2.7", 80, None, ID),
            ("192.0.2.7", 80, ID + TARGET, None),
            ("192.0.2.7", 80, ID, TARGET),
            ("192.0.2.7", 80, b"", ID + TARGET),
            ("192.0.2.7", 80, None, ID + TARGET),
            ("192.0.2.7", 8, b"0", TARGET),
        ]
        self.assertEqual(len({tokens.issue(*each) for each in asked}), len(asked))

    @thorough
    @given(st.binary(max_size=64))
    def test_forged(self, token: bytes) -> None:
        """Bytes of any length that were never given out are refused."""
        self.assertFalse(issuer().accepts(token, "192.0.2.7", 80, ID, TARGET))

    def test_rotation(self) -> None:
        """A token outlives one rotation of the secret, and not a second."""
        tokens = issuer()
        token = tokens.issue("192.0.2.7", 80, ID, TARGET)
        tokens.rotate()
        self.assertTrue(tokens.accepts(token, "192.0.2.7", 80, ID, TARGET))
        tokens.rotate()
        self.assertFalse(tokens.accepts(token, "192.0.2.7", 80, ID, TARGET))

    def test_newToken(self) -> None:
        """After a rotation a new token is given, and it outlives one rotation too."""
        tokens = issuer()
        former = tokens.issue("192.0.2.7", 80, ID, TARGET)
        tokens.rotate()
        token = tokens.issue("192.0.2.7", 80, ID, TARGET)
        self.assertNotEqual(token, former)
        tokens.rotate()
        self.assertTrue(tokens.accepts(token, "192.0.2.7", 80, ID, TARGET))

    def test_steady(self) -> None:
        """Between rotations the same asker gets the same token, for nothing is kept for it."""
        tokens = issuer()
        self.assertEqual(
            tokens.issue("192.0.2.7", 80, ID, TARGET), tokens.issue("192.0.2.7", 80, ID, TARGET)
        )

    def test_secret(self) -> None:
        """A node accepts no tokens of another."""
        token = issuer(1).issue("192.0.2.7", 80, ID, TARGET)
        self.assertFalse(issuer(2).accepts(token, "192.0.2.7", 80, ID, TARGET))

    def test_enoughRandomness(self) -> None:
        """Each secret takes at least 16 fresh random bytes."""
        taken: list[int] = []

        def randomBytes(count: int) -> bytes:
            taken.append(count)
            return bytes(count)

        tokens = TokenIssuer(randomBytes)
        self.assertTrue(sum(taken) >= 16)
        taken.clear()
        tokens.rotate()
        self.assertTrue(sum(taken) >= 16)
