"""
The commands of ``dwdht``.  Each command is loaded when it is used, so that a short one starts fast.

* `values`: put and get.
* `peers`: announce and lookup.
* `questions`: query and update.
* `ping`, `node` and `demo`.
"""
