"""
Where a node is served over HTTP, and who may write.
"""

from __future__ import annotations

import re
from os import PathLike
from os.path import abspath
from typing import NamedTuple

from twisted.internet.endpoints import quoteStringArgument

#: The arguments that are paths, by the kind of the endpoint.
_PATHS = {
    "ssl": ("privateKey", "certKey", "extraCertChain", "dhParameters"),
    "unix": ("address",),
}


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

    def check(self) -> None:
        """
        Check the types of the settings.

        :raises ValueError: when one isn't of its type, or the endpoint is empty
        """
        if not isinstance(self.endpoint, str) or not self.endpoint:
            raise ValueError(f"endpoint is the description of an endpoint, not {self.endpoint!r}")
        for name, path in (("tokenFile", self.tokenFile), ("clientCA", self.clientCA)):
            if path is not None and (not isinstance(path, (str, PathLike)) or path == ""):
                raise ValueError(f"{name} is the path of a file, or None, not {path!r}")
        if not isinstance(self.hosts, (tuple, list)) or not all(
            isinstance(name, str) for name in self.hosts
        ):
            raise ValueError(f"hosts is a tuple of names, not {self.hosts!r}")

    def absolute(self) -> HTTPSettings:
        """
        The same settings with absolute paths, so that they go on to name the same files when the
        process changes its folder.
        """
        kind, *arguments = splitEndpoint(self.endpoint)
        names = _PATHS.get(kind, ())
        described = [kind]
        for position, argument in enumerate(arguments):
            name, equals, value = argument.partition("=")
            if equals and name in names:
                argument = f"{name}={abspath(value)}" if value else argument
            elif not equals and kind == "unix" and position == 0:
                argument = abspath(argument)
            described.append(argument)
        return self._replace(
            endpoint=":".join(map(quoteArgument, described)),
            tokenFile=None if self.tokenFile is None else abspath(self.tokenFile),
            clientCA=None if self.clientCA is None else abspath(self.clientCA),
        )


def splitEndpoint(text: str) -> list[str]:
    """The parts of the description of an endpoint, without the backslashes that quote colons."""
    parts = re.findall(r"((?:\\.|[^:\\])*)(?::|$)", text)
    # The pattern matches the empty text at the end, too.
    return [re.sub(r"\\(.)", r"\1", part) for part in parts[:-1] or parts]


def quoteArgument(argument: str) -> str:
    """A part of the description of an endpoint, with the backslashes that it needs."""
    name, equals, value = argument.partition("=")
    if not equals:
        return str(quoteStringArgument(argument))
    return f"{name}={quoteStringArgument(value)}"
