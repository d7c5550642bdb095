"""
The files of the page.  They are read once, and served under their names.
"""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

#: The media type of each file name extension.  Files with other names are not served.
MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

#: The name of the page itself.
INDEX = "index.html"

#: What a browser may load and do for the page: only what this server sends.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class File(NamedTuple):
    """
    A file of the page.

    :ivar mediaType: what it is
    :ivar content: its bytes
    """

    mediaType: str
    content: bytes


def readFiles() -> dict[str, File]:
    """The files of the page, by name."""
    folder = files(__package__.rpartition(".")[0]).joinpath("page")
    found = {}
    for each in folder.iterdir():
        mediaType = MEDIA_TYPES.get(each.name.rpartition(".")[2])
        if mediaType is not None:
            found[each.name] = File(mediaType, each.read_bytes())
    return found
