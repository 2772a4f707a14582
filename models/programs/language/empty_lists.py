"""Names that start from `[]`, which does not say what the list will hold."""

import ast
from collections.abc import Sequence

RETURN = "return"
"""Stands for what is returned among the names that start from `[]`."""

_MOST = 4
"""Names for which both types are tried: each doubles the ways to read a function."""


def started_empty(statements: Sequence[ast.stmt]) -> tuple[str, ...]:
    """Return the names that statements give an empty list, or one that may be empty."""
    names: dict[str, None] = {}
    for node in (part for statement in statements for part in ast.walk(statement)):
        match node:
            case ast.Assign(targets=targets, value=value) if _holds_empty(value):
                parts = [part for target in targets for part in ast.walk(target)]
                names |= {part.id: None for part in parts if isinstance(part, ast.Name)}
            case ast.Return(value=ast.expr() as value) if _holds_empty(value):
                names[RETURN] = None
    return tuple(names)[:_MOST]


def _holds_empty(value: ast.expr) -> bool:
    """Tell whether `[]` or `list()` is a value, or may be one."""
    match value:
        case ast.List(elts=[]) | ast.Call(func=ast.Name(id="list"), args=[], keywords=[]):
            return True
        case ast.Tuple(elts=values):
            return any(map(_holds_empty, values))
        case ast.IfExp(body=body, orelse=orelse):
            return _holds_empty(body) or _holds_empty(orelse)
        case _:
            return False
