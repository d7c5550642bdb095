"""
Tests for the core as a whole: it needs neither Twisted nor an event loop.
"""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.helpers.processes.programs import ROOT

#: The packages that the core must not need.
FORBIDDEN = ("twisted", "zope", "asyncio", "socket", "google")

#: Imports a module in a process in which the forbidden packages can't be imported.
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
    The core in a process without Twisted.
    """

    def test_coreImportsWithoutTwisted(self) -> None:
        """
        Each module of the core is imported first in a process of its own, where Twisted, zope,
        asyncio and socket can't be imported.
        """
        source = ROOT / "src"
        paths = sorted((source / "dwdht_twisted" / "_core").rglob("*.py"))
        self.assertGreater(len(paths), 20)
        for path in paths:
            parts = path.relative_to(source).with_suffix("").parts
            module = ".".join(part for part in parts if part != "__init__")
            done = subprocess.run(
                [sys.executable, "-c", CODE, module], capture_output=True, text=True, timeout=60
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""), module)
