"""
The plot for the documents, with the quantities that `benchmarks.targets` checks.
"""

from __future__ import annotations

from . import growth, internet, networks, serving, start
from .plot import Panel, Row, figure
from .results import Quantity, Results


def draw(results: Results) -> str:
    """
    The plot of a run, as SVG, without the quantities that it didn't measure.
    """
    panels = [
        *(
            _panel(results, serving.CPU, f"Serving, {asker}: CPU per request, us", asker)
            for asker in serving.ASKERS
        ),
        *(
            _panel(results, networks.CPU, f"{size} in one process: CPU per operation, ms", size)
            for size in _sizes(results)
        ),
        _panel(results, networks.BUILD, "Networks in one process: CPU to build, s"),
        _panel(results, networks.MEMORY, "Networks in one process: memory, MB"),
        Panel(
            "Simulated internet: duration of a lookup, s",
            [
                row._replace(name=name)
                for quantity, name in ((internet.MEDIAN, "p50"), (internet.TAIL, "p99"))
                for row in _panel(results, quantity, "").rows
            ],
        ),
        _panel(results, growth.REQUESTS, "Growth: requests per lookup"),
        _panel(results, start.IMPORT, "Start: CPU of the import, ms"),
        _panel(results, start.READY, "Start: time until joined, s"),
    ]
    return figure([panel for panel in panels if panel.rows])


def _sizes(results: Results) -> list[str]:
    cases = results.cases(networks.CPU)
    return list(dict.fromkeys(case.partition(", ")[2] for case in cases))


def _panel(results: Results, quantity: Quantity, title: str, part: str = "") -> Panel:
    """
    A panel with the cases of a quantity.

    :param part: if not empty, only the cases whose names end in a comma and this text
    """
    rows = []
    for case in results.cases(quantity):
        name, _, rest = case.partition(", ")
        if part and rest != part:
            continue
        summaries = {
            subject: results.summary(quantity, case, subject)
            for subject in results.subjects(quantity)
        }
        bars = {subject: summary for subject, summary in summaries.items() if summary is not None}
        rows.append(Row(name, bars))
    return Panel(title, rows)
