"""
The choice of the part of a node that answers a request.

Any host can send a request, so answers must be useless for an attack.  `AddressValidation` bounds
the size of answers.  `Relay` bounds hole punches.  A request counts as an update only if it carries
a round-trip token of `TokenIssuer`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..._core import wire
from ..._core.wire import ID_BYTES, HostPort, TokenIssuer, packAddress
from ..environment import Environment
from ..requests import Caller
from .answers import Answers
from .commands import UserCommands
from .relay import Relay


class Responder:
    """
    The answering half of a node.

    :param caller: checks the ids that askers claim
    :param tokens: issues round-trip tokens
    :param pongTokens: issues the tokens in answers to pings.  They are valid for longer, because a
        node pings its contacts seldom.
    :param confirmed: called with id, address and time for each ping that brings such a token back
    :param answers: sends answers with contacts
    :param commands: serves the commands of users
    :param relay: serves hole punches
    :ivar commands: serves the commands of users
    """

    def __init__(
        self,
        environment: Environment,
        caller: Caller,
        tokens: TokenIssuer,
        *,
        pongTokens: TokenIssuer,
        confirmed: Callable[[bytes, HostPort, float], None],
        answers: Answers,
        commands: UserCommands,
        relay: Relay,
    ) -> None:
        self._send = environment.send
        self._identity = environment.identity
        self._counters = environment.counters
        self._probing = caller.probing
        self._tokens = tokens
        self._pongTokens = pongTokens
        self._confirmed = confirmed
        self._seconds = environment.clock.seconds
        self._answers = answers
        self._relay = relay
        self.commands = commands

    @property
    def handlers(self) -> int:
        """The number of handlers that have not given their results."""
        return self.commands.runner.atWork

    def stop(self) -> None:
        """Cancel all running handlers."""
        self.commands.runner.stop()

    def received(self, datagram: bytes, address: HostPort) -> None:
        """
        Take a request.

        :raises MalformedDatagram: when the request can't be read
        """
        message = wire.decodeRequest(datagram)
        self._counters.requestsReceived += 1
        if message.forwardResponse is not None and message.forwardRequest is None:
            # A relayed ping carries the asker's id and comes from the referrer's address.  This id
            # and this address belong to different nodes, so they are not checked as a claim.
            self._relay.received(message, address)
            return
        command = message.command
        if message.forwardRequest is not None:
            self._relay.received(message, address)
        elif command == wire.FIND_NODE:
            self._findNode(message, address, len(datagram))
        elif command == wire.PING:
            self._ping(message, address)
        else:
            # The command may be empty.  Then the handler of all commands serves it.
            self.commands.received(message, address, datagram)
        # Ping the asker after its request was answered.  The answer proves this node to the asker,
        # so the asker need not ping this node when it receives our ping.
        if message.id is not None:
            self._probing.claimed(message.id, address)

    def _ping(self, message: wire.RequestMessage, address: HostPort) -> None:
        id, brought = message.id, message.roundtripToken
        if (
            id is not None
            and brought is not None
            and self._pongTokens.accepts(brought, *address, id, None)
        ):
            self._confirmed(id, address, self._seconds())
        token = self._pongTokens.issue(address[0], address[1], id, None)
        seenAs = packAddress(address[0], address[1])
        ownId = self._identity.sent
        self._send(
            wire.encodeResponse(message.transactionId, ownId, None, seenAs, token),
            address,
        )

    def _findNode(self, message: wire.RequestMessage, address: HostPort, length: int) -> None:
        target = message.target
        if target is not None and len(target) == ID_BYTES:
            token = self._tokens.issue(address[0], address[1], message.id, target)
            self._answers.answer(message, address, length, token)
