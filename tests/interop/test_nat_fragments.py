"""
Values in a network that drops IP fragments, as many NATs do, in network namespaces.

25 members that keep values run on one host, so that every answer has 20 contacts to name.  The
nodes that put and get run on another.
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
    Nodes on two hosts between which fragments are dropped.
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
        A value of 1,000 bytes that one node puts is found by another, is put again and found again,
        and no fragment is sent.
        """
        for _ in range(2):
            key = await self.writer.run("put", VALUE.hex())
            self.assertEqual(key, keyOf(VALUE).hex())
            self.assertEqual(await self.reader.run("get", key), VALUE.hex())
            self.assertEqual(await self.members.run("get", key), VALUE.hex())
        self.assertEqual(self.countDropped(), 0)

    async def test_valueOfEachSizeIsPutAndGot(self) -> None:
        """
        Values of 390 to 990 bytes are put and got, and no fragment is sent.
        """
        for size in range(390, 1000, 60):
            key = await self.members.run("put", VALUE[:size].hex())
            self.assertEqual(await self.reader.run("get", key), VALUE[:size].hex())
        self.assertEqual(self.countDropped(), 0)

    async def test_largerDatagramIsDropped(self) -> None:
        """
        A value of 1,300 bytes, which makes a datagram that is cut into fragments, never arrives;
        one of 1,000 bytes does.
        """
        self.assertEqual(await self.writer.run("echo", 1000, self.address), "1000")
        self.assertEqual(self.countDropped(), 0)
        self.assertEqual(await self.writer.run("echo", 1300, self.address), "NoResponse")
        self.assertGreater(self.countDropped(), 0)
