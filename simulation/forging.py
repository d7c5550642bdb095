"""
Requests that liars forge in the name of victims, hosts that have asked nothing.

A victim gets the answers.  So a liar tries to make honest nodes send a victim more bytes than the
liar has sent.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from dwdht_twisted import Address
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import ID_BYTES, TOKEN_BYTES, packAddress
from dwdht_twisted.values import COMMAND

#: The kinds of victims.
#:
#: - ``dead``: an address that no host has
#: - ``bystander``: a host that only answers pings, like an idle ephemeral node
#: - ``member``: an honest node, which other nodes list
VICTIMS = ("dead", "bystander", "member")

#: The forged requests.  ``get`` asks for a large value that every honest node holds.  ``relay``
#: asks a node to relay a ping to the victim.  ``relayed`` is a ping that seems to be relayed from
#: the victim.  These two come from the liar's own address.
REQUESTS = ("ping", "find node", "find node", "get", "get", "relay", "relayed")

#: The ids in forged requests: none, the liar's, a random one, or one of the victim.
IDS = ("none", "none", "own", "random", "victim")

#: The round-trip tokens in forged requests: none, a random one, or one that another node gave.
TOKENS = ("none", "none", "fresh", "stale")


class Victim(NamedTuple):
    """
    A host in whose name liars ask.

    :ivar address: its address
    :ivar id: 32 bytes; the id of its node if it is a member
    """

    address: Address
    id: bytes


class Forgery(NamedTuple):
    """
    The forged requests of a liar.

    :ivar victim: one of `VICTIMS`
    :ivar request: one of `REQUESTS`
    :ivar id: one of `IDS`
    :ivar token: one of `TOKENS`
    """

    victim: str
    request: str
    id: str
    token: str

    @classmethod
    def draw(cls, random: Random) -> Forgery:
        """Draw the kind of victim and the parts of the request."""
        return cls(*map(random.choice, (VICTIMS, REQUESTS, IDS, TOKENS)))

    @property
    def isFromLiar(self) -> bool:
        """Whether the liar sends it from its own address, and only names the victim."""
        return self.request in ("relay", "relayed")

    def __str__(self) -> str:
        return f"forges {self.request} of {self.victim} with {self.id} id and {self.token} token"

    def encode(
        self, random: Random, victim: Victim, largeKey: bytes, ownId: bytes, seenToken: bytes | None
    ) -> bytes:
        """
        The datagram of a forged request.

        :param largeKey: the key of a large value that every honest node holds
        :param ownId: the id of the liar
        :param seenToken: a token that another node gave the liar
        """
        fresh = random.randbytes(TOKEN_BYTES)
        ids = {
            "none": None,
            "own": ownId,
            "random": random.randbytes(ID_BYTES),
            "victim": victim.id,
        }
        tokens = {"none": None, "fresh": fresh, "stale": seenToken or fresh}
        id, token, address = ids[self.id], tokens[self.token], packAddress(*victim.address)
        target = random.randbytes(ID_BYTES)
        bodies = {
            "ping": wire.requestBody(wire.PING, id, roundtripToken=token),
            "find node": wire.requestBody(wire.FIND_NODE, id, target, roundtripToken=token),
            "get": wire.requestBody(COMMAND, id, largeKey, roundtripToken=token),
            "relay": wire.requestBody(wire.PING, id, forwardRequest=address),
            "relayed": wire.requestBody(wire.PING, id, forwardResponse=address),
        }
        number = random.getrandbits(wire.TRANSACTION_ID_BITS)
        return wire.frameRequest(number, bodies[self.request])
