"""What each kind of expression computes from the values of its parts, within limits.

Each function is Python's own; around those that make or go over long values stands a check of the
length before it is made, so that nothing grows beyond its limit on the way.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from models.programs.execution.hashed_operations import hashed_operations
from models.programs.execution.limits import FREE_LENGTH, Meter, SizeLimitReached

Operation = Callable[..., Any]

_CONSTANT_TIME: Mapping[str, Operation] = {
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "neg": operator.neg,
    "abs": abs,
    **dict.fromkeys(("min_2", "min_2_float"), lambda a, b: b if b < a else a),
    **dict.fromkeys(("max_2", "max_2_float"), lambda a, b: b if b > a else a),
    "len_list": len,
    "len_str": len,
    "len_texts": len,
    "int_bool": int,
    "ord": ord,
    "bin": bin,
    **dict.fromkeys(("item", "item_texts"), operator.getitem),
    **dict.fromkeys(("lt", "lt_str"), operator.lt),
    **dict.fromkeys(("le", "le_str"), operator.le),
    **dict.fromkeys(("gt", "gt_str"), operator.gt),
    **dict.fromkeys(("ge", "ge_str"), operator.ge),
    **dict.fromkeys(("eq", "eq_str", "eq_bool"), operator.eq),
    **dict.fromkeys(("ne", "ne_str", "ne_bool"), operator.ne),
    "not": operator.not_,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "char": operator.getitem,
    "str_int": str,
    "chr": chr,
    **{
        f"{name}_{types}": function
        for name, function in {
            **{"add": operator.add, "sub": operator.sub, "mul": operator.mul},
            **{"div": operator.truediv, "floordiv": operator.floordiv, "mod": operator.mod},
            **{"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge},
            **{"eq": operator.eq, "ne": operator.ne},
        }.items()
        for types in ("float", "float_int", "int_float")
    },
    "div_int": operator.truediv,
    **dict.fromkeys(("pow_float", "power", "power_int"), operator.pow),
    "neg_float": operator.neg,
    "abs_float": abs,
    "round_to": round,
    "float_int": float,
    "str_float": str,
    "list_1": lambda a: [a],
    "list_2": lambda a, b: [a, b],
    "list_3": lambda a, b, c: [a, b, c],
    "list_n": lambda *items: list(items),
    **{f"texts_{number}": lambda *items: list(items) for number in (1, 2, 3, "n")},
}
"""Those that take about the same time for all values."""

_SLICES: Mapping[str, Operation] = {
    "": lambda a: a[:],
    "_l": lambda a, b: a[b:],
    "_u": lambda a, b: a[:b],
    "_lu": lambda a, b, c: a[b:c],
    "_s": lambda a, b: a[::b],
    "_ls": lambda a, b, c: a[b::c],
    "_us": lambda a, b, c: a[:b:c],
    "_lus": lambda a, b, c, d: a[b:c:d],
}

_GO_OVER_FIRST: Mapping[str, Operation] = {
    **dict.fromkeys(("min_list", "min_texts"), min),
    **dict.fromkeys(("max_list", "max_texts"), max),
    **dict.fromkeys(("len_set_list", "len_set_str", "len_set_texts"), lambda a: len(set(a))),
    "len_words": lambda a: len(a.split()),
    **dict.fromkeys(("count_list", "count_texts"), list.count),
    **dict.fromkeys(("index_list", "index_texts"), list.index),
    "count_str": str.count,
    "find": str.find,
    "rfind": str.rfind,
    "index_str": str.index,
    **dict.fromkeys(("eq_list", "eq_texts"), operator.eq),
    **dict.fromkeys(("ne_list", "ne_texts"), operator.ne),
    "isdigit": str.isdigit,
    "isalpha": str.isalpha,
    "isalnum": str.isalnum,
    "isspace": str.isspace,
    "isupper": str.isupper,
    "islower": str.islower,
    "strip": str.strip,
    "lstrip": str.lstrip,
    "rstrip": str.rstrip,
    "strip_of": str.strip,
    "word": lambda a, b: a.split()[b],
    "len_split": lambda a, b: len(a.split(b)),
    "part": lambda a, b, c: a.split(b)[c],
    **dict.fromkeys(("sorted", "sorted_texts", "sorted_str"), sorted),
    **dict.fromkeys(("sorted_down", "sorted_texts_down"), lambda a: sorted(a, reverse=True)),
    **dict.fromkeys(("sorted_set", "sorted_set_texts", "sorted_set_str"), lambda a: sorted(set(a))),
    "sorted_by_len": lambda a: sorted(a, key=len),
    **dict.fromkeys(("reversed", "reversed_texts"), lambda a: a[::-1]),
    **dict.fromkeys(("copy", "copy_texts", "list_str"), list),
    "split": str.split,
    "split_by": str.split,
    **{
        f"slice_{sliced}{suffix}": function
        for sliced in ("str", "list", "texts")
        for suffix, function in _SLICES.items()
    },
}
"""Those that go over their first value; what they return is not longer."""

_GO_OVER_SECOND: Mapping[str, Operation] = {
    **dict.fromkeys(("in_list", "in_str", "in_texts"), lambda a, b: a in b),
    **dict.fromkeys(("not_in_list", "not_in_str", "not_in_texts"), lambda a, b: a not in b),
}


def operations(meter: Meter) -> dict[str, Operation]:
    """Return what each kind of expression computes.

    Slots, constants and the kinds that do not compute all of their parts are not among them.

    Args:
        meter: counts and checks; the functions belong to it.
    """
    return {
        **_CONSTANT_TIME,
        **{kind: _going_over_first(f, meter) for kind, f in _GO_OVER_FIRST.items()},
        **{kind: _going_over_second(f, meter) for kind, f in _GO_OVER_SECOND.items()},
        **dict.fromkeys(("eq_set_list", "eq_set_str"), _same_members(meter)),
        **_of_numbers(meter),
        **_of_texts(meter),
        **_of_lists(meter),
        **_gathering(meter),
        **hashed_operations(meter),
    }


def _same_members(meter: Meter) -> Operation:
    def run(first: Any, second: Any) -> bool:
        meter.went_over(len(first) + len(second))
        return set(first) == set(second)

    return run


def _going_over_first(function: Operation, meter: Meter) -> Operation:
    def run(first: Any, *others: Any) -> Any:
        if len(first) > FREE_LENGTH:
            meter.went_over(len(first))
        return function(first, *others)

    return run


def _going_over_second(function: Operation, meter: Meter) -> Operation:
    def run(first: Any, second: Any) -> Any:
        if len(second) > FREE_LENGTH:
            meter.went_over(len(second))
        return function(first, second)

    return run


def _of_numbers(meter: Meter) -> dict[str, Operation]:
    """Return the operations whose numbers can outgrow their parts."""
    number = meter.number

    def power(base: int, exponent: int) -> int:
        # Twice as long as it may be is found too large before it is computed.
        if exponent * (base.bit_length() - 1) > meter.max_int_bits and abs(base) > 1:
            raise SizeLimitReached
        return number(base**exponent)

    def add_all(numbers: list[int]) -> int:
        meter.went_over(len(numbers))
        return number(sum(numbers))

    def read(text: str) -> int:
        meter.went_over(len(text))
        return number(int(text))

    def read_float(text: str) -> float:
        meter.went_over(len(text))
        return float(text)

    return {
        "add": lambda a, b: number(a + b),
        "sub": lambda a, b: number(a - b),
        "mul": lambda a, b: number(a * b),
        "pow": power,
        "sum": add_all,
        "int_str": read,
        "float_str": read_float,
        "int_float": lambda a: number(int(a)),
        "round": lambda a: number(round(a)),
    }


def _of_texts(meter: Meter) -> dict[str, Operation]:
    """Return the operations whose texts can outgrow their parts."""

    def change_case(function: Callable[[str], str]) -> Operation:
        def run(text: str) -> str:
            changed = function(text)  # up to three characters for one
            meter.length(len(changed))
            return changed

        return run

    def replace(text: str, old: str, new: str) -> str:
        meter.went_over(len(text))
        # An empty text is found between all characters, by count as by replace.
        meter.length(len(text) + text.count(old) * (len(new) - len(old)))
        return text.replace(old, new)

    def join(separator: str, characters: Sequence[str]) -> str:
        count = len(characters)
        meter.length(count + len(separator) * max(count - 1, 0))
        return separator.join(characters)

    return {
        "concat_str": _concatenate(meter),
        "repeat_str": _repeat(meter),
        "upper": change_case(str.upper),
        "lower": change_case(str.lower),
        "swapcase": change_case(str.swapcase),
        "capitalize": change_case(str.capitalize),
        "title": change_case(str.title),
        "replace": replace,
        "join": join,
        "join_texts": partial(_join_texts, meter),
        "join_sorted": lambda a, b: join(a, sorted(b)),
        "join_reversed": lambda a, b: join(a, b[::-1]),
    }


def _of_lists(meter: Meter) -> dict[str, Operation]:
    """Return the operations whose lists can outgrow their parts."""

    def count_up(*numbers: int) -> list[int]:
        counted = range(*numbers)
        meter.length(len(counted))
        return list(counted)

    return {
        **dict.fromkeys(("empty", "empty_texts"), list),
        **dict.fromkeys(("concat_list", "concat_texts"), _concatenate(meter)),
        **dict.fromkeys(("repeat_list", "repeat_texts"), _repeat(meter)),
        "range_1": count_up,
        "range_2": count_up,
        "range_3": count_up,
    }


def _gathering(meter: Meter) -> dict[str, Operation]:
    """Return what becomes of the values of a comprehension."""

    def collect(values: Iterator[Any]) -> list[Any]:
        made = []
        for value in values:
            made.append(value)
            if len(made) > meter.max_length:
                raise SizeLimitReached
        return made

    def join(values: Iterator[str], separator: str) -> str:
        return _join_texts(meter, separator, collect(values))

    return {
        **dict.fromkeys(("list_of", "texts_of"), collect),
        "sum_of": lambda values: meter.number(sum(values)),
        "count_of": sum,
        "min_of": min,
        "max_of": max,
        "any_of": any,
        "all_of": all,
        "join_of": join,
    }


def _join_texts(meter: Meter, separator: str, texts: Sequence[str]) -> str:
    meter.length(sum(map(len, texts)) + len(separator) * max(len(texts) - 1, 0))
    return separator.join(texts)


def _concatenate(meter: Meter) -> Operation:
    def run(first: Any, second: Any) -> Any:
        meter.length(len(first) + len(second))
        return first + second

    return run


def _repeat(meter: Meter) -> Operation:
    def run(items: Any, times: int) -> Any:
        meter.length(len(items) * max(times, 0))
        return items * times

    return run
