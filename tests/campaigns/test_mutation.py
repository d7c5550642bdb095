"""
Mutation testing, on a smaller scale than ``python -m mutation``.
"""

from __future__ import annotations

from tempfile import mkdtemp

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from mutation.covering import Covered, runsFor
from mutation.drawing import PACKAGE, ROOT, Mutant, modules
from mutation.trying import Copy

#: Seconds of processor time that one module of tests may take. It takes one or two.
LIMIT = 120.0

#: Changes that tests have to notice, by the tests: the changed module, and the text before and
#: after the change.
CHANGES = {
    "tests.core.lookup.test_rules_credit": (
        ("_core/lookup/credit.py", "self._silence -= bool(candidate.namedBy)", "pass"),
        ("_core/lookup/credit.py", "not candidate.namedBy or", "not candidate.namedBy and"),
    ),
    "tests.core.lookup.test_rules_results": (
        ("_core/lookup/results.py", ">= self._k and", "> self._k and"),
        ("_core/lookup/results.py", "distance < self.crowd", "distance <= self.crowd"),
    ),
    "tests.net.asking.test_rules_phases": (
        ("_net/asking/punches.py", "self._succeeded.add(candidate)", "pass"),
    ),
    "tests.net.requests.test_rules_learning": (
        ("_net/requests/caller.py", ">= MAXIMUM_CHECKS", "> MAXIMUM_CHECKS"),
        ("_net/requests/probes.py", ">= MAXIMUM_GUESSES", "> MAXIMUM_GUESSES"),
        ("_net/requests/probing.py", "self._rechecks.guessed(address)", "pass"),
    ),
    "tests.net.requests.test_rules_timeouts": (
        ("_core/timeouts.py", ">= MISSED_IN_A_ROW", "> MISSED_IN_A_ROW"),
        ("_net/requests/requests.py", "transmissions == 1", "transmissions != 1"),
    ),
}


class MutationTests(SynchronousTestCase):
    """
    A copy of the checkout, in which one module is changed at a time.
    """

    def setUp(self) -> None:
        folder = mkdtemp()
        self.addCleanup(FilePath(folder).remove)
        self.copy = Copy(folder)

    def change(self, path: str, before: str, after: str) -> Mutant:
        """Return a module in which a text that occurs once is replaced by another."""
        text = (ROOT / PACKAGE / path).read_text()
        self.assertEqual(text.count(before), 1, f"{before} in {path}")
        return Mutant(f"{PACKAGE}/{path}", "", text, text.replace(before, after))

    def test_changesAreNoticed(self) -> None:
        """Each of ten changes is noticed. The same tests pass when the change is undone."""
        for tests, changes in CHANGES.items():
            for change in changes:
                mutant = self.change(*change)
                self.assertTrue(self.copy.notices(mutant, [tests], LIMIT), mutant.diff)
            self.assertTrue(self.copy.passes([tests], LIMIT), tests)

    def test_endlessLoopIsNoticed(self) -> None:
        """Tests that take more processor time than they may count as failed, and are stopped."""
        self.assertFalse(self.copy.passes(["tests.core.lookup", "tests.core.routing"], 1.0))


class MutantTests(SynchronousTestCase):
    """
    The description of a mutant, and the modules that are changed.
    """

    def test_changedLinesAreToldWithoutIndentation(self) -> None:
        """
        A mutant gives its changed lines without their indentation. Its diff contains the path of
        its module.
        """
        mutant = Mutant("a.py", "", "if x:\n    y = 1\n", "if x:\n    pass\n")
        self.assertEqual(mutant.lines, ("y = 1", "pass"))
        self.assertIn("+++ a.py", mutant.diff)

    def test_modulesAreThoseOfTheDatagramPath(self) -> None:
        """
        The modules of the core, of requests, of asking and of answering are changed. The modules of
        the node and of upkeep are not.
        """
        found = modules()
        self.assertIn(f"{PACKAGE}/_core/lookup/lookup.py", found)
        self.assertIn(f"{PACKAGE}/_net/answering/relay.py", found)
        self.assertNotIn(f"{PACKAGE}/node.py", found)
        self.assertEqual([path for path in found if "upkeep" in path], [])


class CoveringTests(SynchronousTestCase):
    """
    The modules of tests that run for a change.
    """

    SOURCE = "def f(x):\n    if (\n        x\n    ):\n        return 1\n    return 2\n"

    def runs(self, after: str, **lines: set[int]) -> list[str]:
        """Return the modules that run for a change, given the lines that each module runs."""
        measured = [
            Covered(name, 9.0 - seconds, {"a.py": frozenset(each)})
            for seconds, (name, each) in enumerate(lines.items())
        ]
        mutant = Mutant("a.py", "", self.SOURCE, after)
        return [covered.tests for covered in runsFor(mutant, measured)]

    def test_onlyTestsOfTheLineRun(self) -> None:
        """Tests that don't run the changed line are left out. The fastest ones run first."""
        after = self.SOURCE.replace("return 2", "return 3")
        self.assertEqual(
            self.runs(after, one={1, 2, 6}, two={1, 2, 5}, three={1, 6}), ["three", "one"]
        )

    def test_changeWithinAStatement(self) -> None:
        """A change within a statement of several lines concerns all tests that run it."""
        after = self.SOURCE.replace("        x\n", "        not x\n")
        self.assertEqual(self.runs(after, one={1, 2, 6}, two={1}), ["one"])

    def test_lineWithoutCode(self) -> None:
        """If no test runs the changed line, all tests that run the module are run."""
        after = self.SOURCE.replace("return 2", "return 3")
        self.assertEqual(self.runs(after, one={1}, two=set()), ["one"])

    def test_measuredLines(self) -> None:
        """A run of tests tells which lines of the package it runs."""
        folder = mkdtemp()
        self.addCleanup(FilePath(folder).remove)
        covered = Copy(folder).measure("tests.core.lookup.test_rules_credit")
        assert covered is not None
        self.assertIn(f"{PACKAGE}/_core/lookup/credit.py", covered.lines)
        self.assertEqual(
            [path for path in covered.lines if "_net" in path and covered.lines[path]], []
        )
