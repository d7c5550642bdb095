"""
Tests for `dwdht_twisted.errors`.
"""

from __future__ import annotations

from inspect import getmembers, isclass

from twisted.trial.unittest import SynchronousTestCase

import dwdht_twisted
from dwdht_twisted import errors
from dwdht_twisted.errors import DHTError


def publicErrors() -> dict[str, type[BaseException]]:
    """The error classes of the module, by name."""
    return {
        name: member
        for name, member in getmembers(errors, isclass)
        if member.__module__ == errors.__name__ and issubclass(member, BaseException)
    }


class ErrorsTests(SynchronousTestCase):
    """
    Tests for the tree of errors.
    """

    def test_everyErrorIsADHTError(self) -> None:
        """Every error is caught by ``except DHTError``."""
        self.assertTrue(len(publicErrors()) > 1)
        for name, error in publicErrors().items():
            self.assertTrue(issubclass(error, DHTError), name)

    def test_badArgumentsAreValueErrors(self) -> None:
        """Exactly the five errors about a bad argument or bad bytes are also ValueErrors."""
        bad = {name for name, error in publicErrors().items() if issubclass(error, ValueError)}
        self.assertEqual(
            bad,
            {
                "InvalidAddress",
                "InvalidCommand",
                "InvalidTarget",
                "MalformedDatagram",
                "ValueTooLarge",
            },
        )

    def test_errorsAreExported(self) -> None:
        """Every error can be imported from the package itself."""
        for name, error in publicErrors().items():
            self.assertIs(getattr(dwdht_twisted, name, None), error, name)
            self.assertIn(name, dwdht_twisted.__all__)

    def test_errorsHaveDocstrings(self) -> None:
        """Every error has a docstring."""
        for name, error in publicErrors().items():
            self.assertTrue(error.__doc__ and error.__doc__.strip(), name)
