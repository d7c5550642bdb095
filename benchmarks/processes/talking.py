"""
A node that talks to many others, or these others.  They are two processes of this program.

The others don't know each other, so each of them has an association with the node alone.
"""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import gatherResults

from dwdht_twisted import DHTNode
from dwdht_twisted.private import AuthorityFolder, KeyedNetwork, NetworkSecurity, SecurityContext

from ..usage import residentBytes
from .calls import Commands, answerWithReactor

HOST = "127.0.0.1"

#: The number of others that are pinged at a time.
TOGETHER = 20


class Talking:
    """
    The commands of the process.

    :param reactor: the real reactor
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._nodes: list[DHTNode] = []

    def listen(self, size: int, name: str = "", key: str = "", folder: str = "") -> list[int]:
        """
        Start nodes that know nobody.

        :param name: begins the names of the members
        :param key: the network key in hexadecimal digits, for a network by key
        :param folder: that of the authority, for a network by certificate
        :return: their ports
        """
        for number in range(size):
            security = _security(f"{name}-{number}", key, folder)
            node = DHTNode(self._reactor, security=security)
            node.listen(0, HOST)
            self._nodes.append(node)
        return [node.address().port for node in self._nodes]

    async def talk(self, ports: list[int]) -> int:
        """Ping the nodes at these ports from the first node; return how many contacts it has."""
        node = self._nodes[0]
        for start in range(0, len(ports), TOGETHER):
            await gatherResults(
                [node.ping((HOST, port)) for port in ports[start : start + TOGETHER]]
            )
        return len(node.contacts())

    def memory(self) -> int:
        """The resident memory of the process after a garbage collection, in bytes."""
        gc.collect()
        return residentBytes()


def _security(name: str, key: str, folder: str) -> NetworkSecurity | None:
    if key:
        return KeyedNetwork(bytes.fromhex(key))
    if not folder:
        return None
    authority = AuthorityFolder(folder)
    certificate, privateKey = authority.certify(name)
    return SecurityContext(certificate, privateKey, authority.certificateFile)


def makeCommands(reactor: Any) -> Commands:
    """The commands of the process."""
    talking = Talking(reactor)
    return {"listen": talking.listen, "talk": talking.talk, "memory": talking.memory}


if __name__ == "__main__":
    answerWithReactor(makeCommands)
