"""
Where a node is served over HTTP, and who may write.
"""

from __future__ import annotations

from typing import NamedTuple


class HTTPSettings(NamedTuple):
    """
    The settings of a `WebServer`.

    :ivar endpoint: the description of a server endpoint of Twisted, such as ``"tcp:8080"`` or
        ``"ssl:8443:privateKey=key.pem:certKey=certificate.pem"``
    :ivar tokenFile: a file with a text; whoever sends it as a bearer token may write
    :ivar clientCA: a file with certificates, in PEM; only clients with a certificate that one of
        these has signed can connect, and they may write
    :ivar hosts: names under which the server is reached, other than ``localhost`` and IP addresses
    """

    endpoint: str
    tokenFile: str | None = None
    clientCA: str | None = None
    hosts: tuple[str, ...] = ()
