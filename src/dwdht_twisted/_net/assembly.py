"""
The parts of one node, and how they are wired together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .._core.limits import Admission, RateLimit, Silences, ValidatedAddresses
from .._core.routing import RoutingTable
from .._core.wire import Address, Contact, TokenIssuer
from ..interfaces import ICommandHandler
from .answering import AddressValidation, Answers, OwnRequests, Relay, Responder, UserCommands
from .asking import Pings, Queries, Resolver
from .environment import Environment
from .requests import Caller
from .upkeep import Membership, TableRefresher, Upkeep


class Node(NamedTuple):
    """
    What the parts of a node ask of the node itself.

    :ivar handler: runs the commands of users
    :ivar hasHandler: whether a command has a handler
    :ivar takesUpdates: whether a command has a handler that takes updates
    :ivar use: makes sure that the node can send
    :ivar boundAddress: returns the address that the node is bound to
    """

    handler: ICommandHandler
    hasHandler: Callable[[str], bool]
    takesUpdates: Callable[[str], bool]
    use: Callable[[], None]
    boundAddress: Callable[[], Address]


class Parts(NamedTuple):
    """
    The parts of one node.

    :ivar table: the contacts that it knows
    :ivar caller: sends requests
    :ivar pings: pings that users ask for
    :ivar queries: makes query streams
    :ivar resolver: resolves names
    :ivar responder: answers other nodes
    :ivar admission: which requests are served; None when all are
    :ivar membership: whether the node has joined
    :ivar upkeep: what the node does by itself
    """

    table: RoutingTable
    caller: Caller
    pings: Pings
    queries: Queries
    resolver: Resolver
    responder: Responder
    admission: Admission | None
    membership: Membership
    upkeep: Upkeep


def assemble(
    environment: Environment,
    id: bytes,
    reactor: Any,
    *,
    bootstrap: list[Address],
    contacts: list[Contact],
    rateLimit: RateLimit | None,
    node: Node,
) -> Parts:
    """
    Make the parts of a node.

    :param id: the node's id, 32 bytes, even when it is ephemeral
    :param reactor: resolves names
    :param bootstrap: the bootstrap nodes
    :param contacts: the contacts of an earlier run
    :param rateLimit: the rate of each host; None for no bound
    :param node: what the parts ask of the node
    """
    silences = Silences()
    table = RoutingTable(id, counters=environment.counters, silences=silences)
    validated = ValidatedAddresses(table.hasProven)
    tokens = TokenIssuer(environment.random.randbytes)
    caller = Caller(environment, table, silences)

    validation = AddressValidation(
        environment, caller.probing.validations, validated=validated, silences=silences
    )
    answers = Answers(environment, table, validation)
    commands = UserCommands(
        environment,
        node.handler,
        node.takesUpdates,
        answers=answers,
        tokens=tokens,
        validation=validation,
    )
    relay = Relay(environment, tokens, table.hasProven)
    responder = Responder(
        environment, caller, tokens, answers=answers, commands=commands, relay=relay
    )

    local = OwnRequests(
        environment,
        node.handler,
        commands.runner,
        hasHandler=node.hasHandler,
        takesUpdates=node.takesUpdates,
        address=node.boundAddress,
    )
    resolver = Resolver(reactor)
    queries = Queries(
        environment,
        table,
        caller,
        resolver=resolver,
        bootstrap=bootstrap,
        hasContacts=bool(contacts),
        local=local,
        use=node.use,
    )

    membership = Membership(
        table, caller, queries.lookUp, contacts=contacts, hasBootstrap=bool(bootstrap)
    )
    refresher = TableRefresher(
        table, environment.random, lookUp=queries.lookUp, explore=queries.explore
    )
    upkeep = Upkeep(
        environment, table, caller, tokens=tokens, membership=membership, refresher=refresher
    )
    return Parts(
        table=table,
        caller=caller,
        pings=Pings(caller),
        queries=queries,
        resolver=resolver,
        responder=responder,
        admission=None if rateLimit is None else Admission(rateLimit, validated),
        membership=membership,
        upkeep=upkeep,
    )
