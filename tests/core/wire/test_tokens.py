"""
Round-trip tokens: from which asker an issuer accepts a token, and for how long.
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
    """Return an issuer with secrets that depend only on the seed."""
    return TokenIssuer(Random(seed).randbytes)


class TokenIssuerTests(SynchronousTestCase):
    """
    A `TokenIssuer`, which issues tokens and checks them.
    """

    @thorough
    @given(askers)
    def test_tokenIsAcceptedFromItsAsker(self, asker: Asker) -> None:
        """A token has 32 bytes and is accepted from the asker to which it was issued."""
        tokens = issuer()
        token = tokens.issue(*asker)
        self.assertEqual(len(token), TOKEN_BYTES)
        self.assertEqual(TOKEN_BYTES, 32)
        self.assertTrue(tokens.accepts(token, *asker))

    @thorough
    @given(askers, askers)
    def test_tokenIsRefusedFromAnotherAsker(self, one: Asker, other: Asker) -> None:
        """A token is accepted only from an asker with the same address, id and target."""
        tokens = issuer()
        self.assertEqual(tokens.accepts(tokens.issue(*one), *other), one == other)

    def test_tokenIsBoundToHostPortIdAndTarget(self) -> None:
        """
        A token is refused if the host, the port, the id or the target differs. It is also refused
        if the id or the target is absent.
        """
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

    def test_idIsNotTakenForTheTarget(self) -> None:
        """
        Askers get different tokens even if their ids and targets give the same bytes when they are
        joined.
        """
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
    def test_forgedTokenIsRefused(self, token: bytes) -> None:
        """Random bytes that were never issued, up to 64 of them, are refused as a token."""
        self.assertFalse(issuer().accepts(token, "192.0.2.7", 80, ID, TARGET))

    def test_tokenOutlivesOneRotation(self) -> None:
        """A token is accepted after one rotation of the secret, and refused after two."""
        tokens = issuer()
        token = tokens.issue("192.0.2.7", 80, ID, TARGET)
        tokens.rotate()
        self.assertTrue(tokens.accepts(token, "192.0.2.7", 80, ID, TARGET))
        tokens.rotate()
        self.assertFalse(tokens.accepts(token, "192.0.2.7", 80, ID, TARGET))

    def test_tokenAfterARotationIsNew(self) -> None:
        """
        A token issued after a rotation differs from the one before. It is accepted after the next
        rotation.
        """
        tokens = issuer()
        former = tokens.issue("192.0.2.7", 80, ID, TARGET)
        tokens.rotate()
        token = tokens.issue("192.0.2.7", 80, ID, TARGET)
        self.assertNotEqual(token, former)
        tokens.rotate()
        self.assertTrue(tokens.accepts(token, "192.0.2.7", 80, ID, TARGET))

    def test_tokenIsTheSameBetweenRotations(self) -> None:
        """Between rotations, an asker gets the same token again, because the token is a hash."""
        tokens = issuer()
        self.assertEqual(
            tokens.issue("192.0.2.7", 80, ID, TARGET), tokens.issue("192.0.2.7", 80, ID, TARGET)
        )

    def test_tokenOfAnotherIssuerIsRefused(self) -> None:
        """An issuer refuses a token that was made with another secret."""
        token = issuer(1).issue("192.0.2.7", 80, ID, TARGET)
        self.assertFalse(issuer(2).accepts(token, "192.0.2.7", 80, ID, TARGET))

    def test_secretTakes16RandomBytes(self) -> None:
        """The first secret and the secret of each rotation take at least 16 random bytes."""
        taken: list[int] = []

        def randomBytes(count: int) -> bytes:
            taken.append(count)
            return bytes(count)

        tokens = TokenIssuer(randomBytes)
        self.assertTrue(sum(taken) >= 16)
        taken.clear()
        tokens.rotate()
        self.assertTrue(sum(taken) >= 16)
