"""
A node seen over HTTP: metrics, its status as JSON, a page, and a REST API.  It uses only the public
API of a node, and needs the extra ``dwdht_twisted[web]``.

* `settings`: where to listen, and who may write.
* `server`: `WebServer`, which serves one node.
* `connections`: the endpoint, its certificate, and what a connection may cost.
* `bounds`: what clients can cost.
* `access`: which requests are refused.
* `routes`, `answers`: the way of a request to its operation, and of a result or an error back.
* `views`: what is shown.
* `api`: the REST API and its description.

This package imports none of its modules, so that a program without the extra can import it.
"""
