"""
``NEWS.rst`` of the version in ``pyproject.toml``, made of the fragments with towncrier.

``python -m contrib.news`` replaces the part of this version, and keeps the fragments, so it can be
run until the release.  The release itself is ``git rm newsfragments/*.rst`` after the last run.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NEWS = ROOT / "NEWS.rst"

#: The title of a version, with its line.
_TITLE = re.compile(r"^dwdht_twisted (\S+) \(.*\)\n=+\n", re.MULTILINE)


def version() -> str:
    """Return the version in ``pyproject.toml``."""
    found = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def replaced(text: str, part: str) -> str:
    """Return the news with the part of a version in place of that of the same version, if any."""
    new = _TITLE.search(part)
    assert new is not None
    starts = [each.start() for each in _TITLE.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=False):
        old = _TITLE.match(text, start)
        if old is not None and old[1] == new[1]:
            return text[:start] + part + text[end:]
    return part + text


def main() -> None:
    """Write ``NEWS.rst``."""
    command = ("-m", "towncrier", "build", "--draft", "--version", version(), "--dir", str(ROOT))
    made = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    start = _TITLE.search(made.stdout)
    assert start is not None
    part = made.stdout[start.start() :].rstrip() + "\n"
    NEWS.write_text(replaced(NEWS.read_text() if NEWS.exists() else "", part))


if __name__ == "__main__":
    main()
