"""
The documents: their links, their code, and the names and messages that they quote.

Every block of code is run or checked here, except the two blocks of the README that set up an
environment. These take minutes, and ``.ci/run`` runs them from the text of the README.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import values
from dwdht_twisted._cli.tap import Options
from dwdht_twisted._core.counters import Counters
from tests.helpers.peer.install import PEER_FOLDER, installation
from tests.helpers.processes.documents import (
    COMING,
    CONTRIBUTING,
    HTTP,
    LARGE,
    OPERATIONS,
    PRIVATE,
    README,
    Block,
    Document,
    allDocuments,
)
from tests.helpers.processes.programs import (
    ROOT,
    SCRIPTS,
    TWISTD,
    Program,
    ProgramTestCase,
    freePort,
)

#: The names of the blocks that ``.ci/run`` runs.
RUN_BY_CI = ("demo", "tests")

#: The languages of the blocks that are run or checked here. A block of the language ``text`` is the
#: output of a program.
LANGUAGES = {"protobuf", "sh", "python", "javascript", "toml", "text"}


class MarkupTests(SynchronousTestCase):
    """
    The text of the documents.
    """

    def test_markupIsWellFormed(self) -> None:
        """The markup of every document is well-formed."""
        for document in allDocuments():
            self.assertEqual(document.problems, [], document.path.name)

    def test_linkedFilesExist(self) -> None:
        """Every file to which a document links exists."""
        for document in allDocuments():
            for link in document.links():
                target = document.path.parent / link.partition("#")[0]
                self.assertTrue(target.exists(), f"{document.path.name} refers to {link}")

    def test_languagesAreChecked(self) -> None:
        """Every block of code is in a language that this module runs or checks."""
        for document in allDocuments():
            for block in document.blocks():
                self.assertIn(block.language, LANGUAGES, f"{document.path.name}: {block.text}")

    def test_indexIsComplete(self) -> None:
        """The index links to every document."""
        index = Document(ROOT / "docs" / "index.rst")
        for path in (ROOT / "docs").glob("*.rst"):
            if path.name != "index.rst":
                self.assertIn(path.name, index.links())

    def test_slowBlocksAreRunByCI(self) -> None:
        """The CI runs the slow blocks from the text of the README."""
        run = (ROOT / ".ci" / "run").read_text()
        for name in RUN_BY_CI:
            self.assertEqual(Document(README).block(name).language, "sh")
            self.assertRegex(run, rf"readme_command {name}\b")

    def test_contributorsRunTheChecksOfTheCI(self) -> None:
        """Every check that CONTRIBUTING.rst names is run by the CI."""
        run = (ROOT / ".ci" / "run").read_text() + Document(README).block("tests").text
        for block in Document(CONTRIBUTING).blocks("sh"):
            for command in block.text.splitlines():
                self.assertIn(command, run)

    def test_configurationIsAccepted(self) -> None:
        """A node accepts the file of options that the operations guide shows."""
        path = Path(self.mktemp())
        path.write_text(Document(OPERATIONS).block("node.toml").text)
        options = Options()
        options.parseOptions(["--config", str(path)])
        self.assertEqual((options["port"], len(options["bootstrap"])), (10002, 2))

    def test_optionTableIsComplete(self) -> None:
        """The table of options lists exactly the options of ``twistd dwdht``."""
        rows = Document(OPERATIONS).firstColumns("Nodes and bootstrap servers")
        told = {row.split()[0].removeprefix("--") for row in rows}
        known = {name.rstrip("=") for name in Options().longOpt} - {"help", "version"}
        self.assertEqual(told, known)

    def test_messagesAreInTheSource(self) -> None:
        """Each event and error that the documents explain is a message in the source."""
        source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
        # A long message consists of several literals in the source. The reason of a failed bind()
        # comes from the operating system, so it isn't in the source.
        source = re.sub(r'"\s*\n\s*f?"', "", source) + "Address already in use"
        for title in ("What the log says", "What errors mean"):
            rows = Document(OPERATIONS).firstColumns(title)
            self.assertGreater(len(rows), 8)
            for row in rows:
                parts = re.split(r"\b[A-Z]+\b|\d+|\.\.\.", row)
                self.assertIn(max(parts, key=len).strip(" ,:;"), source, row)

    def test_countersExist(self) -> None:
        """Each counter that the documents name is a counter of a node."""
        text = OPERATIONS.read_text().partition("What to watch\n")[2].partition("What errors")[0]
        named = set(re.findall(r"^\*.*", text, re.MULTILINE))
        names = {name for line in named for name in re.findall("``([a-zA-Z]+)``", line)}
        self.assertGreater(len(names), 5)
        self.assertLessEqual(names, set(Counters().asDict()))

    def test_largestValueHas1000Bytes(self) -> None:
        """The largest value has 1,000 bytes, as the documents say."""
        self.assertEqual(values.MAXIMUM_VALUE_BYTES, 1000)


class SnippetTests(ProgramTestCase):
    """
    The code blocks of the documents, run in processes.
    """

    # Some 20 programs run one after the other, each for a few seconds.
    timeout = 240

    async def network(self) -> dict[str, str]:
        """
        Start a network of a bootstrap server and three nodes.

        :return: the real port for each port in the documents
        """
        ports = {"10001": str(freePort()), "10002": str(freePort()), "6620": str(freePort())}
        bootstrap = f"127.0.0.1:{ports['10001']}"
        await self.startNode("--ephemeral", "--port", ports["10001"])
        for _ in range(3):
            node, _ = await self.startNode("--bootstrap", bootstrap)
            await node.says(" the network")
        return ports

    async def runPython(self, block: Block, ports: dict[str, str]) -> Program:
        """
        Run a Python block under twistd, with trial, or as a program, depending on its content.
        """
        name = block.name or "snippet.py"
        (self.folder / name).write_text(replaced(block.text, ports))
        if "Application(" in block.text:
            # The application runs until the end of the test, because later programs may use its
            # node.
            path = {"PYTHONPATH": os.pathsep.join([".", os.environ.get("PYTHONPATH", "")])}
            program = self.start(*TWISTD, "--no_save", "--python", name, environment=path)
            isNode = "DHTService" in block.text
            await program.says("joined the network" if isNode else "is announced under")
            return program
        command = ["-m", "twisted.trial", f"./{name}"] if name.startswith("test_") else [name]
        program = await self.finish(sys.executable, *command)
        self.assertEqual(program.exitCode, 0, program.text + program.errorText)
        self.assertNotIn("Traceback", program.text + program.errorText)
        return program

    async def test_pythonBlocksRun(self) -> None:
        """Every Python block runs without an error on a new network."""
        ports = await self.network()
        for document in allDocuments():
            for block in document.blocks("python"):
                program = await self.runPython(block, ports)
                if block.name.startswith("test_"):
                    tests = block.text.count("def test_")
                    self.assertIn(f"PASSED (successes={tests})", program.text)

    async def test_readmeBlocksPrintResults(self) -> None:
        """The Python blocks of the README print the results that the README shows."""
        ports = await self.network()
        blocks = Document(README).blocks("python")
        (storing,) = [block for block in blocks if "values.put" in block.text and not block.name]
        program = await self.runPython(storing, ports)
        self.assertEqual(
            program.text,
            f"b'hello, world'\nno node holds a valid value under {'00' * 32}\n",
        )
        (shouting,) = [block for block in blocks if "shout" in block.text]
        program = await self.runPython(shouting, ports)
        self.assertRegex(program.text, r"^[0-9a-f]{8}@127\.0\.0\.1:\d+ b'HELLO'\n$")

    async def test_javaScriptBlockStoresItsValue(self) -> None:
        """The JavaScript block stores its value on 3 Python nodes."""
        node = await installation.require(self.reactor)
        ports = await self.network()
        (block,) = Document(README).blocks("javascript")
        (self.folder / "snippet.js").write_text(replaced(block.text, ports))
        program = await self.finish(
            *(node, "--no-deprecation", "snippet.js"),
            environment={"NODE_PATH": str(PEER_FOLDER / "node_modules")},
        )
        self.assertEqual((program.exitCode, program.errorText), (0, ""))
        key = values.keyOf(b"hello from JavaScript").hex()
        self.assertEqual(program.text, f"stored {key} on 3 nodes\n")

    async def test_bothExamplesKeepANote(self) -> None:
        """A note that the Python example stores is kept by the JavaScript example, too."""
        node = await installation.require(self.reactor)
        ports = await self.network()
        (block,) = Document(COMING).blocks("javascript")
        (self.folder / "notes.js").write_text(replaced(block.text, ports))
        program = self.start(
            *(node, "--no-deprecation", "notes.js"),
            environment={"NODE_PATH": str(PEER_FOLDER / "node_modules")},
        )
        await program.says("ready")
        python = await self.runPython(Document(COMING).block("notes.py"), ports)
        self.assertEqual(python.text, "b'text'\nb'text'\n")

    async def session(self, document: Document) -> str:
        """
        Run the shell commands of a document in their order.
        Servers run until the end of the test. Each other command runs until it ends.

        :return: the output of the other commands
        """
        ports = {"10001": str(freePort()), "10002": str(freePort())}
        lines = [
            line
            for block in document.blocks("sh")
            if block.name not in RUN_BY_CI
            for line in replaced(block.text, ports).splitlines()
        ]
        servers = [line for line in lines if line.startswith(("twist", "dwdht node"))]
        for line in servers:
            server = self.start("sh", "-c", f"exec {line} 2>&1")
            if "--log-file" in line:
                continue
            await server.says("bootstrap")
            if "--bootstrap" in line:
                await server.says(" the network")
        script = "\n".join(["set -e", *(line for line in lines if line not in servers)])
        program = await self.finish("sh", "-c", script)
        self.assertEqual(program.exitCode, 0, program.errorText)
        # A put reports the number of nodes that stored the value, and a publish the number of the
        # record.
        self.assertRegex(
            program.errorText, r"^((stored on [123] nodes?|published with sequence number 1)\n)*$"
        )
        return program.text

    async def test_readmeSessionFindsItsValue(self) -> None:
        """The shell commands of the README end by printing the value that they stored."""
        text = await self.session(Document(README))
        self.assertRegex(text, r"^an ephemeral node at .*\n")
        self.assertTrue(text.endswith("\nhello, world"), text)

    async def test_operationsSessionRuns(self) -> None:
        """The shell commands of the operations guide run without an error."""
        await self.session(Document(OPERATIONS))

    async def test_largeValueSessionCopiesAFile(self) -> None:
        """The shell commands of the page on larger values copy a file by way of the network."""
        ports = await self.network()
        photo = bytes(range(256)) * 100
        (self.folder / "photo.jpg").write_bytes(photo)
        (block,) = Document(LARGE).blocks("sh")
        program = await self.finish("sh", "-c", f"set -e\n{replaced(block.text, ports)}")
        self.assertEqual(program.exitCode, 0, program.errorText)
        self.assertEqual(program.errorText, "each piece is stored on 3 nodes or more\n")
        self.assertEqual((self.folder / "copy.jpg").read_bytes(), photo)

    async def test_privateNetworkIsMadeInFiveMinutes(self) -> None:
        """
        The shell commands of the page on private networks make a key, start nodes, and find a value
        that no command without the key finds.
        """
        document, ports = Document(PRIVATE), {"10001": str(freePort())}
        made = await self.finish("sh", "-c", document.block("make-key").text)
        self.assertEqual((made.exitCode, made.text), (0, "garden.key\n"))
        for line in replaced(document.block("start-nodes").text, ports).splitlines():
            node = self.start("sh", "-c", f"exec {line} 2>&1")
            await node.says(" the network" if "--bootstrap" in line else "bootstrap")
        use = replaced(document.block("use-network").text, ports)
        used = await self.finish("sh", "-c", f"set -e\n{use}")
        self.assertEqual((used.exitCode, used.text), (0, "for members only"), used.errorText)
        self.assertEqual(used.errorText, "stored on 2 nodes\n")
        others = "dwdht network key other.key; export DWDHT_NETWORK_KEY_FILE=other.key"
        stranger = await self.finish("sh", "-c", f"{use}\n{others}\ndwdht get ${{KEY}}")
        silence = document.block("silent-to-strangers").text
        self.assertEqual(stranger.exitCode, 1, stranger.errorText)
        self.assertEqual(stranger.errorText.splitlines()[-1], replaced(silence, ports))

    async def test_certifiedNetworkIsMade(self) -> None:
        """
        The shell commands of the page on private networks make an authority and members, start
        nodes, and find a value, which an open node doesn't find.
        """
        document, ports = Document(PRIVATE), {"10002": str(freePort())}
        made = await self.finish("sh", "-c", document.block("make-authority").text)
        self.assertEqual(made.exitCode, 0, made.errorText)
        start = replaced(document.block("start-certified-nodes").text, ports)
        garden, *lines = start.splitlines()
        for line in lines:
            node = self.start("sh", "-c", f"{garden}\nexec {line} 2>&1")
            await node.says(" the network" if "--bootstrap" in line else "bootstrap")
        use = replaced(document.block("use-certified-network").text, ports)
        used = await self.finish("sh", "-c", f"set -e\n{garden}\n{use}")
        self.assertEqual((used.exitCode, used.text), (0, "for members only"), used.errorText)
        get = f"dwdht get --bootstrap localhost:{ports['10002']} $KEY"
        stranger = await self.finish("sh", "-c", f"{garden}\n{use}\n{get}")
        self.assertEqual(stranger.exitCode, 1, stranger.errorText)
        self.assertIn("dwdht get: no node answer", stranger.errorText)

    async def test_otherShellBlocksAreValid(self) -> None:
        """
        The shell commands in the other documents are well-formed, and the programs in them exist.
        Those of ``dwdht`` succeed on a network.
        """
        ports = await self.network()
        for document in allDocuments():
            if document.path in (README, OPERATIONS, CONTRIBUTING, LARGE, PRIVATE, HTTP):
                continue
            for block in document.blocks("sh"):
                program = await self.finish("bash", "-n", "-c", block.text)
                self.assertEqual(program.exitCode, 0, program.errorText)
                for line in block.text.splitlines():
                    name = line.split()[0].replace(".venv/bin", str(SCRIPTS))
                    path = os.pathsep.join([str(SCRIPTS), os.environ["PATH"]])
                    isThere = shutil.which(name, path=path) or (ROOT / name).exists()
                    self.assertTrue(isThere, line)
                    command = ("sh", "-c", f"exec {replaced(line, ports)} 2>&1")
                    if line.startswith("dwdht announce"):
                        # It goes on, so that the next line finds the peer.
                        await self.start(*command).says("announced")
                    elif name == "dwdht" and "--bootstrap" in line:
                        program = await self.finish(*command)
                        self.assertEqual(program.exitCode, 0, program.text)


def replaced(text: str, ports: dict[str, str]) -> str:
    """Return the text with each port replaced by its real one."""
    for port, other in ports.items():
        text = text.replace(port, other)
    return text
