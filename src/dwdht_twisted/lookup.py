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

from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from .candidate import CREDIT, WINDOW, Candidate, State
from .contact import (
    ID_BYTES,
    Address,
    isPublic,
    packAddress,
    splitContacts,
    subnet,
    unpackContact,
)
from .routing import K
from .wire import ResponseMessage

#: How many requests are in flight before the first answer, and how many more for each answer, up to
#: L{WINDOW}.  The first candidates are the farthest: asking all of them at once would be a waste.
FIRST_WINDOW = 5
WINDOW_FOR_ANSWER = 2

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
        self._wanted = int.from_bytes(target, "big")
        self._ownId = ownId
        self._k = k
        self._isComplete = True
        self._hasMore = False
        self._spent = 0
        # Candidates: the bootstrap nodes, all named compact contacts with who named them, and
        # those of them that wait to be asked, closest first.
        self._bootstrap: deque[Address] = deque()
        self._named: dict[bytes, list[Candidate] | None] = {}
        self._line: list[tuple[int, bytes]] = []
        self._doubtful: list[tuple[int, bytes]] = []
        # What became of them.
        self._askedAddresses: set[bytes] = set()
        self._inFlight: dict[Candidate, int] = {}
        self._late = 0
        self._answered: list[tuple[int, bytes, Candidate]] = []
        self._answeredIds = {ownId}
        self._sources: Counter[str] = Counter()
        # The distances of all that have answered or soon will, closest first.
        self._hopeful: list[int] = []

    # What may be asked.

    def addContacts(self, compact: bytes) -> None:
        """Start from compact contacts that the node knows by itself."""
        for contact in splitContacts(compact):
            self._named[contact] = None
            self._lineUp(contact)

    def addBootstrap(self, addresses: Iterable[Address]) -> None:
        """Start from bootstrap nodes, whose ids are unknown and whose word needs no credit."""
        self._bootstrap.extend(addresses)
        self._isComplete = True

    def expect(self) -> None:
        """Bootstrap nodes come later, so that the search isn't over before L{addBootstrap}."""
        self._isComplete = False

    # The search.

    def next(self) -> Candidate | None:
        """See L{Search}."""
        window = min(WINDOW, FIRST_WINDOW + WINDOW_FOR_ANSWER * len(self._answered))
        self._hasMore = len(self._inFlight) - self._late >= window
        if self._hasMore or self._spent >= BUDGET:
            return None
        candidate = self._nextBootstrap() or self._nextInLine() or self._nextDoubtful()
        if candidate is not None:
            candidate.state = State.ASKED
            self._inFlight[candidate] = 1
            insort(self._hopeful, candidate.distance)
            self._spent += 1
        return candidate

    def late(self, candidate: Candidate, transmissions: int) -> None:
        """See L{Search}."""
        self._spent += 1
        self._inFlight[candidate] = transmissions + 1
        if candidate.state is State.ASKED:
            candidate.state = State.LATE
            self._late += 1
            self._giveUpHope(candidate)

    def punched(self, candidate: Candidate) -> None:
        """See L{Search}."""
        self._spent += 1

    def askedAgain(self, candidate: Candidate) -> None:
        """See L{Search}."""
        self._spent += 1
        self._land(candidate)
        candidate.state = State.ASKED
        self._inFlight[candidate] = 1
        insort(self._hopeful, candidate.distance)

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
        isNew = id is not None and id not in self._answeredIds
        if id is not None and isNew:
            candidate.distance = int.from_bytes(id, "big") ^ self._wanted
            self._answeredIds.add(id)
            insort(self._answered, (candidate.distance, id, candidate))
            insort(self._hopeful, candidate.distance)
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
        if not self._isComplete or self._hasMore:
            return False
        if len(self._answered) < self._k:
            return not self._inFlight
        bound = self._answered[self._k - 1][0]
        for candidate, transmissions in self._inFlight.items():
            if candidate.distance < bound and transmissions <= PATIENCE:
                return False
        return True

    def closest(self) -> list[Candidate]:
        """The k closest nodes that have answered, closest first."""
        return [candidate for _, _, candidate in self._answered[: self._k]]

    # Candidates.

    def _addNamed(self, source: Candidate, nodes: bytes) -> None:
        named = self._named
        for contact in splitContacts(nodes, self._k):
            if contact in named:
                namedBy = named[contact]
                if namedBy is not None and len(namedBy) < CREDIT:
                    namedBy.append(source)
            else:
                named[contact] = [source]
                self._lineUp(contact)

    def _lineUp(self, contact: bytes) -> None:
        distance = int.from_bytes(contact[:ID_BYTES], "big") ^ self._wanted
        heappush(self._line, (distance, contact))

    def _reconsiderDoubtful(self) -> None:
        if self._doubtful:
            self._line += self._doubtful
            heapify(self._line)
            self._doubtful.clear()

    def _nextBootstrap(self) -> Candidate | None:
        while self._bootstrap:
            address = self._bootstrap.popleft()
            compact = packAddress(*address)
            if compact not in self._askedAddresses:
                self._askedAddresses.add(compact)
                candidate = Candidate(address, None, -1)
                candidate.credit = BUDGET
                return candidate
        return None

    def _nextInLine(self) -> Candidate | None:
        """The closest candidate that is closer than the k closest so far, and credible."""
        line = self._line
        hopeful = self._hopeful
        while line:
            distance, contact = line[0]
            if len(hopeful) >= self._k and distance >= hopeful[self._k - 1]:
                return None
            heappop(line)
            namedBy = self._named[contact]
            if namedBy and all(name.credit <= 0 for name in namedBy):
                heappush(self._doubtful, (distance, contact))
                continue
            candidate = self._admit(distance, contact, namedBy or [])
            if candidate is not None:
                return candidate
        return None

    def _nextDoubtful(self) -> Candidate | None:
        """Whom nobody credible has named, when there is nobody else to ask or to wait for."""
        while self._doubtful and not self._inFlight and len(self._answered) < self._k:
            distance, contact = heappop(self._doubtful)
            candidate = self._admit(distance, contact, self._named[contact] or [])
            if candidate is not None:
                return candidate
        return None

    def _admit(self, distance: int, compact: bytes, namedBy: list[Candidate]) -> Candidate | None:
        """Make a candidate of a contact, unless something speaks against asking it."""
        id, address = compact[:ID_BYTES], compact[ID_BYTES:]
        if address in self._askedAddresses or id in self._answeredIds:
            return None
        contact = unpackContact(compact)
        if contact is None or not self._isRoutable(contact.host, namedBy):
            return None
        if not self._countSource(contact.host):
            return None
        self._askedAddresses.add(address)
        candidate = Candidate(contact.address, id, distance)
        candidate.namedBy = namedBy
        for name in namedBy:
            name.credit -= 1
        return candidate

    def _isRoutable(self, host: str, namedBy: list[Candidate]) -> bool:
        """A private address means something else to a public node than to us."""
        return (
            not namedBy
            or isPublic(host)
            or not all(isPublic(name.address.host) for name in namedBy)
        )

    def _countSource(self, host: str) -> bool:
        if not isPublic(host):
            return True
        network = subnet(host)
        if self._sources[host] >= MAXIMUM_OF_HOST or self._sources[network] >= MAXIMUM_OF_SUBNET:
            return False
        self._sources[host] += 1
        self._sources[network] += 1
        return True

    # Requests in flight.

    def _land(self, candidate: Candidate) -> None:
        if self._inFlight.pop(candidate, None) is None:
            return
        if candidate.state is State.LATE:
            self._late -= 1
        else:
            self._giveUpHope(candidate)

    def _giveUpHope(self, candidate: Candidate) -> None:
        del self._hopeful[bisect_left(self._hopeful, candidate.distance)]
