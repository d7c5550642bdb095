"""
Serving the requests of a node to itself.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from ..._core.wire import TOKEN_BYTES, Address, Contact, ResponseMessage
from ...interfaces import ICommandHandler, Request
from ..environment import Environment
from .runner import HandlerRunner

#: The round-trip token in a node's answer to itself.  It is never sent, so its bytes don't matter.
_TOKEN = bytes(TOKEN_BYTES)


class OwnRequests:
    """
    Runs the handlers of a member for its own queries and updates.

    :param handler: runs the commands
    :param runner: runs the handlers
    :param hasHandler: returns whether a command has a handler
    :param takesUpdates: returns whether a command has a handler that takes updates
    :param address: returns the address at which this machine reaches the node
    """

    def __init__(
        self,
        environment: Environment,
        handler: ICommandHandler,
        runner: HandlerRunner,
        *,
        hasHandler: Callable[[str], bool],
        takesUpdates: Callable[[str], bool],
        address: Callable[[], Address],
    ) -> None:
        self._environment = environment
        self._handler = handler
        self._runner = runner
        self._hasHandler = hasHandler
        self._takesUpdates = takesUpdates
        self.address = address

    @property
    def clock(self) -> IReactorTime:
        """The clock of the node."""
        return self._environment.clock

    def handles(self, command: str) -> bool:
        """Whether the node is a member of the network and has a handler for a command."""
        return self._environment.identity.sent is not None and self._hasHandler(command)

    def serve(
        self,
        command: str,
        target: bytes,
        value: bytes | None,
        done: Callable[[ResponseMessage | None], None],
        *,
        isUpdate: bool,
    ) -> None:
        """
        Run a handler.

        As with requests of other nodes, a query whose handler fails is answered without a value.
        If an update was refused or its handler fails, the answer carries no token.

        :param done: called once with the answer, or with None when too many handlers are running
        """
        ownId = self._environment.identity.sent
        takesUpdates = self._takesUpdates(command)
        if isUpdate and not takesUpdates:
            # The handler was removed between the query and the update.
            done(ResponseMessage(0, ownId))
            return
        request = Request(command, target, value, Contact(ownId, *self.address()))

        def answered(value: bytes | None) -> None:
            done(ResponseMessage(0, ownId, None, value, _TOKEN if takesUpdates else None))

        def failed() -> None:
            if isUpdate:
                done(ResponseMessage(0, ownId))
            else:
                answered(None)

        counters = self._environment.counters
        if isUpdate:
            counters.updatesServed += 1
            handle = self._handler.updateReceived
        else:
            counters.queriesServed += 1
            handle = self._handler.queryReceived
        if not self._runner.run(handle, request, answered, failed, isOwn=True):
            done(None)
