"""Expressions as Python closures over the slots of a run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.programs.execution.operations import Operation
from models.programs.language.kinds import CONSTANT, SLOT
from models.programs.language.tree import Node

Slots = list[Any]
"""Values of a run by slot."""

Expression = Callable[[Slots], Any]


class ExpressionCompiler:
    """Turns expressions into closures.

    Args:
        operations: kind -> what it computes.
    """

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations

    def compile(self, node: Node) -> Expression:
        """Return a closure that computes an expression."""
        kind = node.kind
        if kind == SLOT:
            return _read(_slot_of(node))
        if kind == CONSTANT:
            return _constant(node.value)
        if kind in _LAZY:
            return _LAZY[kind](*map(self.compile, node.args))
        operation = self._operations[kind]
        match node.args:
            case [one]:
                return self._unary(operation, one)
            case [left, right]:
                return self._binary(operation, left, right)
            case _:
                return _of_many(operation, [self.compile(item) for item in node.args])

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
