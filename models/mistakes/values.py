"""What is said of a value that a key does not take, for what pydantic says of it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from models.errors import Mistake, UserError, did_you_mean

_SHOULD_BE = {
    "bool_type": "true or false",
    "dataclass_type": "keys with values",
    "dict_type": "keys with values",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "string_type": "text",
    "tuple_type": "a list",
    "greater_than": "a value above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "a value below {lt}",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
}
"""What a value should be, by pydantic's type of the error and with the limits of its context."""
_QUOTED = re.compile(r"'([^']*)'")
_MOST_WHOLE = 1e9
"""Whole numbers up to here may be meant by one with a point or an exponent, as 1e3."""


def explain(
    error: ValidationError, data: Mapping[str, object], source: str, *, only_values: bool
) -> list[Mistake]:
    """Return the mistakes that pydantic found in the values of settings.

    Args:
        error: what it raised.
        data: the settings.
        source: where they came from.
        only_values: leave out keys that are missing and rules between several.
    """
    items = [(_place(item["loc"], data), item) for item in error.errors()]
    # A key of several types refuses once for each: the broken rule says more than the types.
    ruled = {place for place, item in items if not _is_of_type(item)}
    found: dict[tuple[int | str, ...], list[Any]] = {}
    for place, item in items:
        # A list of numbers is also no number: the item that is wrong says more.
        deeper = any(len(o) > len(place) and o[: len(place)] == place for o, _ in items)
        deeper = deeper or (place in ruled and _is_of_type(item))
        if not (deeper or (only_values and (not place or item["type"] == "missing"))):
            found.setdefault(place, []).append(item)
    return [
        mistake
        for place, said in found.items()
        # What several types ask for becomes one mistake.
        for together in ([[item] for item in said] if place in ruled else [said])
        for mistake in _mistakes(".".join(map(str, place)), together, source)
    ]


def _is_of_type(item: Any) -> bool:
    return item["type"].endswith("_type")


def _mistakes(key: str, items: Sequence[Any], source: str) -> Sequence[Mistake]:
    """Return the mistakes in the value of a key; `items` are one, or one for each of its types."""
    kind, value = items[0]["type"], items[0]["input"]
    if kind == "missing":
        missing = ".".join(filter(None, (key, str(items[0]["loc"][-1]))))
        return [Mistake(place=source, key=missing, rule=f"{missing} is missing")]
    reason = items[0]["ctx"]["error"] if kind == "value_error" else None
    # A rule of the whole dataclass has no key of its own, and names its keys itself.
    if not key and isinstance(reason, UserError):
        return reason.within(source).mistakes
    rule, remedy = str(reason or _rule(items)), _remedy(items[0], value)
    if remedy.endswith("?"):
        rule += "."
    value = value if key else ...
    return [
        Mistake(
            place=source,
            key=key,
            value=value,
            rule=rule,
            remedy=remedy,
            wrong_type=_is_of_type(items[0]),
        )
    ]


def _rule(items: Sequence[Any]) -> str:
    if any(item["type"] not in _SHOULD_BE for item in items):
        return " or ".join(item["msg"] for item in items)
    return "give " + " or ".join(map(_should_be, items))


def _remedy(item: Any, value: object) -> str:
    """Return what was probably meant, or the empty string."""
    kind = item["type"]
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return f"write {value:.0f}" if abs(value) < _MOST_WHOLE else ""
    if kind == "literal_error" and isinstance(value, str):
        return did_you_mean(value, _QUOTED.findall(item["ctx"]["expected"])).strip()
    return ""


def _should_be(item: Any) -> str:
    limits = item.get("ctx", {}).items()
    shown = {name: f"{n:g}" if isinstance(n, float) else n for name, n in limits}
    return _SHOULD_BE[item["type"]].format(**shown)


def _place(path: Sequence[int | str], data: object) -> tuple[int | str, ...]:
    """Return the keys and positions of a path, without pydantic's names for parts of a union."""
    place: list[int | str] = []
    for part in path:
        if isinstance(data, Mapping):
            if part in data:
                place.append(part)
                data = data[part]
        elif isinstance(data, list | tuple) and isinstance(part, int):
            place.append(part)
            data = data[part]
    return tuple(place)
