"""
Tests for an installation without the extra ``web``, and for a program that doesn't use it.
"""

from __future__ import annotations

import sys

from tests.helpers.processes.programs import ProgramTestCase

#: A program that can't import the packages of the extra, and runs the command of its arguments.
WITHOUT = """
import sys
for name in ("klein", "prometheus_client", "werkzeug"):
    sys.modules[name] = None
{code}
"""


class ExtraTests(ProgramTestCase):
    """
    The extra ``web``.
    """

    async def test_optionWithoutTheExtraIsRefusedInOneLine(self) -> None:
        """``--http`` without the extra says which extra is missing, in one line, with status 2."""
        code = WITHOUT.format(code="from dwdht_twisted._cli.main import main; main(sys.argv[1:])")
        for command in ("node", "demo"):
            done = await self.finish(sys.executable, "-c", code, command, "--http", "tcp:0")
            self.assertEqual(done.exitCode, 2)
            [line] = done.errorText.splitlines()
            self.assertIn("dwdht_twisted[web]", line)
            self.assertTrue(line.startswith(f"dwdht {command}: --http needs the extra web"), line)

    async def test_serviceWithoutTheExtraRaises(self) -> None:
        """A service with ``http`` raises ``ExtraMissing`` without the extra."""
        code = WITHOUT.format(
            code=(
                "from twisted.internet import reactor\n"
                "from dwdht_twisted import DHTService, ExtraMissing\n"
                "try:\n    DHTService(reactor, http='tcp:0')\n"
                "except ExtraMissing as error:\n    print(error)"
            )
        )
        done = await self.finish(sys.executable, "-c", code)
        self.assertIn("http needs the extra web", done.text)

    async def test_nodeWithoutHTTPLoadsNothingOfTheWeb(self) -> None:
        """A node that isn't served over HTTP imports neither the extra nor the package ``web``."""
        code = WITHOUT.format(
            code=(
                "from twisted.internet import reactor\n"
                "from dwdht_twisted import DHTService\n"
                "from dwdht_twisted._cli.tap import Options, makeNodeService\n"
                "options = Options()\noptions.parseOptions([])\n"
                "service = makeNodeService(options, reactor)\n"
                "service.startService()\n"
                "service.stopService().addCallback(lambda _: reactor.stop())\n"
                "reactor.run()\n"
                "print([name for name in sys.modules if 'dwdht_twisted.web' in name "
                "or name.startswith('twisted.web')])"
            )
        )
        done = await self.finish(sys.executable, "-c", code)
        self.assertEqual((done.text, done.errorText), ("[]\n", ""))
