"""Python expressions to derivations, with their types."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.programs.language.comprehensions import GATHERS, Values, gathering, read_values
from models.programs.language.constructs import instead_of, refused_expression
from models.programs.language.contexts import is_never_negative
from models.programs.language.filling import fill
from models.programs.language.hashed_reading import (
    as_listed,
    check_owner,
    check_parts,
    is_empty,
    read_hashed,
)
from models.programs.language.joined_parts import read_joined, read_long_list
from models.programs.language.kinds import MAPS, NONTERMINAL_OF, SETS, Type, language, said
from models.programs.language.literals import constant_ids, is_one, read_constant, read_literal
from models.programs.language.reading_scope import Scope
from models.programs.language.refusals import Refusal, excerpt
from models.programs.language.rewriting import at, call, method_meant, simplified
from models.programs.language.templates import (
    ExpressionTemplate,
    expression_templates,
    shape,
)

Ids = list[int]


@dataclass(frozen=True, kw_only=True)
class TypedExpression:
    """An expression that was read: its type and its derivation."""

    type: Type
    ids: Ids


def read_expression(node: ast.expr, scope: Scope) -> TypedExpression:
    """Return the type and the derivation of an expression; see `simplified`.

    Raises:
        Refusal: it is outside the language.
    """
    method = method_meant(node)
    node = simplified(node)
    typed = _read(node, scope)
    if method is not None:
        check_owner(node, method, typed.type)
    if typed.type == "texts":
        scope.need_texts(node)
    return typed


def read_value(node: ast.expr, scope: Scope, wanted: Type | None) -> TypedExpression:
    """Return an expression of which the type is said: `[]` may be texts, `{}` any dictionary.

    Raises:
        Refusal: it is outside the language.
    """
    if wanted is None or wanted not in ("texts", *SETS, *MAPS):
        return read_expression(node, scope)
    if wanted == "texts":
        scope.need_texts(node)
    node = simplified(node)
    match node:
        case ast.List(elts=[]) if wanted == "texts":
            return TypedExpression(type="texts", ids=[language().id_of("empty_texts")])
        case ast.Call() | ast.Dict() if is_empty(node, wanted):
            return TypedExpression(type=wanted, ids=[language().id_of(f"empty_{wanted}")])
        case ast.IfExp():
            return _conditional(node, scope, wanted)
        case _:
            return read_expression(node, scope)


def _read(  # noqa: PLR0911, PLR0912  (one a kind)
    node: ast.expr, scope: Scope
) -> TypedExpression:
    if (listed := as_listed(node, scope)) is not None:
        return read_expression(at(listed, node), scope)
    hashed = read_hashed(node, scope, read_expression, read_condition, read_typed)
    if hashed is not None:
        return TypedExpression(type=hashed[0], ids=hashed[1])
    match node:
        case ast.Name():
            value_type = scope.type_of(node)
            lhs = NONTERMINAL_OF[value_type]
            return TypedExpression(type=value_type, ids=[language().slot_id(lhs, scope.slot(node))])
        case ast.Constant():
            value_type, ids = read_constant(node)
            return TypedExpression(type=value_type, ids=ids)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if is_one(value):
            return TypedExpression(type="int", ids=constant_ids("INT", -1))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return TypedExpression(type="bool", ids=_negated(operand, scope))
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
            return _power(node, base, exponent, scope)
        case ast.List(elts=[_, _, _, _, *_]):
            list_type, ids = read_long_list(node, scope, read_expression, read_typed)
            return TypedExpression(type=list_type, ids=ids)
        case ast.JoinedStr(values=parts):
            ids = read_joined(parts, scope, read_expression)
            return TypedExpression(type="str", ids=ids)
        case ast.IfExp():
            return _conditional(node, scope)
        case ast.ListComp():
            return _listed(read_values(node, scope, read_expression, read_condition))
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[nothing]) if (
            _is_nothing(nothing, left, scope)
        ):
            zero = at(ast.Constant(value=0), nothing)
            length = ast.Compare(left=call("len", left), ops=node.ops, comparators=[zero])
            return read_expression(at(length, node), scope)
        case ast.Call(args=[ast.GeneratorExp() | ast.ListComp() as values], keywords=[]) if (
            how := gathering(node)
        ) is not None:
            return _gathered_by(node, how, values, scope)
        case _:
            return _from_templates(node, scope)


def read_typed(node: ast.expr, value_type: Type, scope: Scope, place: str, name: str = "") -> Ids:
    """Return the derivation of an expression that must have a certain type.

    Args:
        node: the expression.
        value_type: its type.
        scope: of the block it is in.
        place: what the expression is for, for the message; `{}` stands for the name.
        name: of a variable.

    Raises:
        Refusal: it is outside the language or has another type.
    """
    typed = read_expression(node, scope)
    if typed.type != value_type:
        raise Refusal(
            node,
            f"{place} that is {said(typed.type)}, not {said(value_type)}",
            text=f"{excerpt(node)} is {said(typed.type)}, {place.replace('{}', repr(name))} must "
            f"be {said(value_type)}",
        )
    return typed.ids


def read_condition(node: ast.expr, scope: Scope) -> Ids:
    """Return the derivation of a condition; texts, lists and numbers count as Python counts them.

    Raises:
        Refusal: it is outside the language.
    """
    node = simplified(node)
    if isinstance(node, ast.BoolOp):
        kind = "and" if isinstance(node.op, ast.And) else "or"
        first, second = node.values
        return [
            language().id_of(kind),
            *read_condition(first, scope),
            *read_condition(second, scope),
        ]
    num_slots = len(scope.slots.names)
    typed = read_expression(node, scope)
    return _is_some(node, typed, scope, _SOME, num_slots)


def _negated(node: ast.expr, scope: Scope) -> Ids:
    """Return the derivation of `not node`."""
    node = simplified(node)
    if isinstance(node, ast.BoolOp):
        return [language().id_of("not"), *read_condition(node, scope)]
    num_slots = len(scope.slots.names)
    typed = read_expression(node, scope)
    if typed.type == "bool":
        return [language().id_of("not"), *typed.ids]
    return _is_some(node, typed, scope, _NONE, num_slots)


_SOME: dict[Type, tuple[str, ...]] = {
    "int": ("ne",),
    "str": ("gt", "len_str"),
    "list": ("gt", "len_list"),
    "texts": ("gt", "len_texts"),
    "float": ("ne_float_int",),
}
_NONE: dict[Type, tuple[str, ...]] = {
    "int": ("eq",),
    "str": ("eq", "len_str"),
    "list": ("eq", "len_list"),
    "texts": ("eq", "len_texts"),
    "float": ("eq_float_int",),
}
"""How a value that is no bool is compared with 0 where it is a condition, and where it is not."""


def _is_some(
    node: ast.expr,
    typed: TypedExpression,
    scope: Scope,
    kinds: Mapping[Type, tuple[str, ...]],
    num_slots: int,
) -> Ids:
    """Return the derivation of a condition that is a bool, or is compared with nothing."""
    if typed.type == "bool":
        return typed.ids
    if not scope.slots.counts_values:
        text = f"{excerpt(node)} is {said(typed.type)}, a condition must be bool"
        raise Refusal(node, f"a condition that is {said(typed.type)}, not bool", text=text)
    if typed.type in SETS or typed.type in MAPS:
        scope.forget(num_slots)
        op, zero = (ast.Gt if kinds is _SOME else ast.Eq)(), at(ast.Constant(value=0), node)
        length = ast.Compare(left=call("len", node), ops=[op], comparators=[zero])
        return read_expression(at(length, node), scope).ids
    return [*map(language().id_of, kinds[typed.type]), *typed.ids, *constant_ids("INT", 0)]


def _is_nothing(node: ast.expr, left: ast.expr, scope: Scope) -> bool:
    """Tell whether something is compared with nothing at all of its type: texts with `[]`, ..."""
    if isinstance(node, ast.List) and not node.elts:
        return _type_of(left, scope) == "texts"
    return is_empty(node) and is_empty(node, _type_of(left, scope))


def _type_of(node: ast.expr, scope: Scope) -> Type:
    """Return the type of an expression, without a trace of having read it."""
    num_slots = len(scope.slots.names)
    found = read_expression(node, scope).type
    scope.forget(num_slots)
    return found


def names_a_list(node: ast.expr) -> bool:
    """Tell whether the value of an expression may be a list, or so, that already has a name."""
    if isinstance(node, ast.IfExp):
        return names_a_list(node.body) or names_a_list(node.orelse)
    return isinstance(node, ast.Name)


def _from_templates(node: ast.expr, scope: Scope) -> TypedExpression:
    """Read by the templates that fit best; which of them, the types of the parts decide."""
    candidates = expression_templates().get(shape(node), ())
    if not candidates:
        raise refused_expression(node)
    filled = [
        (item, holes) for item in candidates if (holes := fill(item.syntax, node)) is not None
    ]
    if not filled:
        raise Refusal(
            node,
            f"another form of {_title(node)} than the language has",
            text=f"{excerpt(node)} is not in the language: {_forms(candidates)}",
        )
    # `sorted(set(x))` also looks like `sorted(a)`, but no value is a set: the larger one is meant.
    # Where types decide for a smaller one, as in `"".join(sorted(words))`, it is another value.
    num_slots = len(scope.slots.names)
    refusal = None
    for size in sorted({item.size for item, _ in filled}, reverse=True):
        of_size = [pair for pair in filled if pair[0].size == size]
        try:
            return _by_types(node, [item for item, _ in of_size], of_size[0][1], scope)
        except Refusal as refused:
            refusal = refusal or refused
            scope.forget(num_slots)
    assert refusal is not None  # there was at least one size
    raise refusal


def _by_types(
    node: ast.expr,
    fitting: Sequence[ExpressionTemplate],
    holes: Mapping[str, ast.expr],
    scope: Scope,
) -> TypedExpression:
    """Read by the template whose types are those of the parts."""
    num_slots = len(scope.slots.names)
    parts = [read_expression(holes[name], scope) for name in sorted(holes)]
    types: tuple[Type, ...] = tuple(part.type for part in parts)
    for template in fitting:
        if template.arguments == types:
            nodes = [holes[name] for name in sorted(holes)]
            check_parts(template.kind.name, [part.ids for part in parts], nodes)
            return _typed(template, parts)
        if isinstance(node, ast.BinOp) and template.swaps and template.arguments == types[::-1]:
            # Slots are numbered in the order of the derivation.
            scope.forget(num_slots)
            return _typed(template, [read_expression(holes[name], scope) for name in "ba"])
    raise Refusal(
        node,
        f"{_title(node)} of {' and '.join(map(said, types))}",
        text=f"{excerpt(node)} has {' and '.join(map(said, types))}: {_forms(fitting)}"
        f"{instead_of(node)}",
    )


def _title(node: ast.expr) -> str:
    """Return what kind of expression a node is, as a reader of Python names it."""
    return name if (name := shape(node)).endswith("()") else type(node).__name__


def _typed(template: ExpressionTemplate, parts: Sequence[TypedExpression]) -> TypedExpression:
    ids = [template.kind.id]
    for part in parts:
        ids += part.ids
    return TypedExpression(type=template.result, ids=ids)


def _forms(templates: Sequence[ExpressionTemplate]) -> str:
    return f"allowed is {'; '.join(dict.fromkeys(item.text for item in templates))}"


def _gathered_by(
    node: ast.Call, how: str, values: ast.GeneratorExp | ast.ListComp, scope: Scope
) -> TypedExpression:
    """Read `sum(... for ...)`, `"".join(... for ...)` and so on."""
    counts = how in ("any", "all")
    read = read_values(values, scope, read_expression, read_condition, is_condition=counts)
    if isinstance(values, ast.ListComp) and (how, read.type) in _OF_LIST:
        outer = language().id_of(_OF_LIST[how, read.type])
        return TypedExpression(type=read.type, ids=[outer, *_listed(read).ids])
    kind = GATHERS.get((how, read.type))
    if kind is None:
        raise Refusal(
            values, f"{how} of values that are {said(read.type)}", text=f"{excerpt(values)}: {how} "
            f"goes over {' or '.join(each for name, each in GATHERS if name == how)}, not "
            f"{said(read.type)}",
        )  # fmt: skip
    more: Ids = []
    if isinstance(node.func, ast.Attribute):
        more = read_typed(node.func.value, "str", scope, "what joins texts")
    return _gathered(kind, read, more)


_OF_LIST: Mapping[tuple[str, Type], str] = {
    ("sum", "int"): "sum",
    ("min", "int"): "min_list",
    ("max", "int"): "max_list",
    ("min", "str"): "min_texts",
    ("max", "str"): "max_texts",
}


def _listed(values: Values) -> TypedExpression:
    """Return a list comprehension."""
    return _gathered("texts_of" if values.type == "str" else "list_of", values)


def _gathered(kind: str, values: Values, more: Sequence[int] = ()) -> TypedExpression:
    production = language().named(kind)
    if production.children[0] != f"GEN_{NONTERMINAL_OF[values.type]}":
        raise Refusal(
            values.node,
            f"a list of {said(values.type)}",
            "a list holds int or str",
            it=excerpt(values.node),
        )
    assert production.type is not None  # of an expression
    return TypedExpression(type=production.type, ids=[production.id, *values.ids, *more])


def _power(node: ast.expr, base: ast.expr, exponent: ast.expr, scope: Scope) -> TypedExpression:
    """Read a power: by a literal number, or to a float, of what is never negative."""
    of, raised = language(), read_expression(base, scope)
    if raised.type not in ("int", "float"):
        allowed = "int and float are raised to a power"
        raise Refusal(base, f"** of {said(raised.type)}", allowed, it=excerpt(base))
    is_int = raised.type == "int"
    literal = read_literal(exponent, 0)
    if literal is not None:
        kind = "pow" if is_int else "pow_float"
        return TypedExpression(type=raised.type, ids=[of.id_of(kind), *raised.ids, *literal])
    power = read_expression(exponent, scope)
    if power.type != "float":
        allowed = "the exponent is a number from 0 on, or a float"
        raise Refusal(node, "** with another exponent than a number", allowed, it=excerpt(node))
    if not is_never_negative(of.kinds[raised.ids[0]]):
        allowed = "its root would be complex: write abs(...) ** ..."
        raise Refusal(base, "{} may be negative", allowed, it=excerpt(base))
    kind = "power_int" if is_int else "power"
    return TypedExpression(type="float", ids=[of.id_of(kind), *raised.ids, *power.ids])


def _conditional(node: ast.IfExp, scope: Scope, wanted: Type | None = None) -> TypedExpression:
    condition = read_condition(node.test, scope)
    then, otherwise = (read_value(part, scope, wanted) for part in (node.body, node.orelse))
    if then.type != otherwise.type:
        raise Refusal(
            node,
            f"IfExp of {said(then.type)} and {said(otherwise.type)}",
            text=f"{excerpt(node)} has {said(then.type)} and {said(otherwise.type)}: both sides of "
            "an if must be of one type",
        )
    ids = [language().id_of(f"if_{then.type}"), *condition, *then.ids, *otherwise.ids]
    return TypedExpression(type=then.type, ids=ids)
