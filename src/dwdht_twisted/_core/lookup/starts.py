"""
The nodes that a lookup starts from, beside the contacts that it is given at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..wire import Address


class Starts:
    """
    Bootstrap nodes, which may arrive later than the lookup begins, and a reserve of contacts.

    :param reserve: returns more compact contacts for when too few nodes answer, or None
    :ivar bootstrap: the addresses of bootstrap nodes that were not asked yet
    """

    __slots__ = ("_isComplete", "_isNeeded", "_reserve", "bootstrap")

    def __init__(self, reserve: Callable[[], bytes] | None) -> None:
        self._reserve = reserve
        self._isComplete = True
        self._isNeeded = False
        self.bootstrap: deque[Address] = deque()

    def expect(self, isNeeded: bool) -> None:
        """Note that bootstrap nodes come later; see `Lookup.expect`."""
        self._isComplete = False
        self._isNeeded = isNeeded

    def complete(self) -> None:
        """Note that no more bootstrap nodes come."""
        self._isComplete = True

    def isMissing(self, hasResults: bool) -> bool:
        """
        Whether the lookup must wait for bootstrap nodes.

        :param hasResults: whether a node has answered
        """
        return not self._isComplete and (self._isNeeded or not hasResults)

    def takeReserve(self) -> bytes | None:
        """The reserve, the first time; None from then on."""
        reserve, self._reserve = self._reserve, None
        return None if reserve is None else reserve()
