"""
Hole punching and queries through referrers, with Python nodes and nodes of ``dht-rpc`` in each
role.

A test's name lists the sides of the asker, the referrer and the target, in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from dwdht_twisted import Contact, Pong, Reply
from dwdht_twisted._core.wire import decodeRequest, encodeResponse, unpackAddress
from tests.helpers.peer.interop import AnyNode, InteropTestCase

VALUE = b"Hello, World!"
ID = bytes(range(100, 132))

#: A function that starts a Python node or a JavaScript node.
Start: TypeAlias = Callable[..., Coroutine[Any, Any, AnyNode]]


class HolePunchTests(InteropTestCase):
    """
    A ping from the asker through the referrer to the target, and the answer.
    """

    async def _punch(self, asker: AnyNode, referrer: AnyNode, target: AnyNode) -> None:
        await self.waitUntilListed(target, by=referrer)
        await self.waitUntilListed(referrer, by=target)
        pong = await asker.holepunch(target.address(), referrer.address())
        self.assertEqual(pong, Pong(target.contact(), asker.address()))
        await self.waitUntilPunched(target)

    async def test_pythonPythonPython(self) -> None:
        """A Python node reaches a Python node through a Python referrer."""
        referrer = await self.python()
        await self._punch(await self.python(), referrer, await self.python(referrer))

    async def test_pythonPythonJavaScript(self) -> None:
        """A Python node reaches a JavaScript node through a Python referrer."""
        referrer = await self.python()
        await self._punch(await self.python(), referrer, await self.javaScript(referrer))

    async def test_pythonJavaScriptPython(self) -> None:
        """A Python node reaches a Python node through a JavaScript referrer."""
        referrer = await self.javaScript()
        await self._punch(await self.python(), referrer, await self.python(referrer))

    async def test_pythonJavaScriptJavaScript(self) -> None:
        """A Python node reaches a JavaScript node through a JavaScript referrer."""
        referrer = await self.javaScript()
        await self._punch(await self.python(), referrer, await self.javaScript(referrer))

    async def test_javaScriptPythonPython(self) -> None:
        """A JavaScript node reaches a Python node through a Python referrer."""
        referrer = await self.python()
        await self._punch(await self.javaScript(), referrer, await self.python(referrer))

    async def test_javaScriptPythonJavaScript(self) -> None:
        """A JavaScript node reaches a JavaScript node through a Python referrer."""
        referrer = await self.python()
        await self._punch(await self.javaScript(), referrer, await self.javaScript(referrer))

    async def test_javaScriptJavaScriptPython(self) -> None:
        """A JavaScript node reaches a Python node through a JavaScript referrer."""
        referrer = await self.javaScript()
        await self._punch(await self.javaScript(), referrer, await self.python(referrer))

    async def test_javaScriptJavaScriptJavaScript(self) -> None:
        """A JavaScript node reaches a JavaScript node through a JavaScript referrer."""
        referrer = await self.javaScript()
        await self._punch(await self.javaScript(), referrer, await self.javaScript(referrer))

    async def test_pythonTakesAnswerToRelayedPing(self) -> None:
        """A Python node accepts the target's answer to a ping that a JavaScript node relayed."""
        referrer, asker, target = await self.javaScript(), await self.python(), self.probe()
        punching = asker.holepunch(target.address(), referrer.address())
        ping = None
        while ping is None or ping.forwardResponse is None:
            datagram, _ = await target.received.get()
            ping = decodeRequest(datagram)
        relayedFor = unpackAddress(ping.forwardResponse)
        self.assertEqual(relayedFor, asker.address())
        target.send(
            encodeResponse(ping.transactionId, ID, None, ping.forwardResponse, None), relayedFor
        )
        self.assertEqual(await punching, Pong(Contact(ID, *target.address()), asker.address()))


class NatTests(InteropTestCase):
    """
    Queries to nodes behind NATs that filter by address and port.
    """

    async def _askThroughNat(self, asker: Start, referrer: Start, target: Start) -> None:
        knower = await referrer()
        natted = await target(knower, nat=True)
        await self.waitUntilListed(natted, by=knower)
        await self.waitUntilListed(knower, by=natted)
        replies = await (await asker(knower)).ask(natted.id, VALUE)
        self.assertIn(Reply(natted.contact(), VALUE), replies)
        await self.waitUntilPunched(natted)

    async def test_pythonPythonJavaScript(self) -> None:
        """
        A Python node's query reaches a JavaScript node behind a NAT through a Python referrer.
        """
        await self._askThroughNat(self.python, self.python, self.javaScript)

    async def test_pythonJavaScriptJavaScript(self) -> None:
        """
        A Python node's query reaches a JavaScript node behind a NAT through a JavaScript referrer.
        """
        await self._askThroughNat(self.python, self.javaScript, self.javaScript)

    async def test_javaScriptPythonPython(self) -> None:
        """
        A JavaScript node's query reaches a Python node behind a NAT through a Python referrer.
        """
        await self._askThroughNat(self.javaScript, self.python, self.python)

    async def test_javaScriptJavaScriptPython(self) -> None:
        """
        A JavaScript node's query reaches a Python node behind a NAT through a JavaScript referrer.
        """
        await self._askThroughNat(self.javaScript, self.javaScript, self.python)

    async def test_pythonReachesJavaScriptBetweenTwoNats(self) -> None:
        """
        Through a Python or JavaScript referrer, a Python node behind a NAT reaches a JavaScript
        node behind another NAT.
        """
        for start in (self.python, self.javaScript):
            referrer = await start()
            target = await self.javaScript(referrer, nat=True)
            await self.waitUntilListed(target, by=referrer)
            asker = await self.python(nat=True)
            pong = await asker.holepunch(target.address(), referrer.address())
            self.assertEqual(pong, Pong(target.contact(), asker.address()))
