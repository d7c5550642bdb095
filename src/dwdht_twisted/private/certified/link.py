"""
What a node has with one address: an association, and the handshakes that prepare the next one.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.x509 import Certificate
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..._core.wire import HostPort, isRequest
from ..bounds import HANDSHAKE_DEADLINE
from .association import Association, AssociationOwner
from .credentials import idOf
from .opening import Opening
from .records import ClientHello, isProtected

#: An address that has left requests unanswered for so long is offered a new association, in
#: seconds: it may have lost the present one by a restart.  Larger: a member that was restarted is
#: reached later.  Smaller: silent members are sent more hellos.
SILENT_AFTER = 1.0

#: How long the former association is kept, in seconds.  Datagrams that were sent on it may still be
#: on their way.
ASSOCIATION_KEPT_FOR = 10.0


class LinkOwner(Protocol):
    """
    The functions of the table of links that a link calls.

    :ivar clock: calls later
    """

    clock: IReactorTime

    def makeAssociation(self, owner: AssociationOwner, address: HostPort) -> Association:
        """Make an association that sends to this address."""

    def mayOpen(self, link: Link) -> bool:
        """Whether the link may begin a handshake now; otherwise it is called again later."""

    def ended(self, link: Link, reason: str | None, *, isFinal: bool = True) -> None:
        """
        Note that a handshake of the link has ended without success, or its association has ended.

        :param reason: what went wrong; None if nothing did, or if the address didn't answer
        :param isFinal: whether the datagrams that wait for an association wait in vain
        """

    def attemptFailed(self, link: Link, reason: str) -> None:
        """Note what has gone wrong in a handshake that goes on."""

    def accepts(self, link: Link, certificate: Certificate) -> bool:
        """Whether a certificate that OpenSSL has accepted is accepted for this link."""

    def ready(self, link: Link) -> list[bytes]:
        """Take the datagrams that have waited for the association of a link."""


class Link:
    """
    The associations with one address.

    There is at most one handshake at a time.  While there is none, either end may begin one.  When
    both have begun one, that of the hello with the larger random number goes on.  A handshake does
    not disturb the present association: data is sent on it until the next one is there.

    :param address: the address
    :param owner: the table of links
    :ivar current: the association that data is sent on; None if there is none
    :ivar opening: the handshake that this node has begun; None if there is none
    :ivar accepting: the handshake that the other end has begun; None if there is none
    :ivar certificate: the certificate of the other end of the current association
    :ivar peerId: the id of that certificate; empty before the first association
    :ivar serial: the serial number of the own certificate in the current association
    :ivar heardAt: the time when the address last sent something genuine, or else the time when the
        link was made
    """

    __slots__ = (
        "_deadline",
        "_former",
        "_owner",
        "_sentAt",
        "accepting",
        "address",
        "certificate",
        "current",
        "heardAt",
        "opening",
        "peerId",
        "serial",
    )

    def __init__(self, address: HostPort, owner: LinkOwner) -> None:
        self.address = address
        self._owner = owner
        self.current: Association | None = None
        self.opening: Opening | None = None
        self.accepting: Association | None = None
        self.certificate: Certificate | None = None
        self.peerId = b""
        self.serial = 0
        self.heardAt = owner.clock.seconds()
        # The former association, and the time when the current one took its place.
        self._former: tuple[Association, float] | None = None
        self._deadline: IDelayedCall | None = None
        # The time of the first request that was sent and not answered yet.
        self._sentAt: float | None = None

    @property
    def isEmpty(self) -> bool:
        """Whether the link has neither an association nor a handshake."""
        return self.current is None and self.opening is None and self.accepting is None

    # Sending.

    def send(self, data: bytes, serial: int) -> bool:
        """
        Send data on the current association.

        :param serial: the serial number of the own certificate.  If the association was made with
            another one, the next one is prepared.
        :return: whether there is an association; otherwise the data has to wait for one
        """
        association = self.current
        if association is None:
            self.open()
            return False
        # Only requests are answered.
        if isRequest(data):
            now = self._owner.clock.seconds()
            if self._sentAt is None:
                self._sentAt = now
            elif now - self._sentAt > SILENT_AFTER:
                self.open()
        if serial != self.serial:
            self.open()
        association.write(data)
        return True

    def open(self) -> None:
        """Begin a handshake, if there is none and the table of links has room for it."""
        if self.opening is None and self.accepting is None and self._owner.mayOpen(self):
            owner, address = self._owner, self.address
            self.opening = Opening(
                lambda opening: owner.makeAssociation(opening, address), owner.clock, self
            )
            self.opening.start()

    # Receiving.

    def received(self, datagram: bytes) -> list[bytes]:
        """Take a datagram from the address, which may be forged, and return the data in it."""
        if not isProtected(datagram):
            for association in (self.opening, self.accepting, self.current):
                if association is not None:
                    data = association.received(datagram)
                    if data:
                        return self._heard(data)
            return []
        # One association can open it.  The others find that it is not theirs, and do nothing.
        former = None if self._former is None else self._former[0]
        for association in (self.current, self.opening, self.accepting, former):
            if association is not None:
                data = association.received(datagram)
                if data:
                    return self._heard(data)
        return []

    def _heard(self, data: list[bytes]) -> list[bytes]:
        self.heardAt = self._owner.clock.seconds()
        self._sentAt = None
        return data

    def isOutdone(self, hello: ClientHello) -> bool:
        """
        Whether a hello is to be ignored, because the handshake that this node has begun goes on.

        A hello with our own random number is ours: the node has sent to itself.
        """
        mine = None if self.opening is None else self.opening.association
        return mine is not None and mine.random >= hello.random

    def repeats(self, hello: ClientHello, datagram: bytes) -> bool:
        """
        Whether a hello belongs to a handshake in which this node takes part already.

        If the hello is repeated, so is what was sent to it.
        """
        for association in (self.accepting, self.current):
            if association is not None and association.random == hello.random:
                association.received(datagram)
                return True
        return False

    def accept(self, datagram: bytes) -> None:
        """
        Take part in a handshake that the other end has begun, and end the present one.

        :param datagram: a hello whose cookie is valid
        """
        self._endHandshake()
        owner = self._owner
        self._deadline = owner.clock.callLater(HANDSHAKE_DEADLINE, self._acceptExpired)
        self.accepting = owner.makeAssociation(self, self.address)
        self.accepting.accept(datagram)

    def giveUpAccepting(self) -> None:
        """End the handshake that the other end has begun, if there is one."""
        if self.accepting is not None:
            self._endHandshake()
            self._owner.ended(self, None, isFinal=False)

    def _acceptExpired(self) -> None:
        self.giveUpAccepting()

    def _endHandshake(self) -> None:
        opening, self.opening = self.opening, None
        if opening is not None:
            opening.stop()
        accepting, self.accepting = self.accepting, None
        if accepting is not None:
            accepting.close()
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    # Ends of handshakes and associations.

    def opened(self, association: Association) -> None:
        """Use the association of the handshake that this node has begun."""
        self.opening = None
        self._use(association)

    def established(self, association: Association) -> None:
        """Use the association of the handshake that the other end has begun."""
        if association is self.accepting:
            self.accepting = None
            self._endHandshake()
            self._use(association)

    def _use(self, association: Association) -> None:
        certificate = association.peerCertificate
        if not self._owner.accepts(self, certificate):
            association.close()
            self._owner.ended(self, None)
            return
        former, self.current = self.current, association
        peerId = idOf(certificate)
        if former is not None:
            self._keepFormer(former)
        if self.peerId != peerId:
            # Another node has the address now.  Its id must not be expected of the former one.
            self._forgetFormer()
        self.certificate, self.peerId = certificate, peerId
        self._heard([])
        self.serial = association.certificate.serial_number
        association.adopt(self)
        for data in self._owner.ready(self):
            association.write(data)

    def _keepFormer(self, former: Association) -> None:
        self._forgetFormer()
        self._former = former, self._owner.clock.seconds()

    def dropFormer(self, now: float) -> None:
        """Drop the former association, if it has been kept for long enough."""
        if self._former is not None and now - self._former[1] > ASSOCIATION_KEPT_FOR:
            self._forgetFormer()

    def _forgetFormer(self) -> None:
        if self._former is not None:
            self._former[0].drop()
            self._former = None

    def attemptFailed(self, reason: str) -> None:
        """Pass on what has gone wrong so far."""
        self._owner.attemptFailed(self, reason)

    def notOpened(self, reason: str | None) -> None:
        """Give up: the address has not answered, or one end has refused the other."""
        self.opening = None
        if self.current is not None and self._sentAt is not None:
            # The address has answered neither data nor hellos.
            self.current.drop()
            self.current = None
        self._owner.ended(self, reason)

    def refused(self, association: Association) -> None:
        """Do nothing: the other end begins the handshake anew, or not."""

    def failed(self, association: Association, reason: str) -> None:
        """Forget an association that has ended."""
        wasHandshake = association is self.accepting
        if wasHandshake:
            self.accepting = None
            self._endHandshake()
        elif association is self.current:
            self.current = None
        else:
            return
        # An association that the other end closes is nothing to report.
        self._owner.ended(self, reason if wasHandshake else None, isFinal=not wasHandshake)

    def close(self) -> None:
        """End everything, and tell the other end of it."""
        self._endHandshake()
        self._forgetFormer()
        current, self.current = self.current, None
        if current is not None:
            current.close()
