"""
The iterative search for the nodes closest to a target (Kademlia section 2.3).

A `Lookup` asks the closest known candidates.  The contacts in their answers are new candidates.
The lookup ends when k nodes have answered and no closer candidate is left to ask.  Its parts:

* `CandidateQueue` queues contacts not yet asked.
* `Screening` refuses contacts.
* `PendingRequests` tracks requests in flight.
* `Results` ranks answers.
* `Places` decides which answers are ranked, and which are extras.
* `CreditLedger` keeps account of referrers, the nodes that name others.
* `Starts` holds bootstrap nodes.

These rules keep a minority of liars from capturing a lookup:

1. No candidate is dropped because of closer ones.  A liar that names many close ids causes
   requests, but honest candidates stay in the queue behind these ids.
2. A referrer has credit for a few requests to its candidates.  It earns more credit when one of
   them answers under the id that it was named with.  A candidate whose referrers have no credit
   waits until no other candidate is left.  When many named candidates are late, every referrer has
   less credit.  An answer under another id costs the referrer as much as a late answer.
3. An address is asked once, whatever ids it is named with.  Its answer counts under the id in the
   answer, so a false id hides no honest node.  If no other node names the address with this id,
   the node is an extra.  A node that was asked under a false id starts without credit: the answers
   of liars that name each other under false ids would bring ever new credit.
4. An id is asked at a few addresses at once.  When one of them is late, the next address is asked.
   So false addresses can't keep the true one from being asked.  When several addresses answer, the
   first takes a place.  The others are *extras*: they are returned beside the k closest nodes.
5. Honest ids are random, so only a few nodes are next to any target.  If k nodes answer that are
   all closer than chance puts k nodes, they are a *crowd*, and an eclipse of the target is
   suspected.  Then the search goes on for the k closest nodes outside of the crowd.  An update is
   committed to both groups.  The idea is that of Sridhar et al., "Content Censorship in the
   InterPlanetary File System" (2024): the density of the network tells how far away the honest
   nodes must be.
6. If a node is far closer to the target than chance puts any node, it has chosen its id, or its id
   is the target itself.  In both cases it is an extra.
7. A public host takes one place among the k closest, however many nodes it runs.  A public host and
   a public /24 network are asked only a few times.  A private address is not asked if only public
   nodes have named it.
8. A candidate whose address was silent lately is asked after all others that have credit, and only
   if less than k nodes have answered, or if the lookup reads what nodes store: it may be the last
   that stores it.  If it answers, this memory is wrong, and the lookup no longer uses it.
9. A lookup has a budget of datagrams.  After the last datagram it waits only until the answers in
   flight have come or are late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..limits.bounds import CONTACTS_PER_HOST
from ..routing import K
from ..wire import Address, ResponseMessage, isRoutable, packAddress, unpackContact
from .bounds import LOOKUP_BUDGET
from .candidate import CREDIT, LOCAL, Candidate, State
from .credit import CreditLedger, isNamedByOthers, isVouchedFor
from .pending import FIRST_WINDOW, PATIENCE, PendingRequests
from .places import Places
from .queue import CandidateQueue, Waiting
from .results import Results
from .screening import Screening
from .starts import Starts

#: Once a lookup has sent this many datagrams, it gives up a candidate that missed `PATIENCE`
#: transmissions.  Until then, it sends the request again.  Larger: dead nodes use up the budget.
#: Smaller: nodes on lossy links get too few retries.
RETRY_BUDGET = LOOKUP_BUDGET // 2

#: A crowd is at least k nodes whose distance from the target is below a bound.  The bound is the
#: mean distance between neighbouring ids, divided by this number.  Chance doesn't put k nodes below
#: the bound, even if the estimated mean is many times too large.
CROWDED = 8


def _isNeverSilent(address: Address) -> bool:
    return False


class Lookup:
    """
    One iterative search; a `Search`.

    :param target: 32 bytes
    :param ownId: the searcher's id, which is a candidate only after `addLocal`
    :param k: the number of closest nodes to find
    :param spacing: the mean distance between neighbouring ids, or 0 when it is unknown
    :param needsTokens: whether only nodes that give a round-trip token are looked for, because an
        update follows.  Other nodes help the search, but take no place.
    :param reserve: returns more compact contacts; called when too few nodes answer
    :param isSilent: returns whether an address was silent lately
    :param asksSilent: whether candidates that were silent lately are asked although k nodes answer
    :param contactsPerHost: the ``contactsPerHost`` of the node
    """

    def __init__(
        self,
        target: bytes,
        ownId: bytes,
        *,
        k: int = K,
        spacing: int = 0,
        needsTokens: bool = False,
        reserve: Callable[[], bytes] | None = None,
        isSilent: Callable[[Address], bool] = _isNeverSilent,
        asksSilent: bool = False,
        contactsPerHost: int = CONTACTS_PER_HOST,
    ) -> None:
        self._k = k
        self._isSilent = isSilent
        self._asksSilent = asksSilent
        self._starts = Starts(reserve)
        self._queue = CandidateQueue(int.from_bytes(target, "big"), spacing // CROWDED)
        self._screening = Screening(ownId, spacing, contactsPerHost)
        self._pending = PendingRequests()
        self._results = Results(k, spacing // CROWDED)
        self._places = Places(
            queue=self._queue,
            screening=self._screening,
            pending=self._pending,
            results=self._results,
            needsTokens=needsTokens,
        )
        self._credit = CreditLedger()
        # The number of datagrams sent.
        self._spent = 0
        # Whether the last `next` left candidates to be asked once answers have arrived.
        self._hasMore = False

    # The candidates to start from.

    def addContacts(self, compact: bytes) -> None:
        """Add compact contacts that the searcher knows by itself."""
        self._queue.add(compact)

    def addLocal(self) -> None:
        """
        Add the searcher itself.  It is asked like any other candidate, but without a datagram.
        """
        self._queue.addLocal(self._screening.ownId)

    def addBootstrap(self, addresses: Iterable[Address]) -> None:
        """Add bootstrap nodes.  Their ids are unknown.  They have credit for a whole lookup."""
        self._starts.bootstrap.extend(addresses)

    def expect(self, *, isNeeded: bool = False) -> None:
        """
        Note that bootstrap nodes follow later.

        The search goes on at least until `complete` is called or another node has answered.

        :param isNeeded: whether to wait for `complete` even if another node has answered
        """
        self._starts.expect(isNeeded)

    def complete(self) -> None:
        """Note that no more bootstrap nodes follow."""
        self._starts.complete()

    def leaveOthers(self) -> None:
        """Ask nobody any more but the searcher itself, because no other node answers."""
        self._starts = Starts(None)
        self._queue.leaveOthers(self._screening.ownId)
        self._pending.leaveOthers()

    # The search.

    def next(self) -> Candidate | None:
        """See `Search.next`."""
        self._hasMore = self._pending.fills(len(self._results))
        if self._hasMore or self._spent >= LOOKUP_BUDGET:
            return None
        candidate = self._nextBootstrap() or self._nextQueued() or self._nextResort()
        if candidate is not None:
            self._pending.asked(candidate)
            self._spent += not candidate.isLocal
        return candidate

    def late(self, candidate: Candidate, transmissions: int) -> None:
        """See `Search.late`."""
        self._makeRoom(candidate)
        if self._pending.late(candidate):
            self._blame(candidate)
        patience, budget = PATIENCE, RETRY_BUDGET
        if self._credit.reduction:
            # Many named candidates are late.  Asking another candidate is worth more than a second
            # transmission to this one.
            patience, budget = 1, RETRY_BUDGET if isVouchedFor(candidate) else RETRY_BUDGET // 2
        if transmissions >= patience and self._spent >= budget:
            self.failed(candidate)
            return
        self._spent += 1
        self._pending.askedAgain(candidate, transmissions + 1)

    def punched(self, candidate: Candidate) -> None:
        """See `Search.punched`."""
        self._spent += 1

    def askedAgain(self, candidate: Candidate) -> None:
        """See `Search.askedAgain`."""
        self._spent += 1
        self._pending.asked(candidate)

    def answered(self, candidate: Candidate, message: ResponseMessage) -> bool:
        """
        See `Search.answered`.  An answer is a result under the id that it gives.
        """
        self._pending.ended(candidate)
        id = message.id
        isKnown = candidate.id is None or candidate.id == id or self._denied(candidate, id)
        candidate.state = State.ANSWERED
        candidate.token = message.token
        self._credit.reward(candidate)
        if candidate.wasSilent:
            # The memory of silences is wrong, perhaps because the node's own line was down.
            self._isSilent = _isNeverSilent
            self._queue.requeueSilent()
        isResult = (
            id is not None
            and (candidate.isLocal or id != self._screening.ownId)
            and self._places.answered(candidate, id, isKnown)
        )
        if message.nodes:
            self._queue.addNamed(message.nodes, candidate, self._k)
        self._queue.reconsider()
        return isResult

    def failed(self, candidate: Candidate) -> None:
        """See `Search.failed`."""
        self._pending.ended(candidate)
        self._makeRoom(candidate)
        candidate.state = State.FAILED

    @property
    def isOver(self) -> bool:
        """See `Search.isOver`."""
        results = self._results
        if self._hasMore or self._starts.isMissing(results.hasOthers):
            return False
        if self._spent >= LOOKUP_BUDGET:
            return not self._pending.onTime
        if self._asksSilent and self._queue.hasSilent and self._pending.onTime:
            return False
        if len(results.ranked) < self._k:
            return not self._pending.awaitsAny(hasAnswers=results.hasOthers)
        if self._pending.awaits(results.bound(0)):
            return False
        outer = results.bound(results.crowdSize())
        return not (
            self._queue.isEclipseSuspected and self._pending.awaits(outer, results.crowdDistance)
        )

    def closest(self) -> list[Candidate]:
        """
        The k closest nodes that have answered, closest first.

        When an eclipse is suspected, k nodes around the far end of the crowd are added.  At most k
        extras are added too.
        """
        return self._results.closest(self._queue.isEclipseSuspected)

    def _denied(self, candidate: Candidate, id: bytes | None) -> bool:
        """
        Note that a candidate answers under another id than the one it was asked under.

        The node was restarted under another id, or it never had the id that it was asked under.

        :return: whether the candidate was known with the id of the answer, too
        """
        self._makeRoom(candidate)
        if candidate.state is not State.LATE:
            self._blame(candidate)
        candidate.credit = 0
        compact = (id or b"") + packAddress(*candidate.address)
        candidate.namedBy = self._queue.namedBy(compact)
        return self._queue.isKnown(compact) and isNamedByOthers(candidate, candidate.namedBy)

    def _blame(self, candidate: Candidate) -> None:
        """Count a late candidate against the nodes that named it."""
        self._credit.blame(candidate)
        reduction = self._credit.reduction
        if reduction:
            for displaced in self._results.discredit(CREDIT - reduction):
                self._pending.displaced(displaced)

    # The next candidate.

    def _nextBootstrap(self) -> Candidate | None:
        bootstrap = self._starts.bootstrap
        while bootstrap:
            address = bootstrap.popleft()
            candidate = Candidate(address, None, -1)
            if self._screening.admitsBootstrap(candidate, packAddress(*address)):
                candidate.credit = LOOKUP_BUDGET
                candidate.wasSilent = self._isSilent(address)
                return candidate
        return None

    def _nextQueued(self) -> Candidate | None:
        queue, pending = self._queue, self._pending
        if not queue.isEclipseSuspected:
            return self._nextOf(queue.takeNearest, pending.bound(self._k))
        outer = pending.bound(self._k, self._results.crowdDistance)
        candidate = self._nextOf(queue.takeOuter, outer)
        if candidate is None and not pending.onTime and self._results.crowdSize() < 2 * self._k:
            # Liars answer fast.  So ask more nodes of the crowd only when all other requests were
            # answered or are late.
            candidate = self._nextOf(queue.takeNearest, pending.bound(self._k))
        return candidate

    def _nextOf(
        self, take: Callable[[int, int, bool], Waiting | None], bound: int
    ) -> Candidate | None:
        """
        Make a candidate of the closest contact that may be asked, or return None.

        :param take: the method of the queue that takes out a contact
        :param bound: a distance.  Only contacts closer than this distance are taken.
        """
        reduction = self._credit.reduction
        isWaitedFor = self._pending.onTime >= FIRST_WINDOW
        while (waiting := take(bound, reduction, isWaitedFor)) is not None:
            candidate = self._admit(*waiting)
            if candidate is not None:
                return candidate
        self._hasMore = self._queue.isHeldBack
        return None

    def _nextResort(self) -> Candidate | None:
        """
        The next candidate when too few nodes answer and all pending requests are late.

        The reserve of contacts comes first.  Then come the contacts whose addresses were silent
        lately, and then those whose referrers have no credit, a few for each of these referrers.
        """
        if self._pending.onTime:
            return None
        if len(self._results.ranked) >= self._k:
            if not self._asksSilent:
                return None
            self._queue.requeueSilent()
            return self._nextQueued()
        reserve = self._starts.takeReserve()
        if reserve is not None:
            self._queue.add(reserve)
        for requeue in (lambda: None, self._queue.requeueSilent, self._queue.trustAll):
            requeue()
            candidate = self._nextQueued()
            if candidate is not None:
                return candidate
        return None

    def _admit(self, distance: int, compact: bytes) -> Candidate | None:
        """Make a candidate of a contact; None if it must not be asked, or not yet."""
        if compact == self._screening.ownId:
            candidate = Candidate(LOCAL, compact, distance)
            self._queue.markAsked(compact, candidate)
            return candidate
        contact = unpackContact(compact)
        if contact is None:
            return None
        queue, screening = self._queue, self._screening
        namedBy = queue.namedBy(compact)
        if namedBy and not any(isRoutable(contact.host, node.address.host) for node in namedBy):
            # Only public nodes named this private address.  A node of the same private network may
            # still name it.
            queue.forget(compact)
            return None
        asked = screening.askedAt(compact)
        if asked is not None:
            self._places.namedOtherwise(asked, contact.id or b"", namedBy)
            return None
        if screening.postpones(contact.id or b"", contact.host, (distance, compact)):
            return None
        wasSilent = self._isSilent(contact.address)
        if wasSilent and queue.setAsideSilent((distance, compact)):
            return None
        candidate = Candidate(contact.address, contact.id, distance)
        if not screening.admits(candidate, compact):
            return None
        queue.markAsked(compact, candidate)
        candidate.wasSilent = wasSilent
        candidate.namedBy = namedBy
        candidate.untriedReferrers = list(namedBy)
        self._credit.spend(candidate)
        return candidate

    def _makeRoom(self, candidate: Candidate) -> None:
        """
        Requeue the contacts that were postponed because a candidate has the same id.

        This is done once: when the candidate is late, or else when its request ends.
        """
        if candidate.id is not None and candidate.state is State.ASKED:
            for waiting in self._screening.makeRoom(candidate.id, candidate.address.host):
                self._queue.requeue(waiting)
