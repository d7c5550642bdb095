"""
Probes: the pings that others, mostly strangers, make a node send.

A request may come from anywhere and claim anything.  The pings that check such claims are kept
apart from the node's own requests: they have places and a time-out of their own.  So however many
of them stay without an answer, no request of the node's own waits longer.  One address has one
probe of a kind at a time.  In a flood the oldest probe is given up: a node that is there has mostly
answered by then.

An answer is told by a transaction id of 15 bits.  An attacker that sends in the name of an address
where it can't read has to guess that id.  So a probe is given up after `MAXIMUM_GUESSES` answers
from its address that no request waits for.  A few of them may be late answers to the node's own
requests.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from ..._core import wire
from ..._core.limits.bounds import MAXIMUM_GUESSES
from ..._core.wire import Address, HostPort
from ...errors import DHTError
from .outgoing import Callbacks, OnLate, OnMissed, OutgoingRequest
from .requests import Requests

#: Called once when a probe ends, with whether there is an answer.
OnEnd: TypeAlias = Callable[[bool], None]


class Probe:
    """
    One probe.

    :ivar request: its ping
    :ivar onEnd: called at its end
    :ivar guesses: the number of unexpected answers from its address
    """

    __slots__ = ("guesses", "onEnd", "request")

    def __init__(self, request: OutgoingRequest, onEnd: OnEnd) -> None:
        self.request = request
        self.onEnd = onEnd
        self.guesses = 0


class Probes:
    """
    The probes of one kind, for example of claims.

    :param requests: sends the pings, and has room for the probes of all kinds
    :param body: the body of a ping
    :param waits: the times that each transmission is waited for, in units of `PROBE_TIMEOUT`
    :param maximum: the number of probes at once
    :param onMissed: told of each address that has not answered, before the end of its probe
    """

    def __init__(
        self,
        requests: Requests,
        body: bytes,
        *,
        waits: tuple[float, ...],
        maximum: int,
        onMissed: OnMissed,
    ) -> None:
        self._requests = requests
        self._body = body
        self._waits = waits
        self._maximum = maximum
        self._onMissed = onMissed
        self._probes: dict[HostPort, Probe] = {}

    def isProbed(self, address: HostPort) -> bool:
        """Whether an address is being probed."""
        return address in self._probes

    def send(self, address: HostPort, onEnd: OnEnd, onLate: OnLate | None = None) -> None:
        """
        Ping an address, unless it is being probed already.

        :param onEnd: called once
        :param onLate: called each time before the ping is sent again
        """
        probes = self._probes
        while address not in probes and len(probes) >= self._maximum:
            # The end of a probe may begin another, even one of the same address.
            self.giveUp(next(iter(probes)))
        if address in probes:
            return
        callbacks = Callbacks(
            partial(self._answered, address),
            partial(self._failed, address),
            onLate,
            self._onMissed,
        )
        try:
            request = self._requests.send(Address(*address), self._body, callbacks, self._waits)
        except DHTError:
            # The node is being destroyed.
            onEnd(False)
        else:
            probes[address] = Probe(request, onEnd)

    def guessed(self, address: HostPort) -> None:
        """Note an answer from an address that no request waits for."""
        probe = self._probes.get(address)
        if probe is not None:
            probe.guesses += 1
            if probe.guesses >= MAXIMUM_GUESSES:
                self.giveUp(address)

    def giveUp(self, address: HostPort) -> None:
        """End the probe of an address without an answer."""
        probe = self._probes.pop(address)
        self._requests.cancel(probe.request)
        probe.onEnd(False)

    def _answered(self, address: HostPort, message: wire.ResponseMessage, source: HostPort) -> None:
        self._probes.pop(address).onEnd(True)

    def _failed(self, address: HostPort, reason: DHTError) -> None:
        self._probes.pop(address).onEnd(False)
