"""
``twistd dwdht`` under attack by another process, over loopback.

Each test has the number of an entry in the list of the original's defects; only defects that a
datagram can show have one.  At the end of each test the node still stores and finds values, still
lists new nodes, and has logged no error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dwdht_twisted import Address, DHTNode, values
from tests.helpers.peer.interop import LOCAL_HOST, eventually
from tests.helpers.processes.programs import ROOT, Program, ProgramTestCase

VALUE = b"Hello, World!"

#: The time-out of an attack, in seconds.
ATTACK_SECONDS = 40.0

#: The bytes that a node may send to an unproven address, for each byte from there.
AMPLIFICATION = 14

#: The answers to forwarded pings that an address may get at once.
FORWARDED_AT_ONCE = 20

#: The answers to forwarded pings that an address may get in a second after that.
FORWARDED_IN_A_SECOND = 5

#: The largest answer to a forwarded ping, in bytes.
FORWARDED_BYTES = 80

#: The datagrams that a lookup may send.
LOOKUP_BUDGET = 200

#: The growth of the node's memory that is allowed during an attack, in megabytes.
GROWTH = 10.0


class HostileTestCase(ProgramTestCase):
    """
    A node under ``twistd``, and the requirements that it must meet after an attack.

    :ivar victim: the process of the node
    :ivar address: the address of the node
    :ivar growth: the growth of its memory during the attack, in megabytes
    """

    victim: Program
    address: str
    growth: float

    async def startVictim(self, *options: str) -> None:
        """Start the node."""
        self.victim, self.address = await self.startNode(*options)

    def honestNode(self, *bootstrap: str) -> DHTNode:
        """A node in the process of the test."""
        node = DHTNode(self.reactor, bootstrap=bootstrap)
        self.addCleanup(node.destroy)
        node.listen(0, LOCAL_HOST)
        return node

    def startHostile(self, module: str, *arguments: str) -> Program:
        """Start a hostile process."""
        path = {"PYTHONPATH": str(ROOT)}
        command = (sys.executable, "-m", f"tests.helpers.processes.{module}", *arguments)
        return self.start(*command, environment=path)

    async def attack(self, name: str, *arguments: str, fillsTable: bool = False) -> dict[str, Any]:
        """
        Let another process attack the node, and require that the node still serves.

        :param fillsTable: whether the attack fills the table, so that the node lists no newcomer
        :return: the observations of the attacker
        """
        attacker = self.startHostile("hostile", name, self.address, *arguments)
        before = _memory(self.victim)
        exitCode = await attacker.end(ATTACK_SECONDS)
        self.growth = _memory(self.victim) - before
        self.assertEqual((exitCode, attacker.errorText), (0, ""))
        seen: dict[str, Any] = json.loads(attacker.text)
        await self.assertServes(learns=not fillsTable)
        return seen

    async def assertServes(self, *, learns: bool = True) -> None:
        """
        Require that the node stores and finds a value, ends in order, and has logged no error.

        :param learns: whether it must also list a newcomer
        """
        newcomer = self.honestNode(self.address)
        self.assertEqual((await newcomer.ping(self.address)).address, newcomer.address())
        key = await values.put(newcomer, VALUE)
        self.assertEqual(await values.get(self.honestNode(self.address), key), VALUE)
        if learns:
            await eventually(self.reactor, lambda: self._isListed(newcomer))
        await self.terminate(self.victim)
        for level in ("#error", "#critical"):
            self.assertNotIn(level, self.victim.text)

    async def _isListed(self, node: DHTNode) -> bool:
        """Whether the victim names a node to an asker that knows no other node."""
        await node.ping(self.address)
        asker = DHTNode(self.reactor, ephemeral=True)
        try:
            await asker.ping(self.address)
            async for reply in asker.query("unknown", node.id):
                if reply.node.id == node.id:
                    return True
        finally:
            await asker.destroy()
        return False


class AttackTests(HostileTestCase):
    """An attacker sends datagrams to the node."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        await self.startVictim()

    async def test_01_datagramsOfNoneOrOneByte(self) -> None:
        """Datagrams of 0 and 1 bytes, and random bytes, are dropped."""
        await self.attack("01")

    async def test_02_malformedForwards(self) -> None:
        """
        Malformed addresses to forward to are dropped, and so are forwards of commands other than a
        ping.
        """
        await self.attack("02")

    async def test_03_answersWithBadIds(self) -> None:
        """An answer whose id isn't 32 bytes is dropped, even with a token."""
        seen = await self.attack("03")
        self.assertGreater(seen["pings"], 0)

    async def test_04_deadContactsTwice(self) -> None:
        """Dead hosts are not listed, nor are other dead hosts that claim their ids."""
        self.assertEqual(await self.attack("04"), {"first": 0, "second": 0})

    async def test_06_badTargetsAndValues(self) -> None:
        """A target that isn't 32 bytes gets no answer, and a bad value does no harm."""
        self.assertEqual((await self.attack("06"))["answers"], 0)

    async def test_07_silentHosts(self) -> None:
        """
        Hosts that never answer aren't listed, and don't keep the node from listing a newcomer.
        """
        self.assertEqual((await self.attack("07"))["listed"], 0)

    async def test_14_unprovenContacts(self) -> None:
        """A host that sends requests or unexpected answers, but answers no ping, isn't listed."""
        self.assertEqual((await self.attack("14"))["listed"], 0)

    async def test_15_claimedIds(self) -> None:
        """A known id stays with the address that it was proven from."""
        honest = self.honestNode(self.address)
        await honest.ready()
        seen = await self.attack("15", honest.id.hex())
        self.assertEqual(seen["found"], [[honest.id.hex(), *honest.address()]])

    async def test_16_contactsWithoutEnd(self) -> None:
        """A thousand hosts that answer pings let the node's memory grow by less than 10 MB."""
        seen = await self.attack("16", fillsTable=True)
        self.assertGreater(seen["pings"], 100)
        self.assertLess(self.growth, GROWTH)

    async def test_17_idsOfOneAddress(self) -> None:
        """An address that claims 200 ids is listed once at most."""
        self.assertLessEqual((await self.attack("17"))["listed"], 1)

    async def test_18_ownTokens(self) -> None:
        """An answer to the node with one of the node's own tokens does no harm."""
        self.assertGreater((await self.attack("18"))["pings"], 0)

    async def test_19_guessedTransactionIds(self) -> None:
        """An answer from an address that wasn't asked is dropped, whatever its transaction id."""
        seen = await self.attack("19")
        self.assertGreater(seen["pings"], 0)
        self.assertFalse(seen["listed"])

    async def test_26_forwardedLoads(self) -> None:
        """No ping is forwarded to an address that isn't in the table."""
        self.assertEqual((await self.attack("26"))["victim"], 0)

    async def test_27_reflectedAnswers(self) -> None:
        """
        Forwarded pings draw at most 20 answers to an address at once, then 5 a second, of 80 bytes
        each.
        """
        started = self.reactor.seconds()
        seen = await self.attack("27")
        seconds = self.reactor.seconds() - started
        answers = FORWARDED_AT_ONCE + FORWARDED_IN_A_SECOND * seconds
        self.assertGreater(seen["victim"], 0)
        self.assertLess(seen["victim"], answers * FORWARDED_BYTES)
        self.assertLess(seen["victim"], seen["sent"])

    async def test_28_amplification(self) -> None:
        """An unproven address gets at most 14 bytes for each byte from there."""
        seen = await self.attack("28")
        self.assertGreater(seen["got"], 0)
        self.assertLessEqual(seen["ratio"], AMPLIFICATION)

    async def test_29_tokensOfOthers(self) -> None:
        """A token is valid for the port, id and target that it was issued for, and for no other."""
        self.assertEqual(await self.attack("29"), {"refused": True, "taken": True})

    async def test_30_badTokens(self) -> None:
        """An update with a made-up token stores nothing."""
        self.assertEqual(await self.attack("30"), {"refused": True})


class LiarTests(HostileTestCase):
    """The bootstrap node of the node lies."""

    async def _bootstrapFrom(self, lie: str, *, also: bool) -> dict[str, Any]:
        """
        Let the node join through a liar, and require that it still reaches an honest node.

        :param also: whether the honest node is a second bootstrap node; else only the liar names it
        :return: the observations of the liar
        """
        honest = self.honestNode()
        address = str(honest.address())
        liar = self.startHostile("liar", lie, honest.id.hex(), address)
        await liar.says(";")
        where = liar.text.partition("listening on ")[2].partition(";")[0]
        options = ["--bootstrap", where, *(["--bootstrap", address] if also else [])]
        await self.startVictim(*options)
        victim = Address(LOCAL_HOST, int(self.address.rpartition(":")[2]))

        def isKnown() -> bool:
            return victim in [contact.address for contact in honest.contacts()]

        await eventually(self.reactor, isKnown)
        exitCode = await liar.end(ATTACK_SECONDS)
        self.assertEqual((exitCode, liar.errorText), (0, ""))
        seen: dict[str, Any] = json.loads(liar.text.splitlines()[-1])
        await self.assertServes()
        return seen

    async def test_20_deadIdsNextToTheTarget(self) -> None:
        """Dead contacts next to the target don't keep the honest node out of the lookup."""
        await self._bootstrapFrom("20", also=True)

    async def test_21_closerIdsWithoutEnd(self) -> None:
        """An address that names itself under ever closer ids draws fewer than 200 requests."""
        seen = await self._bootstrapFrom("21", also=True)
        self.assertLess(seen["requests"], LOOKUP_BUDGET)

    async def test_22_idAtManyAddresses(self) -> None:
        """A node whose id is named with a dead address first is found at its own address."""
        await self._bootstrapFrom("22", also=False)

    async def test_25_badEntries(self) -> None:
        """The one valid entry of a list of contacts is used, whatever the other entries are."""
        await self._bootstrapFrom("25", also=False)


def _memory(program: Program) -> float:
    """The resident memory of a program, in megabytes; 0 where ``/proc`` is missing."""
    process: Any = program.transport
    status = Path(f"/proc/{process.pid}/statm")
    return int(status.read_text().split()[1]) * 4096 / 1e6 if status.exists() else 0.0
