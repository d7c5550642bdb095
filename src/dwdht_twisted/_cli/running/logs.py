"""
Where a process writes its log, and how: text for people, or JSON for programs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from typing import Any, cast

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    formatEventAsClassicLogText,
)
from twisted.python import usage

from ..console import LAYOUT, escaped
from .hangup import callOnHangup

#: The values of ``--log-format``.
FORMATS = ("text", "json")

#: Fields that Twisted's older log adds to events for its own use.
_LEGACY = {"format", "isError", "message", "system", "time"}


class LogOptions(usage.Options):
    """Options that say where the log is written, and how."""

    optParameters = [
        [
            "log-file",
            None,
            None,
            "The file to which the log is written; it is opened again at SIGHUP.",
        ],
        ["log-format", None, None, "How the log is written: text, or json for a JSON line each."],
    ]

    def postOptions(self) -> None:
        """Check the format of the log."""
        super().postOptions()
        if self["log-format"] not in (None, *FORMATS):
            raise usage.UsageError(f"--log-format must be text or json, not {self['log-format']!r}")
        # A dash is standard output for other programs, and would be a file of this name here.
        if self["log-file"] in ("", "-"):
            raise usage.UsageError(f"--log-file must be a file, not {self['log-file']!r}")


class LogFile:
    """
    A file to which lines are added.

    :ivar path: its absolute path, because a daemon changes its folder
    :raises OSError: when it can't be opened
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._file = self._open()
        # Whether the last line in the file has no end.
        self._isCut = False

    def write(self, line: str) -> None:
        """
        Add a line.  A line that can't be written is lost: there is no place to report it.

        If only the beginning of a line could be written, as on a full disk, the next one begins
        behind an end of line.
        """
        text = line.encode(errors="backslashreplace") + b"\n"
        with suppress(OSError):
            if self._isCut:
                text = b"\n" + text
            written = self._file.write(text)
            if written:
                self._isCut = written < len(text)

    def reopen(self) -> None:
        """
        Open the file of this name, which is a new one after another program has renamed the old.

        :raises OSError: when it can't be opened; then lines still go to the old one
        """
        old, self._file = self._file, self._open()
        old.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> Any:
        return open(self.path, "ab", buffering=0, opener=_openAtOnce)


def _openAtOnce(path: str, flags: int) -> int:
    """
    Open a file, or a pipe that somebody reads.

    No line is waited for: a reader of the pipe that has stopped would stop the reactor, too.
    """
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def openLog(path: str) -> LogFile:
    """
    Open a file for the log, and open it again at each SIGHUP.

    :raises OSError: when it can't be opened
    """
    file = LogFile(path)
    callOnHangup(file.reopen)
    return file


def makeObserver(
    write: Callable[[str], object], format: str | None, lowest: LogLevel = LogLevel.info
) -> ILogObserver:
    """
    Make a log observer.

    :param write: takes each line, without its end
    :param format: one of `FORMATS`; None for text
    :param lowest: events below this level are left out.  A stranger can cause events of the level
        debug.
    """
    render = renderJSON if format == "json" else renderText

    def observe(event: LogEvent) -> None:
        line = render(event)
        if line is not None:
            write(line)

    return FilteringLogObserver(cast(ILogObserver, observe), [LogLevelFilterPredicate(lowest)])


def renderText(event: LogEvent) -> str | None:
    """
    An event as text with its time and level; control characters are escaped.

    :return: the text, or None when the event has none
    """
    text = formatEventAsClassicLogText(event)
    return None if text is None else escaped(text.rstrip("\n"), LAYOUT)


def renderJSON(event: LogEvent) -> str:
    """
    An event as a JSON object on one line.

    :return: ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``message``, ``fields`` (what the
        message was made of), and after a failure ``traceback``
    """
    moment = datetime.fromtimestamp(event["log_time"], timezone.utc)
    level = event.get("log_level")
    line: dict[str, Any] = {
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": None if level is None else level.name,
        "logger": event.get("log_namespace"),
        "message": formatEvent(event),
        "fields": {
            name: value if isinstance(value, (bool, int, float, str, type(None))) else str(value)
            for name, value in event.items()
            if not name.startswith("log_") and name not in _LEGACY
        },
    }
    if event.get("log_failure") is not None:
        line["traceback"] = event["log_failure"].getTraceback()
    return json.dumps(line)


def replaceLogOfTwistd(options: LogOptions) -> None:
    """
    Have ``twistd`` use the observer of these options, if they say anything of the log.

    Without them, ``twistd`` logs as always, also to a file that it rotates itself.

    :raises usage.UsageError: when another program runs the node, or the options of ``twistd`` send
        the log elsewhere
    """
    path, format = options["log-file"], options["log-format"]
    twistd: Any = options.parent
    if path is None and format is None:
        return
    given = "--log-format" if path is None else "--log-file"
    if "logger" not in twistd:
        raise usage.UsageError(f"{given} is for twistd; twist has its own, before the word dwdht")
    for name in ("logger", "syslog"):
        if twistd[name]:
            raise usage.UsageError(f"give {given} or --{name} of twistd, not both")
    if path is None and twistd["logfile"] != "-":
        path = twistd["logfile"] or (None if twistd["nodaemon"] else "twistd.log")
    global _observerOfTwistd
    _observerOfTwistd = partial(_openForTwistd, path, format)
    # The option of twistd for observers takes the name of a function.
    twistd["logger"] = f"{__name__}.{observerOfTwistd.__name__}"


def observerOfTwistd() -> ILogObserver:
    """The observer of `replaceLogOfTwistd`.  ``twistd`` calls this function when it starts."""
    return _observerOfTwistd()


def _openForTwistd(path: str | None, format: str | None) -> ILogObserver:
    if path is None:
        # From the start of the log on, twistd logs what is written to sys.stdout.
        return makeObserver(partial(print, file=sys.stdout, flush=True), format)
    try:
        return makeObserver(openLog(path).write, format)
    except OSError as error:
        sys.exit(f"twistd dwdht: {cannotOpen(path, error)}")


def cannotOpen(path: str, error: OSError) -> str:
    """The message about a log that can't be opened."""
    return f"cannot open the log {path!r}: {error.strerror or error}"


_observerOfTwistd: Callable[[], ILogObserver]
