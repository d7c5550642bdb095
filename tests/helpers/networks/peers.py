"""
A peer that sends requests, answers and datagrams that no node would send.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted import Address, Contact
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort, packAddress


class RawPeer(DatagramProtocol):
    """
    A protocol that sends handmade messages and records the received ones.

    :ivar id: the id in the peer's messages, or None for an ephemeral peer
    :ivar received: each received datagram, with its source
    :ivar requests: each received request, with its source
    :ivar responses: each received response, with its source
    :ivar onRequest: called with each request and its source; one of `ignore`, `pong` and `serve`,
        or any function
    """

    noisy = False

    def __init__(self, id: bytes | None, host: str) -> None:
        self.id = id
        self.host = host
        self.received: list[tuple[bytes, HostPort]] = []
        self.requests: list[tuple[wire.RequestMessage, HostPort]] = []
        self.responses: list[tuple[wire.ResponseMessage, HostPort]] = []
        self.onRequest: Callable[[wire.RequestMessage, HostPort], object] = self.ignore
        self._transactionId = 0

    @property
    def address(self) -> Address:
        """The address at which the peer receives."""
        assert self.transport is not None
        return Address(self.host, self.transport.getHost().port)

    @property
    def contact(self) -> Contact:
        """The contact by which nodes know the peer."""
        return Contact(self.id, *self.address)

    def datagramReceived(self, datagram: bytes, addr: HostPort) -> None:
        self.received.append((datagram, addr))
        message = wire.decode(datagram)
        if isinstance(message, wire.RequestMessage):
            self.requests.append((message, addr))
            self.onRequest(message, addr)
        else:
            self.responses.append((message, addr))

    def send(self, datagram: bytes, address: HostPort) -> None:
        """Send any bytes as a datagram."""
        assert self.transport is not None
        self.transport.write(datagram, (address[0], address[1]))

    def ask(
        self, address: HostPort, command: str, target: bytes | None = None, **fields: bytes | None
    ) -> bytes:
        """Send a request with the next transaction id, and return its datagram."""
        self._transactionId += 1
        fields.setdefault("id", self.id)
        body = wire.requestBody(command, target=target, **fields)
        datagram = wire.frameRequest(self._transactionId, body)
        self.send(datagram, address)
        return datagram

    def answer(
        self, message: wire.RequestMessage, address: HostPort, **fields: bytes | None
    ) -> None:
        """Send a response to a request."""
        fields.setdefault("id", self.id)
        self.send(wire.encodeResponse(message.transactionId, **fields), address)

    # Values of `onRequest`.

    def ignore(self, message: wire.RequestMessage, address: HostPort) -> None:
        """Send no answer."""

    def pong(self, message: wire.RequestMessage, address: HostPort) -> None:
        """Answer pings and ignore all other requests."""
        if message.command == wire.PING:
            self.serve(message, address)

    def serve(
        self,
        message: wire.RequestMessage,
        address: HostPort,
        nodes: bytes | None = None,
        value: bytes | None = None,
        token: bytes | None = bytes(32),
    ) -> None:
        """Answer like a node that knows the contacts ``nodes`` and stores ``value``."""
        if message.command == wire.PING:
            self.answer(message, address, value=packAddress(*address), roundtripToken=token)
        else:
            self.answer(message, address, nodes=nodes, value=value, roundtripToken=token)

    def requestsFor(self, command: str) -> list[wire.RequestMessage]:
        """Return the received requests for a command."""
        return [message for message, _ in self.requests if message.command == command]
