"""
The iterative search for the nodes closest to a target, and the commit to them.

A L{Lookup} says whom to ask next, learns from each answer, and knows when it
is over (Kademlia section 2.3).  It asks the closest candidates that it has
heard of, takes the contacts in their answers as new candidates, and ends when
the k closest nodes that answer have been found and no closer candidate is left
to ask.  A L{Commit} then sends to those.

Nobody who answers is trusted more than need be:

* No candidate is ever crowded out: a liar that names many close ids costs
  requests, but the honest candidates stay in line behind them.
* A word is worth a few requests.  A node that names candidates has credit for
  some of them; each that answers, under the id that it was named with, earns
  more.  A candidate that only nodes without credit have named waits until
  nobody else is left.
* One address is asked once, whatever ids it was named with, and what counts is
  the id that it answers with.  An id counts once, whatever addresses it was
  named with.
* On the public internet a host and a /24 network are asked a few times only,
  and a private address that a public node names isn't asked at all.
* A lookup has a budget of transmissions.

Pure: no time, no randomness, no IO.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable
from heapq import heappop, heappush

from .candidate import CREDIT, WINDOW, Candidate, State
from .contact import Address, Contact, distance, isPublic, splitContacts, subnet, unpackContact
from .routing import K
from .wire import ResponseMessage

#: How many late requests a lookup keeps beside them, in the hope of an answer after all.
LATE_WINDOW = 32

#: How many datagrams a lookup may send before it asks no further node.
BUDGET = 128

#: How many more candidates are asked on a node's word for each that has answered.
CREDIT_FOR_ANSWER = 4

#: How many requests of one lookup go to a public host, and to a public /24 network.
MAXIMUM_OF_HOST = 4
MAXIMUM_OF_SUBNET = 12

#: A request that was sent this often without an answer is not waited for when enough others have
#: answered.
PATIENCE = 2


class Lookup:
    """
    One search; a L{Search <dwdht_twisted.candidate.Search>}.

    :param target: 32 bytes
    :param ownId: the searcher's id, which is never a candidate
    :param k: how many closest nodes to find
    """

    def __init__(self, target: bytes, ownId: bytes, *, k: int = K) -> None:
        self._target = target
        self._wanted = int.from_bytes(target, "big")
        self._ownId = ownId
        self._k = k
        self._named: dict[bytes, Candidate] = {}
        self._line: list[tuple[int, int, Candidate]] = []
        self._doubtful: list[tuple[int, int, Candidate]] = []
        self._places = 0
        self._asked: dict[Address, Candidate] = {}
        self._inFlight: dict[Candidate, int] = {}
        self._late = 0
        self._answered: list[tuple[int, int, Candidate]] = []
        self._answeredIds: set[bytes] = set()
        self._spent = 0
        self._sources: Counter[str] = Counter()
        self._isComplete = True

    # What may be asked.

    def addContacts(self, contacts: Iterable[Contact]) -> None:
        """Start from contacts that the node knows by itself."""
        for contact in contacts:
            if contact.id is not None and contact.id != self._ownId:
                candidate = Candidate(
                    contact.address, contact.id, distance(contact.id, self._target)
                )
                self._lineUp(candidate)

    def addBootstrap(self, addresses: Iterable[Address]) -> None:
        """Start from bootstrap nodes, whose ids are unknown and whose word needs no credit."""
        for address in addresses:
            candidate = Candidate(address, None, -1)
            candidate.credit = BUDGET
            self._lineUp(candidate)
        self._isComplete = True

    def expect(self) -> None:
        """Bootstrap nodes come later, so that the search isn't over before L{addBootstrap}."""
        self._isComplete = False

    # The search.

    def next(self) -> Candidate | None:
        """See L{Search}."""
        while (
            len(self._inFlight) - self._late < WINDOW
            and self._late <= LATE_WINDOW
            and self._spent < BUDGET
        ):
            candidate = self._nextInLine()
            if candidate is None:
                return None
            if candidate.address in self._asked or self._isDuplicate(candidate):
                continue
            if not self._countSource(candidate.address.host):
                continue
            for name in candidate.namedBy:
                name.credit -= 1
            candidate.state = State.ASKED
            self._asked[candidate.address] = candidate
            self._inFlight[candidate] = 1
            self._spent += 1
            return candidate
        return None

    def late(self, candidate: Candidate, transmissions: int) -> None:
        """See L{Search}."""
        self._spent += 1
        if candidate not in self._inFlight:
            return
        self._inFlight[candidate] = transmissions + 1
        if candidate.state is State.ASKED:
            candidate.state = State.LATE
            self._late += 1

    def punched(self, candidate: Candidate) -> None:
        """See L{Search}."""
        self._spent += 1

    def askedAgain(self, candidate: Candidate) -> None:
        """See L{Search}."""
        self._spent += 1
        if candidate.state is State.LATE:
            candidate.state = State.ASKED
            self._late -= 1
        if candidate in self._inFlight:
            self._inFlight[candidate] = 1

    def answered(self, candidate: Candidate, message: ResponseMessage) -> bool:
        """See L{Search}.  A result is a node with an id that has not answered before."""
        self._land(candidate)
        candidate.state = State.ANSWERED
        candidate.token = message.roundtripToken
        id = message.id
        if candidate.id == id:
            for name in candidate.namedBy:
                name.credit += 1 + CREDIT_FOR_ANSWER
            self._reconsiderDoubtful()
        candidate.id = id
        isNew = id is not None and id != self._ownId and id not in self._answeredIds
        if id is not None and isNew:
            candidate.distance = int.from_bytes(id, "big") ^ self._wanted
            self._answeredIds.add(id)
            self._places += 1
            insort(self._answered, (candidate.distance, self._places, candidate))
        if message.nodes:
            self._addNamed(candidate, message.nodes)
        return isNew

    def failed(self, candidate: Candidate) -> None:
        """See L{Search}."""
        self._land(candidate)
        candidate.state = State.FAILED

    @property
    def isOver(self) -> bool:
        """See L{Search}."""
        if not self._isComplete:
            return False
        if not self._inFlight:
            return self._spent >= BUDGET or self._peek() is None
        if len(self._answered) < self._k:
            return False
        bound = self._answered[self._k - 1][0]
        if any(
            candidate.distance < bound and transmissions <= PATIENCE
            for candidate, transmissions in self._inFlight.items()
        ):
            return False
        return self._spent >= BUDGET or self._peek() is None

    @property
    def inFlight(self) -> int:
        """How many candidates have been asked and have not answered yet."""
        return len(self._inFlight)

    def closest(self) -> list[Candidate]:
        """The k closest nodes that have answered, closest first."""
        return [candidate for _, _, candidate in self._answered[: self._k]]

    # The inside.

    def _addNamed(self, source: Candidate, nodes: bytes) -> None:
        named = self._named
        fromPublic = isPublic(source.address.host)
        for compact in list(splitContacts(nodes))[: self._k]:
            candidate = named.get(compact)
            if candidate is not None:
                if candidate.state is State.NAMED and len(candidate.namedBy) < CREDIT:
                    candidate.namedBy.append(source)
                continue
            contact = unpackContact(compact)
            if contact is None or contact.id is None or contact.id == self._ownId:
                continue
            if fromPublic and not isPublic(contact.host):
                continue
            wanted = int.from_bytes(contact.id, "big") ^ self._wanted
            candidate = Candidate(contact.address, contact.id, wanted)
            candidate.namedBy.append(source)
            named[compact] = candidate
            if candidate.address not in self._asked:
                self._lineUp(candidate)

    def _reconsiderDoubtful(self) -> None:
        for place in self._doubtful:
            heappush(self._line, place)
        self._doubtful.clear()

    def _lineUp(self, candidate: Candidate) -> None:
        self._places += 1
        heappush(self._line, (candidate.distance, self._places, candidate))

    def _peek(self) -> Candidate | None:
        """The next in line, if it is close enough to be asked."""
        while self._line:
            place = self._line[0]
            candidate = place[2]
            if candidate.address in self._asked or self._isDuplicate(candidate):
                heappop(self._line)
            elif not candidate.namedBy or any(name.credit > 0 for name in candidate.namedBy):
                return candidate if self._isCloseEnough(candidate) else None
            else:
                heappush(self._doubtful, heappop(self._line))
        if len(self._answered) >= self._k:
            return None
        while self._doubtful:
            candidate = self._doubtful[0][2]
            if candidate.address not in self._asked and not self._isDuplicate(candidate):
                return candidate
            heappop(self._doubtful)
        return None

    def _nextInLine(self) -> Candidate | None:
        candidate = self._peek()
        if candidate is None:
            return None
        if self._line and self._line[0][2] is candidate:
            heappop(self._line)
            return candidate
        if self._inFlight:
            # Someone may still answer and earn credit, or name the candidate too.
            return None
        heappop(self._doubtful)
        return candidate

    def _isCloseEnough(self, candidate: Candidate) -> bool:
        answered = self._answered
        return len(answered) < self._k or candidate.distance < answered[self._k - 1][0]

    def _isDuplicate(self, candidate: Candidate) -> bool:
        return candidate.id is not None and candidate.id in self._answeredIds

    def _countSource(self, host: str) -> bool:
        if not isPublic(host):
            return True
        network = subnet(host)
        if self._sources[host] >= MAXIMUM_OF_HOST or self._sources[network] >= MAXIMUM_OF_SUBNET:
            return False
        self._sources[host] += 1
        self._sources[network] += 1
        return True

    def _land(self, candidate: Candidate) -> None:
        if self._inFlight.pop(candidate, None) is not None and candidate.state is State.LATE:
            self._late -= 1
