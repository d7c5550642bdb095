"""
The layer between a node and its UDP port on a network by certificate.

A datagram from the port is one of these:

- a hello.  Without a valid cookie of its address it is answered by a cookie, and nothing is
  remembered of it.  With one, a handshake begins.
- part of a handshake, or data.  Its address has a `Link`, or it is dropped.

A datagram of the node is sent on the association with its receiver, or waits for one.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from cryptography.x509 import Certificate
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, LogLevel

from ..._core import wire
from ..._core.limits import RecentMap
from ..._core.wire import Address, HostPort, isRequest, subnet
from ..._net.reporting import Reports
from ..bounds import (
    ASSOCIATION_IDLE,
    ASSOCIATIONS,
    ASSOCIATIONS_OF_MEMBER,
    HALF_OPEN,
    LIAR_REFUSED_FOR,
    LIARS_REMEMBERED,
    UNESTABLISHED,
)
from ..seam import Transport
from .association import RECORD_BYTES, Association, AssociationOwner
from .credentials import idOf
from .gate import Gate, isPrivate
from .link import Link
from .records import isHello, isTooLong, mayHaveCookie, readClientHello
from .security import SecurityContext
from .waiting import Turns, WaitingData

#: How often the files of the certificates are looked at, and idle associations are closed, in
#: seconds.  Larger: a revoked member is cut off later.  Smaller: a node looks at its files more
#: often in vain.
SWEEP_INTERVAL = 10.0


class CertifiedLayer:
    """
    The associations of one node.

    :param security: the certificate of the node, and who is accepted
    :param transport: the port and the node
    :ivar clock: the clock of the node
    :ivar links: the links by address; the address that was heard the longest ago comes first
    """

    _log = Logger()

    def __init__(self, security: SecurityContext, transport: Transport) -> None:
        self.clock: IReactorTime = transport.clock
        self._security = security
        self._transport = transport
        self._gate = Gate(transport.random, self.clock.seconds())
        self.links: OrderedDict[HostPort, Link] = OrderedDict()
        # The links with a handshake of the other end, the oldest first.
        self._accepting: dict[Link, None] = {}
        self._turns = Turns()
        self._waiting = WaitingData()
        self._liars: RecentMap[bytes, bool] = RecentMap(LIARS_REMEMBERED, LIAR_REFUSED_FOR)
        self._reports = Reports(self._log, self.clock.seconds)
        self._timer: IDelayedCall | None = None

    # DatagramLayer

    def start(self) -> None:
        """Look at the files, and then at them and the associations every ten seconds."""
        # They may have changed since the last node that has used them.
        self._security.refresh()
        self._timer = self.clock.callLater(SWEEP_INTERVAL, self._sweep)

    def stop(self) -> None:
        """Close all associations."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        links, self.links = list(self.links.values()), OrderedDict()
        self._turns = Turns()
        for link in links:
            link.close()

    def send(self, datagram: bytes, address: HostPort) -> None:
        """Send a datagram on the association with its receiver, or let it wait for one."""
        if self._timer is None:
            return
        if not 0 < len(datagram) <= RECORD_BYTES:
            self._transport.counters.sendFailures += 1
            return
        link = self.links.get(address) or self._add(address)
        if link.current is None:
            self._settle(link, isRequest(datagram))
        if not link.send(datagram, self._security.serial) and not self._waiting.add(
            datagram, address, self.clock.seconds()
        ):
            self._transport.counters.sendFailures += 1

    def received(self, datagram: bytes, address: HostPort) -> None:
        """Take a datagram from the port."""
        if self._timer is None or not address[1]:
            return
        if isHello(datagram):
            self._greet(datagram, address)
            return
        link = self.links.get(address)
        if link is None or isTooLong(datagram):
            self._transport.counters.strangersRefused += 1
            return
        for data in link.received(datagram):
            # The data before may have made the node stop, or cut the member off.
            if self.links.get(address) is link:
                self._deliver(data, link)

    def _greet(self, datagram: bytes, address: HostPort) -> None:
        """Take a hello: ask for a cookie, or begin to take part in a handshake."""
        gate, counters = self._gate, self._transport.counters
        if mayHaveCookie(datagram):
            hello = readClientHello(datagram)
            if hello is not None and gate.hasCookie(hello, address):
                link = self.links.get(address)
                if link is None or not (link.isOutdone(hello) or link.repeats(hello, datagram)):
                    self._accept(datagram, address)
                return
        # This is decided before the hello is read: a flood may bring tens of thousands of them.
        if not gate.mayAsk(address, self.clock.seconds()):
            counters.rateLimited += 1
            return
        hello = readClientHello(datagram)
        if hello is None:
            counters.strangersRefused += 1
        else:
            self._transport.write(gate.askFor(hello, address), address)

    def _deliver(self, data: bytes, link: Link) -> None:
        claimed = wire.claimedId(data)
        if claimed is not None and claimed != link.peerId:
            self._cutOff(link)
            return
        self.links.move_to_end(link.address)
        self._transport.deliver(data, link.address)

    def _cutOff(self, link: Link) -> None:
        self._liars.put(link.peerId, True, self.clock.seconds())
        self._reports.note(
            "{address} sent an id that isn't that of its certificate ({id}); it is cut off",
            level=LogLevel.warn,
            address=Address(*link.address),
            id=link.peerId.hex(),
        )
        self._remove(link)

    # Links

    def _add(self, address: HostPort) -> Link:
        while len(self.links) >= ASSOCIATIONS:
            self._remove(self._leastNeeded())
        link = self.links[address] = Link(address, self)
        return link

    def _leastNeeded(self) -> Link:
        """
        The link that was heard the longest ago.

        If many links have no association yet, it is the oldest of these.  So addresses where nobody
        is push out few associations, however many of them a member names.
        """
        unestablished = [link for link in self.links.values() if link.current is None]
        if len(unestablished) > UNESTABLISHED:
            return unestablished[0]
        return next(iter(self.links.values()))

    def _settle(self, link: Link, isRequest: bool) -> None:
        """Give a link without an association its place among those that begin a handshake."""
        if isRequest:
            self._turns.asks(link)
        elif link.isEmpty and link not in self._turns.queue:
            former = self._turns.addUnasked(link)
            if former is not None:
                self._remove(former)

    def _remove(self, link: Link) -> None:
        self.links.pop(link.address, None)
        self._waiting.take(link.address, self.clock.seconds())
        self._forgetHandshake(link)
        link.close()
        self._openNext()

    def _accept(self, datagram: bytes, address: HostPort) -> None:
        """Take part in the handshake of a hello whose cookie is valid."""
        if not self._gate.admits(address, self.clock.seconds()):
            self._transport.counters.rateLimited += 1
            return
        link = self.links.get(address) or self._add(address)
        self._forgetHandshake(link)
        if len(self._accepting) >= HALF_OPEN:
            self._giveUpOne()
        self._accepting[link] = None
        link.accept(datagram)

    def _giveUpOne(self) -> None:
        """Give up the oldest handshake of the network that has the most of them."""
        networks = [_networkOf(link.address) for link in self._accepting]
        # Of several networks that have the most, this is the one with the oldest handshake.
        ((largest, _),) = Counter(networks).most_common(1)
        links = zip(networks, self._accepting, strict=True)
        next(link for network, link in links if network == largest).giveUpAccepting()

    def _forgetHandshake(self, link: Link) -> None:
        self._accepting.pop(link, None)
        self._turns.forget(link)

    # LinkOwner

    def makeAssociation(self, owner: AssociationOwner, address: HostPort) -> Association:
        """Make an association that sends to this address."""
        write = self._transport.write
        return Association(
            self._security.context,
            self.clock,
            owner,
            transmit=lambda datagram: write(datagram, address),
        )

    def mayOpen(self, link: Link) -> bool:
        """Whether the link may begin a handshake now; otherwise it waits for its turn."""
        return self._turns.mayOpen(link)

    def _openNext(self) -> None:
        link = self._turns.next()
        while link is not None:
            link.open()
            link = self._turns.next()

    def attemptFailed(self, link: Link, reason: str) -> None:
        """Remember what has gone wrong, for who asks why a node is silent."""
        host, port = link.address
        self._security.refusal = f"no association with {host}:{port}: {reason}"

    def accepts(self, link: Link, certificate: Certificate) -> bool:
        """
        Whether a certificate that OpenSSL has accepted is accepted for this link.

        Its owner may have lied about its id lately, and the files may have changed since the
        handshake began.
        """
        peerId = idOf(certificate)
        if self._liars.get(peerId, self.clock.seconds()) or self._security.refuses(certificate):
            return False
        others = [
            each for each in self.links.values() if each.peerId == peerId and each is not link
        ]
        if len(others) >= ASSOCIATIONS_OF_MEMBER:
            self._remove(others[0])
        return True

    def ready(self, link: Link) -> list[bytes]:
        """Take the datagrams that have waited for the association of a link."""
        self._forgetHandshake(link)
        self._openNext()
        return self._waiting.take(link.address, self.clock.seconds())

    def ended(self, link: Link, reason: str | None, *, isFinal: bool = True) -> None:
        """Forget a link that has neither an association nor a handshake."""
        self._forgetHandshake(link)
        if reason is not None:
            self._transport.counters.strangersRefused += 1
            self._reports.note(
                "no association with {address}: {reason}",
                level=LogLevel.info,
                address=Address(*link.address),
                reason=reason,
            )
        if link.isEmpty and self.links.get(link.address) is link:
            if not isFinal and self._waiting.has(link.address):
                link.open()
            else:
                self._remove(link)
        else:
            self._openNext()

    # Every ten seconds

    def _sweep(self) -> None:
        self._timer = self.clock.callLater(SWEEP_INTERVAL, self._sweep)
        self._security.refresh()
        now = self.clock.seconds()
        self._gate.rotate(now)
        for link in list(self.links.values()):
            link.dropFormer(now)
            if link.current is None or link.certificate is None:
                continue
            refused = self._security.refuses(link.certificate)
            if refused is not None:
                self._log.info(
                    "{address} is cut off: {reason}", address=Address(*link.address), reason=refused
                )
                self._remove(link)
            elif now - link.heardAt > ASSOCIATION_IDLE:
                self._remove(link)


def _networkOf(address: HostPort) -> str:
    """The /24 network of a public address, and the host of a private one."""
    host = address[0]
    return host if isPrivate(host) else subnet(host)
