"""
The parts of a `DHTService`.

* `run`: what a service releases at its end.
* `monitor`: logs the problems of a running node.
* `summary`: a line of the log from time to time.
* `serving`: loads the web server if it is used.
"""
