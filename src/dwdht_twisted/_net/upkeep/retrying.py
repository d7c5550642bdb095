"""
The pauses between the attempts of an isolated node to join.
"""

from __future__ import annotations

from random import Random

#: Seconds before the second attempt.  Smaller: nodes that start before their bootstrap node flood
#: it.
FIRST_RETRY = 5.0

#: Seconds between two attempts at most.  Larger: nodes stay isolated longer after their bootstrap
#: node is back.
LONGEST_RETRY = 60.0


class RetrySchedule:
    """
    Doubles the pause with each attempt, up to `LONGEST_RETRY`.

    :param random: spreads the nodes that were isolated together
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._pause = FIRST_RETRY
        self._nextAt = 0.0

    def start(self, now: float) -> None:
        """Note that the first attempt has just begun."""
        self._nextAt = now + self._pause

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self._pause = FIRST_RETRY

    def isDue(self, now: float) -> bool:
        """Whether the pause is over."""
        return now >= self._nextAt

    def retried(self, now: float) -> None:
        """Note that an attempt begins."""
        self._pause = min(self._pause * 2, LONGEST_RETRY)
        self._nextAt = now + self._pause * (1 + self._random.random()) / 2
