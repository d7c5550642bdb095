"""
Layers of a private network by key, without nodes: what they write and deliver is recorded.
"""

from __future__ import annotations

from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.counters import Counters
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.private import KeyedNetwork, Transport

#: Two network keys.
KEY = bytes(range(32))
OTHER = bytes(range(32, 64))

#: A request and a response of the open wire, by their first byte, and another request.
REQUEST = b"\x80\x01request"
RESPONSE = b"\x00\x01response"


class Member:
    """
    The layer of a member, whose time is that of a clock.

    :param address: the address from which others get its datagrams
    :param offset: the seconds by which the clock of its machine is ahead
    :ivar delivered: the datagrams that the node got, with their addresses
    """

    def __init__(
        self,
        clock: Clock,
        *keys: bytes,
        network: KeyedNetwork | None = None,
        address: HostPort = ("10.0.0.1", 1000),
        seed: int = 1,
        offset: float = 0.0,
    ) -> None:
        self.address = address
        self.offset = offset
        self.counters = Counters()
        self.delivered: list[tuple[bytes, HostPort]] = []
        self._written: list[tuple[bytes, HostPort]] = []
        self._answersAtOnce = False
        self._network = network or KeyedNetwork(*(keys or (KEY,)))
        self.layer = self._network.layer(
            Transport(
                lambda datagram, to: self._written.append((datagram, to)),
                self._deliver,
                clock,
                lambda: clock.seconds() + self.offset,
                Random(seed),
                self.counters,
            )
        )
        self.layer.start()

    def seal(self, datagram: bytes = REQUEST, to: Member | None = None) -> bytes:
        """Return what the layer writes when its node sends a datagram."""
        self.layer.send(datagram, ("10.0.0.9", 9) if to is None else to.address)
        [(sealed, _)] = self._written
        self._written.clear()
        return sealed

    def receive(self, sealed: bytes, source: Member | HostPort = ("10.0.0.8", 8)) -> list[bytes]:
        """Give the layer a datagram of the network, and return what it delivers."""
        before = len(self.delivered)
        address = source.address if isinstance(source, Member) else source
        self.layer.received(sealed, address)
        assert not self._written, "a layer answers nothing by itself"
        return [datagram for datagram, _ in self.delivered[before:]]

    def answer(self, sealed: bytes, source: Member) -> bytes:
        """Give the layer a request that its node answers at once, and return the sealed answer."""
        self._answersAtOnce = True
        self.layer.received(sealed, source.address)
        self._answersAtOnce = False
        [(answer, _)] = self._written
        self._written.clear()
        return answer

    def _deliver(self, datagram: bytes, source: HostPort) -> None:
        self.delivered.append((datagram, source))
        if self._answersAtOnce:
            self.layer.send(RESPONSE, source)

    @property
    def refused(self) -> tuple[int, int]:
        """How many datagrams of strangers, and how many replays, were refused."""
        return self.counters.strangersRefused, self.counters.replaysRefused


class LayerTestCase(SynchronousTestCase):
    """
    A base for tests with two members, ``alice`` and ``bob``.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.alice = self.member(1)
        self.bob = self.member(2)

    def member(self, seed: int, *keys: bytes, offset: float = 0.0) -> Member:
        """Return a member whose host has this number."""
        address = (f"10.0.0.{seed % 250}", 1000 + seed)
        return Member(self.clock, *keys, address=address, seed=seed, offset=offset)
