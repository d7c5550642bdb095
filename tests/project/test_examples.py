"""
The scripts in ``examples``, run as a user would run them.
"""

from __future__ import annotations

import socket
import sys
from hashlib import sha256
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.client import Agent, FileBodyProducer, readBody

from dwdht_twisted import DHTNode, values
from dwdht_twisted.values import MemoryStore
from tests.helpers.peer.install import PEER_FOLDER, installation
from tests.helpers.processes.programs import ROOT, TWISTD, Program, ProgramTestCase, freePort

EXAMPLES = ROOT / "examples"


class ExampleTestCase(ProgramTestCase):
    """
    A base for tests that run examples.
    """

    def python(self, name: str, *arguments: str) -> tuple[str, ...]:
        """Return the command line of a Python example."""
        return (sys.executable, str(EXAMPLES / name), *arguments)

    async def startBootstrap(self) -> tuple[Program, str]:
        """
        Start ``bootstrap.py``.

        :return: the program and its address
        """
        program = self.start(*self.python("bootstrap.py", "0"))
        await program.says("\n")
        return program, f"localhost:{program.text.split()[-1]}"


class ReferenceTests(ExampleTestCase):
    """
    The examples that store and find values without the module `values`.
    """

    async def test_lookupFindsInsertedValue(self) -> None:
        """``insert.py`` stores a value on 20 of 100 nodes, and ``lookup.py`` finds it."""
        _, bootstrap = await self.startBootstrap()
        network = self.start(*self.python("network.py", bootstrap))
        await network.says("100 nodes are ready")

        insert = await self.finish(*self.python("insert.py", "hello", bootstrap))
        key = sha256(b"hello").hexdigest()
        self.assertEqual((insert.text, insert.errorText), (f"inserted {key} on 20 nodes\n", ""))
        self.assertEqual(network.text.count(f"storing {key} --> hello\n"), 20)

        lookup = await self.finish(*self.python("lookup.py", key, bootstrap))
        self.assertEqual(
            (lookup.text, lookup.errorText), (f"{key} --> hello\n(query finished)\n", "")
        )

    async def test_lookupEndsWithoutValue(self) -> None:
        """``lookup.py`` ends and prints no value if no node holds one."""
        _, bootstrap = await self.startBootstrap()
        network = self.start(*self.python("network.py", bootstrap, "5"))
        await network.says("5 nodes are ready")
        lookup = await self.finish(*self.python("lookup.py", "ab" * 32, bootstrap))
        self.assertEqual((lookup.text, lookup.errorText), ("(query finished)\n", ""))


class WebServerTests(ExampleTestCase):
    """
    The web server, which runs a node as its second service.
    """

    async def request(self, method: bytes, url: str, body: bytes = b"") -> tuple[int, bytes]:
        """
        Send an HTTP request.

        :return: the status and the body of the response
        """
        agent = Agent(self.reactor)
        response: Any = await agent.request(
            method, url.encode(), bodyProducer=FileBodyProducer(BytesIO(body))
        )
        return response.code, await readBody(response)

    async def test_valueCrossesTwoWebServers(self) -> None:
        """
        A value posted to one web server is found at a second one. Bad requests get the status 400
        or 404, and both servers stop without an error.
        """
        servers = []
        bootstrap: dict[str, str] = {}
        for _ in range(2):
            web, dht = freeTCPPort(), freePort()
            environment = {"WEB_PORT": str(web), "DHT_PORT": str(dht), **bootstrap}
            server = self.start(
                *TWISTD, "--no_save", "--python", str(EXAMPLES / "web_server.py"),
                environment=environment,
            )  # fmt: skip
            await server.says("; bootstrap nodes: ")
            servers.append((server, f"http://127.0.0.1:{web}/"))
            bootstrap = {"DHT_BOOTSTRAP": f"127.0.0.1:{dht}"}
        (first, store), (second, find) = servers
        await second.says("joined the network")

        status, key = await self.request(b"POST", store, b"hello")
        self.assertEqual((status, key), (200, values.keyOf(b"hello").hex().encode() + b"\n"))
        found = await self.request(b"GET", find + key.decode().strip())
        self.assertEqual(found, (200, b"hello"))

        for expected, method, path, body in (
            (404, b"GET", "ab" * 32, b""),
            (400, b"GET", "ab" * 31, b""),
            (400, b"GET", "hello", b""),
            (400, b"POST", "", b"x" * 1001),
        ):
            status, reason = await self.request(method, find + path, body)
            self.assertEqual((status, reason.count(b"\n")), (expected, 1), reason)
        await self.terminate(second)
        await self.terminate(first)


class JavaScriptTests(ExampleTestCase):
    """
    The JavaScript example, which joins a Python network.
    """

    async def test_javaScriptNodeFindsItsValue(self) -> None:
        """A JavaScript node stores a value on 20 of 25 Python nodes and finds it again."""
        node = await installation.require(self.reactor)
        bootstrap = await self.node(ephemeral=True)
        address = bootstrap.address()
        stores = []
        for _ in range(25):
            member = await self.node(bootstrap=[address])
            stores.append(MemoryStore(self.reactor))
            member.register(values.COMMAND, values.ValueHandler(stores[-1]))
            await member.ready()

        program = await self.finish(
            *(node, "--no-deprecation", str(EXAMPLES / "join.js"), str(address), "hello"),
            environment={"NODE_PATH": str(PEER_FOLDER / "node_modules")},
        )
        self.assertEqual((program.exitCode, program.errorText), (0, ""), program.text)
        key = values.keyOf(b"hello")
        self.assertIn(f"stored {key.hex()} on 20 nodes\n", program.text)
        self.assertIn('found "hello" on 127.0.0.1:', program.text)
        self.assertGreaterEqual(sum(store.get(key) is not None for store in stores), 19)

    async def node(self, **options: Any) -> DHTNode:
        """Return a listening Python node. It is destroyed at the end of the test."""
        node = DHTNode(self.reactor, **options)
        node.listen(0, "127.0.0.1")
        self.addCleanup(lambda: Deferred.fromCoroutine(self.destroy(node)))
        return node

    async def destroy(self, node: DHTNode) -> None:
        """Destroy a node, for a cleanup that needs a coroutine."""
        await node.destroy()


def freeTCPPort() -> int:
    """Return a TCP port on loopback that was free a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
