"""
The payloads of the hand-over command.
"""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.values import keyOf
from dwdht_twisted.values.bounds import OFFERED_KEYS
from dwdht_twisted.values.keeping.payloads import (
    decodeLacking,
    decodeOffer,
    decodeValue,
    encodeLacking,
    encodeOffer,
    encodeValue,
)

KEYS = [Random(index).randbytes(32) for index in range(OFFERED_KEYS)]


class OfferTests(SynchronousTestCase):
    """
    Offers and their answers.
    """

    def test_offerIsReadAsWritten(self) -> None:
        """An offer of any number of keys up to the limit is read as it was written."""
        for count in range(1, OFFERED_KEYS + 1):
            self.assertEqual(decodeOffer(encodeOffer(KEYS[:count])), KEYS[:count])

    def test_otherPayloadsOfferNothing(self) -> None:
        """A payload of another size, or too many keys, offers nothing."""
        for payload in (None, b"", bytes(31), bytes(33), bytes(32 * (OFFERED_KEYS + 1))):
            self.assertEqual(decodeOffer(payload), [])

    @given(st.lists(st.booleans(), min_size=1, max_size=OFFERED_KEYS))
    def test_answerIsReadAsWritten(self, isLacking: list[bool]) -> None:
        """The answer to an offer names the keys that are lacking."""
        keys = KEYS[: len(isLacking)]
        expected = [key for key, each in zip(keys, isLacking, strict=True) if each]
        self.assertEqual(decodeLacking(encodeLacking(isLacking), keys), expected)

    @given(st.none() | st.binary(max_size=8), st.integers(1, OFFERED_KEYS))
    def test_anyAnswerCanBeRead(self, payload: bytes | None, count: int) -> None:
        """An answer of a wrong size is none, and any other names some of the offered keys."""
        lacking = decodeLacking(payload, KEYS[:count])
        if payload is None or len(payload) != (count + 7) // 8:
            self.assertIsNone(lacking)
        else:
            self.assertIsNotNone(lacking)
            self.assertLessEqual(set(lacking or ()), set(KEYS[:count]))


class ValueTests(SynchronousTestCase):
    """
    Values that are handed on.
    """

    @given(st.floats(1, 1e9), st.binary(max_size=1285))
    def test_valueIsReadAsWritten(self, lifetime: float, value: bytes) -> None:
        """A value is read as it was written, and its lifetime never grows by rounding."""
        told, read = decodeValue(encodeValue(lifetime, value), keyOf(value))
        self.assertEqual(read, value)
        self.assertLessEqual(told, lifetime)
        self.assertGreater(told, lifetime - 1)

    @given(st.none() | st.binary(max_size=1400), st.binary(min_size=32, max_size=32))
    def test_anyPayloadCanBeRead(self, payload: bytes | None, key: bytes) -> None:
        """A payload whose value has another key is refused."""
        with self.assertRaises(ValueError):
            decodeValue(payload, key)
