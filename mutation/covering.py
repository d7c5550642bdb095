"""
The modules of tests that run a changed line, and no others: only these can notice the change.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from .drawing import Mutant


class Covered(NamedTuple):
    """
    What one module of tests runs without a change.

    :ivar tests: the name of the module of tests
    :ivar seconds: how much processor time it takes
    :ivar lines: the numbers of the lines that it runs, by the path of the source
    """

    tests: str
    seconds: float
    lines: Mapping[str, frozenset[int]]


def readLines(data: Path, root: Path) -> dict[str, frozenset[int]]:
    """
    Return the lines that ran, by the path of the source.

    :param data: a data file of coverage
    :param root: the folder that the paths begin at
    """
    # Reading this module must not need the extra.
    from coverage import CoverageData

    read = CoverageData(str(data))
    read.read()
    return {
        Path(file).relative_to(root).as_posix(): frozenset(read.lines(file) or ())
        for file in read.measured_files()
    }


def runsFor(mutant: Mutant, measured: Iterable[Covered]) -> list[Covered]:
    """
    Return the modules of tests that run a changed line, the fastest first.

    All that run some line of the source are returned if none runs a changed line: coverage counts
    no line of a statement without code, such as an annotation.
    """
    running = [covered for covered in measured if covered.lines.get(mutant.path)]
    changed = _changedLines(mutant)
    noticing = [covered for covered in running if changed & covered.lines[mutant.path]]
    return sorted(noticing or running, key=lambda covered: covered.seconds)


def _changedLines(mutant: Mutant) -> set[int]:
    """Return the lines of the statements that differ, counted from one."""
    before = mutant.before.splitlines()
    blocks = SequenceMatcher(None, before, mutant.after.splitlines(), autojunk=False).get_opcodes()
    changed = {
        line + 1
        for kind, start, end, _, _ in blocks
        if kind != "equal"
        for line in range(start, max(end, start + 1))
    }
    statements = [node for node in ast.walk(ast.parse(mutant.before)) if isinstance(node, ast.stmt)]
    return {number for line in changed for number in _statement(line, statements)}


def _statement(line: int, statements: Sequence[ast.stmt]) -> range:
    """Return the lines of the innermost statement at a line, without those of its body."""
    around = [node for node in statements if node.lineno <= line <= (node.end_lineno or line)]
    innermost = max(around, key=lambda node: node.lineno, default=None)
    if innermost is None:
        return range(line, line + 1)
    body = getattr(innermost, "body", None)
    end = body[0].lineno if body else (innermost.end_lineno or line) + 1
    return range(innermost.lineno, max(end, innermost.lineno + 1))
