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
    """The errors of the module, by name."""
    return {
        name: member
        for name, member in getmembers(errors, isclass)
        if member.__module__ == errors.__name__ and issubclass(member, BaseException)
    }


class ErrorsTests(SynchronousTestCase):
    """
    Tests for the tree of errors.
    """

    def test_root(self) -> None:
        """All are caught as one."""
        self.assertTrue(len(publicErrors()) > 1)
        for name, error in publicErrors().items():
            self.assertTrue(issubclass(error, DHTError), name)

    def test_badArguments(self) -> None:
        """What names a bad argument or bad bytes is a ValueError too, and nothing else is."""
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

    def test_exported(self) -> None:
        """Each error is to be had from the package itself."""
        for name, error in publicErrors().items():
            self.assertIs(getattr(dwdht_twisted, name, None), error, name)
            self.assertIn(name, dwdht_twisted.__all__)

    def test_documented(self) -> None:
        """Each error says what it means."""
        for name, error in publicErrors().items():
            self.assertTrue(error.__doc__ and error.__doc__.strip(), name)
