"""
The metrics of a node, for Prometheus.

Nothing is counted here.  When the metrics are asked for, they are made from what the node has
counted anyway, so they cost its datagrams nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from ... import __version__
from ..._core.statistics import Distribution
from ...interfaces import StoreUsage
from ..subject import Subject

#: The media type of the metrics.  The form is the one that every version of Prometheus reads.
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: The states of a node's health.
_STATES = ("online", "degraded", "offline")


class Counted(NamedTuple):
    """
    A metric that is made from counters of a node.

    :ivar name: its name, without the ending ``_total``
    :ivar help: what it is
    :ivar label: the name of its label; empty if it has none
    :ivar values: the counter for each value of the label
    """

    name: str
    help: str
    label: str
    values: Mapping[str, str]


#: The metrics that are made from counters.
COUNTED = (
    Counted(
        "dwdht_datagrams_received",
        "Datagrams that were taken, by kind.",
        "kind",
        {"request": "requestsReceived", "response": "responsesReceived"},
    ),
    Counted(
        "dwdht_datagrams_sent",
        "Datagrams that were sent, by kind.",
        "kind",
        {"request": "requestsSent", "response": "responsesSent"},
    ),
    Counted(
        "dwdht_received_bytes",
        "Bytes of the datagrams that came, by kind, of those that were dropped too.",
        "kind",
        {"request": "requestBytesReceived", "response": "responseBytesReceived"},
    ),
    Counted(
        "dwdht_sent_bytes",
        "Bytes of the datagrams that were sent, by kind.",
        "kind",
        {"request": "requestBytesSent", "response": "responseBytesSent"},
    ),
    Counted(
        "dwdht_dropped_datagrams",
        "Datagrams that were dropped, by reason.",
        "reason",
        {
            "malformed": "malformed",
            "unexpected": "unexpected",
            "rate_limited": "rateLimited",
            "no_handler_free": "handlersRefused",
            "relay_refused": "relaysRefused",
            "stranger": "strangersRefused",
            "replay": "replaysRefused",
        },
    ),
    Counted("dwdht_retries", "Requests that were sent again.", "", {"": "retriesSent"}),
    Counted(
        "dwdht_timeouts",
        "Transmissions of requests to which no answer came in time.",
        "",
        {"": "answersLate"},
    ),
    Counted(
        "dwdht_unanswered_requests",
        "Requests that were not answered after all retries.",
        "",
        {"": "requestsUnanswered"},
    ),
    Counted(
        "dwdht_send_failures",
        "Datagrams that the operating system refused to send.",
        "",
        {"": "sendFailures"},
    ),
    Counted(
        "dwdht_handled_requests",
        "Requests of other nodes that were passed to a handler, by kind.",
        "kind",
        {"query": "queriesServed", "update": "updatesServed"},
    ),
    Counted("dwdht_refused_updates", "Updates that a handler refused.", "", {"": "updatesRefused"}),
    Counted(
        "dwdht_handler_failures",
        "Handlers that raised, failed, or took too long.",
        "",
        {"": "handlerFailures"},
    ),
    Counted(
        "dwdht_repeated_updates",
        "Repeated updates that were answered from memory.",
        "",
        {"": "retriesAnswered"},
    ),
    Counted("dwdht_bad_tokens", "Requests with an invalid token.", "", {"": "badTokens"}),
    Counted("dwdht_relayed_pings", "Pings relayed for a hole punch.", "", {"": "pingsRelayed"}),
    Counted(
        "dwdht_held_answers",
        "Answers that were held back until their address was validated.",
        "",
        {"": "answersHeld"},
    ),
    Counted(
        "dwdht_refused_contacts",
        "Nodes that were not listed or not pinged, by reason.",
        "reason",
        {"host_has_enough": "contactsRefused", "too_many_claims": "claimsRefused"},
    ),
)


class NodeCollector(Collector):
    """
    Makes the metrics of a node, each time they are asked for.

    :param subject: the node and its parts
    :param usage: how full its store is, or None
    :param uptime: the seconds since which the node is served
    """

    def __init__(self, subject: Subject, usage: StoreUsage | None, *, uptime: float) -> None:
        self._subject = subject
        self._usage = usage
        self._uptime = uptime

    def collect(self) -> Iterable[Metric]:
        """The metrics of now."""
        yield from self._counted()
        yield from self._present()
        yield from self._distributions()
        yield from self._kept()

    def _counted(self) -> Iterator[Metric]:
        counters = self._subject.node.statistics().counters
        for name, help, label, values in COUNTED:
            family = CounterMetricFamily(name, help, labels=[label] if label else [])
            for value, counter in values.items():
                family.add_metric([value] if label else [], counters[counter])
            yield family

    def _present(self) -> Iterator[Metric]:
        node = self._subject.node
        statistics = node.statistics()
        build = GaugeMetricFamily(
            "dwdht_build_info", "1, with the version of dwdht_twisted.", labels=["version"]
        )
        build.add_metric([__version__], 1)
        yield build
        yield _gauge("dwdht_uptime_seconds", "Time since the start of the node.", self._uptime)
        yield _gauge("dwdht_ephemeral", "1 if other nodes don't list the node.", node.ephemeral)
        yield _gauge("dwdht_contacts", "Contacts in the routing table.", statistics.contacts)
        yield _gauge(
            "dwdht_late_contacts",
            "Contacts that left a request unanswered lately.",
            sum(entry.isLate for entry in node.table()),
        )
        yield _gauge(
            "dwdht_network_size",
            "Nodes that the network may have, estimated from the contacts; 0 if it is not known.",
            statistics.networkSize,
        )
        for name, load in (("requests", statistics.requests), ("queries", statistics.queries)):
            family = GaugeMetricFamily(
                f"dwdht_{name}", f"The node's own {name} at present, by state.", labels=["state"]
            )
            family.add_metric(["running"], load.running)
            family.add_metric(["waiting"], load.waiting)
            yield family
        yield _gauge("dwdht_handlers", "Handlers without a result yet.", statistics.handlers)
        health = GaugeMetricFamily("dwdht_health", "1 for the present health.", labels=["state"])
        for state in _STATES:
            health.add_metric([state], node.health.state == state)
        yield health
        isReachable = node.standing.isReachable
        if isReachable is not None:
            yield _gauge("dwdht_reachable", "1 if strangers reach the node.", isReachable)

    def _distributions(self) -> Iterator[Metric]:
        statistics = self._subject.node.statistics()
        yield _histogram(
            "dwdht_lookup_duration_seconds",
            "Time that a lookup or an update took.",
            statistics.lookupTimes,
        )
        yield _histogram(
            "dwdht_lookup_requests",
            "Requests that a lookup or an update has sent.",
            statistics.lookupRequests,
        )
        yield _histogram(
            "dwdht_lookup_hops",
            "Nodes on the way from an own contact to the farthest node that answered a lookup.",
            statistics.lookupHops,
        )
        yield _histogram(
            "dwdht_handler_duration_seconds",
            "Time after which a handler gave its result.",
            statistics.handlerTimes,
        )

    def _kept(self) -> Iterator[Metric]:
        usage, peers = self._usage, self._subject.peers
        if usage is not None:
            yield _gauge("dwdht_store_bytes", "Bytes that the store holds.", usage.bytes)
            yield _gauge("dwdht_store_maximum_bytes", "Bytes that it may hold.", usage.maximumBytes)
            yield _gauge("dwdht_store_values", "Values in the store.", usage.values)
            yield _gauge(
                "dwdht_store_largest_share_bytes",
                "Bytes that the host with the largest share has in the store.",
                usage.largestShare,
            )
        if peers is not None:
            yield _gauge("dwdht_announcements", "Announcements of peers.", len(peers))


def render(subject: Subject, usage: StoreUsage | None, *, uptime: float) -> bytes:
    """The metrics in the text form of Prometheus; see `NodeCollector`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(NodeCollector(subject, usage, uptime=uptime))
    return generate_latest(registry)


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help, value=value)


def _histogram(name: str, help: str, distribution: Distribution) -> Metric:
    reached = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*distribution.bounds, float("inf")), distribution.counts, strict=True):
        reached += count
        buckets.append(("+Inf" if bound == float("inf") else repr(float(bound)), reached))
    return HistogramMetricFamily(name, help, buckets=buckets, sum_value=distribution.total)
