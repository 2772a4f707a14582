"""Weights that make random programs like people's, tuned by one half of HumanEval's solutions.

How often a kind is drawn goes by how many of that half's programs hold it, not by how often they
do, since one of them (190 steps of comparisons in a row) would decide else.

They stand in the place of those of `expression_weights`, which stay as they are: a seed of the
plain style gives the same programs for good.
"""

from collections.abc import Mapping
from typing import Literal

from models.programs.data.expression_weights import CHOICES, Choice
from models.programs.data.hashed_choices import hashed_choices
from models.programs.language.kinds import TYPES, Type

Style = Literal["plain", "human"]
"""plain: a bit of everything. human: the shapes, lengths and kinds of what people write."""

_WEIGHTS: Mapping[Type, Mapping[str, float]] = {
    "int": {
        "add": 19, "sub": 10, "mul": 5, "mod": 3.5, "floordiv": 2.2, "neg": 1.6, "abs": 0.37,
        "item": 26, "len_str": 15, "len_list": 3.2, "sum": 1.3, "ord": 0.4, "int_str": 11,
        "if_int": 0.8,
        "len_set_list": 0.24, "len_set_str": 0.24, "int_bool": 0.13, "find": 0.3, "min_2": 1,
        "max_2": 2.2,
        "min_list": 0.47, "max_list": 0.57,
    },
    "bool": {
        "eq": 15, "gt": 2.2, "lt": 1.7, "le": 2, "ge": 4.6, "ne": 4, "eq_str": 49, "and": 19,
        "or": 11, "ne_str": 3, "not": 0.093,
        "in_str": 4, "not_in_str": 1.2, "eq_bool": 0.05, "ne_bool": 0.05, "lt_str": 0.05,
        "le_str": 0.05, "gt_str": 0.05, "ge_str": 0.05, "if_bool": 0.05, "ne_list": 0.1,
        "eq_list": 0.5, "in_list": 0.81, "isalpha": 0.25, "islower": 0.21, "startswith": 0.54,
    },
    "str": {
        "char": 18, "str_int": 0.62, "concat_str": 3, "slice_str_lu": 1.5, "slice_str_ls": 0.1,
        "slice_str_us": 0.1, "slice_str_lus": 0.1, "join_sorted": 0.3, "join_reversed": 0.3,
        "replace": 0.8, "join": 0.3, "word": 0.2,
        "slice_str_u": 0.95, "slice_str_s": 0.67, "chr": 0.11, "upper": 0.33, "lower": 0.41,
    },
    "list": {
        "list_1": 0.099, "list_2": 1.6, "range_1": 0.028, "range_2": 0.25, "list_n": 0.93,
        "sorted": 4.6, "slice_list_ls": 0.15, "slice_list_us": 0.1, "slice_list_lus": 0.05,
        "range_3": 0.1, "if_list": 0.3, "concat_list": 0.41, "repeat_list": 0.5,
        "slice_list_u": 0.97, "slice_list_s": 1, "sorted_down": 0.72, "sorted_set": 0.63,
        "reversed": 0.4,
    },
}  # fmt: skip

_COMPARED = ("lt", "le", "gt", "ge", "eq", "ne")

_ADDED: Mapping[Type, Mapping[str, tuple[float, str]]] = {
    "int": {
        "pow": (3.6, "int exponent"), "index_str": (0.46, "str text"), "rfind": (0.1, "str text"),
        "len_split": (0.3, "str text"),
        "sum_of": (5.3, "ints"), "min_of": (0.5, "ints"), "max_of": (1.5, "ints"),
        "count_of": (2.5, "bools"), "len_texts": (0.88, "strings"),
        "len_set_texts": (0.3, "strings"), "count_texts": (0.8, "strings text"),
        "index_texts": (0.2, "strings text"),
        "int_float": (2, "real"), "round": (2, "real"),
    },
    "bool": {
        "any_of": (0.8, "bools"), "all_of": (1, "bools"), "eq_set_list": (0.2, "items list"),
        "eq_set_str": (0.4, "str text"), "isalnum": (0.3, "character"),
        "isspace": (0.3, "character"), "eq_texts": (0.3, "strings lines"),
        "ne_texts": (0.1, "strings lines"), "in_texts": (4.8, "text lines"),
        "not_in_texts": (1.3, "text lines"), "lt_float": (4, "real float"),
        "le_float": (1, "real float"), "gt_float": (4, "real float"), "ge_float": (1, "real float"),
        "eq_float": (1, "real float"), "ne_float": (0.3, "real float"),
        **{f"{name}_float_int": (0.6, "real int") for name in _COMPARED},
        **{f"{name}_int_float": (0.3, "int float") for name in _COMPARED},
    },
    "str": {
        "bin": (0.43, "int"), "swapcase": (0.3, "str"), "capitalize": (0.21, "str"),
        "title": (0.13, "str"), "lstrip": (0.1, "str"), "rstrip": (0.1, "str"),
        "strip_of": (0.1, "str text"), "part": (0.4, "str text index"),
        "join_of": (3.2, "texts text"), "item_texts": (4.9, "strings index"),
        "min_texts": (0.23, "strings"), "max_texts": (0.35, "strings"),
        "join_texts": (1.9, "text joined"), "str_float": (2, "real"),
    },
    "list": {"list_of": (9.1, "ints")},
    "texts": {
        "texts_1": (0.065, "str"), "texts_2": (0.73, "text text"),
        "texts_3": (0.8, "text text text"), "texts_n": (15, "text text text text"),
        "concat_texts": (0.63, "lines lines"),
        "repeat_texts": (0.2, "lines times"), "slice_texts_l": (0.6, "strings bound"),
        "slice_texts_u": (0.6, "strings bound"), "slice_texts_lu": (0.3, "strings bound bound"),
        "slice_texts_s": (0.5, "strings stride"), "slice_texts_ls": (0.1, "strings bound stride"),
        "slice_texts_us": (0.1, "strings bound stride"),
        "slice_texts_lus": (0.05, "strings bound bound stride"), "sorted_texts": (2, "lines"),
        "sorted_texts_down": (0.4, "lines"), "sorted_by_len": (0.9, "lines"),
        "sorted_set_texts": (0.7, "lines"), "sorted_str": (0.6, "str"),
        "sorted_set_str": (0.4, "str"), "reversed_texts": (0.6, "lines"),
        "copy_texts": (0.1, "strings"), "list_str": (1, "str"), "split": (1.5, "str"),
        "split_by": (1.5, "str text"), "texts_of": (11, "texts"),
        "if_texts": (0.3, "bool lines lines"),
    },
    "float": {
        "div_int": (8, "int divisor"), "add_float": (5, "real float"),
        "sub_float": (5, "real float"),
        "mul_float": (5, "real float"), "div_float": (5, "float float"),
        "floordiv_float": (0.5, "real float"), "mod_float": (1.5, "real float"),
        "add_float_int": (2, "real int"), "sub_float_int": (2, "real int"),
        "mul_float_int": (2, "real int"), "div_float_int": (4, "float divisor"),
        "floordiv_float_int": (0.3, "real divisor"), "mod_float_int": (0.5, "real divisor"),
        "add_int_float": (1, "int real"), "sub_int_float": (1, "int real"),
        "mul_int_float": (2, "int float"), "div_int_float": (3.1, "int float"),
        "floordiv_int_float": (0.2, "int real"), "mod_int_float": (0.2, "int real"),
        "pow_float": (1.5, "real exponent"), "power": (0.7, "rooted fraction"),
        "power_int": (0.7, "rooted_int fraction"), "neg_float": (0.5, "real"),
        "abs_float": (2, "float"), "min_2_float": (1, "real float"),
        "max_2_float": (1, "real float"), "round_to": (2, "float places"), "float_int": (2, "int"),
        "float_str": (0.3, "str"), "if_float": (0.5, "bool float float"),
    },
}  # fmt: skip


def _human_choices() -> Mapping[Type, Mapping[str, Choice]]:
    choices: dict[Type, dict[str, Choice]] = {}
    for value_type in TYPES:
        weights = _WEIGHTS.get(value_type, {})
        choices[value_type] = {
            kind: Choice(weight=weights.get(kind, choice.weight / 2), parts=choice.parts)
            for kind, choice in CHOICES.get(value_type, {}).items()
        }
        added = {**_ADDED.get(value_type, {}), **hashed_choices(value_type)}
        for kind, (weight, parts) in added.items():
            choices[value_type][kind] = Choice(
                weight=weight,
                parts=tuple(parts.split()),  # pyright: ignore[reportArgumentType]
            )
    return choices


CHOICES_OF: Mapping[Style, Mapping[Type, Mapping[str, Choice]]] = {
    "plain": CHOICES,
    "human": _human_choices(),
}

_NO_HASHED = (0.0,) * 6

RETURN_WEIGHTS: Mapping[Style, tuple[float, ...]] = {
    "plain": (0.34, 0.22, 0.23, 0.21, 0.0, 0.0, *_NO_HASHED),
    "human": (0.26, 0.17, 0.25, 0.17, 0.13, 0.02, 0.002, 0.002, 0.002, 0.009, 0.002, 0.002),
}
PARAMETER_WEIGHTS: Mapping[Style, tuple[float, ...]] = {
    "plain": (0.36, 0.06, 0.27, 0.31, 0.0, 0.0, *_NO_HASHED),
    "human": (0.26, 0.01, 0.38, 0.24, 0.10, 0.01, 0.001, 0.001, 0.001, 0.003, 0.001, 0.001),
}
"""By type, in the order of TYPES."""

HUMAN_SPELLED = 0.9
"""Share of the texts that are made up of letters; most of people's have no production."""

LETTERS: tuple[str, ...] = (
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "aeiouAEIOUyYESnNO",
    "()[]<>{}.,;:!?-_ +*/=0123456789",
)
"""What they are made of."""

LONG_TEXTS = 0.15
"""Share of those that are long: alphabets, and words with spaces between them."""

READ_SHARE: Mapping[Style, float] = {"plain": 0.72, "human": 0.62}
"""Share of the values that are not computed that are variables, where there is one."""

MORE_TEXTS = (0, 0, 1, 2, 3, 6, 8)
"""How many texts a list of four or more has behind its fourth."""

BARE_SHARE: Mapping[Style, float] = {"plain": 0.5, "human": 0.3}
"""Share of the branches without an else, where there is room for one."""

LOCAL_TYPES: Mapping[Style, Mapping[Type, float]] = {
    "plain": {"int": 5.0, "bool": 0.7, "str": 1.5, "list": 1.5},
    "human": {
        **{"int": 4.0, "bool": 0.2, "str": 2.0, "list": 1.6, "texts": 1.5, "float": 0.1},
        **{"int_set": 0.1, "str_set": 0.1, "int_to_int": 0.1, "str_to_int": 0.25},
        **{"str_to_str": 0.05, "int_to_str": 0.03},
    },
}
"""How often a variable is of a type."""

STATEMENT_FACTORS: Mapping[str, float] = {
    "let": 1.2, "update": 1.2, "branch": 2.0, "guard": 2.0, "exchange": 0.3, "loop": 1.2,
}  # fmt: skip
"""How much more often a statement is drawn in the human style than in the plain one."""
