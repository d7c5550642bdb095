"""
The exceptions in `dwdht_twisted.errors`.
"""

from __future__ import annotations

from copy import copy, deepcopy
from inspect import getmembers, isclass
from pickle import dumps, loads

from twisted.trial.unittest import SynchronousTestCase

import dwdht_twisted
from dwdht_twisted import errors
from dwdht_twisted.errors import DHTError, NoServerReached, RecordRefused, SequenceTooLow


def publicErrors() -> dict[str, type[BaseException]]:
    """Return the exception classes of the module by name."""
    return {
        name: member
        for name, member in getmembers(errors, isclass)
        if member.__module__ == errors.__name__ and issubclass(member, BaseException)
    }


class ErrorsTests(SynchronousTestCase):
    """
    The tree of exceptions.
    """

    def test_everyErrorIsADHTError(self) -> None:
        """``except DHTError`` catches every exception of the package."""
        self.assertTrue(len(publicErrors()) > 1)
        for name, error in publicErrors().items():
            self.assertTrue(issubclass(error, DHTError), name)

    def test_badArgumentsAreValueErrors(self) -> None:
        """Exactly the five exceptions for a bad argument or bad bytes are also ValueErrors."""
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

    def test_errorsCanBeCopied(self) -> None:
        """A copy of an exception, and a pickled one, have its class, text and attributes."""
        made: list[BaseException] = [
            NoServerReached(
                bytes(32), [("a", ValueError("b"))], ValueError("c"), reasonOfSilence="d"
            )
        ]
        made += [RecordRefused("old", 5), SequenceTooLow("old", 7)]
        special = {type(each) for each in made}
        made += [error("text") for error in publicErrors().values() if error not in special]
        for error in made:
            for again in (copy(error), deepcopy(error), loads(dumps(error))):
                self.assertIs(type(again), type(error))
                self.assertEqual(str(again), str(error))
                self.assertEqual(repr(vars(again)), repr(vars(error)))

    def test_errorsAreExported(self) -> None:
        """Every exception can be imported from the package itself."""
        for name, error in publicErrors().items():
            self.assertIs(getattr(dwdht_twisted, name, None), error, name)
            self.assertIn(name, dwdht_twisted.__all__)

    def test_errorsHaveDocstrings(self) -> None:
        """Every exception has a docstring."""
        for name, error in publicErrors().items():
            self.assertTrue(error.__doc__ and error.__doc__.strip(), name)
