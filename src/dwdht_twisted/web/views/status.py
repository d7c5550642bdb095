"""
The status of a node as JSON.
"""

from __future__ import annotations

from typing import Any

from ... import __version__
from ...interfaces import StoreUsage, TableEntry
from ..subject import Subject
from .lookups import ShownLookups


def statusOf(
    subject: Subject,
    lookups: ShownLookups,
    *,
    startedAt: float,
    usage: StoreUsage | None,
    writing: str,
) -> dict[str, Any]:
    """
    Describe a node.

    :param lookups: the lookups that are shown
    :param startedAt: the time since which the node is served, in seconds
    :param usage: how full the store is, or None
    :param writing: what a writer needs; see `Access.writing`
    :return: an object of JSON; all texts in it are data, never markup
    """
    node = subject.node
    now = node.clock.seconds()
    statistics = node.statistics()
    address, standing = node.address(), node.standing
    return {
        "version": __version__,
        "id": node.id.hex(),
        "address": {"host": address.host, "port": address.port},
        "ephemeral": node.ephemeral,
        "uptime": round(now - startedAt, 3),
        "health": {"state": node.health.state, "reason": node.health.reason},
        "standing": {
            "address": None
            if standing.address is None
            else {"host": standing.address.host, "port": standing.address.port},
            "isPortStable": standing.isPortStable,
            "isReachable": standing.isReachable,
            "kind": standing.kind,
        },
        "networkSize": statistics.networkSize,
        "requests": statistics.requests._asdict(),
        "queries": statistics.queries._asdict(),
        "handlers": statistics.handlers,
        "counters": dict(statistics.counters),
        "table": [_describe(entry) for entry in node.table()],
        "lookups": lookups.describe(now),
        "distributions": {
            "lookupTimes": statistics.lookupTimes._asdict(),
            "lookupRequests": statistics.lookupRequests._asdict(),
            "lookupHops": statistics.lookupHops._asdict(),
            "handlerTimes": statistics.handlerTimes._asdict(),
        },
        "writing": writing,
        "store": None if usage is None else usage._asdict(),
        "peers": None if subject.peers is None else {"announcements": len(subject.peers)},
    }


def _describe(entry: TableEntry) -> dict[str, Any]:
    contact = entry.contact
    return {
        "id": None if contact.id is None else contact.id.hex(),
        "host": contact.host,
        "port": contact.port,
        "silence": round(entry.silence, 3),
        "isLate": entry.isLate,
    }
