"""
The parts of one node, and how they are wired together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .._core.limits import Admission, RateLimit, Silences, ValidatedAddresses
from .._core.routing import RoutingTable
from .._core.standing import RecentHosts
from .._core.wire import ROTATION_INTERVAL, Address, Contact, HostPort, TokenIssuer
from ..interfaces import ICommandHandler
from .answering import (
    AddressValidation,
    Answers,
    NamedContacts,
    OwnRequests,
    Relay,
    Responder,
    UserCommands,
)
from .asking import Pings, Queries
from .environment import Environment
from .names import Resolver
from .requests import Caller
from .standing.survey import Survey
from .upkeep import PONG_TOKEN_ROTATION, Membership, TableRefresher, Upkeep, Vitals

if TYPE_CHECKING:
    from .standing.adapting import Adapting


class Node(NamedTuple):
    """
    The functions of the node itself that its parts call.

    :ivar handler: runs the commands of users
    :ivar hasHandler: whether a command has a handler
    :ivar takesUpdates: whether a command has a handler that takes updates
    :ivar relaysTo: whether a handler names an address to which pings are relayed
    :ivar use: opens the port of the node if none is open yet
    :ivar boundAddress: returns the address at which this machine reaches the node
    :ivar localAddress: returns the address of the node's socket on the way to a host
    """

    handler: ICommandHandler
    hasHandler: Callable[[str], bool]
    takesUpdates: Callable[[str], bool]
    relaysTo: Callable[[HostPort], bool]
    use: Callable[[], None]
    boundAddress: Callable[[], Address]
    localAddress: Callable[[str], HostPort | None]


class Parts(NamedTuple):
    """
    The parts of one node.

    :ivar table: the routing table
    :ivar caller: sends requests
    :ivar pings: sends the pings of users
    :ivar queries: makes query streams
    :ivar resolver: resolves names
    :ivar responder: answers other nodes
    :ivar admission: applies the rate limit to requests; None without a limit
    :ivar membership: joins the network
    :ivar upkeep: does the periodic work
    :ivar vitals: watches the health of the node
    :ivar survey: knows how others see the node
    :ivar adapting: makes the node a member once it is reachable; None if the user has decided
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
    vitals: Vitals
    survey: Survey
    adapting: Adapting | None

    def recall(self, id: bytes, contacts: list[Contact]) -> None:
        """Have the id and the contacts of an earlier run, before anything was sent."""
        self.table.take(id)
        self.queries.recall(hasContacts=bool(contacts))
        self.membership.recall(contacts)
        if self.adapting is not None:
            self.adapting.recall(contacts)


def assemble(
    environment: Environment,
    *,
    reactor: Any,
    bootstrap: list[Address],
    contacts: list[Contact],
    rateLimit: RateLimit | None,
    contactsPerHost: int,
    recent: RecentHosts | None,
    node: Node,
) -> Parts:
    """
    Make the parts of a node.

    :param environment: what they share
    :param reactor: resolves names
    :param bootstrap: the bootstrap nodes
    :param contacts: the contacts of an earlier run
    :param rateLimit: the rate limit of each host; None for no limit
    :param contactsPerHost: the most contacts of one public host
    :param recent: the hosts that the node has sent to; None if it doesn't adapt
    :param node: the functions of the node that the parts call
    """
    silences = Silences()
    table = RoutingTable(
        environment.identity.id,
        counters=environment.counters,
        silences=silences,
        contactsPerHost=contactsPerHost,
    )
    validated = ValidatedAddresses(table.hasProven)
    tokens = TokenIssuer(environment.random.randbytes)
    pongTokens = TokenIssuer(environment.random.randbytes)
    caller = Caller(environment, table, silences)

    validation = AddressValidation(
        environment, caller.probing.validations, validated=validated, silences=silences
    )
    named = NamedContacts(environment, table, caller)
    answers = Answers(environment, table, validation, named=named.named)
    commands = UserCommands(
        environment,
        node.handler,
        node.takesUpdates,
        answers=answers,
        tokens=tokens,
        validation=validation,
    )
    relay = Relay(environment, tokens, validated, relaysTo=node.relaysTo)
    responder = Responder(
        environment,
        caller,
        tokens,
        pongTokens=pongTokens,
        confirmed=caller.confirmed,
        answers=answers,
        commands=commands,
        relay=relay,
    )

    local = OwnRequests(
        environment,
        node.handler,
        commands.runner,
        hasHandler=node.hasHandler,
        takesUpdates=node.takesUpdates,
        address=node.boundAddress,
    )
    resolver = Resolver(reactor, environment.clock)
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
        table,
        caller,
        queries.lookUp,
        lookUpAmongContacts=queries.lookUpAmongContacts,
        contacts=contacts,
        hasBootstrap=bool(bootstrap),
    )
    refresher = TableRefresher(
        table,
        environment.random,
        caller=caller,
        lookUp=queries.lookUp,
        explore=queries.explore,
        resolveBootstrap=queries.resolveBootstrap,
    )
    upkeep = Upkeep(
        environment,
        table,
        caller,
        rotations={tokens: ROTATION_INTERVAL, pongTokens: PONG_TOKEN_ROTATION},
        membership=membership,
        refresher=refresher,
    )
    survey = Survey(environment, table, caller, localAddress=node.localAddress)
    adapting = None
    if recent is not None:
        from .standing.adapting import Adapting

        adapting = Adapting(
            environment,
            table,
            caller,
            membership=membership,
            survey=survey,
            recent=recent,
            contacts=contacts,
            resolveBootstrap=queries.resolveBootstrap,
        )
    return Parts(
        table=table,
        caller=caller,
        pings=Pings(caller, resolver),
        queries=queries,
        resolver=resolver,
        responder=responder,
        admission=None if rateLimit is None else Admission(rateLimit, validated),
        membership=membership,
        upkeep=upkeep,
        vitals=Vitals(environment, table, caller, membership=membership),
        survey=survey,
        adapting=adapting,
    )
