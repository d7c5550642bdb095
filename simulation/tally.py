"""
Outcomes of operations, counted over a run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Share:
    """
    The share of events that succeeded.

    :ivar succeeded: the number of events that succeeded
    :ivar total: the number of all events
    """

    succeeded: int = 0
    total: int = 0

    def add(self, succeeded: int, total: int) -> None:
        """Count more events."""
        self.succeeded += succeeded
        self.total += total

    @property
    def value(self) -> float:
        """The share, from 0 to 1; 1 when there was no event."""
        return self.succeeded / self.total if self.total else 1.0


@dataclass
class Tally:
    """
    The outcomes of the operations of one run.

    A put has to reach the nodes that are among the closest to its key both when the put begins and
    when it ends.  A get has to find its value if a holder of the value is among the closest nodes
    both when the get begins and when it ends.

    :ivar ended: the number of operations that ended, by kind and outcome, such as ``"get done"`` or
        ``"put NoCloseNodes"``
    :ivar longest: the time that the longest operation of each kind took, in seconds
    :ivar placements: of the nodes that puts had to reach, the share that took the value, whatever
        the faults at that time
    :ivar retrievals: of the gets that had to find a value, the share that found it at the first
        attempt
    """

    ended: Counter[str] = field(default_factory=Counter)
    longest: dict[str, float] = field(default_factory=dict)
    placements: Share = field(default_factory=Share)
    retrievals: Share = field(default_factory=Share)

    def addEnded(self, kind: str, outcome: str, seconds: float) -> None:
        """Count an operation that ended after some time."""
        self.ended[f"{kind} {outcome}"] += 1
        self.longest[kind] = max(seconds, self.longest.get(kind, 0.0))
