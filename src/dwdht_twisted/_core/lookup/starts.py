"""
The sources of a lookup's first candidates, apart from the contacts that it is given at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..wire import Address


class Starts:
    """
    Bootstrap nodes, which may be added after the start of the lookup, and a reserve of contacts.

    :param reserve: returns compact contacts to ask when too few nodes answer; None for no reserve
    :ivar bootstrap: the addresses of the bootstrap nodes that are still to be asked
    """

    __slots__ = ("_isComplete", "_isNeeded", "_reserve", "bootstrap")

    def __init__(self, reserve: Callable[[], bytes] | None) -> None:
        self._reserve = reserve
        self._isComplete = True
        self._isNeeded = False
        self.bootstrap: deque[Address] = deque()

    def expect(self, isNeeded: bool) -> None:
        """Note that bootstrap nodes follow later; see `Lookup.expect`."""
        self._isComplete = False
        self._isNeeded = isNeeded

    def complete(self) -> None:
        """Note that no more bootstrap nodes follow."""
        self._isComplete = True

    def isMissing(self, hasResults: bool) -> bool:
        """
        Whether the lookup must wait for bootstrap nodes.

        :param hasResults: whether a node has answered
        """
        return not self._isComplete and (self._isNeeded or not hasResults)

    def takeReserve(self) -> bytes | None:
        """The reserve at the first call, and None at each later call."""
        reserve, self._reserve = self._reserve, None
        return None if reserve is None else reserve()
