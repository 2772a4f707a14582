"""The operations that are enumerated, and what they make of entries."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from models.programs.execution.limits import Limits, Meter, SizeLimitReached, StepLimitReached
from models.programs.execution.operations import Operation, operations
from models.programs.language.kinds import TYPE_OF, Type, language
from models.programs.language.tree import Node
from models.programs.synthesis.entries import HAS_LOOP, Entry

LIMITS = Limits(max_steps=1 << 60, max_int_bits=128, max_length=400)
"""Of values in the search: smaller ones than a program's, and no steps are counted."""

RAISED = (
    *(ArithmeticError, LookupError, ValueError, TypeError, AttributeError),
    *(SizeLimitReached, StepLimitReached),
)

_IDLE = ("copy", "slice_str", "slice_list")
"""Kinds that return their part as it is."""

_WRITTEN_OUT = {"pow": (1,)}
"""Places of a kind where the language takes no expression, only a number from 0 on."""

_MAX_PARTS = 3

_SEARCHED = frozenset(("INT", "BOOL", "STR", "LIST"))
"""Nonterminals whose kinds are enumerated."""


@dataclass(frozen=True, kw_only=True)
class Enumerated:
    """A kind of expression.

    Args:
        name: of the kind.
        arguments: types of its parts.
        result: type of its value.
        function: what it computes of all parts.
        lazy: the same where it does not need all parts, of which some may be None, as they raise.
        written_out: places that take no expression, only a number from 0 on.
    """

    name: str
    arguments: tuple[Type, ...]
    result: Type
    function: Operation
    lazy: Callable[..., Any] | None
    written_out: tuple[int, ...]

    def takes(self, place: int, entry: Entry) -> bool:
        """Return whether an entry of the right type may stand at a place."""
        if place not in self.written_out:
            return True
        is_constant = isinstance(entry.leaf, Node) and entry.leaf.kind == "constant"
        return is_constant and entry.values[0] >= 0


@lru_cache(maxsize=1)
def enumerated() -> tuple[Enumerated, ...]:
    """Return the operations that are enumerated."""
    functions = {**{name: eager for name, (eager, _) in _LAZY.items()}, **search_operations()}
    return tuple(
        Enumerated(
            name=kind.name,
            arguments=tuple(TYPE_OF[child] for child in kind.children),
            result=TYPE_OF[kind.lhs],
            function=functions[kind.name],
            lazy=_LAZY[kind.name][1] if kind.name in _LAZY else None,
            written_out=_WRITTEN_OUT.get(kind.name, ()),
        )
        for kind in language().kinds
        if kind.lhs in _SEARCHED and kind.name in functions and kind.name not in _IDLE
        if 0 < len(kind.children) <= _MAX_PARTS and _SEARCHED.issuperset(kind.children)
    )


@lru_cache(maxsize=1)
def search_operations() -> dict[str, Operation]:
    """Return what operations compute, within the limits of the search."""
    return operations(Meter(LIMITS))


def applied(kind: Enumerated, args: tuple[Entry, ...], cost: int) -> Entry | None:
    """Return an operation on entries, or None where it raises at all points."""
    marks, partial = 0, False
    for each in args:
        marks |= each.marks
        partial = partial or each.partial
    columns = [each.values for each in args]
    values: tuple[Any, ...] = ()
    if not partial:
        try:
            values = tuple(map(kind.function, *columns))
        except RAISED:
            partial = True
    if partial:
        # What a loop finds is computed before the expression, so that it may not raise in part.
        lazy = None if marks & HAS_LOOP else kind.lazy
        values = tuple(_value(kind.function, lazy, row) for row in zip(*columns, strict=True))
        partial = None in values
        if partial and not any(each is not None for each in values):
            return None
    return Entry(kind.result, values, kind.name, cost, args=args, marks=marks, partial=partial)


def _value(function: Operation, lazy: Callable[..., Any] | None, row: tuple[Any, ...]) -> Any:
    if lazy is not None:
        return lazy(*row)
    if None in row:
        return None
    try:
        return function(*row)
    except RAISED:
        return None


def _choose(condition: Any, then: Any, otherwise: Any) -> Any:
    return then if condition else otherwise


_LAZY: dict[str, tuple[Operation, Callable[..., Any]]] = {
    "and": (lambda a, b: a and b, lambda a, b: b if a else a),
    "or": (lambda a, b: a or b, lambda a, b: None if a is None else a or b),
    **dict.fromkeys(
        ("if_int", "if_bool", "if_str", "if_list"),
        (_choose, lambda c, a, b: None if c is None else a if c else b),
    ),
}
"""Kinds that do not compute all of their parts: on values, and where None is what raises."""
