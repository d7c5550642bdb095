"""
The health of a node: `DHTNode.health` and `DHTNode.watchHealth`.
"""

from __future__ import annotations

from collections.abc import Callable

from dwdht_twisted import DHTNode, Health
from dwdht_twisted._core.health import DEGRADED, OFFLINE, OFFLINE_AFTER, ONLINE, WINDOW
from tests.helpers.networks.one_way import OneWayTestCase

#: The time within which a change of the line is reported, in seconds.
REPORTED_WITHIN = 15.0

#: The time within which a line is reported on which others still reach the node, in seconds.
ONE_WAY_REPORTED_WITHIN = 60.0


class HealthTests(OneWayTestCase):
    """
    Nodes whose line, network or operating system fails.
    """

    def watch(self, node: DHTNode) -> list[tuple[float, str]]:
        """Return a list that gets the time and the state of each report from now on."""
        reports: list[tuple[float, str]] = []
        node.watchHealth(lambda health: reports.append((self.clock.seconds(), health.state)))
        self.clock.runFor(0)
        return reports

    def test_cutLineIsReported(self) -> None:
        """
        When the line of a node is cut for 60 seconds at any time, the node is offline within 15
        seconds, and online within 15 seconds of its return.
        """
        for size in (2, 5, 30):
            node = self.swarm(size)[0]
            host = self.addressOf(node).host
            reports = self.watch(node)
            self.assertEqual([state for _, state in reports], [ONLINE])
            for _ in range(10):
                self.clock.runFor(self.random.uniform(30, 300))
                reports.clear()
                cutAt = self.clock.seconds()
                self.network.partition([host])
                self.clock.runFor(60)
                self.network.heal()
                self.clock.runFor(30)
                self.assertEqual(len(reports), 2, (size, cutAt, reports))
                [(offlineAt, offline), (onlineAt, online)] = reports
                self.assertEqual((offline, online), (OFFLINE, ONLINE))
                self.assertLessEqual(offlineAt - cutAt, REPORTED_WITHIN)
                self.assertLessEqual(onlineAt - cutAt - 60, REPORTED_WITHIN)
            self.destroyAll()

    def test_lineThatIsDownInOneDirectionIsReported(self) -> None:
        """
        When all datagrams of a node are lost, the node is offline within a minute, however often a
        contact that has a token pings it.
        """
        for period in (1.0, 11.0, 30.0):
            node = self.swarm(30)[0]
            contact, token = self.contactWithToken(node)
            reports = self.watch(node)
            self.clock.runFor(self.random.uniform(30, 300))
            self.assertEqual([state for _, state in reports], [ONLINE])
            self.loseDatagramsFrom(self.addressOf(node).host)
            pings = self.pingAgainAndAgain(contact, token, self.addressOf(node), period)
            self.clock.runFor(ONE_WAY_REPORTED_WITHIN)
            pings.stop()
            self.assertEqual([state for _, state in reports], [ONLINE, OFFLINE], period)
            self.assertIn("no node has answered for", node.health.reason)
            self.destroyAll()

    def test_lossChangesNothing(self) -> None:
        """In an hour in which a fifth of all datagrams is lost, a node stays online."""
        nodes = self.swarm(20)
        self.network.loss = 0.2
        reports = [self.watch(node) for node in nodes]
        self.clock.runFor(3600)
        for each in reports:
            self.assertEqual([state for _, state in each], [ONLINE])

    def test_watchedNodeStaysQuiet(self) -> None:
        """In a settled network of 40, a watched node sends at most 770 datagrams in an hour."""
        nodes = self.swarm(40)
        self.clock.runFor(900)
        for node in nodes:
            self.watch(node)
        self.sent.clear()
        self.clock.runFor(3600)
        self.assertLess(len(self.sent), len(nodes) * 770)

    def test_quietNodeThatNobodyWatchesIsOnline(self) -> None:
        """
        A node that nobody watches, and that has nothing to ask, is online at each second of an
        hour. When its line goes down, it is offline three minutes later.
        """
        for size in (3, 8, 30):
            nodes = self.swarm(size)
            self.clock.runFor(300)
            for _ in range(3600):
                self.clock.runFor(1)
                self.assertEqual(nodes[1].health.state, ONLINE)
            self.network.partition([self.addressOf(nodes[1]).host])
            self.clock.runFor(180)
            self.assertEqual(nodes[1].health.state, OFFLINE, size)
            self.destroyAll()

    def test_firstNodeIsOnline(self) -> None:
        """The first node of a network is online, and says that it is the first."""
        self.assertEqual(self.node().health.state, ONLINE)
        self.assertIn("first", self.node().health.reason)

    def test_nodeThatHasNotStartedIsOffline(self) -> None:
        """A node is offline before it listens and after it was destroyed, which is reported."""
        node = self.node(listens=False)
        self.assertEqual(node.health, Health(OFFLINE, "the node is not running"))
        node.listen()
        reports = self.watch(node)
        self.clock.runUntil(node.destroy())
        self.assertEqual([state for _, state in reports], [ONLINE, OFFLINE])

    def test_silentBootstrapNodeIsReported(self) -> None:
        """A node whose bootstrap node is silent is reported as offline, after it could answer."""
        node = self.node(bootstrap=[self.peer().address])
        startedAt = self.clock.seconds()
        reports = self.watch(node)
        self.clock.runFor(600)
        [(at, state)] = reports
        self.assertEqual(state, OFFLINE)
        self.assertGreaterEqual(at - startedAt, OFFLINE_AFTER)
        self.assertIn("no bootstrap node", node.health.reason)

    def test_bootstrapServerAloneIsEnough(self) -> None:
        """A node is online as long as its bootstrap server answers, even without a contact."""
        server = self.node(ephemeral=True)
        node = self.node(bootstrap=[self.addressOf(server)])
        reports = self.watch(node)
        self.clock.runFor(3600)
        self.assertEqual([state for _, state in reports], [ONLINE])
        self.clock.runUntil(server.destroy())
        self.clock.runFor(600)
        self.assertEqual(node.health.state, OFFLINE)

    def test_unansweredRequestsDegrade(self) -> None:
        """
        A node most of whose requests stay unanswered is degraded, and recovers when they are
        answered again.
        """
        node = self.swarm(5)[0]
        silent = [self.peer().address for _ in range(40)]
        reports = self.watch(node)
        for each in silent:
            node.ping(each).addErrback(lambda _: None)
        self.clock.runFor(2 * WINDOW)
        self.assertEqual([state for _, state in reports], [ONLINE, DEGRADED])
        for _ in range(40):
            self.clock.runUntil(node.ping(self.bootstrap))
        self.clock.runFor(2 * WINDOW)
        self.assertEqual([state for _, state in reports], [ONLINE, DEGRADED, ONLINE])

    def test_failingWatcherIsLogged(self) -> None:
        """A function that raises is logged, and the other functions are called."""
        node = self.node()

        def fail(health: Health) -> None:
            raise ZeroDivisionError("no")

        end = node.watchHealth(fail)
        reports = self.watch(node)
        self.assertEqual([state for _, state in reports], [ONLINE])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        end()

    def watcher(
        self, node: DHTNode, last: dict[int, str], number: int, fatal: str
    ) -> Callable[[Health], None]:
        """
        Return a watcher that notes the last state.

        :param fatal: the state at which it destroys the node
        """

        def watch(health: Health) -> None:
            last[number] = health.state
            if health.state == fatal:
                node.destroy()

        return watch

    def test_watcherThatDestroysTheNode(self) -> None:
        """
        When one of the watchers destroys the node at any report, the last word to each of the
        others is that the node is offline, or there is none.
        """
        for wanted in (ONLINE, OFFLINE) * 6:
            node = self.swarm(2)[0]
            destroyer = self.random.randrange(4)
            last: dict[int, str] = {}

            for number in range(4):
                node.watchHealth(
                    self.watcher(node, last, number, wanted if number == destroyer else "")
                )
            self.clock.runFor(self.random.uniform(0, 30))
            if wanted == OFFLINE:
                self.network.partition([self.addressOf(node).host])
            self.clock.runFor(60)
            self.network.heal()
            del last[destroyer]
            self.assertLessEqual(set(last.values()), {OFFLINE})
            self.destroyAll()

    def test_watchEnds(self) -> None:
        """A watch that was ended is told nothing, and a node that nobody watches has no timer."""
        node = self.node()
        timers = len(self.clock.getDelayedCalls())
        reports: list[Health] = []
        end = node.watchHealth(reports.append)
        end()
        end()
        self.clock.runFor(1)
        self.assertEqual(len(self.clock.getDelayedCalls()), timers)
        self.clock.runUntil(node.destroy())
        self.assertEqual(reports, [])

    def test_watchesOfOneFunctionAreApart(self) -> None:
        """A function that watches twice is told twice, until one of the watches ends."""
        node = self.node()
        reports: list[Health] = []
        ends = [node.watchHealth(reports.append) for _ in range(2)]
        self.clock.runFor(1)
        self.assertEqual([health.state for health in reports], [ONLINE] * 2)
        ends[0]()
        self.clock.runUntil(node.destroy())
        self.assertEqual([health.state for health in reports], [ONLINE] * 2 + [OFFLINE])
