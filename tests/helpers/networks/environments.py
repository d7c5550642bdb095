"""
The environment of a part of a node, for testing this part alone.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.interfaces import IReactorTime

from dwdht_twisted import Address
from dwdht_twisted._core.counters import Counters
from dwdht_twisted._core.identity import Identity
from dwdht_twisted._core.statistics import Measurements
from dwdht_twisted._core.wire import HostPort, ResponseMessage
from dwdht_twisted._net.asking.account import Account
from dwdht_twisted._net.environment import Environment
from dwdht_twisted._net.question import Question
from dwdht_twisted._net.watching import LookupWatchers


def environment(
    clock: IReactorTime,
    send: Callable[[bytes, HostPort], None],
    random: Random | None = None,
) -> Environment:
    """Return the environment of an ephemeral node."""
    identity = Identity(bytes(32), isMember=False)
    return Environment(
        clock,
        send,
        random or Random(1),
        Counters(),
        identity,
        Measurements(),
        LookupWatchers(clock.seconds),
    )


def accountOf(question: Question, clock: IReactorTime) -> Account:
    """Return the account of a question that nobody watches."""
    return Account(question, LookupWatchers(clock.seconds), Measurements())


class RecordingListener:
    """
    A listener of requests that records everything.

    :ivar heardFrom: the address of each answer that is proof
    :ivar reachedAddresses: the address of each answer that may be forged
    :ivar missedAddresses: each address that did not answer
    :ivar left: the bytes that are left for each address that has not answered a limited request
    :ivar known: the addresses that have answered before
    """

    def __init__(self) -> None:
        self.heardFrom: list[HostPort] = []
        self.reachedAddresses: list[HostPort] = []
        self.missedAddresses: list[Address] = []
        self.left: dict[Address, float] = {}
        self.known: set[HostPort] = set()

    def heard(self, message: ResponseMessage, address: HostPort) -> None:
        """Record the source of an answer."""
        self.heardFrom.append(address)

    def reached(self, address: HostPort) -> None:
        """Record the source of an answer that may be forged."""
        self.reachedAddresses.append(address)

    def hasAnswered(self, address: HostPort) -> bool:
        """Return whether an address is among those that have answered before."""
        return address in self.known

    def limited(self, address: Address, left: float) -> None:
        """Record what is left for an address."""
        self.left[address] = left

    def missed(self, address: Address, sentAt: float) -> None:
        """Record an address that did not answer."""
        self.missedAddresses.append(address)
