"""
How many queries clients may have at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from ..answers import Problem


class Turns:
    """
    Refuses work beyond a limit.

    :param limit: the most work at once
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0

    @property
    def taken(self) -> int:
        """How much is under way."""
        return self._taken

    @contextmanager
    def take(self) -> Iterator[None]:
        """
        Count the work of a block.

        :raises Problem: when there is too much already
        """
        if self._taken >= self._limit:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE, f"{self._limit} requests of this kind run already"
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
