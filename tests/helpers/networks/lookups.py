"""
A network without time and IO: honest nodes, silent ones and liars, and what drives a lookup
through it.

A lookup is told of each answer and each silence in an order that a seed chooses.
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
    distance,
    packContact,
    splitContacts,
    unpackContact,
)

#: How often a request is sent before its silence is final.
TRANSMISSIONS = 4

#: How many events a search may take before it counts as endless.
MINIMUM_SAMPLE = 5000


def compact(contacts: Iterable[Contact]) -> bytes:
    """Contacts as an answer carries them."""
    return b"".join(packContact(contact) for contact in contacts)


def answer(
    id: bytes | None, nodes: Iterable[Contact] = (), token: bytes | None = None
) -> ResponseMessage:
    """What a node answers."""
    return ResponseMessage(0, id, compact(nodes), None, token)


def byDistance(contacts: Iterable[Contact], target: bytes) -> list[Contact]:
    """Contacts, closest to a target first."""
    return sorted(contacts, key=lambda contact: distance(contact.id or b"", target))


def near(target: bytes, number: int) -> bytes:
    """An id that is only so far from a target."""
    return (int.from_bytes(target, "big") ^ number).to_bytes(ID_BYTES, "big")


class Tally:
    """
    What one search has cost.

    :ivar asked: the addresses that were asked, in that order
    :ivar datagrams: how many were sent, again or for the first time
    :ivar mostInFlight: the largest number of requests that were in flight and not late
    :ivar named: the contacts that the answers named
    """

    def __init__(self) -> None:
        self.asked: list[Address] = []
        self.datagrams = 0
        self.mostInFlight = 0
        self.named: set[Contact] = set()


class LookupNetwork:
    """
    Nodes that answer a lookup.

    :param random: chooses ids, and the order of events
    :param isPublic: whether the nodes stand on the public internet, each in a network of its own

    :ivar target: what the search is for
    :ivar honest: the honest nodes that are there
    :ivar contacts: all that honest nodes may know: besides those the silent ones and the liars
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
        """A contact at an address of its own, where nobody is."""
        self._count += 1
        host = f"{self._network}.{self._count >> 8}.{self._count & 255}.1"
        return Contact(id or self._random.randbytes(ID_BYTES), host, 1000)

    def addHonest(self, count: int) -> None:
        """Add nodes that answer as they should; see `acquaint`."""
        for _ in range(count):
            contact = self.newContact()
            self.honest.append(contact)
            self.contacts.append(contact)

    def addSilent(self, count: int) -> None:
        """Add nodes that others know and that have left."""
        self.contacts += [self.newContact() for _ in range(count)]

    def addLiar(self, lie: Callable[[bytes], list[Contact]], id: bytes | None = None) -> Contact:
        """Add a node that names whom it likes."""
        contact = self.newContact(id)
        self.contacts.append(contact)
        self.place(contact, lie)
        return contact

    def place(self, contact: Contact, names: Callable[[bytes], list[Contact]]) -> None:
        """Have a node stand at an address that nobody need know of."""
        self.answerAt(contact.address, lambda target: answer(contact.id, names(target)))

    def answerAt(self, address: Address, give: Callable[[bytes], ResponseMessage]) -> None:
        """Have the requests to an address answered."""
        self._answers[address] = give

    def acquaint(self) -> None:
        """Let each honest node know of all others what its routing table holds."""
        for contact in self.honest:
            table = RoutingTable(contact.id or b"")
            for other in self._random.sample(self.contacts, len(self.contacts)):
                table.answered(other, 0.0)
            self.place(contact, table.closest)

    def run(self, search: Search, lateness: float = 0.1) -> Tally:
        """
        Drive a search until it is over.

        :param lateness: how likely the answer of a node that is there comes late, to a second
            request
        :raises AssertionError: when it isn't over, and yet nobody is asked or waited for
        """
        tally = Tally()
        inFlight: dict[Candidate, int] = {}
        random = self._random
        for _ in range(MINIMUM_SAMPLE):
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
                assert inFlight, "not over, but nobody is waited for"
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
        """The honest nodes that are closest to the target."""
        return byDistance(self.honest, self.target)[:count]


def found(search: Search) -> list[Contact]:
    """The nodes that a search has found, closest first."""
    return [Contact(candidate.id, *candidate.address) for candidate in search.closest()]
