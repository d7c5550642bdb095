"""
A node seen over HTTP: metrics, its status as JSON, a page, and a REST API.  It uses only the public
API of a node, and needs the extra ``dwdht_twisted[web]``.

* `settings`: where to listen, and who may write.
* `server`: `WebServer`, which serves one node.
* `bounds`: what a client can cost.
* `status`, `lookups`, `files`: what is shown.

This package imports none of its modules, so that a program without the extra can import it.
"""
