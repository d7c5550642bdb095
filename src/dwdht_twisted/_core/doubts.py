"""
The silence of contacts, which counts only while the node's own line is up.

When nobody answers, the silence of a contact says something of this node's line, and nothing of the
contact.  So a contact that was silent is *in doubt* until somebody answers.  Kademlia (section 4.1)
flags such contacts and keeps them for the same reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from math import inf
from typing import NamedTuple

from .wire import HostPort, isLoopback, isPublic

#: The longest time between two answers during which the line counts as up, in seconds.  A silence
#: between two such answers counts.  Larger: contacts that are pinged during a short interruption
#: are lost.  Smaller: a dead contact of a node that asks little is pinged again before it goes.
LONGEST_PAUSE = 60.0

#: The number of contacts that have to be silent, one after the other, until the node knows that
#: nobody answers it.  Larger: queries of a node whose line is down fail later.  Smaller: if many
#: nodes have died at once, queries fail although some contact would answer.
NOBODY = 20


#: The longest time for which a private contact is in doubt, in seconds, if public ones answer.
#: Larger: contacts of a line that has gone for good stay in the table for longer.
#: Smaller: a line that was down for that time, such as that of a virtual private network, comes
#: back without its contacts.
LONGEST_DOUBT = 3600.0


class Doubt(NamedTuple):
    """
    The silence of a contact.

    :ivar line: the line that reaches the contact
    :ivar sentAt: the time of the last transmission that the contact did not answer, in seconds
    :ivar since: the time of the first such transmission, in seconds
    """

    line: str
    sentAt: float
    since: float


class Doubts:
    """
    The contacts of one node that are in doubt.

    Loopback, private and public addresses are reached by different lines.  So an answer says
    nothing about the addresses of another kind.

    The arguments ``now`` are times in seconds.
    """

    __slots__ = ("_heardAt", "_silent", "_silentSince")

    def __init__(self) -> None:
        # The time of the last answer of each line.
        self._heardAt: dict[str, float] = {}
        self._silent: dict[HostPort, Doubt] = {}
        # What `silentSince` has found; None after a change.
        self._silentSince: float | None = None

    def __len__(self) -> int:
        """The number of contacts in doubt."""
        return len(self._silent)

    def __contains__(self, address: HostPort) -> bool:
        return address in self._silent

    def add(self, address: HostPort, sentAt: float) -> None:
        """
        Note that a contact has not answered after all retries.

        :param sentAt: the time of the last transmission, in seconds
        """
        former = self._silent.get(address)
        since = sentAt if former is None else former.since
        self._silent[address] = Doubt(lineOf(address), sentAt, since)
        self._silentSince = None

    def heard(self, address: HostPort, now: float) -> tuple[list[HostPort], list[HostPort]]:
        """
        Note an answer.  Contacts that the same line reaches are not in doubt any more.  A public
        address also ends the doubt of all that were in doubt for `LONGEST_DOUBT`: they are private,
        and a network that is gone for so long may never come back.

        :return: the contacts whose silence counts, and those that have to be asked again because
            the line may have been down
        """
        line = lineOf(address)
        wasUp = now - self._heardAt.get(line, -inf) <= LONGEST_PAUSE
        self._heardAt[line] = now
        if not self._silent:
            return [], []
        self._silentSince = None
        self._silent.pop(address, None)
        settled = [
            each
            for each, doubt in self._silent.items()
            if doubt.line == line
            or (wasUp and line == "public" and now - doubt.since > LONGEST_DOUBT)
        ]
        for each in settled:
            del self._silent[each]
        return (settled, []) if wasUp else ([], settled)

    def reaches(self, address: HostPort, other: HostPort) -> bool:
        """Whether the same line reaches two addresses."""
        return lineOf(address) == lineOf(other)

    def silentSince(self, contacts: Callable[[], Iterable[HostPort]]) -> float:
        """
        The latest time such that `NOBODY` contacts in doubt have not answered what they were sent
        after it, in seconds.

        Minus infinity when fewer are in doubt, or when some line has contacts of which neither
        `NOBODY` nor all are in doubt: they may answer.

        :param contacts: returns the addresses of all contacts
        """
        if self._silentSince is None:
            self._silentSince = self._findSilence(contacts)
        return self._silentSince

    def _findSilence(self, contacts: Callable[[], Iterable[HostPort]]) -> float:
        if len(self._silent) < NOBODY:
            return -inf
        silent = Counter(doubt.line for doubt in self._silent.values())
        lines = Counter(map(lineOf, contacts()))
        if any(silent[line] < min(count, NOBODY) for line, count in lines.items()):
            return -inf
        return sorted(doubt.sentAt for doubt in self._silent.values())[-NOBODY]

    def isDown(self, now: float) -> bool:
        """Whether contacts are in doubt, and nobody has answered for `LONGEST_PAUSE` seconds."""
        return bool(self._silent) and all(
            now - self._heardAt.get(line, -inf) > LONGEST_PAUSE
            for line in {doubt.line for doubt in self._silent.values()}
        )


def lineOf(address: HostPort) -> str:
    """The line that reaches an address."""
    host = address[0]
    if isPublic(host):
        return "public"
    return "loopback" if isLoopback(host) else "private"
