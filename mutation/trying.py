"""
The copy of the checkout, and the tests that run there.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic

from .drawing import PACKAGE, ROOT, Mutant

#: The fast tests of the core and of the Twisted layer.  The core tests import no Twisted layer.
CORE_TESTS = ("tests.core", "tests.net", "tests.node", "tests.defects")
NET_TESTS = CORE_TESTS[1:]

#: The files of the checkout that no fast test needs.
IGNORED = shutil.ignore_patterns(".*", "_trial_temp*", "build", "dist", "node_modules")

#: Bytes of memory that a test run may take.  Larger: an endless list makes the machine swap.
#: Smaller: tests fail without a change.
MEMORY = 2 << 30

#: How many times as long as without a change a test run may take.  Larger: an endless loop is
#: noticed later.  Smaller: on a busy machine a change counts as noticed that is not.
PATIENCE = 5

#: Seconds that are added to the above, because a run of few tests mostly imports.
START = 20.0


def testsOf(path: str) -> tuple[str, ...]:
    """
    Return the tests that have to notice a change to a module, in the order in which they run.

    The first ones are in the folder that mirrors the folder of the module.
    """
    parts = [part.lstrip("_") for part in Path(path).relative_to(PACKAGE).parent.parts]
    others = CORE_TESTS if parts[0] == "core" else NET_TESTS
    return tuple(dict.fromkeys((".".join(["tests", *parts]), *others)))


class Copy:
    """
    A copy of the checkout, with one change at a time.

    :param parent: the folder in which the copy is made
    :ivar log: the file with the output of the last run of tests
    """

    def __init__(self, parent: str) -> None:
        self._folder = Path(mkdtemp(dir=parent))
        self.log = self._folder / "_mutation.log"
        shutil.copytree(ROOT, self._folder, ignore=IGNORED, dirs_exist_ok=True)

    def noticedBy(
        self, mutant: Mutant, limits: dict[str, float], runs: Iterable[str]
    ) -> str | None:
        """
        Make a change, run tests until one fails, and undo the change.

        :param limits: the most seconds that each run of tests may take
        :param runs: the tests of each run
        :return: the run that failed; None if all tests passed
        """
        self._write(mutant.path, mutant.after)
        try:
            return next((tests for tests in runs if not self.passes(tests, limits[tests])), None)
        finally:
            self._write(mutant.path, mutant.before)

    def passes(self, tests: str, limit: float) -> bool:
        """
        Run tests until one fails.

        :param limit: the number of seconds after which the tests count as failed
        """
        with (
            open(self.log, "wb") as log,
            subprocess.Popen(
                [sys.executable, "-m", "twisted.trial", "--exitfirst", tests],
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": str(self._folder / "src")},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                return process.wait(limit) == 0
            except subprocess.TimeoutExpired:
                return False
            finally:
                # A test may have started processes of its own.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _write(self, path: str, text: str) -> None:
        file = self._folder / path
        file.write_text(text)
        # Python compares the time and the size of a source with those of its compiled form.  Both
        # may be the same after a change.
        Path(cache_from_source(str(file))).unlink(missing_ok=True)


# In a process of the pool.

_copy: Copy


def prepare(parent: str) -> None:
    """Make the copy of this process.  Let its tests run at low priority, in bounded memory."""
    global _copy
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    _copy = Copy(parent)


def measure(tests: str) -> float | None:
    """Return the seconds that tests may take with a change; None if they fail without one."""
    start = monotonic()
    if not _copy.passes(tests, limit=3600):
        print(_copy.log.read_text())
        return None
    return START + PATIENCE * (monotonic() - start)


def tryOne(mutant: Mutant, limits: dict[str, float]) -> str | None:
    """See `Copy.noticedBy`."""
    return _copy.noticedBy(mutant, limits, testsOf(mutant.path))
