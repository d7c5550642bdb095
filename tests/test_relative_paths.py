"""
Relative paths go on to name the same files when the process changes its folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode, DHTService, SQLiteStore
from dwdht_twisted._cli.tap import NodeOptions
from dwdht_twisted.private import AuthorityFolder, SecurityContext, createNetworkKey
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import Keeper
from dwdht_twisted.web.server import WebServer
from dwdht_twisted.web.settings import HTTPSettings
from tests.helpers.networks.certificates import Authority, write

KEY = bytes(32)


class RelativePathTests(SynchronousTestCase):
    """
    Whatever has a path for longer than a call.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.host = MemoryNetwork(self.clock, seed=1).reactor("10.0.0.1")
        self.addCleanup(os.chdir, os.getcwd())
        base = Path(self.mktemp()).absolute()
        self.first, self.second = base / "first", base / "second"
        for folder in (self.first, self.second):
            folder.mkdir(parents=True)
        os.chdir(self.first)
        # No path is given to what the tests of the folders' content look at.
        self.addCleanup(lambda: self.assertEqual(os.listdir(self.second), []))

    def move(self) -> None:
        """Change the folder of the process."""
        os.chdir(self.second)

    def wait(self, awaited: Any) -> Any:
        """Return the result of a Deferred."""
        return self.clock.runUntil(awaited)

    def test_storeInAFile(self) -> None:
        """A store that has written before the change of the folder, and one that has not."""
        for isUsed in (True, False):
            name = f"values-{isUsed}.sqlite"
            store = SQLiteStore(self.host, name)
            if isUsed:
                self.wait(store.put(KEY, b"value"))
            self.move()
            self.wait(store.put(b"1" * 32, b"another"))
            self.assertEqual(self.wait(store.get(b"1" * 32)), b"another")
            self.wait(store.close())
            os.chdir(self.first)
            again = SQLiteStore(self.host, name)
            self.assertEqual(self.wait(again.get(b"1" * 32)), b"another")
            self.assertEqual(self.wait(again.get(KEY)), b"value" if isUsed else None)
            self.wait(again.close())

    def test_stateOfAKeeper(self) -> None:
        """A keeper that was made before the change uses the former folder at each start."""
        keeper = Keeper(DHTNode(self.host), self.host, state="kept")
        self.move()
        for _ in range(2):
            keeper.startService()
            keeper.keep(b"value")
            self.wait(keeper.stopService())
        os.chdir(self.first)
        again = Keeper(DHTNode(self.host), self.host, state=Path("kept"))
        again.startService()
        self.assertEqual([each.value for each in again.kept()], [b"value"])
        self.wait(again.stopService())

    def test_stateOfAService(self) -> None:
        """
        The state of a service is opened in the folder that the process has at the first start, and
        each later start uses the same one.
        """
        os.chdir(self.second)
        service = DHTService(self.host, state="state")
        os.chdir(self.first)
        service.startService()
        id = service.node.id
        self.move()
        self.wait(service.stopService())
        service.startService()
        self.assertEqual(service.node.id, id)
        self.wait(service.stopService())
        self.assertTrue((self.first / "state" / "values.sqlite").exists())

    def test_filesOfHTTP(self) -> None:
        """The token, the certificate and its key are read again from the former folder."""
        authority = Authority()
        write("server.pem", authority.issue("localhost"))
        Path("token").write_text("the first of the tokens")
        endpoint = "ssl:8443:privateKey=server.pem:certKey=server.pem:interface=127.0.0.1"
        server = WebServer(self.host, HTTPSettings(endpoint, tokenFile="token"))
        former = server._access._token
        self.move()
        self.assertFalse(server._opening.certificates.areOld)  # type: ignore[union-attr]
        (self.first / "token").write_text("the second of the tokens")
        write(str(self.first / "server.pem"), authority.issue("localhost") + b"\n")
        self.assertTrue(server._opening.certificates.areOld)  # type: ignore[union-attr]
        server.reload()
        self.assertFalse(server._opening.certificates.areOld)  # type: ignore[union-attr]
        self.assertNotEqual(server._access._token, former)

    def test_filesOfHTTPAtALaterStart(self) -> None:
        """A service that is started again reads the files of HTTP from the former folder."""
        Path("token").write_text("the first of the tokens")
        service = DHTService(self.host, http=HTTPSettings("tcp:8080", tokenFile="token"))
        service.startService()
        self.move()
        self.wait(service.stopService())
        service.startService()
        self.wait(service.stopService())

    def test_endpointsWithPaths(self) -> None:
        """The paths in a description become absolute, and nothing else in it changes."""
        for given, expected in (
            ("tcp:8080", "tcp:8080"),
            ("tcp:port=8080:interface=127.0.0.1", "tcp:port=8080:interface=127.0.0.1"),
            (r"tcp6:8080:interface=\:\:1", r"tcp6:8080:interface=\:\:1"),
            ("unix:node.sock:mode=660", f"unix:{self.first}/node.sock:mode=660"),
            ("unix:address=a/node.sock", f"unix:address={self.first}/a/node.sock"),
            ("unix:/run/node.sock", "unix:/run/node.sock"),
            ("ssl:443:privateKey=k.pem", f"ssl:443:privateKey={self.first}/k.pem"),
        ):
            settings = HTTPSettings(given).absolute()
            self.assertEqual(settings.endpoint, expected)
            self.assertEqual(settings.absolute(), settings)

    def test_filesOfAMember(self) -> None:
        """
        The certificate of a member and the files beside it are read again. The authority writes
        them in its folder.
        """
        folder = AuthorityFolder.make("authority")
        certificate, key = folder.certify("a")
        context = SecurityContext(
            certificate, key, folder.certificateFile, revocations=folder.revocationsFile
        )
        serial = context.serial
        self.move()
        self.assertFalse(context.refresh())
        folder.certify("a")
        folder.revoke(["a"])
        self.assertTrue(context.refresh())
        self.assertNotEqual(context.serial, serial)

    def test_networkKeys(self) -> None:
        """The files of the network keys of a process are read again at SIGHUP."""
        createNetworkKey("network.key")
        options = NodeOptions()
        options.parseOptions(["--network-key-file", "network.key"])
        self.move()
        options.readKeysAgain()
