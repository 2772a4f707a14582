"""Expressions as Python closures over the slots of a run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from models.programs.execution.limits import Meter, StepLimitReached
from models.programs.execution.operations import Operation
from models.programs.language.kinds import CONSTANT, SLOT, Kind, language
from models.programs.language.tree import Node

Slots = list[Any]
"""Values of a run by slot."""

Expression = Callable[[Slots], Any]


class ExpressionCompiler:
    """Turns expressions into closures.

    Args:
        operations: kind -> what it computes.
        meter: counts the steps of comprehensions.
    """

    def __init__(self, operations: Mapping[str, Operation], meter: Meter) -> None:
        self._operations = operations
        self._meter = meter

    def compile(self, node: Node) -> Expression:  # noqa: PLR0911  (one a kind)
        """Return a closure that computes an expression."""
        kind = node.kind
        if kind == SLOT:
            return _read(_slot_of(node))
        if kind == CONSTANT:
            return _constant(node.value)
        if kind in _LAZY:
            return _LAZY[kind](*map(self.compile, node.args))
        if node.family == "each":
            return self._each(node)
        operation = self._operations[kind]
        match node.args:
            case [one]:
                return self._unary(operation, one)
            case [left, right]:
                return self._binary(operation, left, right)
            case _:
                return _of_many(operation, [self.compile(item) for item in node.args])

    def over(self, node: Node) -> Expression:
        """Return a closure for what is gone over, item by item: a range makes no list for that."""
        if node.kind not in RANGES:
            return self.compile(node)
        parts = [self.compile(item) for item in node.args]
        return lambda slots: range(*[part(slots) for part in parts])

    def _each(self, node: Node) -> Expression:
        """Return a closure for the values of a comprehension, computed one by one."""
        *over, element = node.args
        condition = self.compile(over.pop().args[0]) if over[-1].kind == "where" else None
        items = iterated(language().named(node.kind), [self.over(item) for item in over])
        value, slot, meter = self.compile(element), _slot_of(node), self._meter
        put = PUT[language().named(node.kind).second is not None]
        weight = weigh(node) - sum(map(weigh, over))

        def run(slots: Slots) -> Iterator[Any]:
            for item in items(slots):
                meter.steps_left -= weight
                if meter.steps_left < 0:
                    raise StepLimitReached
                put(slots, slot, item)
                if condition is None or condition(slots):
                    yield value(slots)

        return run

    def _unary(self, operation: Operation, node: Node) -> Expression:
        if node.kind == SLOT:
            slot = _slot_of(node)
            return lambda slots: operation(slots[slot])
        part = self.compile(node)
        return lambda slots: operation(part(slots))

    def _binary(self, operation: Operation, left: Node, right: Node) -> Expression:
        """Return a closure; common operands are read in it, which saves a call for each."""
        value = right.value
        if left.kind == SLOT:
            slot = _slot_of(left)
            if right.kind == CONSTANT:
                return lambda slots: operation(slots[slot], value)
            if right.kind == SLOT:
                other = _slot_of(right)
                return lambda slots: operation(slots[slot], slots[other])
        first = self.compile(left)
        if right.kind == CONSTANT:
            return lambda slots: operation(first(slots), value)
        second = self.compile(right)
        return lambda slots: operation(first(slots), second(slots))


def iterated(kind: Kind, parts: Sequence[Expression]) -> Expression:
    """Return a closure for what a loop or a comprehension goes over."""
    if kind.maker is None:
        return parts[0]
    make = _MAKERS[kind.maker]
    return lambda slots: make(*[part(slots) for part in parts])


def _put_one(slots: Slots, slot: int, item: Any) -> None:
    slots[slot] = item


def _put_two(slots: Slots, slot: int, item: Any) -> None:
    slots[slot], slots[slot + 1] = item


PUT = (_put_one, _put_two)
"""Gives a variable its next value, or both variables."""

RANGES = ("range_1", "range_2", "range_3")

_MAKERS: Mapping[str, Callable[..., Any]] = {"enumerate": enumerate, "zip": zip, "split": str.split}


def weigh(node: Node) -> int:
    """Return the nodes of a statement or expression, those of its blocks not counted."""
    return 1 + sum(map(weigh, node.args))


def _slot_of(node: Node) -> int:
    assert node.slot is not None  # of a node that reads a slot
    return node.slot


def _read(slot: int) -> Expression:
    return lambda slots: slots[slot]


def _constant(value: object) -> Expression:
    return lambda slots: value


def _of_many(operation: Operation, parts: Sequence[Expression]) -> Expression:
    return lambda slots: operation(*[part(slots) for part in parts])


def _and(first: Expression, second: Expression) -> Expression:
    return lambda slots: first(slots) and second(slots)


def _or(first: Expression, second: Expression) -> Expression:
    return lambda slots: first(slots) or second(slots)


def _if(condition: Expression, then: Expression, otherwise: Expression) -> Expression:
    return lambda slots: then(slots) if condition(slots) else otherwise(slots)


_LAZY: Mapping[str, Callable[..., Expression]] = {
    "and": _and,
    "or": _or,
    **dict.fromkeys(("if_int", "if_bool", "if_str", "if_list"), _if),
}
"""Kinds that do not compute all of their parts."""
