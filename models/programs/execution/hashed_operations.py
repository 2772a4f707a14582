"""What the expressions of sets and dictionaries compute from the values of their parts.

Sets have no order that a program could see: Python's hashes of texts differ from one process to the
next, so that the language goes over sorted items alone. Dictionaries keep the order in which their
keys came.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from models.programs.execution.limits import FREE_LENGTH, Meter, SizeLimitReached
from models.programs.language.kinds import MAPS, SETS

Operation = Callable[..., Any]

_OF_SETS: Mapping[str, Operation] = {
    "empty_{}": set,
    "{}_n": lambda *items: set(items),
    "len_{}": len,
    "in_{}": lambda a, b: a in b,
    "not_in_{}": lambda a, b: a not in b,
}
_OF_MAPS: Mapping[str, Operation] = {
    "empty_{}": dict,
    "{}_n": lambda *parts: dict(zip(parts[::2], parts[1::2], strict=True)),
    "len_{}": len,
    "in_{}": lambda a, b: a in b,
    "not_in_{}": lambda a, b: a not in b,
    "item_{}": operator.getitem,
    "get_{}": dict.get,
}
"""Those that take about the same time for all values."""

_OVER_SETS: Mapping[str, Operation] = {
    "copy_{}": set,
    "sum_{}": sum,
    "min_{}": min,
    "max_{}": max,
    "sorted_{}": sorted,
    "sorted_{}_down": lambda a: sorted(a, reverse=True),
}
_OVER_MAPS: Mapping[str, Operation] = {
    "copy_{}": dict,
    "keys_{}": list,
    "values_{}": lambda a: list(a.values()),
}
_OVER_OTHERS: Mapping[str, Operation] = dict.fromkeys(
    ("int_set_from_list", "str_set_from_str", "str_set_from_texts"), set
)
"""Those that go over their first value; what they return is not longer."""

_OVER_TWO_SETS: Mapping[str, Operation] = {
    "common_{}": operator.and_,
    "without_{}": operator.sub,
    "eq_{}": operator.eq,
    "ne_{}": operator.ne,
    "le_{}": operator.le,
}
_OVER_TWO_MAPS: Mapping[str, Operation] = {"eq_{}": operator.eq, "ne_{}": operator.ne}
"""Those that go over both."""


def hashed_operations(meter: Meter) -> dict[str, Operation]:
    """Return what each kind of expression of sets and dictionaries computes.

    Args:
        meter: counts and checks; the functions belong to it.
    """
    over_first = {**_for_each(_OVER_SETS, _OVER_MAPS), **_OVER_OTHERS}
    number = meter.number
    return {
        **_for_each(_OF_SETS, _OF_MAPS),
        **{kind: _over_first(function, meter) for kind, function in over_first.items()},
        **{
            kind: _over_two(function, meter)
            for kind, function in _for_each(_OVER_TWO_SETS, _OVER_TWO_MAPS).items()
        },
        "sum_int_set": lambda numbers: number(_over_first(sum, meter)(numbers)),
        "eq_from_list": _over_two(lambda a, b: set(a) == b, meter),
        "eq_from_str": _over_two(lambda a, b: set(a) == b, meter),
        **{f"union_{of_set}": _union(meter) for of_set in SETS},
        **{f"{of_set}_of": _collect_set(meter) for of_set in SETS},
        **{f"{of_map}_of": _collect_map(meter) for of_map in MAPS},
    }


def _for_each(
    of_sets: Mapping[str, Operation], of_maps: Mapping[str, Operation]
) -> dict[str, Operation]:
    """Return the operations by kind, for every type."""
    return {
        kind.format(of): function
        for types, kinds in ((SETS, of_sets), (MAPS, of_maps))
        for of in types
        for kind, function in kinds.items()
    }


def _over_first(function: Operation, meter: Meter) -> Operation:
    def run(first: Any) -> Any:
        if len(first) > FREE_LENGTH:
            meter.went_over(len(first))
        return function(first)

    return run


def _over_two(function: Operation, meter: Meter) -> Operation:
    def run(first: Any, second: Any) -> Any:
        meter.went_over(len(first) + len(second))
        return function(first, second)

    return run


def _union(meter: Meter) -> Operation:
    def run(first: set[Any], second: set[Any]) -> set[Any]:
        meter.went_over(len(first) + len(second))
        made = first | second
        meter.length(len(made))
        return made

    return run


def _collect_set(meter: Meter) -> Operation:
    def run(values: Iterator[Any]) -> set[Any]:
        made: set[Any] = set()
        for value in values:
            made.add(value)
            if len(made) > meter.max_length:
                raise SizeLimitReached
        return made

    return run


def _collect_map(meter: Meter) -> Operation:
    def run(values: Iterator[tuple[Any, Any]]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key, value in values:
            made[key] = value
            if len(made) > meter.max_length:
                raise SizeLimitReached
        return made

    return run
