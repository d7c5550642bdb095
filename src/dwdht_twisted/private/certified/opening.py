"""
The handshake that this node begins, with all its attempts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..bounds import HANDSHAKE_DEADLINE
from .association import Association, AssociationOwner

#: The time after which a handshake is begun anew that has not succeeded, in seconds.  The other end
#: may have given up, because somebody has sent it a forged record in the clear.  Larger: fewer
#: attempts within the deadline.  Smaller: a handshake on a bad line is given up before its flights
#: were repeated often enough.
ATTEMPT = 4.0

#: The time after which a handshake is begun anew that has failed, in seconds.  It doubles each
#: time.  Larger: a forged record delays a handshake for longer.  Smaller: a member with a refused
#: certificate costs more attempts.
FIRST_PAUSE = 0.4

#: The time for which a handshake goes on although the other end says that it has ended it, in
#: seconds.  It doubles each time.  Anybody can say so.  Larger: a handshake that a forged record
#: has ended at the other end is begun anew later.  Smaller: who forges such words disturbs more
#: handshakes.
FIRST_GRACE = 0.5

#: How an `Opening` makes an association that belongs to it.
MakeAssociation = Callable[[AssociationOwner], Association]


class OpeningOwner(Protocol):
    """The functions that an opening calls at its end."""

    def opened(self, association: Association) -> None:
        """Take the established association."""

    def attemptFailed(self, reason: str) -> None:
        """Note what has gone wrong so far."""

    def notOpened(self, reason: str | None) -> None:
        """
        Take the failure.

        :param reason: what was wrong; None when the other end has not answered
        """


class Opening:
    """
    Begins a handshake, again and again until one succeeds or the deadline has passed.

    :param make: makes an association
    :param clock: calls later
    :param owner: is told of the end
    :ivar association: the present attempt; None between two attempts
    """

    __slots__ = (
        "_attempt",
        "_clock",
        "_deadline",
        "_grace",
        "_make",
        "_owner",
        "_pause",
        "_reason",
        "association",
    )

    def __init__(self, make: MakeAssociation, clock: IReactorTime, owner: OpeningOwner) -> None:
        self._make = make
        self._clock = clock
        self._owner = owner
        self._pause = FIRST_PAUSE
        self._grace = FIRST_GRACE
        self._reason: str | None = None
        self._attempt: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None
        self.association: Association | None = None

    def start(self) -> None:
        """Begin the first attempt."""
        self._deadline = self._clock.callLater(HANDSHAKE_DEADLINE, self._expired)
        self._begin()

    def stop(self) -> None:
        """Give up without a word."""
        for timer in (self._attempt, self._deadline):
            if timer is not None and timer.active():
                timer.cancel()
        self._leave()

    def received(self, datagram: bytes) -> list[bytes]:
        """Take a datagram of the other end, and return the data in it."""
        return [] if self.association is None else self.association.received(datagram)

    def _begin(self) -> None:
        self._leave()
        self._attempt = self._clock.callLater(ATTEMPT, self._begin)
        self.association = self._make(self)
        self.association.begin()

    def _leave(self) -> None:
        association, self.association = self.association, None
        if association is not None and not association.isEstablished:
            if association.refusal is not None:
                self._reason = f"it refuses this node: {association.refusal}"
            association.close()

    def established(self, association: Association) -> None:
        """Hand over the association whose handshake has succeeded."""
        if association is self.association:
            self.stop()
            self._owner.opened(association)

    def refused(self, association: Association) -> None:
        """Begin anew soon, unless the handshake succeeds meanwhile: the words may be forged."""
        self._owner.attemptFailed(f"it refuses this node: {association.refusal}")
        assert self._attempt is not None
        left = self._attempt.getTime() - self._clock.seconds()
        if association is self.association and self._grace < left:
            self._attempt.reset(self._grace)
            self._grace *= 2

    def failed(self, association: Association, reason: str) -> None:
        """Begin anew after a pause: the failure may have been caused by a forged record."""
        if association is not self.association:
            return
        self._leave()
        self._reason = reason
        self._owner.attemptFailed(reason)
        assert self._attempt is not None
        self._attempt.reset(self._pause)
        self._pause *= 2

    def _expired(self) -> None:
        self.stop()
        self._owner.notOpened(self._reason)
