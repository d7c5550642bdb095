"""
A simulated internet of network namespaces: a public network, and two LANs behind NATs.

::

      asker's LAN                        public network                       target's LAN
    192.168.1.2 --- [NAT] 1.1.1.1 --- 1.1.0.1, 1.1.0.2 --- 1.1.2.1 [NAT] --- 192.168.2.2

The addresses of the public network are real public addresses, so that the nodes treat them as
public, with all limits of public hosts. No datagram leaves the namespaces.

The NATs of the Linux kernel work like a common router: ``masquerade``, and a firewall that accepts
only answers to sent datagrams.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.python.procutils import which
from twisted.trial.unittest import TestCase

from dwdht_twisted import Address, Contact, Pong, Reply, Standing
from tests.helpers.peer.install import ChildProcess
from tests.helpers.processes.nat_kinds import Nat
from tests.helpers.processes.netns import Namespace, requireNamespaces

#: The addresses of the two public hosts.
REFERRER_HOST = "1.1.0.1"
PUBLIC_HOST = "1.1.0.2"

#: The port of each node in its own network.
PORT = 7000

#: The most seconds that a call of a node may take.
CALL_SECONDS = 20.0

#: The seconds in which the process of a node may end by itself. Then it is killed.
END_SECONDS = 2.0

_FOLDER = Path(__file__).parents[3]


class Lan:
    """
    A network with one host, behind a NAT.

    :param number: from 1; the NATs of LANs 1 and 2, 3 and 4, and so on count each other's datagrams
    :param nat: the kind of its NAT
    :param public: the namespace of the public network
    :param make: makes a namespace that is removed at the end of the test

    :ivar host: the namespace of the host
    :ivar hostAddress: the address of the host within the LAN
    :ivar publicAddress: the address of the NAT
    """

    def __init__(
        self, number: int, nat: Nat, public: Namespace, make: Callable[[str], Namespace]
    ) -> None:
        self.publicAddress = f"1.1.{number}.1"
        self.hostAddress = f"192.168.{number}.2"
        self._router = make(f"nat{number}")
        self.host = make(f"lan{number}")
        self._router.ip(
            f"""
            link add wan type veth peer name nat{number} netns {public.name}
            link add lan type veth peer name lan netns {self.host.name}
            address add {self.publicAddress}/24 dev wan
            address add 192.168.{number}.1/24 dev lan
            link set wan up
            link set lan up
            route add default via 1.1.{number}.254
            """
        )
        public.ip(
            f"""
            address add 1.1.{number}.254/24 dev nat{number}
            link set nat{number} up
            """
        )
        self.host.ip(
            f"""
            address add {self.hostAddress}/24 dev lan
            link set lan up
            route add default via 192.168.{number}.1
            """
        )
        self._router.route()
        other = number + 1 if number % 2 else number - 1
        self._node = Address(self.hostAddress, PORT)
        self._router.run("nft", "-f", "-", text=nat.rules(self._node, other=f"1.1.{other}.1"))

    def forward(self) -> None:
        """Forward the node's port from now on, as `Nat.FORWARDED` does from the start."""
        self._router.run("nft", "-f", "-", text=Nat.FORWARDED.change(self._node))

    def setTimeouts(self, first: int, stream: int) -> None:
        """
        Set how long the NAT keeps a path open after the last datagram, in seconds.

        :param first: for a path that was used for less than two seconds, or in one direction only
        :param stream: for other paths
        """
        names = "udp_timeout", "udp_timeout_stream"
        for name, seconds in zip(names, (first, stream), strict=True):
            file = f"/proc/sys/net/netfilter/nf_conntrack_{name}"
            self._router.run("sh", "-c", f"echo {seconds} > {file}")

    def count(self, name: str) -> int:
        """
        Return the number of datagrams from the other NAT.

        :param name: ``admitted`` for the accepted datagrams, ``refused`` for the dropped ones
        """
        shown = json.loads(self._router.run("nft", "-j", "list", "counter", "ip", "nat", name))
        counter: dict[str, Any] = shown["nftables"][-1]["counter"]
        return int(counter["packets"])


class NatNode(ChildProcess):
    """
    A node in a namespace, in a process that runs `tests.helpers.processes.nat_node`.

    :param namespace: the namespace of the process
    :param host: the address at which the node listens
    :param id: the id of the node, 32 bytes

    :ivar constants: by the name of a module, the constants that `start` changes in the process
    :ivar isAdaptive: whether the node decides by itself whether it is a member
    """

    def __init__(self, reactor: Any, namespace: Namespace, host: str, id: bytes) -> None:
        super().__init__(reactor)
        self.id = id
        self.constants: dict[str, dict[str, float]] = {}
        self.isAdaptive = False
        self._namespace = namespace
        self._host = host
        self._calls: dict[int, Deferred[Any]] = {}
        self._called = 0

    async def start(self, *bootstrap: Address) -> None:
        """Start the process and its node. Wait until the node has joined."""
        within = [which("ip")[0], "netns", "exec", self._namespace.name]
        self.spawn(
            [*within, sys.executable, "-m", "tests.helpers.processes.nat_node"],
            _FOLDER,
            importable(),
        )
        for module, constants in self.constants.items():
            await self._call("set", module=module, **constants)
        addresses = [str(each) for each in bootstrap]
        await self._call(
            "start",
            id=self.id.hex(),
            host=self._host,
            port=PORT,
            bootstrap=addresses,
            adaptive=self.isAdaptive,
        )

    async def stop(self) -> None:
        """End the process, together with its node."""
        if self.transport is not None:
            self.transport.closeStdin()
            await self.end(END_SECONDS)

    async def ping(self, address: Address) -> Pong:
        """Return the result of `DHTNode.ping`."""
        return _pong(await self._call("ping", address=str(address)))

    async def holepunch(self, peer: Address, referrer: Address) -> Pong:
        """Return the result of `DHTNode.holepunch`."""
        return _pong(await self._call("holepunch", peer=str(peer), referrer=str(referrer)))

    async def query(self, target: bytes, value: bytes, *, holepunching: bool = True) -> list[Reply]:
        """Return the replies to a query of the ``echo`` command."""
        replies = await self._call(
            "query", target=target.hex(), value=value.hex(), holepunching=holepunching
        )
        return [_reply(each) for each in replies]

    async def update(self, target: bytes, value: bytes) -> list[Reply]:
        """Return the replies to an update of the ``echo`` command."""
        replies = await self._call("update", target=target.hex(), value=value.hex())
        return [_reply(each) for each in replies]

    async def contacts(self) -> list[Contact]:
        """Return the contacts of the node's table."""
        return [_contact(each) for each in await self._call("contacts")]

    async def standing(self) -> tuple[Standing, bool]:
        """Return `DHTNode.standing`, and whether the node is a member."""
        address, *more, isMember = await self._call("standing")
        return Standing(None if address is None else Address(*address), *more), isMember

    async def updates(self) -> list[bytes]:
        """Return the values of the updates that the node's handler ran."""
        return [bytes.fromhex(each) for each in await self._call("updates")]

    def _call(self, command: str, **arguments: Any) -> Deferred[Any]:
        self._called += 1
        number = self._called

        def abandoned(_: Deferred[Any]) -> None:
            del self._calls[number]

        deferred: Deferred[Any] = Deferred(abandoned)
        deferred.addTimeout(CALL_SECONDS, self._reactor)
        self._calls[number] = deferred
        assert self.transport is not None
        line = json.dumps({"call": number, "command": command, **arguments})
        self.transport.write(line.encode() + b"\n")
        return deferred

    def outReceived(self, data: bytes) -> None:
        super().outReceived(data)
        *lines, rest = bytes(self.output).split(b"\n")
        self.output = bytearray(rest)
        for line in lines:
            answer = json.loads(line)
            deferred = self._calls.pop(answer["call"], None)
            if deferred is None:
                continue
            if "error" in answer:
                deferred.errback(CallFailed(answer["error"], answer["reason"]))
            else:
                deferred.callback(answer["result"])

    def processEnded(self, reason: Failure) -> None:
        calls, self._calls = self._calls, {}
        for deferred in calls.values():
            deferred.errback(CallFailed("ended", self.errors.decode()[-2000:]))
        super().processEnded(reason)


class CallFailed(Exception):
    """
    A call of a node failed.

    :ivar error: the name of the exception's class in the node's process
    """

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(f"{error}: {reason}")
        self.error = error


class NatTestCase(TestCase):
    """
    A base for tests with a public network and two LANs. They are removed even if the test fails.

    :cvar askersNat: the kind of the asker's NAT
    :cvar targetsNat: the kind of the target's NAT
    :ivar constants: by the name of a module, the constants that new nodes change in their process
    :ivar public: the namespace of the public network
    :ivar askersLan: the asker's LAN
    :ivar targetsLan: the target's LAN
    """

    timeout = 60

    askersNat = Nat.PRESERVING
    targetsNat = Nat.PRESERVING

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.constants: dict[str, dict[str, float]] = {}
        requireNamespaces()
        self.public = self._makeNamespace("public")
        self.public.ip(
            f"""
            link set lo up
            address add {REFERRER_HOST}/32 dev lo
            address add {PUBLIC_HOST}/32 dev lo
            """
        )
        self.public.route()
        self.askersLan = Lan(1, self.askersNat, self.public, self._makeNamespace)
        self.targetsLan = Lan(2, self.targetsNat, self.public, self._makeNamespace)

    def _makeNamespace(self, role: str) -> Namespace:
        namespace = Namespace(role)
        self.addCleanup(namespace.remove)
        return namespace

    async def publicNode(self, host: str, id: bytes, *bootstrap: Address) -> NatNode:
        """Return a new node in the public network."""
        return await self._start(NatNode(self.reactor, self.public, host, id), *bootstrap)

    async def lanNode(self, lan: Lan, id: bytes, *bootstrap: Address) -> NatNode:
        """Return a new node behind a NAT."""
        return await self._start(NatNode(self.reactor, lan.host, lan.hostAddress, id), *bootstrap)

    async def _start(self, node: NatNode, *bootstrap: Address) -> NatNode:
        node.constants = self.constants
        self.addCleanup(self._stop, node)
        await node.start(*bootstrap)
        return node

    async def _stop(self, node: NatNode) -> None:
        await node.stop()
        self.assertEqual(node.errors.decode(), "", "a node wrote to its standard error")


def importable() -> dict[str, str]:
    """Return an environment in which a child process can import all modules of this process."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _contact(given: list[Any]) -> Contact:
    id, host, port = given
    return Contact(None if id is None else bytes.fromhex(id), host, port)


def _pong(given: dict[str, Any]) -> Pong:
    return Pong(_contact(given["contact"]), Address(*given["address"]))


def _reply(given: dict[str, Any]) -> Reply:
    value = given["value"]
    return Reply(_contact(given["node"]), None if value is None else bytes.fromhex(value))
