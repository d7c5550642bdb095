"""
A load of requests: many askers that keep one node busy.

Each asker is a socket with one request in flight.  As soon as this request is answered, the asker
sends the next one.  So the number of requests that wait at the node is the number of askers.

All datagrams are encoded before the measurement.  During the measurement, the load only receives
and sends, so it is faster than the node.  As a check, the results include the number of answers for
which the load had to wait.  An asker answers the node's pings at any time, as every node does, and
stays until the end.
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

from .calls import Commands, answerCalls, prioritize

#: The number of askers.
ASKERS = 64

#: The time after which an answer counts as lost, in seconds.
ANSWER_TIMEOUT = 2

#: The number of targets that an asker has round-trip tokens for.
TARGETS_OF_UPDATES = 4

#: The size of the value of a query and of an update, in bytes.
VALUE_BYTES = 32


class Asker:
    """
    A socket that sends requests, with or without an id.

    :param port: the port of the node
    :ivar waits: the number of calls of `awaitAnswer` that had to wait
    """

    def __init__(self, port: int, isEphemeral: bool) -> None:
        self._id = os.urandom(ID_BYTES)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # A time-out of the socket object would add a system call to each recv(); this one doesn't.
        self.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", ANSWER_TIMEOUT, 0)
        )
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(("127.0.0.1", port))
        self.id = None if isEphemeral else self._id
        self._seenAs = packAddress(*self.socket.getsockname())
        self.waits = 0
        self._tokens: list[tuple[bytes, bytes]] = []

    def request(self, kind: str, number: int) -> bytes:
        """
        The datagram of a request.  No two of these datagrams are equal.

        :param kind: ``ping``, ``find_node``, ``query``, ``update``, or ``echo`` for a datagram to a
            process that sends everything back
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
        # An echo must not look like a request, or the asker would answer it as a ping.
        return b"\0" + datagram[1:] if kind == "echo" else datagram

    def fetchTokens(self) -> None:
        """Ask the node for the round-trip tokens that updates need."""
        self._tokens = []
        for number in range(TARGETS_OF_UPDATES):
            target = os.urandom(ID_BYTES)
            body = wire.requestBody("echo", self.id, target)
            self.socket.send(wire.frameRequest(number, body))
            token = wire.decodeResponse(self.receive()).roundtripToken
            if token is None:
                raise ValueError("the node gave no round-trip token for an update")
            self._tokens.append((target, token))

    def receive(self) -> bytes:
        """Wait for an answer, and answer the node's pings meanwhile."""
        while True:
            datagram = self.socket.recv(2048)
            if not wire.isRequest(datagram):
                return datagram
            self.answerPing(datagram)

    def read(self) -> None:
        """Answer a ping that arrives between the measurements."""
        try:
            datagram = self.socket.recv(2048, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if wire.isRequest(datagram):
            self.answerPing(datagram)

    def awaitAnswer(self) -> bytes:
        """
        Wait for an answer as `receive` does, but without sleeping.

        If this process slept on its socket, the node would have to wake it up when it sends an
        answer.  This would cost the node as much CPU time as serving the request, and it would hit
        a slow node more often.

        :raises TimeoutError: when no answer arrives in 2 seconds
        """
        giveUpAt = 0.0
        while True:
            try:
                datagram = self.socket.recv(2048, socket.MSG_DONTWAIT)
            except BlockingIOError:
                now = perf_counter()
                if not giveUpAt:
                    self.waits += 1
                    giveUpAt = now + ANSWER_TIMEOUT
                elif now > giveUpAt:
                    raise TimeoutError(f"no answer arrived in {ANSWER_TIMEOUT} s") from None
                continue
            if not wire.isRequest(datagram):
                return datagram
            self.answerPing(datagram)

    def answerPing(self, datagram: bytes) -> None:
        """Answer a ping of the node."""
        self.socket.send(
            wire.encodeResponse(wire.transactionId(datagram), self.id, None, self._seenAs)
        )


class Load:
    """
    The commands of the process.

    :param selector: the selector to register the askers' sockets with
    """

    def __init__(self, selector: BaseSelector) -> None:
        self._selector = selector
        self._groups: dict[tuple[int, bool], list[Asker]] = {}
        self._askers: list[Asker] = []
        self._datagrams: list[bytes] = []

    def prepare(self, port: int, isEphemeral: bool, kind: str, count: int) -> None:
        """Encode the datagrams, and make each asker known to the node with a first request."""
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

        :return: the number of answers, the number of answers for which the load had to wait, the
            bytes of all answers, and the duration in seconds
        """
        askers = self._askers
        answerBytes = 0
        waits = sum(asker.waits for asker in askers)
        start = perf_counter()
        for asker, datagram in zip(askers, self._datagrams, strict=False):
            asker.socket.send(datagram)
        # The node answers requests in their order, so the askers can take turns to wait.
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

        :return: the round-trip time of each, in seconds
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
            "prioritize": prioritize,
        }
        answerCalls(commands, selector)


if __name__ == "__main__":
    main()
