"""
Event counters of a node, for monitoring.
"""

from __future__ import annotations


class Counters:
    """
    The number of events since the node was made.

    :ivar requestsReceived: requests that could be read
    :ivar responsesReceived: answers to requests of ours
    :ivar requestsSent: datagrams with requests of ours, each retry too
    :ivar responsesSent: datagrams with answers of ours
    :ivar retriesSent: datagrams with requests that were sent again, because no answer had come
    :ivar answersLate: transmissions of requests of ours to which no answer came in time
    :ivar requestsUnanswered: requests of ours that were not answered after all retries
    :ivar requestBytesReceived: the bytes of the requests that came, of those that were dropped too
    :ivar requestBytesSent: the bytes of the requests that were sent
    :ivar responseBytesReceived: the bytes of the answers that came, of those that were dropped too
    :ivar responseBytesSent: the bytes of the answers that were sent
    :ivar malformed: datagrams that could not be read
    :ivar unexpected: responses without a waiting request, or from another address than the one
        that was asked
    :ivar rateLimited: requests dropped because their host, or all strangers together, sent too many
    :ivar badTokens: requests with an invalid round-trip token; they were served as queries
    :ivar queriesServed: queries of users' commands that were passed to a handler
    :ivar updatesServed: updates of users' commands that were passed to a handler
    :ivar updatesRefused: updates that a handler refused
    :ivar handlerFailures: handlers that raised, failed, or took too long
    :ivar handlersRefused: requests dropped because too many handlers were at work
    :ivar retriesAnswered: repeated updates that were answered from memory and not run
    :ivar pingsRelayed: pings relayed for a hole punch
    :ivar relaysRefused: requests of hole punches that were refused: pings to relay, and relayed
        pings to answer
    :ivar claimsRefused: claims that were not checked because too many came
    :ivar contactsRefused: requests and answers of nodes that were not listed because their public
        host, or their public /24 network, has as many contacts as it may have
    :ivar answersHeld: answers that were held back to validate their address first
    :ivar sendFailures: datagrams that the operating system refused to send
    :ivar strangersRefused: on a private network, datagrams that no member has sent
    :ivar replaysRefused: on a private network, datagrams that were received before, that were sent
        to another member, or whose time differs too much from that of this machine
    """

    __slots__ = (
        "answersHeld",
        "answersLate",
        "badTokens",
        "claimsRefused",
        "contactsRefused",
        "handlerFailures",
        "handlersRefused",
        "malformed",
        "pingsRelayed",
        "queriesServed",
        "rateLimited",
        "relaysRefused",
        "replaysRefused",
        "requestBytesReceived",
        "requestBytesSent",
        "requestsReceived",
        "requestsSent",
        "requestsUnanswered",
        "responseBytesReceived",
        "responseBytesSent",
        "responsesReceived",
        "responsesSent",
        "retriesAnswered",
        "retriesSent",
        "sendFailures",
        "strangersRefused",
        "unexpected",
        "updatesRefused",
        "updatesServed",
    )

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0)

    requestsReceived: int
    requestsSent: int
    responsesReceived: int
    responsesSent: int
    retriesSent: int
    answersLate: int
    requestBytesReceived: int
    requestBytesSent: int
    responseBytesReceived: int
    responseBytesSent: int
    requestsUnanswered: int
    malformed: int
    unexpected: int
    rateLimited: int
    badTokens: int
    queriesServed: int
    updatesServed: int
    updatesRefused: int
    handlerFailures: int
    handlersRefused: int
    retriesAnswered: int
    pingsRelayed: int
    relaysRefused: int
    claimsRefused: int
    contactsRefused: int
    answersHeld: int
    sendFailures: int
    strangersRefused: int
    replaysRefused: int

    def asDict(self) -> dict[str, int]:
        """All counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}
