"""
The results of a run: one value for each round, and the summary of the rounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import median
from typing import Any, NamedTuple

#: The name of this package in the tables.
OURS = "dwdht_twisted"


class Summary(NamedTuple):
    """
    The summary of the rounds.

    :ivar median: the median
    :ivar low: the lowest value
    :ivar high: the highest value
    """

    median: float
    low: float
    high: float


def summarize(samples: Sequence[float]) -> Summary:
    """
    The summary of samples.

    :param samples: at least one
    """
    return Summary(median(samples), min(samples), max(samples))


def percentile(samples: Iterable[float], percent: float) -> float:
    """
    The lowest sample for which at least ``percent`` % of the samples are as low or lower (the
    nearest-rank method).

    :raises ValueError: when there are no samples
    """
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("a percentile needs at least one sample")
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


class Quantity(NamedTuple):
    """
    A quantity that is measured for each subject, in several cases.

    :ivar workload: the workload that measures it
    :ivar name: its name
    :ivar unit: its unit
    :ivar isCost: whether less is better; if not, the tables show no ratios
    """

    workload: str
    name: str
    unit: str
    isCost: bool = True


@dataclass
class Results:
    """
    All results of a run, in the order of their measurement.

    :ivar environment: the machine, the versions and the plan, which the numbers depend on
    :ivar notes: remarks for the reader of the numbers
    """

    environment: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _samples: dict[Quantity, dict[str, dict[str, list[float]]]] = field(default_factory=dict)

    def add(self, quantity: Quantity, case: str, subject: str, value: float) -> None:
        """Add the value of one round."""
        cases = self._samples.setdefault(quantity, {})
        cases.setdefault(case, {}).setdefault(subject, []).append(value)

    def note(self, text: str) -> None:
        """Add a remark, unless it was added before."""
        if text not in self.notes:
            self.notes.append(text)

    def quantities(self) -> list[Quantity]:
        """The quantities that were measured."""
        return list(self._samples)

    def cases(self, quantity: Quantity) -> list[str]:
        """The cases in which a quantity was measured."""
        return list(self._samples.get(quantity, {}))

    def subjects(self, quantity: Quantity) -> list[str]:
        """The subjects of a quantity, this package first."""
        found = dict.fromkeys(
            subject for cases in self._samples.get(quantity, {}).values() for subject in cases
        )
        return sorted(found, key=lambda subject: subject != OURS)

    def samples(self, quantity: Quantity, case: str, subject: str) -> list[float]:
        """The values of the rounds; empty when this wasn't measured."""
        return self._samples.get(quantity, {}).get(case, {}).get(subject, [])

    def summary(self, quantity: Quantity, case: str, subject: str) -> Summary | None:
        """The summary of the rounds; None when this wasn't measured."""
        samples = self.samples(quantity, case, subject)
        return summarize(samples) if samples else None

    def ratio(self, quantity: Quantity, case: str, subject: str) -> float | None:
        """Our median divided by a subject's; None when one is missing or the subject's is 0."""
        ours = self.summary(quantity, case, OURS)
        other = self.summary(quantity, case, subject)
        return (
            None
            if ours is None or other is None or not other.median
            else (ours.median / other.median)
        )

    def asJSON(self) -> dict[str, Any]:
        """All results, for ``json.dumps``."""
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
