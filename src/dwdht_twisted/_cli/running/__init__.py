"""
What a node needs as a process that runs for long.

* `hangup`: the signal SIGHUP, at which the log is reopened and certificates are read again.
* `process`: the signals of a process that is a node.
"""
