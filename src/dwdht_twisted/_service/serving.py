"""
The web server of a service, whose package is loaded only if it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ExtraMissing

if TYPE_CHECKING:
    from ..web.server import WebServer
    from ..web.settings import HTTPSettings


class Where(NamedTuple):
    """
    Where a service listens, and what it tells.

    :ivar port: the UDP port
    :ivar interface: the IPv4 address to bind, all if it is empty
    :ivar http: the settings of the web server, or None
    :ivar summary: the seconds between two summaries in the log, or None
    """

    port: int
    interface: str
    http: HTTPSettings | None
    summary: float | None


def readSettings(reactor: Any, http: str | HTTPSettings | None) -> HTTPSettings | None:
    """
    The settings of a web server, from the description of an endpoint or as they were given.

    :raises CannotListen: when no endpoint has this description; no file is read
    :raises ExtraMissing: when the packages of the extra ``web`` are missing
    :raises ValueError: when the settings are neither a text nor `HTTPSettings`, or one isn't valid
    """
    if http is None:
        return None
    requireExtra("http")
    from ..web.connections.endpoint import describe
    from ..web.settings import HTTPSettings

    settings = HTTPSettings(http) if isinstance(http, str) else http
    if not isinstance(settings, HTTPSettings):
        raise ValueError(
            f"http is the description of an endpoint, HTTPSettings, or None, not {http!r}"
        )
    settings.check()
    describe(reactor, settings)
    return settings


def requireExtra(option: str) -> None:
    """
    Load the web server.

    :param option: what needs it, for the error
    :raises ExtraMissing: when the packages of the extra ``web`` are missing
    """
    try:
        from ..web import server  # noqa: F401
    except ImportError as error:
        raise ExtraMissing(
            f"{option} needs the extra web, without which there is no module {error.name}; "
            "install it with: pip install 'dwdht_twisted[web]'"
        ) from error


def makeServer(reactor: Any, settings: HTTPSettings) -> WebServer:
    """Make a web server."""
    from ..web.server import WebServer

    return WebServer(reactor, settings)
