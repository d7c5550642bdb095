"""
The programs that are measured, and how each is started.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, TypeAlias

from .child import Child
from .results import OURS, Results

FOLDER = Path(__file__).parent

#: Where the packages of the JavaScript side are installed, for the tests and for us.
PEER_FOLDER = FOLDER.parent / "tests" / "peer"

DHT_RPC = "dht-rpc"
KADEMLIA = "kademlia"
ECHO = "Twisted echo"


class Missing(Exception):
    """A subject can't be had here; the text says why."""


class Subject(NamedTuple):
    """
    A program that is measured.

    :ivar name: what the tables call it
    :ivar command: how it is started
    :ivar environment: variables that it needs
    """

    name: str
    command: list[str]
    environment: Mapping[str, str] = {}

    def start(self, processors: Collection[int] = ()) -> Child:
        """
        Start it.

        :param processors: see `Child`
        """
        return Child(self.command, self.environment, processors)


#: Makes a subject, or raises `Missing`.
SubjectMaker: TypeAlias = Callable[[], Subject]


def available(makers: Iterable[SubjectMaker], results: Results) -> list[Subject]:
    """The subjects that can be had here; a note tells which can't."""
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
    """This package, in one of our programs."""
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
    The ``dht-rpc`` of npm, in one of our scripts.

    :raises Missing: when it can't be installed
    """
    node = _nodeWithPackages()
    command = [node, "--no-deprecation", "--expose-gc", str(FOLDER / "javascript" / script)]
    return Subject(DHT_RPC, command, {"NODE_PATH": str(PEER_FOLDER / "node_modules")})


def versions() -> dict[str, str]:
    """The versions of all that is measured and that is here."""
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
    """The path of ``node``, once the packages are installed."""
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
