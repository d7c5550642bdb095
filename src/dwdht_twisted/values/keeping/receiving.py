"""
The handler of the hand-over command: what a node says it lacks, and what it takes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from zope.interface import implementer

from ..._core.limits import FairRate
from ..._core.wire import Contact
from ...errors import StoreFailed, UpdateRefused, ValueTooLarge
from ...interfaces import HandlerResult, ICommandHandler, Request, SharedStore
from ..bounds import OFFERS_ANSWERED
from ..client import Node
from .payloads import LATER, decodeOffer, decodeValue, encodeLacking

Result = TypeVar("Result")


@implementer(ICommandHandler)
class HandOverHandler:
    """
    Tells other nodes which of their values this node lacks, and takes these values.

    A value that the store holds already stays as it is.  So a hand-over neither prolongs nor
    shortens its lifetime.  A value that is taken counts for the host that handed it on.  To hand on
    a value costs its sender as much as to put it: a query for the round-trip token, and an update.

    The address of a query may be forged, and that of an update is validated.  So offers in queries
    and offers in updates have a rate each.  A holder whose query is answered with `LATER` makes its
    offer by an update.

    :param node: the node that is asked
    :param store: where its values are
    :param seconds: tells the time
    :param handedOn: called with each node that has handed on a value
    """

    def __init__(
        self,
        node: Node,
        store: SharedStore,
        *,
        seconds: Callable[[], float],
        handedOn: Callable[[Contact], object],
    ) -> None:
        self._node = node
        self._store = store
        self._seconds = seconds
        self._handedOn = handedOn
        self._queried = FairRate(OFFERS_ANSWERED)
        self._updated = FairRate(OFFERS_ANSWERED)

    def queryReceived(self, request: Request) -> HandlerResult:
        """
        Answer an offer.

        Other queries, for the round-trip token of an update, are answered without a value.
        """
        keys = self._offered(request)
        return self._answer(keys, request, self._queried) if keys else None

    def updateReceived(self, request: Request) -> HandlerResult:
        """
        Answer an offer, or take a value, unless the store holds it.

        :raises UpdateRefused: when the value or its lifetime is not valid, when the value doesn't
            fit the store, and when the store fails
        """
        keys = self._offered(request)
        if keys:
            return self._answer(keys, request, self._updated)
        try:
            lifetime, value = decodeValue(request.value, request.target)
        except ValueError as error:
            raise UpdateRefused(str(error)) from None
        return self._take(request.target, value, lifetime, request.node)

    def _offered(self, request: Request) -> list[bytes]:
        """The keys that a request offers to this node; empty if it is no such offer."""
        return decodeOffer(request.value) if request.target == self._node.id else []

    def _answer(self, keys: list[bytes], request: Request, rate: FairRate) -> HandlerResult:
        """Answer an offer, within a rate."""
        if not rate.take(request.node.host, self._seconds()):
            return LATER
        return self._lacking(keys)

    async def _lacking(self, keys: list[bytes]) -> bytes:
        try:
            found = [await result(self._store.remaining(key)) for key in keys]
        except StoreFailed:
            # A node that can't read its store can hardly write to it.
            return LATER
        return encodeLacking([each is None for each in found])

    async def _take(self, key: bytes, value: bytes, lifetime: int, node: Contact) -> None:
        try:
            if await result(self._store.remaining(key)) is None:
                await result(
                    self._store.put(key, value, publisher=node.host, lifetime=float(lifetime))
                )
        except (StoreFailed, ValueTooLarge) as error:
            raise UpdateRefused(f"the value can't be stored: {error}") from error
        self._handedOn(node)


async def result(given: Awaitable[Result] | Result) -> Result:
    """Return what a method of a store returned, or wait for it."""
    if isinstance(given, Awaitable):
        awaited: Result = await given
        return awaited
    return given


__all__ = ["HandOverHandler", "result"]
