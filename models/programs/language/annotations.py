"""Annotations of types, as people write them."""

import ast

from models.programs.language.kinds import MAPS, SETS, Type, said
from models.programs.language.refusals import Refusal, excerpt

_TYPES: dict[str, Type] = {
    "int": "int",
    "bool": "bool",
    "str": "str",
    "float": "float",
    "list": "list",
    "list[int]": "list",
    "List": "list",
    "List[int]": "list",
    "list[str]": "texts",
    "List[str]": "texts",
    **{name: of for of in (*SETS, *MAPS) for name in (said(of), said(of).capitalize())},
}


def read_annotation(node: ast.expr | None) -> Type | None:
    """Return the type that an annotation names; None where there is none.

    Raises:
        Refusal: it names no type of the language.
    """
    if node is None:
        return None
    found = _TYPES.get(ast.unparse(node))
    if found is None:
        allowed = (
            "types are int, bool, float, str, list, list[int] and list[str], set[...] of int or "
            "str, and dict[..., ...] from int or str to int or str"
        )
        raise Refusal(node, "{} is no type here", allowed, it=excerpt(node))
    return found
