"""
Validated addresses: they have shown that they receive datagrams (RFC 9000, section 8).
"""

from __future__ import annotations

from collections.abc import Callable

from ..wire import HostPort
from .bounds import VALIDATED_ADDRESSES, VALIDATED_FOR
from .memory import SharedMap


class ValidatedAddresses:
    """
    The validated addresses of one node.

    The addresses of the node's contacts are always validated.  Any other address stays validated
    for `VALIDATED_FOR` seconds.  A host can validate each of its ports, so the memory is shared:
    one host doesn't make a node forget the others.

    :param isContact: returns whether an address belongs to a contact that has answered
    """

    __slots__ = ("_recent", "isContact")

    def __init__(self, isContact: Callable[[HostPort], bool]) -> None:
        self.isContact = isContact
        self._recent: SharedMap[HostPort, bool] = SharedMap(VALIDATED_ADDRESSES, VALIDATED_FOR)

    def add(self, address: HostPort, now: float) -> None:
        """Note that an address has sent back data that only its owner received."""
        self._recent.put(address, True, now)

    def has(self, address: HostPort, now: float) -> bool:
        """Whether an address is validated."""
        return self.isContact(address) or bool(self._recent.get(address, now))
