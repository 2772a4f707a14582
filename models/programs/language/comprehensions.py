"""Comprehensions to derivations: `value for names in something if condition`."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from models.programs.language.kinds import ITEM_OF, LIST_OF, MAPS, SETS, Type, language, said
from models.programs.language.reading_scope import Scope
from models.programs.language.refusals import Refusal, excerpt
from models.programs.language.rewriting import call, listed_view, simplified

GATHERS: Mapping[tuple[str, Type], str] = {
    ("sum", "int"): "sum_of",
    ("sum", "bool"): "count_of",
    ("min", "int"): "min_of",
    ("max", "int"): "max_of",
    ("any", "bool"): "any_of",
    ("all", "bool"): "all_of",
    ("join", "str"): "join_of",
}
"""What goes over the values and their type -> the kind that it is."""

_FORMS = (
    "loop over a list, a str, a range or a dictionary, or with two variables over enumerate(...), "
    "zip(...) or d.items()"
)


class Typed(Protocol):
    """An expression that was read."""

    @property
    def type(self) -> Type:
        """Of its value."""
        ...

    @property
    def ids(self) -> list[int]:
        """Its derivation."""
        ...


ReadExpression = Callable[[ast.expr, Scope], Typed]
ReadCondition = Callable[[ast.expr, Scope], list[int]]


@dataclass(frozen=True, kw_only=True)
class Values:
    """The values of a comprehension that was read: their type and the derivation.

    Those of a dictionary are its keys and values; their type is that of the dictionary.
    """

    node: ast.expr
    type: Type
    ids: list[int]


@dataclass(frozen=True, kw_only=True)
class Over:
    """What a loop or a comprehension goes over.

    Args:
        name: as in the names of kinds: "list", "str", "enumerate_list", ...
        ids: derivations of the expressions in it.
        parts: these expressions.
    """

    name: str
    ids: list[int]
    parts: list[ast.expr]


def gathering(node: ast.Call) -> str | None:
    """Return the name of a function or method that goes over values, or None."""
    match node.func:
        case ast.Name(id="sum" | "min" | "max" as name):
            return name
        case ast.Name(id="any" | "all" as name) if isinstance(node.args[0], ast.GeneratorExp):
            return name  # of a list, Python would compute all values before
        case ast.Attribute(attr="join"):
            return "join"
        case _:
            return None


def read_values(
    node: ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp,
    scope: Scope,
    read_expression: ReadExpression,
    read_condition: ReadCondition,
    *,
    is_condition: bool = False,
) -> Values:
    """Return the type and the derivation of the values of a comprehension.

    Args:
        node: the comprehension.
        scope: of the block that it is in.
        read_expression: reads what is in it.
        read_condition: reads a condition.
        is_condition: whether its values are conditions.

    Raises:
        Refusal: it is outside the language.
    """
    if len(node.generators) > 1 or node.generators[0].is_async:
        raise Refusal(node, "a comprehension of several loops", "write loops", it=excerpt(node))
    of, each = language(), node.generators[0]
    names = loop_names(each.target)
    slots = [scope.reserve(name, name.id) for name in names]
    splits = not isinstance(node, ast.DictComp)
    over = read_over(each.iter, len(names), scope, read_expression, splits=splits)
    inner = scope.nested()
    for slot, slot_type in zip(slots, of.named(f"int_over_{over.name}").defined, strict=True):
        inner.show(slot, slot_type)
    where = [of.id_of("where_end")]
    if each.ifs:
        test = each.ifs[0]
        if len(each.ifs) > 1:
            test = ast.copy_location(ast.BoolOp(op=ast.And(), values=each.ifs), test)
        where = [of.id_of("where"), *read_condition(test, inner)]
    if isinstance(node, ast.DictComp):
        pair = [read_expression(part, inner) for part in (node.key, node.value)]
        value_type = map_type(node, pair[0].type, pair[1].type)
        value = [*pair[0].ids, *pair[1].ids]
    elif is_condition:
        value_type, value = "bool", read_condition(node.elt, inner)
    else:
        typed = read_expression(node.elt, inner)
        value_type, value = typed.type, typed.ids
    if not isinstance(node, ast.DictComp) and value_type not in ("int", "bool", "str"):
        of = "lists" if value_type in ITEM_OF else said(value_type)
        holder = "set" if isinstance(node, ast.SetComp) else "list"
        what, allowed = f"a {holder} of {of}", f"a {holder} holds int or str"
        raise Refusal(node.elt, what, allowed, it=excerpt(node.elt))
    kind = of.id_of(f"{value_type}_over_{over.name}")
    return Values(node=node, type=value_type, ids=[kind, *over.ids, *where, *value])


def loop_names(target: ast.expr) -> list[ast.Name]:
    """Return the one or two names that a loop or a comprehension defines."""
    match target:
        case ast.Name():
            return [target]
        case ast.Tuple(elts=[ast.Name() as first, ast.Name() as second]) if first.id != second.id:
            return [first, second]
        case _:
            raise Refusal(
                target,
                "a loop with other than one or two variables",
                text=f"{excerpt(target)}: {_FORMS}",
            )


def read_over(
    node: ast.expr,
    num_names: int,
    scope: Scope,
    read_expression: ReadExpression,
    *,
    splits: bool = True,
) -> Over:
    """Return what a comprehension, or a loop with two variables, goes over.

    Args:
        node: what stands behind `in`.
        num_names: variables, one or two.
        scope: of the block that it is in.
        read_expression: reads what is in it.
        splits: whether going over the parts of a text has kinds of its own.

    Raises:
        Refusal: it is outside the language, or gives another number of values.
    """
    node = simplified(node)
    prefix, parts = "", [node]
    match node:
        case ast.Call(func=ast.Name(id="enumerate"), args=[items], keywords=[]):
            prefix, parts = "enumerate_", [items]
        case ast.Call(func=ast.Name(id="zip"), args=[first, second], keywords=[]):
            prefix, parts = "zip_", [first, second]
        case ast.Call(func=ast.Attribute(value=text, attr="split"), args=[*by], keywords=[]) if (
            num_names == 1 and len(by) <= 1 and splits
        ):
            return _read_split(node, [text, *by], scope, read_expression)
        case ast.Call(func=ast.Attribute(value=over, attr="items"), args=[], keywords=[]):
            prefix, parts = "items_", [over]
    if num_names != (2 if prefix else 1):
        text = f"{excerpt(node)} does not fit {num_names} variables: {_FORMS}"
        raise Refusal(node, "a loop with another number of variables", text=text)
    read = [read_expression(_as_list(part), scope) for part in parts]
    if prefix != "items_":
        read = [keys_of(item) if item.type in MAPS else item for item in read]
    types = {item.type for item in read}
    if any(of in SETS for of in types):
        allowed = "loop over sorted(...)"
        raise Refusal(node, "a loop over a set, which has no order", allowed, it=excerpt(node))
    if len(types) > 1 or not types <= ({"str", *ITEM_OF} if prefix != "items_" else {*MAPS}):
        found = " and ".join(said(item.type) for item in read)
        raise Refusal(node, f"a loop over {found}", text=f"{excerpt(node)} is {found}: {_FORMS}")
    ids = [production for item in read for production in item.ids]
    return Over(name=prefix + read[0].type, ids=ids, parts=parts)


def _read_split(
    node: ast.expr, parts: list[ast.expr], scope: Scope, read_expression: ReadExpression
) -> Over:
    """Read the words of a text, or the parts that another one splits it into."""
    read = [read_expression(part, scope) for part in parts]
    if {item.type for item in read} != {"str"}:
        found = " by ".join(said(item.type) for item in read)
        raise Refusal(node, f"a split of {found}", text=f"{excerpt(node)} splits {found}: {_FORMS}")
    ids = [production for item in read for production in item.ids]
    return Over(name="words" if len(parts) == 1 else "split", ids=ids, parts=parts)


def _as_list(node: ast.expr) -> ast.expr:
    """Return what is gone over as an expression: a range, and what is reversed, as a list."""
    match node:
        case ast.Call(func=ast.Name(id="range" | "reversed"), args=[_, *_], keywords=[]):
            return call("list", node)
        case _:
            return listed_view(node) or node


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys of a dictionary, as a list."""

    type: Type
    ids: list[int]


def keys_of(read: Typed) -> Typed:
    """Return the keys of a dictionary that was read."""
    ids = [language().id_of(f"keys_{read.type}"), *read.ids]
    return Keys(type=LIST_OF[MAPS[read.type][0]], ids=ids)


def map_type(node: ast.expr, key: Type, value: Type) -> Type:
    """Return the type of a dictionary.

    Raises:
        Refusal: there is none with such keys and values.
    """
    for of, pair in MAPS.items():
        if pair == (key, value):
            return of
    what = f"a dictionary of {said(key)} to {said(value)}"
    raise Refusal(node, what, "keys and values are int or str", it=excerpt(node))
