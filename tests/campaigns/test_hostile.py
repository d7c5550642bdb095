"""
``twistd dwdht`` under attack by another process, over loopback.

Each test is named after an entry of the list of what the original gets wrong, as far as a datagram
can show it.  At the end of each the node still stores and finds values, still learns of new nodes,
and has logged no error.
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

#: How long an attack may take, in seconds.
ATTACK_SECONDS = 40.0

#: How many bytes a node sends to an address that has not proven itself, for each byte from there.
AMPLIFICATION = 14

#: How many answers to forwarded pings one address gets at once, and then in a second.
FORWARDED_AT_ONCE, FORWARDED_IN_A_SECOND = 20, 5

#: What an answer to a forwarded ping has at most, in bytes.
FORWARDED_BYTES = 80

#: How many datagrams a lookup sends at most.
LOOKUP_BUDGET = 200

#: By how much the memory of the node may grow during an attack, in megabytes.
GROWTH = 10.0


class HostileTestCase(ProgramTestCase):
    """
    A node under ``twistd``, and what must hold for it in the end.

    :ivar victim: its process
    :ivar address: where it is
    :ivar growth: by how much its memory grew in the attack, in megabytes
    """

    victim: Program
    address: str
    growth: float

    async def startVictim(self, *options: str) -> None:
        """Start the node."""
        self.victim, self.address = await self.startNode(*options)

    def honestNode(self, *bootstrap: str) -> DHTNode:
        """A node of the test's own process."""
        node = DHTNode(self.reactor, bootstrap=bootstrap)
        self.addCleanup(node.destroy)
        node.listen(0, LOCAL_HOST)
        return node

    def startHostile(self, module: str, *arguments: str) -> Program:
        """Start a hostile process."""
        path = {"PYTHONPATH": str(ROOT)}
        return self.start(sys.executable, "-m", f"tests.helpers.processes.{module}", *arguments, environment=path)

    async def attack(self, name: str, *arguments: str, fillsTable: bool = False) -> dict[str, Any]:
        """
        Have the other process attack the node, and give what it has seen.

        :param fillsTable: whether newcomers have to wait afterwards
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
        Require that the node works, that it ends in order, and that it has logged no error.

        :param learns: whether it must list a newcomer
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
        """Whether the victim names a node that asks it to one that knows nobody else."""
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
    """An attacker sends what it likes."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        await self.startVictim()

    async def test_01_datagramsOfNoneOrOneByte(self) -> None:
        """Datagrams too short for their framing, and rubbish, are dropped."""
        await self.attack("01")

    async def test_02_malformedForwards(self) -> None:
        """Malformed addresses to forward to, and other commands than a ping, are dropped."""
        await self.attack("02")

    async def test_03_answersWithBadIds(self) -> None:
        """An answer whose id isn't 32 bytes is dropped, though it has a token."""
        seen = await self.attack("03")
        self.assertGreater(seen["pings"], 0)

    async def test_04_deadContactsTwice(self) -> None:
        """Contacts that die again under the ids of dead ones are gone."""
        self.assertEqual(await self.attack("04"), {"first": 0, "second": 0})

    async def test_06_badTargetsAndValues(self) -> None:
        """A target that isn't 32 bytes gets no answer, and a bad value does no harm."""
        self.assertEqual((await self.attack("06"))["answers"], 0)

    async def test_07_silentHosts(self) -> None:
        """Hosts that never answer don't keep the node from pinging others."""
        self.assertEqual((await self.attack("07"))["listed"], 0)

    async def test_14_unprovenContacts(self) -> None:
        """Who asks, or answers without being asked, is not listed unless it answers a ping."""
        self.assertEqual((await self.attack("14"))["listed"], 0)

    async def test_15_claimedIds(self) -> None:
        """A known id stays with the address that it was proven from."""
        honest = self.honestNode(self.address)
        await honest.ready()
        seen = await self.attack("15", honest.id.hex())
        self.assertEqual(seen["found"], [[honest.id.hex(), *honest.address()]])

    async def test_16_contactsWithoutEnd(self) -> None:
        """A thousand contacts that answer don't let its memory grow."""
        seen = await self.attack("16", fillsTable=True)
        self.assertGreater(seen["pings"], 100)
        self.assertLess(self.growth, GROWTH)

    async def test_17_idsOfOneAddress(self) -> None:
        """One address has one contact, whatever ids it claims."""
        self.assertLessEqual((await self.attack("17"))["listed"], 1)

    async def test_18_ownTokens(self) -> None:
        """A token of its own in an answer does no harm."""
        self.assertGreater((await self.attack("18"))["pings"], 0)

    async def test_19_guessedTransactionIds(self) -> None:
        """An answer from another address than was asked is dropped, whatever its id."""
        seen = await self.attack("19")
        self.assertGreater(seen["pings"], 0)
        self.assertFalse(seen["listed"])

    async def test_26_forwardedLoads(self) -> None:
        """Nothing is forwarded to an address that the table doesn't hold."""
        self.assertEqual((await self.attack("26"))["victim"], 0)

    async def test_27_reflectedAnswers(self) -> None:
        """Forwarded pings draw few answers on one address, and short ones."""
        started = self.reactor.seconds()
        seen = await self.attack("27")
        seconds = self.reactor.seconds() - started
        answers = FORWARDED_AT_ONCE + FORWARDED_IN_A_SECOND * seconds
        self.assertGreater(seen["victim"], 0)
        self.assertLess(seen["victim"], answers * FORWARDED_BYTES)
        self.assertLess(seen["victim"], seen["sent"])

    async def test_28_amplification(self) -> None:
        """No unproven address gets more than the stated number of bytes for each of its own."""
        seen = await self.attack("28")
        self.assertGreater(seen["got"], 0)
        self.assertLessEqual(seen["ratio"], AMPLIFICATION)

    async def test_29_tokensOfOthers(self) -> None:
        """A token is good for the port, id and target that it was given for, and no other."""
        self.assertEqual(await self.attack("29"), {"refused": True, "taken": True})

    async def test_30_badTokens(self) -> None:
        """With a token that is made up nothing is stored."""
        self.assertEqual(await self.attack("30"), {"refused": True})


class LiarTests(HostileTestCase):
    """A bootstrap node lies."""

    async def _bootstrapFrom(self, lie: str, *, also: bool) -> dict[str, Any]:
        """
        Let the node join through a liar, and reach an honest node all the same.

        :param also: whether it is told of the honest node too; else only the liar names it
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
        """Dead contacts next to the target don't crowd the honest one out."""
        await self._bootstrapFrom("20", also=True)

    async def test_21_closerIdsWithoutEnd(self) -> None:
        """One address that names itself under always closer ids draws few requests."""
        seen = await self._bootstrapFrom("21", also=True)
        self.assertLess(seen["requests"], LOOKUP_BUDGET)

    async def test_22_idAtManyAddresses(self) -> None:
        """An id that is named at a dead address first is found at its own."""
        await self._bootstrapFrom("22", also=False)

    async def test_25_badEntries(self) -> None:
        """The good entry of a list is used, whatever stands around it."""
        await self._bootstrapFrom("25", also=False)


def _memory(program: Program) -> float:
    """How much memory of a program is resident, in megabytes; 0 where that can't be known."""
    process: Any = program.transport
    status = Path(f"/proc/{process.pid}/statm")
    return int(status.read_text().split()[1]) * 4096 / 1e6 if status.exists() else 0.0
