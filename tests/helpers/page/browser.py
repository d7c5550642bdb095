"""
Chromium, driven through the protocol of WebDriver (W3C, "WebDriver", 2018).

Each command is a request over HTTP to ``chromedriver``. It is sent in a thread, so that the reactor
goes on.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64decode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.procutils import which
from twisted.trial.unittest import FailTest, SkipTest

from tests.helpers.peer.install import Installation
from tests.helpers.processes.programs import Program, ProgramTestCase

#: An environment variable. If it is 1, a test without a browser fails and is not skipped.
REQUIRE_BROWSER = "DWDHT_REQUIRE_BROWSER"

#: axe-core, which finds faults that keep people from using a page.
axe = Installation(
    Path(__file__).parent / "axe", what="the checker axe-core", variable=REQUIRE_BROWSER
)

#: The most seconds that one command of the browser may take.
COMMAND_SECONDS = 60.0

# The browser trusts the certificate of the test, and contacts nobody but the page.
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def requirePrograms() -> tuple[str, str]:
    """
    Find the browser and its driver.

    :return: the paths of ``chromium`` and ``chromedriver``
    :raises SkipTest: if one of them is missing
    :raises FailTest: if one of them is missing and `REQUIRE_BROWSER` is 1
    """
    found = [which(name) for name in ("chromium", "chromedriver")]
    if all(found):
        return found[0][0], found[1][0]
    reason = "chromium and chromedriver are not installed"
    raise FailTest(reason) if os.environ.get(REQUIRE_BROWSER) == "1" else SkipTest(reason)


class Browser:
    """
    One browser with one page.

    :param reactor: provides threads and time
    :param session: the address of the session at ``chromedriver``
    """

    def __init__(self, reactor: Any, session: str) -> None:
        self._reactor = reactor
        self._session = session

    async def open(self, address: str) -> None:
        """Load a page."""
        await self._command("/url", url=address)

    async def run(self, script: str, *arguments: object) -> Any:
        """Run the body of a function in the page, and return what it returns."""
        return await self._command("/execute/sync", script=script, args=list(arguments))

    async def runLater(self, script: str) -> Any:
        """Run the body of a function whose last argument is called with the result."""
        return await self._command("/execute/async", script=script, args=[])

    async def until(self, condition: str, seconds: float = 20.0) -> Any:
        """
        Wait until an expression is true in the page.

        :return: the value of the expression
        :raises FailTest: if it isn't true within ``seconds``
        """
        for _ in range(round(seconds / 0.2)):
            value = await self.run(f"return {condition}")
            if value:
                return value
            await deferLater(self._reactor, 0.2, lambda: None)
        raise FailTest(f"never true in the page: {condition}")

    async def show(self, width: int, height: int, scheme: str = "light") -> None:
        """
        Set the size of the page in pixels, and its colours.

        :param scheme: ``"light"`` or ``"dark"``
        """
        await self._chromium(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        await self._chromium(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    async def screenshot(self) -> bytes:
        """The whole page as PNG."""
        width, height = await self.run(
            "const root = document.documentElement; return [root.clientWidth, root.scrollHeight]"
        )
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        taken = await self._chromium(
            "Page.captureScreenshot", captureBeyondViewport=True, clip=clip
        )
        return b64decode(taken["data"])

    async def complaints(self) -> list[str]:
        """What the console of the page has said since the last call, for example errors."""
        entries = await self._command("/se/log", type="browser")
        return [entry["message"] for entry in entries]

    async def quit(self) -> None:
        """End the browser."""
        await deferToThread(_send, self._session, None, "DELETE")

    async def _chromium(self, name: str, **parameters: object) -> Any:
        return await self._command("/goog/cdp/execute", cmd=name, params=parameters)

    async def _command(self, path: str, **parameters: object) -> Any:
        return await deferToThread(_send, self._session + path, parameters)


class BrowserTestCase(ProgramTestCase):
    """
    A base for tests that look at a page with a browser.
    """

    timeout = 180

    async def startBrowser(self) -> Browser:
        """Start a browser, which ends with the test."""
        chromium, chromedriver = requirePrograms()
        driver: Program = self.start(chromedriver, "--port=0")
        await driver.says("was started successfully on port")
        found = re.search(r"successfully on port (\d+)", driver.text)
        assert found is not None
        profile = TemporaryDirectory(prefix="dwdht-browser-", ignore_cleanup_errors=True)
        self.addCleanup(profile.cleanup)
        address = f"http://127.0.0.1:{found[1]}/session"
        capabilities = {
            "browserName": "chrome",
            "acceptInsecureCerts": True,
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {
                "binary": chromium,
                "args": [*_ARGUMENTS, f"--user-data-dir={profile.name}"],
            },
        }
        made = await deferToThread(_send, address, {"capabilities": {"alwaysMatch": capabilities}})
        browser = Browser(self.reactor, f"{address}/{made['sessionId']}")
        self.addCleanup(lambda: self._end(browser))
        return browser

    def _end(self, browser: Browser) -> Any:
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine(browser.quit())


def _send(address: str, parameters: object, method: str = "POST") -> Any:
    body = None if parameters is None else json.dumps(parameters).encode()
    request = Request(address, body, {"Content-Type": "application/json"}, method=method)
    with urlopen(request, timeout=COMMAND_SECONDS) as answer:
        return json.load(answer)["value"]
