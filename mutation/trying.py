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
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import cache_from_source
from math import ceil
from pathlib import Path
from tempfile import mkdtemp

from .covering import Covered, readLines
from .drawing import PACKAGE, ROOT, Mutant

#: The folders with the fast tests of the core and of the Twisted layer.  The core tests import no
#: Twisted layer.
FAST_TESTS = ("tests/core", "tests/net", "tests/node", "tests/defects")

#: The files of the checkout that no fast test needs.
IGNORED = shutil.ignore_patterns(".*", "_trial_temp*", "build", "dist", "node_modules")

#: Bytes of memory that a test run may take.  Larger: an endless list makes the machine swap.
#: Smaller: tests fail without a change.
MEMORY = 2 << 30

#: How many times as much processor time as without a change a test run may take.  Larger: an
#: endless loop is noticed later.  Smaller: a change that makes tests slower counts as noticed.
PATIENCE = 3

#: Seconds of processor time that are added to the above, because a run of few tests mostly imports.
START = 10.0

#: How many times the allowed processor time a test run may last, in case it waits in vain.  Larger:
#: this is noticed later.  Smaller: on a busy machine a change counts as noticed that is not.
LASTS = 10


def fastTests() -> list[str]:
    """Return the names of the modules of the fast tests."""
    files = (file for folder in FAST_TESTS for file in (ROOT / folder).rglob("test_*.py"))
    return sorted(".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)


def _processorTime() -> float:
    """Return the seconds of processor time that all ended child processes have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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

    def notices(self, mutant: Mutant, tests: Sequence[str], limit: float) -> bool:
        """
        Make a change, run modules of tests until a test fails, and undo the change.

        :param limit: the seconds of processor time after which the tests count as failed
        """
        self._write(mutant.path, mutant.after)
        try:
            return not self.passes(tests, limit)
        finally:
            self._write(mutant.path, mutant.before)

    def passes(self, tests: Sequence[str], limit: float) -> bool:
        """
        Run modules of tests until a test fails.

        :param limit: the seconds of processor time after which the tests count as failed
        """
        return self._run([sys.executable, "-m", "twisted.trial", "--exitfirst", *tests], limit)

    def measure(self, tests: str) -> Covered | None:
        """Run one module of tests without a change.  Return None if a test fails."""
        data = self._folder / "_mutation.coverage"
        recording = ["--rcfile=", f"--data-file={data}", f"--source={self._folder / PACKAGE}"]
        command = [
            sys.executable,
            "-m",
            "coverage",
            "run",
            *recording,
            "-m",
            "twisted.trial",
            tests,
        ]
        before = _processorTime()
        if not self._run(command, limit=600):
            return None
        return Covered(tests, _processorTime() - before, readLines(data, self._folder))

    def _run(self, command: Sequence[str], limit: float) -> bool:
        seconds = ceil(limit)

        def prepareChild() -> None:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

        with (
            open(self.log, "wb") as log,
            subprocess.Popen(
                command,
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": str(self._folder / "src")},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=prepareChild,
            ) as process,
        ):
            try:
                return process.wait(LASTS * seconds) == 0
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


def measure(tests: str) -> Covered | None:
    """See `Copy.measure`.  The output of tests that fail is printed."""
    covered = _copy.measure(tests)
    if covered is None:
        print(_copy.log.read_text())
    return covered


def tryOne(mutant: Mutant, runs: Sequence[Covered]) -> bool:
    """Return whether a test notices a change.  `runs` are the modules of tests to run."""
    limit = START + PATIENCE * sum(covered.seconds for covered in runs)
    return _copy.notices(mutant, [covered.tests for covered in runs], limit)
