"""
Each link of the manual to another part of it leads somewhere.

Sphinx does not check the addresses that the other extensions make.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

_log = logging.getLogger(__name__)

#: The attributes that hold an address.
ADDRESSES = {"href", "src"}


class Page(HTMLParser):
    """
    A page of HTML.

    :ivar links: the addresses on the page
    :ivar anchors: the names of its places
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the links and the anchors of a tag."""
        for name, value in attrs:
            if value is None:
                continue
            if name in ADDRESSES:
                self.links.add(value)
            elif name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)


def check(app: Sphinx, error: Exception | None) -> None:
    """Warn of each link without a target on the pages that Sphinx has made."""
    if error is not None or app.builder.format != "html":
        return
    pages: dict[Path, Page] = {}

    def pageAt(path: Path) -> Page:
        if path not in pages:
            pages[path] = Page(path)
        return pages[path]

    folder = Path(app.outdir).resolve()
    for name in sorted(app.env.found_docs):
        path = folder / f"{name}.html"
        for link in sorted(pageAt(path).links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            isThere = target.is_file() and target.is_relative_to(folder)
            if isThere and parts.fragment and target.suffix == ".html":
                isThere = unquote(parts.fragment) in pageAt(target).anchors
            if not isThere:
                _log.warning("%s links to %s, which is not there", name, link)


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of this extension."""
    # After the files were copied.
    app.connect("build-finished", check, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
