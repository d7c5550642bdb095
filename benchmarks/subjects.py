"""
The programs that are measured, and the commands that start them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, TypeAlias

from tests.helpers.peer.install import PEER_FOLDER

from .child import Child
from .results import OURS, Results

FOLDER = Path(__file__).parent

DHT_RPC = "dht-rpc"
KADEMLIA = "kademlia"
ECHO = "Twisted echo"


class Missing(Exception):
    """A subject is not installed here; the message says why."""


class Subject(NamedTuple):
    """
    A program that is measured.

    :ivar name: its name in the tables
    :ivar command: the program and its arguments
    :ivar environment: the variables that it needs
    """

    name: str
    command: list[str]
    environment: Mapping[str, str] = {}

    def start(self, processors: Collection[int] = ()) -> Child:
        """
        Start the program.

        :param processors: as for `Child`
        """
        return Child(self.command, self.environment, processors)


#: Makes a subject, or raises `Missing`.
SubjectMaker: TypeAlias = Callable[[], Subject]


def available(makers: Iterable[SubjectMaker], results: Results) -> list[Subject]:
    """The subjects that are installed here.  For each of the others, a note gives the reason."""
    subjects = []
    for make in makers:
        try:
            subjects.append(make())
        except Missing as reason:
            results.note(str(reason))
    return subjects


def pythonProcess(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of `benchmarks.processes`."""
    return [sys.executable, "-m", f"benchmarks.processes.{name}", *arguments]


def ours(process: str) -> Subject:
    """This package, in a module of `benchmarks.processes`."""
    return Subject(OURS, pythonProcess(process))


def echo() -> Subject:
    """The bare Twisted echo."""
    return Subject(ECHO, pythonProcess("echo"))


def kademlia() -> Subject:
    """
    The ``kademlia`` of PyPI.

    :raises Missing: when it isn't installed
    """
    try:
        version("kademlia")
    except PackageNotFoundError:
        raise Missing("kademlia is not installed: pip install -e .[bench]") from None
    return Subject(KADEMLIA, pythonProcess("kademlia_network"))


def dhtRpc(script: str) -> Subject:
    """
    The ``dht-rpc`` of npm, in a script of ``benchmarks/javascript``.

    :raises Missing: when it can't be installed
    """
    node = _nodeWithPackages()
    command = [node, "--no-deprecation", "--expose-gc", str(FOLDER / "javascript" / script)]
    return Subject(DHT_RPC, command, {"NODE_PATH": str(PEER_FOLDER / "node_modules")})


def versions() -> dict[str, str]:
    """The versions of the interpreters and packages that are installed here, by name."""
    found = {"Python": sys.version.split()[0]}
    for name in ("Twisted", "protobuf", "kademlia"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    try:
        node = _nodeWithPackages()
    except Missing:
        return found
    found["Node.js"] = _output([node, "--version"])
    manifest = str(PEER_FOLDER / "node_modules" / "dht-rpc" / "package.json")
    found[DHT_RPC] = _output([node, "-p", f"require({manifest!r}).version"])
    return found


@lru_cache
def _nodeWithPackages() -> str:
    """
    The path of ``node``; the packages of the JavaScript side are installed if they are missing.

    :raises Missing: when they can't be installed
    """
    installed = subprocess.run(
        pythonProcess("install"),
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if installed.returncode:
        raise Missing(installed.stderr.strip().rpartition("\n")[2])
    return installed.stdout.strip()


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip()
