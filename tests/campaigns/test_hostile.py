"""
``twistd dwdht`` under attack by another process, over loopback.

The number in a test's name is that of an entry in the list of the original's defects. A defect
without a test here can't be shown by a datagram. At the end of each test, the node still stores and
finds values, lists new nodes, and has logged no error.
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

#: The most seconds that an attack may take.
ATTACK_SECONDS = 40.0

#: The most bytes that a node may send to an unproven address for each byte received from it.
AMPLIFICATION = 14

#: The most answers to forwarded pings that one address gets in a burst.
FORWARDED_AT_ONCE = 20

#: The most answers to forwarded pings that one address gets per second after the burst.
FORWARDED_IN_A_SECOND = 5

#: The size of the largest answer to a forwarded ping, in bytes.
FORWARDED_BYTES = 80

#: The most datagrams that a lookup may send.
LOOKUP_BUDGET = 200

#: The most megabytes by which the memory of the node may grow during an attack.
GROWTH = 10.0


class HostileTestCase(ProgramTestCase):
    """
    A node under ``twistd``, and the requirements on it after an attack.

    :ivar victim: the process of the node
    :ivar address: the address of the node
    :ivar growth: the growth of the process's memory during the attack, in megabytes
    """

    victim: Program
    address: str
    growth: float

    async def startVictim(self, *options: str) -> None:
        """Start the node under ``twistd``."""
        self.victim, self.address = await self.startNode(*options)

    def honestNode(self, *bootstrap: str) -> DHTNode:
        """Start an honest node in the process of the test."""
        node = DHTNode(self.reactor, bootstrap=bootstrap)
        self.addCleanup(node.destroy)
        node.listen(0, LOCAL_HOST)
        return node

    def startHostile(self, module: str, *arguments: str) -> Program:
        """Start a module of `tests.helpers.processes` as a hostile process."""
        path = {"PYTHONPATH": str(ROOT)}
        command = (sys.executable, "-m", f"tests.helpers.processes.{module}", *arguments)
        return self.start(*command, environment=path)

    async def attack(self, name: str, *arguments: str, fillsTable: bool = False) -> dict[str, Any]:
        """
        Let another process attack the node, and require that the node still serves.

        :param fillsTable: whether the attack fills the table, so that new nodes aren't listed
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
        Require that the node stores and finds a value, stops, and has logged no error.

        :param learns: whether the node must also list a new node
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
        """Return whether an asker that knows only the victim finds a node."""
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
    """
    Attacks by another process against a running node.
    """

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        await self.startVictim()

    async def test_01_datagramsOfUpToOneByteAreDropped(self) -> None:
        """The node goes on serving after datagrams of 0 and 1 bytes and random bytes."""
        await self.attack("01")

    async def test_02_malformedForwardsAreDropped(self) -> None:
        """
        The node goes on serving after requests to forward a ping to a malformed address, and after
        requests to forward other commands.
        """
        await self.attack("02")

    async def test_03_answersWithBadIdsAreDropped(self) -> None:
        """The node goes on serving after answers with ids that don't have 32 bytes."""
        seen = await self.attack("03")
        self.assertGreater(seen["pings"], 0)

    async def test_04_deadHostsAreNotListed(self) -> None:
        """Dead hosts are not listed. Other dead hosts under the same ids are not listed either."""
        self.assertEqual(await self.attack("04"), {"first": 0, "second": 0})

    async def test_06_badTargetsGetNoAnswer(self) -> None:
        """
        A request whose target doesn't have 32 bytes gets no answer. The node goes on serving after
        a bad value.
        """
        self.assertEqual((await self.attack("06"))["answers"], 0)

    async def test_07_silentHostsAreNotListed(self) -> None:
        """
        Hosts that never answer are not listed among the node's contacts. A new node that joins
        after the attack is listed.
        """
        self.assertEqual((await self.attack("07"))["listed"], 0)

    async def test_14_unprovenHostIsNotListed(self) -> None:
        """
        A host that answers no ping isn't listed, although it sends requests and unexpected answers.
        """
        self.assertEqual((await self.attack("14"))["listed"], 0)

    async def test_15_claimedIdStaysAtItsAddress(self) -> None:
        """A known id stays at its address although another address claims it."""
        honest = self.honestNode(self.address)
        await honest.ready()
        seen = await self.attack("15", honest.id.hex())
        self.assertEqual(seen["found"], [[honest.id.hex(), *honest.address()]])

    async def test_16_thousandContactsTakeLittleMemory(self) -> None:
        """With 1,000 hosts that answer pings, the node's memory grows by less than 10 MB."""
        seen = await self.attack("16", fillsTable=True)
        self.assertGreater(seen["pings"], 100)
        self.assertLess(self.growth, GROWTH)

    async def test_17_addressWithManyIdsIsListedOnce(self) -> None:
        """An address that claims 200 ids is listed at most once."""
        self.assertLessEqual((await self.attack("17"))["listed"], 1)

    async def test_18_answersWithOwnTokensDoNoHarm(self) -> None:
        """The node goes on serving after answers that contain its own tokens."""
        self.assertGreater((await self.attack("18"))["pings"], 0)

    async def test_19_answersWithGuessedTransactionIdsAreDropped(self) -> None:
        """An answer with any transaction id is dropped if its address wasn't asked."""
        seen = await self.attack("19")
        self.assertGreater(seen["pings"], 0)
        self.assertFalse(seen["listed"])

    async def test_26_pingsAreForwardedOnlyToContacts(self) -> None:
        """No ping is forwarded to an address outside the routing table."""
        self.assertEqual((await self.attack("26"))["victim"], 0)

    async def test_27_reflectedAnswersAreLimited(self) -> None:
        """
        Through forwarded pings, a victim gets fewer bytes than the attacker sent. It also gets
        fewer bytes than 20 answers of 80 bytes, plus 5 such answers for each second of the attack.
        """
        started = self.reactor.seconds()
        seen = await self.attack("27")
        seconds = self.reactor.seconds() - started
        answers = FORWARDED_AT_ONCE + FORWARDED_IN_A_SECOND * seconds
        self.assertGreater(seen["victim"], 0)
        self.assertLess(seen["victim"], answers * FORWARDED_BYTES)
        self.assertLess(seen["victim"], seen["sent"])

    async def test_28_amplificationIsLimited(self) -> None:
        """An unproven address gets at most 14 bytes for each byte received from it."""
        seen = await self.attack("28")
        self.assertGreater(seen["got"], 0)
        self.assertLessEqual(seen["ratio"], AMPLIFICATION)

    async def test_29_tokenIsBoundToPortIdAndTarget(self) -> None:
        """A token is valid only for the port, the id and the target for which it was issued."""
        self.assertEqual(await self.attack("29"), {"refused": True, "taken": True})

    async def test_30_madeUpTokenStoresNothing(self) -> None:
        """An update with a made-up token stores nothing."""
        self.assertEqual(await self.attack("30"), {"refused": True})


class LiarTests(HostileTestCase):
    """
    A node whose bootstrap node gives false answers.
    """

    async def _bootstrapFrom(self, lie: str, *, also: bool) -> dict[str, Any]:
        """
        Let the node join through a liar. Require that it still reaches an honest node.

        :param also: whether the honest node is a second bootstrap node; otherwise only the liar
            names it
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

    async def test_20_deadIdsHideNoHonestNode(self) -> None:
        """A liar names dead ids next to the target. The honest node is still found."""
        await self._bootstrapFrom("20", also=True)

    async def test_21_endlessCloserIdsDrawBoundedRequests(self) -> None:
        """An address that names itself under ever closer ids gets fewer than 200 requests."""
        seen = await self._bootstrapFrom("21", also=True)
        self.assertLess(seen["requests"], LOOKUP_BUDGET)

    async def test_22_idAtADeadAddressIsFound(self) -> None:
        """
        A liar names the id of the honest node at a dead address first. The honest node is still
        found at its own address.
        """
        await self._bootstrapFrom("22", also=False)

    async def test_25_badEntriesSpareTheValidOne(self) -> None:
        """The only valid entry of an answer is used although all other entries are bad."""
        await self._bootstrapFrom("25", also=False)


def _memory(program: Program) -> float:
    """Return the resident memory of a program in megabytes, or 0 without ``/proc``."""
    process: Any = program.transport
    status = Path(f"/proc/{process.pid}/statm")
    return int(status.read_text().split()[1]) * 4096 / 1e6 if status.exists() else 0.0
