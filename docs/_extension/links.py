"""
Links between the files of the project become links between the pages of the manual.

A document links to ``operations.rst``, and another to ``../examples/web_server.py``.  The first is
a page of the manual.  The second is copied into the folder ``files`` of the manual.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError

ROOT = Path(__file__).parents[2]
DOCUMENTS = ROOT / "docs"

#: The pages that include files outside of the folder of documents.
INCLUDED = {"README.rst": "readme", "CONTRIBUTING.rst": "contributing", "NEWS.rst": "news"}

#: The folder of the manual with the reference of pydoctor.
REFERENCE = "api/"

#: The folder of the manual with copies of files.
FILES = "files"


def findImages(app: Sphinx, path: Path, page: str, content: list[str]) -> None:
    """Correct the paths of images in an included document: Sphinx looks for them from the page."""
    content[0] = re.sub(r"(\.\. image:: )docs/", r"\1", content[0])


def resolve(app: Sphinx, tree: nodes.document, page: str) -> None:
    """
    Replace each relative link of a page.

    :raises SphinxError: when there is no such file
    """
    for reference in list(tree.findall(nodes.reference)):
        uri = str(reference.get("refuri", ""))
        # A link that Sphinx has made is internal.
        if reference.get("internal") or not uri or re.match(f"[a-z]+:|#|{REFERENCE}", uri):
            continue
        link, _, anchor = uri.partition("#")
        path = Path(os.path.normpath(_folderOf(reference, app, page) / link))
        if not path.exists():
            raise SphinxError(f"{page} links to {uri}, which does not exist")
        target = _pageOf(path)
        if target is not None:
            reference["refuri"] = app.builder.get_relative_uri(page, target)
            if anchor:
                reference["refuri"] += f"#{anchor}"
        elif path.is_dir():
            # A folder has no page, so only its name remains.
            reference.replace_self(reference.children)
        else:
            reference["refuri"] = f"{FILES}/{path.relative_to(ROOT)}"
            _copied(app).add(path)


def copyFiles(app: Sphinx, error: Exception | None) -> None:
    """Copy the files to which pages link."""
    for path in _copied(app) if error is None else ():
        copy = Path(app.outdir) / FILES / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _folderOf(node: nodes.Node, app: Sphinx, page: str) -> Path:
    """The folder of the file that holds a node, which may be included in the page."""
    while node is not None and node.source is None:
        node = node.parent
    source = app.env.doc2path(page) if node is None else str(node.source)
    return Path(os.path.abspath(source.partition(":docstring")[0])).parent


def _pageOf(path: Path) -> str | None:
    """The page of a file, or None if it is not a document."""
    if path.parent == DOCUMENTS and path.suffix == ".rst":
        return path.stem
    return INCLUDED.get(str(path.relative_to(ROOT)))


def _copied(app: Sphinx) -> set[Path]:
    if not hasattr(app, "filesOfManual"):
        app.filesOfManual = set()  # type: ignore[attr-defined]
    files: set[Path] = app.filesOfManual  # type: ignore[attr-defined]
    return files


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of this extension."""
    app.connect("include-read", findImages)
    app.connect("doctree-resolved", resolve)
    app.connect("build-finished", copyFiles)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
