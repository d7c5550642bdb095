"""
``python -m fuzz.seeds fuzz/corpus``: the first inputs of the coverage-guided search.

There is one input for each kind of datagram.  The tokens in the inputs are valid only for the node
that `makeSubject` makes.  After a change that lets this node issue other tokens, run this program
again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort, packAddress
from dwdht_twisted.values import COMMAND as VALUES
from dwdht_twisted.values import keyOf

from .input import FROM_ASKED, FROM_PEER, MATCHING, TWICE, makeSubject, sourceOf
from .queries import ECHO
from .subject import Subject

_VALUE = b"Hello, World!"
_ID = bytes(range(32))
_KEY = keyOf(_VALUE)


def seeds() -> Iterator[tuple[str, bytes]]:
    """The inputs, each with the name of its file."""
    subject = makeSubject()
    peer = sourceOf(subject, FROM_PEER)
    peersId = subject.node.contacts()[0].id
    nodes = subject.population.closest(_KEY)
    for name, flags, id in (("stranger", 0, _ID), ("peer", FROM_PEER, peersId)):
        yield f"ping-{name}", _request(flags, wire.PING, id)
        yield f"find-{name}", _request(flags, wire.FIND_NODE, id, _KEY)
        yield f"forward-{name}", _request(flags, wire.PING, id, forwardRequest=packAddress(*peer))
        yield f"forwarded-{name}", _request(flags, wire.PING, id, forwardResponse=b"\x09\1\1\1\1\1")
        for command in (ECHO, VALUES):
            token = _tokenFor(subject, sourceOf(subject, flags), command, id)
            yield f"query-{command}-{name}", _request(flags, command, id, _KEY, value=_VALUE)
            yield (
                f"update-{command}-{name}",
                _request(flags | TWICE, command, id, _KEY, roundtripToken=token, value=_VALUE),
            )
    yield "ping-ephemeral", _request(0, wire.PING, None)
    yield "find-ephemeral", _request(0, wire.FIND_NODE, None, _KEY)
    yield "echo-later", _request(0, ECHO, _ID, _KEY, value=_VALUE * 20)
    for name, flags in (("awaited", FROM_ASKED | MATCHING), ("unexpected", FROM_PEER)):
        for part in (
            {"nodes": nodes, "roundtripToken": _KEY},
            {"nodes": nodes[:-1], "value": _VALUE},
            {"value": packAddress(*peer), "roundtripToken": _KEY},
            {},
        ):
            title = "-".join(["answer", name, *part])
            yield title, bytes([flags]) + wire.encodeResponse(1, _ID, **part)
    yield "empty", bytes([0])
    yield "short", bytes([0, 0x80])


def _request(flags: int, command: str, id: bytes | None, *more: bytes, **fields: bytes) -> bytes:
    body = wire.requestBody(command, id, *more, **fields)
    return bytes([flags]) + wire.frameRequest(1, body)


def _tokenFor(subject: Subject, source: HostPort, command: str, id: bytes | None) -> bytes:
    """The token in the node's answer to a query from this source."""
    subject.responses.clear()
    datagram = wire.frameRequest(77, wire.requestBody(command, id, _KEY))
    # The first answer may be held back until the address is validated.  The second answer isn't.
    for _ in range(2):
        subject.receive(datagram, source)
        subject.run(0.05)
    for answer, _ in subject.responses:
        message = wire.decodeResponse(answer)
        if message.transactionId == 77 and message.roundtripToken is not None:
            return message.roundtripToken
    raise LookupError(f"the node gave no token to {source} for the command {command}")


def main() -> None:
    """Write the inputs into the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
