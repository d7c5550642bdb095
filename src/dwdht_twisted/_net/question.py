"""
The question that a query stream asks.
"""

from __future__ import annotations

from typing import NamedTuple

from .._core import wire
from .._core.wire import checkId
from . import arguments


class Question(NamedTuple):
    """
    The question of one stream: a query, or an update with its two phases.

    :ivar command: the name of the command
    :ivar target: 32 bytes
    :ivar value: the payload, or None
    :ivar holepunching: whether silent nodes are reached through the nodes that named them
    :ivar isUpdate: whether the closest nodes get an update after they were found
    :ivar withQuery: whether the answers of the first phase of an update are results too
    :ivar valueInQuery: whether the first phase of an update carries the value
    :ivar takersOnly: whether the closest nodes that take updates of the command are looked for, and
        others are passed over, as an update always does; nodes that were silent lately are asked
        too, after all others
    :ivar local: whether to ask the node itself, if it is a member and among the closest
    """

    command: str
    target: bytes
    value: bytes | None = None
    holepunching: bool = True
    isUpdate: bool = False
    withQuery: bool = False
    local: bool = False
    valueInQuery: bool = True
    takersOnly: bool = False

    @property
    def isForHandler(self) -> bool:
        """Whether the command belongs to a user, so that a handler answers the question."""
        return self.command not in wire.INTERNAL_COMMANDS

    @property
    def firstPhase(self) -> Question:
        """
        The question that the first search asks.

        It also asks addresses that no other node has asked before, and a liar may have named the
        address of a victim.  With the value, each of these addresses is sent four times its size.
        """
        if self.isUpdate and not self.valueInQuery:
            return self._replace(value=None)
        return self

    def body(self, id: bytes | None, token: bytes | None = None) -> bytes:
        """
        The body of a request that asks this question; see `requestBody`.

        :param token: the token of the commit; None in the first phase, which asks `firstPhase`
        """
        isWithValue = token is not None or self.valueInQuery or not self.isUpdate
        return wire.requestBody(
            self.command,
            id,
            self.target,
            roundtripToken=token,
            value=self.value if isWithValue else None,
            # A request with a token is an update.  Only updates can be refused, so a query needs no
            # flag.
            askerFlags=None if token is None else wire.UNDERSTANDS_REFUSAL,
        )


def ask(
    command: str,
    target: bytes,
    value: bytes | None,
    *,
    holepunching: bool,
    isUpdate: bool = False,
    withQuery: bool = False,
    local: bool,
    valueInQuery: bool = True,
    takersOnly: bool = False,
) -> Question:
    """
    Make the question of a user.

    :raises InvalidCommand: when the command is empty, is not text or belongs to the protocol
    :raises InvalidTarget: when the target doesn't have 32 bytes
    :raises ValueError: when the value isn't bytes, or an option is neither True nor False
    """
    return Question(
        arguments.checkCommand(command),
        checkId(target, "target"),
        arguments.checkValue(value),
        holepunching=arguments.checkFlag(holepunching, "holepunching"),
        isUpdate=isUpdate,
        withQuery=arguments.checkFlag(withQuery, "query"),
        local=arguments.checkFlag(local, "local"),
        valueInQuery=arguments.checkFlag(valueInQuery, "valueInQuery"),
        takersOnly=arguments.checkFlag(takersOnly, "takersOnly"),
    )
