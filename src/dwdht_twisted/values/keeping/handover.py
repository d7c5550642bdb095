"""
`HandOver`: hands values on to nodes that join, and to others when holders leave.
"""

from __future__ import annotations

from contextlib import suppress
from random import Random, SystemRandom
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._awaitable import awaitable
from ..._clock import clockOf
from ..._core.wire import Contact
from ..._storage import checkStore
from ...errors import DHTError
from ...interfaces import ISharedStore, SharedStore
from ..client import Node
from .neighbourhood import Neighbourhood
from .offers import Offers
from .payloads import HAND_OVER
from .receiving import HandOverHandler

#: The time between two passes over the store, in seconds.  The draw makes it up to a quarter longer
#: or shorter, so that the holders of a value make their passes at different times, and the later
#: ones find that the first has handed it on.  Larger: a node that joins gets its values later.
#: Smaller: where nodes come and go, a store is read more often.
PASS_EVERY = 300.0

#: The time after which a contact is offered values again, in seconds, with the same draw.  By then,
#: other holders may have left, so that the contact is now among the closest.  Larger: the number of
#: holders falls further before it is mended.  Smaller: more offers in vain.
OFFER_AGAIN_AFTER = 3600.0

#: The factors between which each time is drawn.
DRAW = (0.75, 1.25)


class Peer:
    """
    A contact, and what is known of it.

    :ivar due: when it is offered values the next time, in seconds
    :ivar speaks: whether it speaks the hand-over command; None when it was not asked
    """

    __slots__ = ("due", "speaks")

    def __init__(self) -> None:
        self.due = 0.0
        self.speaks: bool | None = None


class HandOver(Service):
    """
    Hands on the values of a store (Kademlia, section 2.5).

    Every five minutes the node looks at its contacts.  A contact that is new, or was last looked at
    an hour ago, is offered the keys of values for which it is among the 20 closest nodes, by each
    of the three holders closest to the key.  It names those that it lacks, and is handed these
    values with their remaining lifetimes.  A contact that lacks the command, such as a node of
    ``dht-rpc``, gets nothing.  A contact that can't answer offers now is offered them again in the
    next pass.

    One contact is served at a time, with at most `OFFER_RATE` offers and `HAND_OVER_RATE` values a
    second, and at most `HANDED_ON_PER_CONTACT` values in one pass; the next pass goes on.  A
    contact that doesn't take a value gets no other in this pass, so it can't hold up the others.

    An ephemeral node hands nothing on: nobody puts values on it.  It begins when it is a member.

    :param node: the node that holds the values
    :param store: its store
    :param reactor: that of the node
    :param random: draws the times
    :ivar handedOn: how many values were handed on
    :raises ValueError: when the node, the store or ``random`` is something else
    """

    _log = Logger()

    def __init__(
        self, node: Node, store: SharedStore, reactor: Any, *, random: Random | None = None
    ) -> None:
        if not all(callable(getattr(node, each, None)) for each in ("query", "update")):
            raise ValueError(f"a hand-over needs a node, not {node!r}")
        if random is not None and not isinstance(random, Random):
            raise ValueError(f"random is a random.Random or None, not {random!r}")
        self._node = node
        self._store = checkStore(store, ISharedStore)
        self._clock = clockOf(reactor)
        self._random = random or SystemRandom()
        self._peers: dict[Contact, Peer] = {}
        self._work: Deferred[None] | None = None
        self._isFailing = False
        self.handedOn = 0
        self._handler = HandOverHandler(
            node, store, seconds=self._clock.seconds, handedOn=self._spoke
        )

    def startService(self) -> None:
        """Answer the offers of others, and begin to hand on values."""
        if self.running:
            return
        self._node.register(HAND_OVER, self._handler)
        super().startService()
        self._work = Deferred.fromCoroutine(self._run()).addErrback(self._ended)

    def stopService(self) -> Deferred[None]:
        """
        Hand on nothing more, and answer no offers.

        :return: fires when a hand-over in progress has ended
        """
        if self.running:
            super().stopService()
            # A user may have taken the command over.
            with suppress(KeyError):
                self._node.unregister(HAND_OVER, self._handler)
        work, self._work = self._work, None
        stopped: Deferred[None] = Deferred()
        if work is None:
            stopped.callback(None)
        else:
            work.cancel()
            work.addBoth(lambda _: stopped.callback(None))
        return awaitable(stopped)

    def _ended(self, reason: Failure) -> None:
        if not reason.check(CancelledError):
            self._log.failure("the hand-over of values has ended", reason)

    def _spoke(self, contact: Contact) -> None:
        peer = self._peers.get(contact)
        if peer is not None:
            peer.speaks = True

    def _pause(self, seconds: float) -> Deferred[None]:
        return deferLater(self._clock, seconds)

    def _drawn(self, seconds: float) -> float:
        return seconds * self._random.uniform(*DRAW)

    async def _run(self) -> None:
        while self.running:
            await self._pause(self._drawn(PASS_EVERY))
            if self._node.ephemeral:
                continue
            try:
                await self._pass()
            except DHTError as error:
                if not self._isFailing:
                    self._log.error("values can't be handed on: {reason}", reason=str(error))
                self._isFailing = True
            else:
                self._isFailing = False

    async def _pass(self) -> None:
        """Offer the values of the store to the contacts that are due."""
        now = self._clock.seconds()
        known = self._peers
        peers = {contact: known.get(contact) or Peer() for contact in self._node.contacts()}
        self._peers = peers
        due = [contact for contact, peer in peers.items() if peer.due <= now]
        if not due:
            return
        neighbourhood = Neighbourhood(
            self._node.id,
            [contact for contact, peer in peers.items() if peer.speaks is not False],
            due=due,
            unknown=[contact for contact in due if peers[contact].speaks is None],
        )
        for contact in due:
            peers[contact].due = now + self._drawn(OFFER_AGAIN_AFTER)
        offers = Offers(self._node, self._store, self._clock, due=due)
        try:
            await offers.run(neighbourhood)
        finally:
            self.handedOn += offers.handedOn
            for contact in offers.speaking:
                peers[contact].speaks = True
            for contact in offers.foreign:
                peers[contact].speaks = False
            for contact in offers.unfinished:
                peers[contact].due = now


__all__ = ["HandOver"]
