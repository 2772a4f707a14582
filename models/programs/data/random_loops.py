"""Random loops: what they go over, with what comes before and at the end of their bodies."""

from collections.abc import Callable, Sequence
from functools import partial

from models.programs.data.drafts import Scope, Variable, choose, constant, node
from models.programs.data.random_comprehensions import ITEMS_OF, draw_over, new_variables
from models.programs.data.random_expressions import comparison, expression, pick
from models.programs.data.random_hashed import HASHED, item_of_list, list_over
from models.programs.language.tree import Node

Body = Callable[[Scope], Sequence[Node]]
"""Makes the statements of a body, not empty, from what it sees."""

_MAX_NESTED_LOOPS = 2
"""Loops in each other at most."""


_HUMAN = {"while": 0.3, "while_places": 0.2, "divide": 0.3, "shrink": 0.4, "places": 0.5,
          "places_of_text": 0.6}  # fmt: skip
"""How much more often people write a loop than the plain style does."""


def may_loop(scope: Scope) -> bool:
    """Tell whether another loop may stand in a block."""
    return scope.num_loops < _MAX_NESTED_LOOPS and scope.draft.has_room


def random_loop(scope: Scope, body: Body) -> tuple[list[Node], Scope]:
    """Return a loop with the statements that it needs before it, and the scope behind it."""
    lists = [v for v in scope.of_type("list") if v.role != "result" or v.slot in scope.frozen]
    texts = [v for v in scope.of_type("str") if v.role != "character"]
    texts = [v for v in texts if v.role != "result"] or texts
    weights = {"range": 2.5, "while": 1.2}
    if scope.of_type("int"):
        weights |= {"shrink": 0.8, "divide": 0.3}
    if lists:
        weights |= {"items": 5.0, "some_items": 1.2, "while_places": 1.5}
    if scope.of_type("list"):
        # The items of a list that is being built can only be changed in such a loop.
        weights["places"] = 5.0 if len(lists) < len(scope.of_type("list")) else 2.5
    named = [v for v in scope.of_type("texts") if v.role != "result" or v.slot in scope.frozen]
    if named:
        weights |= {"items_of_texts": 5.0, "places_of_texts": 1.5}
    if texts:
        weights |= {"characters": 5.0, "places_of_text": 2.0, "words": 1.2}
    hashed = [v for v in scope.visible if v.type in HASHED]
    if hashed:
        weights["listed"] = 5.0
    if scope.draft.style == "human":
        weights = {name: _HUMAN.get(name, 1.0) * weight for name, weight in weights.items()}
        weights["pairs"] = 2.0
    kind = choose(scope.rng, weights)
    if kind == "pairs":
        return _pairs(scope, body)
    going_on = partial(_going_on, body)
    if kind in _FREE_MAKERS:
        return _FREE_MAKERS[kind](scope, going_on)
    # The places of a list may be gone over while its items change.
    over = {"items": lists, "while_places": lists, "places": scope.of_type("list")}
    over |= {**dict.fromkeys(("items_of_texts", "places_of_texts"), named), "listed": hashed}
    return _MAKERS[kind](scope, pick(scope, over.get(kind, texts)), going_on)


def _pairs(scope: Scope, body: Body) -> tuple[list[Node], Scope]:
    """Return a loop with two variables; or over numbers, where there is nothing for one."""
    over = draw_over(
        scope,
        {"enumerate_list": 3, "enumerate_str": 1, "zip_list": 1.5, "zip_str": 1,
         "enumerate_texts": 2, "zip_texts": 1, **dict.fromkeys(ITEMS_OF, 4)},
    )  # fmt: skip
    if over is None:
        return _range(scope, partial(_going_on, body))
    name, sources = over
    variables = new_variables(scope, name, sources)
    frozen = [item.slot for item in sources if item.slot is not None]
    inner = scope.nested(*variables, frozen=frozen, is_loop=True)
    block = _going_on(body, inner)
    return [node(f"for_{name}", *sources, slot=variables[0].slot, blocks=[block])], scope


def _items(scope: Scope, over: Variable, body: Body) -> tuple[list[Node], Scope]:
    is_list = over.type == "list"
    item = scope.draft.invent(*(("int", "item") if is_list else ("str", "word")))
    inner = scope.nested(item, frozen=[over.slot], is_loop=True)
    kind = "for_slot" if is_list else "for_slot_texts"
    return [node(kind, scope.read(over), slot=item.slot, blocks=[body(inner)])], scope


def _listed(scope: Scope, over: Variable, body: Body) -> tuple[list[Node], Scope]:
    """Return a loop over the keys or values of a dictionary, or over the sorted items of a set."""
    listed = list_over(scope, over)
    item_type = item_of_list(listed)
    item = scope.draft.invent(item_type, "item" if item_type == "int" else "word")
    inner = scope.nested(item, frozen=[over.slot], is_loop=True)
    kind = "for_list" if item_type == "int" else "for_texts"
    return [node(kind, listed, slot=item.slot, blocks=[body(inner)])], scope


def _characters(scope: Scope, over: Variable, body: Body) -> tuple[list[Node], Scope]:
    character = scope.draft.invent("str", "character")
    text = scope.read(over)
    if scope.rng.random() < 0.15:
        text = node(scope.rng.choice(("lower", "upper")), text)
    inner = scope.nested(character, is_loop=True)
    return [node("for_str", text, slot=character.slot, blocks=[body(inner)])], scope


def _words(scope: Scope, over: Variable, body: Body) -> tuple[list[Node], Scope]:
    word = scope.draft.invent("str", "word")
    inner = scope.nested(word, is_loop=True)
    return [node("for_words", scope.read(over), slot=word.slot, blocks=[body(inner)])], scope


def _places(scope: Scope, over: Variable, body: Body) -> tuple[list[Node], Scope]:
    """Return a loop over the places of a list or a text: all, all but the first, or backwards."""
    index = scope.draft.invent("int", "index", over.slot)
    length = node(f"len_{over.type}", scope.read(over))
    kind = scope.rng.random()
    if kind < 0.6:
        head, numbers = "for_range_1", [length]
    elif kind < 0.8:
        head, numbers = "for_range_2", [constant(1), length]
    elif kind < 0.9:
        last = node("sub", length, constant(1))
        head, numbers = "for_range_3", [last, constant(-1), constant(-1)]
    else:
        head, numbers = "for_range_3", [constant(0), length, constant(2)]
    inner = scope.nested(index, is_loop=True)
    return [node(head, *numbers, slot=index.slot, blocks=[body(inner)])], scope


def _some_items(scope: Scope, body: Body) -> tuple[list[Node], Scope]:
    """Return a loop over a list that is made for it."""
    items = expression(scope, "list", 4)
    if items.kind in ("slot", "if_list"):  # the language has no second names for lists
        items = node("sorted", items)
    item = scope.draft.invent("int", "item")
    inner = scope.nested(item, is_loop=True)
    return [node("for_list", items, slot=item.slot, blocks=[body(inner)])], scope


def _range(scope: Scope, body: Body) -> tuple[list[Node], Scope]:
    """Return a loop over numbers up to a variable, a constant or an expression."""
    rng = scope.rng
    numbers = [v for v in scope.of_type("int") if v.role in ("parameter", "index", "local")]
    if numbers and rng.random() < 0.75:
        end = scope.read(pick(scope, numbers))
        if rng.random() < 0.3:
            end = node("add", end, constant(1))
    else:
        end = (
            constant(rng.choice((3, 4, 5, 10)))
            if rng.random() < 0.6
            else expression(scope, "int", 3)
        )
    index = scope.draft.invent("int", "index")
    inner = scope.nested(index, is_loop=True)
    kind = rng.random()
    if kind < 0.6:
        head, parts = "for_range_1", [end]
    elif kind < 0.9:
        head, parts = "for_range_2", [constant(rng.choice((1, 1, 2))), end]
    else:
        head, parts = "for_range_3", [end, constant(0), constant(-1)]
    return [node(head, *parts, slot=index.slot, blocks=[body(inner)])], scope


def _while(scope: Scope, body: Body) -> tuple[list[Node], Scope]:
    """Return a loop that counts up or down to a bound, perhaps until a condition fails."""
    rng = scope.rng
    counter = scope.draft.invent("int", "counter")
    bounds = [v for v in scope.of_type("int") if v.role in ("parameter", "local")]
    outer = scope.plus(counter)
    upwards = rng.random() < 0.75
    if upwards:
        start = constant(rng.choice((0, 0, 1, 2)))
        bound = scope.read(pick(scope, bounds)) if bounds else constant(rng.choice((5, 10, 20)))
    else:
        start = scope.read(pick(scope, bounds)) if bounds else constant(10)
        bound = constant(rng.choice((0, 0, 1)))
    head = rng.choice(("while_lt", "while_lt", "while_le") if upwards else ("while_gt", "while_ge"))
    step = node(
        "step_add" if upwards else "step_sub",
        constant(rng.choice((1, 1, 1, 2, 3))),
        slot=counter.slot,
    )
    frozen = [counter.slot, *([bound.slot] if bound.slot is not None else [])]
    loop = _counting(outer, head, (bound, frozen), step, body)
    return [node("let_int", start, slot=counter.slot), loop], outer


def _while_places(scope: Scope, over: Variable, body: Body) -> tuple[list[Node], Scope]:
    """Return a while over the places of a list."""
    counter = scope.draft.invent("int", "counter", over.slot)
    outer = scope.plus(counter)
    bound = node("len_list", scope.read(over))
    start = constant(scope.rng.choice((0, 0, 1)))
    step = node("step_add", constant(scope.rng.choice((1, 1, 1, 2))), slot=counter.slot)
    loop = _counting(outer, "while_lt", (bound, [counter.slot, over.slot]), step, body)
    return [node("let_int", start, slot=counter.slot), loop], outer


def _counting(
    scope: Scope, head: str, bound: tuple[Node, Sequence[int]], step: Node, body: Body
) -> Node:
    """Return a while with its step at the end.

    Args:
        scope: with the counter.
        head: kind without its condition.
        bound: with the slots that are frozen in the body.
        step: changes the counter.
        body: makes the rest.
    """
    limit, frozen = bound
    parts = [limit]
    if scope.rng.random() < 0.35:
        parts.append(comparison(scope, 5))
    inner = scope.nested(frozen=frozen, is_loop=True, in_for=False)
    kind = head if len(parts) == 1 else f"{head}_and"
    return node(kind, *parts, slot=step.slot, blocks=[[*body(inner), step]])


def _going_on(body: Body, scope: Scope) -> list[Node]:
    """Return the statements of a body that may come to its end: a loop is there to go on."""
    *others, last = body(scope)
    if last.family == "return":
        last = node("if", comparison(scope, 5), blocks=[[last]])
    return [*others, last]


def _shrink(scope: Scope, body: Body) -> tuple[list[Node], Scope]:
    """Return a loop over the digits of a number, in some base."""
    rng = scope.rng
    rest = scope.draft.invent("int", "counter")
    outer = scope.plus(rest)
    start = expression(scope, "int", rng.choice((1, 1, 2)))
    if rng.random() < 0.5 and start.kind != "abs":
        start = node("abs", start)
    step = node("step_floordiv", constant(rng.choice((10, 10, 2, 3))), slot=rest.slot)
    inner = outer.nested(frozen=[rest.slot], is_loop=True, in_for=False)
    digit = scope.draft.invent("int", "item")
    take = node("let_int", node("mod", outer.read(rest), step.args[0]), slot=digit.slot)
    inner = inner.plus(digit)
    block = [take, *body(inner), step]
    parts = [constant(0)]
    if rng.random() < 0.15:
        parts.append(comparison(outer, 5))
    kind = "shrink_gt" if len(parts) == 1 else "shrink_gt_and"
    loop = node(kind, *parts, slot=rest.slot, blocks=[block])
    return [node("let_int", start, slot=rest.slot), loop], outer


def _divide(scope: Scope, body: Body) -> tuple[list[Node], Scope]:
    """Return a loop that divides by the remainder again and again, as Euclid did."""
    invent = scope.draft.invent
    whole, part = (expression(scope, "int", scope.rng.choice((1, 1, 3))) for _ in range(2))
    first, second = invent("int", "counter"), invent("int", "counter")
    outer = scope.plus(first, second)
    old = invent("int", "item")
    inner = outer.nested(old, frozen=[first.slot, second.slot], is_loop=True, in_for=False)
    before = [
        node("let_int", whole, slot=first.slot),
        node("let_int", node("abs", part), slot=second.slot),
    ]
    more = body(inner) if scope.rng.random() < 0.4 else []
    block = [
        node("let_int", scope.read(first), slot=old.slot),
        *more,
        node("set_int", scope.read(second), slot=first.slot),
        node("step_mod", scope.read(old), slot=second.slot),
    ]
    loop = node("shrink_gt", constant(0), slot=second.slot, blocks=[block])
    return [*before, loop], outer


_MAKERS = {
    "items": _items,
    "places": _places,
    "while_places": _while_places,
    "characters": _characters,
    "places_of_text": _places,
    "words": _words,
    "items_of_texts": _items,
    "listed": _listed,
    "places_of_texts": _places,
}

_FREE_MAKERS = {
    "range": _range,
    "while": _while,
    "shrink": _shrink,
    "divide": _divide,
    "some_items": _some_items,
}
