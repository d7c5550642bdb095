"""
The parts of a `DHTService`.

* `run`: what a service releases at its end.
* `monitor`: logs the problems of a running node.
* `serving`: loads the web server if it is used.
"""
