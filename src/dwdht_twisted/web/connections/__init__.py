"""
The connections of a web server.

* `endpoint`: where it listens, from the description of an endpoint.
* `tls`: its certificate, which is read again while it is open.
* `site`: what a connection may cost.
"""
