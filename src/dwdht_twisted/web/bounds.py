"""
The bounds on what clients can cost a node that is served over HTTP, with their reasons.

``docs/reliability.rst``, "What is bounded", lists these numbers by name.
"""

from __future__ import annotations

#: The lookups that are shown at once, those that run and the latest that have ended.  Larger: the
#: status of a busy node takes more memory and bytes.  Smaller: a page misses lookups.
LOOKUPS_SHOWN = 32

#: The nodes of one lookup that are shown.  A lookup sends 144 datagrams at most.
NODES_SHOWN = 160
