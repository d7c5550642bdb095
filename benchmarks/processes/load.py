"""
The load: many askers that keep one node busy.

Each asker is a socket with one request outstanding, and sends the next as soon as it is answered,
so that as many requests wait at the node as there are askers.  All datagrams are made beforehand:
while it runs the load does nothing but receive and send, and is faster than what it measures; how
many answers it had to wait for is told beside each result, so that this can be checked.  As any
node does, an asker answers when the node pings it, whenever that is, and it stays until the end.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from itertools import cycle, islice
from selectors import EVENT_READ, BaseSelector, DefaultSelector
from time import perf_counter
from typing import Any

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import ID_BYTES, packAddress

from .calls import Commands, answerCalls

#: How many askers there are.
ASKERS = 64

#: How long an answer may take before it counts as lost, in seconds.
PATIENCE = 2

#: How many targets an asker has round-trip tokens for.
TARGETS_OF_UPDATES = 4

#: The size of the value of a query and of an update, in bytes.
VALUE_BYTES = 32


class Asker:
    """
    One socket, with or without an id to tell.

    :param port: of the node
    :ivar waits: how often `awaitAnswer` found no answer at first
    """

    def __init__(self, port: int, isEphemeral: bool) -> None:
        self._id = os.urandom(ID_BYTES)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # The time-out of the operating system costs no further system call for each datagram.
        self.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE, 0)
        )
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(("127.0.0.1", port))
        self.id = None if isEphemeral else self._id
        self._seenAs = packAddress(*self.socket.getsockname())
        self.waits = 0
        self._tokens: list[tuple[bytes, bytes]] = []

    def request(self, kind: str, number: int) -> bytes:
        """
        The datagram of one request; no two are equal.

        :param kind: ``ping``, ``find_node``, ``query``, ``update``, or ``echo``, which goes to a node
            that sends everything back
        """
        id = self.id
        target = os.urandom(ID_BYTES)
        value = number.to_bytes(VALUE_BYTES, "big")
        if kind == "ping":
            body = wire.requestBody(wire.PING, id)
        elif kind == "query":
            body = wire.requestBody("echo", id, target, value=value)
        elif kind == "update":
            target, token = self._tokens[number % TARGETS_OF_UPDATES]
            body = wire.requestBody("echo", id, target, roundtripToken=token, value=value)
        else:
            body = wire.requestBody(wire.FIND_NODE, id, target)
        datagram = wire.frameRequest(number & 0x7FFF, body)
        # What comes back must not look like a request.
        return b"\0" + datagram[1:] if kind == "echo" else datagram

    def fetchTokens(self) -> None:
        """Ask for what updates need."""
        self._tokens = []
        for number in range(TARGETS_OF_UPDATES):
            target = os.urandom(ID_BYTES)
            body = wire.requestBody("echo", self.id, target)
            self.socket.send(wire.frameRequest(number, body))
            token = wire.decodeResponse(self.receive()).roundtripToken
            if token is None:
                raise ValueError("the node gives no token")
            self._tokens.append((target, token))

    def receive(self) -> bytes:
        """Wait for an answer, and answer pings meanwhile."""
        while True:
            datagram = self.socket.recv(2048)
            if not wire.isRequest(datagram):
                return datagram
            self.answerPing(datagram)

    def read(self) -> None:
        """Answer a ping that comes between the measurements."""
        try:
            datagram = self.socket.recv(2048, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if wire.isRequest(datagram):
            self.answerPing(datagram)

    def awaitAnswer(self) -> bytes:
        """
        As `receive`, but without going to sleep.

        To wake up whoever sleeps on a socket is work of who sends to it, and costs as much as to
        serve the request: a node would be charged for it, the more so the slower it is.
        """
        giveUpAt = 0.0
        while True:
            try:
                datagram = self.socket.recv(2048, socket.MSG_DONTWAIT)
            except BlockingIOError:
                now = perf_counter()
                if not giveUpAt:
                    self.waits += 1
                    giveUpAt = now + PATIENCE
                elif now > giveUpAt:
                    raise TimeoutError("an answer was lost") from None
                continue
            if not wire.isRequest(datagram):
                return datagram
            self.answerPing(datagram)

    def answerPing(self, datagram: bytes) -> None:
        """Tell the node that there is somebody."""
        self.socket.send(
            wire.encodeResponse(wire.transactionId(datagram), self.id, None, self._seenAs)
        )


class Load:
    """
    What the process is called for.

    :param selector: what the askers are to be registered with
    """

    def __init__(self, selector: BaseSelector) -> None:
        self._selector = selector
        self._groups: dict[tuple[int, bool], list[Asker]] = {}
        self._askers: list[Asker] = []
        self._datagrams: list[bytes] = []

    def prepare(self, port: int, isEphemeral: bool, kind: str, count: int) -> None:
        """Make the datagrams, and let each asker become known to the node."""
        group = (port, isEphemeral)
        if group not in self._groups:
            self._groups[group] = [Asker(port, isEphemeral) for _ in range(ASKERS)]
            for asker in self._groups[group]:
                self._selector.register(asker.socket, EVENT_READ, asker.read)
        self._askers = self._groups[group]
        if kind == "update":
            for asker in self._askers:
                asker.fetchTokens()
        numbered = zip(range(count + ASKERS), cycle(self._askers), strict=False)
        datagrams = [asker.request(kind, number) for number, asker in numbered]
        self._datagrams = datagrams[ASKERS:]
        for asker, datagram in zip(self._askers, datagrams, strict=False):
            asker.socket.send(datagram)
            asker.receive()

    def saturate(self) -> dict[str, Any]:
        """
        Send all datagrams as fast as the node answers.

        :return: how many were answered, how many of the answers had to be waited for, the bytes of
            all, and the seconds that it took
        """
        askers = self._askers
        answerBytes = 0
        waits = sum(asker.waits for asker in askers)
        start = perf_counter()
        for asker, datagram in zip(askers, self._datagrams, strict=False):
            asker.socket.send(datagram)
        # The node answers in the order in which it is asked, so the askers can take turns.
        turns = cycle([(asker.awaitAnswer, asker.socket.send) for asker in askers])
        following = islice(self._datagrams, len(askers), None)
        for datagram, (awaitAnswer, send) in zip(following, turns, strict=False):
            answerBytes += len(awaitAnswer())
            send(datagram)
        for _, (awaitAnswer, _) in zip(askers, turns, strict=False):
            answerBytes += len(awaitAnswer())
        return {
            "count": len(self._datagrams),
            "waits": sum(asker.waits for asker in askers) - waits,
            "answerBytes": answerBytes,
            "seconds": perf_counter() - start,
        }

    def roundTrips(self) -> list[float]:
        """
        Send one request at a time.

        :return: how long each took, in seconds
        """
        times = []
        pairs: Sequence[tuple[Asker, bytes]] = list(
            zip(cycle(self._askers), self._datagrams, strict=False)
        )
        for asker, datagram in pairs:
            start = perf_counter()
            asker.socket.send(datagram)
            asker.receive()
            times.append(perf_counter() - start)
        return times


def main() -> None:
    """Run the process."""
    with DefaultSelector() as selector:
        load = Load(selector)
        commands: Commands = {
            "prepare": load.prepare,
            "saturate": load.saturate,
            "roundTrips": load.roundTrips,
        }
        answerCalls(commands, selector)


if __name__ == "__main__":
    main()
