"""Templates of Python filled with expressions, and what fills them where a node fits one."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

HOLES: tuple[str, ...] = ("a", "b", "c", "d")
"""Names that stand for expressions, by place."""


def instantiate(syntax: Any, holes: Mapping[str, ast.expr], bodies: Iterator[Any]) -> Any:
    """Return a copy of a template with its holes filled.

    Args:
        syntax: a node, a list of nodes, or a plain value in one.
        holes: name -> expression.
        bodies: lists of statements for each `...`, in order.
    """
    match syntax:
        case ast.Name(id=name):
            return holes.get(name, syntax)
        case [ast.Expr(value=ast.Constant(value=value))] if value is ...:
            return next(bodies)
        case list():
            return [instantiate(item, holes, bodies) for item in syntax]
        case ast.BoolOp(op=op, values=values):
            return _flat(op, instantiate(values, holes, bodies))
        case ast.AST():
            fields = ast.iter_fields(syntax)
            return type(syntax)(**{name: instantiate(v, holes, bodies) for name, v in fields})
        case _:
            return syntax


def fill(syntax: ast.expr, node: ast.expr) -> dict[str, ast.expr] | None:
    """Return what stands in the holes of a template where a node fits it, else None."""
    holes: dict[str, ast.expr] = {}
    return holes if _fits(syntax, node, holes) else None


def _fits(pattern: object, value: object, holes: dict[str, ast.expr]) -> bool:
    if isinstance(pattern, ast.Name) and pattern.id in HOLES and isinstance(value, ast.expr):
        holes[pattern.id] = value
        return True
    if isinstance(pattern, ast.AST):
        return type(pattern) is type(value) and all(
            _fits(part, getattr(value, name), holes) for name, part in ast.iter_fields(pattern)
        )
    if isinstance(pattern, list):
        return (
            isinstance(value, list)
            and len(pattern) == len(value)
            and all(_fits(*pair, holes) for pair in zip(pattern, value, strict=True))
        )
    return pattern == value


def _flat(op: ast.boolop, values: list[ast.expr]) -> ast.expr:
    """Join truth values; `a and (b and c)` is written `a and b and c`."""
    match values[-1]:
        case ast.BoolOp(op=last, values=more) if type(last) is type(op):
            values = [*values[:-1], *more]
    return ast.BoolOp(op=op, values=values)
