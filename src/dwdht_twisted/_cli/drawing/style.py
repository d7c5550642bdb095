"""
What a terminal can show: its width, its colours, and the characters to draw with.
"""

from __future__ import annotations

import os
import shutil
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple
from unicodedata import east_asian_width

from ..console import Console, escaped

# The colours and intensities of a terminal (ECMA-48, SGR).  They are those of the palette of the
# terminal, so that they are readable on its background.
_ACCENT = "36"
_GOOD = "32"
_BAD = "31"
_WARN = "33"
_STRONG = "1"
_FAINT = "2"

#: Characters of rising height, from empty to full.
_LEVELS = " ▁▂▃▄▅▆▇█"
_ASCII_LEVELS = " .:-=+*#@"

#: The width of the output where there is no terminal, in columns.
PLAIN_COLUMNS = 100


class Style(NamedTuple):
    """
    How a drawing is written.

    :ivar columns: the width, in columns
    :ivar isColoured: whether to write colours
    :ivar isUnicode: whether the encoding has block and line characters
    :ivar isTerminal: whether the output is a terminal
    """

    columns: int = PLAIN_COLUMNS
    isColoured: bool = False
    isUnicode: bool = True
    isTerminal: bool = False

    @classmethod
    def of(cls, console: Console) -> Style:
        """
        The style of a console.

        There are no colours where the output is not a terminal, is a dumb one, or ``NO_COLOR`` is
        set (no-color.org).
        """
        isTerminal = console.isTerminal
        isDumb = os.environ.get("TERM", "dumb") == "dumb"
        return cls(
            columns=shutil.get_terminal_size().columns if isTerminal else PLAIN_COLUMNS,
            isColoured=isTerminal and not isDumb and not os.environ.get("NO_COLOR"),
            isUnicode=not console.encode("█─").startswith(b"\\"),
            isTerminal=isTerminal,
        )

    def accent(self, text: str) -> str:
        """Text in the accent colour."""
        return self._painted(text, _ACCENT)

    def good(self, text: str) -> str:
        """Text for what is as it should be."""
        return self._painted(text, _GOOD)

    def warn(self, text: str) -> str:
        """Text for what is late, or less than it should be."""
        return self._painted(text, _WARN)

    def bad(self, text: str) -> str:
        """Text for what has failed."""
        return self._painted(text, _BAD)

    def strong(self, text: str) -> str:
        """Text that stands out."""
        return self._painted(text, _STRONG)

    def faint(self, text: str) -> str:
        """Text that steps back."""
        return self._painted(text, _FAINT)

    def bar(self, share: float, cells: int) -> str:
        """
        A bar, filled from the left.

        :param share: the filled part, from 0 to 1
        :param cells: the length of a full bar, in columns
        """
        filled = round(min(1.0, max(0.0, share)) * cells)
        full, empty = ("█", "░") if self.isUnicode else ("#", ".")
        return full * filled + empty * (cells - filled)

    def sparkline(self, numbers: Sequence[float], cells: int) -> str:
        """
        The last of a series of numbers as columns of different height.

        :param numbers: numbers from 0; the greatest of those that are drawn has the full height
        :param cells: the number of columns
        """
        levels = _LEVELS if self.isUnicode else _ASCII_LEVELS
        drawn = list(numbers)[-cells:] if cells > 0 else []
        greatest = max(drawn, default=0.0)
        if greatest <= 0:
            return " " * (cells - len(drawn)) + levels[1] * len(drawn)
        heights = (levels[max(1, round(each / greatest * 8))] for each in drawn)
        return " " * (cells - len(drawn)) + "".join(heights)

    def cut(self, text: str, columns: int | None = None) -> str:
        """
        Text without control characters, cut to a width.

        :param columns: the width; that of the terminal by default
        """
        columns = self.columns if columns is None else columns
        text = escaped(text)
        if len(text) <= columns and text.isascii():
            return text
        # Where each character ends, in columns.
        ends = list(accumulate(map(_columnsOf, text)))
        if not ends or ends[-1] <= columns:
            return text
        end = "…" if self.isUnicode else "..."
        kept = bisect_right(ends, columns - len(end))
        return (text[:kept] + end)[: max(0, columns)]

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.isColoured and text else text


def _columnsOf(character: str) -> int:
    # Wide and full-width characters take two columns (Unicode, annex 11).
    return 2 if east_asian_width(character) in "WF" else 1


def milliseconds(seconds: float) -> str:
    """Write a time, such as ``3.2 ms``, ``240 ms`` or ``1.5 s``."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def countOf(number: int, noun: str) -> str:
    """Write a number of things, such as ``1 hop`` or ``3 hops``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
