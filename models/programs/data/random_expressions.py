"""Random expressions over the variables in scope."""

from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate

from models.programs.data.drafts import Scope, Variable, choose, choose_by, constant, node
from models.programs.data.expression_weights import (
    DIVISORS,
    PART_TYPES,
    TURNS,
    Choice,
    Part,
)
from models.programs.data.human_weights import (
    CHOICES_OF,
    MORE_TEXTS,
    READ_SHARE,
    Style,
)
from models.programs.data.idle_expressions import is_idle
from models.programs.data.random_comprehensions import comprehension
from models.programs.data.random_constants import some_float, some_number, some_text
from models.programs.data.random_hashed import HASHED, literal, of_item
from models.programs.language.contexts import NOT_JOINED
from models.programs.language.kinds import MAPS, SLOT, Type
from models.programs.language.tree import Node

_ROLE_WEIGHTS = {
    "parameter": 2.0,
    "local": 2.0,
    "result": 1.0,
    "item": 5.0,
    "character": 5.0,
    "word": 5.0,
    "index": 3.0,
    "counter": 2.0,
}
_UNUSED_BONUS = 3.0
"""How much more often a variable that nothing has read yet is read."""

_ATTEMPTS = 3

_MOST_PARTS = 4
"""Of an expression."""


def expression(scope: Scope, value_type: Type, size: int) -> Node:
    """Return an expression of a type, of about `size` nodes."""
    for _ in range(_ATTEMPTS):
        kind = _draw_kind(scope, value_type, size)
        if kind is None:
            break
        made = _made(scope, kind, _choices(scope, value_type)[kind], size)
        if not is_idle(made):
            return made
    return leaf(scope, value_type)


def leaf(scope: Scope, value_type: Type) -> Node:  # noqa: PLR0911  (one a type)
    """Return a variable or a constant; for a list without a variable a short new list."""
    rng = scope.rng
    variables = scope.of_type(value_type)
    if variables and rng.random() < READ_SHARE[scope.draft.style]:
        return scope.read(pick(scope, variables))
    if value_type == "int":
        return some_number(rng)
    if value_type == "float":
        return some_float(rng)
    if value_type == "bool":
        return comparison(scope, 3)
    if value_type == "str":
        return some_text(scope)
    if variables:
        return scope.read(pick(scope, variables))
    if value_type in HASHED:
        return literal(scope, value_type, leaf)
    if value_type == "texts":
        text = _variable(scope, "str", 0.7)
        return node("texts_1", some_text(scope)) if text is None else node("split", text)
    number = leaf(scope, "int")
    return node(rng.choice(("list_1", "range_1")), number)


def comparison(scope: Scope, size: int) -> Node:
    """Return a condition that compares or tests something, never a bare variable."""
    rng = scope.rng
    numbers = scope.of_type("int")
    if numbers and rng.random() < 0.2:
        divided = node("mod", scope.read(pick(scope, numbers)), constant(choose(rng, DIVISORS)))
        return node("eq", divided, constant(0 if rng.random() < 0.8 else 1))
    characters = [v for v in scope.visible if v.role == "character"]
    if characters and rng.random() < 0.25:
        return node("in_str", scope.read(pick(scope, characters)), constant("aeiou"))
    kind = _draw_kind(scope, "bool", max(size, 3))
    made = None if kind is None else _made(scope, kind, _choices(scope, "bool")[kind], max(size, 3))
    if made is not None and not is_idle(made):
        return made
    return node(rng.choice(("gt", "lt", "eq")), _number(scope), some_number(rng))


def pick(scope: Scope, variables: list[Variable]) -> Variable:
    """Return one of some variables, rather one that is new or that a loop goes over."""
    used = scope.draft.used
    weights = [
        _ROLE_WEIGHTS[variable.role] * (1 if variable.slot in used else _UNUSED_BONUS)
        for variable in variables
    ]
    return scope.rng.choices(variables, weights)[0]


def about(  # noqa: PLR0911  (one a type)
    scope: Scope, variable: Variable, value_type: Type, size: int
) -> Node:
    """Return an expression of a type in which a certain variable occurs."""
    if variable.type == value_type:
        if size < 3 or scope.rng.random() < 0.6:
            return scope.read(variable)
        return _around(scope, variable, size)
    turns = TURNS.get((variable.type, value_type))
    if turns is None:  # between lists and texts only by way of a number
        number = about(scope, variable, "int", size - 1)
        if value_type == "texts":
            return node("texts_1", node("str_int", number))
        if value_type == "float":
            return node("float_int", number)
        if value_type in HASHED:
            return of_item(value_type, number)
        return node("str_int" if value_type == "str" else "list_1", number)
    kind = choose(scope.rng, turns)
    return _with(scope, kind, value_type, variable, max(size, 3))


def _around(scope: Scope, variable: Variable, size: int) -> Node:
    """Return an expression of a variable's type in which it occurs."""
    for _ in range(_ATTEMPTS):
        kind = _draw_kind(scope, variable.type, size)
        if kind is None:
            break
        parts = _choices(scope, variable.type)[kind].parts
        if any(PART_TYPES.get(part) == variable.type and part != "divisor" for part in parts):
            made = _with(scope, kind, variable.type, variable, size)
            if not is_idle(made):
                return made
    return scope.read(variable)


def _with(scope: Scope, kind: str, value_type: Type, variable: Variable, size: int) -> Node:
    """Return an expression of a kind in which a variable is the first part of its type."""
    parts = _choices(scope, value_type)[kind].parts
    place = [PART_TYPES.get(part) for part in parts].index(variable.type)
    args: list[Node] = []
    share = max(1, (size - 2) // max(1, len(parts) - 1))
    for number, part in enumerate(parts):
        own = scope.read(variable) if number == place else None
        args.append(own or _part(scope, part, share, args))
    return node(kind, *args)


def _draw_kind(scope: Scope, value_type: Type, size: int) -> str | None:
    """Return a kind that is not too large and whose parts the scope offers, or None."""
    if size < 2:
        return None
    kinds, weights = _weights(
        scope.draft.style,
        value_type,
        min(size, _MOST_PARTS + 1),
        has_list=bool(scope.of_type("list")),
        has_str=bool(scope.of_type("str")),
        has_texts=bool(scope.of_type("texts")),
        has_float=bool(scope.of_type("float")),
        hashed=frozenset(v.type for v in scope.visible if v.type in HASHED),
        gathers=_may_gather(scope, size),
    )
    return choose_by(scope.rng, kinds, weights) if kinds else None


@lru_cache(maxsize=1024)
def _weights(
    style: Style,
    value_type: Type,
    size: int,
    *,
    has_list: bool,
    has_str: bool,
    has_texts: bool,
    has_float: bool,
    hashed: frozenset[Type],
    gathers: bool,
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the kinds that are not too large, and their weights added up."""
    weights: dict[str, float] = {}
    for kind, choice in CHOICES_OF[style][value_type].items():
        if len(choice.parts) >= size:
            continue
        if not gathers and not _GATHERED.keys().isdisjoint(choice.parts):
            continue
        if not has_list and "items" in choice.parts:
            continue
        if not has_texts and "strings" in choice.parts:
            continue
        if not has_float and "real" in choice.parts:
            continue
        if any(part in HASHED and part not in hashed for part in choice.parts):
            continue
        is_odd = not has_str and not _TEXT_PARTS.isdisjoint(choice.parts)
        weights[kind] = choice.weight * 0.05 if is_odd else choice.weight
    return tuple(weights), tuple(accumulate(weights.values()))


def _made(scope: Scope, kind: str, choice: Choice, size: int) -> Node:
    args: list[Node] = []
    left = size - 1
    for number, part in enumerate(choice.parts):
        others = len(choice.parts) - number - 1
        share = left if others == 0 else scope.rng.randint(1, max(1, left - others))
        args.append(_part(scope, part, share, args))
        left = max(others, left - share)
    if kind in ("list_n", "texts_n"):
        is_list = kind == "list_n"
        more = scope.rng.randint(0, 2) if is_list else scope.rng.choice(MORE_TEXTS)
        args += [leaf(scope, "int") if is_list else some_text(scope) for _ in range(more)]
    if kind in _HASHED_LITERALS:
        return node(kind, *args, *literal(scope, _HASHED_LITERALS[kind], leaf).args)
    return node(kind, *args)


def _part(  # noqa: PLR0912  (one a part)
    scope: Scope, part: Part, size: int, before: list[Node]
) -> Node:
    """Return an argument; those before it are known."""
    match part:
        case "int" | "bool" | "str" | "list" | "float":
            made = expression(scope, part, size)
        case "real" | "rooted" | "rooted_int" | "fraction" | "places":
            made = _real(scope, part, size)
        case "items":
            chance = 1.0 if size < 3 else 0.85
            made = _variable(scope, "list", chance) or expression(scope, "list", size)
        case "lines" | "strings" | "joined":
            made = _texts(scope, part, size)
        case "character":
            made = _character(scope, size)
        case "text":
            is_long = scope.rng.random() < 0.3
            made = expression(scope, "str", size) if is_long else _piece(scope)
        case "divisor":
            made = _variable(scope, "int", 0.15) or constant(choose(scope.rng, DIVISORS))
        case "stride":
            made = constant(scope.rng.choice((-1, -1, 2, 2, 3)))
        case "times":
            made = _variable(scope, "int", 0.4) or constant(scope.rng.choice((2, 2, 3)))
        case "exponent":
            made = constant(scope.rng.choice((2, 2, 2, 3)))
        case "index" | "bound":
            made = _place(scope, before[0], is_index=part == "index")
        case _ if part in _GATHERED:
            made = _gathered(scope, _GATHERED[part], size)
        case _:  # a set or a dictionary
            value_type = _HASHED_PARTS[part]
            named = _variable(scope, value_type, 0.5 if part.startswith("some") else 1.0)
            made = named or expression(scope, value_type, size)
    return made


def _texts(scope: Scope, part: Part, size: int) -> Node:
    """Return a list of str; a text joins neither sorted letters nor values as if they were one."""
    named = _variable(scope, "texts", 1.0 if part == "strings" else 0.4)
    made = named or expression(scope, "texts", size)
    return made if part != "joined" or made.kind not in NOT_JOINED else leaf(scope, "texts")


def _real(scope: Scope, part: Part, size: int) -> Node:
    """Return an argument of what computes with floats."""
    rng = scope.rng
    if part == "fraction":
        return constant(0.5 if rng.random() < 0.7 else rng.choice((1.5, 0.25, 2.0)))
    if part == "places":
        return constant(rng.choice((1, 2, 2, 2, 3, 0)))
    if part == "rooted_int":
        return node("abs", expression(scope, "int", size - 1))
    named = _variable(scope, "float", 0.7)
    if part == "rooted":
        return node("abs_float", named or expression(scope, "float", size - 1))
    return named or expression(scope, "float", size)


def _choices(scope: Scope, value_type: Type) -> Mapping[str, Choice]:
    return CHOICES_OF[scope.draft.style][value_type]


def _may_gather(scope: Scope, size: int) -> bool:
    """Tell whether a comprehension may stand in an expression."""
    has_source = scope.of_type("list") or any(v.role != "character" for v in scope.of_type("str"))
    has_source = has_source or scope.of_type("texts")
    return size >= 4 and bool(has_source) and scope.draft.has_room


def _gathered(scope: Scope, value_type: Type, size: int) -> Node:
    made = comprehension(
        scope,
        value_type,
        size,
        lambda inner, variable, left, of: (
            _condition_about(inner, variable, max(left, 3))
            if of == "bool"
            else about(inner, variable, of, max(left, 1))
        ),
        lambda inner, variable, left: _condition_about(inner, variable, max(left, 3)),
    )
    assert made is not None  # there is something to go over
    return made


def _condition_about(scope: Scope, variable: Variable, size: int) -> Node:
    """Return a condition in which a variable occurs."""
    if variable.type == "int" and scope.rng.random() < 0.4:
        divided = node("mod", scope.read(variable), constant(choose(scope.rng, DIVISORS)))
        return node("eq", divided, constant(0 if scope.rng.random() < 0.6 else 1))
    made = about(scope, variable, "bool", size)
    return comparison(scope, size) if is_idle(made) else made


def _variable(scope: Scope, value_type: Type, chance: float) -> Node | None:
    """Return a variable of a type with some chance, if there is one."""
    variables = scope.of_type(value_type)
    return scope.read(pick(scope, variables)) if variables and scope.rng.random() < chance else None


def _place(scope: Scope, container: Node, *, is_index: bool) -> Node:
    """Return a place in a list or text: an index that runs over it, an end, or some number."""
    rng = scope.rng
    numbers = scope.of_type("int")
    running = [v for v in numbers if v.container is not None and v.container == container.slot]
    if running and rng.random() < 0.75:
        return _shifted(scope, scope.read(pick(scope, running)), is_index=is_index)
    kind = rng.random()
    if numbers and kind < 0.3:
        number = scope.read(pick(scope, numbers))
        if is_index and container.kind == SLOT:
            return node("mod", number, _length(scope, container))
        return number
    if container.kind == SLOT and kind < 0.4 and not is_index:
        return node("floordiv", _length(scope, container), constant(2))
    return constant(rng.choice((0, 0, -1, -1, 1) if is_index else (1, 1, 2, -1, 3)))


def _shifted(scope: Scope, index: Node, *, is_index: bool) -> Node:
    """Return an index, or the place before or behind it."""
    shift = scope.rng.random()
    if shift < (0.7 if is_index else 0.3):
        return index
    return node("add" if shift > 0.9 or not is_index else "sub", index, constant(1))


def _length(scope: Scope, container: Node) -> Node:
    assert container.slot is not None  # of a node that reads a slot
    return node(f"len_{scope.draft.variables[container.slot].type}", container)


def _character(scope: Scope, size: int) -> Node:
    """Return a text of one character, if there is a text to take it from."""
    characters = [v for v in scope.visible if v.role == "character"]
    if characters and scope.rng.random() < 0.85:
        return scope.read(pick(scope, characters))
    texts = [v for v in scope.of_type("str") if v.role != "character"]
    if texts:
        text = scope.read(pick(scope, texts))
        return node("char", text, _place(scope, text, is_index=True))
    return expression(scope, "str", size)


def _piece(scope: Scope) -> Node:
    """Return a text to look for: a constant, or a variable."""
    texts = scope.of_type("str")
    if texts and scope.rng.random() < 0.4:
        return scope.read(pick(scope, texts))
    return some_text(scope)


def _number(scope: Scope) -> Node:
    """Return a number that depends on some variable, where one can."""
    read = _variable(scope, "int", 1.0)
    if read is not None:
        return read
    for variable in scope.visible:
        if variable.type in ("list", "str", "texts"):
            return _length(scope, scope.read(variable))
    return some_number(scope.rng)


_TEXT_PARTS = {"str", "character"}

_GATHERED: Mapping[str, Type] = {
    **{"ints": "int", "bools": "bool", "texts": "str"},
    **{f"pairs_{of}": of for of in MAPS},
}

_HASHED_PARTS: Mapping[str, Type] = {f"{how}{of}": of for of in HASHED for how in ("", "some_")}
_HASHED_LITERALS: Mapping[str, Type] = {f"{of}_n": of for of in HASHED}
