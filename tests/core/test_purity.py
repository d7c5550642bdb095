"""
Tests for the core as a whole: it needs neither Twisted nor an event loop.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import dwdht_twisted

#: Packages that no module of the core may import.
FORBIDDEN = ("twisted", "zope", "asyncio", "socket", "google")

#: A script that imports the modules named by its arguments. It first makes the import of the
#: forbidden packages fail.
CODE = f"""
import sys
from importlib import import_module
for name in {FORBIDDEN}:
    sys.modules[name] = None
for name in sys.argv[1:]:
    import_module(name)
"""


class PurityTests(SynchronousTestCase):
    """
    The modules of the core, imported in processes without Twisted.
    """

    def test_coreImportsWithoutTwisted(self) -> None:
        """
        Each module of the core can be imported in a fresh process in which Twisted, zope, asyncio,
        socket and google can't be imported.
        """
        package = Path(dwdht_twisted.__file__).parent
        paths = sorted((package / "_core").rglob("*.py"))
        self.assertGreater(len(paths), 20)
        for path in paths:
            parts = path.relative_to(package.parent).with_suffix("").parts
            module = ".".join(part for part in parts if part != "__init__")
            done = subprocess.run(
                [sys.executable, "-c", CODE, module], capture_output=True, text=True, timeout=60
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""), module)
