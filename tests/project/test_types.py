"""
Tests for the types of the programs in the documents, as a user's type checker sees them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.helpers.processes.documents import allDocuments

#: Strict, without the plugin for zope.interface.  Functions without types may be called, because a
#: program can't do without those of Twisted.
OPTIONS = ("--strict", "--config-file=", "--allow-untyped-calls")


class TypesTests(SynchronousTestCase):
    """
    The Python blocks of all documents, checked by mypy together.
    """

    def test_programsOfDocumentsAreTyped(self) -> None:
        """
        mypy --strict has nothing to say of the programs in the documents.
        """
        folder = Path(self.mktemp())
        folder.mkdir()
        for number, document in enumerate(allDocuments()):
            for place, block in enumerate(document.blocks("python")):
                name = block.name or f"snippet_{number}_{place}.py"
                (folder / name).write_text(block.text)
        programs = sorted(path.name for path in folder.iterdir())
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *OPTIONS, *programs],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.assertRegex(done.stdout, r"^Success: no issues found in \d+ source files\n$")
