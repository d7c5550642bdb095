"""
Everything that this package raises or fails a Deferred with, beside
``ValueError`` and ``TypeError`` for arguments of the wrong kind.

Each class names one thing that a caller may want to treat differently;
``except DHTError`` takes them all.
"""

from __future__ import annotations


class DHTError(Exception):
    """The root of the tree."""


class InvalidTarget(DHTError, ValueError):
    """A target or an id isn't 32 bytes."""


class InvalidAddress(DHTError, ValueError):
    """An address isn't of the form ``host:port``, or its port isn't 1 to 65535."""


class InvalidCommand(DHTError, ValueError):
    """A command is empty, isn't text, or is one that the protocol keeps for itself."""


class ValueTooLarge(DHTError, ValueError):
    """A value is larger than its place allows: a datagram, or the limit of a store."""


class MalformedDatagram(DHTError, ValueError):
    """Bytes from the network aren't a message of the protocol."""


class CannotOpenStore(DHTError):
    """The file of a store can't be opened, or isn't a store."""


class UnresolvableHost(DHTError):
    """A host name has no IPv4 address."""


class CannotListen(DHTError):
    """The UDP port can't be had, because it is taken or not allowed."""


class NodeDestroyed(DHTError):
    """The node was destroyed, before the call or while it waited."""


class TooManyRequests(DHTError):
    """The queue of requests that wait for a free place is full."""


class RequestTimeout(DHTError):
    """No answer came, after all retries."""


class UnexpectedAnswer(DHTError):
    """An answer came that lacks what it must hold, such as a ping's echo of our address."""


class NoResponse(DHTError):
    """No node answered a query."""


class NoCloseNodes(DHTError):
    """No node took an update: none close to the target answered, or each that did refused it."""


class UpdateRefused(DHTError):
    """
    A handler refuses an update.

    It is raised by handlers.  The asker is told at once, and nothing is logged.
    """


class StoreFailed(DHTError):
    """A store can't read or write, for example because its disk is full."""


class ValueNotFound(DHTError):
    """No node that was asked holds a valid value under the key."""
