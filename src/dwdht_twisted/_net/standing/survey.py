"""
Asking other nodes at which address they see this one.
"""

from __future__ import annotations

from collections.abc import Callable

from ..._core.doubts import lineOf
from ..._core.routing import RoutingTable
from ..._core.standing import VIEWS_WANTED, Opinion, Standing, Views, describe
from ..._core.wire import Address, HostPort, subnet, unpackAddress
from ...errors import InvalidAddress
from ..environment import Environment
from ..requests import Caller

#: The shortest time between two surveys, in seconds.  Larger: a change of the address is noticed
#: later.  Smaller: liars among the contacts make a node ping all others more often.
SURVEY_INTERVAL = 120.0


class Survey:
    """
    The views of other nodes, which come with the pongs of contacts.

    :param table: knows the contacts
    :param caller: pings them
    :param localAddress: returns the address of this node's socket, on the way to a host
    :ivar views: the views
    :ivar isReachable: whether others reach this node; None when it wasn't tested
    """

    def __init__(
        self,
        environment: Environment,
        table: RoutingTable,
        caller: Caller,
        *,
        localAddress: Callable[[str], HostPort | None],
    ) -> None:
        self._seconds = environment.clock.seconds
        self._random = environment.random
        self._table = table
        self._caller = caller
        self._localAddress = localAddress
        self._askedAt = float("-inf")
        self.views = Views()
        self.isReachable: bool | None = None
        caller.onPong = self.pong

    def pong(self, observer: HostPort, value: bytes | None) -> None:
        """Note the value of a pong: the address to which it was sent."""
        try:
            seen = unpackAddress(value or b"")
        except InvalidAddress:
            return
        self.views.saw(observer, seen, self._seconds())

    @property
    def isDue(self) -> bool:
        """Whether `ask` would ping contacts now, because it did not do so lately."""
        return self._seconds() - self._askedAt >= SURVEY_INTERVAL

    def ask(self) -> None:
        """Ping contacts of many networks, unless this was done lately."""
        if not self.isDue:
            return
        self._askedAt = self._seconds()
        line = self.line
        contacts = [each for each in self._table.contacts() if lineOf(each.address) == line]
        self._random.shuffle(contacts)
        networks = {subnet(contact.host): contact for contact in contacts}
        for contact in list(networks.values())[:VIEWS_WANTED]:
            self._caller.check(contact.address)

    @property
    def line(self) -> str:
        """The line that reaches the contacts: public if it reaches any of them."""
        lines = {lineOf(contact.address) for contact in self._table.contacts()}
        return "public" if "public" in lines or not lines else max(lines)

    def opinion(self) -> Opinion:
        """At which address most others see this node, as soon as enough of them were asked."""
        line = self.line
        opinion = self.views.opinion(self._seconds(), line=line)
        contacts = self._table.contacts()
        # The contacts on another line see another address.
        networks = {subnet(each.host) for each in contacts if lineOf(each.address) == line}
        if opinion.views < min(VIEWS_WANTED, len(networks)):
            return Opinion(None, None, opinion.views)
        return opinion

    @property
    def standing(self) -> Standing:
        """What is known at present."""
        opinion = self.opinion()
        if opinion.host is None:
            return Standing(None, None, self.isReachable, "unknown")
        local = self._localAddress(opinion.host)
        isStable = opinion.port is not None
        port = opinion.port or (0 if local is None else local[1])
        address = Address(opinion.host, port)
        kind = describe(address, local, isPortStable=isStable, isReachable=self.isReachable)
        return Standing(address, isStable, self.isReachable, kind)
