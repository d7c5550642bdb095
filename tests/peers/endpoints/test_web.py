"""
Web servers and web clients of Twisted on ``dht:`` endpoints, in simulated time.
"""

from __future__ import annotations

from collections import Counter, deque
from random import Random
from typing import Any

from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.web.client import Agent, HTTPConnectionPool, readBody
from twisted.web.resource import Resource
from twisted.web.server import Site

from dwdht_twisted import DHTClientEndpoint, DHTServerEndpoint
from tests.helpers.networks.announcements import TOPIC
from tests.helpers.networks.endpoints import PORT, EndpointOfTopic, EndpointTestCase

CLIENT = "10.2.0.1"

#: How many servers live at a time, and how many requests are made.
SERVERS = 10
REQUESTS = 1000

#: A server comes and another one goes after this number of requests.
REQUESTS_PER_CHANGE = 20

#: The seconds between two requests, and those until clients know a new server.
PAUSE = 1.0
KNOWN_AFTER = 35.0


class Page(Resource):
    """
    A page with the name of its server.
    """

    isLeaf = True

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def render_GET(self, request: object) -> bytes:
        return self._name.encode()


class WebTests(EndpointTestCase):
    """
    Ten web servers that come and go.
    """

    def setUp(self) -> None:
        super().setUp()
        self._numbers = iter(range(1, 250))
        # The host and the start of each living server, the oldest first.
        self.living: deque[tuple[str, float]] = deque()

    def startServer(self) -> None:
        """Start a web server on a new host."""
        host = f"10.1.0.{next(self._numbers)}"
        reactor = self.network.reactor(host)
        endpoint = DHTServerEndpoint(
            reactor, TOPIC, TCP4ServerEndpoint(reactor, PORT), bootstrap=str(self.bootstrap)
        )
        site = Site(Page(host), reactor=reactor)
        port = self.clock.runUntil(endpoint.listen(site))
        self.ports[host] = port
        self._opened.append(port)
        self.living.append((host, self.clock.seconds()))

    def endServer(self, isKilled: bool) -> None:
        """Stop the oldest server, or kill it."""
        host, _ = self.living.popleft()
        if isKilled:
            self.kill(host)
        else:
            port = self.ports.pop(host)
            self._opened.remove(port)
            self.clock.runUntil(port.stopListening())

    def agent(self) -> Any:
        """Return a web client of the topic."""
        reactor = self.network.reactor(CLIENT)
        endpoint = DHTClientEndpoint(
            reactor, TOPIC, bootstrap=str(self.bootstrap), random=Random(1)
        )
        pool = HTTPConnectionPool(reactor, persistent=False)
        return Agent.usingEndpointFactory(reactor, EndpointOfTopic(endpoint), pool=pool)

    def test_serversComeAndGo(self) -> None:
        """
        Of 1,000 requests none fails, and none takes two seconds, while a server is stopped or
        killed and another is started every 20 seconds.  Each gets no less than half of the mean.
        """
        for _ in range(SERVERS):
            self.startServer()
        self.clock.runFor(KNOWN_AFTER)
        agent = self.agent()
        served: Counter[str] = Counter()
        expected: Counter[str] = Counter()
        slowest = 0.0

        async def fetch() -> str:
            response = await agent.request(b"GET", b"http://my-site/")
            return bytes(await readBody(response)).decode()

        for number in range(REQUESTS):
            if number and number % REQUESTS_PER_CHANGE == 0:
                self.endServer(isKilled=number % (2 * REQUESTS_PER_CHANGE) == 0)
                self.startServer()
            began = self.clock.seconds()
            for host, start in self.living:
                if began - start >= KNOWN_AFTER:
                    expected[host] += 1 / SERVERS  # type: ignore[assignment]
            served[self.clock.runUntil(fetch())] += 1
            slowest = max(slowest, self.clock.seconds() - began)
            self.clock.runFor(PAUSE)
        self.assertLess(slowest, 2)
        lowest = min(served[host] / mean for host, mean in expected.items() if mean >= 10)
        self.assertGreaterEqual(lowest, 0.5, (served, expected))
