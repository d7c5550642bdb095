"""
A network for lookups, without time and IO: honest nodes, silent nodes and liars.

The order of all answers and time-outs is drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from dwdht_twisted._core.lookup import Candidate, Search, State
from dwdht_twisted._core.routing import K, RoutingTable
from dwdht_twisted._core.wire import (
    ID_BYTES,
    Address,
    Contact,
    ResponseMessage,
    splitContacts,
    unpackContact,
)
from tests.helpers.core.contacts import byDistance, compact

#: The number of transmissions after which an unanswered request fails, as with a node's requests.
TRANSMISSIONS = 4

#: The number of events after which a search counts as endless. A search within its budget has a few
#: hundred.
MAXIMUM_EVENTS = 5000


def answer(
    id: bytes | None, nodes: Iterable[Contact] = (), token: bytes | None = None
) -> ResponseMessage:
    """Return the answer of a node with this id. It names ``nodes``."""
    return ResponseMessage(0, id, compact(nodes), None, token)


class Tally:
    """
    The cost of one search.

    :ivar asked: the asked addresses, in order
    :ivar datagrams: the number of sent datagrams, including retries
    :ivar mostInFlight: the largest number of requests in flight at the same time and not late
    :ivar named: the contacts that the answers named
    """

    def __init__(self) -> None:
        self.asked: list[Address] = []
        self.datagrams = 0
        self.mostInFlight = 0
        self.named: set[Contact] = set()


class LookupNetwork:
    """
    A network whose nodes answer a lookup.

    :param random: draws ids, and the order of events
    :param isPublic: whether the nodes have public addresses, each in a /24 network of its own

    :ivar target: the target of the search
    :ivar honest: the honest nodes
    :ivar contacts: the contacts that honest nodes may know: honest, silent and lying nodes
    """

    def __init__(self, random: Random, isPublic: bool = True) -> None:
        self._random = random
        self._network = "20" if isPublic else "10"
        self._count = 0
        self._answers: dict[Address, Callable[[bytes], ResponseMessage]] = {}
        self.target = random.randbytes(ID_BYTES)
        self.honest: list[Contact] = []
        self.contacts: list[Contact] = []

    def newContact(self, id: bytes | None = None) -> Contact:
        """Return a contact at a new address, where no node answers yet."""
        self._count += 1
        host = f"{self._network}.{self._count >> 8}.{self._count & 255}.1"
        return Contact(id or self._random.randbytes(ID_BYTES), host, 1000)

    def addHonest(self, count: int) -> None:
        """Add honest nodes.  They answer only after `acquaint`."""
        for _ in range(count):
            contact = self.newContact()
            self.honest.append(contact)
            self.contacts.append(contact)

    def addSilent(self, count: int) -> None:
        """Add nodes that never answer. Honest nodes may know them."""
        self.contacts += [self.newContact() for _ in range(count)]

    def addLiar(self, lie: Callable[[bytes], list[Contact]], id: bytes | None = None) -> Contact:
        """Add a liar. It names the contacts that ``lie`` returns for a target."""
        contact = self.newContact(id)
        self.contacts.append(contact)
        self.place(contact, lie)
        return contact

    def place(self, contact: Contact, names: Callable[[bytes], list[Contact]]) -> None:
        """
        Make a contact answer and name the contacts that ``names`` returns. It isn't added to
        `contacts`.
        """
        self.answerAt(contact.address, lambda target: answer(contact.id, names(target)))

    def answerAt(self, address: Address, give: Callable[[bytes], ResponseMessage]) -> None:
        """Make an address answer requests with the messages that ``give`` returns."""
        self._answers[address] = give

    def acquaint(self) -> None:
        """
        Fill the routing tables of all honest nodes from `contacts`. From then on, they answer from
        their tables.
        """
        for contact in self.honest:
            table = RoutingTable(contact.id or b"")
            for other in self._random.sample(self.contacts, len(self.contacts)):
                table.answered(other, 0.0)
            self.place(contact, table.closest)

    def run(self, search: Search, lateness: float = 0.1) -> Tally:
        """
        Drive a search until it is over.

        :param lateness: the probability that an answer comes only after the request was sent again
        :raises AssertionError: if the search isn't over but has nothing in flight, or if it is
            endless
        """
        tally = Tally()
        inFlight: dict[Candidate, int] = {}
        random = self._random
        for _ in range(MAXIMUM_EVENTS):
            candidate = search.next()
            if candidate is not None:
                assert candidate not in inFlight
                inFlight[candidate] = 1
                tally.asked.append(candidate.address)
                tally.datagrams += 1
                fresh = sum(transmissions == 1 for transmissions in inFlight.values())
                tally.mostInFlight = max(tally.mostInFlight, fresh)
            elif search.isOver:
                return tally
            else:
                assert inFlight, "the search is not over, but has nothing in flight"
                candidate = random.choice(list(inFlight))
                give = self._answers.get(candidate.address)
                isLate = inFlight[candidate] == 1 and random.random() < lateness
                if give is not None and not isLate:
                    del inFlight[candidate]
                    message = give(self.target)
                    named = [unpackContact(each) for each in splitContacts(message.nodes or b"")]
                    tally.named.update(contact for contact in named if contact is not None)
                    search.answered(candidate, message)
                elif inFlight[candidate] < TRANSMISSIONS:
                    search.late(candidate, inFlight[candidate])
                    if candidate.state is State.FAILED:
                        del inFlight[candidate]
                    else:
                        inFlight[candidate] += 1
                        tally.datagrams += 1
                else:
                    del inFlight[candidate]
                    search.failed(candidate)
        raise AssertionError("the search is endless")

    def holders(self, count: int = K) -> list[Contact]:
        """Return the honest nodes closest to the target, closest first."""
        return byDistance(self.honest, self.target)[:count]


def resultsOf(search: Search) -> list[Contact]:
    """Return the contacts that a search has found, in order."""
    return [Contact(candidate.id, *candidate.address) for candidate in search.closest()]
