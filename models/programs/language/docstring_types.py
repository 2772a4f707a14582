"""Types of a function's parameters by the calls of it that its doc string shows."""

import ast
import re

from models.programs.language.kinds import MAPS, SETS, Type

_PYTHON: dict[Type, type] = {"bool": bool, "int": int, "str": str, "float": float}


def types_in_examples(function: ast.FunctionDef) -> tuple[Type, ...] | None:
    """Return the types of the values that a doc string calls the function with.

    None where it shows no call with literal values of the language, or values of several types.
    """
    text = ast.get_docstring(function) or ""
    found = {
        types
        for match in re.finditer(rf"\b{function.name}\(", text)
        if (types := _types_of_call(text[match.start() :])) is not None
    }
    return found.pop() if len(found) == 1 else None


def _types_of_call(text: str) -> tuple[Type, ...] | None:
    """Return the types of the arguments of the call that a text begins with."""
    for end in re.finditer(r"\)", text):
        try:
            call = ast.parse(text[: end.end()], mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            continue
        if isinstance(call, ast.Call):
            types: list[Type] = []
            for item in call.args:
                found = _type_of(item)
                if found is None:
                    return None
                types.append(found)
            return tuple(types)
    return None


def _type_of(node: ast.expr) -> Type | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    for value_type, python in _PYTHON.items():
        if isinstance(value, python):
            return value_type
    if isinstance(value, set | dict):
        return _type_of_hashed(value)
    if isinstance(value, list) and value and all(type(item) is str for item in value):
        return "texts"
    is_list = isinstance(value, list) and all(type(item) is int for item in value)
    return "list" if is_list else None


def _type_of_hashed(value: set[object] | dict[object, object]) -> Type | None:
    """Return the type of a set or a dictionary that is not empty."""
    kinds: dict[Type, tuple[Type, ...]] = (
        {of: (item,) for of, item in SETS.items()} if isinstance(value, set) else {**MAPS}
    )
    parts = [value] if isinstance(value, set) else [value.keys(), value.values()]
    for of, types in kinds.items():
        if value and all(
            type(item) is _PYTHON[t] for part, t in zip(parts, types, strict=True) for item in part
        ):
            return of
    return None
