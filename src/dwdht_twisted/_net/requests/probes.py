"""
Probes: the pings that other nodes make a node send.

A request may have any source address and carry any id.  A node checks both by a ping, the probe.
Probes have places and a time-out of their own, apart from the node's own requests.  So unanswered
probes never delay the node's own requests.  An address has at most one probe of each kind at a
time.  In a flood, the oldest probe is given up.  A live node has usually answered before its probe
is the oldest.

Only the transaction id, 15 bits, shows that an answer is genuine.  An attacker that forges an
address and can't read its datagrams has to guess the id.  So a probe is given up after
`MAXIMUM_GUESSES` unexpected answers from its address.  A few unexpected answers are tolerated,
because they may be late answers to the node's own requests.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from ..._core import wire
from ..._core.limits.bounds import MAXIMUM_GUESSES
from ..._core.wire import Address, HostPort
from ...errors import DHTError
from .outgoing import Callbacks, OnLate, OnMissed, OutgoingRequest, Retries
from .requests import Requests

#: Called once when a probe ends; the argument says whether the probe was answered.
OnEnd: TypeAlias = Callable[[bool], None]


class Probe:
    """
    One probe.

    :ivar request: the ping
    :ivar onEnd: called when the probe ends
    :ivar guesses: the number of unexpected answers from the address of the probe
    """

    __slots__ = ("guesses", "onEnd", "request")

    def __init__(self, request: OutgoingRequest, onEnd: OnEnd) -> None:
        self.request = request
        self.onEnd = onEnd
        self.guesses = 0


class Probes:
    """
    The probes of one kind, for example of claims.

    :param requests: sends the pings of all kinds of probes.  Its window has to be as large as the
        sum of the ``maximum`` of all kinds.
    :param body: returns the body of a ping
    :param waits: the time to wait for an answer after each transmission, in units of
        `PROBE_TIMEOUT`
    :param maximum: the most probes of this kind at the same time
    :param onMissed: called with each address that did not answer, and with the time of the last
        ping to it, before ``onEnd`` of its probe
    """

    def __init__(
        self,
        requests: Requests,
        body: Callable[[], bytes],
        *,
        waits: tuple[float, ...],
        maximum: int,
        onMissed: OnMissed,
    ) -> None:
        self._requests = requests
        self._body = body
        self._retries = Retries(waits)
        self._maximum = maximum
        self._onMissed = onMissed
        self._probes: dict[HostPort, Probe] = {}

    def isProbed(self, address: HostPort) -> bool:
        """Whether an address is being probed."""
        return address in self._probes

    def send(self, address: HostPort, onEnd: OnEnd, onLate: OnLate | None = None) -> None:
        """
        Ping an address, unless it is being probed already.

        :param onEnd: called once when the probe ends; never called if the address is being probed
            already
        :param onLate: called before each retransmission of the ping
        """
        probes = self._probes
        while address not in probes and len(probes) >= self._maximum:
            # `giveUp` calls the ``onEnd`` of the oldest probe, and this may begin another probe,
            # even of this address.  So the loop checks both conditions again.
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
            request = self._requests.send(Address(*address), self._body(), callbacks, self._retries)
        except DHTError:
            # The node is being destroyed.
            onEnd(False)
        else:
            probes[address] = Probe(request, onEnd)

    def guessed(self, address: HostPort) -> None:
        """Note an unexpected answer from an address."""
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
