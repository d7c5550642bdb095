"""
What a node needs as a process that runs for long.

* `configuration`: the file of ``--config``.
* `logs`: the log as text or as JSON, to a file that is reopened.
* `hangup`: the signal SIGHUP, at which the log is reopened and certificates are read again.
* `stopping`: the signal SIGTERM, and the deadline of the stop.
* `process`: all of these together.
* `http`: the options of a node that is served over HTTP.
"""
