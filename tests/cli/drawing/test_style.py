"""
What a terminal can show, and drawings made of characters.
"""

from __future__ import annotations

import os
from io import BytesIO

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._cli.console import Console
from dwdht_twisted._cli.drawing.style import Style, milliseconds


class StyleTests(SynchronousTestCase):
    """
    The styles of terminals and files.
    """

    def style(self, *, isTerminal: bool = True, encoding: str = "utf-8", **variables: str) -> Style:
        """Return the style of a console in an environment."""
        self.patch(os, "environ", {"TERM": "xterm", "COLUMNS": "70", "LINES": "20", **variables})
        return Style.of(Console(BytesIO(), isTerminal=isTerminal, encoding=encoding))

    def test_terminalHasItsWidthAndColours(self) -> None:
        """A drawing on a terminal has the width of the terminal, and colours."""
        style = self.style()
        self.assertEqual((style.columns, style.isColoured, style.isUnicode), (70, True, True))
        self.assertEqual(style.good("x"), "\x1b[32mx\x1b[0m")

    def test_otherOutputHasNoColours(self) -> None:
        """A file, a dumb terminal, and a terminal with NO_COLOR get no control sequences."""
        for style in (
            self.style(isTerminal=False),
            self.style(TERM="dumb"),
            self.style(NO_COLOR="1"),
        ):
            self.assertEqual(style.good("x"), "x")

    def test_otherEncodingsHaveOnlyTheirCharacters(self) -> None:
        """In ISO 8859-1, which has no block characters, drawings are made of ASCII."""
        style = self.style(encoding="iso8859-1")
        drawn = style.bar(0.5, 4) + style.sparkline([1, 2, 3], 5) + style.cut("a" * 99)
        self.assertTrue(drawn.isascii(), drawn)

    def test_wideCharactersTakeTwoColumns(self) -> None:
        """A text with wide characters is cut to its width on the screen."""
        style = Style(columns=6)
        for text, cut in (
            ("\u7f51" * 3, "\u7f51" * 3),
            ("a\u7f51\u7f51\u7f51", "a\u7f51\u7f51\u2026"),
            ("", ""),
        ):
            self.assertEqual(style.cut(text), cut)

    def test_barIsFilledInProportion(self) -> None:
        """A bar is filled in proportion, and never beyond its ends."""
        style = Style()
        self.assertEqual(style.bar(0.5, 4), "██░░")
        self.assertEqual(style.bar(7, 4), "████")
        self.assertEqual(style.bar(-1, 4), "░░░░")

    def test_sparklineShowsTheLastNumbers(self) -> None:
        """A sparkline has the last numbers at its right, and the greatest of them is full."""
        style = Style()
        self.assertEqual(style.sparkline([9, 4, 8, 0], 3), "▄█▁")
        self.assertEqual(style.sparkline([1], 3), "  █")
        self.assertEqual(style.sparkline([0, 0], 3), " ▁▁")
        self.assertEqual(style.sparkline([1, 2], 0), "")

    def test_textIsCutAndEscaped(self) -> None:
        """Text is cut to the width, and control characters in it are escaped."""
        style = Style(columns=6)
        self.assertEqual(style.cut("abcdefgh"), "abcde…")
        self.assertEqual(style.cut("\x1b[1m"), "\\x1b[…")
        self.assertEqual(style.cut("abc", 0), "")

    def test_timesHaveTheirUnit(self) -> None:
        """Times are shown in milliseconds up to a second."""
        self.assertEqual(milliseconds(0.00321), "3.2 ms")
        self.assertEqual(milliseconds(0.24), "240 ms")
        self.assertEqual(milliseconds(1.54), "1.5 s")
