"""
Announcements in the form of a text, to be kept while a node is stopped.

The first line has the time of the machine, in seconds.  Each further line is an announcement: the
topic, the peer, the sender, the local address or a dash, and the seconds until it ends.  Bytes are
hexadecimal.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._core.wire import ID_BYTES
from .announcements import Announcement
from .bounds import ANNOUNCEMENT_LIFETIME
from .messages import isAddress

_NONE = "-"


def encode(announcements: Iterable[Announcement], now: float, wallTime: float) -> bytes:
    """
    Write announcements.  This may be called in any thread.

    :param now: the time of the node, as in ``expires`` of an announcement
    :param wallTime: the time of the machine
    """
    lines = [f"{wallTime:.3f}"]
    lines += (
        f"{each.topic.hex()} {each.peer.hex()} {each.sender.hex()} "
        f"{_NONE if each.local is None else each.local.hex()} {each.expires - now:.3f}"
        for each in announcements
    )
    return "\n".join([*lines, ""]).encode()


def decode(data: bytes, now: float, wallTime: float) -> list[Announcement] | None:
    """
    Read announcements.  The time that has passed since they were written counts.

    :return: those that have not ended; None if the text has another form
    """
    try:
        written, *lines = data.decode().splitlines()
        # The clock of the machine may have been set back meanwhile.
        passed = max(0.0, wallTime - float(written))
        found = [_read(line.split(" "), now - passed) for line in lines]
    except ValueError:
        return None
    return [each for each in found if each.expires > now]


def _read(fields: list[str], start: float) -> Announcement:
    """
    Read a line.

    :param start: the time at which the announcement was written
    :raises ValueError: when it has another form
    """
    topicText, peerText, senderText, localText, leftText = fields
    topic, peer, sender = map(bytes.fromhex, (topicText, peerText, senderText))
    local = None if localText == _NONE else bytes.fromhex(localText)
    left = float(leftText)
    if (
        len(topic) != ID_BYTES
        or not all(map(isAddress, (peer, sender)))
        or not (local is None or isAddress(local))
        or not 0 < left <= ANNOUNCEMENT_LIFETIME
    ):
        raise ValueError("not an announcement")
    return Announcement(topic, peer, sender, local=local, expires=start + left)


__all__ = ["decode", "encode"]
