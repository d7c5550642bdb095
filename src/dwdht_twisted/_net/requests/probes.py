"""
The pings that others make a node send, strangers mostly.

A request may come from anywhere, and claim anything.  What a node pings to find out is kept apart
from what it asks for itself: probes have places and a time-out of their own, so that however many
of them stay without an answer, no request of the node's own waits, or is waited for longer.  One
address has one at a time.  In a flood the oldest is given up: who is there has mostly answered by
then.

All that tells an answer is 15 bits.  Whoever sends in the name of an address where it can't read
has to guess them, so that a probe is given up after some answers that nobody waits for.  (A few may
be late ones to what the node itself has asked there.)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..._core import wire
from ..._core.limits.bounds import MAXIMUM_GUESSES
from ..._core.wire import Address, HostPort
from ...errors import DHTError
from .requests import OnMissed, OutgoingRequest, Requests

#: Called once when a probe ends, with whether there is an answer.
OnEnd = Callable[[bool], None]


class Probe:
    """
    A ping that another has made the node send.

    :ivar request: the ping
    :ivar ended: to be called at its end
    :ivar guesses: how many answers came that don't fit
    """

    __slots__ = ("ended", "guesses", "request")

    def __init__(self, request: OutgoingRequest, ended: OnEnd) -> None:
        self.request = request
        self.ended = ended
        self.guesses = 0


class Probes:
    """
    The probes of one kind, such as those that look into claims.

    :param requests: what sends them, with a `PROBE_TIMEOUT`, and with room for those of all kinds
    :param body: of the ping
    :param waits: how long the answer to each transmission is waited for, in time-outs
    :param maximum: how many there are at once
    :param missed: told of each address that has not answered, first
    """

    def __init__(
        self,
        requests: Requests,
        body: bytes,
        waits: tuple[float, ...],
        maximum: int,
        missed: OnMissed,
    ) -> None:
        self._requests = requests
        self._body = body
        self._waits = waits
        self._maximum = maximum
        self._missed = missed
        self._probes: dict[HostPort, Probe] = {}

    def isProbed(self, address: HostPort) -> bool:
        """Whether an answer from there is waited for."""
        return address in self._probes

    def send(
        self, address: HostPort, ended: OnEnd, late: Callable[[int], None] | None = None
    ) -> None:
        """
        Ping an address, unless it is probed already.

        :param ended: called once
        :param late: called each time that the ping is about to be sent again
        """
        probes = self._probes
        while address not in probes and len(probes) >= self._maximum:
            # When one ends, another may begin, even one of the same address.
            self.giveUp(next(iter(probes)))
        if address in probes:
            return
        try:
            request = self._requests.send(
                Address(*address),
                self._body,
                partial(self._answered, address),
                partial(self._failed, address),
                late,
                self._waits,
                self._missed,
            )
        except DHTError:
            # The node is being destroyed.
            ended(False)
        else:
            probes[address] = Probe(request, ended)

    def guessed(self, address: HostPort) -> None:
        """An answer has come from an address that nobody waits for."""
        probe = self._probes.get(address)
        if probe is not None:
            probe.guesses += 1
            if probe.guesses >= MAXIMUM_GUESSES:
                self.giveUp(address)

    def giveUp(self, address: HostPort) -> None:
        """End the probe of an address."""
        probe = self._probes.pop(address)
        self._requests.cancel(probe.request)
        probe.ended(False)

    def _answered(self, address: HostPort, message: wire.ResponseMessage, source: HostPort) -> None:
        self._probes.pop(address).ended(True)

    def _failed(self, address: HostPort, reason: DHTError) -> None:
        self._probes.pop(address).ended(False)
