"""Expressions that do nothing, known at sight: `x - x`, `x + 0`, `1 < 2`, `sorted(sorted(xs))`."""

from models.programs.language.kinds import CONSTANT, MAPS, SETS
from models.programs.language.tree import Node

_OF_EQUALS = {
    "sub", "floordiv", "mod", "min_2", "max_2", "lt", "le", "gt", "ge", "eq", "ne", "lt_str",
    "le_str", "gt_str", "ge_str", "eq_str", "ne_str", "eq_list", "ne_list", "eq_bool", "ne_bool",
    "sub_float", "div_float", "floordiv_float", "mod_float", "min_2_float", "max_2_float",
    "lt_float", "le_float", "gt_float", "ge_float", "eq_float", "ne_float",
    *(f"{name}_{of}" for name in ("eq", "ne") for of in (*SETS, *MAPS)),
    *(f"{name}_{of}" for name in ("le", "union", "common", "without") for of in SETS),
    "and", "or", "in_str", "not_in_str", "startswith", "endswith", "find", "count_str",
}  # fmt: skip
"""Kinds that say nothing when their first two parts are the same."""

_NEUTRAL: dict[str, tuple[object, ...]] = {
    "add": (0,),
    "sub": (0,),
    "mul": (0, 1),
    "floordiv": (0, 1),
    "mod": (0, 1),
    **dict.fromkeys(("add_float", "sub_float", "add_float_int", "sub_float_int"), (0,)),
    **dict.fromkeys(("mul_float", "mul_float_int", "div_float", "div_float_int"), (0, 1)),
    "concat_str": ("",),
    "repeat_str": (0, 1),
    "repeat_list": (0, 1),
    "replace": ("",),
    "count_str": ("",),
    "find": ("",),
    "startswith": ("",),
    "endswith": ("",),
}
"""Second parts that make a kind say nothing."""

_LEFT_NEUTRAL = {"add", "mul", "concat_str"}
"""Kinds of which the same first parts make nothing, too."""

_LISTS = {f"{name}_{size}" for name in ("list", "texts") for size in (1, 2, 3, "n")}
_LISTS |= {f"{of}_n" for of in (*SETS, *MAPS)}

_ONCE = {"abs", "neg", "abs_float", "neg_float", "not", "sorted", "sorted_down", "sorted_set",
         "reversed", "upper", "lower", "strip", "sorted_texts", "sorted_texts_down",
         "sorted_by_len", "sorted_set_texts", "reversed_texts"}  # fmt: skip
"""Kinds that are not put around themselves."""

_ORDERS = {"sorted", "sorted_down", "reversed"}

_UNORDERED = {"sorted_set", "sum", "min_list", "max_list", "len_list", "len_set_list"}
"""Kinds that do not care for the order of a list."""

_FROM_ZERO = {"len_list", "len_str", "abs", "len_set_list", "len_set_str", "len_words"}


def is_idle(node: Node) -> bool:
    """Tell whether an expression could plainly be written shorter."""
    args = node.args
    if not args:
        return False
    if all(item.kind == CONSTANT for item in args):
        return node.kind not in _LISTS
    if len(args) == 1:
        return _is_idle_around(node.kind, args[0].kind)
    return (
        (node.kind in _OF_EQUALS and args[0] == args[1])
        or (node.kind in _LEFT_NEUTRAL and _is_neutral(node.kind, args[0]))
        or _is_neutral(node.kind, args[1])
        or (node.family == "conditional" and args[1] == args[2])
    )


def _is_idle_around(kind: str, inner: str) -> bool:
    return (
        (kind in _ONCE and kind == inner)
        or (kind == "abs" and inner in _FROM_ZERO)
        or (kind in _ORDERS and inner in _ORDERS)
        or (kind in _UNORDERED and inner in _ORDERS)
    )


def _is_neutral(kind: str, item: Node) -> bool:
    return item.kind == CONSTANT and item.value in _NEUTRAL.get(kind, ())
