"""Calls alone in their lines that change a list, to derivations."""

import ast
from collections.abc import Callable

from models.programs.language.constructs import STATEMENT_FORMS
from models.programs.language.expressions import Ids, read_typed
from models.programs.language.kinds import ITEM_OF, MAPS, SETS, Type, language
from models.programs.language.reading_scope import Scope
from models.programs.language.refusals import Refusal, excerpt
from models.programs.language.rewriting import call as call_of
from models.programs.language.rewriting import loaded

Assign = Callable[[ast.Name, ast.expr, Scope], Ids]
"""Reads an assignment to one name."""

_ITEM, _PLACE = "what is appended", "a place in a list"

_STATEMENTS: dict[str, tuple[str, ...]] = {
    "append": (_ITEM,),
    "pop": (_PLACE,),
    "insert": (_PLACE, _ITEM),
    "remove": ("what is removed",),
}
"""Methods with a kind of their own, and what their arguments are."""


def read_list_method(call: ast.Call, scope: Scope, assign: Assign) -> Ids:
    """Return the derivation of `xs.append(...)` and its likes.

    `xs.sort()`, `xs.reverse()` and `xs.clear()` are read as assignments, `xs.extend(...)` as +=:
    no list has two names, so that nobody can tell.

    Raises:
        Refusal: it is outside the language.
    """
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name() as name, attr=method), keywords=[]):
            return _read(call, name, method, scope, assign)
        case ast.Call(func=ast.Attribute(value=ast.Name() as name, attr="sort"), args=[]):
            made = ast.Call(func=loaded("sorted"), args=[_load(name)], keywords=call.keywords)
            _list(call, name, "sort", scope)
            return assign(name, ast.copy_location(made, call), scope)
        case _:
            raise _other(call)


def _read(call: ast.Call, name: ast.Name, method: str, scope: Scope, assign: Assign) -> Ids:
    of = language()
    args = call.args
    if name.id in scope.visible and scope.type_of(name) in (*SETS, *MAPS):
        return _read_hashed(call, name, method, scope, assign)
    if method == "pop" and not args:
        args = [ast.copy_location(ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)), call)]
    places = _STATEMENTS.get(method)
    if places is not None and len(places) == len(args):
        list_type = _list(call, name, method, scope)
        slot = scope.changeable(name)
        ids = [
            production
            for item, place in zip(args, places, strict=True)
            for production in read_typed(
                item, "int" if place == _PLACE else ITEM_OF[list_type], scope, place
            )
        ]
        kind = method if list_type == "list" else f"{method}_text"
        return [of.id_of(kind), of.slot_id("SLOT", slot), *ids]
    match method, args:
        case "sort", []:
            value = call_of("sorted", _load(name))
        case "reverse", []:
            value = call_of("list", call_of("reversed", _load(name)))
        case "clear", []:
            value = ast.copy_location(ast.List(elts=[], ctx=ast.Load()), call)
        case "extend", [more]:
            list_type = _list(call, name, method, scope)
            slot = scope.changeable(name)
            ids = read_typed(more, list_type, scope, "what a list is extended with")
            return [of.id_of(f"iadd_{list_type}"), of.slot_id("SLOT", slot), *ids]
        case _:
            raise _other(call)
    _list(call, name, method, scope)
    return assign(name, value, scope)


def _read_hashed(call: ast.Call, name: ast.Name, method: str, scope: Scope, assign: Assign) -> Ids:
    """Read what changes a set, or empties a dictionary."""
    of, value_type = language(), scope.type_of(name)
    match method, call.args:
        case "add" | "discard" | "remove", [item] if value_type in SETS:
            slot = of.slot_id("SLOT", scope.changeable(name))
            ids = read_typed(item, SETS[value_type], scope, f"what {method} takes")
            return [of.id_of(f"{method}_{value_type}"), slot, *ids]
        case "update", [more] if value_type in SETS:
            known = isinstance(more, ast.Name) and more.id in scope.visible
            is_set = known and isinstance(more, ast.Name) and scope.type_of(more) in SETS
            more = (
                more if is_set or isinstance(more, ast.Set | ast.SetComp) else call_of("set", more)
            )
            value = ast.BinOp(left=_load(name), op=ast.BitOr(), right=more)
            return assign(name, ast.copy_location(value, call), scope)
        case "clear", []:
            return assign(name, ast.copy_location(_nothing(value_type), call), scope)
        case _:
            raise _other(call)


def _nothing(value_type: Type) -> ast.expr:
    if value_type in SETS:
        return ast.Call(func=loaded("set"), args=[], keywords=[])
    return ast.Dict(keys=[], values=[])


def _list(call: ast.Call, name: ast.Name, method: str, scope: Scope) -> Type:
    """Return the type of a list that a method is of."""
    list_type = scope.type_of(name)
    if list_type not in ITEM_OF:
        raise Refusal(
            call,
            f"{method} of something else than a list",
            text=f"{excerpt(call)}: {method} takes one int or str, on a named list"
            if method == "append"
            else f"{excerpt(call)}: {method} is a method of lists",
        )
    return list_type


def _load(name: ast.Name) -> ast.Name:
    return ast.copy_location(loaded(name.id), name)


def _other(call: ast.Call) -> Refusal:
    return Refusal(
        call,
        "a call alone in its line that is no append",
        text=f"{excerpt(call)} is not a statement of the language: {STATEMENT_FORMS}",
    )
