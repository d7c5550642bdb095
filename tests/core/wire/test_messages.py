"""
Datagrams: the bytes of each message, and malformed datagrams.

The expected bytes are written by hand from the description of the protocol. They are not the output
of a program.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import RequestMessage, ResponseMessage
from dwdht_twisted.errors import MalformedDatagram
from tests.helpers.strategies import requests, responses, thorough, transactionIds

ID = bytes.fromhex("11" * 32)
TARGET = bytes.fromhex("22" * 32)
TOKEN = bytes.fromhex("33" * 32)


def encodeRequest(message: RequestMessage) -> bytes:
    """Return the datagram of a request."""
    return wire.frameRequest(message.transactionId, wire.requestBody(*message[1:]))


class VectorTests(SynchronousTestCase):
    """
    Messages and their bytes on the wire.
    """

    #: Messages and their datagrams in hexadecimal.
    REQUESTS = [
        (
            RequestMessage(0, "_ping"),
            "8000 0a055f70696e67",
        ),
        (
            RequestMessage(0x1234, "_ping", ID),
            "9234 0a055f70696e67 1220" + "11" * 32,
        ),
        (
            RequestMessage(0x7FFF, "_find_node", ID, TARGET),
            "ffff 0a0a5f66696e645f6e6f6465 1220" + "11" * 32 + "1a20" + "22" * 32,
        ),
        (
            RequestMessage(1, "_ping", forwardRequest=bytes.fromhex("c000020719dc")),
            "8001 0a055f70696e67 2206c000020719dc",
        ),
        (
            RequestMessage(1, "_ping", forwardResponse=bytes.fromhex("c000020719dc")),
            "8001 0a055f70696e67 2a06c000020719dc",
        ),
        (
            RequestMessage(2, "é", None, TARGET, roundtripToken=TOKEN, value=b"hello"),
            "8002 0a02c3a9 1a20" + "22" * 32 + "3220" + "33" * 32 + "3a0568656c6c6f",
        ),
        (
            RequestMessage(3, "a", value=b""),
            "8003 0a0161 3a00",
        ),
        (
            RequestMessage(3, "a", value=bytes(200)),
            "8003 0a0161 3ac801" + "00" * 200,
        ),
        (
            RequestMessage(3, "a", roundtripToken=TOKEN, value=b"x", askerFlags=b"\1"),
            "8003 0a0161 3220" + "33" * 32 + "3a0178 7a0101",
        ),
    ]
    RESPONSES = [
        (
            ResponseMessage(0),
            "0000",
        ),
        (
            ResponseMessage(0x1234, ID, None, bytes.fromhex("7f0000010050"), TOKEN),
            "1234 0a20" + "11" * 32 + "1a067f0000010050 2220" + "33" * 32,
        ),
        (
            ResponseMessage(0x7FFF, None, ID + bytes.fromhex("7f0000010050")),
            "7fff 1226" + "11" * 32 + "7f0000010050",
        ),
        (
            ResponseMessage(5, nodes=b"", value=b"", roundtripToken=b""),
            "0005 1200 1a00 2200",
        ),
    ]

    def test_requestIsFramingThenFieldsInOrder(self) -> None:
        """
        A request consists of a top bit of 1, the transaction id, and the fields in the order of
        their numbers.
        """
        for message, datagram in self.REQUESTS:
            self.assertEqual(encodeRequest(message), bytes.fromhex(datagram))
            self.assertEqual(wire.decode(bytes.fromhex(datagram)), message)

    def test_responseIsFramingThenFieldsInOrder(self) -> None:
        """
        A response consists of a top bit of 0, the transaction id, and the fields in the order of
        their numbers.
        """
        for message, datagram in self.RESPONSES:
            self.assertEqual(wire.encodeResponse(*message), bytes.fromhex(datagram))
            self.assertEqual(wire.decode(bytes.fromhex(datagram)), message)

    def test_emptyFieldIsNotAbsent(self) -> None:
        """An empty value is read as empty bytes. An absent value is read as None."""
        empty = wire.decode(bytes.fromhex("8003 0a0161 3a00"))
        absent = wire.decode(bytes.fromhex("8003 0a0161"))
        self.assertEqual(empty.value, b"")
        self.assertIsNone(absent.value)

    def test_laterFieldsAreSkipped(self) -> None:
        """
        Fields 14 and 16, which a later version of the protocol may add, are skipped in both kinds
        of messages.
        """
        # Field 14 as a varint, field 16 as bytes.
        later = "7005 82010161"
        request = wire.decode(bytes.fromhex("8003 0a0161" + later))
        self.assertEqual(request, RequestMessage(3, "a"))
        response = wire.decode(bytes.fromhex("0003" + later))
        self.assertEqual(response, ResponseMessage(3))

    def test_flagsOfAResponderAreField15(self) -> None:
        """Field 15 of a response contains the flags of the responder, and is written last."""
        response = ResponseMessage(3, value=b"x", responderFlags=wire.REMEMBERS_UPDATES)
        datagram = bytes.fromhex("0003 1a0178 7a0101")
        self.assertEqual(wire.encodeResponse(*response), datagram)
        self.assertEqual(wire.decode(datagram), response)

    def test_flagsThatAreAVarintAreSkipped(self) -> None:
        """Field 15 is skipped in a request and in a response if it is a varint."""
        response = wire.decode(bytes.fromhex("0003 1a0178 7801"))
        self.assertEqual(response, ResponseMessage(3, value=b"x"))
        self.assertEqual(wire.decode(bytes.fromhex("8003 0a0161 7801")), RequestMessage(3, "a"))

    def test_lowestFlagSaysThatUpdatesAreRemembered(self) -> None:
        """
        A responder remembers updates if the lowest bit of the first byte of its flags is set.
        """
        for flags, expected in {
            None: False,
            b"": False,
            b"\0": False,
            b"\2\1": False,
            b"\1": True,
            b"\xff\0": True,
        }.items():
            self.assertIs(ResponseMessage(1, responderFlags=flags).remembersUpdates, expected)

    def test_lowestFlagSaysThatRefusalsAreUnderstood(self) -> None:
        """
        The lowest bit in the first byte of the flags says that the asker understands refusals.
        """
        for flags, expected in {
            None: False,
            b"": False,
            b"\0": False,
            b"\2": False,
            b"\0\1": False,
            b"\1": True,
            b"\3": True,
            b"\1\0": True,
            bytes([255]) * 1000: True,
        }.items():
            self.assertIs(RequestMessage(1, "a", askerFlags=flags).understandsRefusal, expected)

    def test_lastOfTwoValuesCounts(self) -> None:
        """Of two values in a request, the last one is read, as by protobuf."""
        request = wire.decode(bytes.fromhex("8003 0a0161 3a0178 3a0179"))
        self.assertEqual(request.value, b"y")


class RoundTripTests(SynchronousTestCase):
    """
    Messages that are written and read again.
    """

    @thorough
    @given(requests)
    def test_requestIsReadBack(self, message: RequestMessage) -> None:
        """A written request is read as the same message."""
        datagram = encodeRequest(message)
        self.assertTrue(wire.isRequest(datagram))
        self.assertEqual(wire.transactionId(datagram), message.transactionId)
        self.assertEqual(wire.decode(datagram), message)
        self.assertEqual(wire.decodeRequest(datagram), message)

    @thorough
    @given(responses)
    def test_responseIsReadBack(self, message: ResponseMessage) -> None:
        """A written response is read as the same message."""
        datagram = wire.encodeResponse(*message)
        self.assertFalse(wire.isRequest(datagram))
        self.assertEqual(wire.transactionId(datagram), message.transactionId)
        self.assertEqual(wire.decode(datagram), message)
        self.assertEqual(wire.decodeResponse(datagram), message)

    @given(requests, transactionIds)
    def test_bodyServesForAnyTransaction(self, message: RequestMessage, other: int) -> None:
        """A body can be framed with any transaction id. It is always read as the same request."""
        body = wire.requestBody(*message[1:])
        datagram = wire.frameRequest(other, body)
        self.assertEqual(wire.decode(datagram), message._replace(transactionId=other))

    def test_largestDatagramIsReadBack(self) -> None:
        """A request of 65,507 bytes, the most that UDP can carry, is read as the same message."""
        overhead = len(encodeRequest(RequestMessage(1, "a", value=bytes(65000)))) - 65000
        value = bytes(wire.MAX_DATAGRAM_BYTES - overhead)
        datagram = encodeRequest(RequestMessage(1, "a", value=value))
        self.assertEqual(len(datagram), 65507)
        self.assertEqual(wire.decode(datagram).value, value)


class MalformedTests(SynchronousTestCase):
    """
    Datagrams that are not messages of the protocol.
    """

    def assertMalformed(self, datagram: str) -> None:
        """Require that `decode` raises `MalformedDatagram` for a datagram in hexadecimal."""
        self.assertRaises(MalformedDatagram, wire.decode, bytes.fromhex(datagram))

    def test_datagramShorterThanItsFramingIsMalformed(self) -> None:
        """A datagram of 0 or 1 bytes is malformed."""
        for datagram in ("", "00", "80", "ff"):
            self.assertMalformed(datagram)
            for read in (wire.decodeRequest, wire.decodeResponse):
                self.assertRaises(MalformedDatagram, read, bytes.fromhex(datagram))

    def test_requestWithoutACommandIsMalformed(self) -> None:
        """A request without a command is malformed, because the command is a required field."""
        self.assertMalformed("8001")
        self.assertMalformed("8001 1220" + "11" * 32)

    def test_commandOfAnotherWireTypeIsNoCommand(self) -> None:
        """A request whose field 1 is a varint is malformed, because it has no command."""
        self.assertMalformed("8001 0805")

    def test_commandThatIsNotUTF8IsMalformed(self) -> None:
        """
        A request is malformed if its command is invalid UTF-8, for example half of a surrogate
        pair.
        """
        self.assertMalformed("8001 0a02fffe")
        self.assertMalformed("8001 0a03eda080")

    def test_idThatIsNot32BytesIsLeftOut(self) -> None:
        """
        A request or a response with an id of 0, 1, 31 or 33 bytes is read as one without an id. The
        original serves such a sender as ephemeral.
        """
        for size in (0, 1, 31, 33):
            field = f"{size:02x}" + "11" * size
            request = wire.decode(bytes.fromhex("8001 0a0161 12" + field))
            self.assertEqual(request, RequestMessage(1, "a"))
            response = wire.decode(bytes.fromhex("0001 0a" + field + "1a0178"))
            self.assertEqual(response, ResponseMessage(1, value=b"x"))

    def test_truncatedFieldIsMalformed(self) -> None:
        """A message that ends within its last field is malformed."""
        self.assertMalformed("8001 0a0561")
        self.assertMalformed("0001 1a0561")
        self.assertMalformed("0001 1affffffff0f")

    def test_openGroupsAreMalformed(self) -> None:
        """A message with 60,000 open groups is malformed. Reading it doesn't exhaust the stack."""
        self.assertMalformed("8001 0a0161" + "7b" * 60000)
        self.assertMalformed("0001" + "7b" * 60000)

    @thorough
    @given(st.binary(max_size=200))
    def test_anyBytesAreReadOrMalformed(self, datagram: bytes) -> None:
        """Random bytes are read or raise `MalformedDatagram`. No other exception is raised."""
        self._read(datagram)

    @thorough
    @given(requests, responses, st.data())
    def test_corruptedDatagramIsReadOrMalformed(
        self, request: RequestMessage, response: ResponseMessage, data: st.DataObject
    ) -> None:
        """A datagram with up to 8 bytes changed, removed or inserted is read or malformed."""
        for datagram in (encodeRequest(request), wire.encodeResponse(*response)):
            start = data.draw(st.integers(0, len(datagram)))
            end = data.draw(st.integers(start, min(len(datagram), start + 8)))
            self._read(datagram[:start] + data.draw(st.binary(max_size=8)) + datagram[end:])

    def _read(self, datagram: bytes) -> None:
        try:
            message = wire.decode(datagram)
        except MalformedDatagram as error:
            self.assertTrue(str(error))
            return
        self.assertEqual(isinstance(message, RequestMessage), datagram[0] >= 0x80)
        self.assertTrue(message.id is None or len(message.id) == 32)
        for field in message[2:]:
            self.assertIsInstance(field, (bytes, type(None)))
