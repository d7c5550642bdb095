"""
What a node has done, in numbers, for whoever watches it.
"""

from __future__ import annotations


class Counters:
    """
    Counts since the node was made.

    :ivar requestsReceived: requests that could be read
    :ivar responsesReceived: answers to requests of ours
    :ivar malformed: datagrams that could not be read
    :ivar unexpected: responses that nobody waited for, or from another address than was asked
    :ivar rateLimited: requests dropped because their host, or all strangers together, sent too many
    :ivar badTokens: requests whose round-trip token isn't ours, served as queries
    :ivar queriesServed: user's queries handed to a handler
    :ivar updatesServed: user's updates handed to a handler
    :ivar handlerFailures: handlers that raised, failed, or took too long
    :ivar handlersRefused: requests dropped because too many handlers ran
    :ivar retriesAnswered: updates that came again and were answered from memory
    :ivar pingsRelayed: pings passed on for a hole punch
    :ivar relaysRefused: pings that were not passed on, or not answered, for a hole punch
    :ivar claimsRefused: requests with an id that wasn't looked into because too many came
    :ivar answersHeld: answers that waited for a proof of the asker's address
    :ivar sendFailures: datagrams that the operating system refused
    """

    __slots__ = (
        "answersHeld",
        "badTokens",
        "claimsRefused",
        "handlerFailures",
        "handlersRefused",
        "malformed",
        "pingsRelayed",
        "queriesServed",
        "rateLimited",
        "relaysRefused",
        "requestsReceived",
        "responsesReceived",
        "retriesAnswered",
        "sendFailures",
        "unexpected",
        "updatesServed",
    )

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0)

    requestsReceived: int
    responsesReceived: int
    malformed: int
    unexpected: int
    rateLimited: int
    badTokens: int
    queriesServed: int
    updatesServed: int
    handlerFailures: int
    handlersRefused: int
    retriesAnswered: int
    pingsRelayed: int
    relaysRefused: int
    claimsRefused: int
    answersHeld: int
    sendFailures: int

    def asDict(self) -> dict[str, int]:
        """All counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}
