"""Short formulas over keys, as `kl_anneal_epochs / 2` or `params <= 5e6`: parsed, never run.

Numbers, text, keys, `+ - * / // % **`, comparisons, `in`, `and or not`, `a if b else c` and a few
functions. Python only takes the text apart; what each part means is written here, so that nothing
else can be said in a search file.
"""

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models.errors import Mistake, UserError
from tuner.search.domains import is_number

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "exp": math.exp,
    "floor": math.floor,
    "len": len,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "max": max,
    "min": min,
    "round": lambda x: math.floor(x + 0.5),
    "sqrt": math.sqrt,
    "sum": sum,
}
"""`round` takes halves up."""
_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: lambda a, b: float(a) ** float(b),
}
_COMPARISONS: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_WORDS = {"true": True, "false": False, "null": None}
"""As in YAML; Python's own are taken too."""
_SAID = (
    "numbers, keys, + - * / // % **, comparisons, and, or, not, `a if b else c`, and "
    f"{', '.join(FUNCTIONS)}"
)
_ASSIGNED = re.compile(r"(?<![<>=!])=(?!=)")
_LONGEST = 200
_UNCOMPUTABLE = (ArithmeticError, TypeError, ValueError, KeyError, RecursionError)


@dataclass(frozen=True)
class Expression:
    """A formula; build it with `parse_expression`."""

    text: str

    @cached_property
    def tree(self) -> ast.expr:
        """The formula, taken apart."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(self.text.strip(), mode="eval").body

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The keys that it is made of, each once."""
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        found = [
            node.id
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Name) and id(node) not in called and node.id not in _WORDS
        ]
        return tuple(dict.fromkeys(found))

    def value(self, values: Mapping[str, Any]) -> Any:
        """Return what it gives for the values of its keys.

        Raises:
            UserError: it gives nothing: a division by zero, a text among numbers.
        """
        try:
            return _finite(_value(self.tree, values))
        except _UNCOMPUTABLE as error:
            with_values = ", ".join(f"{name}={values.get(name)!r}" for name in self.names)
            rule = f"`{self.text}` cannot be computed with {with_values} ({error})"
            raise UserError(Mistake(rule=rule)) from error

    def violation(self, values: Mapping[str, Any]) -> float:
        """Return how far a statement is from being true; 0 where it is true.

        Of numbers it is the part of the larger one that is between them.

        Raises:
            UserError: what `value` says.
        """
        try:
            return _violation(self.tree, values)
        except _UNCOMPUTABLE as error:
            raise UserError(Mistake(rule=f"`{self.text}` cannot be computed ({error})")) from error

    def is_statement(self, switches: Collection[str]) -> bool:
        """Return whether it says something that is true or false, as the switches do alone."""
        return _is_statement(self.tree, switches)


def parse_expression(text: object, place: str) -> Expression:
    """Return the formula that a text is.

    Raises:
        UserError: it is no text, too long, or says what formulas cannot.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise UserError(Mistake(key=place, value=text, rule="give a formula as text"))
    if len(str(text)) > _LONGEST:
        raise UserError(Mistake(place=place, rule=f"a formula has {_LONGEST} letters at most"))
    expression = Expression(str(text))
    try:
        refused = next((n for n in ast.walk(expression.tree) if not _is_allowed(n)), None)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        rule = f"no formula ({getattr(error, 'msg', None) or error})"
        hint = "== compares; " if _ASSIGNED.search(str(text)) else ""
        remedy = f"{hint}there are {_SAID}; numbers have no units"
        raise UserError(Mistake(key=place, value=text, rule=rule, remedy=remedy)) from error
    if refused is not None:
        rule = f"`{_shown(refused)}` cannot be said in a formula"
        raise UserError(Mistake(key=place, value=text, rule=rule, remedy=f"there are {_SAID}"))
    return expression


def _is_allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and not node.keywords
    if isinstance(node, ast.Constant):
        return node.value is None or isinstance(node.value, bool | int | float | str)
    kinds = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Name, ast.List)
    signs = (*_OPERATORS, *_COMPARISONS, ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd, ast.Load)
    return isinstance(node, (*kinds, ast.Tuple, *signs))


def _shown(node: ast.AST) -> str:
    return ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__


def _value(node: ast.AST, values: Mapping[str, Any]) -> Any:  # noqa: PLR0911  (one a kind)
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return _WORDS[node.id] if node.id in _WORDS else values[node.id]
        case ast.List() | ast.Tuple():
            return [_value(item, values) for item in node.elts]
        case ast.BinOp():
            left, right = _number(node.left, values), _number(node.right, values)
            return _finite(_OPERATORS[type(node.op)](left, right))
        case ast.UnaryOp(op=ast.Not()):
            return not _value(node.operand, values)
        case ast.UnaryOp():
            number = _number(node.operand, values)
            return -number if isinstance(node.op, ast.USub) else number
        case ast.BoolOp(op=ast.And()):
            return all(_value(part, values) for part in node.values)
        case ast.BoolOp():
            return any(_value(part, values) for part in node.values)
        case ast.IfExp():
            return _value(node.body if _value(node.test, values) else node.orelse, values)
        case ast.Compare():
            return all(_COMPARISONS[type(op)](a, b) for op, a, b in _pairs(node, values))
        case ast.Call(func=ast.Name(id=name)):
            return _finite(FUNCTIONS[name](*(_value(each, values) for each in node.args)))
    raise AssertionError(f"{node} was let through")


def _violation(node: ast.AST, values: Mapping[str, Any]) -> float:
    match node:
        case ast.BoolOp(op=ast.And()):
            return max(_violation(part, values) for part in node.values)
        case ast.BoolOp():
            return min(_violation(part, values) for part in node.values)
        case ast.Compare():
            return max(_distance(op, a, b) for op, a, b in _pairs(node, values))
    return 0.0 if _value(node, values) else 1.0


def _distance(op: ast.cmpop, left: Any, right: Any) -> float:
    """Return by what part a comparison misses, above 0 where it does not hold."""
    if _COMPARISONS[type(op)](left, right):
        return 0.0
    if is_number(left) and is_number(right):
        larger = max(abs(left), abs(right))
        # Relative, so that parameters in millions do not drown what else is to be kept.
        return max(abs(left - right) / larger, math.ulp(1.0)) if larger else math.ulp(1.0)
    return 1.0


def _pairs(node: ast.Compare, values: Mapping[str, Any]) -> list[tuple[ast.cmpop, Any, Any]]:
    sides = [_value(side, values) for side in (node.left, *node.comparators)]
    return list(zip(node.ops, sides, sides[1:], strict=False))


def _number(node: ast.AST, values: Mapping[str, Any]) -> int | float:
    value = _value(node, values)
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, complex) or (isinstance(value, int | float) and not math.isfinite(value)):
        raise ValueError(f"{value} is no finite number")
    return value


def _is_statement(node: ast.AST, switches: Collection[str]) -> bool:
    match node:
        case ast.Compare():
            return True
        case ast.UnaryOp(op=ast.Not()):
            return _is_statement(node.operand, switches)
        case ast.BoolOp():
            return all(_is_statement(part, switches) for part in node.values)
        case ast.Name():
            return node.id in switches
    return False
