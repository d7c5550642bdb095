"""
Network namespaces of Linux, for tests that need more than one host.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count

from twisted.python.procutils import which
from twisted.trial.unittest import FailTest, SkipTest

#: Set to 1 where a machine that can't make namespaces is a failure, not a reason to skip.
REQUIRE_NETNS = "DWDHT_REQUIRE_NETNS"

#: How long one command of the system may take, in seconds.
COMMAND_SECONDS = 5.0

#: What a NAT is made of, to see whether one can be made here.
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
    """A command of the system failed."""


class Namespace:
    """
    A network namespace of ours, with a name that no other has.

    :ivar name: what ``ip netns`` calls it
    """

    def __init__(self, role: str) -> None:
        self.name = f"dwdht-{os.getpid()}-{next(_numbers)}-{role}"
        _run("ip", "netns", "add", self.name)

    def remove(self) -> None:
        """Remove it, and with it its interfaces and rules."""
        _run("ip", "netns", "delete", self.name)

    def ip(self, lines: str) -> None:
        """Run ``ip`` within it, once for each line."""
        _run("ip", "-netns", self.name, "-batch", "-", text=lines)

    def run(self, *command: str, text: str = "") -> str:
        """Run a command within it, and give its output."""
        return _run("ip", "netns", "exec", self.name, *command, text=text)

    def route(self) -> None:
        """Let it pass on what isn't for itself."""
        self.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")


def requireNamespaces() -> None:
    """
    Make sure that namespaces and NATs can be made here.

    :raises SkipTest: when they can't
    :raises FailTest: when they can't and `REQUIRE_NETNS` says they must
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
