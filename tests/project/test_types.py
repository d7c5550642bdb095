"""
The types of the programs in the documents, as the type checker of a user sees them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.helpers.processes.documents import allDocuments

#: Options of mypy: strict, without the plugin for zope.interface. Untyped functions may be called,
#: because Twisted has some that every program needs.
OPTIONS = ("--strict", "--config-file=mypy.ini", "--allow-untyped-calls")

#: The configuration of mypy: zope.interface has no types without the plugin.
CONFIGURATION = "[mypy]\n[mypy-zope.*]\nignore_missing_imports = True\n"


#: A program whose classes provide interfaces of Twisted that type checkers can't read.
CONSUMERS = """
from typing import Any

from dwdht_twisted import DHTNode, DHTServerEndpoint, Reply, peers, values


class Consumer:
    def registerProducer(self, producer: Any, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...
    def write(self, data: Any) -> None: ...


class ReplyConsumer:
    def registerProducer(self, producer: Any, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...
    def write(self, data: Reply) -> None: ...


async def program(node: DHTNode, inner: Any, key: values.TreeKey) -> None:
    DHTServerEndpoint(node, "topic", DHTServerEndpoint(node, "topic/one", inner))
    await node.query("x", bytes(32)).startProducing(Consumer())
    await node.query("x", bytes(32)).startProducing(ReplyConsumer())
    await peers.lookUp(node, "x").startProducing(Consumer())
    await values.getLarge(node, key, Consumer())
"""


class TypesTests(SynchronousTestCase):
    """
    The Python blocks of all documents, checked together by mypy.
    """

    def test_programsOfDocumentsAreTyped(self) -> None:
        """
        ``mypy --strict`` finds no error in the programs of the documents, and in one with consumers
        and endpoints of its own.
        """
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "mypy.ini").write_text(CONFIGURATION)
        for number, document in enumerate(allDocuments()):
            for place, block in enumerate(document.blocks("python")):
                name = block.name or f"snippet_{number}_{place}.py"
                (folder / name).write_text(block.text)
        (folder / "consumers.py").write_text(CONSUMERS)
        programs = sorted(path.name for path in folder.glob("*.py"))
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *OPTIONS, *programs],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.assertRegex(done.stdout, r"^Success: no issues found in \d+ source files\n$")
