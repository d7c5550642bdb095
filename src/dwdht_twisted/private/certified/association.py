"""
An association: one DTLS connection between two addresses, without the socket.

OpenSSL reads from and writes to memory.  This module gives it one datagram at a time, splits what
it has written into datagrams, and keeps from it what a stranger could end a handshake with.

The states of an association, and what changes them:

- *handshake*: `begin` or `accept` starts it.  It ends with `established`, or with `failed` when
  OpenSSL gives up: a certificate is refused, or a forged record has put it in disorder.
- *established*: data can be sent and received.
- *closed*: after `close`, after an error, or when the other end has closed it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cryptography.x509 import Certificate
from OpenSSL import SSL
from twisted.internet.interfaces import IReactorTime

from ..bounds import FLIGHT_DATAGRAM_BYTES, HANDSHAKE_BYTES, SEALED_MESSAGE_COST
from .records import (
    HELLO_VERIFY_REQUEST,
    RECORD_HEADER_BYTES,
    SEAL_BYTES,
    SERVER_HELLO,
    isProtected,
    isSingleRecord,
    messageType,
    readClientHello,
    sealedMessages,
    splitFlight,
    wellFormed,
    withoutClearAlerts,
)
from .retransmission import CLIENT_REPETITIONS, LAST_REPETITIONS, Retransmission

#: The most bytes of a record (RFC 5246, section 6.2.1).  A datagram of a node is one record, so it
#: is the most bytes of a datagram on a certified network.
RECORD_BYTES = 16384

# The most datagrams of the other end that are remembered during a handshake, to know repeated ones.
# A flight has up to three.
_REMEMBERED = 32


class AssociationOwner(Protocol):
    """The functions that an association calls when its state has changed."""

    def established(self, association: Association) -> None:
        """Take an association whose handshake has succeeded."""

    def refused(self, association: Association) -> None:
        """Note that the other end says, in the clear, that it has ended the handshake."""

    def failed(self, association: Association, reason: str) -> None:
        """Take an association whose handshake has failed, or that was closed by the other end."""


class Association:
    """
    One end of a DTLS connection.

    :param context: the certificate, the authority and the options
    :param clock: calls later
    :param owner: is told when the handshake has ended
    :param transmit: sends a datagram to the other end
    :ivar isEstablished: whether data can be sent
    :ivar isClosed: whether the association has ended
    :ivar random: the random number of the hello, 32 bytes; empty until it is known
    :ivar refusal: why the other end has ended the handshake, as it said in the clear; None if it
        has said nothing.  Anybody can forge it.
    """

    __slots__ = (
        "_connection",
        "_expects",
        "_isServer",
        "_owner",
        "_retransmission",
        "_seen",
        "_taken",
        "_transmit",
        "isClosed",
        "isEstablished",
        "random",
        "refusal",
    )

    def __init__(
        self,
        context: SSL.Context,
        clock: IReactorTime,
        owner: AssociationOwner,
        *,
        transmit: Callable[[bytes], None],
    ) -> None:
        self._connection = SSL.Connection(context)
        self._connection.set_ciphertext_mtu(FLIGHT_DATAGRAM_BYTES)
        self._owner = owner
        self._transmit = transmit
        self._retransmission = Retransmission(clock, transmit)
        self._seen: set[int] = set()
        # The bytes of the other end that OpenSSL has got during the handshake, without repetitions,
        # and `SEALED_MESSAGE_COST` for each protected message.
        self._taken = 0
        self._isServer = False
        # What the client waits for; None when any message may come.
        self._expects: int | None = HELLO_VERIFY_REQUEST
        self.isEstablished = False
        self.isClosed = False
        self.random = b""
        self.refusal: str | None = None

    # The handshake.

    def begin(self) -> None:
        """Begin a handshake, by a hello."""
        self._connection.set_connect_state()
        self._shakeHands()

    def accept(self, hello: bytes) -> None:
        """
        Take part in a handshake that the other end has begun.

        :param hello: a datagram with a hello, whose cookie was valid
        """
        self._isServer = True
        self._connection.set_accept_state()
        self._seen.add(hash(hello))
        read = readClientHello(hello)
        self.random = b"" if read is None else read.random
        self._connection.bio_write(hello)
        try:
            # The call tells OpenSSL that the hello is the second one.  The cookie was checked
            # before, so it is accepted.
            self._connection.DTLSv1_listen()
        except SSL.Error as error:
            self._end(_reasonOf(error))
        else:
            self._shakeHands()

    def _shakeHands(self) -> None:
        isOver, reason = False, None
        try:
            self._connection.do_handshake()
            isOver = True
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            reason = _reasonOf(error)
        flight = self._written()
        if reason is not None:
            # The alert tells why.  It is sent once, in the clear.
            _, alert = withoutClearAlerts(flight)
            for datagram in splitFlight(flight):
                self._transmit(datagram)
            self._end(reason if alert is None else f"this node refuses it: {alert}")
            return
        if flight:
            datagrams = splitFlight(flight)
            if not self._isServer and not isOver:
                hello = readClientHello(datagrams[0])
                if hello is not None:
                    self.random = hello.random
            self._retransmission.send(datagrams, self._repetitions(isOver))
        if isOver:
            self._establish()

    def _repetitions(self, isOver: bool) -> int:
        if self._isServer:
            return LAST_REPETITIONS if isOver else 0
        return CLIENT_REPETITIONS

    def _establish(self) -> None:
        self.isEstablished = True
        if not self._isServer:
            # The last flight came from the other end, so ours has arrived.
            self._forgetFlight()
        self._owner.established(self)

    def _forgetFlight(self) -> None:
        self._retransmission.stop()
        self._seen.clear()

    # Datagrams.

    def received(self, datagram: bytes) -> list[bytes]:
        """
        Take a datagram of the other end, or of whoever forges its address.

        :return: the data in it
        """
        if self.isClosed:
            return []
        if self.isEstablished:
            if isProtected(datagram):
                sound = wellFormed(datagram)
                return self._read(sound) if sound and self._isWithinBounds(sound) else []
            if self._seen and hash(datagram) in self._seen:
                # The end of the handshake was lost on its way to the other end.
                self._retransmission.again()
            return []
        cleared, refusal = withoutClearAlerts(wellFormed(datagram))
        if refusal is not None:
            self.refusal = refusal
            self._owner.refused(self)
        if not cleared:
            return []
        if hash(datagram) in self._seen:
            self._retransmission.again()
            return []
        if not self._isServer and not self._isExpected(cleared):
            return []
        if len(self._seen) < _REMEMBERED:
            self._seen.add(hash(datagram))
        self._taken += len(cleared)
        if not self._isWithinBounds(cleared):
            self._end("the handshake is too long")
            return []
        self._connection.bio_write(cleared)
        self._shakeHands()
        # Data may have arrived before the end of the handshake.
        return self._read(b"") if self.isEstablished and not self.isClosed else []

    def _isWithinBounds(self, datagram: bytes) -> bool:
        """Count the protected messages of a handshake, and tell whether there were not too many."""
        messages = sealedMessages(datagram)
        self._taken += messages * SEALED_MESSAGE_COST
        return self._taken <= HANDSHAKE_BYTES or (self.isEstablished and not messages)

    def _isExpected(self, datagram: bytes) -> bool:
        """
        Whether a datagram may be the next one of the server.

        Late datagrams of an earlier attempt have the record numbers of later ones of this attempt,
        which OpenSSL would then take for repeated ones.
        """
        if self._expects is None:
            return True
        found = messageType(datagram)
        if found == HELLO_VERIFY_REQUEST:
            if self._expects == found:
                self._expects = SERVER_HELLO
                return True
            # The first cookie was one of an earlier attempt, or a forged one.
            self._end("the cookie was not accepted")
        elif found == self._expects:
            self._expects = None
            return True
        return False

    def _read(self, datagram: bytes) -> list[bytes]:
        data: list[bytes] = []
        connection = self._connection
        if datagram:
            connection.bio_write(datagram)
        isSingle = isSingleRecord(datagram)
        try:
            while True:
                data.append(connection.recv(RECORD_BYTES))
                if self._seen:
                    # The other end sends data, so it has our last flight.
                    self._forgetFlight()
                if isSingle:
                    break
        except SSL.WantReadError:
            pass
        except (SSL.Error, ValueError) as error:
            self._end(_reasonOf(error))
            return data
        if not data:
            # A repeated end of the handshake makes OpenSSL repeat ours.
            for repeated in splitFlight(self._written()):
                self._transmit(repeated)
        return data

    def write(self, data: bytes) -> None:
        """
        Send data in one datagram.

        :param data: 1 to `RECORD_BYTES` bytes
        """
        if self.isClosed or not data:
            return
        try:
            self._connection.send(data)
        except SSL.Error as error:
            self._end(_reasonOf(error))
            return
        self._transmit(self._written())

    def _written(self) -> bytes:
        """What OpenSSL has written since the last call."""
        written = b""
        while True:
            try:
                part = self._connection.bio_read(65536)
            except SSL.WantReadError:
                return written
            if len(part) < 65536 and not written:
                return part
            written += part

    # The end.

    def close(self) -> None:
        """Close the association, and tell the other end, which may not hear it."""
        if self.isClosed:
            return
        self.isClosed = True
        self._forgetFlight()
        if self.isEstablished:
            try:
                self._connection.shutdown()
            except SSL.Error:
                return
            for datagram in splitFlight(self._written()):
                self._transmit(datagram)

    def drop(self) -> None:
        """Close the association, and tell nobody."""
        self.isClosed = True
        self._forgetFlight()

    def adopt(self, owner: AssociationOwner) -> None:
        """Tell another owner of the end from now on."""
        self._owner = owner

    def _end(self, reason: str) -> None:
        self.isClosed = True
        self._forgetFlight()
        self._owner.failed(self, reason)

    @property
    def certificate(self) -> Certificate:
        """The certificate of this end."""
        certificate = self._connection.get_certificate(as_cryptography=True)
        assert certificate is not None, "every context has a certificate"
        return certificate

    @property
    def peerCertificate(self) -> Certificate:
        """The certificate of the other end of an established association."""
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        assert certificate is not None, "only a member with a certificate ends a handshake"
        return certificate


#: The bytes that an association adds to a datagram.
OVERHEAD_BYTES = RECORD_HEADER_BYTES + SEAL_BYTES


def _reasonOf(error: Exception) -> str:
    if isinstance(error, SSL.ZeroReturnError):
        return "the other end has closed the association"
    queue = error.args[0] if error.args else None
    if isinstance(queue, list) and queue:
        return str(queue[-1][-1])
    return str(error) or type(error).__name__
