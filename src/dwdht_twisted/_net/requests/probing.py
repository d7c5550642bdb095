"""
Probing: the decisions which addresses are pinged because of other nodes' requests or silence.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from ..._core import wire
from ..._core.limits import Silences
from ..._core.limits.bounds import (
    CLAIM_WAITS,
    MAXIMUM_CHECKS,
    MAXIMUM_CLAIMS,
    MAXIMUM_PROBES,
    MAXIMUM_VALIDATIONS,
    PROBE_TIMEOUT,
    SILENCE_CHECK_WAITS,
    SILENCE_WAITS,
    VALIDATION_WAITS,
)
from ..._core.routing import RoutingTable
from ..._core.timeouts import FixedTimeout
from ..._core.wire import Address, HostPort, ResponseMessage
from ...errors import DHTError
from ..environment import Environment
from .probes import Probes
from .requests import Requests


class Learner(Protocol):
    """Is told of each answer and each silence."""

    def heard(self, message: ResponseMessage, address: HostPort) -> None:
        """Note an answer."""

    def reached(self, address: HostPort) -> None:
        """Note an address whose answer may be forged."""

    def hasAnswered(self, address: HostPort) -> bool:
        """Whether an address belongs to a node that has answered before."""

    def limited(self, address: Address, left: float) -> None:
        """Note how many bytes an address may still be sent that has never answered."""

    def missed(self, address: Address, sentAt: float) -> None:
        """Note that an address did not answer a request whose ``onMissed`` is None."""

    def gone(self, address: Address, sentAt: float) -> None:
        """Note that an address answered neither a request nor the ping after it."""

    def probeMissed(self, address: Address, sentAt: float) -> None:
        """Note that an address did not answer a probe."""


class Probing:
    """
    The probes of one node, of five kinds:

    ============  ========================================================================
    claims        a request carried an id that the table does not contain
    rechecks      a request carried a contact's id but came from another address, or
                  it came from a contact's address but carried another id
    validations   a large answer is held until its address has shown that it receives
    silences      a request was not answered, but its node may still be alive
    returns       an address was silent, but its node may answer by now; it may own an id that
                  another address has meanwhile
    ============  ========================================================================

    :param table: knows the contacts, and decides which claims need a probe
    :param learner: is told of all answers and silences
    :param silences: knows which addresses were silent lately
    :ivar validations: the probes that validate addresses
    """

    def __init__(
        self,
        environment: Environment,
        table: RoutingTable,
        learner: Learner,
        *,
        silences: Silences,
    ) -> None:
        self._clock = environment.clock
        self._table = table
        self._silences = silences
        self._learner = learner
        self._identity = identity = environment.identity
        self._requests = Requests(
            environment,
            learner,
            window=MAXIMUM_PROBES,
            timeouts=FixedTimeout(PROBE_TIMEOUT),
        )

        def ping() -> bytes:
            return identity.ping

        self._claims, self._rechecks = (
            Probes(
                self._requests,
                ping,
                waits=CLAIM_WAITS,
                maximum=MAXIMUM_CLAIMS,
                onMissed=learner.probeMissed,
            )
            for _ in range(2)
        )
        self.validations = Probes(
            self._requests,
            partial(wire.requestBody, wire.PING),
            waits=VALIDATION_WAITS,
            maximum=MAXIMUM_VALIDATIONS,
            # A contact keeps its place in the table even if it does not answer a validation.
            onMissed=lambda address, sentAt: None,
        )
        self._silenceChecks = Probes(
            self._requests,
            ping,
            waits=SILENCE_WAITS,
            maximum=MAXIMUM_CHECKS,
            onMissed=learner.gone,
        )
        self._returns = Probes(
            self._requests,
            ping,
            waits=SILENCE_CHECK_WAITS,
            maximum=MAXIMUM_CHECKS,
            # The silence of the address is known.
            onMissed=lambda address, sentAt: None,
        )

    @property
    def overdue(self) -> int:
        """The number of probes of all kinds whose deadline has passed."""
        return self._requests.overdue

    def received(self, datagram: bytes, address: HostPort) -> bool:
        """
        Take a response that answers none of the node's own requests.

        :return: False when no probe waits for the response
        :raises MalformedDatagram: when an expected response can't be read
        """
        if self._requests.received(datagram, address):
            return True
        self._claims.guessed(address)
        self.validations.guessed(address)
        self._silenceChecks.guessed(address)
        self._rechecks.guessed(address)
        self._returns.guessed(address)
        return False

    def stop(self, reason: DHTError) -> None:
        """End all probes with a failure.  Later probes fail at once."""
        self._requests.stop(reason)

    def claimed(self, id: bytes, address: HostPort) -> None:
        """
        Probe the claim that a node with an id is at an address, if the table needs to know.

        If a contact has the same id at another address, that contact is probed instead.
        """
        probed = self._table.asked(id, address, self._clock.seconds())
        if probed is None:
            return
        if self._table.hasProven(probed):
            # Rechecks of contacts have their own places.  So a flood of claims can't push out the
            # probe of a contact before the contact has answered.
            self._recheck(probed)
        else:
            self._claims.send(probed, partial(self._claimEnded, probed))

    def isClaimProbed(self, address: HostPort) -> bool:
        """Whether a claim with this address is being probed."""
        return self._claims.isProbed(address)

    def recheckClaimed(self) -> None:
        """Probe the contacts whose ids were claimed when no recheck was allowed."""
        for contact in self._table.claimed(self._clock.seconds()):
            self._recheck(contact)

    def probeClaimants(self, contact: HostPort) -> None:
        """
        Probe the addresses that claim the id of a silent contact.

        The node of the contact may have moved to one of these addresses.
        """
        for claimant in self._table.takeClaimants(contact):
            self._recheck(claimant)

    def checkSilence(self, address: Address) -> None:
        """
        Find out whether the node of a silent handler is still alive.

        A pong comes sooner than a handler's answer.  So the round trip of an ordinary ping would
        make the time-out of user commands too short.  The round trips of probes do not count for
        that time-out, so the ping is sent as a probe.

        An address that has never answered counts as silent at once, because it may be sent few
        pings.
        """
        now = self._clock.seconds()
        if self._silences.isLimited(address, now):
            self._learner.gone(address, now)
        elif not self._silences.isSilent(address, now):
            self._silenceChecks.send(address, lambda isAnswered: None)

    def checkUnanswered(self, address: Address) -> None:
        """
        Find out whether the node of a request that was given up is still alive.

        A contact is pinged as often as the node of a silent handler, because it may leave the
        table.  Any other address is pinged once.
        """
        if self._table.hasProven(address):
            self.checkSilence(address)
        else:
            self._ping(address)

    def recheckSilent(self) -> None:
        """Ping the silent addresses that are due to be checked again."""
        for address in self._silences.toCheck(self._clock.seconds()):
            self._ping(address)

    def checkOwners(self) -> None:
        """Ping the owners of ids that are lent to others, and that are due to be checked."""
        for address in self._table.ownership.toCheck(self._clock.seconds()):
            self._returns.send(address, lambda isAnswered: None)

    def _ping(self, address: HostPort) -> None:
        if self._silences.spend(address, self._identity.pingBytes, self._clock.seconds()):
            self._returns.send(address, lambda isAnswered: None)

    def _claimEnded(self, address: HostPort, isAnswered: bool) -> None:
        if not isAnswered:
            self._table.withdraw(address)

    def _recheck(self, address: HostPort) -> None:
        self._rechecks.send(address, lambda isAnswered: None)
