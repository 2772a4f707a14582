"""Python expressions to derivations, with their types."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from models.programs.language.constructs import refused_expression
from models.programs.language.contexts import MAX_DIGITS
from models.programs.language.kinds import NONTERMINAL_OF, Type, language
from models.programs.language.reading_scope import Scope
from models.programs.language.refusals import Refusal, excerpt
from models.programs.language.templates import (
    ExpressionTemplate,
    expression_templates,
    fill,
    shape,
)

Ids = list[int]

_BOOL_HINTS: dict[Type, str] = {
    "int": ": compare it, as in `... != 0`",
    "str": ": compare it, as in `... != ''`",
    "list": ": compare it, as in `len(...) > 0`",
    "bool": "",
}


@dataclass(frozen=True, kw_only=True)
class TypedExpression:
    """An expression that was read: its type and its derivation."""

    type: Type
    ids: Ids


def read_expression(node: ast.expr, scope: Scope) -> TypedExpression:
    """Return the type and the derivation of an expression.

    Chained comparisons, `and`, `or`, `min` and `max` of three and more are read as what they
    mean, two at a time.

    Raises:
        Refusal: it is outside the language.
    """
    node = _two_at_a_time(node)
    match node:
        case ast.Name():
            value_type = scope.type_of(node)
            lhs = NONTERMINAL_OF[value_type]
            return TypedExpression(type=value_type, ids=[language().slot_id(lhs, scope.slot(node))])
        case ast.Constant():
            return _constant(node)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if _is_one(value):
            return TypedExpression(type="int", ids=_constant_ids("INT", -1))
        case ast.List(elts=[_, _, _, _, *_]):
            return _long_list(node, scope)
        case _:
            return _from_templates(node, scope)


def read_typed(node: ast.expr, value_type: Type, scope: Scope, place: str, name: str = "") -> Ids:
    """Return the derivation of an expression that must have a certain type.

    Args:
        node: the expression.
        value_type: its type.
        scope: of the block it is in.
        place: what the expression is for, for the message; `{}` stands for the name.
        name: of a variable.

    Raises:
        Refusal: it is outside the language or has another type.
    """
    typed = read_expression(node, scope)
    if typed.type != value_type:
        hint = _BOOL_HINTS[typed.type] if value_type == "bool" else ""
        raise Refusal(
            node,
            f"{place} that is {typed.type}, not {value_type}",
            text=f"{excerpt(node)} is {typed.type}, {place.replace('{}', repr(name))} must be "
            f"{value_type}{hint}",
        )
    return typed.ids


def read_literal(node: ast.expr, at_least: int) -> Ids | None:
    """Return the derivation of a literal number from `at_least` (0 or more) on, else None."""
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value >= at_least:
        return _constant(node).ids
    return None


def names_a_list(node: ast.expr) -> bool:
    """Tell whether the value of an expression may be a list that already has a name."""
    if isinstance(node, ast.IfExp):
        return names_a_list(node.body) or names_a_list(node.orelse)
    return isinstance(node, ast.Name)


def _from_templates(node: ast.expr, scope: Scope) -> TypedExpression:
    """Read by the templates that fit best; which of them, the types of the parts decide."""
    candidates = expression_templates().get(shape(node), ())
    if not candidates:
        raise refused_expression(node)
    filled = [
        (item, holes) for item in candidates if (holes := fill(item.syntax, node)) is not None
    ]
    if not filled:
        raise Refusal(
            node,
            f"another form of {_title(node)} than the language has",
            text=f"{excerpt(node)} is not in the language: {_forms(candidates)}",
        )
    # `sorted(set(x))` also looks like `sorted(a)`, but no value is a set: the larger one is meant.
    largest = max(item.size for item, _ in filled)
    fitting = [item for item, _ in filled if item.size == largest]
    holes = next(holes for item, holes in filled if item.size == largest)
    parts = [read_expression(holes[name], scope) for name in sorted(holes)]
    types = tuple(part.type for part in parts)
    for template in fitting:
        if template.arguments == types:
            return _typed(template, parts)
        if isinstance(node, ast.BinOp) and template.swaps and template.arguments == types[::-1]:
            return _typed(template, parts[::-1])
    raise Refusal(
        node,
        f"{_title(node)} of {' and '.join(types)}",
        text=f"{excerpt(node)} has {' and '.join(types)}: {_forms(fitting)}",
    )


def _title(node: ast.expr) -> str:
    """Return what kind of expression a node is, as a reader of Python names it."""
    return name if (name := shape(node)).endswith("()") else type(node).__name__


def _typed(template: ExpressionTemplate, parts: Sequence[TypedExpression]) -> TypedExpression:
    ids = [template.kind.id]
    for part in parts:
        ids += part.ids
    return TypedExpression(type=template.result, ids=ids)


def _forms(templates: Sequence[ExpressionTemplate]) -> str:
    return f"allowed is {'; '.join(dict.fromkeys(item.text for item in templates))}"


def _long_list(node: ast.List, scope: Scope) -> TypedExpression:
    of = language()
    ids = [of.id_of("list_n")]
    for place, item in enumerate(node.elts):
        if place >= 4:  # the first four stand in the production itself
            ids.append(of.id_of("more"))
        ids += read_typed(item, "int", scope, "an item of a list")
    return TypedExpression(type="list", ids=[*ids, of.id_of("items_end")])


def _constant(node: ast.Constant) -> TypedExpression:
    match node.value:
        case bool() as value:
            return TypedExpression(type="bool", ids=_constant_ids("BOOL", value))
        case int() as value:
            if value >= 10**MAX_DIGITS:
                raise Refusal(
                    node,
                    f"a number of more than {MAX_DIGITS} digits",
                    text=f"numbers have at most {MAX_DIGITS} digits",
                )
            return TypedExpression(type="int", ids=_constant_ids("INT", value))
        case str() as value:
            if not (value.isascii() and value.isprintable()):
                raise Refusal(
                    node,
                    "a text with other characters than printable ASCII",
                    text=f"{excerpt(node)}: texts hold printable ASCII characters only",
                )
            return TypedExpression(type="str", ids=_constant_ids("STR", value))
        case value:
            raise Refusal(
                node,
                f"a {type(value).__name__} is not in the language",
                "values are int, bool, str and list of int",
                it=excerpt(node),
            )


def _constant_ids(lhs: str, value: int | str | bool) -> Ids:
    """Return the derivation of a constant, spelled out where it has no production."""
    of = language()
    known = of.constant_id(lhs, value)
    if known is not None:
        return [known]
    name, first, rest = ("text", "CHARS", "CHARS") if lhs == "STR" else _NUMBER
    letters = str(value)
    spelled = [of.constant_id(first if place == 0 else rest, x) for place, x in enumerate(letters)]
    ids = [of.id_of(name), *spelled, of.id_of(f"{rest.lower()}_end")]
    return [production_id for production_id in ids if production_id is not None]


_NUMBER = ("number", "NUMBER", "DIGITS")


def _two_at_a_time(node: ast.expr) -> ast.expr:
    """Turn what joins three and more operands into what joins two."""
    match node:
        case ast.Compare(ops=[_, _, *_]):
            return _two_at_a_time(_unchained(node))
        case ast.BoolOp(op=op, values=[first, second, third, *more]):
            rest = _at(ast.BoolOp(op=op, values=[second, third, *more]), second)
            return _at(ast.BoolOp(op=op, values=[first, rest]), node)
        case ast.Call(func=ast.Name(id="min" | "max"), args=[first, second, third, *more]):
            rest = _at(ast.Call(func=node.func, args=[second, third, *more], keywords=[]), second)
            call = ast.Call(func=node.func, args=[first, rest], keywords=node.keywords)
            return _at(call, node)
        case _:
            return node


def _unchained(node: ast.Compare) -> ast.expr:
    """Turn `a < b < c` into `a < b and b < c`; expressions are pure, so b may be read twice."""
    operands = [node.left, *node.comparators]
    pairs = zip(operands, node.ops, operands[1:], strict=False)
    links = [
        _at(ast.Compare(left=left, ops=[op], comparators=[right]), left)
        for left, op, right in pairs
    ]
    return _at(ast.BoolOp(op=ast.And(), values=links), node)


def _at(made: ast.expr, place: ast.AST) -> ast.expr:
    """Give a made-up node the place of a real one, for messages."""
    return ast.copy_location(made, place)


def _is_one(value: object) -> bool:
    return type(value) is int and value == 1
