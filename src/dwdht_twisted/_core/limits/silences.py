"""
The addresses that have not answered lately.
"""

from __future__ import annotations

from ..wire import HostPort
from .bounds import (
    SILENCE_REMEMBERED_FOR,
    SILENCES_REMEMBERED,
    VALIDATED_ADDRESSES,
    VALIDATION_SILENCE_REMEMBERED_FOR,
)
from .memory import RecentMap


class Silences:
    """
    The silent addresses of one node, in three maps.

    Each map has a size of its own.  So the silences that strangers cause cannot push out the
    silences that the node's own requests have found.

    :ivar toRequests: addresses that left a request of the node's own unanswered
    :ivar toAnything: addresses that left a request or probe of any kind unanswered, except the ping
        of a validation
    :ivar toValidation: addresses that did not answer the first ping of a validation in time
    """

    __slots__ = ("toAnything", "toRequests", "toValidation")

    def __init__(self) -> None:
        self.toRequests: RecentMap[HostPort, bool] = RecentMap(
            SILENCES_REMEMBERED, SILENCE_REMEMBERED_FOR
        )
        self.toAnything: RecentMap[HostPort, bool] = RecentMap(
            SILENCES_REMEMBERED, SILENCE_REMEMBERED_FOR
        )
        self.toValidation: RecentMap[HostPort, bool] = RecentMap(
            VALIDATED_ADDRESSES, VALIDATION_SILENCE_REMEMBERED_FOR
        )

    def answered(self, address: HostPort) -> None:
        """Remove an address from all three maps."""
        self.toRequests.discard(address)
        self.toAnything.discard(address)
        self.toValidation.discard(address)
