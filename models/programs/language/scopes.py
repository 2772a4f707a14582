"""What productions do to slots and what they ask of them, as data: the other half of the rules.

`contexts.py` says what a place demands. Here: which productions define a slot, of which type and
for whom, and which facts about the slots in scope must hold before a production may be taken.
"""

from collections.abc import Mapping

from models.programs.language.kinds import NUM_SLOTS, TYPES, Kind, Type

DEFINABLE = "a slot is left"
TWO_DEFINABLE = "two slots are left"
PARAMETER = "another parameter is allowed"
READABLE_LIST = "a list is visible"
READABLE_STR = "a string is visible"
READABLE_TEXTS = "texts are visible"

READABLE: Mapping[Type, str] = {
    "list": READABLE_LIST,
    "str": READABLE_STR,
    "texts": READABLE_TEXTS,
}
"""Facts that a slot of some type is visible, frozen or not."""

FACTS: tuple[str, ...] = (
    *(f"v{slot} fits" for slot in range(NUM_SLOTS)),
    *(f"{value_type} can be changed" for value_type in TYPES),
    *(f"returns {value_type}" for value_type in TYPES),
    DEFINABLE,
    PARAMETER,
    READABLE_LIST,
    READABLE_STR,
    READABLE_TEXTS,
    TWO_DEFINABLE,
)
"""What a production may need; each is a bit of an int64, beside eight of the spare steps.

`v3 fits`: slot 3 is visible, has the type that the place asks for, and is not frozen where it
would be changed. `int can be changed`: some visible slot of that type is not frozen. That a list, a
string or texts are visible is asked where their length is a bound, too; in all other expressions
it holds without, since the length of anything will do there.
"""


def changed_type(kind: Kind) -> Type | None:
    """Return the type of the slot that a statement changes, or None when it changes none.

    A store counts as no change: it keeps the list's length, so that a frozen list will do.
    """
    return kind.type if kind.family in ("set", "augment", "append", "while") else None


def is_visible_in(kind: Kind, place: int) -> bool:
    """Tell whether the slot that a production defines is visible at a place of its right side.

    A `let` is visible in the rest of its block, the variables of a loop in its body, those of a
    comprehension in its condition and its value. Parameters are visible in all that follows; the
    machine keeps them beside its stack.
    """
    if kind.family == "each":
        return place >= kind.children.index("WHERE")
    from_end = {"let": 1, "for": 2}.get(kind.family)
    return len(kind.children) - place == from_end


def needed_facts(kind: Kind) -> tuple[str, ...]:
    """Return which of FACTS must hold before a production may be taken."""
    changed = changed_type(kind)
    if changed:
        return (f"{changed} can be changed",)
    match kind.family:
        case "slot":
            return (f"v{kind.slot} fits",)
        case "return":
            return (f"returns {kind.type}",)
        case "param":
            return (PARAMETER,)
        case "let" | "for" | "each" | "gather":  # what gathers leaves no choice but to define
            return (TWO_DEFINABLE if kind.second else DEFINABLE, *_READS.get(kind.name, ()))
        case _:
            return _READS.get(kind.name, ())


_READS = {
    **dict.fromkeys(("store", "swap", "for_slot", "len_list"), (READABLE_LIST,)),
    **dict.fromkeys(("store_text", "swap_texts", "for_slot_texts", "len_texts"), (READABLE_TEXTS,)),
    "len_str": (READABLE_STR,),
}
"""What needs a slot of some type that it does not change."""
