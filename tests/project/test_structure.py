"""
The structure of the source: sizes of files, folders, classes and constructors.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.helpers.processes.programs import ROOT

#: The folders with the files that are checked.
FOLDERS = (
    "src",
    "tests",
    "contrib",
    "docs",
    "simulation",
    "benchmarks",
    "fuzz",
    "mutation",
    "examples",
)

#: The most lines of a file. A longer file can't be read in one sitting.
MAXIMUM_LINES = 400

#: The most modules in a folder of the package, without its ``__init__``.
MAXIMUM_MODULES = 12

#: The most positional parameters of a constructor, without ``self``.
MAXIMUM_POSITIONAL = 3

#: The most attributes of a class in the package.
MAXIMUM_ATTRIBUTES = 12

#: Classes that may have more attributes, because each is a documented option or count.
RECORDS = {"Counters", "MemoryNetwork"}


def sources(*folders: str) -> Iterator[Path]:
    """Return the hand-written Python files in the given folders."""
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            if "node_modules" not in path.parts and not path.name.endswith("_pb2.py"):
                yield path


def classes(path: Path) -> Iterator[ast.ClassDef]:
    """Return the classes of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            yield node


def attributesOf(definition: ast.ClassDef) -> set[str]:
    """Return the attributes that the methods of a class assign to ``self``."""
    return {
        target.attr
        for node in ast.walk(definition)
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    }


class StructureTests(SynchronousTestCase):
    """
    The sizes of everything that a reader must keep in mind.
    """

    def test_fileHasAtMost400Lines(self) -> None:
        """No Python file has more than 400 lines."""
        for path in sources(*FOLDERS):
            lines = len(path.read_text().splitlines())
            self.assertLessEqual(lines, MAXIMUM_LINES, path)

    def test_folderHasAtMost12Modules(self) -> None:
        """No folder of the package has more than 12 modules."""
        for folder in {path.parent for path in sources("src")}:
            modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
            self.assertLessEqual(len(modules), MAXIMUM_MODULES, folder)

    def test_classHasAtMost12Attributes(self) -> None:
        """No class of the package, except records, assigns more than 12 attributes."""
        for path in sources("src"):
            for each in classes(path):
                if each.name not in RECORDS:
                    count = len(attributesOf(each))
                    self.assertLessEqual(count, MAXIMUM_ATTRIBUTES, f"{each.name} in {path}")

    def test_constructorHasAtMost3PositionalParameters(self) -> None:
        """No constructor of the package takes more than 3 positional parameters."""
        for path in sources("src"):
            for each in classes(path):
                for method in each.body:
                    if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                        count = len(method.args.posonlyargs) + len(method.args.args) - 1
                        self.assertLessEqual(count, MAXIMUM_POSITIONAL, f"{each.name} in {path}")

    def test_importLoadsNothing(self) -> None:
        """Importing the package loads none of its own modules, and no module of Twisted or zope."""
        code = (
            # An installed zope.interface 7.0.1 loads "zope" when Python starts.
            "import sys; before = set(sys.modules); import dwdht_twisted; "
            "print(sorted(name for name in set(sys.modules) - before "
            "if name.split('.')[0] in ('twisted', 'zope', 'dwdht_twisted')))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertEqual(done.stdout, "['dwdht_twisted']\n", done.stderr)

    def test_everyExportExists(self) -> None:
        """
        The package has each name in ``__all__``, and dir() lists it. An unknown name raises
        AttributeError.
        """
        import dwdht_twisted

        for name in dwdht_twisted.__all__:
            self.assertIn(name, dir(dwdht_twisted))
            self.assertIsNotNone(getattr(dwdht_twisted, name))
        with self.assertRaises(AttributeError):
            dwdht_twisted.__getattr__("nothing")
