"""
The project's documents as data: code blocks, links and tables.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives

from tests.helpers.processes.programs import ROOT

README = ROOT / "README.rst"
OPERATIONS = ROOT / "docs" / "operations.rst"
LARGE = ROOT / "docs" / "large.rst"
COMING = ROOT / "docs" / "coming.rst"
PRIVATE = ROOT / "docs" / "private.rst"
HTTP = ROOT / "docs" / "http.rst"
CONTRIBUTING = ROOT / "CONTRIBUTING.rst"


#: Documents that only include another one.
INCLUDING = {"contributing.rst", "news.rst", "readme.rst"}


class TableOfContents(Directive):  # type: ignore[misc]
    """
    The directive ``toctree`` of Sphinx, as links to the files of its pages.
    """

    has_content = True
    option_spec = {"caption": directives.unchanged, "maxdepth": directives.nonnegative_int}

    def run(self) -> list[nodes.Node]:
        """Return the links."""
        names = [f"{line}.rst" for line in self.content if line]
        links = [nodes.reference("", name, refuri=name) for name in names]
        return [nodes.paragraph("", "", *links)]


directives.register_directive("toctree", TableOfContents)


class Block(NamedTuple):
    """
    A code block.

    :ivar language: the language that the document gives
    :ivar name: the name that the document gives, or an empty string
    :ivar text: the code
    """

    language: str
    name: str
    text: str


class Document:
    """
    A document in reStructuredText.

    :ivar problems: the messages of docutils about its markup
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tree: nodes.document = publish_doctree(
            path.read_text(encoding="utf-8"),
            source_path=str(path),
            settings_overrides={
                "report_level": 5,
                "halt_level": 5,
                "syntax_highlight": "none",
                "input_encoding": "unicode",
            },
        )
        self.problems = [message.astext() for message in self._tree.findall(nodes.system_message)]

    def blocks(self, language: str | None = None) -> list[Block]:
        """Return the document's code blocks, all of them or those in one language."""
        found = [_read(node) for node in self._tree.findall(nodes.literal_block)]
        return [block for block in found if language in (None, block.language)]

    def block(self, name: str) -> Block:
        """Return the document's code block with this name."""
        (found,) = [block for block in self.blocks() if block.name == name]
        return found

    def links(self) -> list[str]:
        """Return the document's relative links, without those to the reference of pydoctor."""
        references = [str(node.get("refuri", "")) for node in self._tree.findall(nodes.reference)]
        return [uri for uri in references if not re.match("[a-z]+:|api/", uri)]

    def firstColumns(self, title: str) -> list[str]:
        """Return the first cell of each row in the tables of a section, without the header rows."""
        return [
            row.children[0].astext()
            for section in self._tree.findall(nodes.section)
            if section.children[0].astext() == title
            for body in section.findall(nodes.tbody)
            for row in body.findall(nodes.row)
        ]


def _read(node: Any) -> Block:
    classes = [name for name in node["classes"] if name != "code"]
    language, name = "".join(classes[:1]), "".join(node["names"][:1])
    return Block(language, name, node.astext())


def allDocuments() -> list[Document]:
    """Return every document of the project."""
    paths = [path for path in sorted((ROOT / "docs").glob("*.rst")) if path.name not in INCLUDING]
    return [Document(path) for path in (README, CONTRIBUTING, *paths)]
