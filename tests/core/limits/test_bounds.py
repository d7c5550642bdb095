"""
The numbers in `dwdht_twisted._core.limits.bounds` and the tables of the manual that list them.
"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import bounds
from tests.helpers.processes.programs import ROOT

#: A table row of the manual: the name of a bound, then its value.
ROW = re.compile(r"^   \* - ``([A-Z_]+)``\n     - (.+)$", re.MULTILINE)

#: The assignment of a module's constant.
CONSTANT = re.compile(r"^([A-Z_]+) = ", re.MULTILINE)


def written(value: float | tuple[float, ...]) -> str:
    """Return a bound in the notation of the manual's tables."""
    if isinstance(value, tuple):
        return ", ".join(f"{each:g}" for each in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


class BoundsTests(SynchronousTestCase):
    """
    The constants of the module `bounds`.
    """

    def test_tableListsEveryBound(self) -> None:
        """
        The tables of docs/reliability.rst list every bound once, with its value.
        """
        page = (ROOT / "docs" / "reliability.rst").read_text()
        names = CONSTANT.findall(Path(bounds.__file__).read_text())
        expected = {name: written(getattr(bounds, name)) for name in names}
        rows = ROW.findall(page)
        self.assertEqual(len(rows), len(expected))
        self.assertEqual(dict(rows), expected)

    def test_everyBoundHasOneName(self) -> None:
        """No module except `bounds` defines a constant with the name of a bound."""
        package = Path(bounds.__file__).parents[2]
        names = set(CONSTANT.findall(Path(bounds.__file__).read_text()))
        for path in package.rglob("*.py"):
            if path.name != "bounds.py":
                self.assertEqual(names & set(CONSTANT.findall(path.read_text())), set(), path)
