"""
A Twisted web server that has a DHT node as its second service.

    twistd -ny examples/web_server.py

POST / stores the body on the network and returns its key. GET /KEYHEX returns the value as a file
to save. The value comes from a stranger, so a browser must never show it as a page of this site.
The environment may set WEB_PORT (8080 by default), DHT_PORT (6620) and DHT_BOOTSTRAP (HOST:PORT,
none by default).
"""

from __future__ import annotations

import os
from typing import Any

from twisted.application import internet, service
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from dwdht_twisted import DHTError, DHTService, MemoryStore, ValueNotFound, values


class Values(Resource):
    """A resource that stores values on the network and finds them."""

    isLeaf = True

    def __init__(self, dht: DHTService) -> None:
        super().__init__()
        self._dht = dht

    def render_GET(self, request: Request) -> int:
        return self._answer(request, self._find(request.path))

    def render_POST(self, request: Request) -> int:
        assert request.content is not None
        return self._answer(request, self._store(request.content.read()))

    async def _find(self, path: bytes) -> bytes:
        return await values.get(self._dht.node, bytes.fromhex(path.strip(b"/").decode()))

    async def _store(self, value: bytes) -> bytes:
        key = await values.put(self._dht.node, value)
        return key.hex().encode() + b"\n"

    def _answer(self, request: Request, work: Any) -> int:
        async def answer() -> None:
            # A browser must not take a stranger's bytes for a page or a script of this site.
            request.setHeader("Content-Type", "application/octet-stream")
            request.setHeader("X-Content-Type-Options", "nosniff")
            request.setHeader("Content-Security-Policy", "default-src 'none'; sandbox")
            try:
                body = await work
            except ValueNotFound as error:
                request.setResponseCode(404)
                body = f"{error}\n".encode()
            except ValueError as error:
                request.setResponseCode(400)
                body = f"{error}\n".encode()
            except DHTError as error:
                request.setResponseCode(503)
                body = f"{error}\n".encode()
            request.write(body)
            request.finish()

        working = Deferred.fromCoroutine(answer())
        working.addErrback(lambda failure: failure.trap(CancelledError))
        # When the browser has closed the connection, stop the query: nobody reads its result.
        request.notifyFinish().addErrback(lambda failure: working.cancel())
        return NOT_DONE_YET


application = service.Application("values")

bootstrap = os.environ.get("DHT_BOOTSTRAP")
dht = DHTService(
    reactor,
    port=int(os.environ.get("DHT_PORT", "6620")),
    bootstrap=[bootstrap] if bootstrap else [],
    store=MemoryStore(reactor),
)
dht.setServiceParent(application)

web = internet.TCPServer(int(os.environ.get("WEB_PORT", "8080")), Site(Values(dht)))
web.setServiceParent(application)
