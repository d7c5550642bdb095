"""
The status page of a node in a live network of 50 nodes, in a real browser, over TLS.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from tests.helpers.page.browser import Browser, BrowserTestCase, axe, requirePrograms
from tests.helpers.processes.programs import DWDHT, ROOT, Program, freePort

#: A value that would run if the page took it for markup.
SCRIPT = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"

#: An environment variable with a folder into which the page is photographed, for the documents.
PICTURES = "DWDHT_PICTURES"


def certify(folder: Path) -> None:
    """Write a certificate of ``localhost`` and its key into a folder."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


class PageTests(BrowserTestCase):
    """
    The page of a node of ``dwdht demo --nodes 50 --http``.
    """

    async def openPage(self, *options: str) -> Browser:
        """Start the network and the browser, open the page, and wait for its contacts."""
        browser = await self.openPageOf("--nodes", "50", *options)
        await browser.until("document.querySelectorAll('#sky circle.dot').length > 20")
        return browser

    async def openPageOf(self, *options: str) -> Browser:
        """Start a network with these options, and the browser, and open the page."""
        requirePrograms()
        certify(self.folder)
        port = freePort()
        endpoint = f"ssl:{port}:interface=127.0.0.1:privateKey=key.pem:certKey=cert.pem"
        self.demo: Program = self.start(*DWDHT, "demo", *options, "--http", endpoint)
        browser = await self.startBrowser()
        await self.demo.says("is served over HTTP", seconds=60)
        await browser.show(1280, 900)
        await browser.open(f"https://localhost:{port}/")
        return browser

    async def text(self, browser: Browser, id: str) -> str:
        """Return the text of an element of the page."""
        text = await browser.run("return document.getElementById(arguments[0]).textContent", id)
        return str(text)

    async def fill(self, browser: Browser, **fields: str) -> None:
        """Set the values of fields of a form."""
        for id, value in fields.items():
            await browser.run(
                "document.getElementById(arguments[0]).value = arguments[1]", id, value
            )

    async def submit(self, browser: Browser, form: str) -> str:
        """Press the button of a form, and return what the page says in the end."""
        outcome = f"document.getElementById('{form}-outcome').textContent"
        await browser.run(f"document.querySelector('#{form} button').click()")
        text = await browser.until(f"!/ …$|^$/.test({outcome}) && {outcome}")
        return str(text)

    async def test_pageShowsTheNetwork(self) -> None:
        """
        The page draws the contacts, a lookup and rates. Its numbers move, and the console of the
        browser has no complaint.
        """
        browser = await self.openPage()
        contacts = int(await self.text(browser, "contacts"))
        drawn = await browser.run("return document.querySelectorAll('#sky circle.dot').length")
        self.assertEqual(drawn, contacts)
        self.assertEqual(await self.text(browser, "health-state"), "online")
        await browser.until("document.querySelectorAll('#lookup circle.dot.proven').length >= 20")
        lookups = "Number(document.getElementById('queries').textContent)"
        before = await browser.run(f"return {lookups}")
        await browser.until(f"{lookups} > {before} + 2")
        await browser.until("document.querySelectorAll('#rates path.curve').length === 4")
        self.assertEqual(await browser.complaints(), [])

    async def test_unknownSizeIsSaid(self) -> None:
        """The node of a network of two doesn't know its size, and the page says so."""
        browser = await self.openPageOf("--nodes", "2")
        await browser.until("/not known|0/.test(document.getElementById('network').textContent)")
        self.assertEqual(await self.text(browser, "network"), "not known")

    async def test_lostServerIsShown(self) -> None:
        """When the server ends, the page says that it has no connection."""
        browser = await self.openPage()
        self.demo.send("INT")
        await self.demo.end(20)
        state = "document.getElementById('health-state').textContent"
        await browser.until(f"{state} === 'no connection'")

    async def test_putIsFound(self) -> None:
        """A value that was put in the page is found in the page."""
        browser = await self.openPage()
        await self.fill(browser, value="hello, page")
        self.assertIn("Stored under ", await self.submit(browser, "put"))
        self.assertEqual(await self.submit(browser, "get"), "Found 11 bytes.")
        self.assertEqual(await self.text(browser, "found"), "hello, page")
        await self.fill(browser, key="00" * 32)
        self.assertIn("It failed: no node holds a valid value", await self.submit(browser, "get"))

    async def test_putNeedsTheToken(self) -> None:
        """A server with a token refuses a put without it, and takes one with it."""
        (self.folder / "token").write_text("a token of the test\n")
        browser = await self.openPage("--http-token-file", "token")
        await browser.until("!document.getElementById('token-row').hidden")
        await self.fill(browser, value="hello, token")
        self.assertIn("It failed: a write needs", await self.submit(browser, "put"))
        await self.fill(browser, token="a token of the test")
        await browser.run("document.getElementById('put-outcome').textContent = ''")
        self.assertIn("Stored under ", await self.submit(browser, "put"))

    async def test_valueIsNeverMarkup(self) -> None:
        """A value that is a script is shown as its text, and doesn't run."""
        browser = await self.openPage()
        await self.fill(browser, value=SCRIPT)
        await self.submit(browser, "put")
        await self.submit(browser, "get")
        self.assertEqual(await self.text(browser, "found"), SCRIPT)
        self.assertEqual(
            await browser.run("return document.querySelectorAll('#found *').length"), 0
        )
        await self.pause(0.5)
        self.assertIs(await browser.run("return window.hacked === undefined"), True)

    async def test_scriptInThePageCannotRun(self) -> None:
        """The policy of the page stops a script that stands in its markup."""
        browser = await self.openPage()
        await browser.run(
            "const script = document.createElement('script');"
            "script.textContent = 'window.hacked = 1'; document.body.append(script);"
        )
        self.assertIs(await browser.run("return window.hacked === undefined"), True)
        [complaint] = await browser.complaints()
        self.assertIn("Content Security Policy", complaint)

    async def test_pageIsAccessible(self) -> None:
        """axe-core finds no fault, in light and dark, on a wide screen and at 390 pixels."""
        await axe.require(self.reactor)
        browser = await self.openPage()
        await browser.until("document.querySelectorAll('#lookup circle.dot').length > 0")
        await browser.run("document.querySelector('details').open = true")
        await self.pause(2.5)
        # WebDriver runs its scripts in spite of the policy of the page.
        await browser.run((axe.folder / "node_modules" / "axe-core" / "axe.min.js").read_text())
        for width, scheme in ((1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")):
            await browser.show(width, 844, scheme)
            found: Any = await browser.runLater(
                "const done = arguments[arguments.length - 1];"
                "axe.run().then((result) => done(result.violations.map((each) =>"
                " each.id + ': ' + each.nodes.map((node) => node.html).join(' '))))"
            )
            self.assertEqual(found, [], f"{width} pixels, {scheme}")

    async def test_pageFitsAPhone(self) -> None:
        """At 390 pixels, nothing is wider than the screen, and texts of drawings stay readable."""
        browser = await self.openPage()
        await browser.show(390, 844)
        await browser.until("document.querySelectorAll('#lookup circle.dot').length > 0")
        await self.pause(4.5)
        wider = await browser.run(
            "return [...document.querySelectorAll('body *')].filter((each) =>"
            " !each.closest('.scroll') && each.getBoundingClientRect().right > 390.5)"
            ".map((each) => each.outerHTML.slice(0, 80))"
        )
        self.assertEqual(wider, [])
        heights = await browser.run(
            "return [...document.querySelectorAll('svg text')].map((each) =>"
            " each.getBoundingClientRect()).map((each) => Math.max(each.width, each.height))"
        )
        self.assertGreaterEqual(min(heights), 6)
        buttons = await browser.run(
            "return [...document.querySelectorAll('button')].map((each) => each.offsetHeight)"
        )
        self.assertGreaterEqual(min(buttons), 36)

    async def test_pictures(self) -> None:
        """The page is photographed for the documents, if a folder for the pictures is given."""
        folder = Path(os.environ.get(PICTURES) or self.folder)
        browser = await self.openPage()
        for name, width, scheme in (
            ("status-light", 1280, "light"),
            ("status-dark", 1280, "dark"),
            ("status-phone", 390, "light"),
        ):
            await browser.show(width, 900, scheme)
            await self.pause(22 if PICTURES in os.environ else 2.5)
            picture = await browser.screenshot()
            self.assertTrue(picture.startswith(b"\x89PNG"))
            (folder / f"{name}.png").write_bytes(picture)

    async def test_documentsShowThePage(self) -> None:
        """The pictures of the page in the documents are there."""
        for name in ("status-light", "status-dark", "status-phone"):
            self.assertTrue((ROOT / "docs" / f"{name}.png").exists())
