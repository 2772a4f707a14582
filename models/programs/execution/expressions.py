"""Expressions as functions over the slots of a run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.programs.execution.functions import NAMES, Function, function_of
from models.programs.execution.limits import Meter
from models.programs.execution.operations import Operation
from models.programs.language.kinds import CONSTANT, MAPS, SETS, SLOT, TYPES, Kind, language
from models.programs.language.tree import Node

_DEPTH = 1
"""Operations in each other in one text; what lies deeper is a function of its own. With more there
are ten times as many texts to compile, which takes longer than the calls that it saves."""

_MAX_PARTS = 4
"""Of an operation in a text; longer lists go through functions of their items."""


class ExpressionCompiler:
    """Turns expressions into functions.

    Args:
        operations: kind -> what it computes.
        meter: counts the steps of comprehensions.
    """

    def __init__(self, operations: Mapping[str, Operation], meter: Meter) -> None:
        self._operations = operations
        self._meter = meter
        self._family_of = language().family_of

    def compile(self, node: Node) -> Function:
        """Return a function that computes an expression."""
        parameters: list[Any] = []
        return function_of(f"  return {self.text(node, parameters)}", self._meter, parameters)

    def text(self, node: Node, parameters: list[Any], depth: int = _DEPTH) -> str:
        """Return the text of an expression, for `function_of`.

        Args:
            node: the expression.
            parameters: gets those of the text behind those that are there.
            depth: operations in each other at most; what lies deeper is called.
        """
        kind = node.kind
        if kind == SLOT:
            parameters.append(node.slot)
            return f"s[{NAMES[len(parameters) - 1]}]"
        if kind == CONSTANT:
            parameters.append(node.value)
            return NAMES[len(parameters) - 1]
        if depth == 0:
            return f"{named(self.compile(node), parameters)}(s)"
        if kind not in _TEXTS and self._family_of(kind) == "each":
            return f"{named(self._each(node), parameters)}(s)"
        if len(node.args) > _MAX_PARTS:
            functions = named([self.compile(item) for item in node.args], parameters)
            return f"{named(self._operations[kind], parameters)}(*[f(s) for f in {functions}])"
        parts = tuple([self.text(item, parameters, depth - 1) for item in node.args])
        return self.applied(kind, parts, parameters)

    def applied(self, kind: str, parts: tuple[str, ...], parameters: list[Any]) -> str:
        """Return the text of an operation on parts whose texts are known."""
        text = _TEXTS.get(kind)
        if text is not None:
            return text % parts
        if kind in _CONDITIONAL:
            condition, then, otherwise = parts
            return f"({then} if {condition} else {otherwise})"
        if kind == "part":  # it may raise before the place is computed
            *split, place = parts
            return f"{named(self._operations['split_by'], parameters)}({', '.join(split)})[{place}]"
        return f"{named(self._operations[kind], parameters)}({', '.join(parts)})"

    def over(self, node: Node, parameters: list[Any]) -> str:
        """Return the text of what is gone over, item by item: a range makes no list for that."""
        if node.kind not in RANGES:
            return self.text(node, parameters)
        parts = ", ".join([self.text(item, parameters) for item in node.args])
        return f"{named(range, parameters)}({parts})"

    def _each(self, node: Node) -> Function:
        """Return a function for the values of a comprehension, computed one by one."""
        kind = language().named(node.kind)
        over = list(node.args[: -kind.num_values])
        elements = node.args[-kind.num_values :]
        condition = over.pop().args[0] if over[-1].kind == "where" else None
        parameters: list[Any] = [weigh(node) - sum(map(weigh, over))]
        items = iterated(kind, [self.over(item, parameters) for item in over], parameters)
        where = "True" if condition is None else self.text(condition, parameters)
        values = [self.text(element, parameters) for element in elements]
        text = (
            f"  for {target(kind, slot_of(node), parameters)} in {items}:\n"
            "   m.steps_left -= p0\n"
            "   if m.steps_left < 0: spent()\n"
            f"   if {where}: yield {', '.join(values)}"
        )
        return function_of(text, self._meter, parameters)


def named(value: object, parameters: list[Any]) -> str:
    """Add a parameter and return its name."""
    parameters.append(value)
    return NAMES[len(parameters) - 1]


def target(kind: Kind, slot: int, parameters: list[Any]) -> str:
    """Return the text of the one variable of a loop or a comprehension, or of both."""
    slots = (slot,) if kind.second is None else (slot, slot + 1)
    return ", ".join([f"s[{named(each, parameters)}]" for each in slots])


def iterated(kind: Kind, parts: Sequence[str], parameters: list[Any]) -> str:
    """Return the text of what a loop or a comprehension goes over."""
    if kind.maker is None:
        return parts[0]
    return f"{named(_MAKERS[kind.maker], parameters)}({', '.join(parts)})"


RANGES = ("range_1", "range_2", "range_3")

_MAKERS: Mapping[str, Callable[..., Any]] = {
    "enumerate": enumerate,
    "zip": zip,
    "split": str.split,
    "items": dict.items,
}


def weigh(node: Node) -> int:
    """Return the nodes of a statement or expression, those of its blocks not counted."""
    return 1 + sum([weigh(item) for item in node.args]) if node.args else 1


def slot_of(node: Node) -> int:
    """Return the slot of a node that has one."""
    assert node.slot is not None
    return node.slot


def _within(operator: str) -> str:
    """Return the text of an operation whose number is checked against the limits."""
    return f"(t if lo <= (t := (%s {operator} %s)) <= hi else grown())"


_TEXTS: Mapping[str, str] = {
    "add": _within("+"),
    "sub": _within("-"),
    "mul": _within("*"),
    "floordiv": "(%s // %s)",
    "mod": "(%s %% %s)",
    "neg": "(-%s)",
    "abs": "abs(%s)",
    **dict.fromkeys(("len_list", "len_str", "len_texts"), "len(%s)"),
    "not": "(not %s)",
    "and": "(%s and %s)",
    "or": "(%s or %s)",
    **dict.fromkeys(("list_1", "texts_1"), "[%s]"),
    **dict.fromkeys(("list_2", "texts_2"), "[%s, %s]"),
    **dict.fromkeys(("list_3", "texts_3"), "[%s, %s, %s]"),
    **dict.fromkeys(("empty", "empty_texts"), "[]"),
    **dict.fromkeys(("item", "char", "item_texts"), "%s[%s]"),
    **dict.fromkeys(("lt", "lt_str"), "(%s < %s)"),
    **dict.fromkeys(("le", "le_str"), "(%s <= %s)"),
    **dict.fromkeys(("gt", "gt_str"), "(%s > %s)"),
    **dict.fromkeys(("ge", "ge_str"), "(%s >= %s)"),
    **dict.fromkeys(("eq", "eq_str", "eq_bool"), "(%s == %s)"),
    **dict.fromkeys(("ne", "ne_str", "ne_bool"), "(%s != %s)"),
    "div_int": "(%s / %s)",
    **{
        f"{name}_{types}": f"(%s {operator} %s)"
        for name, operator in {
            **{"add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%%"},
            **{"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="},
        }.items()
        for types in ("float", "float_int", "int_float")
    },
    "neg_float": "(-%s)",
    "abs_float": "abs(%s)",
    **{f"len_{of}": "len(%s)" for of in (*SETS, *MAPS)},
    **{f"in_{of}": "(%s in %s)" for of in (*SETS, *MAPS)},
    **{f"not_in_{of}": "(%s not in %s)" for of in (*SETS, *MAPS)},
    **{f"item_{of}": "%s[%s]" for of in MAPS},
}
"""Operations that are written out; the others are called."""

_CONDITIONAL = tuple(f"if_{value_type}" for value_type in TYPES)
