"""
``dwdht announce`` and ``dwdht lookup``: be found under a topic, and find the others.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from ... import peers
from ...interfaces import IDHTNode
from ..command import CommandFailed, NetworkCommand
from ..console import Console, countNodes
from ..options import readNumber

_TOPIC = (
    "A topic of 64 hexadecimal digits is these 32 bytes; of any other text, the SHA-256 is taken."
)


class Announce(NetworkCommand):
    """Be found as a peer of a topic, until interrupted."""

    synopsis = "[options] TOPIC"
    longdesc = (
        "Announces a port of this host under a topic, and prints on how many nodes. Announces it "
        "again every four to five minutes. When it is interrupted or terminated, the announcement "
        f"is taken back. --timeout limits the time of the first announcement. {_TOPIC}"
    )
    optFlags = [
        ["once", None, "Announce once, and let the announcement end by itself in six minutes."]
    ]
    optParameters = [
        ["port", None, "0", "The port to announce; 0 for the UDP port of this command's own node."]
    ]

    def parseArgs(self, topic: str) -> None:  # type: ignore[override]
        """Read the topic."""
        self["topic"] = peers.readTopic(topic)

    def postOptions(self) -> None:
        """Read the port."""
        super().postOptions()
        self["port"] = readNumber(self["port"], "--port", 0, 65535)

    def inTime(self, reactor: Any, work: Deferred[Any]) -> Deferred[Any]:
        """Leave the command as a whole without a limit; `runOn` limits a part of it."""
        return work

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Announce once.  Without --once, go on with an `peers.Announcer` until interrupted."""
        topic, port = self["topic"], self["port"]
        announced = peers.announce(node, topic, port)
        nodes = (await super().inTime(reactor, announced)).nodes
        if self["json"]:
            console.record(topic=topic.hex(), port=port or node.address().port, nodes=len(nodes))
        else:
            console.line(f"announced on {countNodes(len(nodes))} under {topic.hex()}")
        if self["once"]:
            return
        announcer = peers.Announcer(node, topic, port, announcedOn=nodes)
        announcer.startService()
        try:
            await Deferred()
        except CancelledError:
            # The user has ended the program, so the command has not failed.
            return
        finally:
            await announcer.stopService()


class LookUp(NetworkCommand):
    """Find the peers of a topic."""

    synopsis = "[options] TOPIC"
    longdesc = (
        "Prints a line for each peer when it is found: its address. Fails if there is none. "
        f"{_TOPIC}"
    )

    def parseArgs(self, topic: str) -> None:  # type: ignore[override]
        """Read the topic."""
        self["topic"] = peers.readTopic(topic)

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Look the topic up, and print each peer at once."""
        isFound = False
        async for address, referrer, _ in peers.lookUp(node, self["topic"]):
            isFound = True
            if self["json"]:
                console.record(peer=str(address), referrer=str(referrer.address))
            else:
                console.line(str(address))
        if not isFound:
            raise CommandFailed("no peer is announced under this topic")
