"""
The CPU time and memory of this process, as the operating system counts them.
"""

from __future__ import annotations

from resource import RUSAGE_SELF, getrusage


def cpuSeconds() -> float:
    """The user and system CPU time of all threads of this process, in seconds."""
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def residentBytes() -> int:
    """The resident memory of this process now, in bytes."""
    return _status("VmRSS")


def peakBytes() -> int:
    """The largest resident memory that this process ever had, in bytes."""
    return _status("VmHWM")


def _status(name: str) -> int:
    with open("/proc/self/status") as status:
        for line in status:
            field, _, value = line.partition(":")
            if field == name:
                return int(value.split()[0]) * 1024
    raise OSError(f"/proc/self/status has no field {name}")
