"""
``NEWS.rst`` and the fragments that it is made of.
"""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from contrib.news import NEWS, ROOT, replaced, version

#: A part of an older version.
OLD = "dwdht_twisted 0.0.1 (2026-01-01)\n================================\n\n- Old. (#1)\n"

FRAGMENTS = ROOT / "newsfragments"


def joined(text: str) -> str:
    """Return a text on one line."""
    return " ".join(text.split())


class NewsTests(SynchronousTestCase):
    """
    The news of the version in ``pyproject.toml``.
    """

    def test_newsIsMadeOfFragments(self) -> None:
        """
        The news is that of this version. While there are fragments, each entry is the text of one
        of them; newer fragments wait for the next run of ``python -m contrib.news``.
        """
        text = NEWS.read_text()
        self.assertTrue(text.startswith(f"dwdht_twisted {version()} ("))
        fragments = {joined(path.read_text()) for path in FRAGMENTS.glob("*.rst")}
        entries = re.split(r"\n- ", text.partition("\nMisc\n")[0])[1:]
        self.assertGreater(len(entries), 100)
        for entry in entries:
            # A heading follows the last entry of a kind.
            entry = re.split(r"\n\n+\S+.*\n-+\n", entry)[0]
            told = re.sub(r" \(#\d+(, #\d+)*\)$", "", joined(entry))
            self.assertTrue(not fragments or told in fragments, told)

    def test_versionIsReplaced(self) -> None:
        """A second run replaces the part of its version, and keeps those of others."""
        first = OLD.replace("0.0.1", "0.0.2")
        second = first.replace("Old", "New")
        self.assertEqual(replaced("", first), first)
        self.assertEqual(replaced(OLD, first), first + OLD)
        self.assertEqual(replaced(first + OLD, second), second + OLD)
        self.assertEqual(replaced(second + first.replace("0.0.2", "0.0.1"), OLD), second + OLD)
