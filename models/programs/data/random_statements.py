"""Random statements: assignments, branches and the bodies of loops."""

from collections.abc import Callable, Mapping
from functools import partial

from models.programs.data.drafts import Scope, Variable, choose, constant, node, size_of
from models.programs.data.human_weights import BARE_SHARE, LOCAL_TYPES, STATEMENT_FACTORS
from models.programs.data.random_expressions import (
    about,
    comparison,
    expression,
    leaf,
    pick,
)
from models.programs.data.random_hashed import HASHED, unnamed, update_map, update_set
from models.programs.data.random_loops import may_loop, random_loop
from models.programs.language.kinds import ITEM_OF, MAPS, SETS, SLOT, Type
from models.programs.language.tree import Node

_MIN_LOOP = 9
_MIN_BRANCH = 6
"""Nodes that must be left for a loop, or an `if`, with something in it."""
_MAX_DEPTH = 4


def block(scope: Scope, size: int) -> list[Node]:
    """Return the statements of a nested block of about `size` nodes; at least one does something.

    Nested blocks change variables that exist outside, or return.
    """
    statements, scope = fill(scope, size - 4)
    if not statements or statements[-1].family == "let":
        left = max(4, size - sum(map(size_of, statements)))
        statements.append(_effect(scope, left))
    return statements


def fill(scope: Scope, size: int) -> tuple[list[Node], Scope]:
    """Return statements of about `size` nodes in all, and the scope behind them."""
    statements: list[Node] = []
    left = size
    while left >= 4:
        share = left if left < 10 else scope.rng.randint(min(8, left), left)
        made, scope = _statement(scope, share)
        if not made:
            break
        statements += made
        left -= sum(map(size_of, made))
        if made[-1].family == "return":
            break
    return statements, scope


def new_result(scope: Scope, value_type: Type) -> tuple[Node, Scope]:
    """Return the definition of a variable that loops build up, and the scope with it."""
    value = _start(scope, value_type)
    variable = scope.draft.invent(value_type, "result")
    return node(f"let_{value_type}", value, slot=variable.slot), scope.plus(variable)


def _statement(scope: Scope, size: int) -> tuple[list[Node], Scope]:
    """Return one statement with what it needs before it, and the scope behind it."""
    changeable = scope.changeable()
    weights = {
        "let": 1.5 if scope.draft.has_room and size >= 5 else 0.0,
        "update": (2.0 if scope.num_loops else 0.7) if changeable else 0.0,
        "branch": 2.5 if changeable and size >= _MIN_BRANCH and scope.depth < _MAX_DEPTH else 0.0,
        "guard": 0.8 if size >= _MIN_BRANCH and scope.depth < _MAX_DEPTH else 0.0,
        "exchange": _exchange_weight(scope) if size >= 10 and scope.draft.has_room else 0.0,
        "loop": (1.5 if scope.num_loops else 5.0) if size >= _MIN_LOOP and may_loop(scope) else 0.0,
    }
    if scope.draft.style == "human":
        weights = {name: STATEMENT_FACTORS[name] * each for name, each in weights.items()}
        weights["leave"] = 0.6 if scope.in_for and size >= _MIN_BRANCH else 0.0
        weights["other"] = 0.6 if scope.draft.has_room and changeable else 0.0
    if not any(weights.values()):
        return [], scope
    return _STATEMENTS[choose(scope.rng, weights)](scope, size)


def _let(scope: Scope, size: int) -> tuple[list[Node], Scope]:
    value_type = choose(scope.rng, LOCAL_TYPES[scope.draft.style])
    value = expression(scope, value_type, min(size - 1, scope.rng.randint(3, 7)))
    value = fresh(scope, value) if value_type in ITEM_OF else value
    value = unnamed(value, value_type) if value_type in HASHED else value
    variable = scope.draft.invent(value_type, "local")
    return [node(f"let_{value_type}", value, slot=variable.slot)], scope.plus(variable)


def _updated(scope: Scope, size: int) -> tuple[list[Node], Scope]:
    return [update(scope, size)], scope


def _guard(scope: Scope, size: int) -> tuple[list[Node], Scope]:
    """Return an `if` that ends the program early."""
    condition = comparison(scope, min(size - 3, scope.rng.randint(3, 6)))
    value = expression(scope, scope.draft.returns, min(4, scope.rng.randint(1, 5)))
    returned = node(f"return_{scope.draft.returns}", value)
    return [node("if", condition, blocks=[[returned]])], scope


def _branch(scope: Scope, size: int) -> tuple[list[Node], Scope]:
    condition = comparison(scope, min(size - 4, scope.rng.randint(3, 7)))
    left = size - 1 - size_of(condition)
    if left < 8 or scope.rng.random() < BARE_SHARE[scope.draft.style]:
        return [node("if", condition, blocks=[block(scope.nested(), left)])], scope
    first = scope.rng.randint(4, left - 4)
    blocks = [block(scope.nested(), first), block(scope.nested(), left - first)]
    return [node("if_else", condition, blocks=blocks)], scope


def _leave(scope: Scope, size: int) -> tuple[list[Node], Scope]:
    """Return an `if` that leaves a loop, or its round, as one that does something else may."""
    condition = comparison(scope, min(size - 2, scope.rng.randint(3, 6)))
    how = scope.rng.choice(("break", "break", "continue"))
    block = [node(how)]
    if scope.changeable() and scope.rng.random() < 0.4:
        block.insert(0, update(scope, max(1, size - 4)))
    return [node("if", condition, blocks=[block])], scope


def _other(scope: Scope, size: int) -> tuple[list[Node], Scope]:
    """Return a statement that is rare: two numbers at once, or a method of a list."""
    numbers = [v for v in scope.changeable() if v.type == "int"]
    lists = [v for v in scope.changeable() if v.type in ITEM_OF]
    if len(numbers) > 1 and (not lists or scope.rng.random() < 0.5):
        one, other = scope.rng.sample(numbers, 2)
        added = node("add", scope.read(one), scope.read(other))
        value = added if scope.rng.random() < 0.4 else expression(scope, "int", min(4, size - 3))
        target = Node(kind=SLOT, slot=other.slot)
        return [node("set_two", target, scope.read(other), value, slot=one.slot)], scope
    if not lists:
        return [update(scope, size)], scope
    target = scope.rng.choice(lists)
    kind = choose(scope.rng, {"pop": 3, "insert": 2, "remove": 1, "swap": 2})
    indices = _running_over(scope, target)
    place = scope.read(pick(scope, indices)) if indices else constant(scope.rng.choice((0, -1)))
    parts = {
        "pop": lambda: [place],
        "insert": lambda: [place, expression(scope, ITEM_OF[target.type], min(3, size))],
        "remove": lambda: [expression(scope, ITEM_OF[target.type], min(3, size))],
        "swap": lambda: [place, constant(scope.rng.choice((0, 1, -1)))],
    }[kind]()
    return [node(_OF_LISTS[target.type][kind], *parts, slot=target.slot)], scope


def _exchange_weight(scope: Scope) -> float:
    """Return how often two values change places: in loops, where there are two of a kind."""
    results = [v for v in scope.changeable() if v.role == "result"]
    numbers = [v for v in results if v.type == "int"]
    lists = [v for v in results if v.type == "list" and _running_over(scope, v)]
    return 1.5 * bool(lists) + 0.7 * (len(numbers) > 1) if scope.num_loops else 0.0


def _exchange(scope: Scope, size: int) -> tuple[list[Node], Scope]:
    """Return statements that exchange two items, or that push two numbers one place on."""
    results = [v for v in scope.changeable() if v.role == "result"]
    lists = [v for v in results if v.type == "list" and _running_over(scope, v)]
    kept = scope.draft.invent("int", "local")
    if not lists:
        one, other = scope.rng.sample([v for v in results if v.type == "int"], 2)
        value = expression(scope, "int", min(5, size - 6))
        return [
            node("let_int", value, slot=kept.slot),
            _set(one, scope.read(other)),
            _set(other, scope.read(kept)),
        ], scope
    items = scope.rng.choice(lists)
    index = scope.read(scope.rng.choice(_running_over(scope, items)))
    other = node("sub", index, constant(1)) if scope.rng.random() < 0.7 else constant(0)
    return [
        node("let_int", node("item", scope.read(items), index), slot=kept.slot),
        node("store", index, node("item", scope.read(items), other), slot=items.slot),
        node("store", other, scope.read(kept), slot=items.slot),
    ], scope


def _running_over(scope: Scope, items: Variable) -> list[Variable]:
    """Return the numbers that run over the places of a list."""
    return [v for v in scope.of_type("int") if v.container == items.slot]


def _loop(scope: Scope, size: int) -> tuple[list[Node], Scope]:
    """Return a loop; where there is nothing that it could change, a result is started first."""
    before: list[Node] = []
    results = [v for v in scope.changeable() if v.role == "result"]
    if not results or (scope.rng.random() < 0.2 and len(results) < 3 and scope.draft.has_room):
        first, scope = new_result(scope, _result_type(scope))
        before.append(first)
    made, scope = random_loop(scope, lambda inner: block(inner, size - 4))
    return [*before, *made], scope


def _result_type(scope: Scope) -> Type:
    if scope.rng.random() < 0.7:
        return scope.draft.returns
    return choose(scope.rng, LOCAL_TYPES[scope.draft.style])


def _effect(scope: Scope, size: int) -> Node:
    """Return a statement that matters outside: a change, or the end of the program."""
    if scope.changeable() and scope.rng.random() < 0.85:
        return update(scope, size)
    return node(f"return_{scope.draft.returns}", expression(scope, scope.draft.returns, size - 1))


def update(scope: Scope, size: int) -> Node:
    """Return a statement that changes a variable."""
    changeable = scope.changeable()
    results = [variable for variable in changeable if variable.role == "result"]
    chosen = results if results and scope.rng.random() < 0.8 else changeable
    target = scope.rng.choice(chosen)
    return _UPDATES[target.type](scope, target, min(max(1, size - 2), scope.rng.randint(1, 10)))


def _update_int(scope: Scope, target: Variable, size: int) -> Node:
    weights = {"iadd": 8, "isub": 2, "imul": 1.5, "set": 2.5, "best": 2.5, "mix": 1, "divide": 0.6}
    kind = choose(scope.rng, weights)
    if kind in ("iadd", "isub", "imul"):
        return node(kind, expression(scope, "int", size), slot=target.slot)
    own = scope.read(target)
    if kind == "divide":
        divisor = constant(scope.rng.choice((2, 3, 7, 10, 100)))
        return node(scope.rng.choice(("imod", "ifloordiv")), divisor, slot=target.slot)
    if kind == "best":
        better = scope.rng.choice(("min_2", "max_2"))
        return _set(target, node(better, own, expression(scope, "int", size)))
    if kind == "mix":
        scaled = node("mul", own, constant(scope.rng.choice((2, 3, 10))))
        return _set(target, node("add", scaled, expression(scope, "int", max(1, size - 3))))
    return _set(target, expression(scope, "int", size))


def _update_float(scope: Scope, target: Variable, size: int) -> Node:
    weights = {"iadd_float": 6, "isub_float": 2, "imul_float": 2, "idiv_float": 2, "set": 4}
    kind = choose(scope.rng, weights)
    if kind != "set":
        return node(kind, expression(scope, "float", size), slot=target.slot)
    return _set(target, about(scope, target, "float", max(size, 3)))


def _update_bool(scope: Scope, target: Variable, size: int) -> Node:
    kind = choose(scope.rng, {"constant": 3, "set": 3, "and": 2, "or": 1.5, "not": 1.5})
    if kind == "constant":
        return _set(target, constant(scope.rng.random() < 0.5))
    if kind == "not":
        return _set(target, node("not", scope.read(target)))
    if kind == "set":
        return _set(target, comparison(scope, size))
    return _set(target, node(kind, scope.read(target), comparison(scope, size)))


def _update_str(scope: Scope, target: Variable, size: int) -> Node:
    kind = choose(scope.rng, {"iadd_str": 6, "before": 3, "set": 1.5})
    if kind == "iadd_str":
        return node("iadd_str", expression(scope, "str", size), slot=target.slot)
    if kind == "before":
        added = expression(scope, "str", size)
        return _set(target, node("concat_str", added, scope.read(target)))
    return _set(target, about(scope, target, "str", size))


def _update_list(scope: Scope, target: Variable, size: int) -> Node:
    indices = _running_over(scope, target)
    weights = {"append": 7, "before": 1, "iadd_list": 1, "set": 1, "store": 7 if indices else 0.2}
    kind, item_type = choose(scope.rng, weights), ITEM_OF[target.type]
    of = _OF_LISTS[target.type]
    if kind == "append":
        return node(of[kind], expression(scope, item_type, size), slot=target.slot)
    if kind == "iadd_list":
        return node(of[kind], expression(scope, target.type, size), slot=target.slot)
    if kind == "store":
        index = scope.read(pick(scope, indices)) if indices else constant(0)
        return node(of[kind], index, expression(scope, item_type, size), slot=target.slot)
    if kind == "before":
        added = node(of["list_1"], expression(scope, item_type, size))
        return _set(target, node(of["concat_list"], added, scope.read(target)))
    return _set(target, fresh(scope, about(scope, target, target.type, max(size, 3))))


_OF_NUMBERS = (
    *("append", "iadd_list", "store", "list_1", "concat_list", "pop", "insert", "remove", "swap"),
    *("sorted", "reversed", "slice_list", "copy", "empty"),
)
_OF_TEXTS = (
    *("append_text", "iadd_texts", "store_text", "texts_1", "concat_texts", "pop_text"),
    *("insert_text", "remove_text", "swap_texts", "sorted_texts", "reversed_texts", "slice_texts"),
    *("copy_texts", "empty_texts"),
)
_OF_LISTS: Mapping[Type, Mapping[str, str]] = {
    "list": dict(zip(_OF_NUMBERS, _OF_NUMBERS, strict=True)),
    "texts": dict(zip(_OF_NUMBERS, _OF_TEXTS, strict=True)),
}
"""Kinds of lists of numbers -> those that do the same to lists of each type."""


def _set(target: Variable, value: Node) -> Node:
    return node(f"set_{target.type}", value, slot=target.slot)


def fresh(scope: Scope, value: Node) -> Node:
    """Return a value that gives no list a second name."""
    if value.kind == SLOT:
        assert value.slot is not None  # of a node that reads a slot
        of = _OF_LISTS[scope.draft.variables[value.slot].type]
        return node(of[scope.rng.choice(("sorted", "reversed", "slice_list"))], value)
    if value.kind in ("if_list", "if_texts") and any(
        item.kind in (SLOT, value.kind) for item in value.args[1:]
    ):
        return node("copy" if value.kind == "if_list" else "copy_texts", value)
    return value


def _start(scope: Scope, value_type: Type) -> Node:  # noqa: PLR0911  (one a type)
    """Return what a result starts from."""
    rng = scope.rng
    if value_type == "int":
        return leaf(scope, "int") if rng.random() < 0.3 else constant(rng.choice((0, 0, 0, 1, -1)))
    if value_type == "bool":
        return constant(rng.random() < 0.5)
    if value_type == "float":
        return leaf(scope, "float") if rng.random() < 0.3 else constant(rng.choice((0.0, 0.0, 1.0)))
    if value_type == "str":
        return leaf(scope, "str") if rng.random() < 0.2 else constant("")
    if value_type in HASHED:
        given = scope.of_type(value_type) if rng.random() < 0.15 else []
        return (
            unnamed(scope.read(pick(scope, given)), value_type) if given else _nothing(value_type)
        )
    lists, of = scope.of_type(value_type), _OF_LISTS[value_type]
    if lists and rng.random() < 0.35:
        return node(of[rng.choice(("slice_list", "copy"))], scope.read(pick(scope, lists)))
    return node(of["empty"])


def _nothing(value_type: Type) -> Node:
    return node(f"empty_{value_type}")


_STATEMENTS: Mapping[str, Callable[[Scope, int], tuple[list[Node], Scope]]] = {
    "let": _let,
    "update": _updated,
    "branch": _branch,
    "exchange": _exchange,
    "guard": _guard,
    "loop": _loop,
    "leave": _leave,
    "other": _other,
}

_UPDATES: Mapping[Type, Callable[[Scope, Variable, int], Node]] = {
    "int": _update_int,
    "bool": _update_bool,
    "str": _update_str,
    "list": _update_list,
    "texts": _update_list,
    "float": _update_float,
    **dict.fromkeys(SETS, partial(update_set, expression=expression)),
    **dict.fromkeys(MAPS, partial(update_map, expression=expression)),
}
