"""What productions do to slots and what they ask of them, as data: the other half of the rules.

`contexts.py` says what a place demands. Here: which productions define a slot, of which type and
for whom, and which facts about the slots in scope must hold before a production may be taken.
"""

from models.ast_autoencoder.language.kinds import NUM_SLOTS, SLOT, TYPES, Kind, Type

ALWAYS = "always"
DEFINABLE = "a slot is left"
PARAMETER = "another parameter is allowed"
READABLE_LIST = "a list is visible"
READABLE_STR = "a string is visible"
WALKABLE = "a list is visible and a slot is left"
NO_BOUND = "this is no bound of a while"

FACTS: tuple[str, ...] = (
    *(f"v{slot} fits" for slot in range(NUM_SLOTS)),
    *(f"{value_type} can be changed" for value_type in TYPES),
    *(f"returns {value_type}" for value_type in TYPES),
    ALWAYS,
    DEFINABLE,
    PARAMETER,
    READABLE_LIST,
    READABLE_STR,
    WALKABLE,
    NO_BOUND,
)
"""What a production may need.

`v3 fits`: slot 3 is visible, has the type that the place asks for, and is not frozen where it
would be changed. `int can be changed`: some visible slot of that type is not frozen.
"""

_FOR_TYPE: dict[str, Type] = {
    "for_range_1": "int",
    "for_range_2": "int",
    "for_range_3": "int",
    "for_slot": "int",
    "for_list": "int",
    "for_str": "str",
    "for_words": "str",
}

_CHANGES: dict[str, Type] = {
    "iadd": "int",
    "isub": "int",
    "imul": "int",
    "ifloordiv": "int",
    "imod": "int",
    "iadd_str": "str",
    "iadd_list": "list",
    "append": "list",
}


def defined_type(kind: Kind) -> Type | None:
    """Return the type of the slot that a production defines, or None when it defines none."""
    prefix, _, rest = kind.name.partition("_")
    if prefix in ("let", "param", "last"):
        return _type(rest)
    return _FOR_TYPE.get(kind.name)


def changed_type(kind: Kind) -> Type | None:
    """Return the type of the slot that a statement changes, or None when it changes none."""
    prefix, _, rest = kind.name.partition("_")
    if prefix == "set":
        return _type(rest)
    return "int" if prefix in ("while", "shrink") else _CHANGES.get(kind.name)


def is_visible_in(kind: Kind, place: int) -> bool:
    """Tell whether the slot that a production defines is visible at a place of its right side.

    A parameter is visible in all that follows it, a `let` in the rest of its block, the variable
    of a loop in its body.
    """
    if kind.name.startswith("let_"):
        return place == len(kind.children) - 1
    if kind.name.startswith("for_"):
        return place == len(kind.children) - 2
    return False


def needed_facts(kind: Kind) -> tuple[str, ...]:
    """Return which of FACTS must hold before a production may be taken; one of them is enough."""
    if kind.name == SLOT:
        return (f"v{kind.slot} fits",)
    changed = changed_type(kind)
    if changed:
        return (f"{changed} can be changed",)
    if kind.name.startswith("return_"):
        return (f"returns {kind.name.partition('_')[2]}",)
    return _OTHER_FACTS.get(kind.name) or ((DEFINABLE,) if defined_type(kind) else (ALWAYS,))


_OTHER_FACTS = {
    **{f"param_{value_type}": (PARAMETER,) for value_type in TYPES},
    **{f"last_{value_type}": (ALWAYS,) for value_type in TYPES},
    "store": (READABLE_LIST,),
    "for_slot": (WALKABLE,),
    # In a bound, the length of a slot only: elsewhere any list and any string will do.
    "len_list": (NO_BOUND, READABLE_LIST),
    "len_str": (NO_BOUND, READABLE_STR),
}


def _type(name: str) -> Type:
    return next(value_type for value_type in TYPES if value_type == name)
