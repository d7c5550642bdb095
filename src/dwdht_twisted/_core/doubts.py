"""
The silence of contacts, which counts only while the node's own line is up.

When nobody answers, the silence of a contact says something of this node's line, and nothing of the
contact.  So a contact that was silent is *in doubt* until somebody answers.  Kademlia (section 4.1)
flags such contacts and keeps them for the same reason.
"""

from __future__ import annotations

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


class Doubt(NamedTuple):
    """
    The silence of a contact.

    :ivar line: the line that reaches the contact
    :ivar sentAt: the time of the last transmission that the contact did not answer, in seconds
    """

    line: str
    sentAt: float


class Doubts:
    """
    The contacts of one node that are in doubt.

    Loopback, private and public addresses are reached by different lines.  So an answer says
    nothing about the addresses of another kind.

    The arguments ``now`` are times in seconds.
    """

    __slots__ = ("_heardAt", "_silent")

    def __init__(self) -> None:
        # The time of the last answer of each line.
        self._heardAt: dict[str, float] = {}
        self._silent: dict[HostPort, Doubt] = {}

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
        self._silent[address] = Doubt(lineOf(address), sentAt)

    def heard(self, address: HostPort, now: float) -> tuple[list[HostPort], list[HostPort]]:
        """
        Note an answer.  Contacts that the same line reaches are not in doubt any more.

        :return: the contacts whose silence counts, and those that have to be asked again because
            the line may have been down
        """
        line = lineOf(address)
        wasUp = now - self._heardAt.get(line, float("-inf")) <= LONGEST_PAUSE
        self._heardAt[line] = now
        if not self._silent:
            return [], []
        self._silent.pop(address, None)
        settled = [each for each, doubt in self._silent.items() if doubt.line == line]
        for each in settled:
            del self._silent[each]
        return (settled, []) if wasUp else ([], settled)

    def reaches(self, address: HostPort, other: HostPort) -> bool:
        """Whether the same line reaches two addresses."""
        return lineOf(address) == lineOf(other)

    def silentSince(self) -> float:
        """
        The latest time such that `NOBODY` contacts in doubt have not answered what they were sent
        after it, in seconds; minus infinity when fewer are in doubt.
        """
        if len(self._silent) < NOBODY:
            return float("-inf")
        return sorted(doubt.sentAt for doubt in self._silent.values())[-NOBODY]

    def isDown(self, now: float) -> bool:
        """Whether contacts are in doubt, and nobody has answered for `LONGEST_PAUSE` seconds."""
        return bool(self._silent) and all(
            now - self._heardAt.get(line, float("-inf")) > LONGEST_PAUSE
            for line in {doubt.line for doubt in self._silent.values()}
        )


def lineOf(address: HostPort) -> str:
    """The line that reaches an address."""
    host = address[0]
    if isPublic(host):
        return "public"
    return "loopback" if isLoopback(host) else "private"
