"""While loops to derivations: they count, so that every program terminates.

`while counter < bound [and condition]:` with a body that ends in `counter += 1`, and its likes
downwards. Neither the counter nor the bound may change elsewhere in the body.
"""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.programs.language.expressions import (
    Ids,
    read_condition,
    read_expression,
    read_typed,
)
from models.programs.language.kinds import ITEM_OF, language
from models.programs.language.literals import read_literal
from models.programs.language.reading_scope import Scope
from models.programs.language.refusals import Refusal, excerpt

ReadStatements = Callable[[Sequence[ast.stmt], Scope], Ids]

CLOSING = (ast.Return, ast.Break, ast.Continue)
"""What nothing may follow in a block."""

NEVER_REACHED = ("this is never reached, a return, break or continue stands before it", "remove it")

_FORMS = (
    "a while loop must count: `while i < bound:` or `while i < bound and condition:` with `i += 1` "
    "as the last statement of the body; > and -= downwards; `while n > 0:` with `n //= 2` or "
    "`n = x % n`. The bound is a number, an int variable, or len of a list or str variable"
)

_OPERATORS: dict[type[ast.cmpop], str] = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_STEPS: dict[tuple[type[ast.operator], str], str] = {
    (ast.Add, "lt"): "while_lt",
    (ast.Add, "le"): "while_le",
    (ast.Sub, "gt"): "while_gt",
    (ast.Sub, "ge"): "while_ge",
    (ast.FloorDiv, "gt"): "shrink_gt",
    (ast.Mod, "gt"): "shrink_gt",
}
"""Step and comparison -> kind of loop."""

_STEP_NAMES: dict[type[ast.operator], str] = {
    ast.Add: "step_add",
    ast.Sub: "step_sub",
    ast.FloorDiv: "step_floordiv",
    ast.Mod: "step_mod",
}


@dataclass(frozen=True, kw_only=True)
class _Test:
    """A while's condition: `counter comparison bound [and more]`."""

    counter: ast.Name
    comparison: str
    bound: ast.expr
    more: ast.expr | None


@dataclass(frozen=True, kw_only=True)
class _Step:
    """The last statement of a while's body: what happens to the counter and by how much."""

    counter: ast.Name
    operator: type[ast.operator]
    amount: ast.expr


def read_while(node: ast.While, scope: Scope, read_statements: ReadStatements) -> Ids:
    """Return the derivation of a while loop.

    Raises:
        Refusal: it does not count, or something in it is outside the language.
    """
    step = _step(node.body[-1])
    test = _test(node.test, step.counter.id)
    kind = _STEPS.get((step.operator, test.comparison))
    if kind is None:
        raise _uncounted(node.body[-1])
    if scope.type_of(test.counter) != "int":
        raise Refusal(test.counter, "{} is no int", _FORMS, it=repr(test.counter.id))
    counter = scope.changeable(test.counter)
    bound, held = _bound(test.bound, scope, is_literal=kind == "shrink_gt")
    if counter in held:
        raise Refusal(test.bound, "{} never passes itself", _FORMS, it=repr(test.counter.id))
    condition: Ids = []
    if test.more is not None:
        kind += "_and"
        condition = read_condition(test.more, scope)
    why = f"the loop in line {node.lineno} counts by it"
    inner = scope.nested([(slot, why) for slot in (counter, *held)])
    body = read_statements(node.body[:-1], inner)
    if len(node.body) > 1 and isinstance(node.body[-2], CLOSING):
        raise Refusal(node.body[-1], *NEVER_REACHED)
    of = language()
    end = [of.id_of(_STEP_NAMES[step.operator]), *_amount(step, inner)]
    return [of.id_of(kind), of.slot_id("SLOT", counter), *bound, *condition, *body, *end]


def _test(node: ast.expr, counter: str) -> _Test:
    """Read the condition; the side of the comparison that steps is the counter."""
    more = None
    match node:
        case ast.BoolOp(op=ast.And(), values=[first, second]):
            node, more = first, second
        case ast.BoolOp(op=ast.And(), values=[first, second, *rest]):
            joined = ast.BoolOp(op=ast.And(), values=[second, *rest])
            node, more = first, ast.copy_location(joined, second)
    match node:
        case ast.Compare(left=ast.Name() as left, ops=[op], comparators=[right]) if (
            type(op) in _OPERATORS and left.id == counter
        ):
            comparison = _OPERATORS[type(op)]
            return _Test(counter=left, comparison=comparison, bound=right, more=more)
        case ast.Compare(left=left, ops=[op], comparators=[ast.Name() as right]) if (
            type(op) in _OPERATORS and right.id == counter
        ):
            comparison = _MIRRORED[_OPERATORS[type(op)]]
            return _Test(counter=right, comparison=comparison, bound=left, more=more)
        case _:
            raise _uncounted(node)


def _step(node: ast.stmt) -> _Step:
    match node:
        case ast.AugAssign(target=ast.Name() as target, op=op, value=value) if type(op) in (
            ast.Add,
            ast.Sub,
            ast.FloorDiv,
        ):
            return _Step(counter=target, operator=type(op), amount=value)
        case ast.Assign(
            targets=[ast.Name() as target],
            value=ast.BinOp(left=left, op=ast.Mod(), right=ast.Name(id=name)),
        ) if name == target.id:
            return _Step(counter=target, operator=ast.Mod, amount=left)
        case ast.Assign(
            targets=[ast.Name() as target],
            value=ast.BinOp(left=ast.Name(id=name), op=op, right=value),
        ) if name == target.id and type(op) in (ast.Add, ast.Sub, ast.FloorDiv):
            return _Step(counter=target, operator=type(op), amount=value)
        case _:
            raise _uncounted(node)


def _bound(node: ast.expr, scope: Scope, *, is_literal: bool) -> tuple[Ids, list[int]]:
    """Return the derivation of a bound and the slots that must not change for it to hold."""
    literal = read_literal(node, 0)
    if literal is not None:
        return literal, []
    if not is_literal:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)):
                return read_expression(node, scope).ids, []
            case ast.Name():
                return read_typed(node, "int", scope, "a bound"), [scope.slot(node)]
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name() as name]) if scope.type_of(
                name
            ) in ("str", *ITEM_OF):
                return read_typed(node, "int", scope, "a bound"), [scope.slot(name)]
    raise Refusal(node, "{} is no bound", _FORMS, it=excerpt(node))


def _amount(step: _Step, scope: Scope) -> Ids:
    if step.operator is ast.Mod:
        return read_typed(step.amount, "int", scope, "a step")
    least = 2 if step.operator is ast.FloorDiv else 1
    literal = read_literal(step.amount, least)
    if literal is None:
        what = f"{{}} is no number from {least} on"
        raise Refusal(step.amount, what, _FORMS, it=excerpt(step.amount))
    return literal


def _uncounted(node: ast.AST) -> Refusal:
    reason = "a while loop that does not count to a bound by its last statement"
    return Refusal(node, reason, text=f"{excerpt(node)}: {_FORMS}")
