"""
Whether a node reaches this one that this one has not sent to.

A member is asked to relay a ping to another member, whose answer comes straight to this node.  This
node has sent nothing to the other member.  So a NAT or firewall that lets in only those to whom it
has sent drops the answer.
"""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import Deferred

from ..._core import wire
from ..._core.standing import RecentHosts
from ..._core.wire import (
    ID_BYTES,
    Address,
    HostPort,
    ResponseMessage,
    isPublic,
    unpackAddress,
)
from ...errors import DHTError, InvalidAddress
from ..environment import Environment
from ..requests import Callbacks, Caller

#: The most members that are asked to answer in one test.  Larger: more datagrams.  Smaller: a few
#: dead members make a reachable node look unreachable.
PEERS = 4


class Reachability:
    """
    Tests whether this node is reachable.

    :param caller: sends the requests
    :param recent: the hosts that this node has sent to
    :ivar host: this node's host, as the node saw it that answered in the latest test; None when
        none did
    """

    def __init__(self, environment: Environment, caller: Caller, recent: RecentHosts) -> None:
        self._random = environment.random
        self._seconds = environment.clock.seconds
        self._caller = caller
        self._recent = recent
        self.host: str | None = None

    def test(
        self, referrer: Address, since: float = float("-inf")
    ) -> Deferred[tuple[bool | None, bool]]:
        """
        Ask a member to have others answer.

        :param since: what this node has sent earlier opens nothing, because its address has changed
            since then; a time in seconds
        :return: fires with whether one of them has reached this node, or None when there was nobody
            to ask; and with whether the referrer knows any member.  It never fails.
        """
        self.host = None
        result: Deferred[tuple[bool | None, bool]] = Deferred()

        def answered(message: ResponseMessage, source: HostPort) -> None:
            found = wire.splitContacts(message.nodes or b"")
            contacts = [each for each in map(wire.unpackContact, found) if each is not None]
            knowsMembers = bool(contacts) or message.id is not None
            hosts = {
                contact.host: contact.address
                for contact in contacts
                if isPublic(contact.host)
                and contact.host != source[0]
                # Others may list this node itself, at its present address or a former one.
                and contact.id != self._caller.identity.id
                and not self._recent.has(contact.host, since)
            }
            peers = list(hosts.values())
            self._random.shuffle(peers)
            if peers:
                self._askThrough(Address(*source), peers[:PEERS], knowsMembers, result)
            else:
                result.callback((None, knowsMembers))

        def failed(reason: DHTError) -> None:
            result.callback((None, True))

        target = self._random.randbytes(ID_BYTES)
        body = wire.requestBody(wire.FIND_NODE, self._caller.identity.sent, target)
        try:
            self._caller.send(referrer, body, Callbacks(answered, failed))
        except DHTError as error:
            failed(error)
        return result

    def _askThrough(
        self,
        referrer: Address,
        peers: list[Address],
        knowsMembers: bool,
        result: Deferred[tuple[bool | None, bool]],
    ) -> None:
        waiting = set(peers)
        startedAt = self._seconds()

        def answered(peer: Address, message: ResponseMessage, source: HostPort) -> None:
            if self._recent.has(peer.host, startedAt):
                # This node has sent to the peer meanwhile, for another reason.
                ended(peer)
            elif not result.called:
                self.host = _hostIn(message.value)
                result.callback((True, knowsMembers))

        def ended(peer: Address) -> None:
            waiting.discard(peer)
            if not result.called and not waiting:
                result.callback((False, knowsMembers))

        for peer in peers:
            callbacks = Callbacks(
                partial(answered, peer),
                lambda reason, peer=peer: ended(peer),  # type: ignore[misc]
            )
            try:
                self._caller.punch(peer, referrer, callbacks, isAsked=True)
            except DHTError:
                ended(peer)


def _hostIn(value: bytes | None) -> str | None:
    """The host in the value of a pong."""
    try:
        return unpackAddress(value or b"").host
    except InvalidAddress:
        return None
