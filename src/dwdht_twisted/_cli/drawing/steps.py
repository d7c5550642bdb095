"""
A lookup as lines of text, one for each answer or silence.
"""

from __future__ import annotations

from ...interfaces import LookupStep
from .journey import Journey, Outcome, Visit
from .style import Style, countOf, milliseconds

#: The bits at which the bar of a node is full, and the length of this bar in columns.  A random id
#: shares as many bits with the closest of 65,000 nodes.
FULL_BITS = 16
CELLS = 8

#: The least width at which lines have a bar, in columns.
WIDTH_FOR_BARS = 90

#: The least width of the last column.  On a narrower terminal, lines are cut without colours.
LEAST_ROOM = 8


class Steps:
    """
    Writes the lines of a lookup.

    :param journey: the lookup; it has to take each step first
    :param style: how to write
    """

    def __init__(self, journey: Journey, style: Style) -> None:
        self._journey = journey
        self._style = style
        self._hasBars = style.isTerminal and style.columns >= WIDTH_FOR_BARS

    def lines(self, step: LookupStep, visit: Visit | None) -> list[str]:
        """
        The lines of a step.

        :param visit: the visit that the step is about
        """
        if step.kind == "started":
            return self._heading(step)
        if step.kind == "ended":
            return self._summary(step)
        if visit is None:
            return []
        if step.kind == "answered":
            took = f"in {milliseconds(visit.seconds or 0.0)}"
            named = f", named {step.named}" if step.named else ""
            value = "" if step.size is None else f", value of {step.size:,} bytes"
            return [self._row(visit, f"{took}{named}{value}")]
        if step.kind == "late":
            requests = countOf(visit.transmissions, "request")
            return [self._row(visit, f"late, {requests} so far", "warn")]
        if step.kind == "punched" and step.referrer is not None:
            return [self._row(visit, f"hole punch through {step.referrer.address}", "warn")]
        if step.kind == "failed":
            return [self._row(visit, "silent", "bad")]
        return []

    def _heading(self, step: LookupStep) -> list[str]:
        style = self._style
        bits = f"bits{'':<{CELLS + 2}}" if self._hasBars else "bits"
        columns = f"{'time':>8}  hop  {'node':<21}  {'id':<8}  {bits}  answer"
        return [
            style.strong(style.cut(f"Looking for {step.target.hex()}")),
            "",
            style.faint(style.cut(columns)),
        ]

    def _summary(self, step: LookupStep) -> list[str]:
        journey, style = self._journey, self._style
        found = [visit for visit in journey.visits if visit.isFound]
        hops = max((visit.hop for visit in found), default=0)
        text = (
            f"{len(found)} closest nodes found in {milliseconds(journey.seconds)} "
            f"and {countOf(hops, 'hop')}; "
            f"{len(journey.visits)} asked, {journey.count(Outcome.ANSWERED)} answered"
        )
        for outcome in (Outcome.LATE, Outcome.SILENT):
            if journey.count(outcome):
                text += f", {journey.count(outcome)} {outcome.value}"
        lines = ["", style.strong(style.cut(text))]
        bits = [each for each in map(journey.sharedBits, step.found) if each is not None]
        if bits:
            lines.append(style.cut(f"They share {min(bits)} to {max(bits)} bits with the target."))
        return lines

    def _row(self, visit: Visit, answer: str, colour: str = "") -> str:
        style, node = self._style, visit.node
        bits = self._journey.sharedBits(node)
        id = "-" if node.id is None else node.id.hex()[:8]
        time = milliseconds(self._journey.seconds)
        start = f"{time:>8}  {visit.hop:>3}  {node.address!s:<21}  {id:<8}  "
        share = f"{'-' if bits is None else bits:>4}  "
        bar = style.bar((bits or 0) / FULL_BITS, CELLS) if self._hasBars else ""
        room = style.columns - len(start) - len(share) - len(bar) - (2 if bar else 0)
        if room < LEAST_ROOM:
            return style.cut(f"{start}{share}{answer}")
        answer = style.cut(answer, room)
        if colour:
            answer = getattr(style, colour)(answer)
        return f"{start}{share}{style.accent(bar)}{'  ' if bar else ''}{answer}"
