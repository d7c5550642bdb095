"""
Values in a network that drops IP fragments, as many NATs do, in network namespaces.

Twenty-five members that store values run on one host, so that every answer has 20 contacts to name.
The nodes that put and get values run on a second host.
"""

from __future__ import annotations

from random import Random

from dwdht_twisted.values import MAXIMUM_VALUE_BYTES, keyOf
from tests.helpers.processes.fragments import (
    MEMBERS_HOST,
    OTHERS_HOST,
    FragmentTestCase,
)

MEMBERS = 25

VALUE = Random(8).randbytes(MAXIMUM_VALUE_BYTES)


class FragmentTests(FragmentTestCase):
    """
    Nodes on two hosts, with a network between them that drops fragments.
    """

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.members = self.start(self.membersSpace)
        self.address = await self.members.run("join", MEMBERS, MEMBERS_HOST, "-")
        self.writer, self.reader = self.start(self.othersSpace), self.start(self.othersSpace)
        for node in (self.writer, self.reader):
            await node.run("join", 1, OTHERS_HOST, self.address)

    async def test_valueOf1000BytesIsPutAndGot(self) -> None:
        """
        A value of 1,000 bytes is put by one node and got by another, twice. No fragment is sent.
        """
        for _ in range(2):
            key = await self.writer.run("put", VALUE.hex())
            self.assertEqual(key, keyOf(VALUE).hex())
            self.assertEqual(await self.reader.run("get", key), VALUE.hex())
            self.assertEqual(await self.members.run("get", key), VALUE.hex())
        self.assertEqual(self.countDropped(), 0)

    async def test_valueOfEachSizeIsPutAndGot(self) -> None:
        """Values of 390 to 990 bytes are put and got. No fragment is sent."""
        for size in range(390, 1000, 60):
            key = await self.members.run("put", VALUE[:size].hex())
            self.assertEqual(await self.reader.run("get", key), VALUE[:size].hex())
        self.assertEqual(self.countDropped(), 0)

    async def test_largerDatagramIsDropped(self) -> None:
        """
        A value of 1,300 bytes makes a fragmented datagram and never arrives. A value of 1,000 bytes
        arrives.
        """
        self.assertEqual(await self.writer.run("echo", 1000, self.address), "1000")
        self.assertEqual(self.countDropped(), 0)
        self.assertEqual(await self.writer.run("echo", 1300, self.address), "NoResponse")
        self.assertGreater(self.countDropped(), 0)
