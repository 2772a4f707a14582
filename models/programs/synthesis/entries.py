"""Expressions with their values: what a bank keeps."""

from collections.abc import Iterable, Sequence
from typing import Any

from models.programs.language.kinds import CONSTANT, SLOT, Type, language
from models.programs.language.tree import Node
from models.programs.synthesis.costs import GIVEN

HAS_LOOP, HAS_STATE = 1, 2
"""Marks of expressions that hold what a loop found, or a variable that the loop changes."""


class Entry:
    """An expression with its values.

    Attributes:
        type: of its values.
        values: one a point; None where it raises.
        symbol: what its root counts as, see `Costs.root`.
        leaf: the node of a variable or a constant, or what a loop found; None for an operation.
        args: the parts of an operation.
        cost: of its parts, and of telling which leaf it is.
        marks: HAS_LOOP, HAS_STATE.
        partial: whether it raises at some point.
    """

    __slots__ = ("args", "cost", "leaf", "marks", "partial", "symbol", "type", "values")

    def __init__(
        self,
        value_type: Type,
        values: tuple[Any, ...],
        symbol: str,
        cost: int,
        *,
        leaf: Any = None,
        args: "tuple[Entry, ...]" = (),
        marks: int = 0,
        partial: bool = False,
    ) -> None:
        self.type: Type = value_type
        self.values = values
        self.symbol = symbol
        self.cost = cost
        self.leaf = leaf
        self.args = args
        self.marks = marks
        self.partial = partial


def constants(given: Iterable[Any], num_points: int, extra_cost: int) -> list[Entry]:
    """Return the constants of the language, and those that the examples give.

    Args:
        given: constants of the examples.
        num_points: values that each has.
        extra_cost: of telling which of the given ones is meant.
    """
    known = [
        (kind.value, repr(kind.value), 0)
        for kind in language().kinds
        if kind.family == "constant" and kind.value is not None and kind.lhs != "FLOAT"
    ]
    texts = {text for _, text, _ in known}
    more = [(value, GIVEN, extra_cost) for value in given if repr(value) not in texts]
    entries = [
        Entry(_type_of(value), (value,) * num_points, symbol, cost, leaf=_constant(value))
        for value, symbol, cost in (*known, *more)
    ]
    return [*entries, Entry("list", ([],) * num_points, "empty", 0, leaf=Node(kind="empty"))]


def variable(
    value_type: Type, values: Sequence[Any], slot: int, cost: int, marks: int = 0
) -> Entry:
    """Return a variable."""
    leaf = Node(kind=SLOT, slot=slot)
    return Entry(value_type, tuple(values), SLOT, cost, leaf=leaf, marks=marks)


def _type_of(value: Any) -> Type:
    return "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "str"


def _constant(value: Any) -> Node:
    if type(value) is int and value < -1:
        return Node(kind="neg", args=(Node(kind=CONSTANT, value=-value),))
    return Node(kind=CONSTANT, value=value)
