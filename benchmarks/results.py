"""
What was measured: one value for each round, and what the rounds say together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import median
from typing import Any, NamedTuple

#: This package, as the tables call it.
OURS = "dwdht_twisted"


class Summary(NamedTuple):
    """
    The rounds together.

    :ivar median: the middle of them
    :ivar low: the least
    :ivar high: the greatest
    """

    median: float
    low: float
    high: float


def summarize(samples: Sequence[float]) -> Summary:
    """
    :param samples: at least one
    """
    return Summary(median(samples), min(samples), max(samples))


def percentile(samples: Iterable[float], percent: float) -> float:
    """
    The least of the samples that so many percent of them don't exceed (the nearest rank).

    :raises ValueError: when there is no sample
    """
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("nothing was measured")
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


class Quantity(NamedTuple):
    """
    Something that is measured of each subject, in several cases.

    :ivar workload: the workload that measures it
    :ivar name: what it is
    :ivar unit: what it is counted in
    :ivar isCost: whether less is better, so that ratios say something
    """

    workload: str
    name: str
    unit: str
    isCost: bool = True


@dataclass
class Results:
    """
    All that a run has measured, in the order in which it came.

    :ivar environment: what the numbers depend on
    :ivar notes: what a reader of the numbers has to know
    """

    environment: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _samples: dict[Quantity, dict[str, dict[str, list[float]]]] = field(default_factory=dict)

    def add(self, quantity: Quantity, case: str, subject: str, value: float) -> None:
        """Keep what one round has measured."""
        cases = self._samples.setdefault(quantity, {})
        cases.setdefault(case, {}).setdefault(subject, []).append(value)

    def note(self, text: str) -> None:
        """Keep a remark, once."""
        if text not in self.notes:
            self.notes.append(text)

    def quantities(self) -> list[Quantity]:
        """What was measured."""
        return list(self._samples)

    def cases(self, quantity: Quantity) -> list[str]:
        """In which cases."""
        return list(self._samples.get(quantity, {}))

    def subjects(self, quantity: Quantity) -> list[str]:
        """Of whom, this package first."""
        found = dict.fromkeys(
            subject for cases in self._samples.get(quantity, {}).values() for subject in cases
        )
        return sorted(found, key=lambda subject: subject != OURS)

    def samples(self, quantity: Quantity, case: str, subject: str) -> list[float]:
        """The values of the rounds; none when it wasn't measured."""
        return self._samples.get(quantity, {}).get(case, {}).get(subject, [])

    def summary(self, quantity: Quantity, case: str, subject: str) -> Summary | None:
        """The rounds together; None when it wasn't measured."""
        samples = self.samples(quantity, case, subject)
        return summarize(samples) if samples else None

    def ratio(self, quantity: Quantity, case: str, subject: str) -> float | None:
        """How many times the median of a subject ours is; None when one wasn't measured."""
        ours = self.summary(quantity, case, OURS)
        other = self.summary(quantity, case, subject)
        return (
            None
            if ours is None or other is None or not other.median
            else (ours.median / other.median)
        )

    def asJSON(self) -> dict[str, Any]:
        """All of it, for ``json.dumps``."""
        return {
            "environment": self.environment,
            "notes": self.notes,
            "measurements": [
                {
                    "workload": quantity.workload,
                    "quantity": quantity.name,
                    "unit": quantity.unit,
                    "case": case,
                    "subject": subject,
                    **summarize(samples)._asdict(),
                    "samples": samples,
                }
                for quantity, cases in self._samples.items()
                for case, subjects in cases.items()
                for subject, samples in subjects.items()
            ],
        }
