"""
Answers from the address that was asked, on a host with several addresses.

A port that is bound to all addresses of a host sends from the address that the system prefers.  A
node that has asked another address of the host drops the answer, because it can't know that both
are the same host.  On Linux, a socket can tell the address that a datagram was sent to, and send
from it (``IP_PKTINFO``, see ip(7)).
"""

from __future__ import annotations

import socket as sockets
import sys
from collections.abc import Callable
from math import inf
from struct import pack, unpack_from
from typing import Any, TypeAlias

from ..._core.limits import SharedMap
from ..._core.limits.bounds import LOCAL_ADDRESSES_REMEMBERED
from ..._core.wire import ANY_HOST, HostPort
from .bounds import DATAGRAMS_A_TURN
from .reading import NOTHING_TO_READ, DatagramReader

#: The option that makes a socket tell these addresses; Python has a name for it from 3.14 on.
IP_PKTINFO = 8

#: The size of the structure ``in_pktinfo``: the index of the interface, the address to answer from,
#: and the address in the header of the datagram.
PKTINFO_BYTES = 12

#: The bytes of ancillary data that are read with a datagram.
ANCILLARY_BYTES = 64

#: A function that sends a datagram.
Send: TypeAlias = Callable[[bytes, HostPort], object]


class LocalAddresses(DatagramReader):
    """
    Reads the datagrams of a port, and answers from the address that was asked.

    To read a datagram without its local address takes a quarter less time.  So at first only one
    datagram of each burst is read in the longer way.  As soon as one has come to an address from
    which the system does not answer by itself, all datagrams are.

    :param transport: the port, which is bound to all addresses
    :param socket: its socket
    :param sendBy: is given the function by which datagrams have to be sent from now on
    """

    def __init__(
        self, transport: Any, socket: sockets.socket, sendBy: Callable[[Send], None]
    ) -> None:
        super().__init__(transport, socket)
        self._sendBy = sendBy
        self._preferred = _preferredAddresses(socket)
        # The ancillary data with which datagrams to an address are sent.
        self._asked: SharedMap[HostPort, list[tuple[int, int, bytes]]] = SharedMap(
            LOCAL_ADDRESSES_REMEMBERED, inf
        )

    def readBurst(self) -> None:
        """Read one datagram and its local address, and others without theirs."""
        if self._readOne():
            self.read()

    def readAll(self) -> None:
        """Read what has come, each datagram with its local address."""
        for _ in range(DATAGRAMS_A_TURN):
            if not self._readOne():
                return

    def _readOne(self) -> bool:
        """Read a datagram and its local address; return whether there was one."""
        try:
            size, ancillary, _, source = self._socket.recvmsg_into((self._buffer,), ANCILLARY_BYTES)
        except OSError as error:
            if error.errno in NOTHING_TO_READ:
                return False
            raise
        self._note(source, ancillary)
        self._deliver(size, source)
        return True

    def send(self, datagram: bytes, address: HostPort) -> None:
        """Send a datagram, from the address that the receiver has asked."""
        ancillary = self._asked.get(address, 0.0)
        if ancillary is None:
            self._socket.sendto(datagram, address)
            return
        try:
            self._socket.sendmsg((datagram,), ancillary, 0, address)
        except OSError:
            # The host may have lost this address.
            self._asked.discard(address)
            self._socket.sendto(datagram, address)

    def _note(self, source: HostPort, ancillary: list[tuple[int, int, bytes]]) -> None:
        """Remember the address that ``source`` has sent to, unless the system prefers it."""
        if not ancillary:
            return
        local = ancillary[0][2][4:8]
        asked = self._asked
        if local in self._preferred:
            asked.discard(source)
            return
        if not asked:
            self._transport.doRead = self.readAll
            self._sendBy(self.send)
        info = pack("=I4s4s", 0, local, bytes(4))
        asked.put(source, [(sockets.IPPROTO_IP, IP_PKTINFO, info)], 0.0)


def tellsLocalAddresses(socket: sockets.socket) -> bool:
    """
    Let a socket tell local addresses, if that is needed: it is bound to all addresses.

    Only Linux can do this.

    :return: whether the socket tells them
    """
    if not sys.platform.startswith("linux") or socket.getsockname()[0] != ANY_HOST:
        return False
    socket.setsockopt(sockets.IPPROTO_IP, IP_PKTINFO, 1)
    return True


def _preferredAddresses(socket: sockets.socket) -> set[bytes]:
    """
    The addresses from which the system answers by itself those who have asked there, 4 bytes each.

    Loopback addresses are asked by this host alone, which is answered from 127.0.0.1.  Of several
    other addresses, the one that the system prefers depends on the receiver.
    """
    loopback = sockets.inet_aton("127.0.0.1")
    others = {address for address in _ownAddresses(socket) if address[0] != loopback[0]}
    return {loopback, *others} if len(others) == 1 else {loopback}


def _ownAddresses(socket: sockets.socket) -> set[bytes]:
    """The IPv4 addresses of the interfaces of this host, 4 bytes each; see netdevice(7)."""
    from array import array
    from fcntl import ioctl

    siocgifconf, ifreqBytes, most = 0x8912, 40, 128
    entries = array("B", bytes(ifreqBytes * most))
    start, _ = entries.buffer_info()
    used, _ = unpack_from("iL", ioctl(socket, siocgifconf, pack("iL", len(entries), start)))
    # An entry has the name of the interface, 16 bytes, and then a ``sockaddr_in``.
    return {bytes(entries[at + 20 : at + 24]) for at in range(0, used, ifreqBytes)}
