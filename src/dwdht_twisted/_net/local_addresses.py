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
from errno import EAGAIN, ECONNREFUSED, EINTR, EWOULDBLOCK
from math import inf
from struct import pack, unpack_from
from typing import Any, TypeAlias

from twisted.logger import Logger

from .._core.limits import SharedMap
from .._core.limits.bounds import LOCAL_ADDRESSES_REMEMBERED
from .._core.wire import ANY_HOST, HostPort

#: The option that makes a socket tell these addresses; Python has a name for it from 3.14 on.
IP_PKTINFO = 8

#: The size of the structure ``in_pktinfo``: the index of the interface, the address to answer from,
#: and the address in the header of the datagram.
PKTINFO_BYTES = 12

#: The bytes of ancillary data that are read with a datagram.
ANCILLARY_BYTES = 64

#: The errors after which there is nothing to read.  The last one is about a datagram that was sent.
NOTHING_TO_READ = {EAGAIN, EWOULDBLOCK, EINTR, ECONNREFUSED}

#: A function that sends a datagram.
Send: TypeAlias = Callable[[bytes, HostPort], object]


class LocalAddresses:
    """
    Reads the datagrams of a port, and answers from the address that was asked.

    Twisted's own way to read a datagram takes a quarter less time than one that tells the address.
    So at first only one datagram of each burst is read in the longer way.  As soon as one has come
    to an address from which the system does not answer by itself, all datagrams are.

    :param transport: the port, which is bound to all addresses
    :param socket: its socket
    :param sendBy: is given the function by which datagrams have to be sent from now on
    """

    _log = Logger()

    def __init__(
        self, transport: Any, socket: sockets.socket, sendBy: Callable[[Send], None]
    ) -> None:
        self._transport = transport
        self._socket = socket
        self._sendBy = sendBy
        self._preferred = _preferredAddresses(socket)
        # The ancillary data with which datagrams to an address are sent.
        self._asked: SharedMap[HostPort, list[tuple[int, int, bytes]]] = SharedMap(
            LOCAL_ADDRESSES_REMEMBERED, inf
        )

    def readBurst(self) -> None:
        """Read one datagram and its local address, and others as Twisted does."""
        if self._readOne():
            type(self._transport).doRead(self._transport)

    def readAll(self) -> None:
        """Read as many datagrams as Twisted does, each with its local address."""
        left = self._transport.maxThroughput
        while left > 0:
            read = self._readOne()
            if not read:
                return
            left -= read

    def _readOne(self) -> int:
        """Read a datagram, and return its size; 0 when there is none."""
        transport = self._transport
        try:
            data, ancillary, _, source = self._socket.recvmsg(
                transport.maxPacketSize, ANCILLARY_BYTES
            )
        except OSError as error:
            if error.errno in NOTHING_TO_READ:
                return 0
            raise
        self._note(source, ancillary)
        try:
            transport.protocol.datagramReceived(data, source)
        except BaseException:
            self._log.failure("reading a datagram failed")
        return len(data) or 1

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


def answerFromAskedAddress(
    transport: Any, socket: sockets.socket, sendBy: Callable[[Send], None]
) -> None:
    """
    Let a port answer from the address that was asked, if it is bound to all addresses.

    This does nothing on other systems than Linux.

    :param sendBy: see `LocalAddresses`
    """
    # This import is not at the top of the module, because a node on a simulated network does not
    # need it.
    from twisted.internet.udp import Port

    if (
        not sys.platform.startswith("linux")
        or getattr(type(transport), "doRead", None) is not Port.doRead
        or socket.getsockname()[0] != ANY_HOST
    ):
        return
    socket.setsockopt(sockets.IPPROTO_IP, IP_PKTINFO, 1)
    transport.doRead = LocalAddresses(transport, socket, sendBy).readBurst


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
