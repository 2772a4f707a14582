"""Random comprehensions, and loops with two variables: what they go over, and their values."""

from collections.abc import Callable

from models.programs.data.drafts import Scope, Variable, choose, constant, node
from models.programs.language.kinds import MAPS, SLOT, Type
from models.programs.language.tree import Node

MakeCondition = Callable[[Scope, Variable, int], Node]
"""Makes a condition in which a variable occurs, of about so many nodes."""

MakeValue = Callable[[Scope, Variable, int, Type], Node]
"""Makes a value of a type, too."""

ITEMS_OF = tuple(f"items_{of}" for of in MAPS)
"""The items of dictionaries, of each type."""

Over = str
"""`list`, `str`, `range`, `words`, `split`, one of these behind `enumerate_` or `zip_`, or one of
ITEMS_OF."""

_FILTERED = 0.75
"""Share of the comprehensions with a condition."""


def comprehension(
    scope: Scope, value_type: Type, size: int, value: MakeValue, condition: MakeCondition
) -> Node | None:
    """Return the values of a comprehension, or None where there is nothing to go over.

    Args:
        scope: of the expression it is in.
        value_type: of the values.
        size: about as many nodes.
        value: makes a value, or a key.
        condition: makes a condition.
    """
    over = draw_over(scope, {"list": 6, "str": 4, "range": 3, "enumerate_list": 1.5,
                             "enumerate_str": 0.7, "zip_list": 1, "zip_str": 0.7, "words": 0.8,
                             "split": 0.8, "texts": 5, "enumerate_texts": 0.7,
                             "zip_texts": 0.5,
                             **dict.fromkeys(ITEMS_OF, 2)})  # fmt: skip
    if over is not None and value_type in MAPS and over[0] in ("words", "split"):
        over = "str", over[1][:1]  # the parts of a text are no source of their own here
    if over is None:
        return None
    name, sources = over
    variables = new_variables(scope, name, sources)
    inner = scope.plus(*variables)
    about = scope.rng.choice(variables)
    parts = list(sources)
    if scope.rng.random() < _FILTERED:
        parts.append(node("where", condition(inner, scope.rng.choice(variables), size // 2)))
    if value_type in MAPS:
        key_type, item_type = MAPS[value_type]
        parts.append(value(inner, about, size // 3, key_type))
        about = scope.rng.choice(variables)
    else:
        item_type = value_type
    parts.append(value(inner, about, size // 2, item_type))
    kind = "list" if name == "range" else name
    return node(f"{value_type}_over_{kind}", *parts, slot=variables[0].slot)


def draw_over(scope: Scope, weights: dict[Over, float]) -> tuple[Over, list[Node]] | None:
    """Return what to go over and the expressions for it, or None where the scope offers nothing."""
    offered = {over: weight for over, weight in weights.items() if _sources(over, scope)}
    if not offered:
        return None
    name = choose(scope.rng, offered)
    variables = _sources(name, scope)
    if name == "range":
        end = scope.read(scope.rng.choice(variables))
        if scope.rng.random() < 0.5:
            return name, [node("range_1", end)]
        if scope.rng.random() < 0.6:
            end = node("add", end, constant(1))
        return name, [node("range_2", constant(scope.rng.choice((1, 1, 2))), end)]
    first = scope.read(scope.rng.choice(variables))
    if not name.startswith("zip"):
        by = [constant(scope.rng.choice((" ", " ", ",", "-", "a")))] if name == "split" else []
        return name, [first, *by]
    others = [v for v in variables if v.slot != first.slot]
    if others:
        return name, [first, scope.read(scope.rng.choice(others))]
    kind = f"slice_{name.removeprefix('zip_')}_l"
    return name, [first, node(kind, Node(kind=SLOT, slot=first.slot), constant(1))]


def new_variables(scope: Scope, over: Over, sources: list[Node]) -> list[Variable]:
    """Return the variables, one or two, that run over something."""
    invent, first = scope.draft.invent, sources[0].slot
    if over in ("words", "split"):
        return [invent("str", "word")]
    for of, pair in MAPS.items():
        if over == f"items_{of}":
            return [invent(item, "item" if item == "int" else "word") for item in pair]
    items = ("str", "character") if over.endswith("str") else ("int", "item")
    items = ("str", "word") if over.endswith("texts") else items
    if over.startswith("enumerate"):
        return [invent("int", "index", first), invent(*items)]
    if over.startswith("zip"):
        return [invent(*items), invent(*items)]
    return [invent("int", "index")] if over == "range" else [invent(*items)]


def _sources(over: Over, scope: Scope) -> list[Variable]:
    """Return the variables that can be gone over."""
    if over == "range":
        return [v for v in scope.of_type("int") if v.role in ("parameter", "local")]
    for of in MAPS:
        if over == f"items_{of}":
            return scope.of_type(of)
    if over.endswith("list"):
        return scope.of_type("list")
    if over.endswith("texts"):
        return scope.of_type("texts")
    return [v for v in scope.of_type("str") if v.role != "character"]
