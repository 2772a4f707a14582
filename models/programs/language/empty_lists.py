"""Names that start from `[]`, `set()` or `{}`, which do not say what they will hold."""

import ast
from collections.abc import Mapping, Sequence

from models.programs.language.kinds import MAPS, SETS, Type

RETURN = "return"
"""Stands for what is returned among the names that start empty."""

_MOST = 4
"""Names for which all types are tried: each multiplies the ways to read a function."""

_LISTS: tuple[Type, ...] = ("list", "texts")


def started_empty(statements: Sequence[ast.stmt]) -> Mapping[str, tuple[Type, ...]]:
    """Return the types that names may have to which statements give something empty.

    It is enough that what they are given may be empty, as the sides of an `if` may.
    """
    names: dict[str, dict[Type, None]] = {}
    for node in (part for statement in statements for part in ast.walk(statement)):
        match node:
            case ast.Assign(targets=targets, value=value) if types := _types_of_empty(value):
                parts = [part for target in targets for part in ast.walk(target)]
                for part in parts:
                    if isinstance(part, ast.Name):
                        names.setdefault(part.id, {}).update(dict.fromkeys(types))
            case ast.Return(value=ast.expr() as value) if types := _types_of_empty(value):
                names.setdefault(RETURN, {}).update(dict.fromkeys(types))
    return {name: tuple(types) for name, types in list(names.items())[:_MOST]}


def _types_of_empty(value: ast.expr) -> tuple[Type, ...]:
    """Return the types that an expression may have that is empty, or may be; none for others."""
    match value:
        case ast.List(elts=[]) | ast.Call(func=ast.Name(id="list"), args=[], keywords=[]):
            return _LISTS
        case ast.Call(func=ast.Name(id="set"), args=[], keywords=[]):
            return tuple(SETS)
        case ast.Dict(keys=[]) | ast.Call(func=ast.Name(id="dict"), args=[], keywords=[]):
            return tuple(MAPS)
        case ast.Tuple(elts=values):
            return tuple(found for item in values for found in _types_of_empty(item))
        case ast.IfExp(body=body, orelse=orelse):
            return (*_types_of_empty(body), *_types_of_empty(orelse))
        case _:
            return ()
