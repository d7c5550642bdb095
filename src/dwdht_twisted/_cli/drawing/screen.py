"""
The status of a node, as lines for a terminal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from ..._core.wire import ID_BITS, distance
from .style import Style, countOf, milliseconds

#: A contact that was heard within this time counts as fresh, in seconds.
FRESH = 60.0

#: The width of the first column.
_NAMES = 12

#: The lookups that are listed, and the contacts that are drawn for one distance: a bucket is full
#: with 20.
_LOOKUPS = 6
_DOTS = 20


class Rate(NamedTuple):
    """
    A rate that is drawn over time.

    :ivar name: its name
    :ivar total: takes the counters, and returns what has been counted
    """

    name: str
    total: Callable[[dict[str, int]], float]


RATES = (
    Rate("answered", lambda counters: counters["responsesSent"]),
    Rate("requests", lambda counters: counters["requestsSent"]),
    Rate("late", lambda counters: counters["answersLate"]),
    Rate(
        "bytes",
        lambda counters: sum(
            counters[f"{kind}Bytes{way}"]
            for kind in ("request", "response")
            for way in ("Received", "Sent")
        ),
    ),
)


class Screen:
    """
    Draws the status of one node, again and again.

    :param style: how to write
    """

    def __init__(self, style: Style) -> None:
        self._style = style
        self._rates: tuple[deque[float], ...] = tuple(
            deque(maxlen=max(1, style.columns)) for _ in RATES
        )
        self._former: tuple[float, list[float]] | None = None

    def lines(self, status: dict[str, Any]) -> list[str]:
        """
        The lines of a status.

        :raises LookupError: when the object lacks a field
        :raises TypeError: when a field has another type
        :raises ValueError: when a field has another format
        """
        self._count(status["counters"], float(status["uptime"]))
        return [
            *self._head(status),
            "",
            *self._numbers(status),
            "",
            *self._table(bytes.fromhex(status["id"]), status["table"]),
            "",
            *self._lookups(status["lookups"]),
            *self._drawRates(),
        ]

    def _head(self, status: dict[str, Any]) -> list[str]:
        style, health = self._style, status["health"]
        state = str(health["state"])
        colours = {"online": style.good, "degraded": style.warn}
        lamp = "●" if style.isUnicode else "*"
        address = status["address"]
        where = f"{address['host']}:{address['port']}, up for {_since(float(status['uptime']))}"
        text = style.cut(f"{lamp} {state}: {health['reason']}")
        return [
            style.strong(style.cut(f"node {bytes.fromhex(status['id']).hex()}")),
            style.faint(style.cut(f"{where}, dwdht_twisted {status['version']}")),
            colours.get(state, style.bad)(text),
        ]

    def _numbers(self, status: dict[str, Any]) -> list[str]:
        times, store = status["distributions"]["lookupTimes"], status["store"]
        network = status["networkSize"]
        late = sum(bool(entry["isLate"]) for entry in status["table"])
        lookups = sum(times["counts"])
        mean = f", {milliseconds(times['total'] / lookups)} on average" if lookups else ""
        rows = [
            ("contacts", f"{len(status['table'])}, {late or 'none'} late"),
            ("network", f"about {network:,} nodes" if network else "size not known yet"),
            ("lookups", f"{lookups:,}{mean}; {status['queries']['running']:,} running"),
        ]
        if store is not None:
            share = store["bytes"] / store["maximumBytes"] if store["maximumBytes"] else 0.0
            text = f"{countOf(store['values'], 'value')}, {size(store['bytes'])} of "
            rows.append(("store", f"{text}{size(store['maximumBytes'])}, {share:.1%}"))
        if status["peers"] is not None:
            rows.append(("peers", countOf(status["peers"]["announcements"], "announcement")))
        return [self._row(name, text) for name, text in rows]

    def _table(self, id: bytes, table: list[dict[str, Any]]) -> list[str]:
        """The contacts by the bits that they share with the node, a mark for each."""
        style = self._style
        rows: dict[int, list[dict[str, Any]]] = {}
        for entry in table:
            if entry["id"] is not None:
                shared = ID_BITS - distance(bytes.fromhex(entry["id"]), id).bit_length()
                rows.setdefault(shared, []).append(entry)
        lines = [style.faint(style.cut(f"{'bits shared':<{_NAMES}}contacts by distance"))]
        room = max(1, min(_DOTS, style.columns - _NAMES - 6))
        for shared, entries in sorted(rows.items()):
            entries.sort(key=lambda entry: (bool(entry["isLate"]), float(entry["silence"])))
            marks = "".join(self._mark(entry) for entry in entries[:room])
            space = " " * max(0, room - len(entries))
            lines.append(f"{shared:>{_NAMES - 2}}  {marks}{space}{len(entries):>5}")
        fresh, older, lateMark = "●○x" if style.isUnicode else "o.x"
        legend = f"{fresh} heard within a minute  {older} proven earlier  {lateMark} late"
        return [*lines, style.faint(style.cut(f"{'':<{_NAMES}}{legend}"))]

    def _mark(self, entry: dict[str, Any]) -> str:
        style = self._style
        fresh, older, late = "●○x" if style.isUnicode else "o.x"
        if entry["isLate"]:
            return style.warn(late)
        return style.accent(fresh if float(entry["silence"]) <= FRESH else older)

    def _lookups(self, lookups: list[dict[str, Any]]) -> list[str]:
        style = self._style
        lines = [style.faint(style.cut("latest lookups"))]
        for lookup in reversed(lookups[-_LOOKUPS:]):
            states = [str(node["state"]) for node in lookup["nodes"]]
            answered = sum(state.endswith("answered") for state in states)
            late = sum(state.endswith(("late", "failed", "punched")) for state in states)
            time = milliseconds(float(lookup["seconds"])) if lookup["isOver"] else "running"
            text = f"{answered} of {len(states)} answered" + (f", {late} late" if late else "")
            target = bytes.fromhex(lookup["target"]).hex()[:16]
            reason = f"  {lookup['reason']}" if lookup["reason"] else ""
            lines.append(style.cut(f"  {target}  {text:<24}  {time:>8}{reason}"))
        return lines if len(lines) > 1 else []

    def _count(self, counters: dict[str, int], uptime: float) -> None:
        totals = [float(rate.total(counters)) for rate in RATES]
        if self._former is not None:
            at, former = self._former
            if uptime <= at:
                # The node was restarted, or the status is the one before.
                if uptime < at:
                    self._former = (uptime, totals)
                return
            for rates, before, now in zip(self._rates, former, totals, strict=True):
                rates.append(max(0.0, now - before) / (uptime - at))
        self._former = (uptime, totals)

    def _drawRates(self) -> list[str]:
        style = self._style
        if not self._rates[0]:
            return []
        lines = ["", style.faint(style.cut("a second"))]
        for rate, numbers in zip(RATES, self._rates, strict=True):
            last = size(numbers[-1]) if rate.name == "bytes" else f"{numbers[-1]:.1f}"
            cells = min(60, style.columns - _NAMES - 12)
            drawn = style.accent(style.sparkline(numbers, cells)) if cells > 0 else ""
            lines.append(f"  {rate.name:<{_NAMES - 2}}{last:>9}  {drawn}".rstrip())
        return lines

    def _row(self, name: str, text: str) -> str:
        style = self._style
        name = f"{name:<{_NAMES}}"
        return f"{style.faint(name)}{style.cut(text, style.columns - _NAMES)}"


def size(number: float) -> str:
    """Write a number of bytes, such as ``323 B`` or ``67.1 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            break
        number /= 1000
    return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"


def _since(seconds: float) -> str:
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
