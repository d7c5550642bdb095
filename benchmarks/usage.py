"""
What a process has used up, as the operating system counts it.
"""

from __future__ import annotations

from resource import RUSAGE_SELF, getrusage


def cpuSeconds() -> float:
    """The CPU time of this process, all its threads, user and system, in seconds."""
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def residentBytes() -> int:
    """The memory of this process that is resident now, in bytes."""
    return _status("VmRSS")


def peakBytes() -> int:
    """The most memory of this process that was ever resident, in bytes."""
    return _status("VmHWM")


def _status(name: str) -> int:
    with open("/proc/self/status") as status:
        for line in status:
            field, _, value = line.partition(":")
            if field == name:
                return int(value.split()[0]) * 1024
    raise OSError(f"this system does not tell {name}")
