"""
Serving the queries and updates of users' commands.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.logger import Logger

from ..._core.limits.bounds import REMEMBERED_ANSWER_BYTES
from ..._core.wire import ID_BYTES, Contact, HostPort, RequestMessage, TokenIssuer
from ...interfaces import ICommandHandler, Request
from ..environment import Environment
from ..reporting import Reports, printable
from .answers import Answers
from .runner import HandlerRunner
from .updates import AtWork, UpdateMemory
from .validation import AddressValidation


class UserCommands:
    """
    Serves requests with users' commands.

    :param handler: runs the commands
    :param takesUpdates: returns whether a handler takes updates of a command
    :param answers: sends the answers
    :param tokens: issues and checks round-trip tokens
    :param validation: is told of each address that has sent a valid token
    :ivar runner: runs the handlers
    """

    _log = Logger()

    def __init__(
        self,
        environment: Environment,
        handler: ICommandHandler,
        takesUpdates: Callable[[str], bool],
        *,
        answers: Answers,
        tokens: TokenIssuer,
        validation: AddressValidation,
    ) -> None:
        self._environment = environment
        self._counters = environment.counters
        self._handler = handler
        self._takesUpdates = takesUpdates
        self._answers = answers
        self._tokens = tokens
        self._validation = validation
        self._updates = UpdateMemory()
        self._reports = Reports(self._log, environment.clock.seconds)
        self.runner = HandlerRunner(environment)

    def received(self, message: RequestMessage, address: HostPort, datagram: bytes) -> None:
        """Serve a request.  A request without a target of 32 bytes is not answered."""
        target = message.target
        if target is None or len(target) != ID_BYTES:
            return
        node = Contact(message.id, address[0], address[1])
        request = Request(message.command, target, message.value, node)
        takesUpdates = self._takesUpdates(message.command)
        isProven = False
        token = message.roundtripToken
        if token is not None:
            if self._tokens.accepts(token, address[0], address[1], message.id, target):
                self._validation.validated(address)
                isProven = True
                if takesUpdates:
                    self._update(request, message, address, datagram)
                    return
            else:
                self._counters.badTokens += 1
                self._reports.note(
                    "invalid round-trip token from {node}: its {command} is served as a query",
                    node=str(node),
                    command=printable(message.command),
                )
        self._query(request, message, address, len(datagram), takesUpdates, isProven)

    def _query(
        self,
        request: Request,
        message: RequestMessage,
        address: HostPort,
        length: int,
        takesUpdates: bool,
        isProven: bool,
    ) -> None:
        # Issue a token only if a handler takes updates.  Nodes send updates only to nodes that have
        # issued a token.
        fresh = None
        if takesUpdates:
            fresh = self._tokens.issue(address[0], address[1], message.id, message.target)
        self._counters.queriesServed += 1
        # A query whose handler fails is answered without a value.  So the asker still learns the
        # contacts, and does not repeat its request.
        answer = partial(self._answers.answer, message, address, length, fresh)
        if isProven:
            answer = partial(answer, isProven=True)
        runner = self.runner
        runner.run(
            self._handler.queryReceived,
            request,
            answer,
            # Strangers have fewer places, which matters only while handlers are running.
            isStranger=runner.atWork > 0 and not self._validation.isValidated(address),
        )

    def _update(
        self, request: Request, message: RequestMessage, address: HostPort, datagram: bytes
    ) -> None:
        seconds, send = self._environment.clock.seconds, self._environment.send
        updates = self._updates
        key = updates.keyOf(datagram, address)
        remembered = updates.get(key, seconds())
        if remembered is not None:
            self._counters.retriesAnswered += 1
            if not isinstance(remembered, AtWork):
                send(remembered, address)
            return

        def answer(value: bytes | None) -> None:
            # The answer carries the same token as the update, even if the token's secret has been
            # replaced meanwhile.  This token tells the asker that the update was taken.
            response = self._answers.encode(message, value, message.roundtripToken)
            if response is None:
                # The value is too large for a datagram, so the handler has failed.
                refuse()
                return
            again: bytes | None = response
            if len(response) > REMEMBERED_ANSWER_BYTES:
                again = self._answers.encode(message, None, message.roundtripToken)
            updates.answered(key, again, seconds())
            send(response, address)

        def refuse() -> None:
            # An answer without a token is a refusal.  A dht-rpc node takes any answer to an update
            # as success, so a refusal is sent only to askers that understand refusals.
            if message.understandsRefusal:
                refusal = self._answers.encode(message, None, None)
                updates.answered(key, refusal, seconds())
                if refusal is not None:
                    send(refusal, address)

        updates.begin(key, seconds())
        self._counters.updatesServed += 1
        if not self.runner.run(self._handler.updateReceived, request, answer, refuse):
            updates.forget(key)
