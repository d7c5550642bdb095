"""
The options of a command that serves a node over HTTP.
"""

from __future__ import annotations

from twisted.python import usage

from ..._service.serving import requireExtra
from ...errors import CannotListen, ExtraMissing


class HTTPOptions(usage.Options):
    """
    Options with ``--http`` and those that depend on it.

    After `readHTTP`, ``http`` is an `HTTPSettings` or None.
    """

    optParameters = [
        [
            "http",
            None,
            None,
            "Serve metrics, the status, a page and the API over HTTP at this server endpoint of "
            "Twisted, such as tcp:8080 or ssl:8443:privateKey=PATH:certKey=PATH. It needs the "
            "extra dwdht_twisted[web].",
        ],
        [
            "http-token-file",
            None,
            None,
            "A file with a text of at least 16 characters; whoever sends it as a bearer token may "
            "write over HTTP.",
        ],
        [
            "http-client-ca",
            None,
            None,
            "A file with certificates, in PEM; only clients with a certificate that one of these "
            "has signed can connect, and they may write. It needs an ssl: endpoint.",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["http-host"] = []

    def opt_http_host(self, name: str) -> None:
        """A name under which HTTP is reached, other than localhost; may be repeated."""
        self["http-host"].append(name)

    def readHTTP(self) -> None:
        """
        Convert ``http``.

        :raises usage.UsageError: when the extra is missing, the endpoint is wrong, or another
            option lacks ``--http``
        """
        if self["http"] is None:
            for name in ("http-token-file", "http-client-ca", "http-host"):
                if self[name]:
                    raise usage.UsageError(f"--{name} has no effect without --http")
            return
        try:
            requireExtra("--http")
        except ExtraMissing as error:
            raise usage.UsageError(str(error)) from None
        from ...web.settings import HTTPSettings

        self["http"] = HTTPSettings(
            self["http"],
            tokenFile=self["http-token-file"],
            clientCA=self["http-client-ca"],
            hosts=tuple(self["http-host"]),
        )
        # Twisted may read an endpoint in its own way for each reactor.
        from twisted.internet import reactor

        from ...web.connections.endpoint import describe

        try:
            describe(reactor, self["http"])
        except CannotListen as error:
            raise usage.UsageError(f"--http: {error}") from None
