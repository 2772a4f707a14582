"""Assignments to slots and items, and appends, to derivations."""

import ast

from models.programs.language.annotations import read_annotation
from models.programs.language.constructs import refused_statement
from models.programs.language.expressions import (
    Ids,
    names_a_list,
    read_expression,
    read_typed,
    read_value,
)
from models.programs.language.kinds import ITEM_OF, MAPS, SETS, Type, language, said
from models.programs.language.list_methods import read_list_method
from models.programs.language.reading_scope import Scope
from models.programs.language.refusals import Refusal, excerpt
from models.programs.language.rewriting import loaded
from models.programs.language.tuple_assignments import read_together

_AUGMENTED: dict[tuple[str, Type], str] = {
    ("Add", "int"): "iadd",
    ("Sub", "int"): "isub",
    ("Mult", "int"): "imul",
    ("FloorDiv", "int"): "ifloordiv",
    ("Mod", "int"): "imod",
    ("Add", "str"): "iadd_str",
    ("Add", "list"): "iadd_list",
    ("Add", "texts"): "iadd_texts",
    ("Add", "float"): "iadd_float",
    ("Sub", "float"): "isub_float",
    ("Mult", "float"): "imul_float",
    ("Div", "float"): "idiv_float",
}


def read_assignment(node: ast.stmt, scope: Scope) -> Ids:  # noqa: PLR0911  (one a kind)
    """Return the derivation of a statement that defines or changes one variable.

    `xs[i] += e` is read as `xs[i] = xs[i] + e`; expressions are pure, so i may be read twice.

    Raises:
        Refusal: it is outside the language.
    """
    match node:
        case ast.Assign(targets=[ast.Name() as target]):
            return assign(target, node.value, scope)
        case ast.Assign(targets=[ast.Tuple() | ast.List() as targets], value=value):
            return read_together(node, targets.elts, value, scope, assign)
        case ast.Assign(targets=[ast.Name() as first, *others]) if all(
            isinstance(other, ast.Name) for other in others
        ):
            name = ast.copy_location(loaded(first.id), node.value)
            return assign(first, node.value, scope) + [
                production
                for other in others
                if isinstance(other, ast.Name)
                for production in assign(other, name, scope)
            ]
        case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
            return assign(target, value, scope, read_annotation(node.annotation))
        case ast.Assign(targets=[ast.Subscript(value=ast.Name() as name) as target]):
            return _store(name, target.slice, node.value, scope)
        case ast.AugAssign(target=ast.Name() as target):
            return _augment(target, node, scope)
        case ast.AugAssign(target=ast.Subscript(value=ast.Name() as name) as target):
            value = ast.BinOp(left=_loaded(target), op=node.op, right=node.value)
            return _store(name, target.slice, ast.copy_location(value, node), scope)
        case ast.Expr(value=ast.Call() as call):
            return read_list_method(call, scope, assign)
        case ast.Assign() | ast.AugAssign():
            raise Refusal(
                node,
                "an assignment to something else than one name or one item",
                text=f"{excerpt(node)}: assign to one name or to one item of a named list",
            )
        case _:
            raise refused_statement(node)


def assign(target: ast.Name, value: ast.expr, scope: Scope, annotated: Type | None = None) -> Ids:
    """Return the derivation of an assignment to one name, of the type that it is said to have.

    A name that gets a value of another type in the block that it was defined in is another variable
    from there on.
    """
    is_new, num_slots = target.id not in scope.visible, len(scope.slots.names)
    new = scope.reserve(target, target.id) if is_new else None
    started = scope.slots.started.get(target.id)
    try:
        wanted = annotated or (started if is_new else scope.type_of(target))
        typed = read_value(value, scope, wanted)
    except Refusal:
        scope.slots.asked.add(target.id)  # another type of what starts empty may do
        raise
    if new is None and typed.type != scope.type_of(target) and target.id not in scope.outer:
        scope.forget(num_slots)
        new = scope.reserve(target, target.id)
        typed = read_value(value, scope, annotated or started)
    if annotated is not None and annotated != typed.type:
        raise Refusal(
            value,
            f"an annotation that says {said(annotated)} of {said(typed.type)}",
            text=f"{excerpt(value)} is {said(typed.type)}, but {target.id!r} is said to be "
            f"{said(annotated)}",
        )
    if names_a_list(value) and typed.type in (*ITEM_OF, *SETS, *MAPS):
        of = said(typed.type).partition("[")[0]
        what, allowed = f"{{}} would give a {of} a second name", f"copy it, as in `{of}(...)`"
        raise Refusal(value, what, allowed, it=excerpt(value))
    if new is not None:
        scope.show(new, typed.type)
        return [language().id_of(f"let_{typed.type}"), *typed.ids]
    slot = scope.changeable(target)
    if scope.type_of(target) != typed.type:
        raise Refusal(
            target,
            f"{{}} is {said(scope.type_of(target))} and cannot become {said(typed.type)}",
            "use another name",
            it=repr(target.id),
        )
    of = language()
    return [of.id_of(f"set_{typed.type}"), of.slot_id("SLOT", slot), *typed.ids]


def _augment(target: ast.Name, node: ast.AugAssign, scope: Scope) -> Ids:
    value_type = scope.type_of(target)
    kind = _AUGMENTED.get((type(node.op).__name__, value_type))
    num_slots = len(scope.slots.names)
    if value_type in SETS and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub):
        return _augment_number(target, node, None, scope)
    if value_type == "float" or (value_type == "int" and isinstance(node.op, ast.Div)):
        return _augment_number(target, node, kind, scope)
    if kind is None:
        raise Refusal(
            node,
            f"an augmented assignment of this kind to {said(value_type)}",
            text=f"{excerpt(node)}: allowed are += -= *= /= //= %= on numbers, += on str and on "
            "list, |= &= -= on sets",
        )
    slot = scope.changeable(target)
    if value_type == "int":  # a bool counts as 0 or 1, as Python counts it
        typed = read_expression(node.value, scope)
        if typed.type == "bool":
            counted = [language().id_of("int_bool"), *typed.ids]
            return [language().id_of(kind), language().slot_id("SLOT", slot), *counted]
        scope.forget(num_slots)
        if typed.type == "float":
            return _augment_number(target, node, None, scope)
    value = read_typed(node.value, value_type, scope, "what is combined with {}", target.id)
    return [language().id_of(kind), language().slot_id("SLOT", slot), *value]


def _augment_number(target: ast.Name, node: ast.AugAssign, kind: str | None, scope: Scope) -> Ids:
    """Read what makes a float, or a set: `x += n` as `x = x + n`, but for a float by a float."""
    num_slots, of = len(scope.slots.names), language()
    if kind is not None:
        slot, typed = scope.changeable(target), read_expression(node.value, scope)
        if typed.type == "float":
            return [of.id_of(kind), of.slot_id("SLOT", slot), *typed.ids]
        scope.forget(num_slots)
    own = ast.copy_location(loaded(target.id), target)
    value = ast.BinOp(left=own, op=node.op, right=node.value)
    return assign(target, ast.copy_location(value, node), scope)


def _store(name: ast.Name, index: ast.expr, value: ast.expr, scope: Scope) -> Ids:
    list_type, of = scope.type_of(name), language()
    if list_type in MAPS and not isinstance(index, ast.Slice):
        key, item = MAPS[list_type]
        slot = of.slot_id("SLOT", scope.changeable(name))
        key_ids = read_typed(index, key, scope, "a key")
        value_ids = read_typed(value, item, scope, "a value of a dictionary")
        return [of.id_of(f"store_{list_type}"), slot, *key_ids, *value_ids]
    if list_type not in ITEM_OF or isinstance(index, ast.Slice):
        raise Refusal(
            name,
            "an assignment to a slice, or to an item of what is no list",
            text=f"{name.id!r}: only single items of a list or a dictionary can be assigned",
        )
    place = read_typed(index, "int", scope, "an index")
    ids = read_typed(value, ITEM_OF[list_type], scope, "an item of a list")
    slot = language().slot_id("SLOT", scope.slot(name))
    return [language().id_of("store" if list_type == "list" else "store_text"), slot, *place, *ids]


def _loaded(target: ast.Subscript) -> ast.Subscript:
    """Return an item that is assigned to as an item that is read."""
    item = ast.Subscript(value=target.value, slice=target.slice, ctx=ast.Load())
    return ast.copy_location(item, target)
