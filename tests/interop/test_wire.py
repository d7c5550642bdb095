"""
The bytes on the wire, written by Python nodes and by nodes of npm's ``dht-rpc``, the peer.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from twisted.internet.defer import Deferred

from dwdht_twisted import Contact, Reply
from dwdht_twisted._core.wire import (
    HEADER_BYTES,
    RequestMessage,
    ResponseMessage,
    decode,
    encodeResponse,
    frameRequest,
    requestBody,
)
from tests.helpers.peer.interop import InteropTestCase

TARGET = bytes(range(32))
VALUE = b"Hello, World!"
ID = bytes(range(100, 132))
TOKEN = bytes(range(200, 232))
ADDRESS = bytes([127, 0, 0, 1, 0x12, 0x34])

#: The id in a message is absent or has 32 bytes. Each other field can also be empty.
IDS = (None, ID)


def encode(message: RequestMessage | ResponseMessage) -> bytes:
    """Return the datagram of a message, written by our encoder."""
    if isinstance(message, RequestMessage):
        return frameRequest(message.transactionId, requestBody(*message[1:]))
    return encodeResponse(*message)


def bodies(messages: Iterable[RequestMessage | ResponseMessage]) -> list[bytes]:
    """Return the bodies of messages, written by our encoder, without the framing."""
    return [encode(message)[HEADER_BYTES:] for message in messages]


class WireTests(InteropTestCase):
    """
    Messages written by one side and read by the other side.
    """

    requests = [
        RequestMessage(0, command, *fields)
        for command in ("values", "")
        for fields in product(
            IDS, (None, b"", TARGET), (None, b"", ADDRESS), *[(None, b"", TOKEN)] * 3
        )
    ]
    responses = [
        ResponseMessage(0, *fields)
        for fields in product(IDS, (None, b"", ID + ADDRESS), *[(None, b"", TOKEN)] * 2)
    ]

    async def test_bothSidesWriteTheSameRequests(self) -> None:
        """Both sides write a request as the same bytes, with absent, empty and filled fields."""
        self.assertEqual(bodies(self.requests), await self.peer.encode(self.requests))

    async def test_bothSidesWriteTheSameResponses(self) -> None:
        """Both sides write a response as the same bytes, with absent, empty and filled fields."""
        self.assertEqual(bodies(self.responses), await self.peer.encode(self.responses))

    async def test_peerReadsOurRequests(self) -> None:
        """The peer reads our requests with the fields that were written."""
        read = await self.peer.decode(RequestMessage, bodies(self.requests))
        self.assertEqual(read, self.requests)

    async def test_peerReadsOurResponses(self) -> None:
        """The peer reads our responses with the fields that were written."""
        read = await self.peer.decode(ResponseMessage, bodies(self.responses))
        self.assertEqual(read, self.responses)

    async def test_weReadThePeersRequests(self) -> None:
        """Our decoder reads the peer's requests with the fields that were written."""
        written = await self.peer.encode(self.requests)
        self.assertEqual([decode(frameRequest(0, body)) for body in written], self.requests)

    async def test_weReadThePeersResponses(self) -> None:
        """Our decoder reads the peer's responses with the fields that were written."""
        written = await self.peer.encode(self.responses)
        self.assertEqual([decode(bytes(HEADER_BYTES) + body) for body in written], self.responses)

    async def test_bothSidesWriteTheSameLengths(self) -> None:
        """
        Both sides write the same bytes for values of 1 to 60,000 bytes. The sizes include those at
        which the length needs one more byte.
        """
        messages = [
            message
            for size in (1, 127, 128, 16383, 16384, 60000)
            for message in (
                RequestMessage(0, "values", ID, TARGET, value=bytes(size)),
                ResponseMessage(0, ID, value=bytes(size), roundtripToken=TOKEN),
            )
        ]
        self.assertEqual(bodies(messages), await self.peer.encode(messages))

    async def test_commandsAreUTF8OnBothSides(self) -> None:
        """Both sides write and read a command with non-ASCII characters as UTF-8."""
        messages = [RequestMessage(0, command) for command in ("größe", "値", "\U0001f300")]
        self.assertEqual(bodies(messages), await self.peer.encode(messages))
        self.assertEqual(await self.peer.decode(RequestMessage, bodies(messages)), messages)


class DatagramTests(InteropTestCase):
    """
    Whole datagrams of the peer's nodes, received by a plain socket.
    """

    async def test_peersRequestsEqualOurs(self) -> None:
        """
        The peer sends a query and an update. Both datagrams equal those that our encoder writes for
        the same fields.
        """
        node = await self.javaScript()
        probe = self.probe()
        update = Deferred.fromCoroutine(node.update("echo", TARGET, VALUE, nodes=[probe.address()]))
        fields: dict[str, Any] = {"id": node.id, "target": TARGET, "value": VALUE}

        datagram, sender = await probe.received.get()
        first = decode(datagram)
        self.assertEqual(first, RequestMessage(first.transactionId, "echo", **fields))
        self.assertEqual(encode(first), datagram)
        probe.send(encodeResponse(first.transactionId, ID, None, None, TOKEN), sender)

        datagram, sender = await probe.received.get()
        second = decode(datagram)
        self.assertEqual(
            second, RequestMessage(second.transactionId, "echo", roundtripToken=TOKEN, **fields)
        )
        self.assertEqual(encode(second), datagram)
        probe.send(encodeResponse(second.transactionId, ID, None, b"done", TOKEN), sender)

        self.assertEqual(await update, [Reply(Contact(ID, *probe.address()), b"done")])

    async def test_peersAnswersEqualOurs(self) -> None:
        """
        The peer's answers to four kinds of requests equal the datagrams that our encoder writes for
        the same fields.
        """
        node = await self.javaScript()
        probe = self.probe()
        for number, body in enumerate(
            (
                requestBody("_ping"),
                requestBody("_find_node", target=TARGET),
                requestBody("echo", target=TARGET, value=VALUE),
                requestBody("no such command", target=TARGET),
            ),
            start=32764,
        ):
            probe.send(frameRequest(number, body), node.address())
            datagram, sender = await probe.received.get()
            answer = decode(datagram)
            self.assertEqual((answer.transactionId, answer.id), (number, node.id))
            self.assertEqual(encode(answer), datagram)
            self.assertEqual(sender, node.address())
