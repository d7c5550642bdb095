"""
A small writer of bar charts as SVG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from .results import Summary
from .table import number

#: The colours of the subjects, in the order of the subjects.  They are readable on white, and
#: distinct for people with red-green colour blindness.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#999999", "#cc79a7")

# The lengths in the plot, in pixels.
WIDTH = 960
MARGIN = 20
GAP = 30
NAMES = 130
VALUES = 60
BAR = 13
BETWEEN_ROWS = 8
TITLE = 26
LEGEND = 34


class Row(NamedTuple):
    """
    The bars of one case.

    :ivar name: the text beside them
    :ivar bars: the rounds of each subject
    """

    name: str
    bars: Mapping[str, Summary]

    @property
    def height(self) -> int:
        """The height, in pixels."""
        return BAR * len(self.bars) + BETWEEN_ROWS


class Panel(NamedTuple):
    """
    A chart whose bars share one scale.

    :ivar title: the quantity and its unit
    """

    title: str
    rows: Sequence[Row]

    @property
    def height(self) -> int:
        """The height, in pixels."""
        return TITLE + sum(row.height for row in self.rows) + GAP


def figure(panels: Sequence[Panel]) -> str:
    """
    An SVG document of panels in two columns, under a legend.
    """
    subjects = list(
        dict.fromkeys(name for panel in panels for row in panel.rows for name in row.bars)
    )
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(subjects)}
    columns = [LEGEND + MARGIN, LEGEND + MARGIN]
    width = (WIDTH - 2 * MARGIN - GAP) // 2
    parts = _legend(colours)
    for panel in panels:
        column = columns.index(min(columns))
        left = MARGIN + column * (width + GAP)
        parts += _panel(panel, left, columns[column], width, colours)
        columns[column] += panel.height
    height = max(columns)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            f' width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="11">',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _legend(colours: Mapping[str, str]) -> list[str]:
    parts = []
    left = MARGIN
    for name, colour in colours.items():
        parts.append(_rectangle(left, MARGIN, BAR, BAR, colour))
        parts.append(_text(left + BAR + 5, MARGIN + 10, name))
        left += BAR + 25 + 7 * len(name)
    parts.append(
        _text(WIDTH - MARGIN, MARGIN + 10, "median; the line is the range of the rounds", "end")
    )
    return parts


def _panel(panel: Panel, left: int, top: int, width: int, colours: Mapping[str, str]) -> list[str]:
    parts = [_text(left, top + 14, panel.title, weight="bold")]
    greatest = max((bar.high for row in panel.rows for bar in row.bars.values()), default=0.0)
    scale = (width - NAMES - VALUES) / greatest if greatest > 0 else 0.0
    start = left + NAMES
    top += TITLE
    for row in panel.rows:
        middle = top + BAR * len(row.bars) / 2 + 4
        parts.append(_text(start - 6, middle, row.name, "end"))
        for subject, bar in row.bars.items():
            parts.append(_rectangle(start, top + 1, bar.median * scale, BAR - 2, colours[subject]))
            centre = top + BAR / 2
            if bar.high > bar.low:
                parts.append(
                    f'<line x1="{start + bar.low * scale:.1f}" x2="{start + bar.high * scale:.1f}"'
                    f' y1="{centre:.1f}" y2="{centre:.1f}" stroke="black"/>'
                )
            parts.append(_text(start + bar.high * scale + 4, centre + 4, number(bar.median)))
            top += BAR
        top += BETWEEN_ROWS
    return parts


def _rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )
