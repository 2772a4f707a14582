"""Assignments to several names at once, to derivations."""

import ast
from collections.abc import Callable, Sequence

from models.programs.language.expressions import Ids, read_typed
from models.programs.language.kinds import ITEM_OF, language
from models.programs.language.reading_scope import Scope
from models.programs.language.refusals import Refusal, excerpt

Assign = Callable[[ast.Name, ast.expr, Scope], Ids]

_FORMS = "allowed are as many names as values, and `xs[i], xs[j] = xs[j], xs[i]`"


def read_together(
    node: ast.stmt, targets: Sequence[ast.expr], value: ast.expr, scope: Scope, assign: Assign
) -> Ids:
    """Return the derivation of `a, b = x, y`.

    Two numbers are set at once, and two items of a list may change places. Else it is read as one
    assignment after the other, where no value needs a name that was set before it.

    Raises:
        Refusal: it is outside the language.
    """
    values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
    if len(values) != len(targets):
        raise _refused(node)
    names = [target for target in targets if isinstance(target, ast.Name)]
    if len(names) < len(targets):
        return _swapped(node, targets, values, scope)
    known = [name.id in scope.visible and scope.type_of(name) for name in names]
    if known == ["int", "int"]:
        of = language()
        slots = [of.slot_id("SLOT", scope.changeable(name)) for name in names]
        ids = [i for item in values for i in read_typed(item, "int", scope, "what is assigned")]
        return [of.id_of("set_two"), *slots, *ids]
    if any(_mentions(item, names[:place]) for place, item in enumerate(values)):
        what = "several assignments at once of which one needs another"
        raise Refusal(node, what, text=f"{excerpt(node)}: use another variable in between")
    return [i for name, item in zip(names, values, strict=True) for i in assign(name, item, scope)]


def _swapped(
    node: ast.stmt, targets: Sequence[ast.expr], values: Sequence[ast.expr], scope: Scope
) -> Ids:
    match targets:
        case [
            ast.Subscript(value=ast.Name() as name, slice=first) as one,
            ast.Subscript(slice=second) as other,
        ] if [ast.unparse(item) for item in values] == [ast.unparse(other), ast.unparse(one)]:
            if not isinstance(other.value, ast.Name) or other.value.id != name.id:
                raise _refused(node)
            if scope.type_of(name) not in ITEM_OF:
                raise _refused(node)
            kind = "swap" if scope.type_of(name) == "list" else "swap_texts"
            slot = language().slot_id("SLOT", scope.slot(name))
            places = [i for p in (first, second) for i in read_typed(p, "int", scope, "an index")]
            return [language().id_of(kind), slot, *places]
        case _:
            raise _refused(node)


def _mentions(node: ast.expr, names: Sequence[ast.Name]) -> bool:
    known = {name.id for name in names}
    return any(isinstance(part, ast.Name) and part.id in known for part in ast.walk(node))


def _refused(node: ast.stmt) -> Refusal:
    what = "an assignment to something else than one name or one item"
    return Refusal(node, what, text=f"{excerpt(node)}: {_FORMS}")
