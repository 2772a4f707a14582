"""Random sets and dictionaries, and the statements that change them."""

from collections.abc import Callable
from typing import Protocol

from models.programs.data.drafts import Scope, Variable, choose, node
from models.programs.language.kinds import LIST_OF, MAPS, SETS, SLOT, Type
from models.programs.language.tree import Node

HASHED: tuple[Type, ...] = (*SETS, *MAPS)

_MOST_ITEMS = 3
"""Of a literal, beside the first."""


class MakeExpression(Protocol):
    """Makes an expression of a type, of about so many nodes."""

    def __call__(self, scope: Scope, value_type: Type, size: int) -> Node:
        """Return one."""
        ...


MakeItem = Callable[[Scope, Type], Node]


def parts_of(of: Type) -> tuple[Type, ...]:
    """Return the types of an item of a set, or of a key and a value."""
    return (SETS[of],) if of in SETS else MAPS[of]


def literal(scope: Scope, of: Type, item: MakeItem) -> Node:
    """Return a set or a dictionary of one to a few items."""
    count = 1 + scope.rng.randint(0, _MOST_ITEMS)
    return node(f"{of}_n", *(item(scope, part) for _ in range(count) for part in parts_of(of)))


def of_item(of: Type, number: Node) -> Node:
    """Return a set of one item, or a dictionary of one key, that a number tells."""
    texts = node("str_int", number)
    return node(f"{of}_n", *(number if part == "int" else texts for part in parts_of(of)))


def unnamed(value: Node, of: Type) -> Node:
    """Return a value that gives no set or dictionary a second name."""
    return node(f"copy_{of}", value) if value.kind in (SLOT, f"if_{of}") else value


def update_set(scope: Scope, target: Variable, size: int, expression: MakeExpression) -> Node:
    """Return a statement that changes a set."""
    of = target.type
    kind = choose(scope.rng, {"add": 8, "discard": 1.5, "remove": 0.3, "set": 1})
    if kind != "set":
        return node(f"{kind}_{of}", expression(scope, SETS[of], size), slot=target.slot)
    how = scope.rng.choice(("union", "union", "common", "without"))
    made = node(f"{how}_{of}", scope.read(target), expression(scope, of, max(size, 3)))
    return node(f"set_{of}", made, slot=target.slot)


def update_map(scope: Scope, target: Variable, size: int, expression: MakeExpression) -> Node:
    """Return a statement that gives a key a value: a new one, or one made of the old one."""
    of = target.type
    key_type, value_type = MAPS[of]
    key = expression(scope, key_type, min(size, 3))
    if scope.rng.random() < 0.45:
        value = expression(scope, value_type, size)
        return node(f"store_{of}", key, value, slot=target.slot)
    own = Node(kind=SLOT, slot=target.slot)
    nothing = Node(kind="constant", value=0 if value_type == "int" else "")
    if scope.rng.random() < 0.75:
        old = node(f"get_{of}", own, key, nothing)
    else:
        old = node(f"item_{of}", own, key)
    one = Node(kind="constant", value=1)
    more = one if value_type == "int" and scope.rng.random() < 0.6 else None
    more = more or expression(scope, value_type, min(size, 3))
    value = node("add" if value_type == "int" else "concat_str", old, more)
    return node(f"store_{of}", key, value, slot=target.slot)


def list_over(scope: Scope, variable: Variable) -> Node:
    """Return the list that a loop over a set or a dictionary goes over."""
    of = variable.type
    if of in SETS:
        return node(f"sorted_{of}", scope.read(variable))
    views = [f"keys_{of}"] * 3 + [f"values_{of}"]
    listed = node(scope.rng.choice(views), scope.read(variable))
    if not listed.kind.startswith("keys") or scope.rng.random() < 0.6:
        return listed
    return node("sorted" if MAPS[of][0] == "int" else "sorted_texts", listed)


def item_of_list(listed: Node) -> Type:
    """Return the type of the items of what `list_over` made."""
    return next(item for item, of in LIST_OF.items() if _lists(listed) == of)


def _lists(listed: Node) -> Type:
    kind = listed.kind
    if kind in ("sorted", "sorted_texts"):
        return "list" if kind == "sorted" else "texts"
    view, _, of = kind.partition("_")
    for value_type in HASHED:
        if value_type == of:
            return LIST_OF[parts_of(value_type)[-1 if view == "values" else 0]]
    raise AssertionError(kind)
