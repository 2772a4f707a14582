"""Sets and dictionaries to derivations: literals, comprehensions, and what goes over them."""

import ast
from collections.abc import Mapping

from models.programs.language.comprehensions import (
    ReadCondition,
    ReadExpression,
    map_type,
    read_values,
)
from models.programs.language.joined_parts import ReadTyped
from models.programs.language.kinds import (
    MAPS,
    SETS,
    Type,
    language,
    said,
)
from models.programs.language.reading_scope import Scope
from models.programs.language.refusals import Refusal, excerpt
from models.programs.language.rewriting import at, call, simplified
from models.programs.language.tree import MORE

Ids = list[int]

_SET_OF: Mapping[Type, Type] = {item: of for of, item in SETS.items()}

_GO_OVER = ("sorted", "sum", "min", "max", "set", "list")

REFUSED: Mapping[str, tuple[int, tuple[str, ...]]] = {
    **{
        f"{kind}_{of}": (0, tuple(f"{of}_from_{source}" for source in ("list", "str", "texts")))
        for kind in ("len", "sorted")
        for of in SETS
    },
    "eq_int_set": (0, ("int_set_from_list",)),
    "eq_str_set": (0, ("str_set_from_str",)),
    "eq_from_list": (1, ("int_set_from_list",)),
    "eq_from_str": (1, ("str_set_from_str",)),
}
"""Place of a part -> what must not stand there, for it has a kind of its own."""


def is_empty(node: ast.expr, of: Type | None = None) -> bool:
    """Tell whether an expression is an empty set or dictionary, or one that a type could have."""
    match node:
        case ast.Call(func=ast.Name(id="set"), args=[], keywords=[]):
            return of is None or of in SETS
        case ast.Dict(keys=[]) | ast.Call(func=ast.Name(id="dict"), args=[], keywords=[]):
            return of is None or of in MAPS
        case _:
            return False


def named_type(node: ast.expr, scope: Scope) -> Type | None:
    """Return the type of a name that has a value, else None."""
    is_known = isinstance(node, ast.Name) and node.id in scope.visible
    return scope.type_of(node) if is_known and isinstance(node, ast.Name) else None


def as_listed(node: ast.expr, scope: Scope) -> ast.expr | None:
    """Return an expression that goes over a set or a dictionary as the language has it, or None.

    `sorted(d)` goes over `list(d)`, and `sorted(list(s))` over the set itself.
    """
    match node:
        case ast.Call(func=ast.Name(id=name), args=[ast.Name() as over]) if (
            name in _GO_OVER and name != "list" and named_type(over, scope) in MAPS
        ):
            return _with(node, call("list", over))
        case ast.Call(func=ast.Attribute(attr="join"), args=[ast.Name() as over]) if (
            named_type(over, scope) in MAPS
        ):
            return _with(node, call("list", over))
        case ast.Call(func=ast.Name(id="sorted" | "len"), args=[ast.Call() as inner]) if (
            isinstance(inner.func, ast.Name) and inner.func.id == "set" and len(inner.args) == 1
        ) and named_type(inner.args[0], scope) in MAPS:
            return _with(node, _with(inner, call("list", inner.args[0])))
        case ast.Call(
            func=ast.Name(id="sorted" | "sum" | "min" | "max" | "len" | "set"),
            args=[ast.Call(func=ast.Name(id="list"), args=[over], keywords=[])],
        ) if _is_set(simplified(over), scope):
            return _with(node, over)
        case _:
            return None


def read_hashed(
    node: ast.expr,
    scope: Scope,
    read_expression: ReadExpression,
    read_condition: ReadCondition,
    read_typed: ReadTyped,
) -> tuple[Type, Ids] | None:
    """Return the type and the derivation of a literal or a comprehension; None for what is neither.

    Raises:
        Refusal: it is outside the language.
    """
    match node:
        case ast.Set(elts=items):
            parts = [(item,) for item in items]
            return _literal(node, parts, scope, read_expression, read_typed)
        case ast.Dict(keys=[_, *_] as keys, values=values):
            if None in keys:
                raise Refusal(node, "unpacking is not in the language")
            pairs = [(key, v) for key, v in zip(keys, values, strict=True) if key is not None]
            return _literal(node, pairs, scope, read_expression, read_typed)
        case ast.SetComp() | ast.DictComp():
            read = read_values(node, scope, read_expression, read_condition)
            if isinstance(node, ast.DictComp):
                return read.type, [language().id_of(f"{read.type}_of"), *read.ids]
            of = _SET_OF.get(read.type)
            if of is None:
                raise _no_such(node.elt, f"a set of {said(read.type)}", "a set holds int or str")
            return of, [language().id_of(f"{of}_of"), *read.ids]
        case ast.Call() | ast.Dict() if is_empty(node):
            what = "an empty set" if isinstance(node, ast.Call) else "an empty dictionary"
            allowed = "say its type, as in `s: set[int] = set()` or `d: dict[str, int] = {}`"
            raise Refusal(node, f"{what} of which no type is said", allowed, it=excerpt(node))
        case _:
            return None


def check_owner(node: ast.expr, method: str, found: Type) -> None:
    """Refuse a method of dictionaries or sets on a value that is neither.

    Raises:
        Refusal: with the types that have it.
    """
    owners = MAPS if method == "keys" else SETS
    if found not in owners:
        what, allowed = (
            f".{method}() of {said(found)}",
            f"{' and '.join(map(said, owners))} have it",
        )
        raise Refusal(node, what, allowed, it=excerpt(node))


def check_parts(kind: str, parts: list[Ids], nodes: list[ast.expr]) -> None:
    """Refuse parts that have a kind of their own together with what goes over them.

    Raises:
        Refusal: with what to write instead.
    """
    place, refused = REFUSED.get(kind, (0, ()))
    if refused and language().kinds[parts[place][0]].name in refused:
        allowed = "write set(list(...))"
        raise Refusal(nodes[place], "a set of this here", allowed, it=excerpt(nodes[place]))


def _literal(
    node: ast.expr,
    items: list[tuple[ast.expr, ...]],
    scope: Scope,
    read_expression: ReadExpression,
    read_typed: ReadTyped,
) -> tuple[Type, Ids]:
    """Read `{a, b}` and `{k: v}`, whose first item says which type it is."""
    of, num_slots = language(), len(scope.slots.names)
    first: list[Type] = [read_expression(part, scope).type for part in items[0]]
    scope.forget(num_slots)
    if len(first) == 1 and first[0] not in _SET_OF:
        raise _no_such(node, f"a set of {said(first[0])}", "a set holds int or str")
    made = _SET_OF[first[0]] if len(first) == 1 else map_type(node, first[0], first[1])
    kind = of.named(f"{made}_n")
    sequence = kind.children[-1]
    ids = [kind.id]
    what = "an item of a set" if made in SETS else "an item of a dictionary"
    for place, item in enumerate(items):
        if place:
            ids.append(of.id_of(MORE[sequence]))
        for part, value_type in zip(item, first, strict=True):
            ids += read_typed(part, value_type, scope, what)
    return made, [*ids, of.id_of(f"{sequence.lower()}_end")]


def _is_set(node: ast.expr, scope: Scope) -> bool:
    """Tell whether an expression is a set, as far as that is seen without reading it."""
    match node:
        case ast.SetComp() | ast.Set() | ast.BinOp(op=ast.BitOr() | ast.BitAnd() | ast.Sub()):
            return True
        case _:
            return named_type(node, scope) in SETS


def _with(node: ast.Call, argument: ast.expr) -> ast.expr:
    made = ast.Call(func=node.func, args=[argument], keywords=node.keywords)
    return at(made, node)


def _no_such(node: ast.expr, what: str, allowed: str) -> Refusal:
    return Refusal(node, what, allowed, it=excerpt(node))
