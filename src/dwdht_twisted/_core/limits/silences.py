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
    The silent addresses of one node, by what they left unanswered.

    Each kind has places of its own.  So what strangers make a node ask pushes out nothing that its
    own requests have taught it.

    :ivar toRequests: addresses that left a request of the node's own unanswered
    :ivar toAnything: addresses that left anything unanswered, validations excepted
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
        """Forget the silence of an address, of each kind."""
        self.toRequests.discard(address)
        self.toAnything.discard(address)
        self.toValidation.discard(address)
