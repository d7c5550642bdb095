"""
The files of a member, for the tests of what reads them.
"""

from __future__ import annotations

from datetime import timedelta

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.private import AuthorityFolder, SecurityContext
from simulation.certified_hosts import utcNow


class MemberTestCase(SynchronousTestCase):
    """
    Tests with the files of a member.
    """

    def setUp(self) -> None:
        """Make the files of a member."""
        self.folder = AuthorityFolder.make(self.mktemp())
        self.certificate, self.key = self.folder.certify("a")
        self.authority = self.folder.certificateFile
        self.revocations = self.folder.revocationsFile

    def context(self) -> SecurityContext:
        """The security context of the files."""
        return SecurityContext(
            self.certificate, self.key, self.authority, revocations=self.revocations
        )

    def past(self) -> AuthorityFolder:
        """The authority as it was two days ago."""
        return AuthorityFolder(self.folder.path, utcNow() - timedelta(days=2))

    def messages(self) -> list[str]:
        """A list to which the error messages of security contexts are added."""
        return self.logged()[0]

    def logged(self) -> tuple[list[str], list[str]]:
        """Two lists to which errors and further events of security contexts are added."""
        errors: list[str] = []
        events: list[str] = []

        class Log:
            def error(self, format: str, **fields: object) -> None:
                errors.append(format.format(**fields))

            def info(self, format: str, **fields: object) -> None:
                events.append(format.format(**fields))

        self.patch(SecurityContext, "_log", Log())
        return errors, events
