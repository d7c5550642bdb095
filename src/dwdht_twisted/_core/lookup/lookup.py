"""
The iterative search for the nodes closest to a target.

A `Lookup` says whom to ask next, learns from each answer, and knows when it
is over (Kademlia section 2.3).  It asks the closest candidates that it has
heard of, takes the contacts in their answers as new candidates, and ends when
the k closest nodes that answer have been found and no closer candidate is left
to ask.  Who waits to be asked stands in its `CandidateQueue`, who may be is known by its
`Screening`, who was by `PendingRequests`, and who has answered by `Results`.

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
  addresses at once, and at more when they are late, so that no false one keeps
  the true one from being asked; when several answer, one takes a place, and
  the others come in addition.
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

from collections import deque
from collections.abc import Callable, Iterable

from ..limits.bounds import LOOKUP_BUDGET, LOOKUP_WINDOW
from ..routing import K
from ..wire import Address, ResponseMessage, isRoutable, packAddress, unpackContact
from .candidate import CREDIT, Candidate, State
from .pending import PendingRequests
from .queue import CandidateQueue, Waiting
from .results import Results
from .screening import Screening

#: How many requests are in flight before the first answer, and how many more for each answer, up to
#: `LOOKUP_WINDOW`.  The first candidates are the farthest: asking all of them at once would be a waste.
FIRST_WINDOW = 5
WINDOW_FOR_ANSWER = 2


#: When so many have been sent, those that remain are for others than who was silent to several.
RETRY_BUDGET = LOOKUP_BUDGET // 2

#: How many more candidates are asked on a node's word for each that has answered.
CREDIT_FOR_ANSWER = 2

#: When so many more of the named are late than have answered, nodes begin with one credit less.
SILENT_FOR_CREDIT = 8

#: Closer to a target than the mean distance between neighbouring ids divided by this, k nodes don't
#: stand by chance, even if that mean was taken to be many times too large.
CROWDED = 8

#: A request that was sent more often than this is not waited for when enough others have answered:
#: most such nodes are gone.
PATIENCE = 2


class Lookup:
    """
    One search; a `Search`.

    :param target: 32 bytes
    :param ownId: the searcher's id, which is never a candidate
    :param k: how many closest nodes to find
    :param spacing: the mean distance between neighbouring ids, as far as it is known, else 0
    :param reserve: gives more compact contacts, for when too few of the others answer
    :param isSilent: whether an address has not answered lately
    """

    def __init__(
        self,
        target: bytes,
        ownId: bytes,
        *,
        k: int = K,
        spacing: int = 0,
        reserve: Callable[[], bytes] | None = None,
        isSilent: Callable[[Address], bool] = lambda address: False,
    ) -> None:
        self._wanted = int.from_bytes(target, "big")
        self._ownId = ownId
        self._k = k
        self._crowdDistance = spacing // CROWDED
        self._reserve = reserve
        self._isSilent = isSilent
        # Who may be asked: bootstrap nodes, then whoever was named.
        self._bootstrap: deque[Address] = deque()
        self._isComplete = True
        self._isBootstrapNeeded = False
        self._queue = CandidateQueue(self._wanted, self._crowdDistance)
        self._screening = Screening(ownId, spacing)
        # By id, who waits for others that were named with it.
        self._aside: dict[bytes, list[Waiting]] = {}
        # Who was, and what came of it.
        self._pending = PendingRequests()
        self._results = Results(k, self._crowdDistance)
        self._spent = 0
        # How many more of those that others have named are silent than have answered.
        self._silence = 0
        # Whether somebody would have been asked the last time, but for the answers under way.
        self._hasMore = False

    # What may be asked.

    def addContacts(self, compact: bytes) -> None:
        """Start from compact contacts that the node knows by itself."""
        self._queue.add(compact)

    def addBootstrap(self, addresses: Iterable[Address]) -> None:
        """Start from bootstrap nodes, whose ids are unknown and whose word needs no credit."""
        self._bootstrap.extend(addresses)

    def expect(self, *, isNeeded: bool = False) -> None:
        """
        Bootstrap nodes come later, so that the search isn't over before `complete`, unless
        somebody has been found without them.

        :param isNeeded: whether it isn't over even then
        """
        self._isComplete = False
        self._isBootstrapNeeded = isNeeded

    def complete(self) -> None:
        """All bootstrap nodes that were expected have come, or won't."""
        self._isComplete = True

    # The search.

    def next(self) -> Candidate | None:
        """See `Search`."""
        window = min(LOOKUP_WINDOW, FIRST_WINDOW + WINDOW_FOR_ANSWER * len(self._results.ranked))
        self._hasMore = self._pending.onTime >= window
        if self._hasMore or self._spent >= LOOKUP_BUDGET:
            return None
        candidate = self._nextBootstrap() or self._nextInLine() or self._nextResort()
        if candidate is not None:
            self._pending.asked(candidate)
            self._spent += 1
        return candidate

    def late(self, candidate: Candidate, transmissions: int) -> None:
        """See `Search`."""
        self._makeRoom(candidate)
        if self._pending.late(candidate):
            self._blameForSilence(candidate)
        patience, thrift = PATIENCE, RETRY_BUDGET
        if self._creditReduction:
            # There is more to gain from others than from a second try.
            patience, thrift = 1, RETRY_BUDGET if _isVouchedFor(candidate) else RETRY_BUDGET // 2
        if transmissions >= patience and self._spent >= thrift:
            self.failed(candidate)
            return
        self._spent += 1
        self._pending.askedAgain(candidate, transmissions + 1)

    def punched(self, candidate: Candidate) -> None:
        """See `Search`."""
        self._spent += 1

    def askedAgain(self, candidate: Candidate) -> None:
        """See `Search`."""
        self._spent += 1
        self._pending.asked(candidate)

    def answered(self, candidate: Candidate, message: ResponseMessage) -> bool:
        """
        See `Search`.  A result is a node that answers under the id that it was named with.
        """
        self._pending.ended(candidate)
        id = message.id
        isDenied = candidate.id is not None and candidate.id != id
        if isDenied:
            self._makeRoom(candidate)
        candidate.state = State.ANSWERED
        candidate.token = message.token
        if isDenied:
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
            if not self._screening.answered(id, candidate.distance):
                candidate.isExtra = True
            self._results.add(candidate)
            self._pending.addExpected(candidate)
            if self._results.isCrowd and not self._queue.isEclipseSuspected:
                self._queue.suspectEclipse()
        if message.nodes:
            self._queue.addNamed(message.nodes, candidate, self._k)
        self._queue.reconsider()
        return isResult

    def failed(self, candidate: Candidate) -> None:
        """See `Search`."""
        self._pending.ended(candidate)
        self._makeRoom(candidate)
        candidate.state = State.FAILED

    @property
    def isOver(self) -> bool:
        """See `Search`."""
        found = self._results
        if self._hasMore:
            return False
        if not self._isComplete and (self._isBootstrapNeeded or not found):
            return False
        if self._spent >= LOOKUP_BUDGET:
            return not self._pending.onTime
        if len(found.ranked) < self._k:
            # All are waited for, but for those that did not answer lately either: just long enough
            # for a referrer to open a path to them.
            return not any(
                not found or not candidate.wasSilent or transmissions <= PATIENCE
                for candidate, transmissions in self._pending
            )
        bound = found.bound(0)
        isEclipseSuspected = self._queue.isEclipseSuspected
        outer = found.bound(found.crowdSize()) if isEclipseSuspected else bound
        return not any(
            transmissions <= PATIENCE
            and (
                candidate.distance < bound
                or (isEclipseSuspected and self._crowdDistance <= candidate.distance < outer)
            )
            for candidate, transmissions in self._pending
        )

    def closest(self) -> list[Candidate]:
        """
        The k closest nodes that have answered, closest first; when the target is besieged, as many
        from the edge of the crowd on as well.  Those that take no place come in addition, at most k
        of them.
        """
        return self._results.closest(self._queue.isEclipseSuspected)

    # Credit.

    @property
    def _creditReduction(self) -> int:
        """How much of its first credit nobody has, for too many of the named are silent."""
        return min(CREDIT - 1, max(0, self._silence // SILENT_FOR_CREDIT))

    def _blameForSilence(self, candidate: Candidate) -> None:
        """Count the silence of a candidate against those that named it."""
        self._silence += bool(candidate.namedBy)
        for name in candidate.namedBy:
            name.silences += 1
        creditReduction = self._creditReduction
        if creditReduction:
            for lost in self._results.discredit(CREDIT - creditReduction):
                self._pending.lost(lost)

    # Candidates.

    def _nextBootstrap(self) -> Candidate | None:
        while self._bootstrap:
            address = self._bootstrap.popleft()
            if self._screening.admitsAddress(packAddress(*address)):
                candidate = Candidate(address, None, -1)
                candidate.credit = LOOKUP_BUDGET
                candidate.wasSilent = self._isSilent(address)
                return candidate
        return None

    def _nextInLine(self) -> Candidate | None:
        if not self._queue.isEclipseSuspected:
            return self._nextOf(self._queue.nearest, self._pending.bound(self._k))
        candidate = self._nextOf(
            self._queue.outer, self._pending.bound(self._k, self._crowdDistance)
        )
        if (
            candidate is None
            and not self._pending.onTime
            and self._results.crowdSize() < 2 * self._k
        ):
            # Liars are quick to answer: they wait until the others have.
            candidate = self._nextOf(self._queue.nearest, self._pending.bound(self._k))
        return candidate

    def _nextOf(
        self, take: Callable[[int, int, bool], Waiting | None], bound: int
    ) -> Candidate | None:
        """The closest candidate that is closer than the k closest so far, and credible."""
        creditReduction = self._creditReduction
        isWaitedFor = self._pending.onTime >= FIRST_WINDOW
        while (waiting := take(bound, creditReduction, isWaitedFor)) is not None:
            candidate = self._admit(*waiting)
            if candidate is not None:
                return candidate
        self._hasMore = self._queue.isHeldBack
        return None

    def _nextResort(self) -> Candidate | None:
        """
        When too few answer and there is nobody to hope for: the rest of those that the node knows
        by itself, then those that nobody credible has named, a few more of each that named them.
        """
        if len(self._results.ranked) >= self._k or self._pending.onTime:
            return None
        if self._reserve is not None:
            reserve, self._reserve = self._reserve, None
            self.addContacts(reserve())
            candidate = self._nextInLine()
            if candidate is not None:
                return candidate
        self._queue.trustAll()
        return self._nextInLine()

    def _admit(self, distance: int, compact: bytes) -> Candidate | None:
        """Make a candidate of a contact, unless something speaks against asking it."""
        contact = unpackContact(compact)
        if contact is None:
            return None
        namedBy = self._queue.namedBy(compact)
        if namedBy and not any(isRoutable(contact.host, name.address.host) for name in namedBy):
            # Someone nearer to it may still name it.
            self._queue.forget(compact)
            return None
        id = contact.id or b""
        if self._screening.mustWait(id, contact.host):
            self._aside.setdefault(id, []).append((distance, compact))
            return None
        takesPlace = self._screening.takesPlace(distance, contact.host)
        if not self._screening.admits(distance, compact, contact.host):
            return None
        candidate = Candidate(contact.address, contact.id, distance)
        self._queue.markAsked(compact, candidate)
        candidate.isExtra = not takesPlace
        candidate.wasSilent = self._isSilent(contact.address)
        candidate.namedBy = namedBy
        if namedBy:
            max(namedBy, key=_creditOf).credit -= 1
        return candidate

    def _makeRoom(self, candidate: Candidate) -> None:
        """
        Let those come that wait for a candidate that was named with the same id, unless they were
        let when it became late.
        """
        id = candidate.id
        if id is not None and candidate.state is State.ASKED:
            self._screening.makesRoom(id, candidate.address.host)
            for waiting in self._aside.pop(id, ()):
                self._queue.requeue(waiting)


def _isVouchedFor(candidate: Candidate) -> bool:
    """Whether the node knew it by itself, or one that named it was right about another."""
    return not candidate.namedBy or any(name.isRight for name in candidate.namedBy)


def _creditOf(candidate: Candidate) -> int:
    return candidate.credit
