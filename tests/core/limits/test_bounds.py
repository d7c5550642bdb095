"""
The numbers in all modules named ``bounds``, and the tables of the manual that list them.
"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import bounds
from dwdht_twisted._core.lookup import bounds as lookupBounds
from dwdht_twisted._core.routing import bounds as routingBounds
from dwdht_twisted._net.port import bounds as portBounds
from dwdht_twisted.peers import bounds as peerBounds
from dwdht_twisted.private import bounds as privateBounds
from dwdht_twisted.values import bounds as valueBounds
from dwdht_twisted.web import bounds as webBounds
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
    The constants of the modules of bounds.
    """

    def constants(self) -> dict[str, float | tuple[float, ...]]:
        """Return the bounds of all modules by their names."""
        found: dict[str, float | tuple[float, ...]] = {}
        for module in (
            bounds,
            lookupBounds,
            routingBounds,
            portBounds,
            peerBounds,
            privateBounds,
            valueBounds,
            webBounds,
        ):
            assert module.__file__ is not None
            for name in CONSTANT.findall(Path(module.__file__).read_text()):
                self.assertNotIn(name, found)
                found[name] = getattr(module, name)
        return found

    def test_tableListsEveryBound(self) -> None:
        """
        The tables of docs/reliability.rst list every bound once, with its value.
        """
        page = (ROOT / "docs" / "reliability.rst").read_text()
        expected = {name: written(value) for name, value in self.constants().items()}
        rows = ROW.findall(page)
        self.assertEqual(len(rows), len(expected))
        self.assertEqual(dict(rows), expected)

    def test_everyBoundHasOneName(self) -> None:
        """No module except those of bounds defines a constant with the name of a bound."""
        package = Path(bounds.__file__).parents[2]
        names = set(self.constants())
        for path in package.rglob("*.py"):
            if path.name != "bounds.py":
                self.assertEqual(names & set(CONSTANT.findall(path.read_text())), set(), path)
