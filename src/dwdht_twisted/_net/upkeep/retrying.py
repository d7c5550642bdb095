"""
The pauses between the attempts of an isolated node to join.
"""

from __future__ import annotations

from random import Random

#: The pause between the first and the second attempt, in seconds.  Larger: a node that starts just
#: before its bootstrap node joins later.  Smaller: a bootstrap node that starts late is flooded by
#: the nodes that wait for it.
FIRST_RETRY = 5.0

#: The longest pause between two attempts, in seconds.  Larger: nodes stay isolated longer after
#: their bootstrap node has come back.  Smaller: a dead bootstrap node is sent more requests.
LONGEST_RETRY = 60.0


class RetrySchedule:
    """
    Doubles the pause with each attempt, up to `LONGEST_RETRY`.

    :param random: spreads the attempts of nodes that became isolated together
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._pause = FIRST_RETRY
        self._nextAt = 0.0

    def start(self, now: float) -> None:
        """Note that the first attempt has just begun."""
        self._nextAt = now + self._pause

    def reset(self) -> None:
        """Begin with `FIRST_RETRY` again."""
        self._pause = FIRST_RETRY

    def isDue(self, now: float) -> bool:
        """Whether the pause is over."""
        return now >= self._nextAt

    def retried(self, now: float) -> None:
        """Note that a further attempt has just begun."""
        self._pause = min(self._pause * 2, LONGEST_RETRY)
        self._nextAt = now + self._pause * (1 + self._random.random()) / 2
