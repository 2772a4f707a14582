"""Contexts of the right-hand side of each production; see `contexts.py`."""

from collections.abc import Mapping

from models.programs.language.kinds import MAPS, SETS, Kind

_REST = "REST"
"""Stands for the context itself: the rest of the block that a statement is in."""

_UP = ("COUNTER", "BOUND", "UP", _REST)
_UP_AND = ("COUNTER", "BOUND", "BOOL", "UP", _REST)
_DOWN = ("COUNTER", "BOUND", "DOWN", _REST)
_DOWN_AND = ("COUNTER", "BOUND", "BOOL", "DOWN", _REST)

_SAME_PLACES = ("STARTED", "RETURNED", "OVER")
"""Places of sets and dictionaries of which both sides of an `if` are such places again."""

_CHILDREN: Mapping[str, tuple[str, ...]] = {
    "let_list": ("FRESH", _REST),
    "set_int": ("SET_INT", "INT", _REST),
    "set_bool": ("SET_BOOL", "BOOL", _REST),
    "set_str": ("SET_STR", "STR", _REST),
    "set_list": ("SET_LIST", "FRESH", _REST),
    "iadd": ("SET_INT", "INT", _REST),
    "isub": ("SET_INT", "INT", _REST),
    "imul": ("SET_INT", "INT", _REST),
    "ifloordiv": ("SET_INT", "INT", _REST),
    "imod": ("SET_INT", "INT", _REST),
    "iadd_str": ("SET_STR", "STR", _REST),
    "iadd_list": ("SET_LIST", "LIST", _REST),
    "append": ("SET_LIST", "INT", _REST),
    "store": ("STORE", "INT", "INT", _REST),
    "pop": ("SET_LIST", "INT", _REST),
    "insert": ("SET_LIST", "INT", "INT", _REST),
    "remove": ("SET_LIST", "INT", _REST),
    "set_two": ("SET_INT", "SET_INT", "INT", "INT", _REST),
    "swap": ("STORE", "INT", "INT", _REST),
    "for_slot": ("WALK", "BLOCK", _REST),
    "for_list": ("FRESH", "BLOCK", _REST),
    "for_enumerate_list": ("OVER", "BLOCK", _REST),
    "for_zip_list": ("OVER", "OVER", "BLOCK", _REST),
    "let_texts": ("STARTED", _REST),
    "set_texts": ("SET_TEXTS", "STARTED", _REST),
    "return_texts": ("RETURNED",),
    "iadd_texts": ("SET_TEXTS", "TEXTS", _REST),
    "append_text": ("SET_TEXTS", "STR", _REST),
    "store_text": ("STORE_TEXTS", "INT", "STR", _REST),
    "pop_text": ("SET_TEXTS", "INT", _REST),
    "insert_text": ("SET_TEXTS", "INT", "STR", _REST),
    "remove_text": ("SET_TEXTS", "STR", _REST),
    "swap_texts": ("STORE_TEXTS", "INT", "INT", _REST),
    "for_slot_texts": ("WALK_TEXTS", "BLOCK", _REST),
    "for_texts": ("FRESH_TEXTS", "BLOCK", _REST),
    "for_enumerate_texts": ("OVER_TEXTS", "BLOCK", _REST),
    "for_zip_texts": ("OVER_TEXTS", "OVER_TEXTS", "BLOCK", _REST),
    **{f"{name.lower()}_over_texts": ("UNSPLIT", "WHERE", name) for name in ("INT", "BOOL", "STR")},
    "len_texts": ("UNSPLIT",),
    "item_texts": ("UNSPLIT", "INT"),
    "join_texts": ("STR", "JOINED"),
    "set_float": ("SET_FLOAT", "FLOAT", _REST),
    **{f"i{name}_float": ("SET_FLOAT", "FLOAT", _REST) for name in ("add", "sub", "mul", "div")},
    **{
        kind: names
        for of in (*SETS, *MAPS)
        for kind, names in {
            f"let_{of}": (f"STARTED_{of.upper()}", _REST),
            f"set_{of}": (f"SET_{of.upper()}", f"STARTED_{of.upper()}", _REST),
            f"return_{of}": (f"RETURNED_{of.upper()}",),
        }.items()
    },
    **{
        kind: names
        for of, item in SETS.items()
        for kind, names in {
            **{
                f"{change}_{of}": (f"SET_{of.upper()}", item.upper(), _REST)
                for change in ("add", "discard", "remove")
            },
            f"len_{of}": (f"UNMADE_{of.upper()}",),
            f"sorted_{of}": (f"UNMADE_{of.upper()}",),
            f"in_{of}": (item.upper(), f"LOOKED_{of.upper()}"),
            f"not_in_{of}": (item.upper(), f"LOOKED_{of.upper()}"),
            f"eq_{of}": (f"COMPARED_{of.upper()}", of.upper()),
        }.items()
    },
    "eq_from_list": ("LIST", "COMPARED_INT_SET"),
    "eq_from_str": ("STR", "COMPARED_STR_SET"),
    **{
        kind: names
        for of, (key, value) in MAPS.items()
        for kind, names in {
            f"store_{of}": (f"SET_{of.upper()}", key.upper(), value.upper(), _REST),
            f"for_items_{of}": (f"OVER_{of.upper()}", "BLOCK", _REST),
        }.items()
    },
    "while_lt": _UP,
    "while_le": _UP,
    "while_gt": _DOWN,
    "while_ge": _DOWN,
    "while_lt_and": _UP_AND,
    "while_le_and": _UP_AND,
    "while_gt_and": _DOWN_AND,
    "while_ge_and": _DOWN_AND,
    "shrink_gt": ("COUNTER", "NATURAL", "SHRINK", _REST),
    "shrink_gt_and": ("COUNTER", "NATURAL", "BOOL", "SHRINK", _REST),
    "step_add": ("POSITIVE",),
    "step_sub": ("POSITIVE",),
    "step_floordiv": ("DIVISOR",),
    "step_mod": ("INT",),
    "neg": ("NEGATED",),
    "pow": ("INT", "NATURAL"),
    "pow_float": ("FLOAT", "NATURAL"),
    "power": ("ROOTED", "FLOAT"),
    "power_int": ("ROOTED_INT", "FLOAT"),
    "number": ("NUMBER",),
    "decimal": ("DECIMAL:",),
    "text": ("CHARS:",),
}
"""Contexts of right-hand sides where they differ from the nonterminals."""

_CHILDREN_IN: Mapping[tuple[str, str], tuple[str, ...]] = {
    **{
        (name, kind): ("BOOL", name, name)
        for kind, names in {
            "if_list": ("FRESH", "OVER"),
            "if_texts": ("OVER_TEXTS", "RETURNED", "STARTED", "FRESH_PART"),
            **{
                f"if_{of}": tuple(f"{place}_{of.upper()}" for place in _SAME_PLACES)
                for of in (*SETS, *MAPS)
            },
        }.items()
        for name in names
    },
    ("FRESH_TEXTS", "if_texts"): ("BOOL", "FRESH_PART", "FRESH_PART"),
    ("BOUND", "len_list"): ("BOUND_LIST",),
    ("BOUND", "len_str"): ("BOUND_STR",),
    ("BOUND", "len_texts"): ("BOUND_TEXTS",),
}
"""Those that depend on where the production stands, too."""


def children_of(context: str, kind: Kind) -> tuple[str, ...]:
    """Return the contexts of a production's right-hand side."""
    names = _CHILDREN_IN.get((context, kind.name)) or _CHILDREN.get(kind.name, kind.children)
    last = len(names) - 1
    return tuple(
        _block_context(name, context, kind, is_last=place == last)
        if name in (_REST, "BLOCK")
        else name
        for place, name in enumerate(names)
    )


def _block_context(name: str, context: str, kind: Kind, *, is_last: bool) -> str:
    """Return the context of a body, or of the rest of the block."""
    if kind.lhs in ("PROGRAM", "PARAM"):
        return "BODY"
    if is_last:  # what a started block goes on with may also be nothing
        return context.replace("FIRST", "NEXT")
    if kind.family == "for":
        return "FOR_FIRST"
    return _BRANCHES.get(context, "FIRST")


_BRANCHES: Mapping[str, str] = {
    **dict.fromkeys(("FOR_FIRST", "FOR_NEXT"), "FOR_FIRST"),
    **dict.fromkeys(("UP", "DOWN", "SHRINK", "WHILE_FIRST", "WHILE_NEXT"), "WHILE_FIRST"),
}
"""Contexts of the branches of an `if` in a loop."""
