"""
Files that outlive a process.

* `folder`: the folder of a node's state.
* `keys`: files with secrets.
* `regular`: files that are read whole, and are not waited for.
"""

from .folder import StateFolder

__all__ = ["StateFolder"]
