"""Constants of Python to derivations, spelled out where they have no production."""

import ast

from models.programs.language.constructs import VALUES
from models.programs.language.contexts import MAX_DIGITS
from models.programs.language.decimals import MAX_PLACES, spelled
from models.programs.language.kinds import Type, language
from models.programs.language.refusals import Refusal, excerpt

Ids = list[int]

_SPELLED = {
    "INT": ("number", "NUMBER", "DIGITS"),
    "FLOAT": ("decimal", "DIGITS", "DIGITS"),
    "STR": ("text", "CHARS", "CHARS"),
}
"""How a constant is spelled: its kind, the nonterminals of its first letter and of the others."""


def read_constant(node: ast.Constant) -> tuple[Type, Ids]:
    """Return the type and the derivation of a constant.

    Raises:
        Refusal: it is outside the language.
    """
    match node.value:
        case bool() as value:
            return "bool", constant_ids("BOOL", value)
        case int() as value:
            if value >= 10**MAX_DIGITS:
                raise Refusal(
                    node,
                    f"a number of more than {MAX_DIGITS} digits",
                    text=f"numbers have at most {MAX_DIGITS} digits",
                )
            return "int", constant_ids("INT", value)
        case float() as value:
            if spelled(value) is None:
                raise Refusal(
                    node,
                    f"a float of more than {MAX_PLACES} digits before or behind the point",
                    text=f"{excerpt(node)}: floats have at most {MAX_PLACES} digits before the "
                    f"point and {MAX_PLACES} behind it",
                )
            return "float", constant_ids("FLOAT", value)
        case str() as value:
            if not (value.isascii() and value.isprintable()):
                raise Refusal(
                    node,
                    "a text with other characters than printable ASCII",
                    text=f"{excerpt(node)}: texts hold printable ASCII characters only",
                )
            return "str", constant_ids("STR", value)
        case value:
            raise Refusal(
                node,
                f"a {type(value).__name__} is not in the language",
                VALUES,
                it=excerpt(node),
            )


def constant_ids(lhs: str, value: int | str | bool | float) -> Ids:
    """Return the derivation of a constant, spelled out where it has no production."""
    of = language()
    known = of.constant_id(lhs, value)
    if known is not None:
        return [known]
    name, first, rest = _SPELLED[lhs]
    text = spelled(value) if isinstance(value, float) else str(value)
    assert text is not None  # whoever makes floats makes short ones
    letters = [of.constant_id(first if place == 0 else rest, x) for place, x in enumerate(text)]
    ids = [of.id_of(name), *letters, of.id_of(f"{rest.lower()}_end")]
    return [production_id for production_id in ids if production_id is not None]


def read_literal(node: ast.expr, at_least: int) -> Ids | None:
    """Return the derivation of a literal number from `at_least` (0 or more) on, else None."""
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value >= at_least:
        return read_constant(node)[1]
    return None


def is_one(value: object) -> bool:
    """Tell whether a constant is the number 1."""
    return type(value) is int and value == 1
