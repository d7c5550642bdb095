"""
Tests for ``twistd dwdht`` that gives up its root folder or its user, and with them the modules that
it has not imported before.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from twisted.trial.unittest import SkipTest

from dwdht_twisted import DHTNode, values
from tests.helpers.processes.programs import TWISTD, Program, ProgramTestCase

#: A program that is ``twistd``, except that ``--chroot`` only takes the modules away, so that it
#: needs no privileges.
WITHOUT_MODULES = """
import os, sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        raise ModuleNotFoundError(f"{name} is imported too late")

def chroot(path):
    sys.meta_path[:] = [Nothing()]

os.chroot = chroot
from twisted.scripts.twistd import run
run()
"""

#: Its command line in the foreground.
TWISTD_WITHOUT_MODULES = (
    *(sys.executable, "-c", WITHOUT_MODULES, "--nodaemon", "--pidfile=", "--no_save"),
    *("--chroot", "."),
)

#: An application for ``twistd -y`` that has a node, whose options follow.
APPLICATION = """
from twisted.application import service
from twisted.internet import reactor
from dwdht_twisted.service import DHTService
from dwdht_twisted.stores import SQLiteStore

application = service.Application("server")
DHTService(
    reactor, interface="127.0.0.1", store=lambda: SQLiteStore(reactor, "values"), bootstrap={}
).setServiceParent(application)
"""

#: The number of the user ``nobody``.  If Python is in ``/root``, that user can't read its modules.
NOBODY = 65534


class ChrootTests(ProgramTestCase):
    """A node that keeps values in a file, on a network of its own."""

    async def assertServes(
        self, *command: str, rundir: str, makesApplication: bool = False
    ) -> Program:
        """
        Require that a node takes part in a network, keeps a value and ends in order.

        One of its bootstrap nodes answers, and the other has a name that can't be resolved.

        :param command: ``twistd`` and its options
        :param makesApplication: whether the node is in an application, in place of a plugin
        """
        bootstrap = DHTNode(self.reactor)
        bootstrap.listen(0, "127.0.0.1")
        self.addCleanup(bootstrap.destroy)
        names = [str(bootstrap.address()), "nosuch.invalid:10001"]
        if makesApplication:
            (self.folder / "server.py").write_text(APPLICATION.format(names))
            what = ["--python", "server.py"]
        else:
            what = ["dwdht", "--interface", "127.0.0.1", "--store", "sqlite:values"]
            what += [part for name in names for part in ("--bootstrap", name)]
        program = self.start(*command, "--rundir", rundir, *what)
        await program.says("joined the network, with 1 contact")
        await program.says("nosuch.invalid has no IPv4 address")
        asker = DHTNode(self.reactor, ephemeral=True, bootstrap=[bootstrap.address()])
        self.addCleanup(asker.destroy)
        key = await values.put(asker, b"hello")
        self.assertEqual(await values.get(asker, key), b"hello")
        await self.terminate(program)
        self.assertEqual(program.errorText, "")
        return program

    async def test_modulesAreImportedBefore(self) -> None:
        """A node with ``--chroot`` imports nothing after it has changed its root folder."""
        await self.assertServes(*TWISTD_WITHOUT_MODULES, rundir=str(self.folder))
        self.assertTrue((self.folder / "values").exists())

    async def test_applicationImportsBefore(self) -> None:
        """A node in an application imports nothing after a change of the root folder."""
        await self.assertServes(
            *TWISTD_WITHOUT_MODULES, rundir=str(self.folder), makesApplication=True
        )

    async def test_chrootServes(self) -> None:
        """A node serves in a root folder without modules, as a user without privileges."""
        jail = self.makeJail()
        # Twisted looks the groups of the user up.
        (jail / "etc").mkdir()
        (jail / "etc" / "passwd").write_text(f"nobody:x:{NOBODY}:{NOBODY}::/:/bin/false\n")
        program = await self.assertServes(
            *(*TWISTD, "--chroot", str(jail), "--uid", str(NOBODY)), rundir="/"
        )
        self.assertIn(f"set uid/gid {NOBODY}", program.text)
        self.assertEqual((jail / "values").stat().st_uid, NOBODY)

    async def test_otherUserServes(self) -> None:
        """A node serves as a user who may not read the folders of the modules."""
        jail = self.makeJail()
        await self.assertServes(*TWISTD, "--uid", str(NOBODY), rundir=str(jail))
        self.assertEqual((jail / "values").stat().st_uid, NOBODY)

    def makeJail(self) -> Path:
        """Make a folder that every user may write to; skip the test if only root may go on."""
        if os.geteuid() != 0:
            raise SkipTest("only root can change its root folder and its user")
        # The folders of a test are for their owner alone.
        jail = Path(mkdtemp(prefix="dwdht-"))
        self.addCleanup(rmtree, jail)
        jail.chmod(0o777)
        return jail
