"""
Endpoints from strings.  ``twisted/plugins/dwdht_endpoints.py`` calls these functions.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.endpoints import serverFromString

from ..topics import readTopic
from .client import DHTClientEndpoint
from .files import NetworkFiles
from .server import DHTServerEndpoint

# The options that name the files of a private network.
_FILES = set(NetworkFiles._fields)

# What stands between two paths: a comma without a backslash before it.
_SEPARATOR = re.compile(r"(?<!\\),")


def parseServer(
    reactor: Any,
    topic: str = "",
    inner: str = "",
    *rest: str,
    bootstrap: str | None = None,
    **files: Any,
) -> DHTServerEndpoint:
    """
    The endpoint of ``dht:TOPIC:INNER``, as ``dht:my-site:tcp\\:8080``.

    :param topic: 64 hexadecimal digits are these bytes, and the SHA-256 of another text is taken
    :param inner: the string of the endpoint to listen on, with a backslash before each ``:`` and
        each ``=``
    :param bootstrap: as for `DHTServerEndpoint`, between commas
    :param files: the files of a private network, each as for `DHTServerEndpoint`; those of several
        network keys between commas
    :raises ValueError: when the string has another form
    """
    if not topic or not inner or rest or files.keys() - _FILES:
        raise ValueError(
            r"a server is dht:TOPIC:INNER or dht:TOPIC:INNER:bootstrap=HOST\:PORT, and INNER has a "
            r"backslash before each : and each =, as tcp\:8080\:interface\=127.0.0.1"
        )
    endpoint = serverFromString(reactor, inner)
    return DHTServerEndpoint(
        reactor,
        readTopic(topic),
        endpoint,
        bootstrap=bootstrap,
        **_split(files),
    )


def parseClient(
    reactor: Any,
    topic: str = "",
    *rest: str,
    bootstrap: str | None = None,
    tls: str | None = None,
    **files: Any,
) -> DHTClientEndpoint:
    """
    The endpoint of ``dht:TOPIC``.

    :param topic: as for `parseServer`
    :param bootstrap: as for `DHTClientEndpoint`, between commas
    :param tls: the host name in the certificate of the server, to connect by TLS
    :param files: as for `parseServer`
    :raises ValueError: when the string has another form
    """
    if not topic or rest or files.keys() - _FILES:
        raise ValueError(
            r"a client is dht:TOPIC, with the options :bootstrap=HOST\:PORT, :tls=HOSTNAME, and "
            "for a private network :networkKeyFile=PATH or PATH,PATH, or :certificate=PATH, "
            ":privateKey=PATH, :authority=PATH and :revocations=PATH"
        )
    options = None
    if tls is not None:
        # The import takes long, and needs pyOpenSSL.
        from twisted.internet.ssl import optionsForClientTLS

        try:
            options = optionsForClientTLS(tls)
        except ValueError:
            raise ValueError(f"tls={tls!r} is not the name of a host") from None
    return DHTClientEndpoint(
        reactor,
        readTopic(topic),
        bootstrap=bootstrap,
        tls=options,
        **_split(files),
    )


def _split(files: dict[str, Any]) -> dict[str, Any]:
    """Split the files of network keys."""
    given = files.get("networkKeyFile")
    if given is None:
        return files
    paths = [path.replace("\\,", ",") for path in _SEPARATOR.split(given)]
    return {**files, "networkKeyFile": paths}


__all__ = ["parseClient", "parseServer"]
