"""
The networks of the endpoints of a process.

All endpoints that have the same reactor and name the same bootstrap nodes share a `SharedNetwork`.
Its node exists while something uses it: a look-up, or a server that listens.  So no port and no
timer is left when the last use ends.  What was learnt is kept for the next use: the contacts of the
node, and the servers that were found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, gatherResults, succeed

# From the package itself: what stands on a node uses its public API alone.
from dwdht_twisted import DHTNode

from ..._addresses import parseAddresses
from ..._bootstrap import BOOTSTRAP_VARIABLE, namedInEnvironment
from ..._clock import clockOf, reactorOf
from ..._core.wire import Contact
from ...errors import InvalidAddress, NodeDestroyed
from ...interfaces import AddressLike, IDHTNode
from ..announcer import Announcer
from ..client import lookUp
from ..stream import PeerStream
from .directory import Directory
from .files import NetworkFiles

if TYPE_CHECKING:
    from ...private import NetworkSecurity

#: The contacts of a node that its successor starts with.  Larger: each start pings more contacts.
#: Smaller: if the bootstrap nodes are gone, fewer others can be asked in their place.
CONTACTS_KEPT = 20

#: The most topics whose servers a network remembers.  Larger: a program that connects to ever new
#: topics uses up more memory.  Smaller: one that connects to many looks them up more often.
TOPICS_REMEMBERED = 1000


class Announcement(Protocol):
    """The announcement of a server."""

    def stop(self) -> Deferred[None]:
        """Take the announcement back; fires within some 5 seconds, and doesn't fail."""


class Network:
    """
    A network in which endpoints announce servers and look them up.

    :param reactor: connects to servers
    :param clock: the clock of the network's node
    """

    def __init__(self, reactor: Any, clock: Any) -> None:
        self.reactor = reactor
        self.clock = clock
        self._directories: dict[bytes, Directory] = {}

    @property
    def reasonOfSilence(self) -> str:
        """What it may mean that no node answers, beside that none is there; may be empty."""
        return ""

    def directory(self, topic: bytes) -> Directory:
        """The servers of a topic that are known."""
        directory = self._directories.pop(topic, None) or Directory(self, topic)
        # The latest one comes last, so that the first one is forgotten.
        self._directories[topic] = directory
        if len(self._directories) > TOPICS_REMEMBERED:
            del self._directories[next(iter(self._directories))]
        return directory

    def lookUp(self, topic: bytes) -> PeerStream:
        """Begin a look-up, which uses the node until `release` is called."""
        node = self.use()
        try:
            return lookUp(node, topic)
        except BaseException:
            self.release()
            raise

    def use(self) -> Any:
        """Return the node, which stays usable until `release` is called."""
        raise NotImplementedError()

    def release(self) -> Deferred[None]:
        """Use the node no more.  Fires when everything that is not needed any more is released."""
        raise NotImplementedError()

    def announce(self, topic: bytes, port: int) -> Announcement:
        """Announce a port until the announcement is stopped."""
        raise NotImplementedError()


class GivenNode(Network):
    """
    The network of a node that a program has anyway.

    :param given: a node, or a service whose present node is used
    """

    def __init__(self, given: Any) -> None:
        self._given = given
        clock = self.use().clock
        super().__init__(reactorOf(clock), clock)

    def use(self) -> Any:
        """Return the node, or that of the present run of the service."""
        return self._given if IDHTNode.providedBy(self._given) else self._given.node

    def release(self) -> Deferred[None]:
        """Do nothing: the node is its owner's."""
        return succeed(None)

    def announce(self, topic: bytes, port: int) -> Announcement:
        """Announce a port by the node, or by each node of the service."""
        return _Announcement(Announcer(self._given, topic, port), self.release)


class SharedNetwork(Network):
    """
    A network whose node is made at the first use and destroyed after the last one.

    :param bootstrap: the bootstrap nodes
    :param security: the security of a private network; None for an open one
    """

    def __init__(
        self,
        reactor: Any,
        bootstrap: Iterable[str],
        *,
        security: NetworkSecurity | None = None,
    ) -> None:
        super().__init__(reactor, clockOf(reactor))
        self._bootstrap = sorted(bootstrap)
        self._security = security
        self._node: Any = None
        self._users = 0
        self._contacts: list[Contact] = []
        self._announcements: set[_Announcement] = set()
        self._trigger: object = None
        self._isShutDown = False

    @property
    def reasonOfSilence(self) -> str:
        """What the security of the network says of it."""
        return str(getattr(self._security, "reasonOfSilence", ""))

    def use(self) -> Any:
        """
        Return the node, and make it if there is none.

        :raises NodeDestroyed: after the shutdown of the reactor has begun
        """
        if self._isShutDown:
            raise NodeDestroyed("the reactor is shutting down")
        if self._trigger is None:
            # The trigger also keeps this network, with what it has learnt, as long as its reactor.
            self._trigger = self.reactor.addSystemEventTrigger("before", "shutdown", self._shutDown)
        self._users += 1
        if self._node is None:
            self._node = DHTNode(
                self.reactor,
                bootstrap=self._bootstrap,
                ephemeral=True,
                contacts=self._contacts,
                security=self._security,
            )
        return self._node

    def release(self) -> Deferred[None]:
        """Use the node no more.  After the last use it is destroyed, and then this fires."""
        self._users -= 1
        if self._users:
            return succeed(None)
        node, self._node = self._node, None
        self._contacts = node.contacts()[:CONTACTS_KEPT] or self._contacts
        destroyed: Deferred[None] = node.destroy()
        return destroyed

    def announce(self, topic: bytes, port: int) -> Announcement:
        """Announce a port, which uses the node until the announcement is stopped."""

        def release() -> Deferred[None]:
            self._announcements.discard(announcement)
            return self.release()

        announcement = _Announcement(Announcer(self.use(), topic, port), release)
        self._announcements.add(announcement)
        return announcement

    def _shutDown(self) -> Deferred[object]:
        """Take all announcements back, and destroy the node although look-ups may use it."""
        self._isShutDown = True
        ends = gatherResults([each.stop() for each in list(self._announcements)])
        return ends.addCallback(lambda _: self._node and self._node.destroy())


class _Announcement:
    """
    An announcer that uses the node of a network.

    :param release: called when the node is not needed any more
    """

    def __init__(self, announcer: Announcer, release: Callable[[], Deferred[None]]) -> None:
        self._announcer = announcer
        self._release = release
        self._ending: Deferred[None] | None = None
        announcer.startService()

    def stop(self) -> Deferred[None]:
        """Take the announcement back, and release the node.  This may be called more than once."""
        if self._ending is None:
            self._ending = self._announcer.stopService().addCallback(lambda _: self._release())
        stopped: Deferred[None] = Deferred()

        def tell(result: None) -> None:
            stopped.callback(None)

        self._ending.addCallback(tell)
        return stopped


# The key has the id of the reactor, the bootstrap nodes, the network keys and the files of the
# certificate.  A network refers to its reactor, so the id isn't used again while it exists.
# A reference to the reactor in the key would keep it forever.
_networks: WeakValueDictionary[
    tuple[int, frozenset[str], tuple[bytes, ...], tuple[str | None, ...]], SharedNetwork
] = WeakValueDictionary()


def networkOf(
    given: Any,
    bootstrap: Iterable[AddressLike] | AddressLike | None,
    files: NetworkFiles,
) -> Network:
    """
    The network of an endpoint.

    :param given: a reactor, a node, or a service that has a node, such as `DHTService`
    :param bootstrap: the bootstrap nodes, in any form that `DHTNode` takes, or as a text with each
        as ``HOST:PORT`` between commas; by default those in the environment variable
        ``DWDHT_BOOTSTRAP``.  A node needs none.
    :param files: the files of a private network; none beside a node
    :raises CannotUseKey: when the file of a key can't be used
    :raises CannotUseCertificate: when another file can't be used
    :raises InvalidAddress: when there is no bootstrap node, or one of them isn't an address
    :raises ValueError: when files are missing, those of both kinds of networks are given, or files
        are given beside a node
    """
    if IDHTNode.providedBy(given) or IDHTNode.providedBy(getattr(given, "node", None)):
        if any(each is not None for each in files):
            raise ValueError(
                "an endpoint on a node is on the network of that node: give the files of a private "
                "network to the node, as networkKey= or security="
            )
        return GivenNode(given)
    named: Iterable[AddressLike] | AddressLike = (
        namedInEnvironment() if bootstrap is None else bootstrap
    )
    if isinstance(named, str):
        named = named.replace(",", " ").split()
    addresses = frozenset(str(each) for each in parseAddresses(named))
    if not addresses:
        raise InvalidAddress(
            f"there is no bootstrap node; pass bootstrap=HOST:PORT, or set {BOOTSTRAP_VARIABLE}"
        )
    files.check()
    keys = files.keys()
    key = id(given), addresses, keys, files[1:]
    network = _networks.get(key)
    if network is None:
        network = _networks[key] = SharedNetwork(given, addresses, security=files.security(keys))
    return network


__all__ = ["GivenNode", "Network", "SharedNetwork", "networkOf"]
