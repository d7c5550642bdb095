"""
A lookup as a picture: the time from left to right, the distance from the target from top to bottom.
"""

from __future__ import annotations

from math import ceil, floor, log10
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from ..._core.wire import ID_BITS
from .journey import Journey, Outcome, Visit
from .style import milliseconds

# The lengths of the picture, in pixels.
WIDTH = 960
HEIGHT = 560
LEFT = 72
RIGHT = 32
TOP = 116
BOTTOM = 64

#: The least range of the scale of bits.  Smaller: a lookup among few nodes fills the picture.
_LEAST_BITS = 4.0

#: How much closer than the others a node is drawn whose id is the target, in bits.
_ABOVE_OTHERS = 0.8

#: The space above the farthest node in which nodes without a known id are drawn, in bits.
_FOR_UNKNOWN = 0.8

# The picture has the colours of the background on which it is shown, light or dark.
_STYLE = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; background: #ffffff }
text { fill: #3f4a54 }
.title { font-size: 20px; font-weight: 600; fill: #14191f }
.mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace }
.grid { stroke: #e3e7ea }
.path { stroke: #b9c2c9; fill: none; stroke-width: 1 }
.wait { stroke: #8a959e; stroke-width: 1.5; stroke-linecap: round }
.found { fill: #0f766e; stroke: #0f766e }
.passed { fill: #ffffff; stroke: #66727c; stroke-width: 1.5 }
.late { stroke: #b45309 } .silent { stroke: #b91c1c }
.mark { fill: none; stroke-width: 2; stroke-linecap: round }
.value { fill: none; stroke: #0f766e; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
svg { background: #11161b } text { fill: #b6c0c8 } .title { fill: #f2f5f7 }
.grid { stroke: #262e36 } .path { stroke: #46525d } .wait { stroke: #72808c }
.found { fill: #5eead4; stroke: #5eead4 } .passed { fill: #11161b; stroke: #93a0ab }
.late { stroke: #fbbf24 } .silent { stroke: #f87171 } .value { stroke: #5eead4 }
}
"""


class _Scale(NamedTuple):
    """A linear scale from numbers to pixels."""

    lowest: float
    highest: float
    start: float
    end: float

    def at(self, number: float) -> float:
        share = (number - self.lowest) / (self.highest - self.lowest)
        return round(self.start + share * (self.end - self.start), 1)


def picture(journey: Journey) -> bytes:
    """
    Draw a lookup.

    :return: an SVG document in UTF-8
    """
    return _Picture(journey).document()


class _Picture:
    """The picture of one lookup."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._visits = journey.visits
        closeness = (journey.closeness(each.node) for each in self._visits)
        # A node whose id is the target itself is drawn just below the others.
        others = [each for each in closeness if each is not None and each < ID_BITS]
        self._deepest = max(others, default=0.0) + _ABOVE_OTHERS
        self._x = _Scale(0.0, max(journey.seconds, 1e-3), LEFT, WIDTH - RIGHT)
        self._farthest = float(floor(min(others, default=0.0)))
        self._y = _Scale(
            self._farthest - _FOR_UNKNOWN,
            max(self._deepest, self._farthest + _LEAST_BITS),
            TOP,
            HEIGHT - BOTTOM,
        )

    def document(self) -> bytes:
        svg = Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {WIDTH} {HEIGHT}",
                "width": str(WIDTH),
                "height": str(HEIGHT),
                "role": "img",
                "aria-labelledby": "title",
            },
        )
        target = self._journey.target.hex()
        SubElement(svg, "title", {"id": "title"}).text = f"Lookup of {target}. {self._summary()}"
        SubElement(svg, "style").text = _STYLE
        self._text(svg, LEFT, 40, "A lookup moves closer to its target", "title")
        self._text(svg, LEFT, 64, target, "mono")
        self._text(svg, LEFT, 88, self._summary())
        self._axes(svg)
        for visit in self._visits:
            self._drawPath(svg, visit)
        for visit in self._visits:
            self._drawVisit(svg, visit)
        self._legend(svg)
        document: bytes = tostring(svg, encoding="utf-8", xml_declaration=True)
        return document + b"\n"

    def _summary(self) -> str:
        journey = self._journey
        found = sum(visit.isFound for visit in self._visits)
        text = (
            f"{found} closest nodes found in {milliseconds(journey.seconds)}: "
            f"{len(self._visits)} asked, {journey.count(Outcome.ANSWERED)} answered"
        )
        for outcome in (Outcome.LATE, Outcome.SILENT):
            count = journey.count(outcome)
            text += f", {count} {outcome.value}" if count else ""
        return f"{text}."

    def _axes(self, svg: Element) -> None:
        bottom = HEIGHT - BOTTOM
        self._text(svg, LEFT - 12, self._unknown + 4, "no id", anchor="end")
        for number in _lines(self._farthest, self._y.highest):
            y = self._y.at(number)
            self._line(svg, LEFT, y, WIDTH - RIGHT, y, "grid")
            self._text(svg, LEFT - 12, y + 4, f"{number:g}", anchor="end")
        unit, factor = ("s", 1.0) if self._x.highest >= 2 else ("ms", 1000.0)
        for number in _lines(0.0, self._x.highest * factor):
            x = self._x.at(number / factor)
            self._line(svg, x, bottom, x, bottom + 6, "grid")
            self._text(svg, x, bottom + 22, f"{number:g} {unit}", anchor="middle")
        label = self._text(svg, 0, 0, "bits shared with the target", anchor="middle")
        label.set("transform", f"translate(22 {(TOP + bottom) / 2}) rotate(-90)")

    def _drawPath(self, svg: Element, visit: Visit) -> None:
        """Draw the way from the answer that named a node to the request to this node."""
        referrer = visit.referrer
        if referrer is None or referrer.endedAt is None:
            return
        x1, y1 = self._x.at(referrer.endedAt), self._height(referrer)
        x2, y2 = self._x.at(visit.askedAt), self._height(visit)
        bend = round(x1 + max(14.0, (x2 - x1) / 2), 1)
        SubElement(
            svg, "path", {"class": "path", "d": f"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}"}
        )

    def _drawVisit(self, svg: Element, visit: Visit) -> None:
        end = self._journey.seconds if visit.endedAt is None else visit.endedAt
        x, y = self._x.at(end), self._height(visit)
        group = SubElement(svg, "g")
        SubElement(group, "title").text = _describe(visit)
        isLate = visit.outcome in (Outcome.LATE, Outcome.SILENT)
        kind = f" {visit.outcome.value}" if isLate else ""
        self._line(group, self._x.at(visit.askedAt), y, x, y, f"wait{kind}")
        self._mark(group, x, y, visit.outcome, visit.isFound, visit.size is not None)

    def _mark(
        self, parent: Element, x: float, y: float, outcome: Outcome, isFound: bool, hasValue: bool
    ) -> None:
        if outcome is Outcome.ANSWERED:
            circle = {"cx": str(x), "cy": str(y), "r": "4.5"}
            SubElement(parent, "circle", {**circle, "class": "found" if isFound else "passed"})
            if hasValue:
                SubElement(parent, "circle", {**circle, "r": "8", "class": "value"})
        else:
            kind = "silent" if outcome is Outcome.SILENT else "late"
            cross = f"M{x - 4} {y - 4}L{x + 4} {y + 4}M{x - 4} {y + 4}L{x + 4} {y - 4}"
            SubElement(parent, "path", {"class": f"mark {kind}", "d": cross})

    def _legend(self, svg: Element) -> None:
        x, y = float(LEFT), HEIGHT - 16.0
        for outcome, isFound, hasValue, text in (
            (Outcome.ANSWERED, True, False, "among the closest"),
            (Outcome.ANSWERED, True, True, "has the value"),
            (Outcome.ANSWERED, False, False, "answered"),
            (Outcome.LATE, False, False, "late"),
            (Outcome.SILENT, False, False, "silent"),
        ):
            self._mark(svg, x + 6, y - 4, outcome, isFound, hasValue)
            self._text(svg, x + 22, y, text)
            x += 44 + 7.2 * len(text)

    def _height(self, visit: Visit) -> float:
        closeness = self._journey.closeness(visit.node)
        if closeness is None:
            return self._unknown
        return self._y.at(min(closeness, self._deepest))

    @property
    def _unknown(self) -> float:
        """The height of nodes whose id is not known."""
        return self._y.at(self._farthest - _FOR_UNKNOWN)

    def _line(self, parent: Element, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        ends = {"x1": str(x1), "y1": str(y1), "x2": str(x2), "y2": str(y2)}
        SubElement(parent, "line", {**ends, "class": kind})

    def _text(
        self, parent: Element, x: float, y: float, text: str, kind: str = "", anchor: str = "start"
    ) -> Element:
        attributes = {"x": str(x), "y": str(y), "text-anchor": anchor}
        if kind:
            attributes["class"] = kind
        element = SubElement(parent, "text", attributes)
        element.text = text
        return element


def _describe(visit: Visit) -> str:
    """The text that is shown when the pointer rests on a node."""
    text = f"{visit.node.address}, hop {visit.hop}"
    if visit.seconds is None or visit.outcome is not Outcome.ANSWERED:
        return f"{text}: {visit.outcome.value}"
    value = "" if visit.size is None else f", has a value of {visit.size:,} bytes"
    return f"{text}: answered in {milliseconds(visit.seconds)}, named {visit.named}{value}"


def _lines(lowest: float, highest: float) -> list[float]:
    """Some four to eight round numbers from ``lowest`` to ``highest``."""
    rough = (highest - lowest) / 6
    magnitude = 10.0 ** floor(log10(rough))
    step = next(each * magnitude for each in (1, 2, 5, 10) if each * magnitude >= rough)
    first = ceil(lowest / step)
    return [round(number * step, 9) for number in range(first, floor(highest / step) + 1)]
