"""Which expressions random programs hold, how often, and what goes into them.

The order of the tables counts, too: a seed gives other programs when it changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from models.programs.language.kinds import LIST_OF, MAPS, SETS, Type

Part = Literal[
    "int", "bool", "str", "list", "character", "divisor", "index", "bound", "stride", "times",
    "text", "items", "exponent", "ints", "bools", "texts", "lines", "strings", "joined",
    "float", "real", "rooted", "rooted_int", "fraction", "places",
    "int_set", "str_set", "int_to_int", "str_to_int", "str_to_str", "int_to_str",
    "some_int_set", "some_str_set", "some_int_to_int", "some_str_to_int", "some_str_to_str",
    "some_int_to_str", "pairs_int_to_int", "pairs_str_to_int", "pairs_str_to_str",
    "pairs_int_to_str",
]  # fmt: skip
"""What an argument is for: divisor, rarely 0; index and bound, into the first argument; stride,
of a slice; times, a small count; text, a piece to look for; items, a named list mostly; exponent,
a literal; ints, bools and texts, the values of a comprehension; lines, a list of str; strings, a
named one; joined, one that a text joins; real, a named float mostly; rooted and rooted_int, what is
never negative; fraction, a literal float; places, a literal number of digits; a set or a dictionary
is a named one, some_... any; pairs_..., the keys and values of a comprehension."""


PART_TYPES: Mapping[Part, Type] = {
    "int": "int",
    "bool": "bool",
    "str": "str",
    "list": "list",
    "character": "str",
    "divisor": "int",
    "index": "int",
    "bound": "int",
    "stride": "int",
    "times": "int",
    "text": "str",
    "items": "list",
    **dict.fromkeys(("lines", "strings", "joined"), "texts"),
    **dict.fromkeys(("float", "real"), "float"),
    "int_set": "int_set",
    "str_set": "str_set",
    "int_to_int": "int_to_int",
    "str_to_int": "str_to_int",
    "str_to_str": "str_to_str",
    "int_to_str": "int_to_str",
}
"""The type of what stands for a part; those left out are gathered or no expressions."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A kind of expression that may be drawn.

    Args:
        weight: how often, beside the others of its type.
        parts: what each of its arguments is for.
    """

    weight: float
    parts: tuple[Part, ...]


def _choices(**table: tuple[float, str]) -> Mapping[str, Choice]:
    return {
        kind: Choice(weight=weight, parts=tuple(parts.split()))  # pyright: ignore[reportArgumentType]
        for kind, (weight, parts) in table.items()
    }


CHOICES: Mapping[Type, Mapping[str, Choice]] = {
    "int": _choices(
        add=(9, "int int"),
        sub=(7, "int int"),
        mul=(5, "int int"),
        floordiv=(2.5, "int divisor"),
        mod=(4, "int divisor"),
        neg=(0.7, "int"),
        abs=(1.5, "int"),
        min_2=(2, "int int"),
        max_2=(2, "int int"),
        min_list=(1.5, "items"),
        max_list=(1.5, "items"),
        sum=(3, "items"),
        len_list=(2.5, "items"),
        len_set_list=(0.8, "items"),
        len_str=(2.5, "str"),
        len_set_str=(0.7, "str"),
        len_words=(0.7, "str"),
        int_str=(0.2, "str"),
        ord=(1.2, "character"),
        int_bool=(0.8, "bool"),
        item=(4, "items index"),
        count_list=(1.5, "items int"),
        index_list=(0.3, "items int"),
        count_str=(1.5, "str text"),
        find=(0.8, "str text"),
        if_int=(1.5, "bool int int"),
    ),
    "bool": _choices(
        lt=(4, "int int"),
        le=(2.5, "int int"),
        gt=(5, "int int"),
        ge=(2.5, "int int"),
        eq=(4, "int int"),
        ne=(2, "int int"),
        lt_str=(0.3, "str str"),
        le_str=(0.2, "character character"),
        gt_str=(0.3, "character character"),
        ge_str=(0.2, "character text"),
        eq_str=(2, "str text"),
        ne_str=(1, "character text"),
        eq_list=(0.7, "items list"),
        ne_list=(0.2, "items list"),
        eq_bool=(0.3, "bool bool"),
        ne_bool=(0.3, "bool bool"),
        **{"and": (2, "bool bool"), "or": (1.5, "bool bool"), "not": (1, "bool")},
        in_list=(2, "int items"),
        not_in_list=(1, "int items"),
        in_str=(2, "text str"),
        not_in_str=(0.8, "text str"),
        isdigit=(0.8, "character"),
        isalpha=(0.8, "character"),
        isupper=(0.8, "character"),
        islower=(0.6, "character"),
        startswith=(0.7, "str text"),
        endswith=(0.6, "str text"),
        if_bool=(0.2, "bool bool bool"),
    ),
    "str": _choices(
        concat_str=(5, "str str"),
        repeat_str=(1, "str times"),
        char=(2.5, "str index"),
        slice_str_l=(1.5, "str bound"),
        slice_str_u=(1.5, "str bound"),
        slice_str_lu=(0.8, "str bound bound"),
        slice_str_s=(2, "str stride"),
        slice_str_ls=(0.4, "str bound stride"),
        slice_str_us=(0.4, "str bound stride"),
        slice_str_lus=(0.3, "str bound bound stride"),
        str_int=(2.5, "int"),
        chr=(0.3, "int"),
        upper=(1.5, "str"),
        lower=(1.2, "str"),
        strip=(0.6, "str"),
        replace=(1.5, "str text text"),
        join=(0.7, "text str"),
        join_sorted=(0.7, "text str"),
        join_reversed=(0.8, "text str"),
        word=(0.6, "str index"),
        if_str=(1.5, "bool str str"),
    ),
    "list": _choices(
        list_1=(1.5, "int"),
        list_2=(1.2, "int int"),
        list_3=(0.6, "int int int"),
        list_n=(0.15, "int int int int"),
        concat_list=(2.5, "list list"),
        repeat_list=(0.5, "list times"),
        slice_list_l=(1.5, "items bound"),
        slice_list_u=(1.5, "items bound"),
        slice_list_lu=(0.8, "items bound bound"),
        slice_list_s=(1.5, "items stride"),
        slice_list_ls=(0.4, "items bound stride"),
        slice_list_us=(0.4, "items bound stride"),
        slice_list_lus=(0.3, "items bound bound stride"),
        sorted=(2.5, "list"),
        sorted_down=(1, "list"),
        sorted_set=(1, "list"),
        reversed=(1, "list"),
        range_1=(0.7, "int"),
        range_2=(0.7, "int int"),
        range_3=(0.2, "int int divisor"),
        if_list=(0.7, "bool list list"),
    ),
}
"""Kinds by the type of their value."""

INTS: Mapping[int, float] = {
    0: 2, 1: 6, 2: 6, 3: 4, 4: 2, 5: 3, 6: 1, 7: 1.5, 8: 1, 9: 0.7, 10: 3, -1: 1, 12: 0.5,
    16: 0.3, 20: 0.6, 26: 0.3, 32: 0.3, 50: 0.5, 64: 0.2, 97: 0.3, 100: 0.8, 1000: 0.2,
}  # fmt: skip

DIVISORS: Mapping[int, float] = {2: 6, 3: 4, 4: 1, 5: 2, 7: 1, 10: 3}

TEXTS: Mapping[str, float] = {
    "a": 3, "e": 1, "b": 1, " ": 3, "": 0.3, ",": 1, "-": 1.5, "_": 0.7, "!": 1, "aeiou": 2.5,
    "x": 0.7, "z": 0.5, "0": 0.7, "1": 0.7, "ab": 0.7, "abc": 0.5, "c": 0.7, ".": 0.5, "yes": 0.3,
    "no": 0.3,
}  # fmt: skip

WORDS: tuple[str, ...] = (
    "ok", "th", "the", "ing", "er", "un", "ba", "A", "X", "Z", "AB", "?", ";", ":", "/", "*", "#",
    "--", ", ", "..", "23", "7", "odd", "even", "fizz", "buzz", "hi", "o", "i", "s", "t",
)  # fmt: skip
"""Texts that have to be spelled."""

TURNS: Mapping[tuple[Type, Type], dict[str, float]] = {
    ("int", "bool"): {"gt": 3, "lt": 2, "eq": 3, "ne": 1, "ge": 1, "le": 1, "in_list": 0.5},
    ("int", "str"): {"str_int": 5, "repeat_str": 1},
    ("int", "list"): {"list_1": 3, "list_2": 2, "range_1": 2, "slice_list_u": 2, "list_3": 0.5},
    ("bool", "int"): {"int_bool": 2, "if_int": 3},
    ("bool", "str"): {"if_str": 1},
    ("bool", "list"): {"if_list": 1},
    ("str", "int"): {"len_str": 5, "count_str": 3, "find": 1, "len_set_str": 1},
    ("str", "bool"): {"eq_str": 4, "in_str": 2, "isalpha": 0.5, "startswith": 1, "endswith": 1},
    ("list", "int"): {"len_list": 4, "sum": 4, "max_list": 2, "min_list": 1, "item": 3},
    ("list", "bool"): {"eq_list": 3, "in_list": 3},
    ("texts", "int"): {"len_texts": 5, "count_texts": 1, "len_set_texts": 0.3},
    ("texts", "bool"): {"in_texts": 4, "eq_texts": 1},
    ("texts", "str"): {"item_texts": 3, "join_texts": 4, "max_texts": 0.3, "min_texts": 0.3},
    ("float", "int"): {"round": 2, "int_float": 2},
    ("float", "bool"): {"gt_float": 3, "lt_float": 3, "ge_float": 1, "gt_float_int": 1},
    ("float", "str"): {"str_float": 1},
    ("int", "float"): {"div_int": 5, "mul_int_float": 2, "float_int": 1},
    **{(of, "int"): {f"len_{of}": 1} for of in (*SETS, *MAPS)},
    **{(of, "bool"): {f"in_{of}": 4, f"not_in_{of}": 2, f"eq_{of}": 0.5} for of in (*SETS, *MAPS)},
    ("int_set", "list"): {"sorted_int_set": 1},
    ("str_set", "texts"): {"sorted_str_set": 1},
    **{
        (of, LIST_OF[value]): {f"values_{of}": 1, **({f"keys_{of}": 1} if key == value else {})}
        for of, (key, value) in MAPS.items()
    },
    **{(of, value): {f"get_{of}": 2, f"item_{of}": 2} for of, (_, value) in MAPS.items()},
    ("int", "int_set"): {"int_set_n": 1},
    ("str", "str_set"): {"str_set_n": 1, "str_set_from_str": 2},
    ("list", "int_set"): {"int_set_from_list": 1},
    ("texts", "str_set"): {"str_set_from_texts": 1},
    ("str", "texts"): {"split": 3, "split_by": 1, "list_str": 1, "texts_1": 2, "sorted_str": 0.3},
}
"""How a value of one type is turned into one of another."""
