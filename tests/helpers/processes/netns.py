"""
Network namespaces of Linux, for tests with several hosts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count

from twisted.python.procutils import which
from twisted.trial.unittest import FailTest, SkipTest

#: An environment variable. If it is 1, a test without namespaces fails and is not skipped.
REQUIRE_NETNS = "DWDHT_REQUIRE_NETNS"

#: The most seconds that a system command may take.
COMMAND_SECONDS = 5.0

#: Rules with all features that the NATs need, to find out whether this kernel supports them.
_PROBE_RULES = """
    table ip nat {
        counter probed { }
        chain postrouting {
            type nat hook postrouting priority srcnat
            oifname "wan" ct state established counter name probed masquerade random
        }
    }
"""

_numbers = count()


class CommandFailed(Exception):
    """
    A system command failed or took too long. The text contains the command.
    """


class Namespace:
    """
    A new network namespace with a unique name.

    :ivar name: its name for ``ip netns``
    """

    def __init__(self, role: str) -> None:
        self.name = f"dwdht-{os.getpid()}-{next(_numbers)}-{role}"
        _run("ip", "netns", "add", self.name)

    def remove(self) -> None:
        """Remove the namespace, together with its interfaces and rules."""
        _run("ip", "netns", "delete", self.name)

    def ip(self, lines: str) -> None:
        """Run ``ip`` within the namespace once for each line."""
        _run("ip", "-netns", self.name, "-batch", "-", text=lines)

    def run(self, *command: str, text: str = "") -> str:
        """Run a command within the namespace and return its output."""
        return _run("ip", "netns", "exec", self.name, *command, text=text)

    def route(self) -> None:
        """Make the namespace forward datagrams for other hosts."""
        self.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")


def requireNamespaces() -> None:
    """
    Require that namespaces and NATs can be made on this machine.

    :raises SkipTest: if they can't be made
    :raises FailTest: if they can't be made and `REQUIRE_NETNS` is 1
    """
    problem = _problem()
    if problem:
        reason = f"no NAT can be made here: {problem}"
        raise FailTest(reason) if os.environ.get(REQUIRE_NETNS) == "1" else SkipTest(reason)


def _problem() -> str:
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "only root can"
    for program in ("ip", "nft"):
        if not which(program):
            return f"{program} is not installed"
    try:
        probe = Namespace("probe")
    except CommandFailed as error:
        return str(error)
    try:
        probe.ip("link add wan type veth peer name lan")
        probe.run("nft", "-f", "-", text=_PROBE_RULES)
    except CommandFailed as error:
        return str(error)
    finally:
        probe.remove()
    return ""


def _run(*command: str, text: str = "") -> str:
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=COMMAND_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(str(error)) from None
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
