"""
The kinds of changes.  Most are operators of `cosmic-ray`_.

.. _cosmic-ray: https://cosmic-ray.readthedocs.io
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from cosmic_ray.operators.provider import OperatorProvider
from parso.python.tree import Keyword


class Operator(Protocol):
    """An operator of cosmic-ray, which changes the syntax tree of a module."""

    def mutation_positions(self, node: Any) -> Iterable[Any]:
        """Return one item for each change that this operator can make to a node."""

    def mutate(self, node: Any, index: int) -> Any:
        """Make the change with this index to a node, and return the node that replaces it."""


class LeaveOutStatement:
    """Replaces a simple statement of a function by ``pass``."""

    #: The statements that are left out.  An ``assert`` only tells the type checker something.
    KINDS = ("atom_expr", "await_expr", "del_stmt", "expr_stmt", "raise_stmt")

    def mutation_positions(self, node: Any) -> Iterable[Any]:
        """See `Operator.mutation_positions`."""
        if node.type == "simple_stmt" and _isInFunction(node):
            statement = node.children[0]
            if statement.type in self.KINDS or statement.get_code().strip() in _JUMPS:
                yield statement

    def mutate(self, node: Any, index: int) -> Any:
        """See `Operator.mutate`."""
        node.children[0] = _keyword("pass", node.children[0])
        return node


class DropReturnValue:
    """Replaces ``return x`` by ``return None``.  ``return False`` stays, because both are false."""

    def mutation_positions(self, node: Any) -> Iterable[Any]:
        """See `Operator.mutation_positions`."""
        if node.type == "return_stmt" and node.children[1].get_code().strip() not in _FALSE:
            yield node

    def mutate(self, node: Any, index: int) -> Any:
        """See `Operator.mutate`."""
        node.children[1] = _keyword(" None", node.children[1])
        return node


_JUMPS = ("break", "continue", "return")
_FALSE = ("None", "False")


def _isInFunction(node: Any) -> bool:
    while node is not None and node.type != "classdef":
        if node.type == "funcdef":
            return True
        node = node.parent
    return False


def _keyword(text: str, replaced: Any) -> Any:
    return Keyword(text, replaced.start_pos, prefix=replaced.get_first_leaf().prefix)


#: The operators of cosmic-ray, by the kind of change.
_NAMES = {
    "comparison turned": (
        "ReplaceComparisonOperator_Lt_Gt",
        "ReplaceComparisonOperator_Gt_Lt",
        "ReplaceComparisonOperator_LtE_GtE",
        "ReplaceComparisonOperator_GtE_LtE",
        "ReplaceComparisonOperator_Eq_NotEq",
        "ReplaceComparisonOperator_NotEq_Eq",
        "ReplaceComparisonOperator_Is_IsNot",
        "ReplaceComparisonOperator_IsNot_Is",
    ),
    "bound off by one": (
        "ReplaceComparisonOperator_Lt_LtE",
        "ReplaceComparisonOperator_LtE_Lt",
        "ReplaceComparisonOperator_Gt_GtE",
        "ReplaceComparisonOperator_GtE_Gt",
    ),
    "boolean negated": (
        "AddNot",
        "ReplaceUnaryOperator_Delete_Not",
        "ReplaceTrueWithFalse",
        "ReplaceFalseWithTrue",
    ),
    "and/or exchanged": ("ReplaceAndWithOr", "ReplaceOrWithAnd"),
    "constant changed": ("NumberReplacer",),
}


def operators() -> dict[str, list[Operator]]:
    """Return the operators by the kind of change."""
    provider = OperatorProvider()
    return {
        **{kind: [provider[name]() for name in names] for kind, names in _NAMES.items()},
        "statement left out": [LeaveOutStatement()],
        "return value dropped": [DropReturnValue()],
    }
