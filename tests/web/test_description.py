"""
Tests for the OpenAPI document: it tells of each operation, and each answer is one that it tells of.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from tests.helpers.networks.web import WebTestCase
from tests.helpers.processes.programs import DWDHT, ProgramTestCase, freePort

#: The paths of the API.
PATHS = {
    "/healthz",
    "/lookups",
    "/lookups/{target}",
    "/metrics",
    "/openapi.json",
    "/peers/{topic}",
    "/readyz",
    "/records/{publicKey}",
    "/status",
    "/values/{key}",
}

#: What is checked of each answer.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)


class DocumentTests(WebTestCase):
    """
    ``/openapi.json``.
    """

    def test_documentHasEachOperation(self) -> None:
        """The document has each path, and each operation has a name, a success and errors."""
        self.serve()
        answer = self.ask("/openapi.json")
        self.assertEqual(answer.header("Content-Type"), "application/json")
        document = answer.json
        self.assertEqual(document["openapi"], "3.1.0")
        self.assertEqual(set(document["paths"]), PATHS)
        names = []
        for path in document["paths"].values():
            for method, operation in path.items():
                names.append(operation["operationId"])
                self.assertLessEqual(
                    {"200", "400", "403", "405", "421", "503"}, set(operation["responses"])
                )
                self.assertEqual("401" in operation["responses"], method in ("put", "post"))
                self.assertEqual("security" in operation, method in ("put", "post"))
        self.assertEqual(len(names), len(set(names)))

    def test_operationWithParametersTellsOfThem(self) -> None:
        """Each parameter in a path is described."""
        self.serve()
        for path, operations in self.ask("/openapi.json").json["paths"].items():
            for operation in operations.values():
                told = {
                    each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"
                }
                self.assertEqual(told, {part[1:-1] for part in path.split("/") if part[:1] == "{"})


class SchemathesisTests(ProgramTestCase):
    """
    The whole API, asked by a program that reads the document and makes up requests.
    """

    if find_spec("schemathesis") is None:
        skip = "schemathesis is not installed"

    async def test_eachAnswerIsDocumented(self) -> None:
        """
        Whatever schemathesis asks, there is no error of the server, and each answer has a status,
        a type and a form that the document tells of.
        """
        port = freePort()
        demo = self.start(*DWDHT, "demo", "--nodes", "8", "--http", f"tcp:{port}")
        await demo.says("A node is served")
        asked = await self.finish(
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"http://127.0.0.1:{port}/openapi.json",
            # The stream of all lookups never ends.
            *("--exclude-path", "/lookups"),
            *("--checks", ",".join(CHECKS)),
            *("--max-examples", "12", "--seed", "1", "--request-timeout", "10"),
            environment={"HOME": str(self.folder)},
        )
        self.assertEqual(asked.exitCode, 0, asked.text[-4000:])
