"""
The files that are changed, and the changes that a seed draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import unified_diff
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from .unchanged import UNCHANGED

#: The top folder of the checkout.
ROOT = Path(__file__).parent.parent

#: The package, from the top folder.
PACKAGE = "src/dwdht_twisted"

#: The folders below the package that are changed: the core, and the path of a datagram.
FOLDERS = ("_core", "_net/requests", "_net/asking", "_net/answering", "_net/handlers")


class Mutant(NamedTuple):
    """
    A module with one change.

    :ivar path: the path of the module, from the top folder
    :ivar kind: the kind of the change
    :ivar before: the text of the module
    :ivar after: the text with the change
    """

    path: str
    kind: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        lines = unified_diff(
            self.before.splitlines(), self.after.splitlines(), self.path, self.path, lineterm=""
        )
        return "\n".join(lines)

    @property
    def lines(self) -> tuple[str, str]:
        """The changed lines before and after the change, without their indentation."""
        changed = self.diff.splitlines()[2:]
        before, after = (
            " ".join(line[1:].strip() for line in changed if line.startswith(sign)) for sign in "-+"
        )
        return before, after

    @property
    def reason(self) -> str | None:
        """Why the change makes no difference; None if it is not known to make none."""
        return UNCHANGED.get((self.path.removeprefix(f"{PACKAGE}/"), *self.lines))


def modules() -> list[str]:
    """Return the paths of all modules that are changed, in order."""
    folder = ROOT / PACKAGE
    files = (path for name in FOLDERS for path in (folder / name).rglob("*.py"))
    return sorted(path.relative_to(ROOT).as_posix() for path in files)


def drawMutants(seed: int, count: int, paths: Sequence[str]) -> Iterator[Mutant]:
    """
    Draw different changes to some modules.  Each change is drawn with the same probability.

    The same seed draws the same changes to the same source.  A larger count adds changes to those
    of a smaller one.
    """
    # Reading this module must not need the extra.
    from cosmic_ray.mutating import mutate_code

    from .operators import operators

    texts = {path: (ROOT / path).read_text() for path in paths}
    places = [
        (path, kind, operator, occurrence)
        for path, text in texts.items()
        for kind, group in operators().items()
        for operator in group
        for occurrence in range(_countPlaces(text, operator.mutation_positions))
    ]
    Random(seed).shuffle(places)
    drawn: set[Mutant] = set()
    for path, kind, operator, occurrence in places:
        if len(drawn) == count:
            return
        mutant = Mutant(path, kind, texts[path], mutate_code(texts[path], operator, occurrence))
        # Code for the type checker doesn't run.
        if mutant not in drawn and "TYPE_CHECKING" not in mutant.lines[0]:
            drawn.add(mutant)
            yield mutant


def _countPlaces(text: str, positions: Callable[[Any], Iterable[Any]]) -> int:
    from cosmic_ray.ast import ast_nodes, get_ast

    return sum(len(list(positions(node))) for node in ast_nodes(get_ast(text)))
