"""
``twistd dwdht`` after it changed its root folder or its user.

It can then import no module that it hasn't imported before.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.trial.unittest import SkipTest

from dwdht_twisted import DHTNode, values
from tests.helpers.processes.programs import TWISTD, Program, ProgramTestCase

#: A program like ``twistd``, except that ``--chroot`` doesn't change the root folder. It only makes
#: every later import fail, and so needs no privileges.
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

#: The command that runs this program in the foreground.
TWISTD_WITHOUT_MODULES = (
    *(sys.executable, "-c", WITHOUT_MODULES, "--nodaemon", "--pidfile=", "--no_save"),
    *("--chroot", "."),
)

#: An application for ``twistd -y`` with one node. The bootstrap nodes are filled in for the braces.
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

#: The number of the user ``nobody``. This user can't read the modules if Python is in ``/root``.
NOBODY = 65534


class ChrootTests(ProgramTestCase):
    """
    A node of a network of its own that stores values in a file.
    """

    async def assertServes(
        self, *command: str, rundir: str, makesApplication: bool = False
    ) -> Program:
        """
        Require that a node joins its network, stores a value and a record, and stops without an
        error.
        One of its two bootstrap nodes answers, and the name of the other has no address.

        :param command: ``twistd`` and its options
        :param makesApplication: whether an application makes the node, not the plugin
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
        record = await values.publish(asker, Ed25519PrivateKey.generate(), b"hello")
        self.assertEqual(await values.resolve(asker, record.publicKey), record)
        await self.terminate(program)
        self.assertEqual(program.errorText, "")
        return program

    async def test_modulesAreImportedBeforeChroot(self) -> None:
        """
        With ``--chroot``, the node of the plugin imports all modules before the root folder is
        changed.
        """
        await self.assertServes(*TWISTD_WITHOUT_MODULES, rundir=str(self.folder))
        self.assertTrue((self.folder / "values").exists())

    async def test_applicationImportsBeforeChroot(self) -> None:
        """The node of an application imports all modules before the root folder is changed."""
        await self.assertServes(
            *TWISTD_WITHOUT_MODULES, rundir=str(self.folder), makesApplication=True
        )

    async def test_chrootServes(self) -> None:
        """A node serves in a root folder without modules, run by an unprivileged user."""
        jail = self.makeJail()
        # Twisted looks up the groups of the user in this file.
        (jail / "etc").mkdir()
        (jail / "etc" / "passwd").write_text(f"nobody:x:{NOBODY}:{NOBODY}::/:/bin/false\n")
        program = await self.assertServes(
            *(*TWISTD, "--chroot", str(jail), "--uid", str(NOBODY)), rundir="/"
        )
        self.assertIn(f"set uid/gid {NOBODY}", program.text)
        self.assertEqual((jail / "values").stat().st_uid, NOBODY)

    async def test_otherUserServes(self) -> None:
        """A node serves when it runs as a user without access to the folders of the modules."""
        jail = self.makeJail()
        await self.assertServes(*TWISTD, "--uid", str(NOBODY), rundir=str(jail))
        self.assertEqual((jail / "values").stat().st_uid, NOBODY)

    def makeJail(self) -> Path:
        """
        Return a new folder in which every user may write. Skip the test unless it runs as root.
        """
        if os.geteuid() != 0:
            raise SkipTest("only root can change its root folder and its user")
        # The temporary folder of a test is accessible only to its owner, so it doesn't serve here.
        jail = Path(mkdtemp(prefix="dwdht-"))
        self.addCleanup(rmtree, jail)
        jail.chmod(0o777)
        return jail
