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
  nobody else is left.  The more of those that were named stay silent, the less
  credit a node has to begin with.
* One address is asked once, whatever ids it was named with, and it counts when
  it answers under the id that it was named with.  An id is asked at a few
  addresses, so that no false one keeps the true one from being asked.
* Ids are random, so that there is room for a few nodes only next to a target.
  When k answer from there, the target is besieged: they chose their ids.  Then
  the search goes on for the k closest outside of that crowd, and an update is
  committed to both.  (The idea is that of Sridhar et al., Content Censorship in
  the InterPlanetary File System, 2024: what honest nodes there must be follows
  from the density of the network.)
* Whoever stands far closer to the target than chance would put anybody has
  chosen that id, or is who is looked for.  Either way it comes in addition to
  the k closest, and takes the place of nobody.
* On the public internet a host counts once among the k closest, whatever
  number of nodes it runs, a host and a /24 network are asked a few times only,
  and a private address that a public node names isn't asked at all.
* A lookup has a budget of datagrams.  When it is spent, only answers that are
  not late are waited for.

Pure: no time, no randomness, no IO.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from .candidate import CREDIT, WINDOW, Candidate, State
from .contact import (
    ID_BYTES,
    Address,
    isPublic,
    packAddress,
    splitContacts,
    unpackContact,
)
from .found import Found
from .routing import K
from .sources import SourceCounts
from .wire import ResponseMessage

#: How many requests are in flight before the first answer, and how many more for each answer, up to
#: L{WINDOW}.  The first candidates are the farthest: asking all of them at once would be a waste.
FIRST_WINDOW = 5
WINDOW_FOR_ANSWER = 2

#: How many datagrams a lookup may send before it asks no further node.
BUDGET = 144

#: When so many have been sent, those that remain are for others than who was silent to several.
THRIFT = BUDGET // 2

#: How many more candidates are asked on a node's word for each that has answered.
CREDIT_FOR_ANSWER = 2

#: When so many more of the named are late than have answered, nodes begin with one credit less.
SILENT_FOR_CREDIT = 8

#: How many requests of one lookup go to a public host, and to a public /24 network.
MAXIMUM_OF_HOST = 4
MAXIMUM_OF_SUBNET = 12

#: How many addresses are asked that were named with the same id.  All but one of them lie, and none
#: of them can keep the others from being asked.
MAXIMUM_OF_ID = 3

#: How many nodes that have named a candidate are remembered with it.
MAXIMUM_REFERRERS = 8

#: Closer to a target than the mean distance between neighbouring ids divided by this, k nodes don't
#: stand by chance, even if that mean was taken to be many times too large.
CROWDED = 8

#: Closer to a target than that mean divided by this, chance puts nobody, even in a network that is
#: a million times larger than the table tells.  When so many have answered from there, no more of
#: them are asked, but for the one that has the target for its id.
TOO_CLOSE = 1 << 24
MAXIMUM_TOO_CLOSE = 8

#: A request that was sent more often than this is not waited for when enough others have answered:
#: most such nodes are gone.
PATIENCE = 2


class Lookup:
    """
    One search; a L{Search <dwdht_twisted.candidate.Search>}.

    :param target: 32 bytes
    :param ownId: the searcher's id, which is never a candidate
    :param k: how many closest nodes to find
    :param spacing: the mean distance between neighbouring ids, as far as it is known, else 0
    :param reserve: gives more compact contacts, for when too few of the others answer
    """

    def __init__(
        self,
        target: bytes,
        ownId: bytes,
        *,
        k: int = K,
        spacing: int = 0,
        reserve: Callable[[], bytes] | None = None,
    ) -> None:
        self._wanted = int.from_bytes(target, "big")
        self._ownId = ownId
        self._k = k
        self._crowded = spacing // CROWDED
        self._tooClose = spacing // TOO_CLOSE
        self._answeredTooClose = 0
        self._reserve = reserve
        self._isComplete = True
        self._hasMore = False
        self._spent = 0
        # Candidates: the bootstrap nodes, all named compact contacts with who named them, and
        # those of them that wait to be asked, closest first.
        self._bootstrap: deque[Address] = deque()
        self._named: dict[bytes, list[Candidate] | None] = {}
        self._line: list[tuple[int, bytes]] = []
        self._doubtful: list[tuple[int, bytes]] = []
        # Those of them that are outside of the crowd, once the target is besieged.
        self._outside: list[tuple[int, bytes]] | None = None
        # What became of them.
        self._askedAddresses: set[bytes] = set()
        self._addressesOf: Counter[bytes] = Counter({ownId: MAXIMUM_OF_ID})
        self._inFlight: dict[Candidate, int] = {}
        self._late = 0
        # How many more of those that others have named are silent than have answered.
        self._silence = 0
        self._found = Found(k, self._crowded)
        self._sources = SourceCounts(MAXIMUM_OF_HOST, MAXIMUM_OF_SUBNET)
        # The distances of all that have answered or soon will, closest first.
        self._hopeful: list[int] = []

    # What may be asked.

    def addContacts(self, compact: bytes) -> None:
        """Start from compact contacts that the node knows by itself."""
        for contact in splitContacts(compact):
            if contact not in self._named:
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
        window = min(WINDOW, FIRST_WINDOW + WINDOW_FOR_ANSWER * len(self._found.placed))
        self._hasMore = len(self._inFlight) - self._late >= window
        if self._hasMore or self._spent >= BUDGET:
            return None
        candidate = self._nextBootstrap() or self._nextInLine() or self._nextResort()
        if candidate is not None:
            candidate.state = State.ASKED
            self._inFlight[candidate] = 1
            self._hopeFor(candidate)
            self._spent += 1
        return candidate

    def late(self, candidate: Candidate, transmissions: int) -> None:
        """See L{Search}."""
        if candidate.state is State.ASKED:
            candidate.state = State.LATE
            self._late += 1
            self._giveUpHope(candidate)
            self._blameForSilence(candidate)
        patience, thrift = PATIENCE, THRIFT
        if self._withheld:
            # There is more to gain from others than from a second try.
            patience, thrift = 1, THRIFT if _isVouchedFor(candidate) else THRIFT // 2
        if transmissions >= patience and self._spent >= thrift:
            self.failed(candidate)
            return
        self._spent += 1
        self._inFlight[candidate] = transmissions + 1

    def punched(self, candidate: Candidate) -> None:
        """See L{Search}."""
        self._spent += 1

    def askedAgain(self, candidate: Candidate) -> None:
        """See L{Search}."""
        self._spent += 1
        self._land(candidate)
        candidate.state = State.ASKED
        self._inFlight[candidate] = 1
        self._hopeFor(candidate)

    def answered(self, candidate: Candidate, message: ResponseMessage) -> bool:
        """
        See L{Search}.  A result is a node that answers under the id that it was named with.
        """
        self._land(candidate)
        candidate.state = State.ANSWERED
        candidate.token = message.roundtripToken
        id = message.id
        if candidate.id is not None and candidate.id != id:
            # Restarted, or never who it was said to be: there is nothing to learn from it here.
            return False
        for name in candidate.namedBy:
            name.credit += CREDIT_FOR_ANSWER
            name.isRight = True
        self._silence -= bool(candidate.namedBy)
        isResult = id is not None and id != self._ownId
        if id is not None and isResult:
            candidate.id = id
            candidate.distance = int.from_bytes(id, "big") ^ self._wanted
            if candidate.distance < self._tooClose:
                # Of a bootstrap node that is known only now.
                candidate.isExtra = True
                self._answeredTooClose += 1
            self._found.add(candidate)
            self._hopeFor(candidate)
            self._noticeSiege()
        if message.nodes:
            self._addNamed(candidate, message.nodes)
        self._reconsiderDoubtful()
        return isResult

    def failed(self, candidate: Candidate) -> None:
        """See L{Search}."""
        self._land(candidate)
        candidate.state = State.FAILED

    @property
    def isOver(self) -> bool:
        """See L{Search}."""
        if not self._isComplete or self._hasMore:
            return False
        if self._spent >= BUDGET:
            return not self._hopes()
        found = self._found
        if len(found.placed) < self._k:
            return not self._inFlight
        bound = found.bound(0)
        outer = bound if self._outside is None else found.bound(found.crowdSize())
        return not any(
            transmissions <= PATIENCE
            and (
                candidate.distance < bound
                or (self._outside is not None and self._crowded <= candidate.distance < outer)
            )
            for candidate, transmissions in self._inFlight.items()
        )

    def closest(self) -> list[Candidate]:
        """
        The k closest nodes that have answered, closest first; when the target is besieged, as many
        from the edge of the crowd on as well.  Those that take no place come in addition, at most k
        of them.
        """
        return self._found.closest(self._outside is not None)

    # Credit.

    @property
    def _withheld(self) -> int:
        """How much of its first credit nobody has, for too many of the named are silent."""
        return min(CREDIT - 1, max(0, self._silence // SILENT_FOR_CREDIT))

    def _blameForSilence(self, candidate: Candidate) -> None:
        """Count the silence of a candidate against those that named it."""
        self._silence += bool(candidate.namedBy)
        for name in candidate.namedBy:
            name.silences += 1
        withheld = self._withheld
        if withheld:
            for lost in self._found.discredit(CREDIT - withheld):
                del self._hopeful[bisect_left(self._hopeful, lost.distance)]

    # A siege.

    def _noticeSiege(self) -> None:
        if self._outside is None and self._found.isCrowd:
            line, self._line, self._outside = self._line, [], []
            for waiting in line:
                heappush(self._lineOf(waiting[0]), waiting)

    # Candidates.

    def _addNamed(self, source: Candidate, nodes: bytes) -> None:
        named = self._named
        for contact in splitContacts(nodes, self._k):
            if contact in named:
                namedBy = named[contact]
                if namedBy is not None:
                    _addReferrer(namedBy, source)
            else:
                named[contact] = [source]
                self._lineUp(contact)

    def _lineUp(self, contact: bytes) -> None:
        distance = int.from_bytes(contact[:ID_BYTES], "big") ^ self._wanted
        heappush(self._lineOf(distance), (distance, contact))

    def _lineOf(self, distance: int) -> list[tuple[int, bytes]]:
        """Where candidates wait that are so far from the target."""
        outside = self._outside
        return self._line if outside is None or distance < self._crowded else outside

    def _reconsiderDoubtful(self) -> None:
        for waiting in self._doubtful:
            heappush(self._lineOf(waiting[0]), waiting)
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
        if self._outside is None:
            return self._nextOf(self._line, 0)
        candidate = self._nextOf(self._outside, bisect_left(self._hopeful, self._crowded))
        if candidate is None and not self._hopes() and self._found.crowdSize() < 2 * self._k:
            # Liars are quick to answer: they wait until the others have.
            candidate = self._nextOf(self._line, 0)
        return candidate

    def _nextOf(self, line: list[tuple[int, bytes]], skipped: int) -> Candidate | None:
        """The closest candidate that is closer than the k closest so far, and credible."""
        hopeful = self._hopeful
        withheld = self._withheld
        last = skipped + self._k - 1
        while line:
            distance, contact = line[0]
            if last < len(hopeful) and distance >= hopeful[last]:
                return None
            if (
                self._doubtful
                and self._doubtful[0][0] < distance
                and len(self._inFlight) - self._late >= FIRST_WINDOW
            ):
                # Answers under way may earn a closer candidate its credit.
                self._hasMore = True
                return None
            heappop(line)
            namedBy = self._named[contact]
            if namedBy and all(name.credit <= withheld for name in namedBy):
                heappush(self._doubtful, (distance, contact))
                continue
            candidate = self._admit(distance, contact, namedBy or [])
            if candidate is not None:
                return candidate
        return None

    def _nextResort(self) -> Candidate | None:
        """
        When too few answer and there is nobody to hope for: the rest of those that the node knows
        by itself, then those that nobody credible has named, a few more of each that named them.
        """
        if len(self._found.placed) >= self._k or self._hopes():
            return None
        if self._reserve is not None:
            reserve, self._reserve = self._reserve, None
            self.addContacts(reserve())
            candidate = self._nextInLine()
            if candidate is not None:
                return candidate
        for _, contact in self._doubtful:
            for name in self._named[contact] or ():
                name.credit = max(name.credit, CREDIT)
        self._reconsiderDoubtful()
        return self._nextInLine()

    def _admit(self, distance: int, compact: bytes, namedBy: list[Candidate]) -> Candidate | None:
        """Make a candidate of a contact, unless something speaks against asking it."""
        id, address = compact[:ID_BYTES], compact[ID_BYTES:]
        if address in self._askedAddresses or self._addressesOf[id] >= MAXIMUM_OF_ID:
            return None
        isTooClose = distance < self._tooClose
        if isTooClose and distance and self._answeredTooClose >= MAXIMUM_TOO_CLOSE:
            return None
        contact = unpackContact(compact)
        if contact is None or not self._sources.hasRoom(contact.host):
            return None
        if not self._isRoutable(contact.host, namedBy):
            # Someone nearer to it may still name it.
            del self._named[compact]
            return None
        self._askedAddresses.add(address)
        self._addressesOf[id] += 1
        isExtra = isTooClose or self._sources.has(contact.host)
        self._sources.add(contact.host)
        # Whoever names it from now on has taken no risk, and earns nothing.
        self._named[compact] = None
        candidate = Candidate(contact.address, id, distance)
        candidate.isExtra = isExtra
        candidate.namedBy = namedBy
        if namedBy:
            max(namedBy, key=_creditOf).credit -= 1
        return candidate

    def _isRoutable(self, host: str, namedBy: list[Candidate]) -> bool:
        """A private address means something else to a public node than to us."""
        return (
            not namedBy
            or isPublic(host)
            or not all(isPublic(name.address.host) for name in namedBy)
        )

    # Requests in flight.

    def _hopes(self) -> bool:
        """Whether an answer is waited for that isn't late."""
        return len(self._inFlight) > self._late

    def _land(self, candidate: Candidate) -> None:
        if self._inFlight.pop(candidate, None) is None:
            return
        if candidate.state is State.LATE:
            self._late -= 1
        else:
            self._giveUpHope(candidate)

    def _hopeFor(self, candidate: Candidate) -> None:
        if not candidate.isExtra:
            insort(self._hopeful, candidate.distance)

    def _giveUpHope(self, candidate: Candidate) -> None:
        if not candidate.isExtra:
            del self._hopeful[bisect_left(self._hopeful, candidate.distance)]


def _isVouchedFor(candidate: Candidate) -> bool:
    """Whether the node knew it by itself, or one that named it was right about another."""
    return not candidate.namedBy or any(name.isRight for name in candidate.namedBy)


def _creditOf(candidate: Candidate) -> int:
    return candidate.credit


def _addReferrer(namedBy: list[Candidate], source: Candidate) -> None:
    """Remember who named a candidate; those without credit make room."""
    if len(namedBy) < MAXIMUM_REFERRERS:
        namedBy.append(source)
        return
    for place, name in enumerate(namedBy):
        if name.credit <= 0:
            namedBy[place] = source
            return
