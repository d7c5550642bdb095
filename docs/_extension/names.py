"""
Public names in the text of the manual become links to the reference.

A name is one between double backquotes: a public name of the package, such as ``DHTNode`` or
``values.put``, an attribute of one, such as ``DHTNode.ping``, or an attribute of a thing that
documents always call the same, such as ``node.ping``.  Arguments may follow.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.intersphinx import InventoryAdapter

PACKAGE = "dwdht_twisted"

#: The public modules, and the prefix with which the documents write the names of each.
MODULES = {
    PACKAGE: "",
    f"{PACKAGE}.values": "values.",
    f"{PACKAGE}.peers": "peers.",
    f"{PACKAGE}.testing": "",
}

#: The classes of the things that documents call by these names.  An interface says more of a method
#: than the class that provides it.
THINGS = {
    "DHTNode": ("IDHTNode", "DHTNode"),
    "node": ("IDHTNode", "DHTNode"),
    "stream": ("IQueryStream", "QueryStream"),
    "reply": ("Reply",),
    "request": ("Request",),
    "dht": ("DHTService",),
    "network": ("MemoryNetwork",),
    "clock": ("SimulatedClock",),
    "host": ("HostReactor",),
}

#: Pages whose tables begin with names of another package.
FOREIGN = {"coming"}

_NAME = re.compile(r"([A-Za-z]\w*(?:\.[A-Za-z]\w*)*)(?:\(.*\))?$", re.DOTALL)


class Names:
    """
    The places of public names in the reference.
    """

    def __init__(self, app: Sphinx) -> None:
        inventory = InventoryAdapter(app.env).main_inventory
        #: The address of each name of the reference.
        self._uris = {
            name: item.uri
            for kind, items in inventory.items()
            if kind.startswith("py:")
            for name, item in items.items()
        }
        self._full = {
            prefix + name: full
            for module, prefix in MODULES.items()
            for name in import_module(module).__all__
            if (full := self._fullName(module, name)) is not None
        }

    def uriOf(self, text: str) -> str | None:
        """The address of what a text names, or None if it is not a public name."""
        match = _NAME.match(text)
        if match is None:
            return None
        name = match[1].removeprefix(f"{PACKAGE}.")
        if f"{PACKAGE}.{name}" in self._uris and name[0].islower() and "." in text:
            return self._uris[f"{PACKAGE}.{name}"]
        if name in self._full:
            return self._uris[self._full[name]]
        owner, _, attribute = name.rpartition(".")
        found = (self._attribute(kind, attribute) for kind in THINGS.get(owner, (owner,)))
        return next(filter(None, found), None)

    def _attribute(self, owner: str, attribute: str) -> str | None:
        return self._uris.get(f"{self._full.get(owner)}.{attribute}")

    def _fullName(self, module: str, name: str) -> str | None:
        """The name by which the reference knows a public name."""
        thing = getattr(import_module(module), name)
        if f"{module}.{name}" in self._uris:
            return f"{module}.{name}"
        # The reference names a class by the module that exports it, which is above its own.
        parts = getattr(thing, "__module__", module).split(".")
        for end in range(len(parts), 0, -1):
            full = ".".join([*parts[:end], getattr(thing, "__qualname__", name)])
            if full in self._uris:
                return full
        return None


def link(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Link the names of a page."""
    names: Names = app.namesOfManual  # type: ignore[attr-defined]
    for literal in list(tree.findall(nodes.literal)):
        uri = names.uriOf(literal.astext())
        isPlain = any(
            isinstance(each, (nodes.reference, nodes.title))
            or (page in FOREIGN and isinstance(each, nodes.entry) and each.parent[0] is each)
            for each in _ancestors(literal)
        )
        if uri is not None and not isPlain:
            reference = nodes.reference("", "", literal.deepcopy(), refuri=uri, internal=True)
            literal.replace_self(reference)


def _ancestors(node: nodes.Node) -> list[nodes.Node]:
    found = []
    while node.parent is not None:
        node = node.parent
        found.append(node)
    return found


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of this extension."""

    def read(app: Sphinx) -> None:
        app.namesOfManual = Names(app)  # type: ignore[attr-defined]

    # Intersphinx reads the inventory with a lower priority number, so before.
    app.connect("builder-inited", read, priority=900)
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
