"""
Nodes that keep their state in a folder, as processes of their own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from time import monotonic

from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest

from dwdht_twisted import DHTNode, values
from tests.cli.test_chroot import NOBODY, TWISTD_WITHOUT_MODULES
from tests.helpers.processes.programs import DWDHT, TWISTD, Program, ProgramTestCase, freePort

#: The seconds within which all nodes have to rejoin.
REJOINED_WITHIN = 10.0


def idOf(program: Program) -> str:
    """Return the id that a node has logged."""
    found = re.search(r"as (?:ephemeral |adaptive )?node ([0-9a-f]{64}) on ", program.text)
    assert found is not None, program.text
    return found[1]


class StateTests(ProgramTestCase):
    """
    ``--state`` of ``twistd dwdht`` and ``dwdht node``.
    """

    async def test_idAndValuesAreKept(self) -> None:
        """A node that is terminated and started again has its id and its values."""
        first, address = await self.startNode("--state", "state")
        asker = DHTNode(self.reactor, bootstrap=[address])
        self.addCleanup(asker.destroy)
        key = await values.put(asker, b"hello")
        await self.terminate(first)
        self.assertEqual((self.folder / "state").stat().st_mode & 0o777, 0o700)
        second, address = await self.startNode("--state", "state")
        self.assertEqual(idOf(second), idOf(first))
        other = DHTNode(self.reactor, bootstrap=[address])
        self.addCleanup(other.destroy)
        self.assertEqual(await values.get(other, key), b"hello")
        await self.terminate(second)

    async def test_secondProcessIsRefused(self) -> None:
        """
        A second process on the folder is refused in one line, by ``twistd`` and by ``dwdht``. After
        the first was killed, another one takes the folder.
        """
        first, _ = await self.startNode("--state", "state")
        line = "the state folder 'state' is in use by another node"
        self.assertCannotStart(await self.finish(*TWISTD, "dwdht", "--state", "state"), line)
        self.assertRefused(
            await self.finish(*DWDHT, "node", "--state", "state"), 1, f"dwdht node: {line}"
        )
        first.send("KILL")
        await first.end(10)
        second, _ = await self.startNode("--state", "state")
        self.assertEqual(idOf(second), idOf(first))
        await self.terminate(second)

    async def test_unusableFolderIsRefused(self) -> None:
        """
        A file in the place of the folder, a missing parent and an empty name are refused in one
        line with a status other than 0. Nothing is made or changed.
        """
        (self.folder / "file").write_text("mine")
        for path, reason in (
            ("file", "the state 'file' is not a folder"),
            (
                "a/b",
                "the state folder 'a/b' can't be made, because "
                f"'{self.folder.resolve() / 'a'}' is not there",
            ),
        ):
            self.assertCannotStart(await self.finish(*TWISTD, "dwdht", "--state", path), reason)
        empty = await self.finish(*TWISTD, "dwdht", "--state", "")
        self.assertRefused(empty, 1, "twistd dwdht: --state must be a folder, not ''")
        self.assertEqual((self.folder / "file").read_text(), "mine")
        self.assertEqual([each.name for each in self.folder.iterdir()], ["file"])

    async def test_readOnlyFolderIsRefused(self) -> None:
        """A folder that the user of the process may not write is refused in one line."""
        jail = self.makeJail()
        state = jail / "state"
        state.mkdir()
        state.chmod(0o755)
        program = await self.finish(
            *(*TWISTD, "--uid", str(NOBODY), "--rundir", str(jail), "dwdht", "--state", "state")
        )
        self.assertCannotStart(
            program, "the state folder 'state' can't be opened: Permission denied"
        )

    async def test_readOnlyLockIsNamed(self) -> None:
        """A lock that the user of the process may not write is named in one line."""
        jail = self.makeJail()
        state = jail / "state"
        state.mkdir()
        state.chmod(0o777)
        (state / "folder.lock").write_bytes(b"")
        (state / "folder.lock").chmod(0o444)
        program = await self.finish(
            *(*TWISTD, "--uid", str(NOBODY), "--rundir", str(jail), "dwdht", "--state", "state")
        )
        self.assertCannotStart(
            program,
            "the state folder 'state' can't be used, because 'folder.lock' in it can't be opened: "
            "Permission denied",
        )

    async def test_folderBelongsToTheUser(self) -> None:
        """With ``--uid``, the folder and its files belong to this user, though root starts."""
        jail = self.makeJail()
        program = self.start(
            *(*TWISTD, "--uid", str(NOBODY), "--rundir", str(jail)),
            *("dwdht", "--interface", "127.0.0.1", "--state", "state"),
        )
        await program.says("listening on ")
        await deferLater(self.reactor, 0.5)
        await self.terminate(program)
        owners = {each.stat().st_uid for each in [jail / "state", *(jail / "state").iterdir()]}
        self.assertEqual(owners, {NOBODY})

    async def test_modulesAreImportedBefore(self) -> None:
        """With ``--chroot``, all modules for the state are imported before the root changes."""
        for _ in range(2):
            program = self.start(
                *(*TWISTD_WITHOUT_MODULES, "--rundir", str(self.folder)),
                *("dwdht", "--interface", "127.0.0.1", "--state", "state"),
            )
            await program.says("listening on ")
            await deferLater(self.reactor, 0.5)
            await self.terminate(program)
            self.assertEqual(program.errorText, "")
        self.assertTrue((self.folder / "state" / "node").exists())

    async def test_damageIsSaid(self) -> None:
        """
        A node whose state was cut in half starts with a new id, and says in one line where the file
        was set aside. Its values are kept.
        """
        first, _ = await self.startNode("--state", "state")
        await self.terminate(first)
        file = self.folder / "state" / "node"
        file.write_bytes(file.read_bytes()[:60])
        second, _ = await self.startNode("--state", "state")
        self.assertNotEqual(idOf(second), idOf(first))
        lines = [line for line in second.text.splitlines() if "set aside" in line]
        self.assertEqual(len(lines), 1)
        self.assertIn("node.damaged-1", lines[0])
        await self.terminate(second)

    async def test_networkRejoins(self) -> None:
        """
        Five nodes that were stopped and are started together from their states rejoin within 10
        seconds, while the bootstrap server is gone.
        """
        server, bootstrap = await self.startNode("--ephemeral")
        ports = [freePort() for _ in range(5)]

        def start(number: int) -> Program:
            return self.start(
                *(*TWISTD, "dwdht", "--interface", "127.0.0.1", "--port", str(ports[number])),
                *("--bootstrap", bootstrap, "--state", f"state-{number}"),
            )

        nodes = [start(number) for number in range(5)]
        for node in nodes:
            # The node that was first has said that no other member is there.
            await node.says("Membership#info")
        await deferLater(self.reactor, 3)
        for node in nodes:
            await self.terminate(node)
        await self.terminate(server)
        again = [start(number) for number in range(5)]
        for node in again:
            # A process takes seconds to start on a busy machine, and that is not measured.
            await node.says("; bootstrap nodes: ", 40)
        begun = monotonic()
        for node in again:
            await node.says("joined the network, with")
        self.assertLess(monotonic() - begun, REJOINED_WITHIN)
        self.assertEqual([idOf(node) for node in again], [idOf(node) for node in nodes])
        for node in again:
            await self.terminate(node)

    def assertCannotStart(self, program: Program, line: str) -> None:
        """Require that ``twistd`` has ended with status 1 and one line."""
        self.assertEqual(program.exitCode, 1, program.text)
        said = [each for each in program.text.splitlines() if "twistd dwdht: " in each]
        self.assertEqual(len(said), 1, program.text)
        self.assertIn(line, said[0])
        self.assertNotIn("Traceback", program.text + program.errorText)
        self.assertEqual(program.errorText, "")

    def makeJail(self) -> Path:
        """Return a new folder in which every user may write. Skip the test unless it is root."""
        if os.geteuid() != 0:
            raise SkipTest("only root can change its user")
        jail = Path(mkdtemp(prefix="dwdht-"))
        self.addCleanup(rmtree, jail)
        jail.chmod(0o777)
        return jail
