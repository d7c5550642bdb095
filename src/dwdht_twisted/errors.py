"""
The exceptions that this package raises, or fails a Deferred with.

Each class is one kind of failure that a caller may want to handle in its own way.
``except DHTError`` catches all of them.  Arguments of the wrong kind also raise ``ValueError`` and
``TypeError``.
"""

from __future__ import annotations

from collections.abc import Sequence


class DHTError(Exception):
    """The base class of all exceptions of this package."""


class InvalidTarget(DHTError, ValueError):
    """A target or an id isn't 32 bytes."""


class InvalidAddress(DHTError, ValueError):
    """An address isn't of the form ``host:port``, or its port isn't 1 to 65535."""


class InvalidCommand(DHTError, ValueError):
    """A command is empty, isn't text, or is reserved by the protocol."""


class ValueTooLarge(DHTError, ValueError):
    """A value is too large for a datagram, or for the limit of a store."""


class MalformedDatagram(DHTError, ValueError):
    """Bytes from the network aren't a message of the protocol."""


class CannotOpenStore(DHTError):
    """The file of a store can't be opened, or isn't a store."""


class CannotOpenState(DHTError):
    """The folder of a node's state can't be opened or written, or another node uses it."""


class StateFailed(DHTError):
    """A file of a node's state can't be read or written, for example because its disk is full."""


class UnresolvableHost(DHTError):
    """A host name has no IPv4 address."""


class CannotListen(DHTError):
    """A port can't be opened, because it is in use or not allowed, or its endpoint is wrong."""


class ExtraMissing(DHTError, ImportError):
    """A part of this package is used that needs packages of an extra, which are not installed."""


class NodeDestroyed(DHTError):
    """The node was destroyed, before the call or while the call waited."""


class TooManyRequests(DHTError):
    """Too many queries, or too many requests of another kind, of the node wait for their turn."""


class RequestTimeout(DHTError):
    """A request was not answered, after all retries."""


class UnexpectedAnswer(DHTError):
    """An answer lacks a required field, such as our own address in the answer to a ping."""


class NoResponse(DHTError):
    """No node answered a query."""


class NoCloseNodes(DHTError):
    """No node took an update: no node close to the target answered, or all of them refused."""


class UpdateRefused(DHTError):
    """
    A handler refuses an update.

    Handlers raise this exception.  The asker is told at once, and nothing is logged.
    """


class NoServerReached(DHTError):
    """
    No server of a topic could be connected to: none is announced, or all that were tried failed.

    :ivar topic: the topic, 32 bytes
    :ivar attempts: the address of each server that was tried, and the exception that it failed with
    :ivar lookUpFailure: the exception with which the look-up failed, or None
    :ivar reasonOfSilence: what it may mean that no node has answered, beside that none is there,
        for example a wrong network key; may be empty
    """

    def __init__(
        self,
        topic: bytes,
        attempts: Sequence[tuple[object, Exception]],
        lookUpFailure: Exception | None = None,
        *,
        reasonOfSilence: str = "",
    ) -> None:
        # What an exception is made with, so that it can be copied and pickled.
        super().__init__(topic, attempts, lookUpFailure)
        self.topic = topic
        self.attempts = list(attempts)
        self.lookUpFailure = lookUpFailure
        self.reasonOfSilence = reasonOfSilence

    def __str__(self) -> str:
        tried = "; ".join(
            # Some exceptions of Twisted, such as NoProtocol, have no text.
            f"{address}: {str(error) or type(error).__name__}"
            for address, error in self.attempts
        )
        text = f"no server of topic {self.topic.hex()} could be reached"
        reasons = [tried] if tried else []
        if self.lookUpFailure is not None:
            reasons.append(f"the look-up failed: {self.lookUpFailure}")
        if self.reasonOfSilence:
            reasons.append(self.reasonOfSilence)
        return f"{text}: {'; '.join(reasons) or 'none is announced'}"


class RecordRefused(DHTError):
    """
    A record is not published, because another record has precedence.

    :ivar newest: the sequence number of the newest record that was found; None when there is none
    """

    def __init__(self, reason: str, newest: int | None = None) -> None:
        super().__init__(reason, newest)
        self.newest = newest

    def __str__(self) -> str:
        return str(self.args[0])


class SequenceTooLow(RecordRefused):
    """A record is not published, because a record with a higher sequence number is kept."""


class CannotUseKey(DHTError):
    """
    The file of a private key can't be made or read, may be read by others, or holds no such key.
    """


class CannotUseCertificate(DHTError):
    """
    A certificate, a private key, an authority or a revocation list can't be read or used, or they
    don't belong together.
    """


class StoreFailed(DHTError):
    """A store can't read or write, for example because its disk is full."""


class ValueNotFound(DHTError):
    """None of the asked nodes holds a valid value under the key."""


class InvalidTree(DHTError):
    """The values under the key of a large value are no tree of hashes of the required shape."""
