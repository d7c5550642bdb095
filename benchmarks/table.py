"""
The results as tables for the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .results import OURS, Quantity, Results, Summary


def number(value: float) -> str:
    """A value with three significant digits, and with all digits before the decimal point."""
    if value == 0:
        return "0"
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{places}f}"


def spread(summary: Summary | None) -> str:
    """A median, with the range of the rounds if they differ; a dash if there were none."""
    if summary is None:
        return "-"
    if summary.low == summary.high:
        return number(summary.median)
    return f"{number(summary.median)} ({number(summary.low)}-{number(summary.high)})"


def table(results: Results, quantity: Quantity) -> str:
    """A table with a line for each case, a column for each subject, and the ratios of the costs."""
    subjects = results.subjects(quantity)
    isCompared = quantity.isCost and OURS in subjects
    others = [subject for subject in subjects if subject != OURS] if isCompared else []
    head = ["", *subjects, *(f"ours / {other}" for other in others)]
    rows = [head]
    for case in results.cases(quantity):
        row = [case]
        row += [spread(results.summary(quantity, case, subject)) for subject in subjects]
        for other in others:
            ratio = results.ratio(quantity, case, other)
            row.append("-" if ratio is None else f"{ratio:.2f}")
        rows.append(row)
    title = f"{quantity.workload}: {quantity.name}, {quantity.unit}"
    return "\n".join([title, *align(rows)])


def report(results: Results) -> str:
    """The tables of all quantities, and the notes."""
    parts = [table(results, quantity) for quantity in results.quantities()]
    if results.notes:
        parts.append("\n".join(["Notes", *(f"  {note}" for note in results.notes)]))
    return "\n\n".join(parts)


def align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows as lines.  The first column is aligned to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        name, *cells = row
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        yield "  ".join(["", name.ljust(widths[0]), *padded]).rstrip()
