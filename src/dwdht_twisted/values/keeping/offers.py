"""
One pass over a store, in which its values are offered to some contacts.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from twisted.internet.defer import TimeoutError
from twisted.internet.task import deferLater

from ..._core.wire import Contact
from ...errors import DHTError, NodeDestroyed
from ...interfaces import Reply, SharedStore
from ..bounds import HAND_OVER_RATE, HANDED_ON_PER_CONTACT, OFFER_RATE, OFFERED_KEYS
from ..client import Node
from ..keys import keyOf
from .neighbourhood import Neighbourhood
from .payloads import HAND_OVER, LATER, decodeLacking, encodeOffer, encodeValue
from .receiving import result

#: A value that expires sooner is not handed on, in seconds.  Larger: values are mended less close
#: to their end.  Smaller: more values are handed on that hardly anybody asks for any more.
LEAST_LIFETIME = 60.0

#: The seconds by which a lifetime is shortened when it is handed on, and after which this is given
#: up.  The query and the update take 24 seconds at most, with all retries.  So a value expires
#: nowhere later than at its first holder.
TRANSIT_TIME = 24.0

#: The number of values that are read from the store at once, and the pause after them in seconds.
#: Larger pages, or shorter pauses: a node that reads a large store answers later.
PAGE, PAGE_PAUSE = 50, 0.05


class Offers:
    """
    The offers of one pass.

    :param node: the node that holds the values
    :param store: its store
    :param clock: provides the time
    :param due: the contacts to which values are offered
    :ivar speaking: the contacts that answered an offer, if only that it can't be answered now
    :ivar foreign: the contacts that answered without a value, as nodes without the command do
    :ivar unfinished: the contacts that lack more values than they were handed, and those that can't
        answer offers now
    :ivar handedOn: how many values were handed on
    """

    def __init__(
        self, node: Node, store: SharedStore, clock: Any, *, due: Iterable[Contact]
    ) -> None:
        self._node = node
        self._store = store
        self._clock = clock
        # The keys that are still to be offered to each contact, and the number of values that it
        # may still be handed.
        self._keys: dict[Contact, list[bytes]] = {contact: [] for contact in due}
        self._left = dict.fromkeys(self._keys, HANDED_ON_PER_CONTACT)
        self.speaking: set[Contact] = set()
        self.foreign: set[Contact] = set()
        self.unfinished: set[Contact] = set()
        self.handedOn = 0

    async def run(self, neighbourhood: Neighbourhood) -> None:
        """
        Offer all values of the store, each to the contacts that should hold it.

        :raises StoreFailed: when the store can't be read
        :raises NodeDestroyed: when the node was destroyed
        """
        after = b""
        while entries := await result(self._store.entries(after, PAGE)):
            after = entries[-1].key
            for entry in entries:
                # A signed record has a key that is not the hash of its value.
                if entry.lifetime < LEAST_LIFETIME or keyOf(entry.value) != entry.key:
                    continue
                for contact in neighbourhood.offered(entry.key):
                    keys = self._keys.get(contact)
                    if keys is not None:
                        keys.append(entry.key)
                        if len(keys) == OFFERED_KEYS:
                            await self._offer(contact)
            await self._pause(PAGE_PAUSE)
        for contact in list(self._keys):
            if self._keys[contact]:
                await self._offer(contact)

    def _pause(self, seconds: float) -> Any:
        return deferLater(self._clock, seconds)

    async def _offer(self, contact: Contact) -> None:
        """Offer the keys that were gathered for a contact, and hand on the values that it lacks."""
        keys, self._keys[contact] = self._keys[contact], []
        answer = await self._ask(contact, keys)
        if answer is not None and answer.value == LATER:
            # The contact gets many offers from addresses that may be forged.  The token of an
            # update shows that ours is not.
            self.speaking.add(contact)
            answer = await self._ask(contact, keys, isUpdate=True)
        lacking = None if answer is None else decodeLacking(answer.value, keys)
        if lacking is None:
            # Silence does not mean that the contact lacks the command: it may be flooded.
            if contact in self.speaking:
                self.unfinished.add(contact)
            elif answer is not None:
                self.foreign.add(contact)
            del self._keys[contact]
            return
        self.speaking.add(contact)
        await self._pause(1 / OFFER_RATE)
        for key in lacking:
            if not self._left[contact]:
                self.unfinished.add(contact)
                self._keys.pop(contact, None)
                return
            payload = await self._payload(key)
            if payload is None:
                continue
            if not await self._handOn(contact, key, payload):
                # The contact has gone, or its store is full, or it wants to delay the others.
                self._keys.pop(contact, None)
                return
            self._left[contact] -= 1
            await self._pause(1 / HAND_OVER_RATE)

    async def _ask(
        self, contact: Contact, keys: list[bytes], *, isUpdate: bool = False
    ) -> Reply | None:
        """
        Return the answer of a contact to an offer; None without one.

        :param isUpdate: whether the offer is an update, whose token shows our address
        """
        assert contact.id is not None
        ask = partial(self._node.update, valueInQuery=False) if isUpdate else self._node.query
        stream = ask(
            HAND_OVER,
            contact.id,
            encodeOffer(keys),
            nodes=[contact],
            holepunching=False,
            local=False,
        )
        try:
            replies = await stream.collect()
        except NodeDestroyed:
            raise
        except DHTError:
            return None
        return next((reply for reply in replies if reply.node == contact), None)

    async def _payload(self, key: bytes) -> bytes | None:
        """Return what hands a value on; None when it has gone or soon expires."""
        value = await result(self._store.get(key))
        lifetime = await result(self._store.remaining(key))
        if value is None or lifetime is None or lifetime < LEAST_LIFETIME:
            return None
        return encodeValue(lifetime - TRANSIT_TIME, value)

    async def _handOn(self, contact: Contact, key: bytes, payload: bytes) -> bool:
        """
        Hand a value on.

        :return: whether the contact took it
        """
        stream = self._node.update(
            HAND_OVER,
            key,
            payload,
            nodes=[contact],
            holepunching=False,
            local=False,
        )
        try:
            # A query may have to wait until others have ended.  The lifetime goes on meanwhile.
            await stream.collect().addTimeout(TRANSIT_TIME, self._clock)
        except NodeDestroyed:
            raise
        except (DHTError, TimeoutError):
            return False
        self.handedOn += 1
        return True


__all__ = ["Offers"]
